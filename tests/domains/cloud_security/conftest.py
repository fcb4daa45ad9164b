"""A landing zone to bring the domain's sources to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from riskloom.catalog import Domain, load_domain
from riskloom.features import dbt, mart_path
from riskloom.ingest import IngestReport, SimulationPlan, ingest_files, prepare_landing, write_simulation
from riskloom.settings import Settings
from riskloom.wiring import dbt_project

CLOCK = datetime(2026, 6, 1, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"
EVENTS = "cloudtrail__events"
ARN = "arn:aws:sts::123456789012:assumed-role/Engineer/anna@example.com"


@dataclass(frozen=True)
class Zone:
    """The domain, and folders of its own."""

    domain: Domain
    home: Path

    def ingest(self, table: str, mapping: str | None, files: Sequence[Path]) -> IngestReport:
        """Ingest files with one of the domain's mappings, or by the table's own names; the counts add up."""
        report = ingest_files(
            self.domain,
            table,
            files,
            landing=self.home / "landing",
            quarantine=self.home / "quarantine",
            observed_at=CLOCK,
            mapping=None if mapping is None else self.domain.folder / "mappings" / mapping,
            pseudonym_key=KEY,
        )
        assert report.read == report.landed + report.duplicates + report.quarantined
        return report

    def file(self, name: str, content: str | bytes | list[dict[str, Any]]) -> Path:
        """Write a source file; records become one of CloudTrail's."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"Records": content}) if isinstance(content, list) else content
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def rows(self, table: str, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
        """The landed rows, by their columns."""
        return self._rows(self.home / "landing" / self.domain.name / table, columns, where)

    def reasons(self, table: str) -> list[str]:
        """Every reason of every quarantined row, by row."""
        folder = self.home / "quarantine" / self.domain.name / table
        if not folder.exists():
            return []
        return [reason for (reasons,) in self._rows(folder, "reasons", "true") for reason in reasons]

    @staticmethod
    def _rows(folder: Path, columns: str, where: str) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM read_parquet('{folder}/*.parquet') WHERE {where} ORDER BY ALL"  # noqa: S608
        with duckdb.connect() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    """An empty landing zone."""
    return Zone(load_domain("cloud_security"), tmp_path / "home")


def record(number: int, **more: Any) -> dict[str, Any]:
    """One record of an engineer's session."""
    return {
        "eventVersion": "1.09",
        "eventID": f"event-{number}",
        "eventTime": "2026-05-01T12:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "[aws-cli/2.15.0 Python/3.11.8]",
        "readOnly": True,
        "recipientAccountId": "123456789012",
        "requestParameters": {"bucketName": "payroll", "key": "2026/anna.pdf", "password": "hunter2"},
        "responseElements": None,
        "additionalEventData": {"bytesTransferredOut": 2048.0, "x": [1, {"y": "]}"}]},
        "userIdentity": {
            "type": "AssumedRole",
            "arn": ARN,
            "accountId": "123456789012",
            "accessKeyId": "ASIAEXAMPLEKEY",
            "sessionContext": {
                "sessionIssuer": {"userName": "Engineer"},
                "attributes": {"mfaAuthenticated": "true"},
            },
        },
        **more,
    }


def events(zone: Zone, *records: dict[str, Any], name: str = "a.json") -> tuple[int, int, int]:
    """Read, landed and quarantined of one file with these records."""
    report = zone.ingest(EVENTS, "cloudtrail_events.toml", [zone.file(name, list(records))])
    assert report.read == report.landed + report.duplicates + report.quarantined
    return report.read, report.landed, report.quarantined


@dataclass(frozen=True)
class Warehouse:
    """A run-time home whose marts dbt has built."""

    domain: Domain
    settings: Settings
    as_of: datetime
    report: dbt.BuildReport

    def mart(self, name: str) -> str:
        """What SQL reads a mart from."""
        return f"read_parquet('{mart_path(self.settings.marts, self.domain, name)}')"

    def landed(self, table: str) -> str:
        """What SQL reads a landed table from."""
        return f"read_parquet('{self.settings.landing / self.domain.name / table}/*.parquet')"

    def read(self, query: str) -> pa.Table:
        """What a query finds."""
        with duckdb.connect() as connection:
            return connection.sql(query).to_arrow_table()


def build(domain: Domain, home: Path, as_of: datetime, *marts: str, unit_tests: bool = False) -> Warehouse:
    """Build marts from what has landed, all by default."""
    settings = Settings(home=home, duckdb_memory="2GB")
    prepare_landing(domain, settings.landing)
    report = dbt.build(domain, dbt_project(settings), as_of=as_of, marts=marts, unit_tests=unit_tests)
    return Warehouse(domain, settings, as_of, report)


def land_simulated(domain: Domain, plan: SimulationPlan, home: Path, before: datetime | None = None) -> None:
    """Simulate a history and land what was observed before an instant, all of it by default."""
    write_simulation(domain, plan, home / "source")
    for table in domain.tables:
        files = sorted((home / "source" / table).glob("*.parquet"))
        rows = pa.concat_tables(pq.read_table(path) for path in files)
        if before is not None:
            rows = rows.filter(pc.less(rows["observed_at"], pa.scalar(before.replace(tzinfo=None))))
        folder = home / "landing" / domain.name / table
        folder.mkdir(parents=True)
        pq.write_table(rows, folder / "simulated.parquet")


PLAN = SimulationPlan(start=datetime(2026, 1, 1, tzinfo=UTC), days=60, events=24_000, seed=4)


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Sixty simulated days with every mart, built with the domain's unit tests."""
    domain, home = load_domain("cloud_security"), tmp_path_factory.mktemp("warehouse")
    land_simulated(domain, PLAN, home)
    return build(domain, home, PLAN.end, unit_tests=True)


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The same history as it was known two weeks before its end."""
    domain, home, as_of = (
        load_domain("cloud_security"),
        tmp_path_factory.mktemp("earlier"),
        PLAN.end - timedelta(days=14),
    )
    land_simulated(domain, PLAN, home, before=as_of)
    return build(domain, home, as_of, "flow_watch", "principal_days")
