"""The circuit breaker, and the events that wait behind it."""

from __future__ import annotations

from services.scoring.breaker import FAILURES, LONGEST_PAUSE, BreakerState, CircuitBreaker
from services.scoring.missed import MissedEvents


def closed() -> CircuitBreaker:
    """A breaker whose store was reached."""
    breaker = CircuitBreaker()
    breaker.close()
    return breaker


def test_nobody_is_asked_before_something_was_reached() -> None:
    """It begins open, which is no opening."""
    breaker = CircuitBreaker()
    assert (breaker.state, breaker.openings) == ("open", 0)


def test_failures_in_a_row_open_it() -> None:
    """Failures with an answer between them are no outage; the same number in a row is one."""
    breaker = closed()
    for _ in range(2 * FAILURES):
        breaker.failed()
        breaker.answered()
    assert breaker.is_closed
    for _ in range(FAILURES):
        assert breaker.is_closed
        breaker.failed()
    assert (breaker.state, breaker.openings) == ("open", 1)


def test_a_probe_decides_alone() -> None:
    """Half open, one failure opens it again, and one success closes it with a clean slate."""
    breaker, seen = closed(), list[BreakerState]()
    for step in (breaker.trip, breaker.probing, breaker.failed, breaker.probing, breaker.close):
        step()
        seen.append(breaker.state)
    assert seen == ["open", "half_open", "open", "half_open", "closed"]
    assert breaker.openings == 1
    breaker.failed()
    assert breaker.is_closed


def test_a_probe_does_not_take_a_closed_breaker_from_requests() -> None:
    """After a first failure it is looked at while requests still go through."""
    breaker = closed()
    breaker.failed()
    breaker.probing()
    assert breaker.is_closed


def test_pauses_grow_until_a_request_is_answered() -> None:
    """The first probe comes at once, later ones ever more slowly; a probe that passes does not start that anew."""
    breaker = closed()
    pauses = []
    for _ in range(12):
        pauses.append(breaker.pause(1.0))
        breaker.probing()
        breaker.close()
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.0, LONGEST_PAUSE)
    assert breaker.pause(0.0) == LONGEST_PAUSE / 2
    breaker.answered()
    assert breaker.pause(1.0) == 0.0


def test_missed_events_keep_their_order_and_their_bound() -> None:
    """What does not fit is left to its landing, and said to be."""
    missed = MissedEvents(most=2)
    for number in range(3):
        missed.add({"number": number})
    assert (len(missed), missed.dropped) == (2, 1)
    assert [missed.take()["number"] for _ in range(2)] == [1, 2]
