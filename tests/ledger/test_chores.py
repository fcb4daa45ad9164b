"""Chores: done in turn, put off where the ledger does not answer, and never in silence."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from riskloom.errors import LedgerError
from riskloom.ledger.chores import LONGEST_PAUSE, Chore, keep_doing

OFTEN = timedelta(seconds=5)


def failing(engine: Engine) -> Callable[[], None]:
    """A statement with somebody's name in it, which no table is there for."""

    def run() -> None:
        with engine.connect() as connection:
            connection.execute(text("insert into people values (:name)"), {"name": "anna@example.com"})

    return run


def test_a_ledger_that_does_not_answer_is_asked_less_and_less(caplog: pytest.LogCaptureFixture) -> None:
    """Twice as long each time up to a minute, then as usual; said each time without values, and when it is over."""
    chore = Chore("ship", OFTEN, failing(create_engine("sqlite://")))
    pauses = [chore.attempt().total_seconds() for _ in range(9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert timedelta(minutes=1) == LONGEST_PAUSE
    assert [record.message for record in caplog.records][:2] == [
        "ship: the ledger did not answer (OperationalError: no such table: people); next attempt in 1 s",
        "ship: the ledger did not answer (OperationalError: no such table: people); next attempt in 2 s",
    ]
    assert "anna" not in caplog.text
    chore.run = lambda: None
    assert chore.attempt() == OFTEN
    assert caplog.records[-1].message == "ship: done again, after 9 attempts that failed"
    assert (chore.failures, chore.failed) == (0, 9)
    caplog.clear()
    chore.attempt()
    assert caplog.records == []


@pytest.mark.parametrize(
    "error", [LedgerError("run `riskloom ledger migrate`"), PermissionError(13, "Permission denied")]
)
def test_refusals_and_disks_are_tried_again_as_well(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """What a person can put right does not end the process: it says what is wrong until it is not."""

    def run() -> None:
        raise error

    assert Chore("remove", OFTEN, run).attempt() == timedelta(seconds=1)
    assert caplog.records[-1].levelno == logging.ERROR
    assert str(error) in caplog.text


def test_a_mistake_of_ours_ends_the_process() -> None:
    """Tried again it would be made again: a type error is no database that is gone."""

    def run() -> None:
        raise TypeError("ours")

    with pytest.raises(TypeError):
        Chore("ship", OFTEN, run).attempt()


def test_one_that_fails_holds_up_no_other() -> None:
    """Each has its own time; the end comes after the chore at hand."""
    stop, done, now = threading.Event(), list[str](), iter(range(10_000))

    def broken() -> None:
        done.append("broken")
        raise OperationalError("select 1", {}, Exception("locked"))

    def whole() -> None:
        done.append("whole")
        if done.count("whole") == 4:
            stop.set()

    chores = [Chore("broken", timedelta(0), broken), Chore("whole", timedelta(0), whole)]
    keep_doing(chores, stop, ticks=lambda: next(now) / 20)
    assert done.count("whole") == 4
    assert 1 <= done.count("broken") < 4
    keep_doing(chores, stop, ticks=lambda: 0.0)
    assert done.count("whole") == 4, "who was told to stop before the beginning does nothing"
