"""The simulated organisation: attacks that overlap with honest work, late and selective truth, drift on request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from riskloom.domains.cloud_security.simulate import simulate
from riskloom.domains.cloud_security.simulation.catalogue import CONSOLE_LOGIN, GROUP_USE, OPERATIONS
from riskloom.domains.cloud_security.simulation.regime import DRIFTED, TECHNIQUES, USUAL, Attack, Regime
from riskloom.ingest import SimulationPlan
from tests.simulated import World, check_mix, one, simulated_world

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DRIFT = START + timedelta(days=28)
PLAN = SimulationPlan(start=START, days=56, events=90_000, seed=5, drift_at=DRIFT)
TRUTH = """
    SELECT c.*, f.technique, f.event_id IS NOT NULL AS is_hostile
    FROM cloudtrail__events AS c LEFT JOIN (
        SELECT event_id, any_value(technique) AS technique FROM findings__api_calls GROUP BY 1
        HAVING arg_max(is_confirmed, observed_at)) AS f USING (event_id)
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The tables of one simulation, and ``truth``: each call with whether and as what it was ever found."""
    with simulated_world(simulate, PLAN, TRUTH) as connection:
        yield connection


def test_as_many_calls_as_planned_about_one_in_a_hundred_hostile(world: World) -> None:
    """Exactly the number of calls, and far enough from the end the usual share of findings."""
    count, rate = one(world, "SELECT count(*), avg(is_hostile::INT) FILTER (effective_at < '2026-01-26') FROM truth")
    assert count == PLAN.events
    assert 0.005 < rate < 0.025


def test_every_technique_is_found(world: World) -> None:
    """Each attack that shows in calls has its ATT&CK technique among the findings, with its tactic."""
    found = dict(
        world.execute("SELECT DISTINCT technique, tactic FROM findings__api_calls WHERE is_confirmed").fetchall()
    )
    assert set(dict(TECHNIQUES.values())) <= set(found)
    assert {found[technique] == tactic for technique, tactic in TECHNIQUES.values()} == {True}
    (unnamed,) = one(world, "SELECT avg((technique IS NULL)::INT) FROM findings__api_calls WHERE is_confirmed")
    assert 0.01 < unnamed < 0.15


def test_people_work_by_day_and_programs_always(world: World) -> None:
    """Few of people's calls at night and at weekends; programs know no hours."""
    rows = dict(
        world.execute(
            """SELECT peer_group = 'web-service', avg((hour(effective_at) BETWEEN 0 AND 4)::INT)
            FROM truth WHERE peer_group IN ('web-service', 'engineer') AND NOT is_hostile
            AND effective_at < '2026-02-02' GROUP BY 1"""
        ).fetchall()
    )
    weekend, week = one(
        world,
        """SELECT count(*) FILTER (isodow(effective_at) > 5) / 2, count(*) FILTER (isodow(effective_at) <= 5) / 5
        FROM truth WHERE peer_group = 'engineer'""",
    )
    assert rows[False] < 0.12 < rows[True]
    assert weekend < 0.4 * week


def test_hostile_calls_look_like_others(world: World) -> None:
    """Most use APIs that honest people use, a good part works, and some come from where the victim always works."""
    common, works, known = one(
        world,
        """SELECT avg((operation IN (SELECT operation FROM truth WHERE NOT is_hostile
                GROUP BY 1 HAVING count(*) > 100))::INT),
            avg((error_code IS NULL)::INT),
            avg((principal_network IN (SELECT principal_network FROM truth WHERE NOT is_hostile
                GROUP BY 1 HAVING count(*) > 100))::INT)
        FROM truth WHERE is_hostile""",
    )
    assert common > 0.8
    assert works > 0.6
    assert 0.2 < known < 0.9


def test_honest_people_do_odd_things(world: World) -> None:
    """They call from new networks and countries, fail in bursts, sweep, change rights, and read many objects."""
    new, sweeps, bursts, rights, reads = one(
        world,
        """WITH honest AS (SELECT * FROM truth WHERE NOT is_hostile),
        hours AS (SELECT principal_id, date_trunc('hour', effective_at) AS at, count(DISTINCT operation) AS apis,
            count(error_code) AS errors, count(*) AS calls, count(DISTINCT resource_id) AS resources
            FROM honest GROUP BY 1, 2)
        SELECT (SELECT count(*) FROM (SELECT 1 FROM honest WHERE effective_at > '2026-02-02' GROUP BY principal_country
                HAVING count(*) <= 12)),
            count(*) FILTER (apis > 15), count(*) FILTER (errors > 4 AND errors > calls / 2),
            (SELECT count(*) FROM honest WHERE operation IN ('CreateAccessKey', 'AttachRolePolicy', 'StopLogging')),
            count(*) FILTER (resources > 15)
        FROM hours""",
    )
    assert min(new, sweeps, bursts, rights, reads) > 10


