"""The match of a small world against its definition, in steps and at once, and over the public document flow."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from riskloom.catalog import Domain
from riskloom.cli import build_app
from riskloom.errors import ConfigError, FeatureError
from riskloom.settings import Settings
from tests.domains.vendor_disputes.conftest import Office
from tests.domains.vendor_disputes.truth import END, Tables, kept, landed, make_world, match

CUT = datetime(2026, 1, 25, tzinfo=UTC)
MARTS = ("matches", "allocations", "order_line_balances", "coverage")
NAIVE_END, NAIVE_CUT = END.replace(tzinfo=None), CUT.replace(tzinfo=None)


@pytest.fixture(scope="module")
def world() -> Tables:
    """Sixty order lines with what came of them."""
    return make_world(seed=4)


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory, vendor_domain: Domain, world: Tables) -> Office:
    """Built from everything, for the first time, with dbt's unit tests."""
    office = Office(vendor_domain, Settings(home=tmp_path_factory.mktemp("once")))
    office.land(landed(world), "all")
    office.build(END, unit_tests=True)
    return office


@pytest.fixture(scope="module")
def in_steps(tmp_path_factory: pytest.TempPathFactory, vendor_domain: Domain, world: Tables) -> Office:
    """Built in January without returns; then the rest lands, returns of January among it."""
    office = Office(vendor_domain, Settings(home=tmp_path_factory.mktemp("steps")))
    tables = landed(world)
    early = {name: [row for row in rows if row["observed_at"] < NAIVE_CUT] for name, rows in tables.items()}
    late = {name: [row for row in rows if row["observed_at"] >= NAIVE_CUT] for name, rows in tables.items()}
    office.land({**early, "receiving__returns": []}, "first")
    office.build(CUT, *MARTS)
    office.land({**late, "receiving__returns": tables["receiving__returns"]}, "second")
    office.build(END, *MARTS)
    return office


def by_key(rows: list[dict[str, Any]], *key: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows by some of their columns."""
    return {tuple(row[name] for name in key): row for row in rows}


def test_every_line_is_matched_as_defined(at_once: Office, world: Tables) -> None:
    """State and payable amount at its arrival and at the build's instant are those of the definition."""
    found = by_key(at_once.mart("matches"), "invoice_line_id")
    assert len(found) == len(world["bills"])
    for bill in world["bills"]:
        row = found[bill["id"],]
        then, now = match(world, bill, bill["observed_at"]), match(world, bill, NAIVE_END)
        assert (row["decision_state"], row["decision_payable_amount"]) == (then.state, then.payable), bill
        assert (row["state"], row["payable_amount"]) == (now.state, now.payable), bill
    states = Counter(row["decision_state"] for row in found.values())
    assert len(states) == 13, states


def test_amounts_reconcile_to_the_cent(at_once: Office, world: Tables) -> None:
    """Payable, short-paid and held come to what was billed, in all and in each currency."""
    billed: dict[str, Decimal] = defaultdict(Decimal)
    for bill in world["bills"]:
        billed[bill["currency"]] += bill["amount"] + (bill["tax_amount"] or 0)
    divided: dict[str, Decimal] = defaultdict(Decimal)
    for row in at_once.mart("matches"):
        divided[row["currency"]] += row["payable_amount"] + row["short_paid_amount"] + row["held_amount"]
    assert divided == billed


def test_receipts_bear_lines_up_to_what_both_have(at_once: Office, world: Tables) -> None:
    """No receipt bears more than it has, no line is borne by more than it bills, and some of each have several."""
    pairs = at_once.mart("allocations")
    receipts, lines = Counter(row["receipt_line_id"] for row in pairs), Counter(row["invoice_line_id"] for row in pairs)
    assert max(receipts.values()) > 1
    assert max(lines.values()) > 1
    for key, table in (("receipt_line_id", "receipts"), ("invoice_line_id", "bills")):
        borne: dict[str, Decimal] = defaultdict(Decimal)
        for row in pairs:
            assert row["quantity"] > 0
            borne[row[key]] += row["quantity"]
        quantities = {row["id"]: row["quantity"] for row in world[table]}
        assert all(total <= quantities[name] for name, total in borne.items())
    billed = sum(row["quantity"] or 0 for row in world["bills"])
    assert 0 < sum(row["quantity"] for row in pairs) < billed


@pytest.mark.parametrize("mart", MARTS[:-1])
def test_building_in_steps_gives_what_building_at_once_gives(in_steps: Office, at_once: Office, mart: str) -> None:
    """Rows that land late, with an old time, are matched as if they had been there."""
    assert sorted(map(str, in_steps.mart(mart))) == sorted(map(str, at_once.mart(mart)))


def test_features_say_what_the_match_saw(at_once: Office, world: Tables) -> None:
    """What was received and kept of an order line at a decision is the same in the windows and in the match."""
    features = by_key(at_once.mart("order_state"), "order_line_id", "event_timestamp")
    compared = 0
    for bill in world["bills"]:
        if bill["order_line_id"] is not None:
            state = features[bill["order_line_id"], bill["observed_at"]]
            found = max(state["order_received_quantity"] - state["order_returned_quantity"], 0)
            assert found == kept(world, bill, bill["observed_at"]), bill
            compared += found > 0
    assert compared > 25


def test_a_total_that_does_not_reconcile_fails_the_build(office: Office, world: Tables) -> None:
    """A line whose amount is lost on the way is named by the test, on any build."""
    office.land(landed(world), "all")
    office.build(END, *MARTS)
    lost = {**landed(world)["payables__invoice_lines"][0], "invoice_line_id": "lost", "amount": None}
    office.land({"payables__invoice_lines": [lost]}, "lost")
    with pytest.raises(FeatureError, match="adds_up_int_vendor_disputes__decision_matches"):
        office.build(END, *MARTS)


def run(*arguments: object) -> str:
    """The output of a command; an error it raises is raised."""
    result = CliRunner().invoke(build_app(), [str(one) for one in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.mark.slow
def test_the_benchmark_finds_exactly_the_items_that_differ(reference_data: Path, tmp_path: Path) -> None:
    """Of 16,411 items of the document flow with deliveries and invoices 24 differ, and the last line says so."""
    output = run(
        "benchmark", "matching", "--data", reference_data / "procurement", "--lines", 0, "--work", tmp_path, "--json"
    )
    found = json.loads(output.splitlines()[-1])
    assert (found["items_compared"], found["quantity_mismatches"], len(set(found["items"]))) == (16_411, 24, 24)
    assert {"0000004969/000010", "0000009274/000030", "0000015450/000020"} < set(found["items"])
    assert found["lines_timed"] == 16_641
    assert found["seconds_per_million_lines"] > 0


def test_the_benchmark_says_which_file_it_needs(tmp_path: Path) -> None:
    """A folder without it is refused."""
    with pytest.raises(ConfigError, match=r"expected a folder with sap_vbfa\.parquet"):
        run("benchmark", "matching", "--data", tmp_path)
