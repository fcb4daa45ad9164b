"""The engine against the definition: generated streams on both stores, tolerance zero."""

from __future__ import annotations

from itertools import count

from hypothesis import HealthCheck, given, settings

from riskloom.windows import WindowPlan
from riskloom.windows.engine import WindowEngine, mark_bootstrapped
from riskloom.windows.store import StateStore
from tests.windows.conftest import OpenStore
from tests.windows.streams import START, Step, differences, replay, steps

_settings = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_numbers = count()


def started(plan: WindowPlan, store: StateStore) -> WindowEngine:
    """An engine on a store that knows there was no history."""
    mark_bootstrapped(plan, store, START)
    return WindowEngine(plan, store, clock=lambda: START)


@_settings
@given(calls=steps())
def test_every_value_is_that_of_the_definition(plan: WindowPlan, open_store: OpenStore, calls: list[Step]) -> None:
    """Ties, hop edges, repeats, late and null values, clocks that jump: each value equals that over the raw events."""
    engine = started(plan, open_store(next(_numbers)))
    assert not list(differences(plan, replay(lambda _: engine, calls)))
