"""A simulated history of the domain with its marts, built once for all tests that look at features."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from riskloom.catalog import Domain, load_domain
from riskloom.features import dbt, mart_path
from riskloom.ingest import SimulationPlan, prepare_landing, write_simulation
from riskloom.settings import Settings
from riskloom.wiring import dbt_project

PLAN = SimulationPlan(start=datetime(2026, 1, 1, tzinfo=UTC), days=45, events=20_000, seed=3)


@dataclass(frozen=True)
class History:
    """A home with simulated tables and built marts."""

    domain: Domain
    settings: Settings
    plan: SimulationPlan

    def mart(self, name: str) -> pd.DataFrame:
        """A mart, by its name without the domain's."""
        return pd.read_parquet(mart_path(self.settings.marts, self.domain, name))

    def landed(self, table: str) -> Path:
        """The files of a landed table, as a pattern."""
        return self.settings.landing / self.domain.name / table / "*.parquet"


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Six weeks of concessions, with the marts as they are when these are over."""
    domain = load_domain("logistics_abuse")
    settings = Settings(home=tmp_path_factory.mktemp("history"))
    write_simulation(domain, PLAN, settings.landing / domain.name)
    prepare_landing(domain, settings.landing)
    dbt.build(domain, dbt_project(settings), as_of=PLAN.end)
    return History(domain, settings, PLAN)
