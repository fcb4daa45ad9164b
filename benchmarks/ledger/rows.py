"""Decisions as a service of thirty features makes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np

DOMAIN = "some_domain"
OUTCOMES = ("approve", "review", "block")
_ENTITIES = 50_000
_FEATURES = 30


def record(number: int, start: datetime, random: np.random.Generator) -> dict[str, Any]:
    """One decision as the outbox keeps it, ten milliseconds after the one before."""
    at = (start + timedelta(milliseconds=10 * number)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    amount = f"{random.lognormal(3.5, 1.0):.2f}"
    entity = f"e-{int(random.integers(_ENTITIES))}"
    return {
        "decision_id": f"{number:032x}",
        "domain": DOMAIN,
        "subject": f"tx-{number}",
        "entity": entity,
        "amount": amount,
        "effective_at": at,
        "decided_at": at,
        "score": float(random.random()),
        "outcome": OUTCOMES[int(np.searchsorted((0.98, 0.995), random.random()))],
        "basis": "score",
        "reasons": [],
        "model_version": "1",
        "features": {f"feature_{nth}": float(value) for nth, value in enumerate(random.random(_FEATURES))},
        "freshness": {"view": {"observed_at": at, "age_seconds": 0.0, "status": "fresh"}},
        "degraded": False,
        "latency_ms": 2.5,
        "event": {"transaction_id": f"tx-{number}", "entity_id": entity, "amount": amount, "effective_at": at},
    }
