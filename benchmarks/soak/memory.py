"""Resident memory of processes while they work, and whether it grows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import psutil

_MIB = 1024**2


@dataclass(slots=True)
class Memory:
    """
    Samples of a process's resident memory.

    Attributes:
        at: When, seconds since the load began.
        resident: Bytes.
    """

    at: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    def growth(self, *, after: float) -> float:
        """
        By what share of its median the memory grew in the samples after an instant, along the Theil-Sen line.

        The line's slope is the median of the slopes between all pairs of samples (Sen 1968, Journal of the American
        Statistical Association 63): a step that a collection or the allocator makes does not bend it, a leak does.
        """
        at, resident = self._after(after)
        return self.slope(after=after) * float(at[-1] - at[0]) / float(np.median(resident))

    def slope(self, *, after: float) -> float:
        """Bytes a second along the Theil-Sen line of the samples after an instant."""
        at, resident = self._after(after)
        first, second = np.triu_indices(len(at), 1)
        return float(np.median((resident[second] - resident[first]) / (at[second] - at[first])))

    def median_mib(self, *, after: float) -> float:
        """The median of the samples after an instant, in MiB."""
        return float(np.median(self._after(after)[1])) / _MIB

    def _after(self, after: float) -> tuple[np.ndarray, np.ndarray]:
        at, resident = np.asarray(self.at), np.asarray(self.resident, dtype=float)
        return at[at >= after], resident[at >= after]


async def sample(processes: Sequence[psutil.Process], every: float) -> list[Memory]:
    """Look at processes until cancelled; what was seen is in the lists that come first."""
    found, begun = [Memory() for _ in processes], time.perf_counter()
    try:
        while True:
            for process, memory in zip(processes, found, strict=True):
                memory.at.append(time.perf_counter() - begun)
                memory.resident.append(process.memory_info().rss)
            await asyncio.sleep(every)
    except asyncio.CancelledError:
        return found
