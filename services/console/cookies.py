"""What the browser is given to keep."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

#: Of who is logged in.
SESSION_COOKIE = "riskloom_session"
#: Of who is not logged in yet; what ties the log-in form to the browser it was sent to.
PASSING_COOKIE = "riskloom_visitor"


def set_cookie(response: Response, request: Request, name: str, value: str, *, seconds: int | None = None) -> None:
    """Give the browser something to keep that scripts cannot read and other sites' forms do not send."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )
