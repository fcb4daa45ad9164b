"""Log in, log out, and the choice between light and dark."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.passwords import matches
from riskloom.ledger.schema import User
from riskloom.ledger.sessions import LASTING, begin_attempt, close_session, open_session
from services.console.cookies import SESSION_COOKIE, set_cookie
from services.console.rendering import THEME_COOKIE, THEMES, render
from services.console.visit import Visit

_YEAR = 365 * 86_400
_LONGEST_NAME = 63
#: Of no password: so that a name nobody has takes as long as one that somebody has.
_NOBODY = "scrypt$32768$8$3$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
_WRONG = "This name and this password do not fit together."


def form(visit: Visit) -> Response:
    """The log-in page; who is logged in goes on."""
    wanted = _own_address(visit.query.get("next"))
    return _redirect(wanted) if visit.user else _form(visit, wanted, name="", problem=None)


def log_in(visit: Visit) -> Response:
    """Check name and password; guesses are counted before they are looked at."""
    name = visit.form.get("name", "").strip().lower()[:_LONGEST_NAME]
    wanted = _own_address(visit.form.get("next"))
    console, client = visit.console, visit.request.client
    with writing(console.engine) as session:
        address = client.host if client else "unknown"
        later = begin_attempt(session, name, address, attempt_id=console.new_id(), at=visit.at)
    if later is not None:
        problem = f"Too many attempts without success. The next one is looked at from {later:%H:%M} UTC on."
        return _form(visit, wanted, name=name, problem=problem, status=429)
    with reading(console.engine) as session:
        user = session.get(User, name)
    is_right = matches(visit.form.get("password", ""), user.password if user else _NOBODY)
    if user is None or not is_right or user.disabled_at is not None:
        return _form(visit, wanted, name=name, problem=_WRONG, status=401)
    token = console.new_token()
    with writing(console.engine) as session:
        open_session(Desk(session, console.trail, user.name, visit.at), user, token)
    response = _redirect(wanted)
    set_cookie(response, visit.request, SESSION_COOKIE, token, seconds=int(LASTING.total_seconds()))
    return response


def log_out(visit: Visit) -> Response:
    """End the session here and in the ledger."""
    with writing(visit.console.engine) as session:
        close_session(session, visit.token)
    response = _redirect("/login")
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax")
    return response


def choose_theme(visit: Visit) -> Response:
    """Keep the choice between light and dark for a year; anything else follows the browser's."""
    response = _redirect(_own_address(visit.form.get("next")))
    theme = visit.form.get("theme")
    if theme in THEMES:
        set_cookie(response, visit.request, THEME_COOKIE, theme, seconds=_YEAR)
    else:
        response.delete_cookie(THEME_COOKIE, path="/", httponly=True, samesite="lax")
    return response


def _form(visit: Visit, wanted: str, *, name: str, problem: str | None, status: int = 200) -> Response:
    return render(visit, "login.html", status=status, wanted=wanted, name=name, problem=problem)


def _redirect(address: str) -> Response:
    return RedirectResponse(address, status_code=303)


def _own_address(wanted: str | None) -> str:
    """Where to go on, on this site only: a link must not lead elsewhere by way of the log-in."""
    parts = urlsplit(wanted or "/")
    is_own = not parts.scheme and not parts.netloc and parts.path.startswith("/") and not parts.path.startswith("//")
    if not is_own or "\\" in parts.path:
        return "/"
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
