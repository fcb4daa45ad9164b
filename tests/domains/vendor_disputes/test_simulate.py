"""The simulated world: wrong lines among lines that only look wrong, late and selective truth, drift on request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from riskloom.domains.vendor_disputes.simulate import simulate
from riskloom.domains.vendor_disputes.simulation.aftermath import dispute
from riskloom.domains.vendor_disputes.simulation.billing import bill
from riskloom.domains.vendor_disputes.simulation.orders import day_sizes, draw_orders
from riskloom.domains.vendor_disputes.simulation.population import draw_population
from riskloom.domains.vendor_disputes.simulation.regime import DRIFTED, FIRST_WRONG, USUAL, Cause, blocks
from riskloom.ingest import SimulationPlan
from tests.simulated import World, one, simulated_world

START = datetime(2026, 1, 1, tzinfo=UTC)
DRIFT = START + timedelta(days=70)
PLAN = SimulationPlan(start=START, days=140, events=60_000, seed=5, drift_at=DRIFT)
TRUTH = """
    SELECT l.*, r.is_wrong IS NOT NULL AS is_resolved,
        coalesce(r.is_wrong, false) AS is_wrong, r.known_at
    FROM payables__invoice_lines AS l LEFT JOIN (
        SELECT invoice_line_id, arg_max(is_wrong, observed_at) AS is_wrong, min(observed_at) AS known_at
        FROM payables__resolutions GROUP BY 1) AS r USING (invoice_line_id)
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The tables of one simulation, and ``truth``: each line with what is known of it in the end."""
    with simulated_world(simulate, PLAN, TRUTH) as connection:
        yield connection


def test_there_are_as_many_lines_as_planned(world: World) -> None:
    """Exactly, all within the plan's days but for a few that begin a long series."""
    assert one(world, "SELECT count(*) FROM truth") == (PLAN.events,)
    (outside,) = one(world, "SELECT count(*) FROM truth WHERE observed_at < TIMESTAMP '2026-01-01'")
    assert outside < PLAN.events / 100


def test_a_few_lines_in_a_hundred_are_known_as_wrong(world: World) -> None:
    """Before the drift, and of those disputed about as many are right as wrong."""
    rate, resolved, wrong = one(
        world,
        """SELECT avg(is_wrong::INT), avg(is_resolved::INT), avg(is_wrong::INT) FILTER (is_resolved) FROM truth
        WHERE observed_at < TIMESTAMP '2026-02-20'""",
    )
    assert 0.02 < rate < 0.06
    assert resolved < 0.1
    assert 0.35 < wrong < 0.8


def test_no_single_column_gives_a_wrong_line_away(world: World) -> None:
    """Neither amounts, prices, times nor any number in an identifier separates wrong lines from right ones."""
    columns = world.execute(
        """SELECT is_wrong, amount::DOUBLE AS amount, quantity::DOUBLE AS quantity, unit_price::DOUBLE AS price,
            tax_rate::DOUBLE AS tax, hour(observed_at) AS hour, terms_days, length(invoice_number) AS digits,
            (order_line_id IS NULL)::INT AS no_order, coalesce(substr(order_line_id, 4)::BIGINT, -1) AS order_number,
            substr(invoice_line_id, 4)::BIGINT AS line, substr(vendor_id, 3)::BIGINT AS vendor,
            epoch(observed_at - effective_at) AS lag FROM truth WHERE observed_at < TIMESTAMP '2026-03-10'"""
    ).fetchnumpy()
    is_wrong = columns.pop("is_wrong")
    for name, values in columns.items():
        auc = roc_auc_score(is_wrong, np.asarray(values, dtype=np.float64))
        assert 0.2 < auc < 0.8, f"{name}: {auc:.3f}"


def test_the_truth_comes_late(world: World) -> None:
    """Nearly nine in ten within thirty days, some after more than fifty, none before the line."""
    early, longest, impossible = one(
        world,
        """SELECT avg((known_at - observed_at < INTERVAL 30 DAY)::INT), max(epoch(known_at - observed_at)) / 86400,
            count(*) FILTER (known_at <= observed_at)
        FROM truth WHERE is_resolved AND observed_at < TIMESTAMP '2026-02-20'""",
    )
    assert 0.82 < early < 0.96
    assert longest > 50
    assert impossible == 0


def test_the_truth_is_selective() -> None:
    """Of the lines that are wrong a good part is never disputed, small losses above all; the others are right."""
    plan = SimulationPlan(start=START, days=60, events=40_000, seed=2)
    people, block = draw_population(plan), blocks(plan)[0]
    orders, lines = draw_orders(plan, people, block, day_sizes(plan))
    bills = bill(plan, people, block, orders, lines)
    disputed = np.zeros(len(lines.order), dtype=np.bool_)
    disputed[dispute(plan, people, block, orders, lines, bills).line] = True
    wrong, small = bills.is_wrong, bills.too_much < 3_000
    assert 0.04 < wrong.mean() < 0.1
    assert 0.4 < disputed[wrong].mean() < 0.8
    assert disputed[wrong & small].mean() < disputed[wrong & ~small].mean() - 0.1
    assert disputed[~wrong].mean() < 0.05
    assert set(orders.cause[lines.order[wrong]].tolist()) == {cause for cause in Cause if cause >= FIRST_WRONG}
    assert ((bills.too_much > 0) == wrong).all()


