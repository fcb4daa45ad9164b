"""What people found, from the ledger into the landing zone: each statement lands once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from riskloom.catalog import Domain
from riskloom.errors import LedgerError
from riskloom.ingest.files import ingest_files
from riskloom.ledger.database import reading
from riskloom.ledger.labels import LabelTable, export_labels

#: What the landing zone's manifest calls the file.
FILE = "ledger-labels.jsonl"


@dataclass(frozen=True, slots=True)
class LandedLabels:
    """How many labels are new in the landing zone, were there already, or lack what their table cannot do without."""

    landed: int = 0
    known: int = 0
    incomplete: int = 0
    quarantined: int = 0


def label_table(domain: Domain) -> LabelTable:
    """The table of a domain that its labels come from."""
    return LabelTable(domain.tables[domain.label.table], domain.label.key, domain.label.positive)


def land_labels(
    engine: Engine,
    domain: Domain,
    *,
    landing: Path,
    quarantine: Path,
    observed_at: datetime,
    pseudonym_key: bytes,
    on_incomplete: Callable[[LedgerError], None],
) -> LandedLabels:
    """
    Land every label of a domain that has not landed yet: statements, corrections and withdrawals, as they were made.

    A label's name is the key of its row and its content never changes, so one that landed before is a duplicate,
    however often and from wherever this is done again.

    Args:
        engine: The ledger.
        domain: Whose labels.
        landing: Root of the landing zone.
        quarantine: Root of the quarantine.
        observed_at: The ingest's clock, timezone-aware; each row keeps the time at which its label was stated.
        pseudonym_key: Of what identifies a person in the table.
        on_incomplete: Told of each label that lacks a column which the table needs; it is left out.
    """
    lacking: list[LedgerError] = []
    landing.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".labels-", dir=landing.parent) as folder:
        path = Path(folder) / FILE
        with reading(engine) as session:
            count = export_labels(session, domain.name, label_table(domain), path, on_incomplete=lacking.append)
        for error in lacking:
            on_incomplete(error)
        if not count:
            return LandedLabels(incomplete=len(lacking))
        report = ingest_files(
            domain,
            domain.label.table,
            [path],
            landing=landing,
            quarantine=quarantine,
            observed_at=observed_at,
            pseudonym_key=pseudonym_key,
        )
    return LandedLabels(report.landed, report.duplicates, len(lacking), report.quarantined)
