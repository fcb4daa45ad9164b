"""Commands that are done once, however often they are sent: a lost answer can be asked for again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from riskloom.errors import RepeatedKeyError
from riskloom.ledger.canonical import digest
from riskloom.ledger.desk import Desk, added
from riskloom.ledger.schema import IdempotencyKey

#: How long the answer to a command is known; after that its key is a new one.
KEPT = timedelta(hours=24)
_FORGOTTEN_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to a command, and whether it was given before."""

    answer: dict[str, Any]
    is_repeated: bool


def once(desk: Desk, key: str, request: Mapping[str, Any], run: Callable[[], dict[str, Any]]) -> Done:
    """
    Do a command once for a key of its caller's: the same command again changes nothing and has the same answer.

    The key, the answer and what the command does are one transaction, so a command that is refused leaves its key free.
    Of several that come at once one is done; the others wait for it and have its answer.

    Args:
        desk: Who asks; keys of different actors have nothing to do with each other.
        key: Chosen by the caller, another for each command.
        request: What is asked for.
        run: Does it, and gives what JSON can say.

    Raises:
        RepeatedKeyError: The key was used for another request.
    """
    wanted = digest(request) or ""
    row = IdempotencyKey(actor=desk.actor, key=key, request_digest=wanted, answer={}, done_at=desk.at)
    if not added(desk.session, row):
        row = desk.session.get_one(IdempotencyKey, (desk.actor, key), with_for_update=True, populate_existing=True)
        if row.done_at > desk.at - KEPT:
            if row.request_digest != wanted:
                raise RepeatedKeyError(key)
            return Done(row.answer, is_repeated=True)
        row.request_digest, row.done_at = wanted, desk.at
    row.answer = run()
    _forget(desk.session, before=desk.at - KEPT)
    return Done(row.answer, is_repeated=False)


def _forget(session: Session, *, before: datetime) -> None:
    """Remove some keys whose time is over; those that another transaction has in hand are left to it."""
    name = (IdempotencyKey.actor, IdempotencyKey.key)
    old = select(*name).where(IdempotencyKey.done_at < before).limit(_FORGOTTEN_AT_ONCE)
    session.flush()
    session.execute(
        delete(IdempotencyKey).where(tuple_(*name).in_(old.with_for_update(skip_locked=True))),
        execution_options={"synchronize_session": False},
    )
