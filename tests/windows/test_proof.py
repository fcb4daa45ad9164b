"""The engine against the definition: generated streams on both stores, tolerance zero."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from riskloom.windows import WindowPlan, fold
from riskloom.windows.engine import WindowEngine, mark_bootstrapped
from riskloom.windows.store import StateStore
from tests.windows.conftest import OpenStore, fold_often
from tests.windows.streams import START, Step, differences, replay, steps

_settings = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
_numbers = count()


@pytest.fixture(params=["rarely-folded", "often-folded", "put-aside"])
def _folding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How often state is folded, and where what waits lies meanwhile, must not be seen in any value."""
    if request.param == "put-aside":
        fold_often(monkeypatch)
    elif request.param == "often-folded":
        monkeypatch.setattr(fold, "DUE_AFTER", 3)
        monkeypatch.setattr(fold, "LEFT", 1)


def started(plan: WindowPlan, store: StateStore) -> WindowEngine:
    """An engine on a store that knows there was no history."""
    mark_bootstrapped(plan, store, START)
    return WindowEngine(plan, store, clock=lambda: START)


def _in_turn(workers: Sequence[WindowEngine], place: int) -> WindowEngine:
    return workers[place % len(workers)]


@pytest.mark.usefixtures("_folding")
@_settings
@given(calls=steps())
def test_every_value_is_that_of_the_definition(plan: WindowPlan, open_store: OpenStore, calls: list[Step]) -> None:
    """Ties, hop edges, repeats, late and null values, clocks that jump: each value equals that over the raw events."""
    engine = started(plan, open_store(next(_numbers)))
    assert not list(differences(plan, replay(lambda _: engine, calls)))


@pytest.mark.usefixtures("_folding")
@_settings
@given(calls=steps(), order=st.randoms(use_true_random=False))
def test_order_restart_and_redelivery_change_nothing(
    plan: WindowPlan, open_store: OpenStore, calls: list[Step], order: random.Random
) -> None:
    """Events that arrive shuffled, at workers that start afresh for each, and once more afterwards: the same values."""
    order.shuffle(calls)
    number = next(_numbers)
    started(plan, open_store(number))
    answers = []
    for sent in (calls, calls):  # the second time everything has been started afresh
        stores = [open_store(number) for _ in range(3)]
        workers = [WindowEngine(plan, store, clock=lambda: START) for store in stores]
        answers += replay(partial(_in_turn, workers), sent)
        for store in stores:
            store.close()
    assert not list(differences(plan, answers))
