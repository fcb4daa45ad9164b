"""Bad input has a defined answer, and never a wrong number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from riskloom.errors import (
    EventRefusedError,
    PastReadError,
    StateCorruptError,
    StateUnavailableError,
    WindowError,
)
from riskloom.windows import WindowPlan, fold
from riskloom.windows.engine import WindowEngine, entities_of
from riskloom.windows.redis_store import RedisStateStore
from riskloom.windows.store import MAX_AHEAD_US, Swap
from tests.conftest import free_port
from tests.windows.conftest import OpenStore
from tests.windows.streams import SECOND, START
from tests.windows.test_proof import started

_numbers = count(30_000)
EVENT = {"payment": "p1", "card": "a", "shop": "s", "amount": Decimal("1.25"), "is_paid": True}


@pytest.fixture
def engine(plan: WindowPlan, open_store: OpenStore) -> Iterator[WindowEngine]:
    """An engine that saw nothing; its clock stands still."""
    store = open_store(next(_numbers))
    yield started(plan, store)
    store.close()


def counted(engine: WindowEngine, **keys: str) -> Mapping[str, Any]:
    """The features of keys a second later."""
    return engine.read(keys, START + SECOND)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"payment": None}, "payment: expected an id, found null"),
    ({"payment": 7}, "payment: expected a text, found a int"),
    ({"payment": "x" * 10_240}, "payment: expected at most 512 bytes, found 10240 bytes"),
    ({"card": "x" * 10_240}, "card: expected at most 512 bytes, found 10240 bytes"),
    ({"card": "ü" * 257}, "card: expected at most 512 bytes, found 514 bytes"),
    ({"card": 12}, "card: expected a text, found a int"),
    ({"card": "\ud800"}, "card: expected a text of whole characters"),
    ({"amount": "12"}, "amount: expected a number with at most 2 decimals, found a str"),
    ({"amount": math.nan}, "amount: expected a number with at most 2 decimals, found NaN or infinity"),
    ({"amount": 1.5}, "amount: expected a number with at most 2 decimals, found a float"),
    ({"amount": Decimal("nan")}, "amount: .* found NaN or infinity"),
    ({"amount": Decimal("-Infinity")}, "amount: .* found NaN or infinity"),
    ({"amount": Decimal("1.005")}, "amount: .* found one with more decimals"),
    ({"amount": Decimal("1e-400000")}, "amount: .* found one with more decimals"),
    ({"amount": Decimal("1." + "0" * 40 + "1")}, "amount: .* found one with more decimals"),
    ({"amount": Decimal("1e400000")}, "amount: expected a number of 64 bits, found one of 400001 digits"),
    ({"amount": 2**63 // 100 + 1}, "amount: expected a number of 64 bits, found one of 64 bits"),
    ({"amount": -(2**63) // 100 - 1}, "amount: expected a number of 64 bits"),
    ({"is_paid": Decimal("0.5")}, "is_paid: expected a whole number"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_what_cannot_be_kept_is_refused(engine: WindowEngine, change: dict[str, Any], message: str) -> None:
    """The event is refused with stream, field, expected and found; nothing of it was counted, and no value is shown."""
    with pytest.raises(EventRefusedError, match=f"^payments: {message}") as caught:
        engine.observe("payments", {**EVENT, **change}, effective_us=START)
    assert "xxx" not in str(caught.value)
    assert counted(engine, card="a", shop="s")["card_count_60s"] == 0
    assert not engine.observe("payments", EVENT, effective_us=START).is_duplicate


@pytest.mark.parametrize("field", ["payment", "card", "amount", "is_paid"])
def test_a_field_that_is_not_there_is_refused(engine: WindowEngine, field: str) -> None:
    """A field that is missing is a mistake of the caller's; null is said by null."""
    with pytest.raises(EventRefusedError, match=f"^payments: {field}: "):
        engine.observe("payments", {key: EVENT[key] for key in EVENT if key != field}, effective_us=START)


def test_the_largest_numbers_are_kept_exactly(engine: WindowEngine) -> None:
    """Sums and squares of numbers that fill 64 bits are exact, before folding and after."""
    largest = Decimal(2**63 - 1).scaleb(-2)
    smallest = Decimal(-(2**63)).scaleb(-2)
    for place in range(40):
        event = {**EVENT, "payment": f"p{place}", "amount": smallest if place % 2 else largest}
        found = engine.observe("payments", event, effective_us=START)
    assert found.values is not None
    values = engine.read({"card": "a"}, START + SECOND)
    assert values["card_sum_60s"] == -20 / 100
    assert values["card_max_60s"] == float(2**63 - 1) / 100
    assert values["card_min_60s"] == float(-(2**63)) / 100
    assert values["card_std_60s"] == pytest.approx(2**63 / 100)


