"""The simulated world: fraud that overlaps with honest behaviour, late truth, drift on request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from riskloom.domains.customer_trust.simulate import simulate
from riskloom.domains.customer_trust.simulation.population import draw_population
from riskloom.domains.customer_trust.simulation.regime import DRIFTED, USUAL, Regime, Scenario
from riskloom.ingest import SimulationPlan
from tests.simulated import World, check_mix, one, simulated_world

START = datetime(2026, 1, 1, tzinfo=UTC)
DRIFT = START + timedelta(days=35)
PLAN = SimulationPlan(start=START, days=70, events=120_000, seed=5, drift_at=DRIFT)
TRUTH = """
    SELECT *, transaction_id IN (
        SELECT transaction_id FROM payments__chargebacks WHERE is_fraud) AS is_fraud
        FROM payments__transactions
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The tables of one simulation, and ``truth``: each payment with whether it was ever charged back as fraud."""
    with simulated_world(simulate, PLAN, TRUTH) as connection:
        yield connection


def test_about_one_payment_in_a_hundred_is_fraud(world: World) -> None:
    """Before the drift, and far enough from the end that the truth has arrived."""
    (rate,) = one(world, "SELECT avg(is_fraud::INT) FROM truth WHERE effective_at < TIMESTAMP '2026-02-05'")
    assert 0.007 < rate < 0.012


def test_no_single_column_gives_fraud_away(world: World) -> None:
    """Neither amount, time, channel, device nor any number in an identifier separates fraud from honest payments."""
    columns = world.execute(
        """SELECT is_fraud, amount::DOUBLE AS amount, hour(effective_at) AS hour, (channel = 'online')::INT AS online,
            (device_id IS NULL)::INT AS no_device, coalesce(substr(device_id, 3)::BIGINT, -1) AS device,
            substr(customer_id, 3)::BIGINT AS customer, substr(terminal_id, 3)::BIGINT AS terminal,
            (substr(transaction_id, 4)::BIGINT % 1000) AS number, epoch(observed_at - effective_at) AS lag FROM truth"""
    ).fetchnumpy()
    is_fraud = columns.pop("is_fraud")
    for name, values in columns.items():
        auc = roc_auc_score(is_fraud, np.asarray(values, dtype=np.float64))
        assert 0.15 < auc < 0.85, f"{name}: {auc:.3f}"


def test_amounts_overlap(world: World) -> None:
    """A good part of the fraud lies within the middle of what honest people pay, and some honest payments are large."""
    (inside,) = one(
        world,
        """SELECT avg((amount BETWEEN low AND high)::INT) FROM truth,
        (SELECT quantile_cont(amount, 0.05) AS low, quantile_cont(amount, 0.95) AS high FROM truth WHERE NOT is_fraud)
        WHERE is_fraud""",
    )
    (large,) = one(world, "SELECT count(*) FROM truth WHERE NOT is_fraud AND amount > 500")
    assert inside > 0.6
    assert large > 100


def test_every_scenario_leaves_its_traces(world: World) -> None:
    """Terminals with many frauds, customers with bursts, small tests before a large amount, stolen accounts."""
    (terminals,) = one(
        world,
        """SELECT count(*) FROM (SELECT terminal_id FROM truth WHERE is_fraud AND channel = 'card_present'
        GROUP BY 1 HAVING count(*) >= 5)""",
    )
    (bursts,) = one(
        world,
        """SELECT count(*) FROM (SELECT customer_id FROM truth WHERE is_fraud AND channel = 'online'
        GROUP BY customer_id, effective_at::DATE HAVING count(*) >= 3)""",
    )
    (tested,) = one(world, "SELECT count(*) FROM truth WHERE is_fraud AND channel = 'online' AND amount < 5")
    (taken,) = one(
        world,
        """SELECT count(*) FROM truth AS t JOIN accounts__devices AS d USING (device_id, customer_id)
        WHERE is_fraud AND t.effective_at - d.effective_at BETWEEN INTERVAL 0 DAY AND INTERVAL 2 DAY""",
    )
    assert min(terminals, bursts, tested, taken) > 10


def test_honest_people_do_odd_things(world: World) -> None:
    """They mistype passwords, get new devices and pay on devices that are not theirs."""
    (failed,) = one(world, "SELECT avg((NOT is_successful)::INT) FROM accounts__logins")
    (new,) = one(world, "SELECT count(*) FROM accounts__devices WHERE effective_at > TIMESTAMP '2026-01-01'")
    (strange,) = one(
        world,
        """SELECT avg((d.device_id IS NULL)::INT) FROM truth AS t LEFT JOIN accounts__devices AS d
        USING (device_id, customer_id) WHERE NOT is_fraud AND t.device_id IS NOT NULL""",
    )
    assert 0.05 < failed < 0.35
    assert new > 50
    assert 0.02 < strange < 0.15


def test_the_truth_comes_late(world: World) -> None:
    """Nine in ten chargebacks within seven days, some after weeks, none before the payment or its filing."""
    (early, longest, impossible) = one(
        world,
        """SELECT avg((c.observed_at - t.observed_at < INTERVAL 7 DAY)::INT),
            max(epoch(c.observed_at - t.observed_at)) / 86400,
            count(*) FILTER (c.observed_at <= t.observed_at OR c.observed_at < c.effective_at)
        FROM payments__chargebacks AS c JOIN payments__transactions AS t USING (transaction_id)
        WHERE c.is_fraud AND t.effective_at < TIMESTAMP '2026-01-25'""",
    )
    assert 0.86 < early < 0.95
    assert longest > 14
    assert impossible == 0


def test_some_chargebacks_are_reversed_later(world: World) -> None:
    """A reversal is a later row about the same payment."""
    rows = world.execute(
        """SELECT r.observed_at > c.observed_at FROM payments__chargebacks AS r JOIN payments__chargebacks AS c
        ON c.transaction_id = r.transaction_id AND c.is_fraud WHERE NOT r.is_fraud"""
    ).fetchall()
    assert len(rows) > 10
    assert all(is_later for (is_later,) in rows)


def test_rows_refer_to_rows(world: World) -> None:
    """Customers, terminals and payments that are spoken of exist; keys are unique."""
    for table, column, target in (
        ("payments__transactions", "customer_id", "accounts__customers"),
        ("payments__transactions", "terminal_id", "acquiring__terminals"),
        ("payments__chargebacks", "transaction_id", "payments__transactions"),
        ("accounts__logins", "customer_id", "accounts__customers"),
        ("accounts__devices", "customer_id", "accounts__customers"),
    ):
        query = f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT {column} FROM {target})"  # noqa: S608
        assert one(world, query) == (0,), (table, column)
    for table, key in (("payments__transactions", "transaction_id"), ("accounts__logins", "login_id")):
        assert one(world, f"SELECT count(*) - count(DISTINCT {key}) FROM {table}") == (0,)  # noqa: S608
    assert one(world, "SELECT count(*) - count(DISTINCT (device_id, customer_id)) FROM accounts__devices") == (0,)


def test_the_drift_changes_amounts_channels_and_hours(world: World) -> None:
    """What is measured before and after the drift differs as the regimes say, and does not drift before."""
    rows = world.execute(
        f"""SELECT effective_at >= TIMESTAMP '{DRIFT:%Y-%m-%d}' AS has_drifted, median(amount)::DOUBLE,
            avg((channel = 'online')::INT), avg((hour(effective_at) < 6)::INT) FROM truth WHERE NOT is_fraud
            GROUP BY 1 ORDER BY 1"""  # noqa: S608
    ).fetchall()
    (_, amount, online, night), (_, later_amount, later_online, later_night) = rows
    assert later_amount / amount == pytest.approx(DRIFTED.inflation, rel=0.1)
    assert later_online - online == pytest.approx(DRIFTED.online_shift, abs=0.03)
    assert later_night > night + 0.03


def test_without_a_drift_nothing_changes() -> None:
    """The same plan without drift is the same history up to the day of the drift."""
    short = SimulationPlan(start=START, days=10, events=5_000, seed=5)
    drifting = SimulationPlan(start=START, days=10, events=5_000, seed=5, drift_at=START + timedelta(days=5))
    assert draw_population(short).customers.rate.sum() == draw_population(drifting).customers.rate.sum()
    for plan, has_drifted in ((short, False), (drifting, True)):
        days = [batch for name, batch in simulate(plan) if name == "payments__transactions"]
        online = [np.mean([value == "online" for value in day["channel"].to_pylist()]) for day in days]
        assert bool(np.mean(online[5:]) - np.mean(online[:5]) > 0.08) == has_drifted


@pytest.mark.parametrize("regime", [USUAL, DRIFTED])
def test_a_regimes_mix_is_whole(regime: Regime) -> None:
    """The scenarios' shares make up all fraud."""
    check_mix(regime.mix, nothing=Scenario.HONEST)


def test_the_smallest_world_stands() -> None:
    """One payment in one day is still a history with every table."""
    tables = [name for name, _ in simulate(SimulationPlan(START, 1, 1, 0))]
    assert len(set(tables)) == 6
