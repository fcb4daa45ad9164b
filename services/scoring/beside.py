"""The versions that a record names beside the champion: opened as champions are, where their features are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from riskloom.lifecycle.assignment import is_in_share

if TYPE_CHECKING:
    from riskloom.features import ReadPlan
    from riskloom.registry.record import Canary
    from services.scoring.champions import Champion, Trouble


@dataclass(frozen=True, slots=True)
class Beside:
    """A version beside the champion: the model, or why it is not in service."""

    version: str
    model: Champion | None
    trouble: Trouble | None


@dataclass(frozen=True, slots=True)
class ServedCanary:
    """A version that decides a share of subjects, as long as its model is in service."""

    beside: Beside
    share: float
    key: bytes

    def takes(self, name: str) -> bool:
        """Whether it decides whoever has this name."""
        return self.beside.model is not None and is_in_share(name, self.share, self.key)


def served_canary(
    wanted: Canary | None, before: ServedCanary | None, open_beside: Callable[[str, Beside | None], Beside]
) -> ServedCanary | None:
    """The canary that the record names; None where it names none."""
    if wanted is None:
        return None
    beside = open_beside(wanted.version, before.beside if before else None)
    return ServedCanary(beside, wanted.share, bytes.fromhex(wanted.key))


def put_beside(
    version: str,
    before: Beside | None,
    serving: Champion | None,
    *,
    open_model: Callable[[str, ReadPlan], Champion | Trouble],
) -> Beside:
    """
    Open a version beside the champion; one that was open stays so.

    Args:
        version: Which.
        before: What there was.
        serving: The champion in service: what is read is read by its plan.
        open_model: Opens a version, warm, whose features are read by a plan.
    """
    if serving is None:
        return Beside(version, None, "no_champion")
    known = before.model if before is not None and before.version == version else None
    if known is not None and known.plan.digest == serving.plan.digest:
        return Beside(version, known, None)
    found = open_model(version, serving.plan)
    return Beside(version, None, found) if isinstance(found, str) else Beside(version, found, None)
