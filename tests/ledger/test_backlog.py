"""What waits in the outbox: counted, dated, and nothing that was shipped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from riskloom.ledger.backlog import Backlog, measure_backlog
from riskloom.ledger.database import reading
from tests.ledger.examples import DOMAIN, record
from tests.ledger.test_shipping import append, shipper


def backlog(ledger: Engine, folder: Path) -> list[Backlog]:
    with reading(ledger) as session:
        return measure_backlog(session, folder, source="here")


def decided(number: int, day: str = "2026-03-01") -> datetime:
    return datetime.fromisoformat(str(record(number, day=day)["decided_at"]))


def test_what_waits_is_counted_from_the_oldest_on(ledger: Engine, tmp_path: Path) -> None:
    """Over all files of a domain; what is shipped waits no more."""
    assert backlog(ledger, tmp_path) == []
    append(tmp_path, 3, 4)
    append(tmp_path, 1, day="2026-03-02")
    assert backlog(ledger, tmp_path) == [Backlog(DOMAIN, 3, decided(3))]
    shipper(ledger, tmp_path).ship()
    assert backlog(ledger, tmp_path) == [Backlog(DOMAIN)]
    append(tmp_path, 5, day="2026-03-02")
    (found,) = backlog(ledger, tmp_path)
    assert found == Backlog(DOMAIN, 1, decided(5, "2026-03-02"))
    assert found.seconds(decided(5, "2026-03-02") + timedelta(seconds=90)) == 90
    assert Backlog(DOMAIN).seconds(datetime.now(UTC)) == 0


def test_a_line_that_is_being_written_does_not_wait_yet(ledger: Engine, tmp_path: Path) -> None:
    """Nothing can be shipped of it before its end is there."""
    append(tmp_path, 0)
    shipper(ledger, tmp_path).ship()
    (path,) = tmp_path.rglob("*.jsonl")
    with path.open("ab") as lines:
        lines.write(b'{"decision_id": ')
        lines.flush()
        assert backlog(ledger, tmp_path) == [Backlog(DOMAIN)]
        lines.write(b"1}\n")
    (found,) = backlog(ledger, tmp_path)
    assert found.lines == 1
    assert found.oldest_at is not None, "a line that is no decision is as old as its file"


def test_a_file_in_the_place_of_another_waits_from_its_beginning(ledger: Engine, tmp_path: Path) -> None:
    """As it will be shipped: the place that is remembered belongs to the file that was there before."""
    append(tmp_path, 0, 1)
    shipper(ledger, tmp_path).ship()
    (path,) = tmp_path.rglob("*.jsonl")
    draft = path.with_name("draft")
    draft.write_text("".join(json.dumps(record(number)) + "\n" for number in range(4)), encoding="utf-8")
    draft.replace(path)
    assert backlog(ledger, tmp_path) == [Backlog(DOMAIN, 4, decided(0))]
