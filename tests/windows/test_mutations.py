"""An engine that is wrong in a small way must be caught by the proof, or the proof proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from riskloom.errors import StateCorruptError
from riskloom.windows import WindowPlan, engine, fold, kernel, redis_store, rules, sqlite_store
from riskloom.windows.layout import EntityLayout, Lane
from riskloom.windows.rules import EFFECTIVE, OBSERVED, TAG, Record
from riskloom.windows.state import Parcel
from riskloom.windows.store import Swap, Touch
from tests.windows.conftest import MutateKernel, OpenStore, fold_often
from tests.windows.streams import Step, differences, replay, steps
from tests.windows.test_proof import started

_numbers = count(10_000)
_rules_tail, _entered, _levels, _needed = rules.tail, rules.entered, fold.levels, fold.is_needed
_seen, _aside = fold.seen_values, fold._put_aside


class CaughtError(AssertionError):
    """The proof found a difference."""


def prove(plan: WindowPlan, open_store: OpenStore, examples: int) -> None:
    """The proof on generated streams; ends at the first difference."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(calls=steps())
    def run(calls: list[Step]) -> None:
        store = open_store(next(_numbers))
        worker = started(plan, store)
        try:
            if next(differences(plan, replay(lambda _: worker, calls)), None):
                raise CaughtError
        finally:
            store.close()

    run()


def _at_the_stamp_too(records: Sequence[Record], tag: int, delay_us: int, since_us: int, at_us: int) -> list[Record]:
    return _entered(records, tag, delay_us, since_us, at_us + 1)


def _without_delay(records: Sequence[Record], tag: int, delay_us: int, since_us: int, at_us: int) -> list[Record]:  # noqa: ARG001
    return _entered(records, tag, 0, since_us, at_us)


def _known_or_not(records: Sequence[Record], tag: int, delay_us: int, since_us: int, at_us: int) -> list[Record]:
    """Counts a late event from when it happened."""
    return [
        record
        for record in sorted(records, key=lambda record: int(record[EFFECTIVE]))
        if record[TAG] == tag and since_us <= record[EFFECTIVE] + delay_us < at_us
    ]


def _on_arrival(records: Sequence[Record], tag: int, delay_us: int, since_us: int, at_us: int) -> list[Record]:  # noqa: ARG001
    """Counts an event from when it is known, though its delay is not over."""
    return [
        record
        for record in sorted(records, key=lambda record: int(record[EFFECTIVE]))
        if record[TAG] == tag and since_us <= record[OBSERVED] < at_us
    ]


def _too_late(lane: Lane, horizon_us: int) -> list[tuple[int, int]]:
    """Drops the oldest hop that a window still reaches."""
    *shorter, (tail, hop) = _levels(lane, horizon_us)
    return [*shorter, (tail + hop, hop)]


def _coarser_too_early(lane: Lane, horizon_us: int) -> list[tuple[int, int]]:
    first, *longer = _levels(lane, horizon_us)
    return [(first[0] + 2 * first[1], first[1]), *longer]


def _written_only(touches: Sequence[Touch], blobs: Sequence[bytes]) -> list[bytes]:
    return [blob[:24] for touch, blob in zip(touches, blobs, strict=True) if touch.record]


def _drops_pending(layout: EntityLayout, record: Record, horizon_us: int) -> bool:
    return bool(record[OBSERVED] >= horizon_us) and _needed(layout, record, horizon_us)


