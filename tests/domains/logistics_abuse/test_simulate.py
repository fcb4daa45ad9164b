"""The simulated world: abuse that overlaps with bad luck, rings across systems, late truth, drift on request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from riskloom.domains.logistics_abuse.simulate import simulate
from riskloom.domains.logistics_abuse.simulation.names import dealt, sscc
from riskloom.domains.logistics_abuse.simulation.population import draw_population
from riskloom.domains.logistics_abuse.simulation.regime import DRIFTED, USUAL, Regime, Scenario
from riskloom.domains.logistics_abuse.simulation.rings import plan_rings
from riskloom.ingest import SimulationPlan
from tests.simulated import World, check_mix, one, simulated_tables, simulated_world

START = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = SimulationPlan(start=START, days=40, events=20_000, seed=5)
TRUTH = """
    SELECT c.*, f.party, f.party IS NOT NULL AS is_abuse,
        h.effective_at AS handed_over_at, h.proof, h.distance_m
    FROM service__concessions AS c
    LEFT JOIN (SELECT concession_id, arg_max(party, observed_at) AS party FROM service__investigations
        GROUP BY 1) AS f USING (concession_id)
    LEFT JOIN (SELECT * FROM transport__scans WHERE biz_step = 'accepting') AS h USING (parcel_id)
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The tables of one simulation, and ``truth``: each concession with the party that was found, null for honest."""
    with simulated_world(simulate, PLAN, TRUTH) as connection:
        yield connection


def test_ids_are_unique_and_rows_refer_to_rows(world: World) -> None:
    """Every parcel spoken of has a consignment note; no identifier stands for two things."""
    for table, key in (
        ("warehouse__parcels", "parcel_id"),
        ("warehouse__scans", "event_id"),
        ("transport__scans", "event_id"),
        ("service__concessions", "concession_id"),
        ("service__contacts", "contact_id"),
        ("warehouse__returns", "return_id"),
    ):
        assert one(world, f"SELECT count(*) - count(DISTINCT {key}) FROM {table}") == (0,), table  # noqa: S608
    for table in ("service__concessions", "warehouse__returns", "transport__redirects", "transport__scans"):
        query = f"SELECT count(*) FROM {table} WHERE parcel_id NOT IN (SELECT parcel_id FROM warehouse__parcels)"  # noqa: S608
        assert one(world, query) == (0,), table
    assert one(world, "SELECT count(*) FROM service__concessions") == (PLAN.events,)


def test_nothing_is_known_before_it_happened_or_after_the_end(world: World) -> None:
    """In every table; and a parcel is packed, shipped, received, loaded and handed over in this order."""
    for (table,) in world.execute("SELECT DISTINCT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
        early, late = one(
            world,
            f"""SELECT count(*) FILTER (observed_at < effective_at),
            count(*) FILTER (observed_at >= TIMESTAMP '{PLAN.end:%Y-%m-%d}') FROM {table}""",  # noqa: S608
        )
        assert (early, late) == (0, 0), table
    (wrong,) = one(
        world,
        """WITH steps AS (SELECT parcel_id, effective_at,
            list_position(['packing', 'shipping', 'receiving', 'departing', 'accepting'], biz_step) AS step FROM (
                SELECT parcel_id, biz_step, effective_at FROM warehouse__scans UNION ALL
                SELECT parcel_id, biz_step, effective_at FROM transport__scans WHERE biz_step <> 'holding'))
        SELECT count(*) FROM (SELECT step < lag(step) OVER (PARTITION BY parcel_id ORDER BY effective_at) AS is_back
            FROM steps) WHERE is_back""",
    )
    assert wrong == 0


def test_the_truth_is_late_and_selective(world: World) -> None:
    """Few concessions are investigated, those of abusers rather than others; most findings come within the maturity."""
    share, cleared, early = one(
        world,
        """SELECT count(DISTINCT i.concession_id) / 20000, avg((NOT is_abuse)::INT),
            avg((i.observed_at - c.observed_at < INTERVAL 14 DAY)::INT)
        FROM service__investigations AS i JOIN service__concessions AS c USING (concession_id)
        WHERE c.observed_at < TIMESTAMP '2026-01-20' AND (is_abuse OR concession_id NOT IN
            (SELECT concession_id FROM service__investigations WHERE is_abuse))""",
    )
    assert share < 0.1
    assert 0.2 < cleared < 0.6
    assert early > 0.85


def test_each_party_leaves_traces_that_honest_people_leave_as_well(world: World) -> None:
    """Signs of abuse are more frequent with abuse, and most of what shows them is honest."""
    signs = {
        "driver": "is_missing AND handed_over_at IS NOT NULL AND proof = 'none'",
        "outsider": "parcel_id IN (SELECT parcel_id FROM transport__redirects)",
        "customer": "is_missing AND handed_over_at IS NOT NULL",
        "associate": """parcel_id IN (SELECT parcel_id FROM warehouse__scans AS w
            JOIN transport__scans AS t USING (parcel_id) WHERE t.weight_g < 0.9 * w.weight_g)
            OR (is_missing AND parcel_id NOT IN
            (SELECT parcel_id FROM transport__scans))""",
        "agent": "agent_id IS NOT NULL AND kind = 'credit'",
    }
    for party, sign in signs.items():
        with_abuse, honest, honest_rows = one(
            world,
            f"""SELECT avg(({sign})::INT) FILTER (party = '{party}'), avg(({sign})::INT) FILTER (party IS NULL),
            count(*) FILTER (party IS NULL AND ({sign})) FROM truth""",  # noqa: S608
        )
        assert with_abuse > 1.4 * honest, party
        assert honest_rows > 100, party


def test_rings_share_addresses_and_devices_and_so_do_honest_people(world: World) -> None:
    """Halls and families share as well: of addresses with several claimants most have nothing to do with abuse."""
    for column in ("address_id", "device_id"):
        guilty, honest, crowded_and_honest = one(
            world,
            f"""WITH shared AS (SELECT {column}, count(DISTINCT customer_id) AS people FROM truth GROUP BY 1)
            SELECT avg((people > 1)::INT) FILTER (is_abuse), avg((people > 1)::INT) FILTER (NOT is_abuse),
                avg((NOT is_abuse)::INT) FILTER (people > 1) FROM truth JOIN shared USING ({column})""",  # noqa: S608
        )
        assert guilty > honest > 0.01, column
        assert crowded_and_honest > 0.5, column


def test_no_sign_alone_gives_abuse_away(world: World) -> None:
    """Neither what the three systems say of the parcel nor any number in an identifier separates."""
    columns = world.execute(
        """SELECT is_abuse, amount::DOUBLE AS amount, hour(effective_at) AS hour, is_missing::INT AS missing,
            (agent_id IS NULL)::INT AS alone, coalesce(distance_m, -1) AS distance,
            coalesce((proof = 'none')::INT, -1) AS bare,
            coalesce(epoch(effective_at - handed_over_at), -1) AS since, substr(parcel_id, 9)::BIGINT AS parcel,
            substr(customer_id, 3)::BIGINT AS customer, substr(address_id, 3)::BIGINT AS address,
            coalesce(substr(device_id, 3)::BIGINT, -1) AS device, substr(concession_id, 4)::BIGINT AS number
        FROM truth"""
    ).fetchnumpy()
    is_abuse = columns.pop("is_abuse")
    for name, values in columns.items():
        auc = roc_auc_score(is_abuse, np.asarray(values, dtype=np.float64))
        assert 0.2 < auc < 0.8, f"{name}: {auc:.3f}"


def test_the_busy_season_looks_like_abuse(world: World) -> None:
    """For a fortnight more is said to be missing, and nobody's fault."""
    busy, usual = one(
        world,
        """SELECT avg(is_missing::INT) FILTER (effective_at >= TIMESTAMP '2026-02-01'), avg(is_missing::INT) FILTER
        (effective_at < TIMESTAMP '2026-02-01') FROM (SELECT * FROM truth WHERE NOT is_abuse)""",
    )
    later = replace(PLAN, days=54, events=10_000)
    rows = simulated_tables(simulate, later)["service__concessions"]
    missing = rows["is_missing"].to_numpy()
    season = rows["effective_at"].to_numpy() >= np.datetime64(later.start.replace(tzinfo=None) + timedelta(days=40))
    assert abs(busy - usual) < 0.05
    assert missing[season].mean() > missing[~season].mean() + 0.05


