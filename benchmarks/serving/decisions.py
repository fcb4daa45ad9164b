"""
A whole decision over HTTP under load, beside what one would build from the same parts without Riskloom.

Ours checks the event against its contract, counts it in the live windows of its entities, reads every feature, scores,
applies the policy, writes the decision down and answers it with how fresh each view was. The peers look as many
features up in the same Redis through Feast's SDK, call the same booster and answer its number. The floor does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import redis

from benchmarks.rows import Row
from benchmarks.services import running_redis
from benchmarks.serving.contestants import (
    BENTO,
    DIRECT,
    FASTAPI,
    FLOOR,
    MLFLOW,
    MOUNT,
    SQLITE,
    Contestant,
    contestants,
)
from benchmarks.serving.home import Home, prepare_home
from benchmarks.serving.load import drive
from benchmarks.serving.outcomes import check, read_counts
from benchmarks.serving.rounds import Figure, Heat, Turn, figure, run_rounds
from benchmarks.workbench import Workbench

_MANY = 8
_HEATS = (
    *(Heat(name, _MANY) for name in (MOUNT, BENTO, DIRECT, FLOOR, FASTAPI, MLFLOW, SQLITE)),
    *(Heat(name, 1) for name in (MOUNT, DIRECT)),
)
_PEERS = {
    BENTO: "BentoML @api, Feast's SDK and a LightGBM booster: a score and nothing else",
    FASTAPI: "FastAPI, Feast's SDK and a LightGBM booster: a score and nothing else",
    MLFLOW: "MLflow's scoring server: the model alone, sent the features",
    FLOOR: "uvicorn with a callable that answers always the same",
}


class _Metric(NamedTuple):
    """What is told of a turn."""

    unit: str
    better: Literal["higher", "lower"]
    of: Callable[[Turn], float]


_RATE = _Metric("req/s", "higher", lambda turn: turn.answers.rate)
_P50 = _Metric("ms", "lower", lambda turn: turn.answers.p50_ms)
_P99 = _Metric("ms", "lower", lambda turn: turn.answers.p99_ms)
_SERVICE = _Metric("µs", "lower", lambda turn: turn.service_us)
_REDIS = _Metric("µs", "lower", lambda turn: turn.redis_us)


def measure(bench: Workbench) -> Iterator[Row]:
    """Turns of some seconds in three rounds, everybody running all the while; medians."""
    with running_redis(bench.work_in("redis")) as url:
        home = prepare_home(bench, url)
        with contestants(bench, home, url) as found:
            results = _results(bench, home, found, url)
    yield from rows_of(results)
    yield Row("decisions: features of the model", len(home.model.manifest.features), "features", "higher")


class Results(NamedTuple):
    """Turns by heat, and the percentage of our decisions whose outcome was not the mildest."""

    turns: Mapping[Heat, Sequence[Turn]]
    flagged: float

    def figure(self, name: str, metric: _Metric, connections: int = _MANY) -> Figure | None:
        """A contestant's; None of one that is not there."""
        turns = self.turns.get(Heat(name, connections))
        return None if turns is None else figure(turns, metric.of)


def rows_of(results: Results) -> Iterator[Row]:
    """A row a line of the table; where a peer is not there, none that speaks of it."""
    yield from _throughput(results)
    yield from _latency(results)
    yield from _processor(results)
    others = figure([turn for turns in results.turns.values() for turn in turns], lambda turn: turn.others)
    yield Row("decisions: cores that other work took meanwhile", others.median, "cores", "lower", spread=others.spread)
    yield Row("decisions: share with reasons, as their outcome is not the mildest", results.flagged, "%", "lower")


