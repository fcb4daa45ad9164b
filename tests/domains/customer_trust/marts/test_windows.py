"""Declared windows: every aggregate there is, a declaration that changes, and declarations that are wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from riskloom.errors import CatalogError
from riskloom.features import dbt, load_views
from riskloom.windows import load_plan
from tests.domains.customer_trust.marts.conftest import END, Home
from tests.domains.customer_trust.marts.truth import Truth, microseconds
from tests.domains.customer_trust.marts.world import World

VIEW = "everything"
AMOUNT = {"stream": "payments", "field": "amount"}
TERMINALS = {"stream": "payments", "field": "terminal_id"}
CONFIRMED = {"stream": "fraud_verdicts", "field": "confirmed"}
WINDOWS: dict[str, dict[str, Any]] = {
    "every_count": {"aggregate": "count", "stream": "payments", "span": "1h"},
    "every_count_of_field": {**CONFIRMED, "aggregate": "count", "span": "30d"},
    "every_count_of_key": {**TERMINALS, "aggregate": "count", "span": "7d"},
    "every_sum": {**AMOUNT, "aggregate": "sum", "span": "1d"},
    "every_whole_sum": {"aggregate": "sum", "stream": "fraud_verdicts", "field": "change", "span": "30d"},
    "every_mean": {**AMOUNT, "aggregate": "mean", "span": "30d", "delay": "3d"},
    "every_min": {**AMOUNT, "aggregate": "min", "span": "7d"},
    "every_whole_max": {"aggregate": "max", "stream": "fraud_verdicts", "field": "change", "span": "30d"},
    "every_std": {**AMOUNT, "aggregate": "std", "span": "30d"},
    "every_late_std": {**AMOUNT, "aggregate": "std", "span": "7d", "delay": "maturity"},
    "every_last": {**AMOUNT, "aggregate": "last", "span": "30d"},
    "every_delayed_last": {**AMOUNT, "aggregate": "last", "span": "1d", "delay": "3d"},
    "every_whole_last": {"aggregate": "last", "stream": "logins", "field": "is_failed", "span": "7d"},
    "every_rate": {"aggregate": "rate", "stream": "logins", "field": "is_failed", "span": "7d"},
    "every_capped": {**TERMINALS, "aggregate": "distinct", "span": "30d", "cap": 3},
    "every_uncapped": {**TERMINALS, "aggregate": "distinct", "span": "30d", "cap": 9},
    "every_delayed_distinct": {**TERMINALS, "aggregate": "distinct", "span": "7d", "delay": "3d", "cap": 9},
    "every_since": {"aggregate": "time_since_last", "stream": "payments", "span": "1d", "delay": "3d"},
    "every_since_first": {"aggregate": "time_since_first", "stream": "payments", "span": "7d"},
    "every_since_confirmed": {**CONFIRMED, "aggregate": "time_since_last", "span": "30d", "delay": "maturity"},
    "every_ratio": {"aggregate": "ratio", "of": ["every_min", "every_std"]},
    "every_smoothed": {
        "aggregate": "ratio",
        "of": ["every_whole_sum", "every_count_of_key"],
        "smoothing": {"weight": 2.5, "prior": 0.07},
    },
}
WHOLE = {"count", "distinct"}
ADDED = {"every_max": {**AMOUNT, "aggregate": "max", "span": "30d"}}


class Project:
    """A copy of the dbt project with one view more, worked on in a copy of a built home."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = replace(home, settings=replace_home(home, folder / "home"), reports=[])
        self.folder = folder / "project"
        shutil.copytree(self.home.settings.dbt_project, self.folder)
        self.models = self.folder / "models"
        windows = f"int_{self.home.domain.name}__{VIEW}_windows"
        (self.models / "intermediate" / self.home.domain.name / f"{windows}.sql").write_text(
            "{{ config(materialized='incremental', unique_key='filed_on', on_schema_change='sync_all_columns') }}"
            f"{{{{ windowed('{self.mart}', decisions='payments', streams=['fraud_verdicts', 'logins', 'payments']) }}}}"
        )
        (self.models / "marts" / self.home.domain.name / f"{self.mart}.sql").write_text(
            f"{{{{ feature_view(ref('{windows}')) }}}}"
        )

    @property
    def mart(self) -> str:
        """The view's name with its domain's."""
        return f"{self.home.domain.name}__{VIEW}"

    def declare(self, windows: Mapping[str, Mapping[str, Any]], spans: Mapping[str, str]) -> None:
        """Say what the view's columns are."""
        fixed = {"customer_id": "string", "event_timestamp": "timestamp", "created_timestamp": "timestamp"}
        columns: list[dict[str, Any]] = [
            {"name": name, "data_type": kind, "description": "As anywhere."} for name, kind in fixed.items()
        ]
        for name, window in windows.items():
            meta = {"meta": {"window": window}}
            kind = "bigint" if window["aggregate"] in WHOLE or "whole" in name else "double"
            columns.append({"name": name, "data_type": kind, "description": "One of everything.", "config": meta})
        view = {"domain": self.home.domain.name, "entity": "customer", "join_key": "customer_id", "ttl": "30d"}
        model = {
            "name": self.mart,
            "description": "Every aggregate there is.",
            "config": {"meta": {"feature_view": {**view, "spans": spans}}},
            "columns": columns,
        }
        path = self.models / "marts" / self.home.domain.name / "everything.yml"
        path.write_text(json.dumps({"version": 2, "models": [model]}))

    def run(self, command: str, *models: str, **variables: int) -> subprocess.CompletedProcess[str]:
        """Run dbt on some of the models."""
        every = json.dumps({**dbt.variables(self.home.domain, END), **variables})
        return subprocess.run(
            [*dbt.COMMAND, command, "--select", *models, "--vars", every],
            cwd=self.folder,
            env={**self.home.project.environment, "DBT_PROJECT_DIR": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self, **variables: int) -> dict[tuple[str, int], dict[str, Any]]:
        """Build the view, then what remembers how it was built; its rows by entity and instant."""
        domain = self.home.domain.name
        for models in (f"int_{domain}__{VIEW}_windows+", f"{domain}__coverage"):
            done = self.run("run", models, **variables)
            assert done.returncode == 0, done.stdout
        rows = pq.read_table(self.home.mart(VIEW)).to_pylist()
        found = {
            (row.pop("customer_id"), microseconds(row.pop("event_timestamp"))): row
            for row in rows
            if row.pop("created_timestamp")
        }
        assert len(found) == len(rows)
        return found

    def expected(self, world: World) -> dict[tuple[str, int], dict[str, Any]]:
        """The rows by their definition."""
        truth = Truth(world, load_plan(self.home.domain, dbt.publish_manifest(self.home.project)))
        view = next(view for view in truth.plan.views if view.name == VIEW)
        return {(entity, at): truth.features(view, entity, at) for entity, at in truth.points(view, END)}


def replace_home(home: Home, folder: Path) -> Any:
    """The settings of a copy of a home."""
    shutil.copytree(home.settings.home, folder)
    return type(home.settings)(home=folder)


@pytest.fixture(scope="module")
def project(at_once: Home, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Declares everything."""
    made = Project(at_once, tmp_path_factory.mktemp("everything"))
    made.declare(WINDOWS, {"1h": "5m", "1d": "1h", "7d": "6h", "30d": "1d"})
    return made


def test_every_aggregate_is_what_it_is_said_to_be(project: Project, world: World) -> None:
    """Frames, and tiles where an entity is busy, give each aggregate the value of its definition, at every point."""
    found = project.build(busy_rows=110, sparse_points=55)
    expected = project.expected(world)
    assert found == expected
    for name in WINDOWS:
        assert len({values[name] for values in expected.values()}) > 1, name


def test_a_changed_declaration_is_built_from_the_first_day(project: Project, world: World) -> None:
    """A column more, another hop: the next build does all days again, without being asked, on any engine alike."""
    project.build()
    project.declare({**WINDOWS, **ADDED}, {"1h": "15m", "1d": "3h", "7d": "12h", "30d": "1d"})
    found = project.build()
    assert found == project.expected(world)
    assert all("every_max" in values for values in found.values())
    project.declare(WINDOWS, {"1h": "15m", "1d": "3h", "7d": "12h", "30d": "1d"})
    assert project.build(portable=True, sparse_points=0) == project.expected(world)


@pytest.mark.parametrize(
    ("wrong", "spans", "message"),
    [
        (
            {"every_sum": {**AMOUNT, "aggregate": "sum", "span": "2d"}},
            {"1d": "1h"},
            "columns.every_sum.config.meta.window.span: expected one of the view's spans: 1d, found 2d",
        ),
        (
            {"every_sum": {**AMOUNT, "aggregate": "sum", "span": "1d"}},
            {"1d": "7h"},
            "config.meta.feature_view.spans.1d: expected a hop that divides the span, found 7h",
        ),
        (
            {"every_sum": {"stream": "payments", "field": "fee", "aggregate": "sum", "span": "1d"}},
            {"1d": "1h"},
            "columns.every_sum.config.meta.window.field: expected one of the stream's fields: amount, terminal_id,",
        ),
    ],
)
def test_a_wrong_declaration_is_refused_before_anything_is_built(
    project: Project, wrong: dict[str, Any], spans: dict[str, str], message: str
) -> None:
    """Dbt stops at it and says file, key, what was expected and what was found; so does whoever reads the views."""
    project.declare(wrong, spans)
    domain = project.home.domain
    done = project.run("compile", f"int_{domain.name}__{VIEW}_windows")
    assert done.returncode != 0
    assert f"everything.yml: models.{project.mart}.{message}" in done.stdout
    with pytest.raises(CatalogError, match=r"everything\.yml: models\.\w+__everything\."):
        load_views(domain, dbt.publish_manifest(project.home.project))
