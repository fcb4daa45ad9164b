"""
Which declaration's state of a domain is brought up to what lands: a fence for those who still read another's.

State has other keys where windows are declared otherwise. The old keys are there still, and events that are decided by
them still move them, but what lands enters the new ones only: read on, they would be wrong a little more each day.
"""

from __future__ import annotations

from riskloom.errors import SupersededError
from riskloom.windows.plan import WindowPlan
from riskloom.windows.store import StateStore

#: So long after another declaration's state began to be kept up, an older one may be read: for readers to change over.
GRACE_US = 60_000_000


def mark_kept(plan: WindowPlan, store: StateStore, at_us: int) -> None:
    """Say that a plan's state is the one of its domain that is kept up, from an instant on; again it is nothing."""
    kept = _kept(plan, store)
    if kept is None or kept[0] != plan.state_name:
        store.mark(_key(plan), b"%b %d" % (plan.state_name.encode(), at_us))


def check_kept(plan: WindowPlan, store: StateStore, now_us: int) -> None:
    """
    Look whether a plan's state is the one that is kept up; where nobody ever said which, it is.

    Raises:
        SupersededError: Another one is, for longer than ``GRACE_US``.
        StateUnavailableError: The store did not answer.
    """
    kept = _kept(plan, store)
    if kept is not None and kept[0] != plan.state_name and now_us - kept[1] > GRACE_US:
        raise SupersededError(
            f"{plan.domain}: expected the windows whose state is kept up ({kept[0]}), found {plan.state_name}; "
            f"`riskloom read-plan {plan.domain} --renew` compiles the champion's plan anew"
        )


def _kept(plan: WindowPlan, store: StateStore) -> tuple[str, int] | None:
    """The name of the state that is kept up, and since when."""
    marker = store.marker(_key(plan))
    if marker is None:
        return None
    name, _, since = marker.decode().partition(" ")
    return name, int(since)


def _key(plan: WindowPlan) -> bytes:
    return b"riskloom:windows:%b:kept" % plan.domain.encode()
