"""What the API holds, what an operation gets of one request, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel
from starlette.requests import Request

from riskloom.access import ApiKey, DomainRight, scope_of
from riskloom.catalog import Domain
from riskloom.ledger.paging import Page
from riskloom.lifecycle.publishing import Controls
from riskloom.registry import ModelStore
from riskloom.rules import Schema
from services.api.shown import Listing, Shown
from services.web.gate import Gate

#: Before the address of every operation.
PREFIX = "/api/v1"
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Api:
    """
    Everything operations work with; each can be put in by a test.

    Attributes:
        controls: The ledger, where commands are audited and published, and the time.
        gate: Who may ask.
        domains: Their declarations by name.
        schema_of: What the rules of a domain may speak of.
        records: The folder with who is champion.
        models: The folder with the versions of models.
        new_id: A name, never the same twice.
    """

    controls: Controls
    gate: Gate
    domains: Mapping[str, Domain]
    schema_of: Callable[[Domain], Schema]
    records: Path
    models: ModelStore
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What an operation gives.

    Attributes:
        content: The body.
        status: Of the answer.
        version: Of what is shown: its ETag, which a later command sends back.
        location: Where what was made is found.
        next_page: Where the list goes on.
    """

    content: BaseModel
    status: int = 200
    version: int | None = None
    location: str | None = None
    next_page: str | None = None

    def stored(self) -> dict[str, Any]:
        """The answer as JSON keeps it."""
        headers = {}
        if self.version is not None:
            headers["ETag"] = etag(self.version)
        if self.location is not None:
            headers["Location"] = self.location
        if self.next_page is not None:
            headers["Link"] = f'<{self.next_page}>; rel="next"'
        return {"status": self.status, "headers": headers, "content": self.content.model_dump(mode="json")}


@dataclass(frozen=True, slots=True)
class Call:
    """
    One request, once the guard has let it through.

    Attributes:
        api: What the operation works with.
        request: As it came; its body is read already.
        key: Whose it is.
        at: Its time, timezone-aware.
        own_domain: Which domain it is about; None where it is about all of them.
        seen: The version of what is changed that the caller saw; None where no command asks for it.
        command_key: The caller's name for the command; empty for questions.
    """

    api: Api
    request: Request
    key: ApiKey
    at: datetime
    own_domain: Domain | None
    seen: int | None = None
    command_key: str = ""

    @property
    def domain(self) -> Domain:
        """Which domain it is about; raises LookupError where it is about all of them."""
        if self.own_domain is None:
            raise LookupError(f"{self.request.url.path}: this operation is not about one domain")
        return self.own_domain

    @property
    def seen_version(self) -> int:
        """The version that the caller saw; raises LookupError where the operation does not ask for one."""
        if self.seen is None:
            raise LookupError(f"{self.request.url.path}: this operation asks for no version")
        return self.seen

    def path(self, name: str) -> str:
        """A part of the address, by its name in the route."""
        return str(self.request.path_params[name])

    def number(self, name: str) -> int:
        """A part of the address that is a number; 0, which nothing has, where it is none."""
        text = self.path(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004

    def may(self, right: DomainRight, domain: str) -> bool:
        """Whether the key has a right in another domain than the one asked for."""
        return self.key.may(scope_of(right, domain))

    def address(self, *parts: str | int) -> str:
        """The address of something in the domain."""
        return "/".join([f"{PREFIX}/domains/{self.domain.name}", *(quote(str(part), safe="") for part in parts)])

    def listing(self, kind: type[Listing[Any]], page: Page[Row], make: Callable[[Row], Shown]) -> Answer:
        """A page of rows, and where the next one is."""
        asked = [(name, text) for name, text in self.request.query_params.multi_items() if name != "cursor"]
        following = None
        if page.next_cursor is not None:
            following = f"{self.request.url.path}?{urlencode([*asked, ('cursor', page.next_cursor)])}"
        return Answer(kind(items=tuple(make(row) for row in page.rows), next=following), next_page=following)


def etag(version: int) -> str:
    """A version as a header says it (RFC 9110, section 8.8.3)."""
    return f'"{version}"'
