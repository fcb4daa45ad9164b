"""What all bodies share: how what is asked is checked, and how what is shown is made from rows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, WithJsonSchema

from riskloom.contracts.values import read_time
from riskloom.ledger.paging import LARGEST_PAGE

_STORABLE = r"^[^\x00]*$"  # PostgreSQL takes no zero in a text
_LONGEST_KEY, _LONGEST_TEXT = 600, 4_000

#: A time that a caller sends: with seconds and an offset.
Moment = Annotated[datetime, PlainValidator(read_time), WithJsonSchema({"type": "string", "format": "date-time"})]
#: What identifies something.
Key = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_KEY, pattern=_STORABLE)]
#: What somebody writes.
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=_LONGEST_TEXT, pattern=_STORABLE)
]
#: Why something is done; it stands in the ledger.
Reason = Annotated[Text, Field(description="Why; it stands in the ledger beside what was done.")]
Percent = Annotated[int, Field(ge=1, le=99, description="Of a roll-out: how many percent of entities it reaches.")]


class Asked(BaseModel):
    """The body of a request: nothing is converted, and no other field is taken."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Filter(BaseModel):
    """What stands behind the question mark of an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageFilter(Filter):
    """Which page of a list."""

    cursor: Annotated[str, StringConstraints(max_length=4_000)] | None = Field(
        default=None, description="As `next` of the page before has it; it means nothing to anybody else."
    )
    limit: int = Field(default=50, ge=1, le=LARGEST_PAGE, description="Most rows.")


class Nothing(Filter):
    """No parameter."""


class Empty(Asked):
    """An object without a field."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class Shown(BaseModel):
    """A body of an answer, or a part of one, made from a row by its attributes."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


Item = TypeVar("Item", bound=Shown)


class Listing(Shown, Generic[Item]):
    """A page of a list."""

    items: tuple[Item, ...]
    next: str | None = Field(description="The address of the next page, also in the header Link; null on the last.")


#: What the ledger keeps as JSON.
Document = dict[str, Any]
