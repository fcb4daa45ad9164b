"""What a dispute's row in the mart must say, computed slowly, one dispute at a time, from its definition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

Row = Mapping[str, Any]
DAY = timedelta(days=1)


class Papers:
    """The landed tables, found by what refers to what."""

    def __init__(self, tables: Mapping[str, Sequence[Row]], decided: Sequence[Row]) -> None:
        self._tables = tables
        self._by: dict[tuple[str, str], dict[str, list[Row]]] = {}
        self.decided = {row["invoice_line_id"]: row for row in decided}

    def known(self, table: str, key: str, value: str | None, before: datetime) -> list[Row]:
        """Rows of a table with this key that were observed strictly before an instant."""
        if (table, key) not in self._by:
            index: dict[str, list[Row]] = defaultdict(list)
            for row in self._tables[table]:
                index[row[key]].append(row)
            self._by[table, key] = index
        found = [] if value is None else self._by[table, key].get(value, [])
        return [row for row in found if row["observed_at"] < before]


def features_of(papers: Papers, dispute: Row) -> dict[str, float | None]:
    """Every feature of one dispute that has a line."""
    at = dispute["observed_at"]
    (line,) = papers.known("payables__invoice_lines", "invoice_line_id", dispute["invoice_line_id"], at)
    decided = papers.decided[line["invoice_line_id"]]
    claimed, total = float(dispute["claimed_amount"]), float(decided["billed_amount"])
    return {
        "is_by_vendor": float(dispute["raised_by"] == "vendor"),
        **{f"is_about_{reason}": float(dispute["reason"] == reason) for reason in REASONS},
        "claimed_ledger_amount": claimed * float(line["ledger_amount"]) / float(line["amount"]),
        "claimed_to_billed": claimed / total,
        "days_since_billed": (at - line["observed_at"]) / DAY,
        "days_until_due": (line["effective_at"] + line["terms_days"] * DAY - at) / DAY,
        "short_paid_to_claimed": float(decided["short_paid_amount"]) / claimed,
        "held_to_billed": float(decided["held_amount"]) / total,
        **_money(papers, dispute, line, claimed, total),
        **_goods(papers, line, at),
        **_differences(papers, line, decided, at, claimed, total),
        **_record(papers, dispute, line),
    }


REASONS = ("shortage", "price", "duplicate", "quantity", "unit", "tax", "return")


def _money(papers: Papers, dispute: Row, line: Row, claimed: float, total: float) -> dict[str, float | None]:
    at, key = dispute["observed_at"], line["invoice_line_id"]
    deductions = papers.known("payables__deductions", "invoice_line_id", key, at)
    newest = max((row["observed_at"] for row in deductions), default=None)
    return {
        "paid_to_billed": _sum(papers.known("payables__payments", "invoice_line_id", key, at), "amount") / total,
        "deducted_to_claimed": _sum(deductions, "amount") / claimed,
        "days_since_deduction": None if newest is None else (at - newest) / DAY,
        "earlier_disputes": float(len(papers.known("payables__disputes", "invoice_line_id", key, at))),
    }


def _goods(papers: Papers, line: Row, at: datetime) -> dict[str, float | None]:
    receipts = papers.known("receiving__receipts", "order_line_id", line["order_line_id"], at)
    returns = papers.known("receiving__returns", "order_line_id", line["order_line_id"], at)
    since = [row for row in receipts if row["observed_at"] >= line["observed_at"]]
    before = papers.known("payables__invoice_lines", "order_line_id", line["order_line_id"], line["observed_at"])
    copies = [row for row in before if (row["quantity"], row["amount"]) == (line["quantity"], line["amount"])]
    received = _sum(receipts, "quantity")
    return {
        "received_since_to_billed": _over(_sum(since, "quantity"), float(line["quantity"])),
        "returned_to_received": _over(_sum(returns, "quantity"), received),
        "lines_before": float(len(before)),
        "copies_before": float(len(copies)),
    }


def _differences(
    papers: Papers, line: Row, decided: Row, at: datetime, claimed: float, total: float
) -> dict[str, float | None]:
    quantity, price = float(line["quantity"]), float(line["unit_price"])
    until = float(decided["billed_before"]) + quantity
    receipts = papers.known("receiving__receipts", "order_line_id", line["order_line_id"], at)
    returns = papers.known("receiving__returns", "order_line_id", line["order_line_id"], at)
    kept = _sum(receipts, "quantity") - _sum(returns, "quantity")
    uncovered = max(min(until - kept, quantity), 0.0)
    versions = sorted(
        papers.known("purchasing__order_lines", "order_line_id", line["order_line_id"], at),
        key=lambda row: row["observed_at"],
    )
    order = versions[-1] if versions else None
    agreements = papers.known("purchasing__agreements", "vendor_item_id", line["vendor_item_id"], at)
    held = [row for row in agreements if row["effective_at"] <= line["effective_at"]]
    agreed = max(held, key=lambda row: (row["effective_at"], row["observed_at"], row["unit_price"]), default=None)
    over_ordered = None if order is None else max(min(until - float(order["quantity"]), quantity), 0.0)
    over_price = None if order is None else quantity * max(price - float(order["unit_price"]), 0)
    over_agreement = None if agreed is None else quantity * max(price - float(agreed["unit_price"]), 0)
    due = None if order is None else float(line["amount"]) * float(order["tax_rate"]) / 100
    over_tax = None if due is None else max(float(line["tax_amount"]) - due, 0)
    missing = max(uncovered, over_ordered or 0) * price
    return {
        "price_to_order": None if order is None else price / float(order["unit_price"]),
        "price_to_agreement": None if agreed is None else price / float(agreed["unit_price"]),
        "over_price_to_claimed": _over(over_price, claimed),
        "over_agreement_to_claimed": _over(over_agreement, claimed),
        "over_tax_to_claimed": _over(over_tax, claimed),
        "uncovered_share": uncovered / quantity,
        "uncovered_to_claimed": uncovered * price / claimed,
        "over_ordered_to_claimed": None if over_ordered is None else over_ordered * price / claimed,
        "borne_out_to_claimed": min(missing + (over_price or 0) + (over_tax or 0), total) / claimed,
        "order_changes": None if order is None else float(len(versions) - 1),
    }


def _record(papers: Papers, dispute: Row, line: Row) -> dict[str, float | None]:
    """Claims of the same side with the vendor and for the buyer, recorded or ended in the ninety days before."""
    at = dispute["observed_at"]
    since = at - 90 * DAY
    mine = [
        row
        for row in papers.known("payables__disputes", "vendor_id", dispute["vendor_id"], at)
        if row["raised_by"] == dispute["raised_by"]
    ]
    bought = [
        row
        for other in papers.known("payables__invoice_lines", "buyer_id", line["buyer_id"], at)
        for row in papers.known("payables__disputes", "invoice_line_id", other["invoice_line_id"], at)
        if row["raised_by"] == dispute["raised_by"]
    ]
    return {
        "vendor_claims_90d": float(sum(row["observed_at"] >= since for row in mine)),
        "vendor_valid_share_90d": _valid_share(papers, mine, at, since),
        "buyer_valid_share_90d": _valid_share(papers, bought, at, since),
    }


def _valid_share(papers: Papers, disputes: Iterable[Row], at: datetime, since: datetime) -> float | None:
    ended = [
        end["outcome"] != "denied"
        for one in disputes
        for end in papers.known("payables__resolutions", "dispute_id", one["dispute_id"], at)
        if end["observed_at"] >= since
    ]
    return sum(ended) / len(ended) if ended else None


def _sum(rows: Iterable[Row], name: str) -> float:
    return float(sum(row[name] for row in rows))


def _over(part: float | None, whole: float) -> float | None:
    return None if part is None or whole == 0 else part / whole
