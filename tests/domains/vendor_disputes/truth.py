"""The three-way match of a small made-up world, computed slowly from its definition."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

START = datetime(2026, 1, 1)  # noqa: DTZ001 - as tables hold times
END = datetime(2026, 4, 1, tzinfo=UTC)
CENT = Decimal("0.01")
Row = dict[str, Any]
Tables = dict[str, list[Row]]

#: As the seed has them: percent and amount.
LIMITS = {
    "price": (Decimal(2), 50),
    "quantity_ordered": (Decimal(5), 100),
    "quantity_received": (Decimal("0.5"), 10),
    "tax": (Decimal(1), 2),
}


def make_world(seed: int, order_lines: int = 60) -> Tables:
    """Orders that change, receipts in parts, returns, bills in parts and twice, on a coarse grid so that ties occur."""
    rng = random.Random(seed)
    tables: Tables = {name: [] for name in ("orders", "receipts", "returns", "bills")}
    for number in range(order_lines):
        line, price = f"o{number}", Decimal(rng.choice(["5", "2.5", "0.35", "40"]))
        tables["orders"] += _versions(rng, line, price)
        tables["receipts"] += [
            {"order_line_id": line, "quantity": rng.choice([5, 10, 20]), **_times(rng)} for _ in range(rng.randrange(4))
        ]
        if rng.random() < 0.2:
            tables["returns"].append({"order_line_id": line, "quantity": rng.choice([1, 5]), **_times(rng)})
        tables["bills"] += [_bill(rng, line, price) for _ in range(rng.randrange(1, 4))]
    for name, rows in tables.items():
        for number, row in enumerate(rows):
            row["id"] = f"{name[0]}{number:04}"
    return tables


def _times(rng: random.Random, days: int = 50) -> Row:
    at = START + timedelta(hours=12 * rng.randrange(2 * days))
    return {"effective_at": at, "observed_at": at + timedelta(hours=12 * rng.choice([0, 0, 1, 20]))}


def _versions(rng: random.Random, line: str, price: Decimal) -> list[Row]:
    """No version, one or two of an order line, never two at one time."""
    known = {one["observed_at"]: one for one in (_times(rng, 10) for _ in range(rng.choice([0, 1, 1, 1, 2])))}
    return [
        {
            "order_line_id": line,
            "quantity": rng.choice([10, 20, 20]),
            "unit_price": price,
            "tax_rate": rng.choice([None, 20]),
            "unit": "EA",
            "currency": "USD",
            **times,
        }
        for times in known.values()
    ]


def _bill(rng: random.Random, line: str, price: Decimal) -> Row:
    quantity = rng.choice([5, 10, 10, 20])
    billed = price * Decimal(rng.choice(["1", "1", "1", "1.01", "1.5"]))
    amount = _cents(quantity * billed)
    return {
        "order_line_id": rng.choice([line] * 9 + [None]),
        "quantity": rng.choice([quantity] * 12 + [None]),
        "unit_price": billed,
        "amount": rng.choice([amount] * 15 + [-amount]),
        "unit": rng.choice(["EA"] * 12 + ["CS"]),
        "tax_amount": rng.choice([None, _cents(amount / 5), _cents(amount / 5), _cents(amount / 4)]),
        "tax_rate": 20,
        "currency": rng.choice(["USD"] * 12 + ["EUR"]),
        "invoice_number": rng.choice(["1", "1", "2", None]),
        **_times(rng),
    }


def landed(tables: Tables) -> Mapping[str, Sequence[Row]]:
    """The world as rows of the contracts' tables."""
    money, count, price = Decimal("0.01"), Decimal("0.001"), Decimal("0.0001")

    def row(row: Row, **more: Any) -> Row:
        places = {"quantity": count, "unit_price": price, "tax_rate": price, "amount": money, "tax_amount": money}
        exact = {key: Decimal(row[key]).quantize(unit) for key, unit in places.items() if row.get(key) is not None}
        return {**row, **exact, "vendor_id": "v", **more}

    return {
        "purchasing__order_lines": [row(one, order_id="o") for one in tables["orders"]],
        "receiving__receipts": [row(one, receipt_line_id=one["id"]) for one in tables["receipts"]],
        "receiving__returns": [row(one, return_id=one["id"]) for one in tables["returns"]],
        "payables__invoice_lines": [
            row(one, invoice_line_id=one["id"], invoice_id="i", ledger_amount=Decimal("1.00"))
            for one in tables["bills"]
        ],
    }


@dataclass(frozen=True)
class Match:
    """State of a line, and what of it is payable."""

    state: str
    payable: Decimal


