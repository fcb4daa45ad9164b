"""Models: champion and challenger of each domain, and a version with its card and the gate's verdict."""

from __future__ import annotations

from starlette.responses import FileResponse, Response

from services.console.pages import problems
from services.console.rendering import render
from services.console.visit import Visit


def index(visit: Visit) -> Response:
    """Who is in service in each domain."""
    shelf = visit.console.models
    states = [
        (domain, shelf.record(domain.name), shelf.versions(domain.name)) for domain in visit.console.domains.values()
    ]
    return render(visit, "models.html", states=states)


def show(visit: Visit) -> Response:
    """A version."""
    domain, shelf = visit.domain(visit.path("domain")), visit.console.models
    found = shelf.version(domain.name, visit.path("version"))
    if found is None:
        return problems.missing(visit, f"no version {visit.path('version')} of {domain.title}")
    versions = shelf.versions(domain.name)
    return render(visit, "model.html", domain=domain, record=shelf.record(domain.name), versions=versions, shown=found)


def plot(visit: Visit) -> Response:
    """A picture of a version's card."""
    domain = visit.domain(visit.path("domain"))
    path = visit.console.models.plot(domain.name, visit.path("version"), visit.path("name"))
    return problems.missing(visit, "no such picture") if path is None else FileResponse(path, media_type="image/png")