def test_stuffing_leaves_failed_sign_ins_on_one_network(world: World) -> None:
    """Many identities tried in vain within hours, beside people who mistype and strangers who guess."""
    (networks,) = one(
        world,
        """SELECT count(*) FROM (SELECT 1 FROM signin__attempts WHERE NOT is_successful
        GROUP BY source_network, effective_at::DATE HAVING count(DISTINCT principal_id) > 12)""",
    )
    failed, mistyped = one(
        world,
        """SELECT avg((NOT is_successful)::INT), count(*) FILTER (NOT is_successful AND source_network IN
        (SELECT source_network FROM signin__attempts WHERE is_successful GROUP BY 1 HAVING count(*) > 20))
        FROM signin__attempts""",
    )
    assert networks >= 3
    assert 0.1 < failed < 0.8
    assert mistyped > 20


def test_flows_hold_beacons_mines_and_knocks(world: World) -> None:
    """Findings about flows name their techniques; most refusals are strangers' knocks that nobody finds hostile."""
    found = {row[0] for row in world.execute("SELECT DISTINCT technique FROM findings__flows").fetchall()}
    wanted = {TECHNIQUES[attack][0] for attack in (Attack.BEACONING, Attack.CRYPTO_MINING, Attack.OBJECT_EXFILTRATION)}
    refused, rate = one(
        world,
        """SELECT avg((action = 'REJECT')::INT), avg((flow_id IN (SELECT flow_id FROM findings__flows))::INT)
        FROM vpc__flows""",
    )
    assert wanted <= found
    assert 0.05 < refused < 0.15
    assert 0.0005 < rate < 0.05


def test_the_truth_comes_late_and_not_for_all(world: World) -> None:
    """Nine in ten findings within seven days, some after weeks, none before the call; some are taken back."""
    early, longest, impossible = one(
        world,
        """SELECT avg((f.observed_at - c.observed_at < INTERVAL 7 DAY)::INT),
            max(epoch(f.observed_at - c.observed_at)) / 86400,
            count(*) FILTER (f.observed_at <= c.observed_at OR f.observed_at < f.effective_at)
        FROM findings__api_calls AS f JOIN cloudtrail__events AS c USING (event_id)
        WHERE f.is_confirmed AND c.effective_at < '2026-01-26'""",
    )
    (taken_back,) = one(
        world,
        """SELECT count(*) FROM findings__api_calls AS r JOIN findings__api_calls AS f USING (event_id)
        WHERE NOT r.is_confirmed AND f.is_confirmed AND r.observed_at > f.observed_at""",
    )
    assert 0.75 < early < 1.0
    assert longest > 7
    assert impossible == 0
    assert taken_back > 5


def test_rows_refer_to_rows(world: World) -> None:
    """Findings are about calls and flows that exist; keys are unique; pairs are what the contract joins."""
    for table, column, target in (
        ("findings__api_calls", "event_id", "cloudtrail__events"),
        ("findings__flows", "flow_id", "vpc__flows"),
    ):
        query = f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT {column} FROM {target})"  # noqa: S608
        assert one(world, query) == (0,), table
    for table, key in (
        ("cloudtrail__events", "event_id"),
        ("signin__attempts", "attempt_id"),
        ("vpc__flows", "flow_id"),
    ):
        assert one(world, f"SELECT count(*) - count(DISTINCT {key}) FROM {table}") == (0,)  # noqa: S608
    query = "SELECT count(*) FROM truth WHERE principal_operation <> principal_id || '|' || service || '|' || operation"
    assert one(world, query) == (0,)


def test_the_drift_moves_hours_networks_and_attacks(world: World) -> None:
    """People start later and are under way more often, and more attacks are about objects."""
    rows = world.execute(
        f"""SELECT effective_at >= TIMESTAMP '{DRIFT:%Y-%m-%d}' AS has_drifted,
            avg(hour(effective_at)) FILTER (peer_group = 'engineer' AND NOT is_hostile),
            count(DISTINCT principal_network) FILTER (NOT is_hostile)
        FROM truth GROUP BY 1 ORDER BY 1"""  # noqa: S608
    ).fetchall()
    (_, hour, networks), (_, later_hour, later_networks) = rows
    assert later_hour > hour + 0.8
    assert later_networks > 1.15 * networks


@pytest.mark.parametrize("regime", [USUAL, DRIFTED])
def test_a_regimes_mix_is_whole(regime: Regime) -> None:
    """The attacks' shares make up all hostility."""
    check_mix(regime.mix, nothing=Attack.NONE)
    assert set(regime.mix) == set(TECHNIQUES)


def test_what_groups_do_adds_up() -> None:
    """Chances of APIs sum to one for each group, and nobody draws what only the sign-in writes."""
    assert GROUP_USE.sum(axis=1) == pytest.approx(1)
    assert (GROUP_USE[:, CONSOLE_LOGIN] == 0).all()
    assert len(set(OPERATIONS)) == len(OPERATIONS) > 90


def test_the_smallest_world_stands() -> None:
    """One call in one day is still a history with every table."""
    tables = [name for name, _ in simulate(SimulationPlan(START, 1, 1, 0))]
    assert len(set(tables)) == 5
