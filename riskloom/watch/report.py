"""What one run of a watch found: what a person, the next DAG and the demo read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from riskloom.errors import ConfigError
from riskloom.registry.files import replace_file

LATEST = "latest.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reason(_Part):
    """
    One feature that makes a row unusual.

    Attributes:
        feature: Its column in the mart.
        value: What the row has; None where it is missing.
        usual: The median of the rows compared with; None where none has the feature.
        share: Of the score, at most 1; the reasons of a finding come in its order.
    """

    feature: str
    value: float | None
    usual: float | None
    share: float


class Finding(_Part):
    """
    One unusual row.

    Attributes:
        key: Whom or what it is about; a pseudonym where that is a person.
        decision_at: When the row was known.
        peer_group: With whom its features compare it, where the mart says so.
        one_in: One in how many rows of the history is as unusual.
        score: The detector's own, by which findings are in order.
        reasons: The features that make it so, first the one that does most.
    """

    key: str
    decision_at: datetime
    peer_group: str | None
    one_in: float
    score: float
    reasons: tuple[Reason, ...]


class WatchReport(_Part):
    """
    What was found in the rows of ``(start, end]``, compared with ``history`` rows before them.

    Attributes:
        domain, entity: Whose watch it is.
        as_of: What was known then.
        start, end: Of the rows judged; ``end`` is the newest row's.
        rows: How many were judged.
        history: How many rows the detector learned from.
        one_in: As declared: what is flagged.
        expected: How many of the rows chance alone would flag.
        findings: The unusual rows, the most unusual first.
    """

    domain: str
    entity: str
    as_of: datetime
    start: datetime
    end: datetime
    rows: int
    history: int
    one_in: int
    expected: float
    findings: tuple[Finding, ...]


def write_report(report: WatchReport, folder: Path) -> Path:
    """
    Write a report, and make it the latest unless a later one exists.

    Args:
        report: Replaces the one of the same ``as_of``.
        folder: Of all watches; the domain's and the entity's folders below it are made.
    """
    content = report.model_dump_json(indent=2).encode()
    path = report_path(folder, report.domain, report.entity, report.as_of)
    replace_file(path, content)
    latest = read_latest(folder, report.domain, report.entity)
    if latest is None or latest.as_of <= report.as_of:
        replace_file(path.with_name(LATEST), content)
    return path


def report_path(folder: Path, domain: str, entity: str, as_of: datetime) -> Path:
    """Where the report of a watch at ``as_of`` (timezone-aware) lies."""
    return folder / domain / entity / f"watch-{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}.json"


def read_latest(folder: Path, domain: str, entity: str) -> WatchReport | None:
    """
    Read a watch's latest report; none before its first run.

    Raises:
        ConfigError: The file is not a report.
    """
    path = folder / domain / entity / LATEST
    if not path.exists():
        return None
    try:
        return WatchReport.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConfigError(f"{path}: expected the report of a watch, found {error}") from error
