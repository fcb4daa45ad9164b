"""Whose declaration's state is kept up: a fence for who still reads another's, on both stores."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from riskloom.errors import SupersededError
from riskloom.windows import WindowPlan
from riskloom.windows.kept import GRACE_US, check_kept, mark_kept
from tests.windows.conftest import OpenStore

_numbers = count(900_000)
AT_US = 1_700_000_000_000_000


def redeclared(plan: WindowPlan) -> WindowPlan:
    """The same windows, of which one stream knows its events for longer: its state has other keys."""
    first, *others = plan.streams
    return replace(plan, streams=(replace(first, dedupe_us=first.dedupe_us + 1), *others))


def test_state_that_another_declaration_took_the_place_of_is_not_read_for_long(
    plan: WindowPlan, open_store: OpenStore
) -> None:
    """For the grace it is read still, from then on refused with what to do; the other's is read all the time."""
    store, other = open_store(next(_numbers)), redeclared(plan)
    check_kept(plan, store, AT_US)
    mark_kept(plan, store, AT_US)
    mark_kept(other, store, AT_US + 5)
    check_kept(plan, store, AT_US + 5 + GRACE_US)
    check_kept(other, store, AT_US + 10 * GRACE_US)
    with pytest.raises(SupersededError, match=f"riskloom read-plan {plan.domain} --renew"):
        check_kept(plan, store, AT_US + 6 + GRACE_US)


def test_the_grace_begins_with_the_change(plan: WindowPlan, open_store: OpenStore) -> None:
    """To say each day that the same state is kept up does not put the end off; to go back to it is a change."""
    store, other = open_store(next(_numbers)), redeclared(plan)
    mark_kept(other, store, AT_US)
    mark_kept(other, store, AT_US + GRACE_US)
    with pytest.raises(SupersededError):
        check_kept(plan, store, AT_US + GRACE_US + 1)
    mark_kept(plan, store, AT_US + 2 * GRACE_US)
    check_kept(plan, store, AT_US + 9 * GRACE_US)
    check_kept(other, store, AT_US + 3 * GRACE_US)
    with pytest.raises(SupersededError):
        check_kept(other, store, AT_US + 3 * GRACE_US + 1)
