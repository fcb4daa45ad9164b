"""Decide again what was decided, from what the ledger kept, and say what comes out otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from riskloom.contracts import TableContract
from riskloom.ledger.schema import Decision


class ScoringModel(Protocol):
    """A verified model, as far as a replay needs it."""

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores, shape (rows,), of a matrix of shape (rows, features)."""
        ...


#: Features computed from an event's columns and the other features' values.
Compute = Callable[[Mapping[str, Any], Mapping[str, float]], Mapping[str, float]]
#: The name of the outcome of a score; None where the score could not be trusted.
Choose = Callable[[float | None], str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that comes out otherwise than it was recorded."""

    name: str
    recorded: object
    recomputed: object


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision made again; without a difference it is the same."""

    decision_id: str
    differences: tuple[Difference, ...]

    @property
    def is_same(self) -> bool:
        """Whether everything came out as it was recorded."""
        return not self.differences


def replay(
    decision: Decision,
    *,
    events: TableContract,
    feature_names: tuple[str, ...],
    request_features: frozenset[str],
    model: ScoringModel,
    compute: Compute,
    choose: Choose,
) -> Replay:
    """
    Make a decision again with the model version that made it.

    Args:
        decision: As the ledger keeps it.
        events: The contract of the events it was made about.
        feature_names: The model's features, in order.
        request_features: Those that are computed from the event and the others.
        model: The version that is recorded.
        compute: Computes the request features.
        choose: The policy.
    """
    recorded = {name: _number(value) for name, value in decision.features.items()}
    missing = [Difference(f"feature {name}", None, "needed") for name in feature_names if name not in recorded]
    if missing:
        return Replay(decision.decision_id, tuple(missing))
    served = {name: value for name, value in recorded.items() if name not in request_features}
    values = served | dict(compute(event_values(decision, events), served))
    row = np.array([values[name] for name in feature_names], dtype=np.float64)
    raw = float(model.predict(row.reshape(1, -1))[0])
    score = raw if math.isfinite(raw) else None
    outcome = choose(None if decision.basis == "safe_outcome" else score)
    # what was released at random has the outcome of the draw; the policy chose what it would have been
    chosen = decision.choice.get("exploration", {}).get("would_be", decision.outcome)
    found: list[tuple[str, object, object]] = [
        (f"feature {name}", recorded[name], values[name]) for name in feature_names
    ]
    found += [("score", decision.score, score), ("outcome", chosen, outcome)]
    return Replay(decision.decision_id, tuple(Difference(*each) for each in found if not _is_same(each[1], each[2])))


def event_values(decision: Decision, events: TableContract) -> dict[str, Any]:
    """The event's columns as they were when it was decided; ``observed_at`` is the decision's instant."""
    values = {
        name: _parsed(events.columns[name].type, value)
        for name, value in decision.event.items()
        if name in events.columns
    }
    return {**values, "observed_at": decision.decided_at}


def _parsed(kind: str, value: object) -> object:
    if isinstance(value, str) and kind == "timestamp":
        return datetime.fromisoformat(value)
    return Decimal(value) if isinstance(value, str) and kind.startswith("decimal") else value


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _is_same(recorded: object, recomputed: object) -> bool:
    both_missing = recorded != recorded and recomputed != recomputed  # noqa: PLR0124 - NaN is what does not equal itself
    return recorded == recomputed or both_missing