def match(tables: Tables, bill: Row, at: datetime) -> Match:
    """The match of one line with what was observed strictly before ``at``."""
    if bill["amount"] < 0:
        return Match("credit", Decimal(bill["amount"]) + Decimal(bill["tax_amount"] or 0))
    order = _order(tables, bill, at)
    left, before = kept(tables, bill, at), _billed_before(tables, bill)
    quantity = Decimal(bill["quantity"] or 0)
    missing = max(min(before + quantity - left, quantity), Decimal(0))
    is_received = bill["quantity"] is None or _is_within(missing, left, bill["unit_price"], "quantity_received")
    same = [one for one in tables["bills"] if _content(one) == _content(bill)]
    is_second = order is not None and not is_received and any(_place(one) < _place(bill) for one in same)
    if _is_again(tables, bill) or is_second:
        return Match("duplicate", Decimal(0))
    held = _held(bill, order, is_out=not is_received and missing >= quantity)
    if held is not None or order is None:
        return Match(held or "no_order", Decimal(0))
    return _measured(bill, order, Decimal(0) if is_received else missing, missing, before)


def _held(bill: Row, order: Row | None, *, is_out: bool) -> str | None:
    """Why nothing can be said of a line, the first reason that fits."""
    reasons = {
        "no_order": order is None,
        "currency_differs": order is not None and bill["currency"] != order["currency"],
        "not_comparable": order is not None and (bill["quantity"] is None or bill["unit"] != order["unit"]),
        "awaiting_receipt": is_out,
    }
    return next((name for name, holds in reasons.items() if holds), None)


def _is_again(tables: Tables, bill: Row) -> bool:
    """Whether the same content came before under the same invoice number."""
    return bill["invoice_number"] is not None and any(
        _content(one) == _content(bill)
        and one["invoice_number"] == bill["invoice_number"]
        and one["observed_at"] < bill["observed_at"]
        for one in tables["bills"]
    )


def _measured(bill: Row, order: Row, uncovered: Decimal, missing: Decimal, before: Decimal) -> Match:
    """What is left when quantities and prices are compared."""
    quantity, price = Decimal(bill["quantity"]), Decimal(bill["unit_price"])
    over = max(min(before + quantity - order["quantity"], quantity), Decimal(0))
    is_ordered = _is_within(over, Decimal(order["quantity"]), price, "quantity_ordered")
    dear = max(price - order["unit_price"], Decimal(0))
    is_agreed = _is_within(dear, Decimal(order["unit_price"]), quantity, "price")
    unpaid = max(uncovered, Decimal(0) if is_ordered else over)
    net = Decimal(bill["amount"])
    if unpaid > 0 or not is_agreed:
        net = min(net, _cents((quantity - unpaid) * (price if is_agreed else order["unit_price"])))
    tax = Decimal(bill["tax_amount"] or 0)
    rate = Decimal(order["tax_rate"] if order["tax_rate"] is not None else bill["tax_rate"])
    due = _cents(net * rate / 100)
    if unpaid > 0 or not is_agreed:
        payable = net + min(tax, due)
        if unpaid > 0 and not is_agreed:
            return Match("price_and_quantity", payable)
        if unpaid > 0:
            return Match("over_received" if uncovered > 0 and missing >= over else "over_ordered", payable)
        return Match("price", payable)
    if not (tax <= due or (tax - due <= LIMITS["tax"][1] and (tax - due) * 100 <= due * LIMITS["tax"][0])):
        return Match("tax", net + due)
    differs = missing > 0 or over > 0 or dear > 0 or (bill["tax_amount"] is not None and tax > due)
    return Match("within_tolerance" if differs else "matched", net + tax)


def _is_within(difference: Decimal, base: Decimal, value: Decimal, check: str) -> bool:
    percent, amount = LIMITS[check]
    return difference == 0 or (difference * 100 <= base * percent and difference * value <= amount)


def _order(tables: Tables, bill: Row, at: datetime) -> Row | None:
    known = [
        one
        for one in tables["orders"]
        if one["order_line_id"] == bill["order_line_id"] and one["observed_at"] < at and bill["order_line_id"]
    ]
    return max(known, key=lambda one: one["observed_at"], default=None)


def kept(tables: Tables, bill: Row, at: datetime) -> Decimal:
    """What was received and not sent back of a line's order line, as known strictly before ``at``."""

    def total(name: str) -> int:
        return sum(
            int(one["quantity"])
            for one in tables[name]
            if one["order_line_id"] == bill["order_line_id"] and one["observed_at"] < at
        )

    return Decimal(max(total("receipts") - total("returns"), 0)) if bill["order_line_id"] else Decimal(0)


def _billed_before(tables: Tables, bill: Row) -> Decimal:
    return sum(
        (
            Decimal(one["quantity"] or 0)
            for one in tables["bills"]
            if bill["order_line_id"] is not None
            and one["order_line_id"] == bill["order_line_id"]
            and _place(one) < _place(bill)
            and one["amount"] >= 0
            and not _is_again(tables, one)
        ),
        Decimal(0),
    )


def _content(bill: Row) -> tuple[Any, ...]:
    return bill["order_line_id"], bill["quantity"], bill["amount"], bill["currency"]


def _place(bill: Row) -> tuple[datetime, str]:
    return bill["observed_at"], bill["id"]


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
