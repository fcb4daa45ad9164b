"""
What people do with a case: each is a form that is sent, and leads back to the case's page.

A step that another person made impossible answers with the page as it is now, what happened, and what was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import cast, get_args
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from riskloom.errors import LedgerError, RefusedStepError, RepeatedKeyError, StaleError, TakenError
from riskloom.ledger import cases
from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.labels import give_verdict, withdraw_label
from riskloom.ledger.queries import case_file
from riskloom.ledger.schema import LinkKind
from services.console.conflicts import explain
from services.console.pages.cases import SNOOZES, page
from services.console.pages.problems import typed_in
from services.console.verdict_form import read_details
from services.console.visit import Visit

_CONFLICTS = (TakenError, StaleError, RefusedStepError, RepeatedKeyError)
_VERSION, _NEVER = re.compile("[0-9]{1,9}"), -1
_CHOICES = {"yes": True, "no": False}


def claim(visit: Visit) -> Response:
    """Take the case."""
    return _do(visit, lambda desk, case: cases.claim(desk, case, version=_version(visit)), done="claimed")


def take_over(visit: Visit) -> Response:
    """Take the case from who has it."""
    if not (reason := visit.form.get("reason", "").strip()):
        return _incomplete(visit, "take_over.reason", "Say why: whoever has the case wants to know.")
    return _do(
        visit,
        lambda desk, case: cases.take_over(desk, case, version=_version(visit), reason=reason),
        done="taken_over",
    )


def release(visit: Visit) -> Response:
    """Give the case back."""
    return _do(visit, lambda desk, case: cases.release(desk, case, version=_version(visit)), done="released")


def snooze(visit: Visit) -> Response:
    """Put the case away for one of the times there are."""
    hours = visit.form.get("hours", "")
    if hours not in SNOOZES:
        return _incomplete(visit, "hours", "Choose for how long.")
    if not (reason := visit.form.get("reason", "").strip()):
        return _incomplete(visit, "snooze.reason", "Say why: whoever sees it next wants to know.")
    until = visit.at + timedelta(hours=int(hours))
    return _do(
        visit,
        lambda desk, case: cases.snooze(desk, case, version=_version(visit), until=until, reason=reason),
        done="snoozed",
    )


def escalate(visit: Visit) -> Response:
    """Hand the case up."""
    if not (reason := visit.form.get("reason", "").strip()):
        return _incomplete(visit, "escalate.reason", "Say why: whoever takes it wants to know.")
    return _do(
        visit, lambda desk, case: cases.escalate(desk, case, version=_version(visit), reason=reason), done="escalated"
    )


def note(visit: Visit) -> Response:
    """Write about the case."""
    text = visit.form.get("text", "").strip()
    if not text:
        return _incomplete(visit, "text", "Write something first.")
    note_id = visit.console.new_id()
    return _do(visit, lambda desk, case: cases.add_note(desk, case, note_id=note_id, text=text), done="noted")


def link(visit: Visit) -> Response:
    """Say that another case belongs to this one."""
    other, kind = visit.form.get("other", "").strip(), visit.form.get("kind", "")
    if not other or kind not in get_args(LinkKind):
        return _incomplete(visit, "other", "Give the other case's identifier, as its page shows it.")
    reason = visit.form.get("reason", "").strip()
    return _do(
        visit,
        lambda desk, case: cases.link(desk, case, other, kind=cast("LinkKind", kind), reason=reason),
        done="linked",
    )


def merge(visit: Visit) -> Response:
    """Make a linked case part of this one; both as they were seen."""
    other, other_version = visit.form.get("other", ""), _whole(visit.form.get("other_version"))
    return _do(
        visit,
        lambda desk, case: cases.merge(desk, other, case, version=other_version, into_version=_version(visit)),
        done="merged",
    )


def decide(visit: Visit) -> Response:
    """Close the case with what turned out to be true; the same form sent twice is one verdict."""
    choice, reason = visit.form.get("verdict", ""), visit.form.get("reason", "").strip()
    with reading(visit.console.engine) as session:
        domain = visit.console.domains[case_file(session, visit.path("case_id")).case.domain]
    details, wrong = read_details(domain, visit.form, pseudonym_key=visit.console.controls.pseudonym_key)
    if choice not in _CHOICES:
        wrong["verdict"] = "Choose what it was."
    if not reason:
        wrong["verdict.reason"] = "Say why: it stands in the case and beside the label."
    if wrong:
        return page(visit, visit.path("case_id"), status=422, wrong=wrong)
    return _do(
        visit,
        lambda desk, case: give_verdict(
            desk,
            case,
            version=_version(visit),
            is_positive=_CHOICES[choice],
            reason=reason,
            maturity=domain.label.maturity,
            details=details,
            key=visit.form.get("key", ""),
        ),
        done="decided",
    )


def withdraw(visit: Visit) -> Response:
    """Take a label of the case back."""
    return _do(visit, lambda desk, _: withdraw_label(desk, visit.form.get("label", "")), done="withdrawn")


def _do(visit: Visit, run: Callable[[Desk, str], object], *, done: str) -> Response:
    case_id, engine = visit.path("case_id"), visit.console.engine
    try:
        with writing(engine) as session:
            run(visit.desk(session), case_id)
    except _CONFLICTS as error:
        return _conflict(visit, case_id, error)
    return RedirectResponse(f"/cases/{quote(case_id)}?done={done}", status_code=303)


def _conflict(visit: Visit, case_id: str, error: LedgerError) -> Response:
    with reading(visit.console.engine) as session:
        notice = explain(session, case_id, error, typed_in(visit.form))
    return page(visit, case_id, status=409, notice=notice)


def _incomplete(visit: Visit, field: str, problem: str) -> Response:
    return page(visit, visit.path("case_id"), status=422, wrong={field: problem})


def _version(visit: Visit) -> int:
    return _whole(visit.form.get("version"))


def _whole(text: str | None) -> int:
    """A version as a form has it; anything else is one that never was, which the ledger calls stale."""
    is_version = text is not None and _VERSION.fullmatch(text)
    return int(text) if text is not None and is_version else _NEVER
