"""One declared domain with ingested history, marts and a champion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from riskloom.catalog import Domain
from riskloom.ingest import SimulationPlan, ensure_pseudonym_key, ingest_files, write_simulation
from riskloom.registry import LoadedModel, load_model
from riskloom.settings import Settings
from riskloom.wiring import model_store
from tests.features.conftest import CATALOG, Built, build_history
from tests.services.world import add_champion


@dataclass(frozen=True)
class Home:
    """What was built, the champion, the key of the pseudonyms, and the events' files as they were ingested."""

    built: Built
    model: LoadedModel
    pseudonym_key: bytes
    events: tuple[Path, ...]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Of the first domain: what is scored of one holds for any."""
    built = build_history(CATALOG[min(CATALOG)], tmp_path_factory.mktemp("scoring") / "home", land=ingest_simulated)
    version = add_champion(built.settings, built.domain, built.views, now=built.as_of)
    model = load_model(model_store(built.settings), built.domain.name, version)
    given = (built.settings.home / "simulated" / built.domain.subject.event_table).glob("*.parquet")
    events = tuple(path for path in sorted(given) if pq.read_metadata(path).num_rows)
    return Home(built, model, ensure_pseudonym_key(built.settings.keys), events)


def ingest_simulated(domain: Domain, plan: SimulationPlan, settings: Settings) -> None:
    """Land a simulation as a user's files land: checked, and with pseudonyms."""
    write_simulation(domain, plan, settings.home / "simulated")
    for table in domain.tables:
        files = sorted((settings.home / "simulated" / table).glob("*.parquet"))
        ingest_files(
            domain, table, files, landing=settings.landing, quarantine=settings.quarantine, observed_at=plan.end,
            pseudonym_key=ensure_pseudonym_key(settings.keys),
        )  # fmt: skip
