"""What an API key may be granted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, get_args

from pydantic import Field

#: What is granted for a domain: ``cases:read:<domain>`` or, for every domain, ``cases:read:*``.
DomainRight = Literal[
    "score",
    "events",
    "decisions:read",
    "cases:read",
    "cases:write",
    "cases:take_over",
    "labels:read",
    "labels:write",
    "rules:read",
    "rules:write",
    "rules:approve",
    "lists:read",
    "lists:write",
    "models:read",
    "models:write",
]
#: What is granted for all of an installation.
GlobalRight = Literal["metrics:read", "audit:read"]

#: Read a service's metrics.
METRICS: GlobalRight = "metrics:read"
#: Read who did what, in every domain: there is one chain.
AUDIT: GlobalRight = "audit:read"

_RIGHTS, _GLOBAL = "|".join(get_args(DomainRight)), "|".join(get_args(GlobalRight))
#: A right with its domain or ``*``, or one that is not about a domain.
Scope = Annotated[str, Field(pattern=rf"^(({_RIGHTS}):(\*|[a-z][a-z0-9]*(_[a-z0-9]+)*)|{_GLOBAL})$")]


def scope_of(right: DomainRight, domain: str) -> str:
    """The scope that a right needs in one domain."""
    return f"{right}:{domain}"


def score_scope(domain: str) -> str:
    """The scope that scoring one domain needs."""
    return scope_of("score", domain)


def events_scope(domain: str) -> str:
    """The scope that pushing events of one domain needs."""
    return scope_of("events", domain)


def known_scopes(domains: Iterable[str]) -> tuple[str, ...]:
    """Every scope that means something where these domains are declared."""
    names = ("*", *domains)
    return (*(scope_of(right, name) for right in get_args(DomainRight) for name in names), *get_args(GlobalRight))
