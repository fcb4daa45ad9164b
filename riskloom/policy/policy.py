"""Choose the declared outcome of least expected cost (Elkan 2001, «The Foundations of Cost-Sensitive Learning»)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from riskloom.catalog import CostTerms, Domain
from riskloom.errors import PolicyError
from riskloom.policy.change import Change, amount_below, probability_below
from riskloom.policy.choice import Choice, Said

FloatArray = NDArray[np.float64]
_DIGITS = 12
#: Changes when the same declaration is to mean another decision.
_METHOD = "least expected cost, 1"
_NOBODY: Said = {}


def policy_version(domain: Domain) -> str:
    """A digest of everything that is declared and decides: costs, outcomes, releases, answers without a probability."""
    deciding = {
        "method": _METHOD,
        "costs": domain.costs.model_dump(mode="json"),
        "outcome": [outcome.model_dump(mode="json", exclude={"description"}) for outcome in domain.outcome],
        "policy": domain.policy.model_dump(mode="json"),
        "serving": domain.serving.model_dump(mode="json"),
    }
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:_DIGITS]


class CostPolicy:
    """
    The policy of one domain: pure, and the same for one decision in service as for many in training.

    Args:
        domain: Declares costs and outcomes, mildest first.

    Attributes:
        version: See :func:`policy_version`.
        domain: The declaration.
        names: Of the outcomes, mildest first.
        terms: Their costs, in the same order.
    """

    def __init__(self, domain: Domain) -> None:
        self.version = policy_version(domain)
        self.domain = domain
        self.names = tuple(outcome.name for outcome in domain.outcome)
        self.terms = tuple(CostTerms.of(domain.costs, outcome) for outcome in domain.outcome)
        self._all = tuple(range(len(self.names)))
        self._safe = self.names.index(domain.serving.safe_outcome)
        self._unusual = self.names.index(domain.serving.unusual_outcome)

    def choose(
        self,
        score: float | None,
        amount: float,
        *,
        threshold: float | None = None,
        forced: Said = _NOBODY,
        forbidden: Said = _NOBODY,
    ) -> Choice:
        """
        Choose the outcome of one subject.

        The hardest outcome that is forced and not forbidden holds. Otherwise, of those that are not forbidden, the one
        of least expected cost; of equal costs the mildest. Where that is not to be had (no score, no amount, a score
        that is no probability), the outcome that holds then, or the next harder one that is not forbidden, or the next
        milder. Where everything is forbidden, the safe outcome.

        Args:
            score: Calibrated probability; None or not finite where no score can be trusted.
            amount: At stake, in the domain's currency; where it is not a number from 0 on, no cost can be expected.
            threshold: Given where the score says how unusual a subject is and not how likely it is bad: from there on
                the declared ``unusual_outcome`` holds, and the mildest below.
            forced: Outcomes that rules force, with the rules' ids.
            forbidden: Outcomes that rules forbid, with the rules' ids.

        Raises:
            PolicyError: A rule speaks of an outcome that the domain does not declare.
        """
        if not forced and not forbidden:
            return self._weigh(score, amount, threshold, self._all)
        self._check(forced, forbidden)
        allowed = tuple(index for index in self._all if self.names[index] not in forbidden)
        if allowed:
            choice = self._weigh(score, amount, threshold, allowed)
        else:
            choice = self._without_cost(self._safe, "safe_outcome", self._all)
        hardest = next((index for index in reversed(allowed) if self.names[index] in forced), None)
        if hardest is not None:
            name = self.names[hardest]
            choice = replace(choice, outcome=name, basis="rule", is_mildest=hardest == 0, forced_by=tuple(forced[name]))
        unruled = self._weigh(score, amount, threshold, self._all).outcome
        change = None
        if not choice.is_mildest:
            known = Change() if hardest is not None or choice.changed_by is None else choice.changed_by
            change = replace(known, without_rules=None if unruled == choice.outcome else unruled)
        return replace(choice, forbidden_by={name: tuple(ids) for name, ids in forbidden.items()}, changed_by=change)

    def choose_rows(
        self, scores: FloatArray, amounts: FloatArray, *, threshold: float | None = None
    ) -> NDArray[np.intp]:
        """
        Choose the outcomes of many subjects of whom no rule says anything; row by row the same as :meth:`choose`.

        Args:
            scores: Calibrated probabilities, shape (rows,).
            amounts: At stake, shape (rows,).
            threshold: As for one subject.

        Returns:
            The position of each row's outcome, 0 being the mildest; shape (rows,).
        """
        if threshold is not None:
            chosen = np.where(scores >= threshold, self._unusual, 0)
            return np.where(np.isfinite(scores), chosen, self._safe)
        with np.errstate(invalid="ignore"):  # what is not finite gets the safe outcome below
            costs = np.stack([terms.expected(scores, amounts) for terms in self.terms], axis=1)
        is_known = np.isfinite(scores) & np.isfinite(amounts) & (amounts >= 0)
        return np.where(is_known, costs.argmin(axis=1), self._safe)

    def _weigh(self, score: float | None, amount: float, threshold: float | None, allowed: Sequence[int]) -> Choice:
        if score is None or not math.isfinite(score):
            return self._without_cost(self._safe, "safe_outcome", allowed)
        if threshold is not None:
            return self._compare(score, threshold, allowed)
        if not 0 <= amount < math.inf:
            return self._without_cost(self._safe, "safe_outcome", allowed)
        costs = [terms.expected(score, amount) for terms in self.terms]
        chosen = min(allowed, key=costs.__getitem__)
        return Choice(
            outcome=self.names[chosen],
            basis="expected_cost",
            is_mildest=chosen == 0,
            expected_costs=dict(zip(self.names, costs, strict=True)),
            changed_by=self._change(chosen, allowed, score, amount) if chosen else None,
        )

    def _change(self, chosen: int, allowed: Sequence[int], probability: float, amount: float) -> Change:
        milder = [self.terms[index] for index in allowed if index < chosen]
        others = [self.terms[index] for index in allowed if index >= chosen]
        if not milder:
            return Change()
        return Change(
            probability_below=probability_below(milder, others, probability=probability, amount=amount),
            amount_below=amount_below(milder, others, probability=probability, amount=amount),
        )

    def _compare(self, score: float, threshold: float, allowed: Sequence[int]) -> Choice:
        is_unusual = score >= threshold
        choice = self._without_cost(self._unusual if is_unusual else 0, "threshold", allowed)
        milder = self._nearest(0, allowed)
        if is_unusual and choice.outcome != self.names[milder]:
            return replace(choice, changed_by=Change(score_below=threshold))
        return choice

    def _without_cost(self, wanted: int, basis: Literal["threshold", "safe_outcome"], allowed: Sequence[int]) -> Choice:
        chosen = self._nearest(wanted, allowed)
        return Choice(outcome=self.names[chosen], basis=basis, is_mildest=chosen == 0)

    @staticmethod
    def _nearest(wanted: int, allowed: Sequence[int]) -> int:
        """What is wanted, or else the next harder, or else the next milder."""
        return next((index for index in allowed if index >= wanted), allowed[-1])

    def _check(self, *said: Collection[str]) -> None:
        for name in sorted({name for names in said for name in names}.difference(self.names)):
            raise PolicyError(
                f"{self.domain.name}: rules force or forbid an outcome: expected one of {', '.join(self.names)}, "
                f"found {name!r}"
            )
