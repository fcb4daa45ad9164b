"""Pictures as numbers that a template draws: bars of outcomes by day, and of a value's standing among others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from riskloom.ledger.queries import DayCount

WIDTH, HEIGHT = 560, 120
_GAP = 0.28  # of a day's width
_LEAST_VISIBLE = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, in the units of the picture; ``rank`` is that of its outcome, the mildest first."""

    x: float
    y: float
    width: float
    height: float
    rank: int
    title: str


@dataclass(frozen=True, slots=True)
class DayTotal:
    """The decisions of one day: in all, and of each outcome in the order of the declaration."""

    day: date
    total: int
    by_outcome: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutcomeChart:
    """Decisions by day and outcome: the bars, and the same as numbers."""

    bars: tuple[Bar, ...]
    days: tuple[DayTotal, ...]
    outcomes: tuple[str, ...]
    peak: int

    @property
    def summary(self) -> str:
        """What the picture shows, for who cannot see it."""
        total = sum(day.total for day in self.days)
        parts = [
            f"{sum(day.by_outcome[rank] for day in self.days):,} {outcome}"
            for rank, outcome in enumerate(self.outcomes)
        ]
        return f"{total:,} decisions in {len(self.days)} days: {', '.join(parts)}; at most {self.peak:,} on one day"


def outcome_chart(counts: Sequence[DayCount], outcomes: Sequence[str], *, first: date, last: date) -> OutcomeChart:
    """
    Stack the outcomes of each day; what is not declared any more counts with the last.

    Args:
        counts: As the ledger has them.
        outcomes: Names in the order of the declaration.
        first: First day that is shown.
        last: Last day that is shown.
    """
    ranks = {name: rank for rank, name in enumerate(outcomes)}
    found: dict[str, list[int]] = {}
    for count in counts:
        row = found.setdefault(count.day, [0] * len(outcomes))
        row[ranks.get(count.outcome, len(outcomes) - 1)] += count.decisions
    days = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        row = found.get(day.isoformat(), [0] * len(outcomes))
        days.append(DayTotal(day, sum(row), tuple(row)))
    peak = max(day.total for day in days)
    bars = [bar for number, day in enumerate(days) for bar in _stack(day, number, len(days), peak, outcomes)]
    return OutcomeChart(tuple(bars), tuple(days), tuple(outcomes), peak)


def _stack(day: DayTotal, number: int, days: int, peak: int, outcomes: Sequence[str]) -> list[Bar]:
    """One day's bar, the mildest outcome at the bottom; a few of many are still to be seen."""
    step = WIDTH / days
    x, y, bars = step * (number + _GAP / 2), float(HEIGHT), []
    for rank, count in enumerate(day.by_outcome):
        if count:
            height = max(HEIGHT * count / peak, _LEAST_VISIBLE)
            y -= height
            title = f"{day.day:%d %b}: {count:,} {outcomes[rank]}"
            bars.append(Bar(round(x, 1), round(y, 1), round(step * (1 - _GAP), 1), round(height, 1), rank, title))
    return bars
