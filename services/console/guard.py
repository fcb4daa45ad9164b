"""
What stands before every page: is anybody logged in, may they, and does the form come from us.

A route that is not declared with who may open it cannot be made: see ``routes``.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from riskloom.errors import RiskloomError
from riskloom.ledger.database import reading, writing
from riskloom.ledger.schema import Role
from riskloom.ledger.sessions import SignedIn, find_session, mark_seen
from services.console.cookies import PASSING_COOKIE, SESSION_COOKIE, set_cookie
from services.console.pages import problems
from services.console.visit import Console, Handler, Visit, form_token

#: The field of every form that shows where it comes from.
CSRF_FIELD = "csrf"
_LONGEST_FORM = 256 * 1024  # bytes: a rule of 64,000 characters, of which many are sent as three
_MOST_FIELDS = 60
_SAFE = {"GET", "HEAD"}
_FILES = "/static/"
_OUR_OWN = {"same-origin", "none"}


@dataclass(frozen=True, slots=True)
class Grant:
    """
    A page and who may open it.

    Attributes:
        path: As Starlette writes it.
        method: GET or POST.
        handler: Makes the page.
        roles: Whose; None opens it to everybody, logged in or not.
    """

    path: str
    method: str
    handler: Handler
    roles: frozenset[Role] | None


def route(grant: Grant, console: Console) -> Route:
    """The route that keeps a grant."""
    return Route(grant.path, _guarded(grant, console), methods=[grant.method])


def _guarded(grant: Grant, console: Console) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        form = {} if request.method in _SAFE else await _read_form(request)
        return await run_in_threadpool(_answer, console, request, form, partial(_admitted, grant))

    return endpoint


def missing_page(console: Console) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The answer to an address that is none: the page that says so, to whoever asks; plain for what is no page."""

    def answer(request: Request) -> Response:
        if request.url.path.startswith(_FILES):
            return PlainTextResponse("no such file\n", status_code=404)
        return _answer(console, request, {}, _nothing_here)

    async def endpoint(request: Request, _: Exception) -> Response:
        return await run_in_threadpool(answer, request)

    return endpoint


def _nothing_here(visit: Visit) -> Response:
    return problems.missing(visit, "there is nothing at this address")


def _answer(console: Console, request: Request, form: Mapping[str, str], make: Handler) -> Response:
    at = console.clock()
    token = request.cookies.get(SESSION_COOKIE, "")
    user = _find(console, token, at) if token else None
    is_passing = user is None
    if is_passing:
        token = request.cookies.get(PASSING_COOKIE) or console.new_token()
    visit = Visit(console, request, at, token, user, form)
    response = make(visit)
    if is_passing and PASSING_COOKIE not in request.cookies:
        set_cookie(response, request, PASSING_COOKIE, token)
    return response


def _admitted(grant: Grant, visit: Visit) -> Response:
    if grant.roles is not None:
        if visit.user is None:
            return _refuse_stranger(visit)
        if visit.user.role not in grant.roles:
            return problems.forbidden(visit, grant.roles)
    if visit.request.method not in _SAFE and not _is_ours(visit):
        return problems.foreign_form(visit)
    try:
        return grant.handler(visit)
    except RiskloomError as error:
        return problems.explained(visit, error)


def _find(console: Console, token: str, at: datetime) -> SignedIn | None:
    with reading(console.engine) as session:
        user = find_session(session, token, at=at)
    if user is not None and user.is_seen_long_ago:
        with writing(console.engine) as session:
            mark_seen(session, token, at=at)
    return user


def _refuse_stranger(visit: Visit) -> Response:
    if visit.request.method not in _SAFE:
        return problems.logged_out(visit)
    url = visit.request.url
    wanted = f"{url.path}?{url.query}" if url.query else url.path
    return RedirectResponse(f"/login?next={quote(wanted)}", status_code=303)


def _is_ours(visit: Visit) -> bool:
    sent = visit.form.get(CSRF_FIELD, "")
    came_from = visit.request.headers.get("sec-fetch-site", "none")
    return came_from in _OUR_OWN and hmac.compare_digest(sent.encode(), form_token(visit.token).encode())


async def _read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form; uploads and forms of a size that no page of ours sends are refused."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > _LONGEST_FORM:
        raise HTTPException(413)
    async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
        # No database keeps a zero in a text, and no keyboard has one.
        return {name: value.replace("\0", "") for name, value in form.items() if isinstance(value, str)}
