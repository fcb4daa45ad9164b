"""Choose among a domain's declared outcomes."""

from __future__ import annotations

import math

from riskloom.catalog import Domain, Outcome


def choose_outcome(domain: Domain, score: float | None, threshold: float, *, is_probability: bool = True) -> Outcome:
    """
    Choose the outcome of a score: the last declared one whose ``from_score`` is reached.

    Args:
        domain: Declares the outcomes, mildest first, and the safe one.
        score: Calibrated probability; None or not finite where no score can be trusted, which is the safe outcome.
        threshold: The model's own, for the outcome that is declared from ``"threshold"``.
        is_probability: False where the score says how unusual a subject is and not how likely it is bad: then nothing
            harder than the outcome from ``"threshold"`` is chosen.
    """
    if score is None or not math.isfinite(score):
        return next(outcome for outcome in domain.outcome if outcome.name == domain.serving.safe_outcome)
    reached = []
    for outcome in domain.outcome:
        if score >= (threshold if outcome.from_score == "threshold" else outcome.from_score):
            reached.append(outcome)
        if outcome.from_score == "threshold" and not is_probability:
            break
    # The first outcome is declared from 0; a score below 0 by rounding still belongs to it.
    return reached[-1] if reached else domain.outcome[0]
