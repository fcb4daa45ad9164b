"""What a back-test says, as JSON and for people."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

_Z_95 = 1.959963984540054  # of a normal distribution 95 % lie within so many standard deviations


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Share(_Part):
    """A share with the interval that holds the true one in 95 of 100 cases; without cases there is none."""

    count: int = Field(ge=0)
    of: int = Field(ge=0)
    value: float | None
    low: float | None
    high: float | None


class Overlap(_Part):
    """How the rule's hits and those of something else lie to each other."""

    name: str
    both: int
    only_rule: int
    only_other: int


class DayHits(_Part):
    """The hits of one day (UTC), and how many of them are known by now to be right: their labels have matured."""

    day: date
    hits: int
    right: int


class BacktestReport(_Part):
    """
    What a rule would have done to the decisions of a period.

    Precision and recall are of decisions whose labels have matured; amounts are in the domain's currency.
    """

    domain: str
    rule_id: str
    version: int
    start: AwareDatetime
    end: AwareDatetime
    as_of: AwareDatetime
    events: int
    hits: int
    alerts_per_day: float
    matured: int = Field(description="Decisions whose labels have matured.")
    positives: int = Field(description="Those of them that were bad.")
    precision: Share
    recall: Share
    currency: str
    caught: Decimal = Field(description="At stake in bad decisions that it hit.")
    at_stake: Decimal = Field(description="At stake in all bad decisions.")
    entities_hit: int
    honest_entities_hit: int = Field(description="Entities of which a decision was hit that turned out not to be bad.")
    overlaps: tuple[Overlap, ...] = Field(description="With each rule that decides, and with the model's flag.")
    days: tuple[DayHits, ...] = Field(default=(), description="Days with hits, in their order.")


def wilson(count: int, of: int) -> Share:
    """
    A share with its interval of 95 % (Wilson 1927).

    It stays within 0 and 1 and is usable where there are few cases or all of them agree.
    """
    if of == 0:
        return Share(count=count, of=of, value=None, low=None, high=None)
    share, z2 = count / of, _Z_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z_95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    low = 0.0 if count == 0 else middle - half
    high = 1.0 if count == of else middle + half
    return Share(count=count, of=of, value=share, low=low, high=high)


def markdown(report: BacktestReport) -> str:
    """The report for people."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: BacktestReport) -> Iterator[str]:
    period = f"{report.start:%Y-%m-%d %H:%M} to {report.end:%Y-%m-%d %H:%M}"
    yield f"# {report.rule_id} version {report.version}, {report.domain}"
    yield ""
    yield f"{report.events:,} decisions from {period} (UTC), labels as known at {report.as_of:%Y-%m-%d %H:%M}."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| hits | {report.hits:,}, {report.alerts_per_day:,.1f} a day |"
    yield f"| precision | {_share(report.precision)} |"
    yield f"| recall | {_share(report.recall)} |"
    yield f"| caught | {report.caught:,.2f} of {report.at_stake:,.2f} {report.currency} |"
    yield f"| entities hit | {report.entities_hit:,}, of them {report.honest_entities_hit:,} honest |"
    if report.overlaps:
        yield ""
        yield "| beside | both | this rule alone | the other alone |"
        yield "|---|---|---|---|"
    for each in report.overlaps:
        yield f"| {each.name} | {each.both:,} | {each.only_rule:,} | {each.only_other:,} |"


def _share(share: Share) -> str:
    if share.value is None or share.low is None or share.high is None:
        return "no matured case to say"
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}), {share.count:,} of {share.of:,}"
