"""What the service counts about itself, in Prometheus' text format; labels hold names of ours, never of a caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import Response

from services.scoring.status import DomainStatus

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_STAGE_BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0)
NO_DOMAIN = "none"
NO_OUTCOME = "none"
NO_TABLE = "none"


M = TypeVar("M", Counter, Histogram)


class Labelled(Generic[M]):
    """A metric whose children are kept by their labels: Prometheus' client takes a lock and makes texts each time."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[tuple[str, ...], M] = {}

    def labels(self, *labels: str) -> M:
        """The child with these labels."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._metric.labels(*labels)
        return child


class Metrics:
    """
    The service's counters; one instance a process.

    Args:
        status: What holds for each domain now, asked at each scrape.
    """

    def __init__(self, status: Callable[[], Iterable[DomainStatus]]) -> None:
        self._registry = CollectorRegistry()
        self.requests = Labelled(
            Counter(
                "riskloom_scoring_requests",
                "Answers by domain, outcome (none where nothing was decided) and HTTP status.",
                ["domain", "outcome", "status"],
                registry=self._registry,
            )
        )
        self.latency = Labelled(
            Histogram(
                "riskloom_scoring_latency_seconds",
                "From the request's headers to its answer, by domain.",
                ["domain"],
                buckets=_BUCKETS,
                registry=self._registry,
            )
        )
        self.stages = Labelled(
            Histogram(
                "riskloom_scoring_stage_seconds",
                "Of a decision's time, by domain and stage: lookup (the event is counted and features are read), model "
                "(request features and score), rules (rules, policy, reasons) and ledger (it is written down).",
                ["domain", "stage"],
                buckets=_STAGE_BUCKETS,
                registry=self._registry,
            )
        )
        self.batches = Labelled(
            Counter(
                "riskloom_scoring_batches",
                "Answers to batches by domain and HTTP status; their events are counted as requests.",
                ["domain", "status"],
                registry=self._registry,
            )
        )
        self.batch_latency = Labelled(
            Histogram(
                "riskloom_scoring_batch_latency_seconds",
                "From the headers of a batch to its answer, by domain.",
                ["domain"],
                buckets=_BUCKETS,
                registry=self._registry,
            )
        )
        self.features = Labelled(
            Counter(
                "riskloom_scoring_feature_reads",
                "Feature views read, by domain, view and status: fresh, stale or missing.",
                ["domain", "view", "status"],
                registry=self._registry,
            )
        )
        self.degraded = Labelled(
            Counter(
                "riskloom_scoring_degraded_decisions",
                "Decisions made with a view stale or missing, by domain.",
                ["domain"],
                registry=self._registry,
            )
        )
        self.reasons_left_out = Labelled(
            Counter(
                "riskloom_scoring_reasons_left_out",
                "Decisions answered without the reasons they should have, by domain.",
                ["domain"],
                registry=self._registry,
            )
        )
        self.events = Labelled(
            Counter(
                "riskloom_events",
                "Events that were pushed, by domain, table and status: accepted, duplicate, refused or unavailable.",
                ["domain", "table", "status"],
                registry=self._registry,
            )
        )
        self.event_requests = Labelled(
            Counter(
                "riskloom_events_requests",
                "Answers to pushed events and batches, by domain and HTTP status.",
                ["domain", "status"],
                registry=self._registry,
            )
        )
        self.event_latency = Labelled(
            Histogram(
                "riskloom_events_latency_seconds",
                "From the headers of pushed events to their answer, by domain.",
                ["domain"],
                buckets=_BUCKETS,
                registry=self._registry,
            )
        )
        self.load_failures = Labelled(
            Counter(
                "riskloom_model_load_failures",
                "Champions that did not load, by domain.",
                ["domain"],
                registry=self._registry,
            )
        )
        self.shadow_decisions = Labelled(
            Counter(
                "riskloom_shadow_decisions",
                "Decisions for the model in shadow, by domain and what became of them: scored, failed or dropped.",
                ["domain", "status"],
                registry=self._registry,
            )
        )
        self.rule_hits = Labelled(
            Counter(
                "riskloom_rule_hits",
                "Rules that hit, by domain, rule and stage for the subject: live, rollout or shadow.",
                ["domain", "rule", "stage"],
                registry=self._registry,
            )
        )
        self.rules_stopped = Labelled(
            Counter(
                "riskloom_rules_stopped",
                "Rules put back to the shadow because they hit more than they may, by domain and rule.",
                ["domain", "rule"],
                registry=self._registry,
            )
        )
        self.rules_failures = Labelled(
            Counter(
                "riskloom_rules_load_failures",
                "Published rules that could not be used, by domain.",
                ["domain"],
                registry=self._registry,
            )
        )
        self._registry.register(_States(status))

    def register(self, collector: Collector) -> None:
        """Show another part's figures as well."""
        self._registry.register(collector)

    def response(self) -> Response:
        """All of it as Prometheus reads it."""
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


class _States(Collector):
    """Gauges of what holds now; asked when they are read, so that they cannot be out of date."""

    def __init__(self, status: Callable[[], Iterable[DomainStatus]]) -> None:
        self._status = status

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One family for each thing that holds or does not."""
        info = GaugeMetricFamily(
            "riskloom_model_info",
            "The model in service: always 1, its version is a label.",
            labels=["domain", "version"],
        )
        current = GaugeMetricFamily(
            "riskloom_model_is_champion", "1 while the model in service is the record's champion.", labels=["domain"]
        )
        beside = GaugeMetricFamily(
            "riskloom_model_beside_up",
            "1 while a version that the record names beside the champion is in service, by domain, part and version.",
            labels=["domain", "part", "version"],
        )
        store = GaugeMetricFamily(
            "riskloom_feature_store_up", "1 while the online feature store answers.", labels=["domain"]
        )
        for status in self._status():
            if status.serving is not None:
                info.add_metric([status.domain, status.serving], 1)
            current.add_metric([status.domain], float(status.serving is not None and status.problem is None))
            for part, version, problem in (
                ("canary", status.canary, status.canary_problem),
                ("shadow", status.shadow, status.shadow_problem),
            ):
                if version is not None:
                    beside.add_metric([status.domain, part, version], float(problem is None))
            store.add_metric([status.domain], float(status.is_store_reachable))
        return [info, current, beside, store]
