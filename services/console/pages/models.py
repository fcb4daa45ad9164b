"""Models: champion and challenger of each domain with their history, and a version with its card and the verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from starlette.responses import FileResponse, RedirectResponse, Response

from riskloom.errors import MovedError, RegistryError
from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.shadows import agreement
from services.console.pages import problems
from services.console.pages.problems import typed_in
from services.console.pages.rules import may_work
from services.console.rendering import render
from services.console.rule_notices import StepNotice
from services.console.visit import Visit

_DONE = {
    "rolled_back": "The champion before it is champion again; the scoring service takes it over within seconds.",
    "taken_back": "The champion decides all subjects again; the scoring service does so within seconds.",
}
_Step = Callable[[Desk, str], object]


def index(visit: Visit) -> Response:
    """Who is in service in each domain."""
    return _page(visit)


def show(visit: Visit) -> Response:
    """A version."""
    domain, shelf = visit.domain(visit.path("domain")), visit.console.models
    found = shelf.version(domain.name, visit.path("version"))
    if found is None:
        return problems.missing(visit, f"no version {visit.path('version')} of {domain.title}")
    versions = shelf.versions(domain.name)
    with reading(visit.console.engine) as session:
        agreed = agreement(session, domain.name, found.version)
    return render(
        visit, "model.html", domain=domain, record=shelf.record(domain.name), versions=versions, shown=found,
        agreed=agreed,
    )  # fmt: skip


def plot(visit: Visit) -> Response:
    """A picture of a version's card."""
    domain = visit.domain(visit.path("domain"))
    path = visit.console.models.plot(domain.name, visit.path("version"), visit.path("name"))
    return problems.missing(visit, "no such picture") if path is None else FileResponse(path, media_type="image/png")


def roll_back(visit: Visit) -> Response:
    """Return to the champion before the present one; kept in the models' record and in the audit chain."""
    models, seen = visit.console.models, visit.form.get("champion", "")

    def step(desk: Desk, reason: str) -> object:
        return models.roll_back(desk, visit.path("domain"), seen=seen, reason=reason)

    return _take(visit, "champion", step, done="rolled_back")


def take_canary_back(visit: Visit) -> Response:
    """Give every subject back to the champion; kept in the models' record and in the audit chain."""
    models, seen = visit.console.models, visit.form.get("canary", "")

    def step(desk: Desk, reason: str) -> object:
        return models.take_canary_back(desk, visit.path("domain"), seen=seen, reason=reason)

    return _take(visit, "canary", step, done="taken_back")


def _take(visit: Visit, part: str, step: _Step, *, done: str) -> Response:
    """Take a step with a reason, as it was seen."""
    name = visit.domain(visit.path("domain")).name
    if not (reason := visit.form.get("reason", "").strip()):
        return _page(visit, status=422, wrong={f"{name}-{part}": "Say why: it stands in the record."})
    console = visit.console
    try:
        with writing(console.engine) as session:
            step(Desk(session, console.trail, visit.who.name, visit.at), reason)
    except MovedError as error:
        advice = f"It is {error.present or 'none'} now. The history says who changed it and why."
        return _refused(visit, f"The {part} is another one by now, so nothing was done.", advice)
    except RegistryError as error:
        return _refused(visit, f"The {part} cannot be {done.replace('_', ' ')}.", f"{error}.")
    return RedirectResponse(f"/models?done={done}", status_code=303)


def _refused(visit: Visit, title: str, advice: str) -> Response:
    return _page(visit, status=409, notice=StepNotice(title, advice, typed=typed_in(visit.form)))


def _page(
    visit: Visit, *, status: int = 200, notice: StepNotice | None = None, wrong: Mapping[str, str] | None = None
) -> Response:
    shelf = visit.console.models
    states = [
        (domain, shelf.record(domain.name), shelf.versions(domain.name)) for domain in visit.console.domains.values()
    ]
    return render(
        visit,
        "models.html",
        status=status,
        states=states,
        may_work=may_work(visit),
        notice=notice,
        wrong=wrong or {},
        typed=defaultdict(str, visit.form if notice or wrong else {}),
        done=_DONE.get(visit.query.get("done", "")),
    )
