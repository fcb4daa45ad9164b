"""What a scoring service has decided so far, as its metrics say: that it was measured while it did its work."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from riskloom.catalog import Domain
from riskloom.errors import ServiceError

#: Of a hundred decisions, how many may have been made without their features: those that a busy machine held up.
_MOST_DEGRADED = 0.01


@dataclass(frozen=True, slots=True)
class Counts:
    """Decisions of a domain: all, those with another outcome than the mildest, and those on missing features."""

    decided: float
    flagged: float
    degraded: float

    def since(self, earlier: Counts) -> Counts:
        """What was decided after ``earlier``."""
        return Counts(self.decided - earlier.decided, self.flagged - earlier.flagged, self.degraded - earlier.degraded)


def read_counts(url: str, key: str, domain: Domain) -> Counts:
    """
    Ask a service for its metrics.

    Args:
        url: Its address, without a path.
        key: A key that may read metrics.
        domain: Of whose decisions.
    """
    answer = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {key}"}, timeout=10, trust_env=False)
    answer.raise_for_status()
    return counts_of(answer.text, domain)


def counts_of(metrics: str, domain: Domain) -> Counts:
    """What metrics in Prometheus' text format say of a domain's decisions."""
    decided = flagged = degraded = 0.0
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.labels.get("domain") != domain.name:
                continue
            if sample.name == "riskloom_scoring_requests_total" and sample.labels["status"] == "200":
                decided += sample.value
                flagged += sample.value if sample.labels["outcome"] != domain.outcome[0].name else 0
            elif sample.name == "riskloom_scoring_degraded_decisions_total":
                degraded += sample.value
    return Counts(decided, flagged, degraded)


def check(counts: Counts) -> None:
    """
    Refuse figures of a service that did not do its work.

    Raises:
        ServiceError: It decided nothing, or too often without its features.
    """
    if counts.degraded > counts.decided * _MOST_DEGRADED or not counts.decided:
        raise ServiceError(
            f"expected decisions on features, at most {_MOST_DEGRADED:.0%} without; "
            f"found {counts.degraded:.0f} of {counts.decided:.0f} without"
        )