def test_a_null_key_keeps_nothing_under_it(engine: WindowEngine) -> None:
    """The event counts under its other entities; features of the key that is not there are not zero but unknown."""
    found = engine.observe("payments", {**EVENT, "card": None}, effective_us=START, reads={"device": None}).values
    assert found is not None
    assert {value for name, value in found.items() if name.startswith(("card_", "device_"))} == {None}
    assert found["shop_count_6s_now"] == 0
    assert counted(engine, shop="s")["shop_count_6s_now"] == 1


def test_null_values_are_left_out(engine: WindowEngine) -> None:
    """An event without an amount counts as an event and adds to no amount."""
    engine.observe("payments", {**EVENT, "amount": None}, effective_us=START)
    values = counted(engine, card="a")
    assert (values["card_count_4s"], values["card_sum_4s"], values["card_mean_4s"]) == (1, 0.0, None)


def test_an_event_from_the_future_is_refused(engine: WindowEngine) -> None:
    """Up to five minutes ahead of its stamp it is taken, and counts when its time has come; more is refused."""
    ahead = 300 * SECOND
    with pytest.raises(EventRefusedError, match="effective_us: expected at most five minutes after the stamp"):
        engine.observe("payments", EVENT, effective_us=START + ahead + 1)
    assert not engine.observe("payments", EVENT, effective_us=START + ahead).is_duplicate
    assert engine.read({"card": "a"}, START + ahead)["card_count_4s"] == 0
    assert engine.read({"card": "a"}, START + ahead + 1)["card_count_4s"] == 1


@pytest.mark.parametrize("effective_us", [-1, 2**32 * SECOND, 1.5, None])
def test_a_time_that_is_none_is_refused(engine: WindowEngine, effective_us: Any) -> None:
    """Before 1970, after 2106, or no whole number of microseconds."""
    with pytest.raises(EventRefusedError, match="effective_us: expected microseconds since 1970"):
        engine.observe("payments", EVENT, effective_us=effective_us)


def test_a_clock_that_goes_back_is_held(engine: WindowEngine) -> None:
    """Stamps of a key never go back; the event before is seen, though the clock says it is yet to come."""
    engine.observe("payments", EVENT, effective_us=START, observed_us=START + 9)
    back = engine.observe("payments", {**EVENT, "payment": "p2"}, effective_us=START, observed_us=START - 5 * SECOND)
    assert back.stamp_us == START + 9
    third = engine.observe("payments", {**EVENT, "payment": "p3"}, effective_us=START, observed_us=START + 10)
    assert third.values is not None
    assert third.values["card_count_4s"] == 2


def test_a_clock_that_is_days_behind_is_refused(engine: WindowEngine) -> None:
    """A day is no correction of a clock: going on would stamp everything with a time that was not."""
    engine.observe("payments", EVENT, effective_us=START, observed_us=START + MAX_AHEAD_US + SECOND)
    with pytest.raises(WindowError, match="more than a day behind"):
        engine.observe("payments", {**EVENT, "payment": "p2"}, effective_us=START)


def test_an_event_that_lands_days_late_enters_after_newer_ones(engine: WindowEngine) -> None:
    """That it was observed days before a decision that did not see it is no sign of a wrong clock."""
    engine.observe("payments", EVENT, effective_us=START, observed_us=START)
    observed = START - 3 * MAX_AHEAD_US
    late = engine.observe("payments", {**EVENT, "payment": "p2"}, effective_us=observed, observed_us=observed)
    assert (late.stamp_us, late.is_duplicate) == (START, False)


def test_repeats_end_with_the_dedupe_time(engine: WindowEngine) -> None:
    """A microsecond before its end an event is the same again; at its end the id is a new one."""
    dedupe = 60 * SECOND
    assert not engine.observe("payments", EVENT, effective_us=START, observed_us=START).is_duplicate
    again = engine.observe("payments", EVENT, effective_us=START, observed_us=START + dedupe - 1)
    assert (again.is_duplicate, again.stamp_us) == (True, START)
    assert not engine.observe("payments", EVENT, effective_us=START, observed_us=START + dedupe).is_duplicate


