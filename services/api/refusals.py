"""From the errors of the ledger and of the life of rules to what a caller is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError

from riskloom.errors import (
    ApprovalNeededError,
    LedgerError,
    NotInLedgerError,
    RefusedStepError,
    RepeatedKeyError,
    StaleError,
    TakenError,
)
from services.api.calls import etag
from services.web.problems import Code, RefusalError

#: The first that fits; what is left of the ledger's errors is about a value that was sent.
_CODES: tuple[tuple[type[LedgerError], Code], ...] = (
    (NotInLedgerError, "not_found"),
    (TakenError, "taken"),
    (ApprovalNeededError, "approval_needed"),
    (RefusedStepError, "refused"),
    (RepeatedKeyError, "key_reused"),
    (LedgerError, "invalid_request"),
)
_RETRY = {"Retry-After": "1"}


def stale(present: int, changes: Sequence[str]) -> RefusalError:
    """The refusal of a command about what has changed: its present version, and what others did meanwhile."""
    detail = "Nothing was done: look at it again, and send the command anew if it still holds."
    return RefusalError("stale", detail, changes=changes, headers={"ETag": etag(present)})


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the library raises on purpose into a refusal."""
    try:
        yield
    except StaleError as error:
        raise stale(error.present, error.changes) from error
    except LedgerError as error:
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        text = str(error)
        raise RefusalError(code, f"{text[:1].upper()}{text[1:]}.") from error
    except OperationalError as error:
        raise RefusalError("unavailable", "The ledger's database does not answer.", headers=_RETRY) from error