def test_right_lines_look_wrong(world: World) -> None:
    """Receipts posted after the invoice, prices above the order's and equal parts of one order are mostly in order."""
    late, wrong_late = one(
        world,
        """SELECT avg((r.posted IS NULL OR r.posted > t.observed_at)::INT),
            avg(t.is_wrong::INT) FILTER (r.posted > t.observed_at)
        FROM truth AS t LEFT JOIN (SELECT order_line_id, min(observed_at) AS posted FROM receiving__receipts GROUP BY 1)
            AS r USING (order_line_id) WHERE t.observed_at < TIMESTAMP '2026-04-01' AND t.order_line_id IS NOT NULL""",
    )
    dear, wrong_dear = one(
        world,
        """SELECT count(*), avg(t.is_wrong::INT) FROM truth AS t JOIN (
            SELECT order_line_id, min(unit_price) AS price FROM purchasing__order_lines GROUP BY 1) AS o
            USING (order_line_id) WHERE t.unit_price > o.price""",
    )
    equal, wrong_equal = one(
        world,
        """SELECT count(*), avg(is_wrong::INT) FROM (SELECT *, row_number() OVER (
            PARTITION BY order_line_id, quantity, amount ORDER BY observed_at) AS copy FROM truth
            WHERE order_line_id IS NOT NULL) WHERE copy > 1""",
    )
    assert 0.08 < late < 0.3
    assert wrong_late < 0.15
    assert dear > 1_000
    assert wrong_dear < 0.5
    assert equal > 1_000
    assert wrong_equal < 0.4


def test_disputes_are_raised_by_both_sides_and_some_are_lost(world: World) -> None:
    """We dispute lines that are right, vendors object to deductions that were due, and each is told so at times."""
    rows = {
        (str(who), str(outcome)): int(count)
        for who, outcome, count in world.execute(
            """SELECT d.raised_by, r.outcome, count(*) FROM payables__disputes AS d
            JOIN payables__resolutions AS r USING (dispute_id) GROUP BY 1, 2"""
        ).fetchall()
    }
    assert min(rows["buyer", "approved"], rows["buyer", "approved_in_part"], rows["buyer", "denied"]) > 50
    assert min(rows["vendor", "approved"], rows["vendor", "denied"]) > 5
    (corrected,) = one(
        world,
        "SELECT count(*) FROM (SELECT invoice_line_id FROM payables__resolutions GROUP BY 1 "
        "HAVING count(DISTINCT is_wrong) = 2)",
    )
    assert corrected > 5


def test_rows_refer_to_rows(world: World) -> None:
    """What is spoken of exists; keys are unique; nothing is observed at the plan's end or later."""
    for table, column, target in (
        ("payables__invoice_lines", "order_line_id", "purchasing__order_lines"),
        ("payables__invoice_lines", "vendor_item_id", "purchasing__agreements"),
        ("receiving__receipts", "order_line_id", "purchasing__order_lines"),
        ("receiving__returns", "order_line_id", "purchasing__order_lines"),
        ("payables__payments", "invoice_line_id", "payables__invoice_lines"),
        ("payables__disputes", "invoice_line_id", "payables__invoice_lines"),
        ("payables__resolutions", "dispute_id", "payables__disputes"),
        ("payables__deductions", "return_id", "receiving__returns"),
    ):
        query = f"""SELECT count(*) FROM {table} WHERE {column} IS NOT NULL
            AND {column} NOT IN (SELECT {column} FROM {target})"""  # noqa: S608
        assert one(world, query) == (0,), (table, column)
    for table, key in (
        ("payables__invoice_lines", "invoice_line_id"),
        ("receiving__receipts", "receipt_line_id"),
        ("purchasing__order_lines", "(order_line_id, observed_at)"),
        ("payables__disputes", "dispute_id"),
    ):
        query = f"SELECT count(*) - count(DISTINCT {key}), max(observed_at) < ? FROM {table}"  # noqa: S608
        assert world.execute(query, [PLAN.end.replace(tzinfo=None)]).fetchall() == [(0, True)], table


def test_the_drift_changes_prices_and_causes(world: World) -> None:
    """Prices rise and receipts come later after the drift."""
    rows = world.execute(
        f"""SELECT observed_at >= TIMESTAMP '{DRIFT:%Y-%m-%d}' AS has_drifted,
            avg(epoch(observed_at - effective_at)) FROM receiving__receipts GROUP BY 1 ORDER BY 1"""  # noqa: S608
    ).fetchall()
    assert rows[1][1] > 1.2 * rows[0][1]
    assert DRIFTED.shares[Cause.PRICE] > 1.5 * USUAL.shares[Cause.PRICE]
    raised = world.execute(
        f"""SELECT count(*) FROM purchasing__agreements WHERE effective_at BETWEEN TIMESTAMP '{DRIFT:%Y-%m-%d}'
            AND TIMESTAMP '{DRIFT:%Y-%m-%d}' + INTERVAL 20 DAY"""  # noqa: S608
    ).fetchall()
    assert raised[0][0] > 500


@pytest.mark.parametrize("regime", [USUAL, DRIFTED])
def test_a_regime_leaves_most_lines_clean(regime: object) -> None:
    """Causes take less than half of the order lines, wrong ones less than an eighth."""
    shares = getattr(regime, "shares", {})
    assert set(shares) == set(Cause) - {Cause.CLEAN}
    assert sum(shares.values()) < 0.5
    assert sum(share for cause, share in shares.items() if cause >= FIRST_WRONG) < 0.125


def test_the_smallest_world_stands() -> None:
    """One line in one day is still a history with every table."""
    tables = [name for name, _ in simulate(SimulationPlan(START, 1, 1, 0))]
    assert len(set(tables)) == 9