@pytest.mark.parametrize("place", [0, 10, 20, 24, 26, 27, 33, 40, 60, 90, -1, -5, -20, -41])
def test_a_corrupted_state_is_told(plan: WindowPlan, open_store: OpenStore, place: int) -> None:
    """Whichever byte of the state changed, fence, header, rows or records: no value comes from it."""
    store = open_store(next(_numbers))
    engine = started(plan, store)
    for number in range(25):
        engine.observe("payments", {**EVENT, "payment": f"p{number}"}, effective_us=START)
    entity = entities_of(plan)["card"]
    key = entity.prefix + b"a"
    ((blob,), _) = store.read([key], START)
    broken = bytearray(blob)
    broken[place] ^= 64
    for wrong in (bytes(broken), blob[:-1], blob + b"\0", blob[:30]):
        _put(store, key, wrong, entity.keep_us)
        with pytest.raises(StateCorruptError):
            engine.read({"card": "a"})
        with pytest.raises(StateCorruptError):
            engine.observe("payments", {**EVENT, "payment": f"{place}-{len(wrong)}"}, effective_us=START)
        _put(store, key, blob, entity.keep_us)
    assert engine.read({"card": "a"}, START + SECOND)["card_count_4s"] == 25
    store.close()


def _put(store: Any, key: bytes, blob: bytes, keep_us: int) -> None:
    """Put bytes in place, whatever they are."""
    if isinstance(store, RedisStateStore):
        store._call(b"SET", key, blob)
    else:
        store._connection().execute("update state set blob = ?, keep_until_us = ? where key = ?", (blob, keep_us, key))


def test_an_instant_that_was_folded_is_refused(engine: WindowEngine) -> None:
    """State tells the last moments apart; a read before them is refused, and a repeat from then has no values."""
    for number in range(fold.DUE_AFTER + 1):
        event = {**EVENT, "payment": f"p{number}"}
        engine.observe("payments", event, effective_us=START, observed_us=START + number)
    with pytest.raises(PastReadError, match="no longer tells that instant apart"):
        engine.read({"card": "a"}, START + 2)
    again = engine.observe("payments", {**EVENT, "payment": "p0"}, effective_us=START, observed_us=START + 99)
    assert (again.is_duplicate, again.stamp_us, again.values) == (True, START, None)


def test_a_stream_or_a_key_of_no_plan_is_refused(engine: WindowEngine) -> None:
    """A misspelt name is told with those that there are."""
    with pytest.raises(WindowError, match=r"expected one of the streams \(payments, verdicts\), found 'payment'"):
        engine.observe("payment", EVENT, effective_us=START)
    with pytest.raises(WindowError, match=r"expected a join key of a windowed view \(card, device, shop\)"):
        engine.read({"cart": "a"})


def test_folding_gives_way_to_others(plan: WindowPlan, open_store: OpenStore) -> None:
    """A folded state is put in place once, and what was appended meanwhile stays."""
    store = open_store(next(_numbers))
    engine = started(plan, store)
    for number in range(fold.DUE_AFTER - 2):
        engine.observe("payments", {**EVENT, "payment": f"p{number}"}, effective_us=START, observed_us=START + number)
    entity = entities_of(plan)["card"]
    key = entity.prefix + b"a"
    ((old,), _) = store.read([key], START)
    engine.observe(
        "payments", {**EVENT, "payment": "meanwhile"}, effective_us=START, observed_us=START + fold.DUE_AFTER
    )
    swap = Swap(key, old, fold.folded(entity.layout, old, START + fold.DUE_AFTER).base)
    assert store.swap(swap)
    assert not store.swap(swap)
    assert engine.read({"card": "a"}, START + fold.DUE_AFTER + 1)["card_count_4s"] == fold.DUE_AFTER - 1
    store.close()


@pytest.mark.needs("redis-server")
def test_redis_that_is_gone_is_told(plan: WindowPlan, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks in the middle of a call leaves open what was counted; sending it again settles that."""
    store = RedisStateStore(redis_server)
    engine = started(plan, store)
    sent = RedisStateStore._connection

    class Breaking:
        """Sends the command, and loses the answer."""

        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def replies(self, calls: Any) -> Any:
            self._connection.replies(calls)
            raise ConnectionResetError

        def close(self) -> None:
            self._connection.close()

    event = {**EVENT, "payment": "lost", "card": "lost"}
    with monkeypatch.context() as patch:
        patch.setattr(RedisStateStore, "_connection", lambda self: Breaking(sent(self)))
        with pytest.raises(StateUnavailableError, match="cannot be reached: ConnectionResetError"):
            engine.observe("payments", event, effective_us=START)
    again = engine.observe("payments", event, effective_us=START)
    assert (again.is_duplicate, again.stamp_us) == (True, START)
    assert again.values is not None
    assert again.values["card_count_4s"] == 0
    assert engine.read({"card": "lost"}, START + 1)["card_count_4s"] == 1
    store.close()


def test_a_store_that_is_not_there_is_told() -> None:
    """Nobody listens: the error says so at once and shows no address."""
    store = RedisStateStore(f"redis://user:secret@127.0.0.1:{free_port()}/0")
    with pytest.raises(StateUnavailableError, match="cannot be reached") as caught:
        store.marker(b"any")
    assert "secret" not in str(caught.value)
