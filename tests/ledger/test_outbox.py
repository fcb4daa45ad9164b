"""The outbox and its reader: what was appended is read back, whatever happened to the process."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from riskloom.errors import LedgerError
from riskloom.ledger import Outbox, TornLine, read_decisions


def decision(number: int, *, day: str = "2026-03-01", domain: str = "some_domain") -> dict[str, object]:
    return {"decision_id": f"d-{number}", "domain": domain, "decided_at": f"{day}T10:00:00.000000Z", "score": 0.25}


def ids(folder: Path, domain: str = "some_domain") -> list[str]:
    torn: list[TornLine] = []
    found = [str(row["decision_id"]) for row in read_decisions(folder, domain, on_torn=torn.append)]
    assert not torn
    return found


def test_reads_back_what_was_appended_by_day(tmp_path: Path) -> None:
    """Decisions come back in order, a file a day, each in its domain's folder."""
    with Outbox(tmp_path) as outbox:
        outbox.append(decision(1))
        outbox.append(decision(2, day="2026-03-02"))
        outbox.append(decision(3, day="2026-03-02"))
        outbox.append(decision(4, domain="other_domain"))
    assert ids(tmp_path) == ["d-1", "d-2", "d-3"]
    assert ids(tmp_path, "other_domain") == ["d-4"]
    assert len(list((tmp_path / "some_domain").iterdir())) == 2


def test_nothing_decided_is_nothing_read(tmp_path: Path) -> None:
    """A domain without a decision is empty, not an error."""
    assert ids(tmp_path, "never_asked") == []


def test_only_the_owner_can_read_decisions(tmp_path: Path) -> None:
    """The files hold identifiers and amounts, so neither group nor others may read them."""
    with Outbox(tmp_path) as outbox:
        outbox.append(decision(1))
    (file,) = (tmp_path / "some_domain").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_survives_kill_9(tmp_path: Path) -> None:
    """Every decision a process had appended when it was killed is there, whole."""
    program = (
        "import sys; from pathlib import Path; from riskloom.ledger import Outbox\n"
        "outbox = Outbox(Path(sys.argv[1]))\n"
        "for n in range(10**9):\n"
        "    outbox.append({'decision_id': f'd-{n}', 'domain': 'some_domain', 'decided_at': '2026-03-01T00:00:00Z'})\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        deadline = time.monotonic() + 30
        for line in process.stdout:
            if int(line) >= 500:
                break
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
        acknowledged = int(line) + len(process.stdout.read().splitlines())
    found = [row["decision_id"] for row in read_decisions(tmp_path, "some_domain")]
    assert len(found) >= acknowledged + 1
    assert found == [f"d-{n}" for n in range(len(found))]


def test_torn_line_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    """A line cut within is named by file, number and size; the decisions around it are not lost with it."""
    with Outbox(tmp_path) as outbox:
        outbox.append(decision(1))
        outbox.append(decision(2))
    (file,) = (tmp_path / "some_domain").iterdir()
    os.truncate(file, file.stat().st_size - 20)
    with Outbox(tmp_path) as outbox:  # the same process id after a crash, as in a container
        outbox.append(decision(3))
    torn: list[TornLine] = []
    found = [row["decision_id"] for row in read_decisions(tmp_path, "some_domain", on_torn=torn.append)]
    assert found == ["d-1", "d-3"]
    assert [(line.file, line.line) for line in torn] == [(file, 2)]
    assert torn[0].size > 0


def test_torn_line_is_logged_by_default_without_its_content(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Silence is not an option, and neither is showing what the line says."""
    folder = tmp_path / "some_domain"
    folder.mkdir()
    (folder / "2026-03-01-1.jsonl").write_text('{"subject": "secret-subject", "sco')
    assert list(read_decisions(tmp_path, "some_domain")) == []
    assert "line 1 is not a whole decision" in caplog.text
    assert "secret-subject" not in caplog.text


def test_full_disk_is_an_error_and_the_next_line_is_whole(tmp_path: Path) -> None:
    """A decision that does not fit is refused; once there is room again, nothing later is lost."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    outbox = Outbox(tmp_path)
    outbox.append(decision(1))
    (file,) = (tmp_path / "some_domain").iterdir()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 10, limits[1]))
        with pytest.raises(LedgerError, match=r"only 10 of \d+ bytes"):
            outbox.append(decision(2))
        with pytest.raises(LedgerError, match="not written"):
            outbox.append(decision(3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous)
    outbox.append(decision(4))
    outbox.close()
    torn: list[TornLine] = []
    found = [row["decision_id"] for row in read_decisions(tmp_path, "some_domain", on_torn=torn.append)]
    assert found == ["d-1", "d-4"]
    assert [line.line for line in torn] == [2]


def test_values_are_kept_as_json_can_say_them(tmp_path: Path) -> None:
    """Decimals stay exact as text, times are ISO 8601, and a number that is not finite is null."""
    at = datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC)
    with Outbox(tmp_path) as outbox:
        outbox.append({**decision(1), "decided_at": at, "score": float("nan"), "amount": Decimal("0.10")})
    (found,) = read_decisions(tmp_path, "some_domain")
    assert (found["score"], found["amount"]) == (None, "0.10")
    assert datetime.fromisoformat(found["decided_at"]) == at


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"domain": "../elsewhere"}, "domain"),
        ({"decided_at": "yesterday"}, "decided_at"),
        ({"score": object()}, "JSON"),
    ],
)
def test_refuses_what_it_could_not_give_back(tmp_path: Path, change: dict[str, object], named: str) -> None:
    """A name that leaves the folder, a time that is none, a value JSON cannot say: refused, and nothing written."""
    with Outbox(tmp_path) as outbox, pytest.raises(LedgerError, match=named):
        outbox.append({**decision(1), **change})
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_lines_are_plain_json(tmp_path: Path) -> None:
    """Other programs read the file: one JSON object a line, in UTF-8."""
    with Outbox(tmp_path) as outbox:
        outbox.append({**decision(1), "note": "naïve\nline"})
    (file,) = (tmp_path / "some_domain").iterdir()
    (line,) = file.read_bytes().splitlines()
    assert json.loads(line)["note"] == "naïve\nline"
