"""What is known when a decision is made: the event, its features, the score, and who is on which list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from riskloom.errors import ContractError

#: What a missing number, time or duration is in a row: it makes every comparison false, as it has to.
MISSING = float("nan")
FOREVER = float("inf")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _SECOND = 86_400_000_000, 1_000_000


def microseconds(moment: datetime) -> float:
    """
    Microseconds since 1970 UTC as a double, exact until the year 2255.

    Raises:
        ContractError: The time has no zone, so nobody knows which instant it is.
    """
    try:
        since = moment - _EPOCH
    except TypeError as error:
        raise ContractError(f"a time of the row: expected one with a zone, found {moment.isoformat()}") from error
    return float(since.days * _DAY + since.seconds * _SECOND + since.microseconds)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a list, from when it was added until it expires; that instant is no longer part of it."""

    value: str
    added_at: datetime | None = None
    expires_at: datetime | None = None


class MemberList:
    """
    The members of one list, for both evaluations.

    A member that was added or expires counts from and until that instant, so that a back-test sees the list as it was.
    The same value may be a member several times, one time after another.

    Attributes:
        spans: By value, from when until when it is a member, in microseconds.
    """

    __slots__ = ("spans",)

    def __init__(self, members: Iterable[Member | str] = ()) -> None:
        spans: dict[str, tuple[tuple[float, float], ...]] = {}
        for given in members:
            member = Member(given) if isinstance(given, str) else given
            start = -FOREVER if member.added_at is None else microseconds(member.added_at)
            end = FOREVER if member.expires_at is None else microseconds(member.expires_at)
            spans[member.value] = (*spans.get(member.value, ()), (start, end))
        self.spans: Mapping[str, tuple[tuple[float, float], ...]] = spans


EMPTY = MemberList()


@dataclass(frozen=True, slots=True)
class Facts:
    """
    One row to evaluate rules on.

    Attributes:
        event: Values by column of the event table: str, bool, int, float, Decimal, timezone-aware datetime or None; a
            column that is left out is missing.
        features: Numbers by name; None, NaN, an infinity or a name that is left out is missing.
        score: The model's; None where it gave none.
        at: When the decision is made: members of lists that have expired by then do not count.
        lists: By name; a list that is left out has no members.
    """

    event: Mapping[str, object]
    features: Mapping[str, float | None]
    at: datetime
    score: float | None = None
    lists: Mapping[str, MemberList] = field(default_factory=dict)
