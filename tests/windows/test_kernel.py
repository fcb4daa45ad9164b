"""Machine code against the reference that knows no limit: one value or none, and none only where numbers are large."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from riskloom.windows import RatioFeature, Smoothing, Span, Stream, WindowFeature, WindowPlan, WindowView
from riskloom.windows.engine import Entity, entities_of
from riskloom.windows.events import EventCoder
from riskloom.windows.fold import folded
from riskloom.windows.plan import Aggregate
from riskloom.windows.program import Program
from riskloom.windows.state import fence_of, opened
from riskloom.windows.store import stamped
from tests.windows.conftest import MutateKernel

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
SPANS = {"short": Span(8 * SECOND, SECOND), "long": Span(64 * SECOND, 4 * SECOND)}
AGGREGATES: tuple[Aggregate, ...] = (
    "count",
    "sum",
    "mean",
    "std",
    "min",
    "max",
    "last",
    "distinct",
    "time_since_last",
    "time_since_first",
)
#: Where 32, 53 and 64 bits end, and where squares and sums do.
EDGES = (2**31, 2**32, 3_037_000_500, 2**52, 2**53, 2**61, 2**62, 2**63 - 1)
SMALL = st.integers(-10_000, 10_000)
LARGE = st.sampled_from([sign * (edge + near) for edge in EDGES for near in (-1, 0) for sign in (1, -1)])
LOWEST = st.just(-(2**63))

#: Seconds after the start, cents, units; None is null.
Event = tuple[int, int | None, int | None]


def events(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[list[Event]]:
    """Payments of one key, in the order in which they arrive."""
    value = st.none() | numbers
    return st.lists(st.tuples(st.integers(0, 100), value, value), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def plan() -> WindowPlan:
    """Every aggregate of an amount with decimals and of a whole number, and ratios whose parts may be missing."""
    stream = Stream("payments", "payments", "payments", "payment", ("card",), {"cents": 2, "units": 0}, 60 * SECOND)
    windows = [
        WindowFeature(
            name=f"{aggregate}_{field}_{span}",
            aggregate=aggregate,
            stream="payments",
            field=field,
            span=span,
            delay_us=delay * SECOND,
            cap=4 if aggregate == "distinct" else None,
            data_type="double",
        )
        for aggregate in AGGREGATES
        for field, delay in (("cents", 0), ("units", 3))
        for span in SPANS
    ]
    smoothing = Smoothing(weight=2.5, prior=0.25)
    ratios = [
        RatioFeature("of_means", "mean_cents_short", "mean_cents_long", None, "double"),
        RatioFeature("of_sums", "sum_units_short", "sum_units_long", None, "double"),
        RatioFeature("of_wholes", "last_units_short", "max_units_long", smoothing, "double"),
    ]
    view = WindowView("cards", "bench__cards", "card", "card", SPANS, (*windows, *ratios))
    return WindowPlan("bench", (stream,), (view,))


def state_of(plan: WindowPlan, entity: Entity, sent: list[Event], folds: int) -> bytes:
    """The state of a key that events happened to, a second apart, and that was folded after so many of them."""
    coder = EventCoder(plan.streams[0], 0, {entity.layout.join_key: entity.layout})
    blob = fence_of(START) + entity.base
    for place, (second, *values) in enumerate(sent):
        at_us = START + second * SECOND
        blob += stamped(coder.record("card", at_us, list(values)), max(at_us, START + place * SECOND))
        if place == folds:
            blob = fence_of(START) + folded(entity.layout, blob, at_us).base
    return blob


def answers(plan: WindowPlan, sent: list[Event], folds: int, after: int) -> tuple[object, object]:
    """What machine code and what the reference say, with the types of the values."""
    entity = entities_of(plan)["card"]
    blob, at_us = state_of(plan, entity, sent, folds), START + (100 + after) * SECOND + 1
    state = opened(entity.layout, blob)
    expected = entity.compute(blob, state.lanes_at, state.records, state.horizon_us, at_us)
    found = Program(plan, [entity.layout]).values([blob], at_us)
    return found and [*found.items(), *map(type, found.values())], [*expected.items(), *map(type, expected.values())]


def prove(plan: WindowPlan, numbers: st.SearchStrategy[int], examples: int) -> list[bool]:
    """Compare generated states; for each whether machine code had an answer."""
    answered = []

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(sent=events(numbers), folds=st.integers(-1, 12), after=st.integers(0, 12))
    def run(sent: list[Event], folds: int, after: int) -> None:
        found, expected = answers(plan, sent, folds, after)
        answered.append(found is not None)
        assert found is None or found == expected

    run()
    return answered


def test_ordinary_numbers_are_always_answered(plan: WindowPlan) -> None:
    """No key of an ordinary business falls back to the reference."""
    assert all(prove(plan, SMALL, 150))


def test_large_numbers_are_right_or_left_to_the_reference(plan: WindowPlan) -> None:
    """Numbers up to 64 bits, whose squares take 128: never a wrong value, and not always none."""
    answered = prove(plan, SMALL | LARGE | LOWEST, 300)
    assert any(answered)
    assert not all(answered)


MUTATIONS = {
    "a square's carry is lost": ("if total < low else", "if False else", LARGE),
    "a deviation's borrow is lost": ("if low < square_low else", "if False else", LARGE),
    "a product's middle is lost": ("+ (middle >> _HALF) +", "+", LARGE),
    "wholes that are no doubles are divided": (
        "np.nan if abs(answer.out[place]) > _EXACT else",
        "",
        st.integers(2**53, 2**58).map(lambda number: number | 1),
    ),
    "a missing denominator is one": (
        "        return 0.0\n    if not is_whole",
        "        return 1.0\n    if not is_whole",
        SMALL,
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_kernel_is_caught(plan: WindowPlan, mutated_kernel: MutateKernel, name: str) -> None:
    """Mistakes that only large or missing numbers show; tests of the mutated engine make the others."""
    right, wrong, numbers = MUTATIONS[name]
    mutated_kernel(right, wrong)
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(AssertionError):
        prove(plan, numbers, 150)


def test_a_state_that_is_cut_short_is_unfit(plan: WindowPlan) -> None:
    """Machine code reads nothing beyond a blob's end, whatever the blob says about its own parts."""
    entity = entities_of(plan)["card"]
    blob = state_of(plan, entity, [(second, second, second) for second in range(20)], 10)
    program = Program(plan, [entity.layout])
    for length in range(len(blob)):
        found = program.values([blob[:length]], START + 100 * SECOND)
        assert found is None or (len(blob) - length) % entity.layout.record.size == 0