def _results(bench: Workbench, home: Home, found: Mapping[str, Contestant], url: str) -> Results:
    folder = bench.work_in("load")
    heats = [heat for heat in _HEATS if heat.name in found]
    for name in dict.fromkeys(heat.name for heat in heats):
        bench.say(f"  warming up: {name}")
        drive(found[name].target, connections=_MANY, seconds=bench.size(3, 1), folder=folder)
    services = [f"http://{each.host}:{each.scoring_port}" for each in (home.on_redis, home.on_sqlite)]
    before = [read_counts(service, home.key, bench.domain) for service in services]
    turns = run_rounds(
        heats,
        found,
        redis=redis.Redis.from_url(url),
        rounds=bench.size(3, 1),
        seconds=bench.size(8, 1),
        folder=folder,
        say=bench.say,
    )
    counts = [
        read_counts(service, home.key, bench.domain).since(earlier)
        for service, earlier in zip(services, before, strict=True)
    ]
    for count in counts:
        check(count)
    return Results(turns, 100 * counts[0].flagged / counts[0].decided)


def _throughput(results: Results) -> Iterator[Row]:
    """Requests a second over eight connections, against each peer."""
    yield from _row(results, MOUNT, _RATE, against=BENTO, least=2_500, times=6)
    yield from _row(results, MOUNT, _RATE, against=FASTAPI, times=3)
    yield from _row(results, MOUNT, _RATE, against=MLFLOW)
    yield from _row(results, DIRECT, _RATE, against=FLOOR, times=0.7)
    yield from _row(results, DIRECT, _RATE, against=BENTO, times=14)
    yield from _row(results, SQLITE, _RATE)


def _latency(results: Results) -> Iterator[Row]:
    """Percentiles, over eight connections and over one."""
    for name, p99 in ((MOUNT, 12.0), (DIRECT, None), (SQLITE, None)):
        yield from _row(results, name, _P50, kind="p50", against=BENTO)
        yield from _row(results, name, _P99, kind="p99", against=BENTO, limit=p99)
    yield from _row(results, MOUNT, _P99, kind="p99", against=FASTAPI)
    for name in (MOUNT, DIRECT):
        yield from _row(results, name, _P50, kind="p50", connections=1, limit=0.4)
        yield from _row(results, name, _P99, kind="p99", connections=1, limit=1.5)


def _processor(results: Results) -> Iterator[Row]:
    """Processor time of an answer, in the service and in Redis."""
    for name in (MOUNT, DIRECT):
        for peer in (BENTO, FASTAPI, MLFLOW, FLOOR):
            yield from _row(results, name, _SERVICE, kind="processor time of the service", against=peer)
    yield from _row(results, SQLITE, _SERVICE, kind="processor time of the service")
    for peer in (BENTO, FASTAPI):
        yield from _row(results, DIRECT, _REDIS, kind="processor time of Redis", against=peer)


def _row(
    results: Results,
    name: str,
    metric: _Metric,
    *,
    kind: str = "",
    connections: int = _MANY,
    against: str | None = None,
    least: float = 0.0,
    times: float | None = None,
    limit: float | None = None,
) -> Iterator[Row]:
    """
    A figure of ours beside a peer's; nothing where the peer is not there.

    Args:
        results: What was measured.
        name: Which of ours.
        metric: What of it.
        kind: Its name, where the unit does not tell.
        connections: Of the turns that count.
        against: The peer.
        least: A target by itself.
        times: A target as a multiple of the peer's figure; the higher of the two counts.
        limit: The target of a metric that should be low.
    """
    ours = results.figure(name, metric, connections)
    theirs = None if against is None else results.figure(against, metric, connections)
    if ours is None or (against is not None and theirs is None):
        return
    store = "" if name == SQLITE else "Redis, "
    where = f"{store}{name}, {connections} connection{'s' if connections > 1 else ''}"
    multiple = "" if times is None else f", {times:g} times"
    of_peer = "" if against is None else f", against {against}{multiple}"
    target = max(least, times * theirs.median) if times is not None and theirs is not None else limit
    yield Row(
        name=f"decisions, {where}{f': {kind}' if kind else ''}{of_peer}",
        value=ours.median,
        unit=metric.unit,
        better=metric.better,
        peer=None if against is None else _PEERS[against],
        peer_value=None if theirs is None else theirs.median,
        target=target,
        spread=ours.spread,
    )
