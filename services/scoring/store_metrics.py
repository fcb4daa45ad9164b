"""What is told in metrics about the online stores: their breakers, and the events that they have still to count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from services.scoring.breaker import BreakerState
from services.scoring.features import GuardedFeatures


class StoreStates(Collector):
    """
    Figures of every domain's store, asked when they are read.

    Args:
        features: The domains' guarded features by name.
    """

    def __init__(self, features: Mapping[str, GuardedFeatures]) -> None:
        self._features = features

    def collect(self) -> Iterable[Metric]:
        """One family for each figure."""
        state = GaugeMetricFamily(
            "riskloom_feature_store_breaker",
            "1 for the state that the circuit breaker of the feature store is in: closed, half_open or open.",
            labels=["domain", "state"],
        )
        opened = CounterMetricFamily(
            "riskloom_feature_store_breaker_opened", "How often the breaker has opened.", labels=["domain"]
        )
        waiting = GaugeMetricFamily(
            "riskloom_missed_events_waiting",
            "Events decided without the feature store that it is still to count.",
            labels=["domain"],
        )
        missed = CounterMetricFamily(
            "riskloom_missed_events",
            "What became of events decided without the feature store: counted late, or left to their landing.",
            labels=["domain", "outcome"],
        )
        for domain, features in self._features.items():
            for name in get_args(BreakerState):
                state.add_metric([domain, name], float(features.breaker.state == name))
            opened.add_metric([domain], features.breaker.openings)
            waiting.add_metric([domain], len(features.missed))
            missed.add_metric([domain, "counted"], features.missed.late)
            missed.add_metric([domain, "left"], features.missed.dropped)
        return [state, opened, waiting, missed]
