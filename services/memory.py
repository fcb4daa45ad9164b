"""Garbage collection in processes that answer while somebody waits."""

from __future__ import annotations

import gc


def settle_memory() -> None:
    """
    Take what was loaded out of garbage collection.

    A full collection looks at every object there is, which with models, clients and pages loaded may take hundreds
    of milliseconds, in the middle of an answer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
