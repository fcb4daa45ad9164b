"""The door: each event once, by its key, in the live windows and in the landing zone; on both stores."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from riskloom.errors import StateCorruptError, StateUnavailableError
from riskloom.intake import FieldRefusal
from riskloom.pseudonyms import pseudonym
from riskloom.windows.engine import WindowEngine
from tests.intake.world import CLAIMS, KEY, NOTES, NOW, PRICES, VISITS, World, visit, world_at


def test_an_accepted_event_is_counted_and_lands(world: World) -> None:
    """At once in the windows, with its entry noted; in the landing zone with its stamp as the time it was observed."""
    receipt = world.door().accept(VISITS, visit("v-1", is_known=False))
    assert (receipt.status, receipt.key, receipt.observed_at, receipt.streams) == ("accepted", "v-1", NOW, ("visits",))
    assert world.read("c-1") == {
        "visits_1d": 1, "unknown_1d": 1, "spent_1d": 1.5, "claims_1d": 0, "payments_1d": 0
    }  # fmt: skip
    assert [(entry["stream"], entry["event_id"]) for entry in world.entries()] == [("visits", "v-1")]
    assert world.land().landed == 1
    assert world.landed(VISITS) == [
        {
            "visit": "v-1", "card": "c-1", "is_known": False, "spent": Decimal("1.50"),
            "effective_at": datetime(2026, 3, 1, 11, 59), "observed_at": NOW.replace(tzinfo=None),  # noqa: DTZ001
        }
    ]  # fmt: skip


def test_an_event_sent_again_is_a_duplicate(world: World) -> None:
    """By another door, later: it bears the first stamp, counts once and lands once."""
    world.door().accept(VISITS, visit("v-1"))
    world.now += timedelta(hours=3)
    again = world.door().accept(VISITS, visit("v-1"))
    assert (again.status, again.observed_at) == ("duplicate", NOW)
    assert world.read("c-1")["visits_1d"] == 1
    assert {entry["entered_us"] for entry in world.entries()} == {world.entries()[0]["entered_us"]}
    done = world.land()
    assert (done.landed, done.quarantined) == (1, 0)
    assert (world.land().landed, len(world.landed(VISITS))) == (0, 1)


def test_another_content_under_a_known_key_is_refused(world: World) -> None:
    """What was first accepted stays."""
    door = world.door()
    door.accept(VISITS, visit("v-1", spent="1.50"))
    other = door.accept(VISITS, visit("v-1", spent="99.00"))
    assert other.status == "refused"
    assert other.errors == (FieldRefusal("(event)", "the content that was first sent under this key", "another"),)
    assert world.read("c-1")["spent_1d"] == 1.5
    assert world.land().landed == 1


def test_what_no_window_counts_lands_only(world: World) -> None:
    """A table that no window reads, and one whose events are made of more than its rows; each once."""
    door = world.door()
    events: list[tuple[object, object]] = [
        (NOTES, {"note": "n-1", "effective_at": "2026-03-01T11:00:00Z"}),
        (CLAIMS, {"claim": "cl-1", "card": "c-1", "effective_at": "2026-03-01T11:00:00Z"}),
    ]
    assert [receipt.status for receipt in door.accept_all(events)] == ["accepted", "accepted"]
    assert [receipt.status for receipt in door.accept_all(events)] == ["duplicate", "duplicate"]
    assert world.read("c-1")["claims_1d"] == 0
    assert world.entries() == []
    assert world.land().landed == 2


def test_a_person_is_known_by_a_pseudonym_alone(world: World) -> None:
    """Who is named in an event is in no file below the home; the same event with the pseudonym is a duplicate."""
    name = "somebody.of.a.test"
    note = {"note": "n-1", "author": name, "effective_at": "2026-03-01T11:00:00Z"}
    door, known = world.door(), pseudonym(name, "c-", KEY)
    assert door.accept(NOTES, note).status == "accepted"
    assert door.accept(NOTES, {**note, "author": known}).status == "duplicate"
    door.close()
    assert world.land().landed == 1
    assert [row["author"] for row in world.landed(NOTES)] == [known]
    assert not [path for path in world.folder.rglob("*") if path.is_file() and name.encode() in path.read_bytes()]


def test_a_changed_row_is_a_correction_where_the_table_takes_one(world: World) -> None:
    """Two prices within a minute are two rows with two stamps; each of them sent again is a duplicate."""
    door = world.door()
    for price, at in (("1.00", "11:00"), ("2.00", "11:30")):
        event = {"item": "i-1", "price": price, "effective_at": f"2026-03-01T{at}:00Z"}
        assert door.accept(PRICES, event).status == "accepted"
        assert door.accept(PRICES, event).status == "duplicate"
        world.now += timedelta(seconds=20)
    assert world.land().quarantined == 0
    assert [row["price"] for row in world.landed(PRICES)] == [Decimal("1.00"), Decimal("2.00")]


@pytest.mark.parametrize(
    ("name", "content", "field", "expected"),
    [
        ("shop__nothing", {}, "table", "one of "),
        (None, {}, "table", "one of "),
        (VISITS, [], "(event)", "an object"),
        (VISITS, {**visit("v-1"), "observed_at": "2026-03-01T11:59:00Z"}, "observed_at", "no field of this name"),
        (VISITS, {**visit("v-1"), "spent": "1.505"}, "spent", "a number"),
        (VISITS, {**visit("v-1"), "effective_at": "2026-03-01T12:06:00Z"}, "effective_at", "at most five minutes"),
        (VISITS, {**visit("v-1"), "card": "\N{GRINNING FACE}" * 200}, "card", "at most 512 bytes"),
        (VISITS, {key: value for key, value in visit("v-1").items() if key != "card"}, "card", "a value"),
    ],
)
def test_a_bad_event_is_refused_with_its_reason(
    world: World, name: object, content: object, field: str, expected: str
) -> None:
    """It leaves no trace, and those beside it are taken."""
    receipts = list(world.door().accept_all([(VISITS, visit("before")), (name, content), (VISITS, visit("after"))]))
    assert [receipt.status for receipt in receipts] == ["accepted", "refused", "accepted"]
    (refusal,) = receipts[1].errors
    assert refusal.field == field
    assert refusal.expected.startswith(expected)
    assert world.read("c-1")["visits_1d"] == 2
    assert (world.land().landed, world.land().quarantined) == (2, 0)


def test_an_event_that_was_scored_is_not_counted_again(world: World) -> None:
    """Nor one that is scored after it was pushed."""
    state_door = world.door()
    payment = {
        "payment": "p-1",
        "card": "c-1",
        "shop": "s-1",
        "terminal": "t-1",
        "amount": "5",
        "is_paid": 1,
        "fraud": 0,
    }
    payment["effective_at"] = "2026-03-01T11:59:00Z"
    assert state_door.accept(world.domain.subject.event_table, payment).streams == ("payments",)
    assert world.read("c-1")["payments_1d"] == 1
    engine = state_door._windows.engine  # type: ignore[union-attr]
    at = world.entries()[0]["entered_us"]
    scored = {"payment": "p-1", "card": "c-1", "shop": "s-1", "amount": Decimal(5)}
    assert engine.observe("payments", scored, effective_us=at - 1).is_duplicate


@pytest.mark.parametrize("step", ["_keep", "_count"])
def test_an_event_that_got_half_way_is_finished_when_it_is_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Wherever it ended, the same event again is a duplicate that counts once and lands once, with its first stamp."""
    door = world.door()
    with monkeypatch.context() as broken:
        broken.setattr(door, step, _gone)
        assert door.accept(VISITS, visit("v-1")).status == "unavailable"
    world.now += timedelta(minutes=1)
    assert world.door().accept(VISITS, visit("v-1")).observed_at == NOW
    assert world.read("c-1")["visits_1d"] == 1
    assert len(world.entries()) == 1
    assert (world.land().landed, world.landed(VISITS)[0]["observed_at"]) == (1, NOW.replace(tzinfo=None))


