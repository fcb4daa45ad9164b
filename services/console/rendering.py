"""From a template and what it shows to an answer; and how times, sums and numbers are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from services.console.conflicts import sentence
from services.console.visit import Visit

FOLDER = Path(__file__).parent
THEME_COOKIE = "riskloom_theme"
THEMES = ("light", "dark")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SHORT = 12
_SMALL, _LARGE = 1e-3, 1e6
_MILLION, _THOUSAND = Decimal(1_000_000), Decimal(10_000)


def render(visit: Visit, template: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
    """A page; a name that a template asks for and nobody gave is a mistake, not a blank."""
    theme = visit.request.cookies.get(THEME_COOKIE)
    content = (
        _environment()
        .get_template(template)
        .render(
            visit=visit,
            user=visit.user,
            csrf=visit.csrf,
            at=visit.at,
            theme=theme if theme in THEMES else None,
            domains=visit.console.domains,
            **shown,
        )
    )
    return HTMLResponse(content, status_code=status)


def prepare() -> None:
    """Compile every template, so that nobody's first page waits for it."""
    for name in _environment().list_templates():
        _environment().get_template(name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (money, number, moment, span, short, words, sentence, percent, query)
    environment.filters.update({one.__name__: one for one in filters})
    return environment


def money(amount: Decimal | float | None, currency: str) -> str:
    """An amount with its currency: exact below ten thousand, rounded to what one can read above."""
    if amount is None:
        return "n/a"
    exact = Decimal(str(amount))
    if abs(exact) >= _MILLION:
        return f"{currency} {exact / _MILLION:,.2f} M"
    return f"{currency} {exact:,.0f}" if abs(exact) >= _THOUSAND else f"{currency} {exact:,.2f}"


def number(value: object) -> str:
    """A feature's value: enough digits to tell it from others, no more."""
    if value is None:
        return "missing"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value == 0 or (float(value).is_integer() and abs(value) < _LARGE):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < _SMALL or abs(value) >= _LARGE else f"{value:,.4g}"


def moment(instant: datetime) -> str:
    """A time in UTC, to the minute."""
    return f"{instant:%d %b %Y, %H:%M}"


def span(duration: timedelta | float) -> str:
    """How long, in the two largest units: 3 h 20 min."""
    seconds = abs(int(duration.total_seconds() if isinstance(duration, timedelta) else duration))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"


def short(name: str) -> str:
    """The beginning of a long identifier."""
    return name if len(name) <= _SHORT else f"{name[:8]}…"


def words(name: str | None) -> str:
    """A declared name as words."""
    return "n/a" if name is None else name.replace("_", " ")


def percent(share: float) -> str:
    """A share of one."""
    return f"{share:.1%}"


def query(parameters: Mapping[str, object]) -> str:
    """What stands behind a question mark; nothing of what is None."""
    return urlencode({name: value for name, value in parameters.items() if value is not None})
