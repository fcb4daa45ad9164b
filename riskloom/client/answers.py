"""What the service answers, typed; fields that a later release adds are passed over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class FieldProblem(_Answer):
    """One thing wrong with one field."""

    field: str
    expected: str
    found: str


class Reason(_Answer):
    """A feature that raised the score: ``contribution`` is in log-odds before calibration."""

    feature: str
    value: float | None
    contribution: float
    description: str


class Freshness(_Answer):
    """How old the values of one feature view were."""

    observed_at: datetime | None
    age_seconds: float | None
    status: str


class Decision(_Answer):
    """
    The answer to one event.

    Attributes:
        decision_id: Names it; the same event scored again is another decision.
        subject: The key of what was scored.
        score: Calibrated probability; None where the model gave none.
        outcome: One of the domain's declared outcomes.
        basis: Why that one, such as ``expected_cost``, ``rule`` or ``safe_outcome``.
        degraded: Whether features were stale or missing.
        reasons_left_out: Whether it lacks the reasons it should have, as too many events were flagged at once.
        decided_at: When the event was observed and decided.
    """

    decision_id: str
    subject: str
    score: float | None
    outcome: str
    basis: str
    degraded: bool
    decided_at: datetime
    model_version: str
    policy_version: str
    rules_version: str | None = None
    reasons: tuple[Reason, ...] = ()
    reasons_left_out: bool = False
    features: Mapping[str, Freshness] = {}
    expected_costs: Mapping[str, float] | None = None
    changed_by: Mapping[str, Any] | None = None
    exploration: Mapping[str, Any] | None = None
    rules_hit: tuple[Mapping[str, Any], ...] = ()
    shadow: Mapping[str, Any] | None = None


class EventResult(_Answer):
    """
    What became of one event that was pushed.

    Attributes:
        key: The values of its table's key with a bar between them; None where it could not be read.
        status: ``duplicate``: it was accepted before. ``refused``: see ``errors``. ``unavailable``: it was not kept for
            certain, and sending it again is safe.
        observed_at: From when on it is known.
        streams: The streams of live windows that have counted it.
    """

    table: str
    key: str | None = None
    status: Literal["accepted", "duplicate", "refused", "unavailable"]
    observed_at: datetime | None = None
    streams: tuple[str, ...] = ()
    errors: tuple[FieldProblem, ...] = ()


class EventResults(_Answer):
    """The answer to a batch."""

    results: tuple[EventResult, ...]


class Problem(_Answer):
    """A refusal (RFC 9457)."""

    code: str
    status: int = 0
    title: str = ""
    detail: str = ""
    errors: tuple[FieldProblem, ...] = ()


class ScoreResult(_Answer):
    """What became of one event of a batch that was scored: a decision, or what it was refused with."""

    decision: Decision | None = None
    problem: Problem | None = None


class ScoreResults(_Answer):
    """The answer to a batch."""

    results: tuple[ScoreResult, ...]


class DomainReadiness(_Answer):
    """Whether a domain can be scored, with the model's version in service."""

    state: str
    serving: str | None = None


class Readiness(_Answer):
    """Whether requests should be sent there; ``not_ready`` is an answer, not an error."""

    state: str
    domains: Mapping[str, DomainReadiness]

    @property
    def is_ready(self) -> bool:
        """Whether events are answered; degraded ones are, too."""
        return self.state != "not_ready"
