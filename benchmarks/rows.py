"""One measured figure beside its peer, and the file the figures of a group are kept in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Json = dict[str, Any]

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """
    One figure.

    Attributes:
        name: What was measured, with its size: it identifies the row within its group.
        value: The figure, in ``unit``.
        unit: Such as ``rows/s``.
        better: Whether more or less of it is better.
        peer: What was measured beside it on the same input; None where nothing compares.
        peer_value: The peer's figure in the same unit.
        target: What the figure should reach; None where it is only reported.
        spread: The least and the greatest of the runs of which ``value`` is the median; None of a single run.
    """

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"]
    peer: str | None = None
    peer_value: float | None = None
    target: float | None = None
    spread: tuple[float, float] | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer; below 1 the peer is better. None without a peer."""
        if self.peer_value is None:
            return None
        return self.value / self.peer_value if self.better == "higher" else self.peer_value / self.value

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; None without a target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.better == "higher" else self.value <= self.target

    def as_json(self) -> Json:
        """The row as it stands in the file."""
        return {
            "name": self.name,
            "value": _short(self.value),
            "unit": self.unit,
            "peer": self.peer,
            "peer_value": _short(self.peer_value),
            "ratio": _short(self.ratio),
            "target": self.target,
            "met": self.met,
            "spread": None if self.spread is None else [_short(bound) for bound in self.spread],
        }


def write_group(path: Path, machine: Json, rows: Sequence[Row]) -> None:
    """
    Write a group's figures; rows of the same machine that were not measured this time stay as they are.

    Figures of another machine are dropped: a file speaks of one machine only.
    """
    fresh = {row.name: row.as_json() for row in rows}
    kept = _rows_of(path, machine)
    merged = [fresh.pop(row["name"], row) for row in kept] + list(fresh.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"machine": machine, "rows": merged}, indent=2, ensure_ascii=False)
    path.write_text(content + "\n", encoding="utf-8")


def _rows_of(path: Path, machine: Json) -> list[Json]:
    if not path.is_file():
        return []
    content = json.loads(path.read_text(encoding="utf-8"))
    rows: list[Json] = content["rows"] if content["machine"] == machine else []
    return rows


def _short(value: float | None) -> float | None:
    """Four significant digits; more would only be noise."""
    return None if value is None else float(f"{value:.{_DIGITS}g}")
