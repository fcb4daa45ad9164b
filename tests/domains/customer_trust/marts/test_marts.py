"""The marts of card payments against their definition, computed slowly from the same rows."""

from __future__ import annotations

import io
import json
import subprocess
from datetime import UTC
from typing import Any

import pyarrow.parquet as pq
import pytest

from riskloom.catalog import Domain
from riskloom.errors import FeatureError
from riskloom.features import dbt
from riskloom.settings import Settings
from tests.domains.customer_trust.marts.conftest import CUT, END, MARTS, VIEWS, Home, Steps
from tests.domains.customer_trust.marts.truth import Truth, microseconds
from tests.domains.customer_trust.marts.world import DAY, World, make_world, naive


def rows(mart: Any) -> list[dict[str, Any]]:
    """A mart's rows, sorted."""
    found: list[dict[str, Any]] = pq.read_table(mart).to_pylist()
    return sorted(found, key=lambda row: tuple(map(str, row.values())))


@pytest.fixture(scope="module")
def truth(at_once: Home, world: World) -> Truth:
    """What the world's features are."""
    return Truth(world, at_once.plan)


@pytest.mark.parametrize("view", VIEWS)
def test_features_are_what_they_are_said_to_be(at_once: Home, truth: Truth, view: str) -> None:
    """At every decision, and at the build's instant, each feature has exactly the value of its definition."""
    declared = next(item for item in truth.plan.views if item.name == view)
    found = {}
    for row in rows(at_once.mart(view)):
        entity, at, known, *values = row.values()
        assert at == known
        assert (entity, microseconds(at)) not in found
        found[entity, microseconds(at)] = dict(zip(list(row)[3:], values, strict=True))
    assert set(found) == truth.points(declared, END)
    assert len(found) > 200
    for (entity, at), features in found.items():
        assert features == truth.features(declared, entity, at), (entity, at)


@pytest.mark.parametrize("mart", MARTS)
def test_building_in_steps_gives_what_building_at_once_gives(in_steps: Steps, at_once: Home, mart: str) -> None:
    """Days built before are kept or done again, so that rows that land late count as if they had been there."""
    assert rows(in_steps.home.mart(mart)) == rows(at_once.mart(mart))


@pytest.mark.parametrize("view", [view for view in VIEWS if view not in {"device_activity", "customer_access"}])
def test_the_future_changes_nothing(in_steps: Steps, view: str) -> None:
    """A decision's values are the same whether or not anything observed at or after it is there."""
    before = [row for row in rows(io.BytesIO(in_steps.first[view])) if row["event_timestamp"] < naive(CUT)]
    after = [row for row in rows(in_steps.home.mart(view)) if row["event_timestamp"] < naive(CUT)]
    assert len(before) > 100
    assert before == after


def test_a_reader_sees_the_old_file_or_the_new_one(in_steps: Steps, world: World) -> None:
    """While a build replaces a mart, whoever reads it finds one of the two, whole."""
    sizes = {len(part.tables["payments__transactions"]) for part in (world.observed(last=CUT), world)}
    assert in_steps.reader.failures == []
    assert in_steps.reader.rows == sizes
    assert not list(in_steps.home.mart("subjects").parent.glob("tmp_*"))


def test_nothing_new_means_nothing_but_the_current_state_is_built(in_steps: Steps) -> None:
    """A second build of the same rows writes the same marts."""
    before = {mart: rows(in_steps.home.mart(mart)) for mart in MARTS}
    in_steps.home.build(END)
    assert {mart: rows(in_steps.home.mart(mart)) for mart in MARTS} == before


@pytest.mark.parametrize("form", [{"portable": True}, {"busy_rows": 60, "sparse_points": 0}], ids=["portable", "busy"])
def test_every_form_of_the_sql_gives_the_same(in_steps: Steps, form: dict[str, object]) -> None:
    """Tiles, which run on any engine, for all entities or for busy ones alone give row by row what frames give."""
    home = in_steps.home
    before = {view: rows(home.mart(view)) for view in VIEWS}
    chosen = [f"int_{home.domain.name}__{view}_windows+" for view in VIEWS]
    variables = json.dumps({**dbt.variables(home.domain, END), **form})
    subprocess.run(
        [*dbt.COMMAND, "run", "--full-refresh", "--select", *chosen, "--vars", variables],
        cwd=home.project.folder,
        env=dict(home.project.environment),
        check=True,
    )
    compiled = home.settings.dbt_target / "compiled" / "riskloom" / "models" / "intermediate" / home.domain.name
    sql = (compiled / f"int_{home.domain.name}__terminal_risk_windows.sql").read_text()
    assert ("% 3600000000 preceding" in sql) is ("busy_rows" in form)
    assert {view: rows(home.mart(view)) for view in VIEWS} == before


def test_a_table_without_rows_is_no_obstacle_and_a_failing_test_is_named(
    card_domain: Domain, settings: Settings
) -> None:
    """With payments alone the marts are built; one in a currency nobody agreed on fails the build by name."""
    home = Home(card_domain, settings)
    payments = make_world(seed=5, payments=8, days=3).only("payments__transactions")
    for row in payments.tables["payments__transactions"]:
        row |= {"currency": "EUR", "device_id": None}
    payments.land(card_domain, settings.landing, "odd")
    with pytest.raises(FeatureError, match=r"accepted_values_customer_trust__subjects_currency__USD: Got 1 result"):
        home.build(END)
    assert pq.read_table(home.mart("device_activity")).num_rows == 0
    activity = rows(home.mart("customer_access"))
    assert activity
    assert {row["customer_logins_7d"] for row in activity} == {0}
    assert {row["customer_seconds_since_new_device"] for row in activity} == {None}


def test_freshness_is_judged_at_the_given_time(at_once: Home, world: World) -> None:
    """Payments that were fresh on the last day are stale a month later; the clock on the wall has no say."""
    last = max(row["observed_at"] for row in world.tables["payments__transactions"]).replace(tzinfo=UTC)
    assert dbt.freshness(at_once.domain, at_once.project, as_of=last)["payments__transactions"] == "pass"
    later = last + 30 * DAY
    assert dbt.freshness(at_once.domain, at_once.project, as_of=later)["payments__transactions"] == "warn"
