"""What the consumer counts, and how the streams stand, in Prometheus' text format."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from starlette.responses import Response

from riskloom.intake.consumer import Consumer, Report
from riskloom.intake.queue import EventQueue


class Metrics:
    """The counters of one process, and gauges that are asked at each scrape."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._events = Counter(
            "riskloom_consumer_events",
            "Messages by domain and outcome: accepted, duplicate, refused (to the dead letters), dead.",
            ["domain", "outcome"],
            registry=self._registry,
        )

    def reporter(self, domain: str) -> Report:
        """Counts what became of a domain's messages."""
        return lambda outcome: self._events.labels(domain, outcome).inc()

    def watch(self, queues: Mapping[str, EventQueue], consumers: Mapping[str, Consumer]) -> None:
        """Show how streams and consumers stand, by domain."""
        self._registry.register(_Streams(queues, consumers))

    def response(self) -> Response:
        """All of it as Prometheus reads it."""
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Streams(Collector):
    def __init__(self, queues: Mapping[str, EventQueue], consumers: Mapping[str, Consumer]) -> None:
        self._queues, self._consumers = queues, consumers

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Nothing of a stream whose Redis does not answer."""
        waiting = _gauge("waiting", "Messages that no consumer has yet.")
        pending = _gauge("pending", "Messages that a consumer has and has not finished.")
        oldest = _gauge("oldest_seconds", "Age of the oldest message that is not finished.")
        dead = _gauge("dead_letters", "Events that nobody could take.")
        working = _gauge("working", "1 while the last round succeeded.")
        for domain, queue in self._queues.items():
            working.add_metric([domain], float(self._consumers[domain].is_working))
            try:
                lag = queue.lag(now_seconds=time.time())
            except (RedisError, OSError):
                continue
            waiting.add_metric([domain], lag.waiting)
            pending.add_metric([domain], lag.pending)
            oldest.add_metric([domain], lag.oldest_seconds)
            dead.add_metric([domain], lag.dead)
        return [waiting, pending, oldest, dead, working]


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"riskloom_consumer_{name}", text, labels=["domain"])
