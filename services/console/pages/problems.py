"""Pages for what cannot be shown or done: each says why, and where to go on; what was typed stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from starlette.responses import Response

from riskloom.errors import NotInLedgerError, NotPublishedError, RiskloomError
from riskloom.ledger.schema import Role
from services.console.rendering import render
from services.console.visit import Visit

#: Fields that people write into; the others of a form are ours.
_TYPED = ("text", "reason", "other", "source", "value")


def typed_in(form: Mapping[str, str]) -> dict[str, str]:
    """The texts of a form that somebody typed."""
    return {name: form[name] for name in _TYPED if form.get(name, "").strip()}


def missing(visit: Visit, what: str) -> Response:
    """There is nothing at this address."""
    return _problem(visit, 404, "Not found", f"{what[:1].upper()}{what[1:]}.")


def explained(visit: Visit, error: RiskloomError) -> Response:
    """What an error says that is known: something is not there, was kept and not published, or was not done."""
    why = str(error)
    if isinstance(error, NotInLedgerError):
        return missing(visit, why)
    if isinstance(error, NotPublishedError):
        return _problem(visit, 500, "Kept, and not published yet", f"{why[:1].upper()}{why[1:]}.")
    return _problem(visit, 400, "This cannot be done", f"{why}.")


def forbidden(visit: Visit, roles: Collection[Role]) -> Response:
    """Somebody is logged in who may not."""
    who = " or ".join(sorted(roles))
    return _problem(visit, 403, "Not for your role", f"This needs the role {who}; yours is {visit.who.role}.")


def logged_out(visit: Visit) -> Response:
    """A form was sent, and nobody is logged in any more."""
    why = "Your session has ended, so nothing was done. Log in again, in another tab if you like, and send it anew."
    return _problem(visit, 401, "You are logged out", why)


def foreign_form(visit: Visit) -> Response:
    """A form that does not come from one of our pages, or from one that is older than this session."""
    why = "The form was not made for this session, so nothing was done. Open the page again and send it anew."
    return _problem(visit, 403, "The form is out of date", why)


def _problem(visit: Visit, status: int, title: str, why: str) -> Response:
    return render(visit, "problem.html", status=status, title=title, why=why, typed=typed_in(visit.form))