def test_an_outbox_that_cannot_be_written_takes_nothing(world: World) -> None:
    """The sender is told to come again, and is taken once it can be."""
    blocked = world.folder / "events"
    blocked.write_text("a file where the folder should be")
    assert world.door().accept(VISITS, visit("v-1")).status == "unavailable"
    assert world.read("c-1")["visits_1d"] == 0
    blocked.unlink()
    assert world.door().accept(VISITS, visit("v-1")).status == "duplicate"
    assert (world.read("c-1")["visits_1d"], world.land().landed) == (1, 1)


def test_state_that_is_not_as_it_was_written_does_not_stop_events(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event was counted before that was seen, so its entry is noted with the stamp that it got."""
    observe = WindowEngine.observe
    raised: list[int] = []

    def corrupt_once(engine: WindowEngine, *arguments: Any, **named: Any) -> Any:
        seen = observe(engine, *arguments, **named)
        if not raised:
            raised.append(seen.stamp_us)
            raise StateCorruptError("card", "checksum", "that of its content")
        return seen

    monkeypatch.setattr(WindowEngine, "observe", corrupt_once)
    assert world.door().accept(VISITS, visit("v-1")).status == "accepted"
    assert [entry["entered_us"] for entry in world.entries()] == raised


def test_before_history_is_in_events_land_only(tmp_path: Path) -> None:
    """They reach the windows with the history that these are filled from."""
    world = world_at(tmp_path, tmp_path / "online.db")
    door = world.door()
    assert door.waits
    assert door.accept(VISITS, visit("v-1")).streams == ()
    assert world.land().landed == 1
    world.begin()
    assert not world.door().waits


def test_a_file_with_an_event_that_was_pushed_adds_nothing(world: World) -> None:
    """Nor does the pushed event where the file was first: the time we observed it does not make it another."""
    from riskloom.ingest import ingest_files  # noqa: PLC0415

    path = world.folder / "visits.csv"
    lines = ["visit,card,is_known,spent,effective_at", *(f"v-{n},c-1,true,1.50,2026-03-01T11:59:00Z" for n in (1, 2))]
    path.write_text("\n".join(lines))
    door = world.door()
    door.accept(VISITS, visit("v-1"))
    world.land()
    report = ingest_files(
        world.domain, VISITS, [path], landing=world.folder / "landing", quarantine=world.folder / "quarantine",
        observed_at=NOW + timedelta(hours=1),
    )  # fmt: skip
    assert (report.landed, report.duplicates, report.quarantined) == (1, 1, 0)
    door.accept(VISITS, visit("v-2"))
    assert (world.land().landed, world.land().quarantined) == (0, 0)


def test_a_torn_line_costs_nobody_else_anything(world: World) -> None:
    """It is counted and passed over; a line without an end waits."""
    door = world.door()
    door.accept(VISITS, visit("v-1"))
    (path,) = (world.folder / "events" / world.domain.name).glob("*.jsonl")
    with path.open("a") as file:
        file.write('{"table": "shop__vi\n')
    door.accept(VISITS, visit("v-2"))
    with path.open("a") as file:
        file.write('{"table"')
    done = world.land()
    assert (done.landed, done.torn) == (2, 1)
    assert world.land().torn == 0


def test_files_that_have_landed_are_removed_after_their_time(world: World) -> None:
    """Not before, and none that holds something that has not landed."""
    world.door().accept(VISITS, visit("v-1"))
    folder = world.folder / "events" / world.domain.name
    (path,) = folder.glob("*.jsonl")
    with path.open("a") as file:
        file.write('{"table": "half a line of a process that is no more')
    world.now += timedelta(days=7)
    assert world.land().torn == 0
    assert path.is_file()
    world.now += timedelta(days=1)
    assert world.land().torn == 1
    assert not [path for path in folder.iterdir() if not path.name.startswith(".")]
    assert len(world.landed(VISITS)) == 1


def test_importing_it_brings_nothing_heavy() -> None:
    """The consumer and the service start in an instant, also where Feast is slow to import."""
    heavy = "[name for name in ('feast', 'pandas', 'duckdb', 'pyarrow', 'numba', 'sklearn') if name in sys.modules]"
    done = subprocess.run(
        [sys.executable, "-c", f"import riskloom.intake, sys; print({heavy})"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def _gone(*_: object) -> None:
    raise StateUnavailableError("the store went away")
