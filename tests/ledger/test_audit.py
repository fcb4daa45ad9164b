"""The audit chain: whatever is done to it without the key is found."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from riskloom.errors import ConfigError
from riskloom.ledger.anchor import Anchor, advance_anchor, read_anchor
from riskloom.ledger.audit import AuditTrail, ensure_audit_key
from riskloom.ledger.canonical import digest
from riskloom.ledger.database import open_database, reading, sqlite_url, writing
from riskloom.ledger.migrations import migrate
from riskloom.ledger.schema import AuditEvent, AuditHead
from riskloom.ledger.verification import Verification, verify_audit
from tests.ledger.examples import NOW

KEY = b"k" * 32
EVENTS = 6


def add(engine: Engine, anchor: Path, number: int) -> None:
    with writing(engine) as session:
        AuditTrail(KEY, anchor).append(
            session,
            at=NOW + timedelta(seconds=number),
            actor=f"actor {number % 2}",
            action="claimed",
            object_kind="case",
            object_id=f"c-{number}",
            before=None if number == 0 else {"state": "open", "at": NOW},
            after={"state": "claimed"},
        )


def verify(engine: Engine, anchor: Path) -> Verification:
    with reading(engine) as session:
        return verify_audit(session, KEY, anchor)


def test_an_untouched_chain_is_whole(ledger: Engine, tmp_path: Path) -> None:
    """Empty or not: nothing is found, and the anchor reaches the end."""
    anchor = tmp_path / "anchor.json"
    assert verify(ledger, anchor) == Verification(0, 0, ())
    for number in range(EVENTS):
        add(ledger, anchor, number)
        assert verify(ledger, anchor) == Verification(number + 1, 0, ())


def test_events_say_who_did_what_without_the_content(ledger: Engine, tmp_path: Path) -> None:
    """Of the object only digests are kept, equal for equal content."""
    add(ledger, tmp_path / "anchor", 3)
    with reading(ledger) as session:
        kept = session.scalars(select(AuditEvent)).one()
    assert (kept.actor, kept.action, kept.object_kind, kept.object_id) == ("actor 1", "claimed", "case", "c-3")
    assert kept.before_digest == digest({"at": NOW.astimezone(), "state": "open"})
    assert kept.after_digest == digest({"state": "claimed"})


def test_events_of_one_transaction_are_anchored_together(ledger: Engine, tmp_path: Path) -> None:
    """Also the first ones of a ledger."""
    content: dict[str, Any] = {"at": NOW, "actor": "a", "action": "b", "object_kind": "c", "object_id": "d"}
    trail = AuditTrail(KEY, tmp_path / "anchor")
    with writing(ledger) as session:
        for _ in range(3):
            trail.append(session, **content, before=None, after=None)
    assert verify(ledger, tmp_path / "anchor") == Verification(3, 0, ())


def test_what_is_taken_back_is_not_in_the_chain(ledger: Engine, tmp_path: Path) -> None:
    """An event belongs to its transaction; the anchor does not run ahead of it."""
    anchor = tmp_path / "anchor"
    add(ledger, anchor, 0)

    def fail() -> None:
        with writing(ledger) as session:
            content: dict[str, Any] = {"at": NOW, "actor": "a", "action": "b", "object_kind": "c", "object_id": "d"}
            AuditTrail(KEY, anchor).append(session, **content, before=None, after=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    add(ledger, anchor, 1)
    assert verify(ledger, anchor) == Verification(2, 0, ())


def test_writers_at_once_make_one_chain(ledger: Engine, tmp_path: Path) -> None:
    """Each waits for the other; no number is given twice and none is left out."""
    anchor = tmp_path / "anchor"
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: add(ledger, anchor, number), range(40)))
    assert verify(ledger, anchor) == Verification(40, 0, ())


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, Path]:
    """A ledger with some events and its anchor."""
    folder = tmp_path_factory.mktemp("chain")
    engine = open_database(sqlite_url(folder / "ledger.db"))
    migrate(engine)
    for number in range(EVENTS):
        add(engine, folder / "anchor.json", number)
    return engine, folder / "anchor.json"


def change(session: Session, draw: st.DataObject, at: int) -> None:
    """Another value in one column of one event."""
    column = draw.draw(st.sampled_from([name for name in AuditEvent.__table__.columns.keys() if name != "sequence"]))  # noqa: SIM118
    old = session.scalars(select(getattr(AuditEvent, column)).where(AuditEvent.sequence == at)).one()
    new = old + timedelta(microseconds=1) if column == "at" else draw.draw(st.text().filter(lambda text: text != old))
    session.execute(update(AuditEvent).where(AuditEvent.sequence == at).values({column: new}))


def remove(session: Session, draw: st.DataObject, at: int) -> None:
    """One event or more are gone, and who removed them moved the rest up."""
    count = draw.draw(st.integers(1, 3))
    session.execute(delete(AuditEvent).where(AuditEvent.sequence.between(at, at + count - 1)))
    if draw.draw(st.booleans()):
        for later in range(at + count, EVENTS + 1):
            session.execute(update(AuditEvent).where(AuditEvent.sequence == later).values(sequence=later - count))


def cut(session: Session, draw: st.DataObject, at: int) -> None:
    """Everything from one event on is gone, and the note of the end is made to fit."""
    del draw
    cut_from(session, at)


def cut_from(session: Session, at: int) -> None:
    last = session.scalars(select(AuditEvent).where(AuditEvent.sequence == at - 1)).one_or_none()
    session.execute(delete(AuditEvent).where(AuditEvent.sequence >= at))
    session.execute(update(AuditHead).values(sequence=at - 1, hash=last.hash if last else "0" * 64))


def swap(session: Session, draw: st.DataObject, at: int) -> None:
    """Two events change places."""
    other = draw.draw(st.integers(1, EVENTS).filter(lambda number: number != at))
    for old, new in ((at, 99), (other, at), (99, other)):
        session.execute(update(AuditEvent).where(AuditEvent.sequence == old).values(sequence=new))


def repeat(session: Session, draw: st.DataObject, at: int) -> None:
    """An event is there once more, as the last, and the note of the end is made to fit."""
    del draw
    row = session.execute(select(*AuditEvent.__table__.columns).where(AuditEvent.sequence == at)).mappings().one()
    session.add(AuditEvent(**{**row, "sequence": EVENTS + 1}))
    session.flush()
    session.execute(update(AuditHead).values(sequence=EVENTS + 1, hash=row["hash"]))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data(), at=st.integers(1, EVENTS), tamper=st.sampled_from([change, remove, cut, swap, repeat]))
def test_any_tampering_is_found(chain: tuple[Engine, Path], draw: st.DataObject, at: int, tamper: Any) -> None:
    """Changed, removed, cut, moved or added, with or without covering it up: verifying says so."""
    engine, anchor = chain
    with Session(engine) as session:
        tamper(session, draw, at)
        session.expire_all()
        assert verify_audit(session, KEY, anchor).findings
        session.rollback()
    assert verify(engine, anchor) == Verification(EVENTS, 0, ())


def test_another_key_fits_nothing(chain: tuple[Engine, Path]) -> None:
    """Who rebuilt the chain with a key of their own is found."""
    engine, anchor = chain
    with reading(engine) as session:
        assert len(verify_audit(session, b"x" * 32, anchor).findings) == EVENTS + 1


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"sequence": 3, "hash": "00", "signature": "00"}', '{"sequence": "x", "hash": 1}']
)
def test_a_forged_anchor_is_found_and_stays(ledger: Engine, tmp_path: Path, content: str) -> None:
    """An anchor that does not bear our signature is reported, also after more was appended."""
    anchor = tmp_path / "anchor"
    add(ledger, anchor, 0)
    anchor.write_text(content, encoding="utf-8")
    add(ledger, anchor, 1)
    assert len(verify(ledger, anchor).findings) == 1
    assert anchor.read_text(encoding="utf-8") == content


def test_a_cut_is_found_although_the_chain_went_on(ledger: Engine, tmp_path: Path) -> None:
    """The anchor does not pass over the place where it was cut, however many events follow."""
    anchor = tmp_path / "anchor"
    for number in range(4):
        add(ledger, anchor, number)
    with writing(ledger) as session:
        cut_from(session, 3)
    for number in range(10):
        add(ledger, anchor, number)
    assert "expected the hash of the anchor" in verify(ledger, anchor).findings[0]


def test_a_missing_anchor_is_found_and_not_made_anew(ledger: Engine, tmp_path: Path) -> None:
    """To cut the chain and remove the anchor hides nothing."""
    anchor = tmp_path / "anchor"
    add(ledger, anchor, 0)
    anchor.unlink()
    add(ledger, anchor, 1)
    assert "missing" in verify(ledger, anchor).findings[0]
    assert not anchor.exists()


def test_the_anchor_never_goes_back(tmp_path: Path) -> None:
    """Of two writers the one that is late does not take the other's anchor back."""
    path = tmp_path / "anchor"
    advance_anchor(path, KEY, Anchor(2, "bb"))
    advance_anchor(path, KEY, Anchor(1, "aa"))
    assert read_anchor(path, KEY) == Anchor(2, "bb")
    assert json.loads(path.read_bytes())["sequence"] == 2


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Whoever has the key can write the chain anew."""
    assert ensure_audit_key(tmp_path / "keys") == ensure_audit_key(tmp_path / "keys")
    (tmp_path / "keys" / "audit.key").chmod(0o644)
    with pytest.raises(ConfigError, match="others may read the key of the audit chain"):
        ensure_audit_key(tmp_path / "keys")
