"""From an event to a decision that is written down and answered."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from riskloom.catalog import Domain
from riskloom.contracts.rows import STAMPED
from riskloom.errors import LedgerError
from riskloom.ledger import Outbox
from riskloom.lifecycle.active import NOTHING, Judgement
from riskloom.policy import Basis, Change, Choice, CostPolicy, Exploration, Releases, Said
from riskloom.pseudonyms import Pseudonyms
from riskloom.rules import Facts
from services.scoring.champions import Champion, Champions
from services.scoring.features import Freshness, GuardedFeatures, Reading
from services.scoring.judging import RuleHit, Shadow, rules_hit, shadow_of
from services.scoring.ports import Backend, Matrix
from services.scoring.reasons import ReasonsDesk
from services.scoring.rules import RulesInService
from services.scoring.shadowing import Shadows
from services.web.problems import RefusalError

REASONS = 5
Stage = Literal["lookup", "model", "rules", "ledger"]
_RETRY = {"Retry-After": "1"}


class Reason(BaseModel):
    """A feature that raised the score."""

    model_config = ConfigDict(frozen=True)

    feature: str
    value: float | None = Field(description="Null where it was missing.")
    contribution: float = Field(description="How far it moved the score, in log-odds before calibration.")
    description: str


class Decision(BaseModel):
    """The answer to one event."""

    model_config = ConfigDict(frozen=True)

    decision_id: str = Field(description="Names this decision; the same event again is another decision.")
    subject: str = Field(description="The key of what was scored.")
    score: float | None = Field(description="Calibrated probability; null where the model gave none.")
    outcome: str = Field(description="One of the domain's declared outcomes.")
    basis: Basis = Field(
        description="expected_cost: it costs least; threshold: the score says how unusual the subject is; rule: a rule "
        "forced it; safe_outcome: the score cannot be trusted (feature store unreachable, no score), so the declared "
        "safe outcome holds; exploration: released at random."
    )
    expected_costs: dict[str, float] | None = Field(
        description="What each outcome costs in expectation, in the domain's currency; null for the mildest outcome "
        "and where there was no probability."
    )
    changed_by: Change | None = Field(
        description="What would have made the outcome milder; null for the mildest and for the safe one."
    )
    exploration: Exploration | None = Field(description="Where the subject was released at random; null otherwise.")
    reasons: tuple[Reason, ...] = Field(
        description="What raised the score most, largest first; empty for the mildest outcome and for the safe one."
    )
    reasons_left_out: bool = Field(
        description="It was answered without the reasons it should have, as too many were flagged at once."
    )
    rules_hit: tuple[RuleHit, ...] = Field(
        description="The rules and scenarios that hit and have effect on this subject."
    )
    shadow: Shadow | None = Field(description="What those in shadow would have done; null where none of them hit.")
    model_version: str
    policy_version: str = Field(description="A digest of the declared costs and outcomes that decided.")
    rules_version: str | None = Field(description="Of rules and lists in force; null where none were published.")
    features: dict[str, Freshness] = Field(description="By feature view, how fresh its values were.")
    degraded: bool = Field(description="A view of an entity that the event names was stale or missing.")
    decided_at: datetime = Field(description="When the event was observed and decided (UTC).")


@dataclass(frozen=True, slots=True)
class Begun:
    """
    An event that was counted and whose features are known, before its score.

    ``row`` is what the model takes, ``values`` are all features by name, ``started`` is when work on it began and
    ``looked_up`` when the store had answered.
    """

    event: Mapping[str, Any]
    reading: Reading
    champion: Champion
    row: Matrix
    values: Mapping[str, float]
    started: float
    looked_up: float


@dataclass(frozen=True, slots=True)
class Scored:
    """
    What the model said: the row it saw and the score, None where it gave no number.

    ``values`` are all features by name, also those that the model does not take.
    """

    row: Matrix
    score: float | None
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ruled:
    """What the rules in service said, of which facts."""

    judgement: Judgement
    facts: Facts
    version: str | None


class Decider:
    """
    Decide the events of one domain.

    Args:
        domain: Its declaration.
        champions: Who is in service.
        rules: The rules in service.
        features: Its online features.
        backend: Computes the features of the request.
        outbox: Where decisions are kept.
        pseudonyms: Of whom events are about.
        secret: Of the draw of releases.
        clock: The time, timezone-aware.
        ticks: Seconds that only go forward, for latency.
        new_id: A name for a decision, never the same twice.
        observe: Is told how many seconds each stage of a decision took.
        shadows: Score what was decided.
    """

    def __init__(
        self,
        domain: Domain,
        *,
        champions: Champions,
        rules: RulesInService,
        features: GuardedFeatures,
        backend: Backend,
        outbox: Outbox,
        pseudonyms: Pseudonyms,
        secret: bytes,
        clock: Callable[[], datetime],
        ticks: Callable[[], float],
        new_id: Callable[[], str],
        observe: Callable[[Stage, float], None],
        shadows: Shadows,
    ) -> None:
        self._domain = domain
        self._policy = CostPolicy(domain)
        self._releases = Releases(domain, secret=secret)
        self._champions = champions
        self._rules = rules
        self._features = features
        self._backend = backend
        self._outbox = outbox
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._ticks = ticks
        self._new_id = new_id
        self._observe = observe
        self._shadows = shadows
        self._desk = ReasonsDesk(domain.name)

    def close(self) -> None:
        """Let go of what computes reasons."""
        self._desk.close()

    async def decide(self, event: Mapping[str, Any]) -> Decision:
        """
        Decide one event, and keep the decision before it is answered.

        Args:
            event: Values by column of the domain's event table, without the time it was observed and what is joined.

        Raises:
            RefusalError: There is no model, or the decision could not be kept.
        """
        begun = await self.begin(event, now=self.now())
        return await self.finish(begun, begun.champion.model.predict_one(begun.row))

    def now(self) -> datetime:
        """The clock."""
        return self._clock()

    async def begin(self, event: Mapping[str, Any], *, now: datetime) -> Begun:
        """
        Count an event and learn its features, for a caller that scores it.

        Args:
            event: As of ``decide``.
            now: The clock; the decision's instant is this or later.

        Raises:
            RefusalError: There is no model, or the event cannot be counted.
        """
        started = self._ticks()
        event = self._pseudonyms.replace(event)  # before anything is computed, kept or answered
        champion = self._champion(event)
        event |= self._domain.event_table.joined_values(event)
        reading = await self._features.decide(event, champion.views, now=now)
        looked_up = self._ticks()
        values = self._values({**event, STAMPED: reading.at}, reading, champion)
        row = np.array([values[name] for name in champion.names], dtype=np.float64)
        return Begun(event, reading, champion, row, values, started, looked_up)

    async def finish(self, begun: Begun, score: float) -> Decision:
        """
        Decide an event with the model's score, and keep the decision.

        Raises:
            RefusalError: It could not be kept.
        """
        event, reading, champion = begun.event, begun.reading, begun.champion
        modelled = self._ticks()
        scored = Scored(begun.row, score if math.isfinite(score) else None, begun.values)
        is_trusted = scored.score is not None and (reading.is_reachable or not champion.views)
        ruled = self._rule(event, reading, scored, is_trusted=is_trusted)
        decision = await self._judge(event, reading, scored, champion, ruled, is_trusted=is_trusted)
        judged = self._ticks()
        self._keep(decision, event, scored, champion, judged - begun.started)
        self._observe("lookup", begun.looked_up - begun.started)
        self._observe("model", modelled - begun.looked_up)
        self._observe("rules", judged - modelled)
        self._observe("ledger", self._ticks() - judged)
        if is_trusted:
            self._shadows.offer(self._domain.name, decision, scored.values, self._staked(event), ruled.judgement)
        return decision

    def require_model(self) -> None:
        """Look whether anybody is in service; raises RefusalError."""
        if self._champions[self._domain.name].serving is None:
            raise self._without_model()

    def _champion(self, event: Mapping[str, Any]) -> Champion:
        """The model that decides this event; taken once, so that all of the decision is its own."""
        post, subject = self._champions[self._domain.name], self._domain.subject
        chosen = post.model_for(event, entity=subject.group, subject=subject.key)
        if chosen is None:
            raise self._without_model()
        return chosen

    def _without_model(self) -> RefusalError:
        trouble = self._champions[self._domain.name].trouble
        message = f"No model of {self._domain.name} is in service: {trouble}."
        return RefusalError("model_missing", message, headers=_RETRY)

    def _values(self, event: Mapping[str, Any], reading: Reading, champion: Champion) -> Mapping[str, float]:
        # Each view's features are there, NaN where unknown, so that what is computed from them is unknown as well.
        known = dict.fromkeys(champion.view_features, math.nan) | dict(reading.values)
        return known | dict(self._backend.compute(self._domain.name, event, known))

    def _choose(
        self,
        event: Mapping[str, Any],
        scored: Scored,
        champion: Champion,
        *,
        is_trusted: bool,
        forced: Said,
        forbidden: Said,
    ) -> Choice:
        return self._policy.choose(
            scored.score if is_trusted else None,
            self._staked(event),
            threshold=champion.model.manifest.unusual_from,
            forced=forced,
            forbidden=forbidden,
        )

    def _staked(self, event: Mapping[str, Any]) -> float:
        amount = event[self._domain.subject.amount]
        return math.nan if amount is None else float(amount)

    def _rule(self, event: Mapping[str, Any], reading: Reading, scored: Scored, *, is_trusted: bool) -> Ruled:
        """Evaluate the rules; a score that cannot be trusted is missing for them as well."""
        name, rules = self._domain.name, self._rules[self._domain.name].serving
        facts = Facts(
            event={**event, STAMPED: reading.at},
            features=scored.values,
            at=reading.at,
            score=scored.score if is_trusted else None,
            lists=rules.lists if rules else {},
        )
        if rules is None:
            return Ruled(NOTHING, facts, None)
        judgement = rules.judge(facts, event.get(self._domain.subject.group), self._rules.stopped(name))
        self._rules.count(name, judgement)
        return Ruled(judgement, facts, rules.version)

    async def _judge(
        self,
        event: Mapping[str, Any],
        reading: Reading,
        scored: Scored,
        champion: Champion,
        ruled: Ruled,
        *,
        is_trusted: bool,
    ) -> Decision:
        judgement = ruled.judgement
        choose = partial(self._choose, event, scored, champion, is_trusted=is_trusted)
        choice = self._releases.consider(
            choose(forced=judgement.forced(), forbidden=judgement.forbidden()),
            key=str(event[self._domain.subject.key]),
            amount=self._staked(event),
            day=reading.at.date(),
        )
        is_mild = choice.is_mildest and choice.exploration is None
        needs_reasons = not is_mild and choice.basis != "safe_outcome"
        # Contributions take about a millisecond: in a thread, so that other events do not wait for them.
        explain = partial(self._reasons, scored.row, champion)
        reasons = await self._desk.compute(explain) if needs_reasons else ()
        return Decision(
            decision_id=self._new_id(),
            subject=event[self._domain.subject.key],
            score=scored.score,
            outcome=choice.outcome,
            basis=choice.basis,
            expected_costs=None if is_mild or choice.expected_costs is None else dict(choice.expected_costs),
            changed_by=choice.changed_by,
            exploration=choice.exploration,
            reasons=reasons or (),
            reasons_left_out=reasons is None,
            rules_hit=rules_hit(judgement, ruled.facts),
            shadow=shadow_of(judgement, lambda forced, forbidden: choose(forced=forced, forbidden=forbidden).outcome),
            model_version=champion.version,
            policy_version=self._policy.version,
            rules_version=ruled.version,
            features=dict(reading.freshness),
            degraded=any(
                reading.freshness[view.name].status != "fresh"
                for view in champion.views
                # An event without a device, say, is not known less well for the device's features being missing.
                if event.get(view.join_key) is not None
            ),
            decided_at=reading.at,
        )

    def _reasons(self, row: Matrix, champion: Champion) -> tuple[Reason, ...]:
        described = (*(view.descriptions for view in champion.views), self._domain.request_features)
        return tuple(
            Reason(
                feature=name,
                value=_finite(float(row[champion.names.index(name)])),
                contribution=round(contribution, 6),
                description=next(texts[name] for texts in described if name in texts),
            )
            for name, contribution in champion.model.top_features(row, REASONS)
        )

    def _keep(
        self, decision: Decision, event: Mapping[str, Any], scored: Scored, champion: Champion, seconds: float
    ) -> None:
        record = {
            **decision.__dict__,
            "domain": self._domain.name,
            "entity": event.get(self._domain.subject.group),
            "amount": event.get(self._domain.subject.amount),
            "effective_at": event.get("effective_at"),
            "features": dict(zip(champion.names, scored.row.tolist(), strict=True)),
            "freshness": decision.features,
            "latency_ms": round(seconds * 1000, 3),
            "event": event,
        }
        try:
            self._outbox.append(record)
        except LedgerError as error:
            message = "The decision could not be written down, so none was made."
            raise RefusalError("decision_not_recorded", message, headers=_RETRY) from error


def _finite(value: float) -> float | None:
    """A number as JSON has it: null where it is not finite."""
    return value if math.isfinite(value) else None
