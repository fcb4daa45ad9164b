"""The SAP document flow through ingest and dbt: what differs in quantity, and the same over copies of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from riskloom.benchmarking import Say, ingest_whole
from riskloom.catalog import Domain
from riskloom.errors import ConfigError
from riskloom.features import dbt, mart_path
from riskloom.ingest import prepare_landing
from riskloom.settings import Settings
from riskloom.wiring import dbt_project

FILE = "sap_vbfa.parquet"
_MAPPINGS = {
    "purchasing__order_lines": "sap_flow_order_lines.toml",
    "receiving__receipts": "sap_flow_receipts.toml",
    "payables__invoice_lines": "sap_flow_invoice_lines.toml",
}
_MARTS = ("matches", "order_line_balances")
#: Columns that tell copies of the flow apart.
_IDENTIFIERS = {"order_line_id", "receipt_line_id", "invoice_line_id"}
#: After the flow's last document; nothing in it is of the future then.
_AS_OF = datetime(2022, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Found:
    """Items compared, those that differ, and what the match of the flow itself took."""

    compared: int
    mismatches: tuple[str, ...]
    lines: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Speed:
    """Billed lines, and the seconds of the models from landed files to published marts."""

    lines: int
    seconds: float


def find_mismatches(domain: Domain, settings: Settings, data: Path, say: Say) -> Found:
    """
    Ingest the flow, build the match, and read which order items were delivered and billed in different quantities.

    Raises:
        ConfigError: The folder has no such file.
        ContractError: A row of it breaks a contract; the comparison would be about other rows.
    """
    file = data / FILE
    if not file.is_file():
        raise ConfigError(f"--data: expected a folder with {FILE}, found none in {data}")
    ingest_whole(domain, settings, [file], _MAPPINGS, observed_at=_AS_OF, say=say)
    seconds = _match(domain, settings, say)
    balances = mart_path(settings.marts, domain, "order_line_balances")
    matches = mart_path(settings.marts, domain, "matches")
    with duckdb.connect() as connection:
        rows = connection.execute(
            """
            select order_line_id, quantity_state
            from read_parquet($1)
            where receipts > 0 and billed_lines > 0
            order by order_line_id
            """,
            [str(balances)],
        ).fetchall()
        (lines,) = connection.execute("select count(*) from read_parquet($1)", [str(matches)]).fetchone() or (0,)
    differing = tuple(str(item) for item, state in rows if state in {"billed_more", "billed_less"})
    say(f"{len(differing)} of {len(rows):,} items differ")
    return Found(len(rows), differing, int(lines), seconds)


def time_copies(domain: Domain, settings: Settings, home: Path, found: Found, lines: int, say: Say) -> Speed:
    """Match the landed flow copied until it has about ``lines`` billed lines; none for the flow itself."""
    copies = lines // max(found.lines, 1)
    if copies <= 1:
        return Speed(found.lines, found.seconds)
    larger = settings.model_copy(update={"home": home})
    for table in _MAPPINGS:
        _copy(domain, table, settings.landing, larger.landing, copies)
    say(f"copied the flow {copies} times")
    return Speed(found.lines * copies, _match(domain, larger, say))


def _match(domain: Domain, settings: Settings, say: Say) -> float:
    """Build the match with its tests; the seconds its models took."""
    prepare_landing(domain, settings.landing)
    built = dbt.build(domain, dbt_project(settings), as_of=_AS_OF, marts=_MARTS)
    seconds = sum(built.timings.values())
    say(f"dbt built {built.models} models in {seconds:.1f} s and passed {built.tests} tests")
    return seconds


def _copy(domain: Domain, table: str, source: Path, target: Path, copies: int) -> None:
    """Land copies of a table, each with identifiers of its own."""
    columns = ", ".join(_column(name) for name in domain.tables[table].columns)
    folder = target / domain.name / table
    folder.mkdir(parents=True, exist_ok=True)
    files: Sequence[str] = [str(path) for path in sorted((source / domain.name / table).glob("*.parquet"))]
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select {columns} from read_parquet($files) cross join range({copies}) as copies(number)) "  # noqa: S608 - names come from the contract
            "to $target (format parquet, compression zstd)",
            {"files": files, "target": str(folder / "copies.parquet")},
        )


def _column(name: str) -> str:
    return f"{name} || '#' || number as {name}" if name in _IDENTIFIERS else name
