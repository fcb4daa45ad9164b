"""Write a rule or scenario or its next version: a text, the names it may use, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote

from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from riskloom.catalog import Domain
from riskloom.errors import CatalogError, MovedError, NotInLedgerError, RefusedStepError
from riskloom.ledger.database import reading
from riskloom.ledger.desk import Desk
from riskloom.ledger.schema import RuleKind
from riskloom.lifecycle.stages import expect_step, rule_state, rule_states
from riskloom.lifecycle.versions import digests_of, get_version, source_digest, write_version
from services.console.drafting import TYPED, Problem, check_draft, clean, new_rule, new_scenario, problems_of
from services.console.pages.problems import typed_in
from services.console.rendering import render
from services.console.rule_list import leading_version
from services.console.rule_notices import StepNotice, explain_rule
from services.console.scenario_parts import scored_rules
from services.console.visit import Visit


@dataclass(frozen=True, slots=True)
class Draft:
    """
    What stands in the editor.

    Attributes:
        domain: Whose it is.
        kind: What it is meant to be; what it is follows from its text.
        source: The text.
        rule_id: Whose next version it is to be; None of a new one.
        step: How many steps had been taken with that when its author saw it.
        reason: Why it is written.
    """

    domain: Domain
    kind: RuleKind
    source: str
    rule_id: str | None = None
    step: int = 0
    reason: str = ""


def edit(visit: Visit) -> Response:
    """A new rule or scenario, or a version of one as the beginning of the next."""
    domain, rule_id = visit.domain(visit.path("domain")), visit.asked("rule")
    with reading(visit.console.engine) as session:
        draft = _new(visit, session, domain) if rule_id is None else _next(visit, session, domain, rule_id)
    return _page(visit, draft)


def check(visit: Visit) -> Response:
    """Say what is wrong with a text; nothing is kept."""
    draft = _typed(visit)
    problems = _problems(visit, draft)
    if visit.request.headers.get("hx-request") == "true":
        return render(visit, "_problems.html", problems=problems, is_checked=True, draft=draft)
    return _page(visit, draft, problems=problems, is_checked=True)


def save(visit: Visit) -> Response:
    """Keep a text as the next version, a draft."""
    draft = _typed(visit)
    if problems := _problems(visit, draft):
        return _page(visit, draft, status=422, problems=problems)
    if not draft.reason:
        return _page(visit, draft, status=422, wrong={"reason": "Say why: it stands in the history."})
    name, source = draft.domain.name, draft.source
    schema = visit.console.vocabularies.of(draft.domain).schema
    try:
        with visit.console.controls.commanding(name, visit.who.name) as desk:
            _expect(desk, draft)
            written = write_version(desk, name, source, file=TYPED, schema=schema, reason=draft.reason)
    except (MovedError, RefusedStepError) as error:
        return _conflict(visit, draft, error)
    except CatalogError as error:  # a rule that a scenario counts on went since it was checked
        return _page(visit, draft, status=422, problems=problems_of(error, source))
    version = written.version
    done = "drafted" if written.is_new else "known"
    address = f"/rules/{name}/{quote(version.rule_id)}?version={version.version}&done={done}"
    return RedirectResponse(address, status_code=303)


def _new(visit: Visit, session: Session, domain: Domain) -> Draft:
    if _kind(visit.asked("kind")) == "scenario":
        return Draft(domain, "scenario", new_scenario(domain, scored_rules(session, domain.name)))
    return Draft(domain, "rule", new_rule(domain))


def _next(visit: Visit, session: Session, domain: Domain, rule_id: str) -> Draft:
    state = rule_state(session, domain.name, rule_id)
    if state.placements:
        number = visit.asked_whole("version") or leading_version(state)
        version = get_version(session, domain.name, rule_id, number)
        return Draft(domain, version.kind, version.source, rule_id, state.step)
    file = visit.console.rules.of(domain).files.get(rule_id)
    if file is None:
        raise NotInLedgerError("rule", rule_id)
    return Draft(domain, file.kind, file.source, rule_id)


def _typed(visit: Visit) -> Draft:
    form = visit.form
    return Draft(
        domain=visit.domain(visit.path("domain")),
        kind=_kind(form.get("kind")),
        source=clean(form.get("source", "")),
        rule_id=form.get("rule") or None,
        step=visit.whole("step") or 0,
        reason=form.get("reason", "").strip(),
    )


def _kind(asked: str | None) -> RuleKind:
    return "scenario" if asked == "scenario" else "rule"


def _problems(visit: Visit, draft: Draft) -> tuple[Problem, ...]:
    name, schema = draft.domain.name, visit.console.vocabularies.of(draft.domain).schema
    with reading(visit.console.engine) as session:
        taken = {state.rule_id for state in rule_states(session, name)}
        if _is_known(session, draft):  # the same form sent twice is one version
            taken = set()
        try:
            check_draft(session, name, draft.source, schema, edited=draft.rule_id, taken=taken)
        except CatalogError as error:
            return problems_of(error, draft.source)
    return ()


def _is_known(session: Session, draft: Draft) -> bool:
    digest = source_digest(draft.source)
    return any(digest in digests for digests in digests_of(session, draft.domain.name).values())


def _expect(desk: Desk, draft: Draft) -> None:
    """See that what is edited is as its author saw it; what stands in a file only was never moved."""
    if draft.rule_id is None or _is_known(desk.session, draft):
        return
    if draft.step or rule_state(desk.session, draft.domain.name, draft.rule_id).placements:
        expect_step(desk, draft.domain.name, draft.rule_id, draft.step)


def _conflict(visit: Visit, draft: Draft, error: MovedError | RefusedStepError) -> Response:
    """The editor with what was typed; sent again it is about the rule as it is now."""
    domain, rule_id = draft.domain.name, draft.rule_id or ""
    with reading(visit.console.engine) as session:
        notice = explain_rule(session, domain, rule_id, error, typed=typed_in(visit.form), seen=draft.step)
        present = rule_state(session, domain, rule_id).step
    return _page(visit, replace(draft, step=present), status=409, notice=notice)


def _page(
    visit: Visit,
    draft: Draft,
    *,
    status: int = 200,
    problems: tuple[Problem, ...] = (),
    is_checked: bool = False,
    wrong: dict[str, str] | None = None,
    notice: StepNotice | None = None,
) -> Response:
    with reading(visit.console.engine) as session:
        scored = scored_rules(session, draft.domain.name) if draft.kind == "scenario" else {}
    return render(
        visit,
        "draft.html",
        status=status,
        domain=draft.domain,
        draft=draft,
        vocabulary=visit.console.vocabularies.of(draft.domain),
        scored=scored,
        problems=problems,
        is_checked=is_checked,
        wrong=wrong or {},
        notice=notice,
    )
