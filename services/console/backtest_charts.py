"""The pictures of a back-test: hits by day, shares with their intervals, and parts of a whole side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from riskloom.lifecycle.backtest import INTERDICTION
from riskloom.lifecycle.backtest_report import BacktestReport, DayHits, Share
from services.console.charts import HEIGHT, WIDTH, Bar

_GAP = 0.2  # of a day's width
_LEAST_VISIBLE = 2.0
_RIGHT, _OTHER = 3, 0  # ranks, which are colours: what was bad, and all else


@dataclass(frozen=True, slots=True)
class HitsChart:
    """Hits by day: the bars, and the same as numbers; days without a hit have none."""

    bars: tuple[Bar, ...]
    days: tuple[DayHits, ...]
    peak: int

    @property
    def summary(self) -> str:
        """What the picture shows, for who cannot see it."""
        total, right = sum(day.hits for day in self.days), sum(day.right for day in self.days)
        known = f"{right:,} of them known to be right; at most {self.peak:,} a day"
        return f"{total:,} hits on {len(self.days):,} days, {known}"


@dataclass(frozen=True, slots=True)
class Interval:
    """A share between 0 and 1 with the interval of 95 %, in the units of a picture ``WIDTH`` wide."""

    name: str
    share: Share
    place: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a whole: where it begins and how wide it is, and what it is."""

    x: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A row of parts; all rows of a picture have one scale."""

    name: str
    parts: tuple[Part, ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BacktestCharts:
    """All pictures of one report, and of a scenario's, how many of its hits come to its interdiction."""

    hits: HitsChart
    shares: tuple[Interval, ...]
    money: Whole
    people: Whole
    overlaps: tuple[Whole, ...]
    interdicted: int | None


def draw_backtest(report: BacktestReport) -> BacktestCharts:
    """The pictures of a report."""
    caught, missed = float(report.caught), float(report.at_stake - report.caught)
    others = report.entities_hit - report.honest_entities_hit
    beside = [each for each in report.overlaps if each.name != INTERDICTION]
    scale = max((each.both + each.only_rule + each.only_other for each in beside), default=1)
    return BacktestCharts(
        hits=_hits(report),
        shares=tuple(
            _interval(name, share) for name, share in (("precision", report.precision), ("recall", report.recall))
            if share.value is not None
        ),
        money=_whole("at stake", {"caught": caught, "missed": missed}, caught + missed),
        people=_whole(
            "entities hit", {"honest": report.honest_entities_hit, "others": others}, report.entities_hit
        ),
        overlaps=tuple(
            _whole(
                each.name,
                {"this alone": each.only_rule, "both": each.both, "the other alone": each.only_other},
                scale,
            )
            for each in beside
        ),
        interdicted=next((each.both for each in report.overlaps if each.name == INTERDICTION), None),
    )  # fmt: skip


def _hits(report: BacktestReport) -> HitsChart:
    last = (report.end - timedelta(microseconds=1)).date()
    count = max((last - report.start.date()).days + 1, 1)
    peak, step = max((day.hits for day in report.days), default=0), WIDTH / count
    bars = []
    for day in report.days:
        x, y = step * ((day.day - report.start.date()).days + _GAP / 2), float(HEIGHT)
        for number, rank in ((day.right, _RIGHT), (day.hits - day.right, _OTHER)):
            if number:
                height = max(HEIGHT * number / peak, _LEAST_VISIBLE)
                y -= height
                title = f"{day.day:%d %b}: {day.hits:,} hits, {day.right:,} known to be right"
                bars.append(Bar(round(x, 1), round(y, 1), round(step * (1 - _GAP), 1), round(height, 1), rank, title))
    return HitsChart(tuple(bars), report.days, peak)


def _interval(name: str, share: Share) -> Interval:
    value, low, high = (round(WIDTH * (each or 0.0), 1) for each in (share.value, share.low, share.high))
    return Interval(name, share, value, low, high)


def _whole(name: str, sizes: dict[str, float], scale: float) -> Whole:
    parts, x = [], 0.0
    for kind, size in sizes.items():
        width = WIDTH * size / scale if scale else 0.0
        if width:
            parts.append(Part(round(x, 1), round(max(width, _LEAST_VISIBLE), 1), kind, f"{size:,.0f} {kind}"))
        x += width
    return Whole(name, tuple(parts), tuple(round(size) for size in sizes.values()))
