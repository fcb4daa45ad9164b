"""What an API key may be granted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

#: Read a service's metrics.
METRICS = "metrics:read"

#: ``score:<domain>``, ``score:*`` or ``metrics:read``.
Scope = Annotated[str, Field(pattern=r"^(score:(\*|[a-z][a-z0-9]*(_[a-z0-9]+)*)|metrics:read)$")]


def score_scope(domain: str) -> str:
    """The scope that scoring one domain needs."""
    return f"score:{domain}"
