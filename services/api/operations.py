"""What an operation is: its address, the right it needs, what it takes, gives and refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel
from sqlalchemy.orm import Session

from riskloom.access import DomainRight, GlobalRight
from riskloom.ledger.desk import Desk
from services.api.calls import Answer, Call
from services.web.problems import Code

Asks = TypeVar("Asks", bound=BaseModel)
Method = Literal["GET", "POST"]

_ALWAYS: tuple[Code, ...] = ("unauthenticated", "forbidden", "internal", "unavailable")
_OF_BODIES: tuple[Code, ...] = (
    "invalid_json",
    "body_timeout",
    "body_too_large",
    "unsupported_media_type",
    "invalid_request",
)
_OF_COMMANDS: tuple[Code, ...] = ("key_missing", "invalid_header", "key_reused", "refused")
_OF_VERSIONS: tuple[Code, ...] = ("version_missing", "stale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[Asks]):
    """
    What can be asked for at an address.

    Attributes:
        path: Behind the prefix, as Starlette writes it; with ``{domain}`` where it is about one.
        name: For clients that are generated.
        summary: In a line.
        right: What a key needs, in the domain of the address where it is about one.
        takes: What is asked: the parameters of a question, the body of anything that is posted.
        gives: The body of the answer.
        has_version: Whether its answer has an ETag.
        refusals: Besides those that follow from what it takes.
    """

    path: str
    name: str
    summary: str
    right: DomainRight | GlobalRight
    takes: type[Asks]
    gives: type[BaseModel]
    has_version: bool = False
    refusals: tuple[Code, ...] = ()
    method: ClassVar[Method]

    @property
    def is_of_domain(self) -> bool:
        """Whether it is about one domain."""
        return self.right in get_args(DomainRight)

    def scope(self, domain: str) -> str:
        """The scope that a key needs."""
        return f"{self.right}:{domain}" if self.is_of_domain else self.right

    @property
    def codes(self) -> tuple[Code, ...]:
        """Every refusal there can be."""
        found = [*_ALWAYS, *self.refusals]
        if self.is_of_domain:
            found.append("unknown_domain")
        if self.path.count("{") > self.is_of_domain:
            found.append("not_found")
        return (*found, *self._own_codes())

    def _own_codes(self) -> tuple[Code, ...]:
        return ("invalid_request",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Operation[Asks]):
    """It changes nothing."""

    run: Callable[[Session, Call, Asks], Answer]
    method: ClassVar[Method] = "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedQuestion(Operation[Asks]):
    """It changes nothing, and takes a body."""

    run: Callable[[Session, Call, Asks], Answer]
    method: ClassVar[Method] = "POST"

    def _own_codes(self) -> tuple[Code, ...]:
        return _OF_BODIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Operation[Asks]):
    """
    It changes something, once for each idempotency key.

    Attributes:
        run: Does it, at the desk of the key.
        needs_version: Whether the caller says which version was seen.
        is_published: Whether it changes what the scoring service has in force.
        makes: Whether its answer says that something new is there (201).
        may_be_known: Whether it may also be there already (200).
    """

    run: Callable[[Desk, Call, Asks], Answer]
    needs_version: bool = False
    is_published: bool = False
    makes: bool = False
    may_be_known: bool = False
    method: ClassVar[Method] = "POST"

    def _own_codes(self) -> tuple[Code, ...]:
        return (*_OF_BODIES, *_OF_COMMANDS, *(_OF_VERSIONS if self.needs_version else ()))


AnyOperation = Question[Any] | PostedQuestion[Any] | Command[Any]
