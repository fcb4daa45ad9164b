"""
What people do with a rule: each is a form that is sent, and leads back to the rule's page.

Every form says how many steps had been taken with the rule when its page was opened. Where there were more since,
nothing is done, and the answer says what they were.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, cast, get_args
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from riskloom.errors import LedgerError, MovedError, RefusedStepError
from riskloom.ledger.database import reading
from riskloom.ledger.desk import Desk
from riskloom.ledger.schema import RuleStage
from riskloom.lifecycle import stages
from riskloom.lifecycle.approvals import propose
from riskloom.lifecycle.shadow import shadow_results
from riskloom.lifecycle.transitions import Placement, needs_approval
from riskloom.lifecycle.trials import backtests_of
from riskloom.lifecycle.versions import get_version, sync_versions
from riskloom.rules.book import rule_files
from services.console.pages.problems import typed_in
from services.console.pages.rules import page, trial_of
from services.console.rendering import render
from services.console.rule_notices import explain_rule
from services.console.trials import Order
from services.console.visit import Visit

_NEVER = -1
_SHOWN_OF_BACKTEST = ("start", "end", "hits", "alerts_per_day", "precision", "recall", "honest_entities_hit")


def move(visit: Visit) -> Response:
    """Take a step, or propose it where it needs a second person."""
    stage, reason = visit.form.get("stage", ""), visit.form.get("reason", "").strip()
    version = visit.whole("version")
    if stage not in get_args(RuleStage) or version is None:
        return _incomplete(visit, "stage", "Choose where it should go.")
    try:
        to = Placement(cast("RuleStage", stage), visit.whole("percent") if stage == "rollout" else None)
    except RefusedStepError:
        return _incomplete(visit, f"{stage}.percent", "Expected a whole number of percent, 1 to 99.")
    if not reason:
        return _incomplete(visit, f"{stage}.reason", "Say why: it stands in the history.")
    domain, rule_id = _rule(visit)
    evidence = _evidence(visit, domain, rule_id, version)

    def run(desk: Desk) -> str:
        state = stages.expect_step(desk, domain, rule_id, _seen(visit))
        if not needs_approval(state.placement(version), to):
            stages.move(desk, domain, rule_id, version, to, reason=reason)
            return "moved"
        name = visit.console.new_id()
        propose(desk, domain, rule_id, version, to, approval_id=name, reason=reason, evidence=evidence)
        return "proposed"

    return _do(visit, run, version=version)


def rollback(visit: Visit) -> Response:
    """Take the last step back."""
    if not (reason := visit.form.get("reason", "").strip()):
        return _incomplete(visit, "rollback.reason", "Say why: it stands in the history.")
    domain, rule_id = _rule(visit)

    def run(desk: Desk) -> str:
        stages.expect_step(desk, domain, rule_id, _seen(visit))
        stages.rollback(desk, domain, rule_id, reason=reason)
        return "rolled_back"

    return _do(visit, run)


def keep_files(visit: Visit) -> Response:
    """Keep the rules and scenarios in the domain's files as versions, as ``riskloom rules sync`` does."""
    domain = visit.domain(visit.path("domain"))
    schema = visit.console.vocabularies.of(domain).schema
    with visit.console.controls.commanding(domain.name, visit.who.name) as desk:
        sync_versions(desk, domain.name, rule_files(domain.folder), schema=schema)
    return RedirectResponse("/rules?done=kept", status_code=303)


def backtest(visit: Visit) -> Response:
    """Put a back-test of a version into the queue; the page then says how far it is."""
    domain, rule_id = _rule(visit)
    version = visit.whole("version") or _NEVER
    with reading(visit.console.engine) as session:
        get_version(session, domain, rule_id, version)
    try:
        start, end = (_day(visit.form.get(name, "")) for name in ("from", "to"))
    except ValueError:
        return _incomplete(visit, "period", "Expected days such as 2026-03-01.")
    if start is not None and end is not None and start >= end:
        return _incomplete(visit, "period", "Expected a first day before the last.")
    order = Order(domain, rule_id, version, visit.who.name, start, end, with_model="model" in visit.form)
    try:
        asked = visit.console.trials.ask(visit.console.new_id(), order)
    except RefusedStepError as error:
        return _refused(visit, error)
    return RedirectResponse(
        f"/rules/{domain}/{quote(rule_id)}?version={version}&trial={asked.trial_id}#backtests", status_code=303
    )


def trial(visit: Visit) -> Response:
    """How far a back-test is, for a page that asks again and again; once it is over the page is loaded anew."""
    domain, rule_id = _rule(visit)
    found = trial_of(visit, domain, rule_id)
    answer = render(visit, "_trial.html", trial=found, domain=visit.domain(domain), rule_id=rule_id)
    if getattr(found, "state", None) == "done":
        answer.headers["HX-Refresh"] = "true"
    return answer


def _do(visit: Visit, run: Callable[[Desk], str], *, version: int | None = None) -> Response:
    domain, rule_id = _rule(visit)
    try:
        with visit.console.controls.commanding(domain, visit.who.name) as desk:
            done = run(desk)
    except (MovedError, RefusedStepError) as error:
        return _refused(visit, error)
    shown = f"version={version}&" if version is not None else ""
    return RedirectResponse(f"/rules/{domain}/{quote(rule_id)}?{shown}done={done}", status_code=303)


def _refused(visit: Visit, error: LedgerError) -> Response:
    domain, rule_id = _rule(visit)
    with reading(visit.console.engine) as session:
        notice = explain_rule(session, domain, rule_id, error, typed=typed_in(visit.form), seen=visit.whole("step"))
    return page(visit, domain, rule_id, status=409, notice=notice)


def _incomplete(visit: Visit, field: str, problem: str) -> Response:
    return page(visit, *_rule(visit), status=422, wrong={field: problem})


def _rule(visit: Visit) -> tuple[str, str]:
    return visit.domain(visit.path("domain")).name, visit.path("rule_id")


def _seen(visit: Visit) -> int:
    """The step that the form was made at; anything else is one that never was, so the rule has moved since."""
    seen = visit.whole("step")
    return _NEVER if seen is None else seen


def _day(text: str) -> date | None:
    return date.fromisoformat(text.strip()) if text.strip() else None


def _evidence(visit: Visit, domain: str, rule_id: str, version: int) -> dict[str, Any]:
    """What is known of a version, for who has to approve it: its newest back-test and what it did in shadow."""
    with reading(visit.console.engine) as session:
        results = [each for each in shadow_results(session, domain, rule_id) if each.version == version]
        kept = backtests_of(session, domain, rule_id, version)[:1]
        tried = [{name: each.report.get(name) for name in _SHOWN_OF_BACKTEST} for each in kept]
    shadow = results[0].evidence() if results else {}
    return {**shadow, **({"backtest": tried[0]} if tried else {})}
