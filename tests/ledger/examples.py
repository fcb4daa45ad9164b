"""Rows and records that tests of the ledger start from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from riskloom.catalog import Domain
from riskloom.contracts import Column

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
DOMAIN = "some_domain"


def case_row(case_id: str, **changes: Any) -> dict[str, Any]:
    """A case that is open, by column."""
    return {
        "case_id": case_id,
        "domain": DOMAIN,
        "entity": "somebody",
        "state": "open",
        "priority": Decimal(10),
        "opened_at": NOW,
        "sla_due_at": NOW,
        "assignee": None,
        "claimed_at": None,
        "snoozed_until": None,
        "merged_into": None,
        "closed_at": None,
        "verdict": None,
        "version": 1,
        **changes,
    }


def record(number: int, *, day: str = "2026-03-01", **changes: Any) -> dict[str, Any]:
    """A decision as the outbox keeps it."""
    return {
        "decision_id": f"d-{number}",
        "domain": DOMAIN,
        "subject": f"s-{number}",
        "entity": f"e-{number % 7}",
        "amount": "12.50",
        "effective_at": f"{day}T09:59:59.000000Z",
        "decided_at": f"{day}T10:00:00.{number % 1_000_000:06d}Z",
        "score": 0.25,
        "outcome": "review" if number % 5 == 0 else "approve",
        "basis": "expected_cost",
        "reasons": [],
        "model_version": "1",
        "features": {"amount": 12.5, "count_7d": None},
        "freshness": {"customer": {"observed_at": None, "age_seconds": None, "status": "missing"}},
        "degraded": True,
        "latency_ms": 3.25,
        "event": {"transaction_id": f"s-{number}", "amount": "12.50"},
        **changes,
    }


def label_details(domain: Domain) -> dict[str, Any]:
    """What a verdict has to say besides, so that the domain's label table takes it."""
    table = domain.tables[domain.label.table]
    return {name: _value_of(column) for name, column in table.brought.items() if not column.nullable}


def _value_of(column: Column) -> object:
    if column.type == "string":
        return column.allowed[0] if column.allowed else "x-1"
    return True if column.type == "boolean" else 1


def shadow_line(number: int, **changes: Any) -> dict[str, Any]:
    """What a model in shadow said of a decision, as its outbox has it."""
    return {
        "domain": DOMAIN, "version": "2", "decision_id": f"d-{number}", "decided_at": NOW + timedelta(hours=number),
        "model_version": "1", "score": 0.25, "shadow_score": 0.25, "outcome": "approve", "would_be": "approve",
        **changes,
    }  # fmt: skip
