"""What somebody is told whose step with a rule or list was not done: what happened meanwhile, and what one can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from riskloom.errors import LedgerError, MovedError, RefusedStepError
from riskloom.lifecycle.stages import rule_history
from services.console.rule_dossier import Step, steps_of

_LATEST = 5


@dataclass(frozen=True, slots=True)
class StepNotice:
    """
    Why a step was not done.

    Attributes:
        title: What is the matter, in one sentence.
        advice: What one can do.
        steps: What others did with the rule meanwhile, the oldest first.
        typed: What was typed, by field.
    """

    title: str
    advice: str
    steps: tuple[Step, ...] = ()
    typed: Mapping[str, str] = field(default_factory=dict)


def explain_rule(
    session: Session, domain: str, rule_id: str, error: LedgerError, *, typed: Mapping[str, str], seen: int | None
) -> StepNotice:
    """
    Say why a step with a rule was not done.

    Args:
        session: Of a reading transaction.
        domain: The rule's.
        rule_id: Which rule.
        error: What the lifecycle said.
        typed: The texts of the form that was sent.
        seen: How many steps had been taken with the rule when its page was opened.
    """
    steps = steps_of(rule_history(session, domain, rule_id))
    since = tuple(step for step in steps if seen is not None and step.number > seen)[:_LATEST][::-1]
    if isinstance(error, MovedError):
        title = "It was moved since you opened this page, so nothing was done."
        advice = "Below it is as it is now. Look at what is new, then send your step again."
        return StepNotice(title, advice, since, typed)
    if isinstance(error, RefusedStepError) and "second person" in str(error):
        return StepNotice("This needs somebody else.", f"{error}.", since, typed)
    return StepNotice("This step cannot be done.", f"{error}.", since, typed)