def _half_the_cap(
    lane: Lane, seen: dict[int, int], events: Sequence[Record], slot: int, cap: int, horizon_us: int
) -> dict[int, int]:
    return _seen(lane, seen, events, slot, max(1, cap // 2), horizon_us)


def _portions_late(
    layout: EntityLayout, waiting: Sequence[Record], horizon_us: int, at_us: int
) -> tuple[Sequence[Record], list[tuple[int, list[Record]]]]:
    carried, aside = _aside(layout, waiting, horizon_us, at_us)
    return carried, [(enters_us + 1, records) for enters_us, records in aside]


def _portions_lost(
    layout: EntityLayout, waiting: Sequence[Record], horizon_us: int, at_us: int
) -> tuple[Sequence[Record], list[tuple[int, list[Record]]]]:
    carried, aside = _aside(layout, waiting, horizon_us, at_us)
    return carried, aside[1:]


def _left_beside(key: bytes, old: bytes, base: bytes, _: int | None, parcels: Sequence[Parcel]) -> Swap:
    return Swap(key, old, base, None, parcels)


MUTATIONS: dict[str, tuple[object, str, Callable[..., Any]]] = {
    "an event counts at its own stamp": (rules, "entered", _at_the_stamp_too),
    "the delay is ignored": (rules, "entered", _without_delay),
    "a late event counts before it was known": (rules, "entered", _known_or_not),
    "a delayed event counts on arrival": (rules, "entered", _on_arrival),
    "the tail is a microsecond late": (rules, "tail", lambda at, width, hop: _rules_tail(at, width, hop) + 1),
    "the tail is a hop late": (rules, "tail", lambda at, width, hop: _rules_tail(at, width, hop) + hop),
    "the tail is a hop early": (rules, "tail", lambda at, width, hop: _rules_tail(at, width, hop) - hop),
    "the tail does not move by hops": (rules, "tail", lambda at, width, hop: at - width),  # noqa: ARG005
    "folding drops a tile too early": (fold, "levels", _too_late),
    "rows become coarse too early": (fold, "levels", _coarser_too_early),
    "folding drops what is not due yet": (fold, "is_needed", _drops_pending),
    "what is put aside is needed a microsecond late": (fold, "_put_aside", _portions_late),
    "what is put aside first is lost": (fold, "_put_aside", _portions_lost),
    "folded parcels stay": (engine, "Swap", _left_beside),
    "folding forgets values seen": (fold, "seen_values", _half_the_cap),
    "sums are joined as extremes": (fold, "together", lambda lane, one, other: list(map(max, one, other))),  # noqa: ARG005
    "keys only read have no fence": (sqlite_store, "fences", _written_only),
    "nothing is a repeat": (sqlite_store, "is_repeated", lambda *_: False),
    "everything is a repeat": (sqlite_store, "is_repeated", lambda *_: True),
}


@pytest.fixture(autouse=True)
def _often_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    fold_often(monkeypatch)


@pytest.mark.parametrize("open_store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_engine_is_caught(
    plan: WindowPlan, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each small mistake in the rules, in folding, in stamping or in deduplicating shows as a difference."""
    monkeypatch.setattr(*MUTATIONS[name])
    if MUTATIONS[name][0] is rules:  # machine code has rules of its own, whose mistakes are made below
        monkeypatch.setattr(kernel, "compute", lambda *_: kernel.UNFIT)
    with pytest.raises((CaughtError, StateCorruptError)):  # the second where parcels are missed
        prove(plan, open_store, examples=150)


SCRIPTS = {
    "keys only read have no fence": (
        "exchange.lua",
        "if held > fence then",
        "if held > fence and ARGV[3 * place] ~= '' then",
    ),
    "nothing is a repeat": ("exchange.lua", "if accepted then", "if false then"),
    "everything is a repeat": ("exchange.lua", "if stamp < until_second .. accepted:sub(11) then", "if true then"),
    "the clock is the stamp": (
        "exchange.lua",
        "local stamp = fence:sub(1, DIGITS)",
        "local stamp = ARGV[1]:sub(1, DIGITS)",
    ),
    "fences go back": (
        "exchange.lua",
        "redis.call('SET', KEYS[place], fence ..",
        "redis.call('SET', KEYS[place], ARGV[1] ..",
    ),
    "parcels are never asked for": ("exchange.lua", "if #blob >= UNTIL_ENDS and", "if false and"),
    "folded parcels stay": ("swap.lua", "if ARGV[4] ~= '' then", "if false then"),
    "what is put aside is lost": ("swap.lua", "for place = 5, #ARGV, 2 do", "for place = 7, #ARGV, 2 do"),
    "parcels are gone before the key": ("swap.lua", "redis.call('PTTL', KEYS[1])", "1"),
}


@pytest.mark.parametrize("open_store", [pytest.param("redis", marks=pytest.mark.needs("redis-server"))], indirect=True)
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_wrong_script_is_caught(
    plan: WindowPlan, open_store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The same for the script that Redis runs."""
    for script in Path(redis_store.__file__).parent.glob("*.lua"):
        (tmp_path / script.name).write_text(script.read_text())
    file, right, wrong = SCRIPTS[name]
    source = (tmp_path / file).read_text()
    assert source.count(right) == 1
    (tmp_path / file).write_text(source.replace(right, wrong))
    monkeypatch.setattr(redis_store, "FOLDER", tmp_path)
    with pytest.raises((CaughtError, StateCorruptError)):
        prove(plan, open_store, examples=150)


KERNELS = {
    "an event counts at its own stamp": ("<= enters_us < key.at_us", "<= enters_us <= key.at_us"),
    "the delay is ignored": (
        "_entered(key, program[step + TAG], program[step + DELAY], seen)",
        "_entered(key, program[step + TAG], 0, seen)",
    ),
    "a late event counts before it was known": (
        "return observed_us if observed_us >= axis_us else axis_us",
        "return axis_us",
    ),
    "a delayed event counts on arrival": (
        "return observed_us if observed_us >= axis_us else axis_us",
        "return observed_us",
    ),
    "what is folded counts twice": ("key.horizon_us <= enters_us", "0 <= enters_us"),
    "another stream's events count": ("key.blob[record] != tag or not", "not"),
    "the tail is a hop early": ("at_us - at_us % hop_us - width_us", "at_us - at_us % hop_us - width_us - hop_us"),
    "the tail is a microsecond late": ("at_us - at_us % hop_us - width_us", "at_us - at_us % hop_us - width_us + 1"),
    "the tail does not move by hops": ("at_us - at_us % hop_us - width_us", "at_us - width_us"),
    "nulls are zeros": ("& 1 == 1)", "& 1 == 2)"),
    "the newest value is the last that was sent": (
        "> (newest_us, enters_us, number)",
        "!= (newest_us, enters_us, number)",
    ),
    "raw values are not told apart": ("hashes[same] != value", "True"),
    "the cap is forgotten": (
        "_at_least(hops, begin, end, tail), program[at + CAP])",
        "_at_least(hops, begin, end, tail), 9999)",
    ),
}


@pytest.mark.filterwarnings("ignore:overflow encountered")  # numpy says so where machine code counts on
@pytest.mark.parametrize("open_store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", KERNELS)
def test_a_wrong_kernel_is_caught(
    plan: WindowPlan, open_store: OpenStore, mutated_kernel: MutateKernel, name: str
) -> None:
    """The same for what machine code is made of."""
    mutated_kernel(*KERNELS[name])
    with pytest.raises(CaughtError):
        prove(plan, open_store, examples=150)


@pytest.mark.parametrize("open_store", ["sqlite"], indirect=True)
def test_the_right_engine_is_not_caught(plan: WindowPlan, open_store: OpenStore) -> None:
    """The streams that catch the mistakes find nothing wrong without them."""
    prove(plan, open_store, examples=25)
