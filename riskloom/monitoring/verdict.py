"""The verdict of one monitoring run: what the next DAG, the demo and a person read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from riskloom.errors import ConfigError
from riskloom.monitoring.drift import ColumnDrift
from riskloom.monitoring.performance import Performance
from riskloom.monitoring.quality import Quality
from riskloom.registry.files import replace_file

Status = Literal["ok", "warn", "alarm"]
Severity = Literal["warn", "alarm"]

LATEST = "latest.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Finding(_Part):
    """One reason for the status, in words."""

    severity: Severity
    reason: str


class WindowBounds(_Part):
    """A window of decisions: what it is, from when (inclusive) to when (exclusive), how many."""

    source: str
    start: datetime
    end: datetime
    rows: int


class MonitoringVerdict(_Part):
    """What was found at ``as_of``; serialised as JSON, money as decimal text."""

    domain: str
    as_of: datetime
    model_version: str | None
    status: Status
    findings: tuple[Finding, ...]
    rows: int
    reference: WindowBounds
    current: WindowBounds
    compared_columns: int
    drifted_share: float
    drifted: tuple[ColumnDrift, ...]
    score_drift: ColumnDrift | None
    quality: Quality
    performance: Performance | None
    performance_missing: str | None

    @property
    def reasons(self) -> tuple[str, ...]:
        """The findings in words, alarms first."""
        return tuple(finding.reason for finding in self.findings)


def write_verdict(verdict: MonitoringVerdict, folder: Path) -> Path:
    """
    Write a verdict, and make it the latest unless a later one exists.

    Args:
        verdict: Replaces the one of the same ``as_of``.
        folder: The monitoring folder; the domain's folder below it is made.
    """
    content = verdict.model_dump_json(indent=2).encode()
    path = verdict_path(folder, verdict.domain, verdict.as_of)
    replace_file(path, content)
    latest = read_latest(folder, verdict.domain)
    if latest is None or latest.as_of <= verdict.as_of:
        replace_file(path.with_name(LATEST), content)
    return path


def verdict_path(folder: Path, domain: str, as_of: datetime) -> Path:
    """Where the verdict of a domain at ``as_of`` (timezone-aware) lies."""
    return folder / domain / f"verdict-{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}.json"


def read_latest(folder: Path, domain: str) -> MonitoringVerdict | None:
    """
    Read a domain's latest verdict; none before its first monitoring run.

    Raises:
        ConfigError: The file is not a verdict.
    """
    path = folder / domain / LATEST
    return read_verdict(path) if path.exists() else None


def read_verdict(path: Path) -> MonitoringVerdict:
    """
    Read a verdict from its file.

    Raises:
        ConfigError: The file is missing, or not a verdict.
    """
    try:
        return MonitoringVerdict.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: expected a monitoring verdict, found nothing; run `riskloom monitor`") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: expected a monitoring verdict, found {error}") from error
