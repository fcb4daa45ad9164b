"""What all tables share: how names of constraints are made, and how times, money and documents are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from riskloom.errors import LedgerError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Digits after the point that money is kept with.
MONEY_DECIMALS = 4
_MONEY_UNIT = Decimal(1).scaleb(-MONEY_DECIMALS)
_INT64 = 2**63


def to_microseconds(instant: datetime) -> int:
    """
    Microseconds since 1970 in UTC.

    Raises:
        LedgerError: The instant has no time zone.
    """
    if instant.tzinfo is None:
        raise LedgerError(f"time: expected one with a time zone, found {instant.isoformat()}")
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """The instant so many microseconds after 1970, in UTC."""
    return _EPOCH + microseconds * _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """A time in UTC as whole microseconds: the same order and the same value in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else from_microseconds(value)


class Money(TypeDecorator[Decimal]):
    """An amount in the domain's currency as whole ten-thousandths; one with more digits is refused, not rounded."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To the database."""
        if value is None:
            return None
        scaled = value.scaleb(MONEY_DECIMALS)
        if not scaled.is_finite() or scaled != scaled.to_integral_value() or abs(scaled) >= _INT64:
            raise LedgerError(f"amount: expected at most {MONEY_DECIMALS} digits after the point, found {value}")
        return int(scaled)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else value * _MONEY_UNIT


class Base(DeclarativeBase):
    """
    All tables of the ledger.

    Documents are kept as JSON text and not in a parsed form: a float comes back bit for bit, which a replay needs.
    """

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way to be told
        datetime: Instant,
        Decimal: Money,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }
