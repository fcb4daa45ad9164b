"""Write a rule or its next version: a text, the names it may use, and what is wrong with it before it is kept."""

from __future__ import annotations

from urllib.parse import quote

from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from riskloom.catalog import Domain
from riskloom.errors import CatalogError, MovedError, RefusedStepError
from riskloom.ledger.database import reading
from riskloom.ledger.desk import Desk
from riskloom.lifecycle.stages import expect_step, rule_state, rule_states
from riskloom.lifecycle.versions import digests_of, get_version, source_digest, write_version
from services.console.drafting import TYPED, Problem, check_draft, clean, new_rule, problems_of
from services.console.pages.problems import typed_in
from services.console.rendering import render
from services.console.rule_list import leading_version
from services.console.rule_notices import StepNotice, explain_rule
from services.console.visit import Visit


def edit(visit: Visit) -> Response:
    """A new rule, or a version of one as the beginning of the next."""
    domain, rule_id = visit.domain(visit.path("domain")), visit.asked("rule")
    if rule_id is None:
        return _page(visit, domain, source=new_rule(domain), rule_id=None, step=0)
    with reading(visit.console.engine) as session:
        state = rule_state(session, domain.name, rule_id)
        if not state.placements:
            return _page(visit, domain, source=_of_file(visit, domain, rule_id), rule_id=rule_id, step=0)
        version = visit.asked_whole("version") or leading_version(state)
        source = get_version(session, domain.name, rule_id, version).source
    return _page(visit, domain, source=source, rule_id=rule_id, step=state.step)


def check(visit: Visit) -> Response:
    """Say what is wrong with a text; nothing is kept."""
    domain = visit.domain(visit.path("domain"))
    source, rule_id = clean(visit.form.get("source", "")), visit.form.get("rule") or None
    problems = _problems(visit, domain, source, rule_id)
    if visit.request.headers.get("hx-request") == "true":
        return render(visit, "_problems.html", problems=problems, is_checked=True)
    step = visit.whole("step") or 0
    return _page(visit, domain, source=source, rule_id=rule_id, step=step, problems=problems, is_checked=True)


def save(visit: Visit) -> Response:
    """Keep a text as the next version, a draft."""
    domain = visit.domain(visit.path("domain"))
    source, rule_id = clean(visit.form.get("source", "")), visit.form.get("rule") or None
    reason, step = visit.form.get("reason", "").strip(), visit.whole("step") or 0
    if problems := _problems(visit, domain, source, rule_id):
        return _page(visit, domain, source=source, rule_id=rule_id, step=step, status=422, problems=problems)
    if not reason:
        wrong = {"reason": "Say why: it stands in the rule's history."}
        return _page(visit, domain, source=source, rule_id=rule_id, step=step, status=422, wrong=wrong)
    schema = visit.console.vocabularies.of(domain).schema
    try:
        with visit.console.controls.commanding(domain.name, visit.who.name) as desk:
            if rule_id is not None and not _is_known(desk.session, domain, source):
                _expect(desk, domain, rule_id, step)
            written = write_version(desk, domain.name, source, file=TYPED, schema=schema, reason=reason)
    except (MovedError, RefusedStepError) as error:
        return _conflict(visit, domain, error, source=source, rule_id=rule_id, step=step)
    version = written.version
    done = "drafted" if written.is_new else "known"
    address = f"/rules/{domain.name}/{quote(version.rule_id)}?version={version.version}&done={done}"
    return RedirectResponse(address, status_code=303)


def _problems(visit: Visit, domain: Domain, source: str, rule_id: str | None) -> tuple[Problem, ...]:
    schema = visit.console.vocabularies.of(domain).schema
    with reading(visit.console.engine) as session:
        taken = {state.rule_id for state in rule_states(session, domain.name)}
        if _is_known(session, domain, source):  # the same form sent twice is one version
            taken = set()
    try:
        check_draft(source, schema, edited=rule_id, taken=taken)
    except CatalogError as error:
        return problems_of(error, source)
    return ()


def _is_known(session: Session, domain: Domain, source: str) -> bool:
    return any(source_digest(source) in digests for digests in digests_of(session, domain.name).values())


def _expect(desk: Desk, domain: Domain, rule_id: str, step: int) -> None:
    """See that the rule is as its author saw it; one that stands in a file only was never moved."""
    if step or rule_state(desk.session, domain.name, rule_id).placements:
        expect_step(desk, domain.name, rule_id, step)


def _conflict(
    visit: Visit,
    domain: Domain,
    error: MovedError | RefusedStepError,
    *,
    source: str,
    rule_id: str | None,
    step: int,
) -> Response:
    """The editor with what was typed; sent again it is about the rule as it is now."""
    with reading(visit.console.engine) as session:
        name = rule_id or ""
        notice = explain_rule(session, domain.name, name, error, typed=typed_in(visit.form), seen=step)
        present = rule_state(session, domain.name, name).step
    return _page(visit, domain, source=source, rule_id=rule_id, step=present, status=409, notice=notice)


def _of_file(visit: Visit, domain: Domain, rule_id: str) -> str:
    file = visit.console.rules.of(domain).rules.get(rule_id)
    return file.source if file else new_rule(domain)


def _page(
    visit: Visit,
    domain: Domain,
    *,
    source: str,
    rule_id: str | None,
    step: int,
    status: int = 200,
    problems: tuple[Problem, ...] = (),
    is_checked: bool = False,
    wrong: dict[str, str] | None = None,
    notice: StepNotice | None = None,
) -> Response:
    return render(
        visit,
        "draft.html",
        status=status,
        domain=domain,
        vocabulary=visit.console.vocabularies.of(domain),
        source=source,
        rule_id=rule_id,
        step=step,
        problems=problems,
        is_checked=is_checked,
        wrong=wrong or {},
        notice=notice,
        reason=visit.form.get("reason", ""),
    )