def test_the_drift_changes_claims_and_those_behind_them() -> None:
    """Self-service becomes more frequent, goods dearer; accounts are hopped rather than parcels stolen."""
    drifting = replace(PLAN, events=10_000, drift_at=START + timedelta(days=20))
    concessions = simulated_tables(simulate, drifting)["service__concessions"]
    is_late = concessions["effective_at"].to_numpy() >= np.datetime64("2026-01-21")
    alone = concessions["agent_id"].is_null().to_numpy()
    amount = concessions["amount"].cast(pa.float64()).to_numpy()
    assert alone[is_late].mean() - alone[~is_late].mean() == pytest.approx(DRIFTED.self_service, abs=0.04)
    assert np.median(amount[is_late]) > 1.1 * np.median(amount[~is_late])
    _, planned = plan_rings(drifting, draw_population(drifting))
    hopping, theft = (planned.scenario == one for one in (Scenario.ACCOUNT_HOPPING, Scenario.INTERNAL_THEFT))
    after = planned.day >= 20
    assert hopping[after].mean() > hopping[~after].mean() + 0.05
    assert theft[after].mean() < theft[~after].mean()


def test_without_a_drift_the_days_before_it_are_the_same() -> None:
    """A drift changes nothing before it begins but the abuse that is planned ahead."""
    short = SimulationPlan(start=START, days=6, events=1_200, seed=5)
    drifting = replace(short, drift_at=START + timedelta(days=3))
    days = [
        [batch.num_rows for name, batch in simulate(plan) if name == "service__concessions"]
        for plan in (short, drifting)
    ]
    assert days[0] == days[1]


@pytest.mark.parametrize("regime", [USUAL, DRIFTED])
def test_a_regimes_mix_is_whole(regime: Regime) -> None:
    """The scenarios' shares make up all abuse."""
    check_mix(regime.mix, nothing=Scenario.HONEST)


def test_parcels_bear_valid_codes() -> None:
    """GS1's own example of a check digit, in our arithmetic: each code's weighted sum is a multiple of ten."""
    codes = sscc(np.arange(500)).to_pylist()
    assert len(set(codes)) == 500
    for code in codes:
        digits = [int(digit) for digit in code]
        assert len(digits) == 18
        assert sum(digit * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits)) % 10 == 0


def test_dealt_numbers_never_meet() -> None:
    """Running numbers become different texts in no order; none stays none."""
    texts = dealt("x", np.arange(-1, 20_000), width=9).to_pylist()
    assert texts[0] is None
    assert len(set(texts)) == len(texts)
    assert texts[1:] != sorted(texts[1:])


def test_the_smallest_world_stands() -> None:
    """One concession in one day is still a history with every table."""
    tables = {name for name, _ in simulate(SimulationPlan(START, 1, 1, 0))}
    assert len(tables) == 10
