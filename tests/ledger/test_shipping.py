"""The shipper: what was acknowledged is in the database once, whatever dies when."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from riskloom.ledger import Outbox
from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.cargo import DecisionCargo
from riskloom.ledger.database import open_database, reading, writing
from riskloom.ledger.leases import hold, present_lease, release
from riskloom.ledger.records import Alerting
from riskloom.ledger.schema import Alert, Decision, DecisionCount, EntityValue, OutboxFile
from riskloom.ledger.shipping import Shipped, Shipper, Skipped, lease_of
from riskloom.ledger.triage import triage
from tests.ledger.examples import DOMAIN, NOW, record

ALERTING = {DOMAIN: Alerting(frozenset({"review"}), "amount")}


def shipper(
    engine: Engine, folder: Path, *, related: Mapping[str, Sequence[str]] | None = None, **changes: Any
) -> Shipper:
    cargo = DecisionCargo(ALERTING, related or {})
    arguments: dict[str, Any] = {"source": "here", "holder": "me", "clock": lambda: NOW, "cargo": cargo}
    return Shipper(engine, folder, **{**arguments, **changes})


def append(folder: Path, *numbers: int, **changes: Any) -> None:
    with Outbox(folder) as outbox:
        for number in numbers:
            outbox.append(record(number, **changes))


def shipped_ids(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return sorted(session.scalars(select(Decision.decision_id)))


def names(count: int) -> list[str]:
    return sorted(f"d-{number}" for number in range(count))


def test_a_decision_arrives_whole(ledger: Engine, tmp_path: Path) -> None:
    """Every part of the line is a column, times and money in their own types."""
    whole = record(
        5,
        rules_hit=["r-1"],
        shadow={"model": "2"},
        exploration={"would_be": "hold", "propensity": 0.02},
        policy_version="7",
        rules_version="3",
    )
    with Outbox(tmp_path / "decisions") as outbox:
        outbox.append(whole)
    assert shipper(ledger, tmp_path / "decisions").ship() == Shipped(decisions=1)
    with reading(ledger) as session:
        kept = session.scalars(select(Decision)).one()
    assert kept.decided_at == datetime.fromisoformat(whole["decided_at"])
    assert kept.effective_at == datetime.fromisoformat(whole["effective_at"])
    assert (kept.amount, kept.score, kept.latency_us) == (Decimal("12.5"), 0.25, 3250)
    assert (kept.subject, kept.event_id, kept.entity, kept.outcome) == ("s-5", "s-5", "e-5", "review")
    assert (kept.rules_hit, kept.shadow, kept.is_exploration, kept.is_degraded) == (["r-1"], {"model": "2"}, True, True)
    assert kept.choice == {"exploration": whole["exploration"]}
    assert (kept.model_version, kept.policy_version, kept.rules_version) == ("1", "7", "3")
    assert {name: getattr(kept, name) for name in ("features", "freshness", "event", "reasons")} == {
        name: whole[name] for name in ("features", "freshness", "event", "reasons")
    }


def test_features_come_back_bit_for_bit(ledger: Engine, tmp_path: Path) -> None:
    """A replay needs the very numbers that the model saw."""
    values = {"tiny": 5e-324, "third": 1 / 3, "zero": -0.0, "large": 1e22, "whole": 3.0, "none": None}
    append(tmp_path, 1, features=values)
    shipper(ledger, tmp_path).ship()
    with reading(ledger) as session:
        found = session.scalars(select(Decision.features)).one()
    assert {name: repr(value) for name, value in found.items()} == {name: repr(value) for name, value in values.items()}


def test_shipping_again_brings_only_what_is_new(ledger: Engine, tmp_path: Path) -> None:
    """The place behind the last line is remembered, also by another process."""
    append(tmp_path, *range(10))
    assert shipper(ledger, tmp_path, batch=3).ship() == Shipped(decisions=10)
    assert shipper(ledger, tmp_path).ship() == Shipped()
    append(tmp_path, 10, 11)
    append(tmp_path, 12, day="2026-03-02")
    assert shipper(ledger, tmp_path, batch=3).ship() == Shipped(decisions=3)
    assert shipped_ids(ledger) == names(13)


def test_a_file_put_back_from_a_copy_brings_nothing_twice(ledger: Engine, tmp_path: Path) -> None:
    """Another inode is read from its beginning; what is known is neither kept nor counted again."""
    append(tmp_path, *range(5))
    shipper(ledger, tmp_path).ship()
    (file,) = tmp_path.rglob("*.jsonl")
    content = file.read_bytes()
    file.rename(tmp_path / "moved")  # so that its inode is not given to the new one
    file.write_bytes(content)
    append(tmp_path, 5)
    assert shipper(ledger, tmp_path).ship() == Shipped(decisions=1)
    with reading(ledger) as session:
        assert session.scalar(select(func.sum(DecisionCount.decisions))) == 6


def test_outcomes_are_counted_by_day(ledger: Engine, tmp_path: Path) -> None:
    """The counts are those of the decisions, batch after batch."""
    append(tmp_path, *range(20))
    append(tmp_path, *range(20, 30), day="2026-03-02")
    shipper(ledger, tmp_path, batch=7).ship()
    with reading(ledger) as session:
        found = session.execute(select(DecisionCount.day, DecisionCount.outcome, DecisionCount.decisions)).tuples()
        assert set(found) == {
            ("2026-03-01", "review", 4),
            ("2026-03-01", "approve", 16),
            ("2026-03-02", "review", 2),
            ("2026-03-02", "approve", 8),
        }


def test_outcomes_that_need_a_person_raise_alerts(ledger: Engine, tmp_path: Path) -> None:
    """An alert says what is lost on average where nobody looks; without a score it stands last."""
    append(tmp_path, 0, 1)
    append(tmp_path, 5, score=None)
    shipper(ledger, tmp_path).ship()
    with reading(ledger) as session:
        alerts = {alert.decision_id: alert for alert in session.scalars(select(Alert))}
    assert set(alerts) == {"d-0", "d-5"}
    assert alerts["d-0"].expected_loss == Decimal("3.125")
    assert alerts["d-5"].expected_loss == 0
    assert (alerts["d-0"].entity, alerts["d-0"].subject, alerts["d-0"].case_id) == ("e-0", "s-0", None)


def test_a_scenario_raises_an_alert_whatever_the_outcome(ledger: Engine, tmp_path: Path) -> None:
    """One that came to its alert; not a rule alone, nor a scenario in shadow. It joins the open case of its entity."""
    hit = {"rule": "takeover", "version": 1, "stage": "live", "effect": "alert", "outcome": None}
    reached = {**hit, "scenario": {"level": "alert", "threshold": 40, "rules": {"first": 40}}}
    append(tmp_path, 5, entity="e")
    append(tmp_path, 1, entity="e", rules_hit=[reached])
    append(tmp_path, 2, entity="e", rules_hit=[{**hit, "scenario": None}])
    append(tmp_path, 3, entity="e", shadow={"rules_hit": [reached], "outcome": "approve"})
    append(tmp_path, 10, entity="e", rules_hit=[reached])
    shipper(ledger, tmp_path).ship()
    with reading(ledger) as session:
        alerts = {alert.decision_id: alert.kind for alert in session.scalars(select(Alert))}
    assert alerts == {"d-5": "decision", "d-1": "scenario", "d-10": "scenario"}
    trail, ids = AuditTrail(b"k" * 32, tmp_path / "anchor.json"), iter(["c-1", "c-2", "c-3"])
    triaged = triage(
        ledger, trail, DOMAIN, sla=timedelta(hours=4), clock=lambda: NOW, new_id=lambda: next(ids)
    )  # fmt: skip
    assert (triaged.alerts, triaged.cases) == (3, 1)


def test_who_was_seen_with_what_is_counted(ledger: Engine, tmp_path: Path) -> None:
    """By the declared columns, over batches; not what is missing, no key, or of nobody."""
    events: list[dict[str, Any]] = [
        {"device": "a", "place": "p"}, {"device": "a", "place": None}, {"device": "b"}, {"device": "a"},
        {"device": 7}, {"device": "\0"}, {"device": "x" * 601}, {"other": "a"},
    ]  # fmt: skip
    for number, event_ in enumerate(events):
        append(tmp_path, number, entity="e-2" if number == 3 else "e-1", event=event_)
    append(tmp_path, 20, entity=None, event=events[0])
    shipper(ledger, tmp_path, related={DOMAIN: ("device", "place")}, batch=2).ship()
    with reading(ledger) as session:
        found = session.scalars(select(EntityValue)).all()
    assert {(each.name, each.value, each.entity): each.decisions for each in found} == {
        ("device", "a", "e-1"): 2, ("device", "a", "e-2"): 1, ("device", "b", "e-1"): 1, ("place", "p", "e-1"): 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"decision_id": "d-', "a whole line of JSON"),
        (b"[1]", "a JSON object"),
        (b"[" * 100_000, "a whole line of JSON"),
        (b"\xff\xfe", "a whole line of JSON"),
        (json.dumps(record(1, domain="other_domain")).encode(), "domain"),
        (json.dumps({"domain": DOMAIN}).encode(), "decision_id"),
        (json.dumps(record(1, decision_id="")).encode(), "decision_id"),
        (json.dumps(record(1, subject="\0")).encode(), "subject"),
        (json.dumps(record(1, subject="\ud800")).encode(), "subject"),
        (json.dumps(record(1, subject="x" * 601)).encode(), "subject"),
        (json.dumps(record(1, decided_at="yesterday")).encode(), "decided_at"),
        (json.dumps(record(1, effective_at="2026-03-01T10:00:00")).encode(), "effective_at"),
        (json.dumps(record(1, score="high")).encode(), "score"),
        (json.dumps(record(1, score=True)).encode(), "score"),
        (json.dumps(record(1, score=10**400)).encode(), "score"),
        (json.dumps(record(1, score=float("nan"))).encode(), "a whole line of JSON"),
        (json.dumps(record(1, amount="NaN")).encode(), "amount"),
        (json.dumps(record(1, amount="1e15")).encode(), "amount"),
        (json.dumps(record(1, amount={})).encode(), "amount"),
        (json.dumps(record(1, features=[])).encode(), "features"),
        (json.dumps(record(1, latency_ms=1e12)).encode(), "latency_ms"),
    ],
)
def test_a_line_that_is_no_decision_is_reported_and_passed_over(
    ledger: Engine, tmp_path: Path, line: bytes, reason: str
) -> None:
    """It is named by file, place and reason, without its content; the lines around it arrive."""
    append(tmp_path, 0)
    (file,) = tmp_path.rglob("*.jsonl")
    before = file.stat().st_size
    with file.open("ab") as lines:
        lines.write(line + b"\n")
    append(tmp_path, 2)
    skipped: list[Skipped] = []
    assert shipper(ledger, tmp_path, on_skipped=skipped.append).ship() == Shipped(decisions=2, skipped=1)
    assert [(one.file, one.offset, one.size) for one in skipped] == [(file, before, len(line))]
    assert reason in skipped[0].reason
    assert shipper(ledger, tmp_path).ship() == Shipped()
    with reading(ledger) as session:
        assert session.scalars(select(OutboxFile.skipped)).one() == 1


def test_a_line_that_is_being_written_waits(ledger: Engine, tmp_path: Path) -> None:
    """Half a line is neither reported nor lost: the next round finds it whole."""
    append(tmp_path, 0, 1)
    (file,) = tmp_path.rglob("*.jsonl")
    content = file.read_bytes()
    file.write_bytes(content[:-20])
    assert shipper(ledger, tmp_path).ship() == Shipped(decisions=1)
    file.write_bytes(content)
    assert shipper(ledger, tmp_path).ship() == Shipped(decisions=1)


def test_who_holds_the_lease_ships(ledger: Engine, tmp_path: Path) -> None:
    """Another shipper does nothing until the lease is given back or has run out."""
    append(tmp_path, 0)
    with writing(ledger) as session:
        assert hold(session, "ship here", "other", at=NOW, lasting=timedelta(seconds=30))
    assert shipper(ledger, tmp_path).ship() == Shipped(is_ours=False)
    late = NOW + timedelta(seconds=30)
    assert shipper(ledger, tmp_path, clock=lambda: late).ship() == Shipped(decisions=1)
    append(tmp_path, 1)
    assert shipper(ledger, tmp_path, holder="other", clock=lambda: late).ship() == Shipped(is_ours=False)
    with writing(ledger) as session:
        release(session, "ship here", "me")
    assert shipper(ledger, tmp_path, holder="other", clock=lambda: late).ship() == Shipped(decisions=1)


def test_outboxes_of_two_machines_do_not_wait_for_each_other(ledger: Engine, tmp_path: Path) -> None:
    """Each has a lease and places of its own, though their files may be called the same."""
    append(tmp_path / "one", 0, 1)
    append(tmp_path / "two", 2, 3, 4)
    assert shipper(ledger, tmp_path / "one", source="one").ship() == Shipped(decisions=2)
    assert shipper(ledger, tmp_path / "two", source="two", holder="you").ship() == Shipped(decisions=3)
    assert shipped_ids(ledger) == names(5)


def test_shippers_without_a_working_lease_still_ship_once(
    ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease saves work; that nothing comes twice does not depend on it."""
    monkeypatch.setattr("riskloom.ledger.shipping.hold", lambda *_, **__: True)
    append(tmp_path, *range(200))
    done = threading.Event()

    def work(number: int) -> None:
        mine = shipper(ledger, tmp_path, holder=f"shipper {number}", batch=3)
        while not done.is_set():
            if mine.ship().is_ours and len(shipped_ids(ledger)) == 200:
                done.set()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert shipped_ids(ledger) == names(200)
    with reading(ledger) as session:
        assert session.scalar(select(func.sum(DecisionCount.decisions))) == 200
        assert session.scalar(select(func.count()).select_from(Alert)) == 40


def test_failing_at_any_statement_loses_nothing(ledger: Engine, tmp_path: Path) -> None:
    """The database goes away before the nth statement, for each n: the next round does what is left, once."""
    append(tmp_path, *range(10))
    for nth in range(1, 40):
        remaining = nth

        def fail(*_: object) -> None:
            nonlocal remaining
            remaining -= 1
            if remaining == 0:
                raise ConnectionError

        event.listen(ledger, "before_cursor_execute", fail)
        try:
            shipper(ledger, tmp_path, batch=4).ship()
        except ConnectionError:
            pass
        finally:
            event.remove(ledger, "before_cursor_execute", fail)
    shipper(ledger, tmp_path).ship()
    assert shipped_ids(ledger) == names(10)
    with reading(ledger) as session:
        assert session.scalar(select(func.sum(DecisionCount.decisions))) == 10
        assert session.scalars(select(OutboxFile.decisions)).one() == 10


def test_kill_9_of_writers_and_shippers_loses_and_doubles_nothing(
    ledger: Engine, ledger_url: str, tmp_path: Path
) -> None:
    """Writer and two shippers are killed at random, many times; what was acknowledged is in the ledger once."""
    chance = random.Random(7)
    acknowledged = tmp_path / "acknowledged"
    folder = tmp_path / "decisions"
    for round_ in range(20):
        children = [
            fork(partial(write, folder, acknowledged, round_ * 1_000_000)),
            *(fork(partial(ship_forever, ledger_url, folder, f"{round_} {nth}")) for nth in range(2)),
        ]
        time.sleep(chance.uniform(0.05, 0.25))
        chance.shuffle(children)
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            time.sleep(chance.uniform(0, 0.02))
    skipped: list[Skipped] = []
    shipper(ledger, folder, holder="last", clock=lambda: NOW + timedelta(days=1), on_skipped=skipped.append).ship()
    answered = acknowledged.read_text(encoding="ascii").split()
    found = shipped_ids(ledger)
    assert len(answered) > 50
    assert set(answered) <= set(found)
    assert len(found) == len(set(found))
    with reading(ledger) as session:
        assert session.scalar(select(func.sum(DecisionCount.decisions))) == len(found)
        alerts = session.scalar(select(func.count()).select_from(Alert))
        assert alerts == session.scalar(select(func.count()).where(Decision.outcome == "review"))


def fork(work: Callable[[], None]) -> int:
    """Do work in a child process until it is killed."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    finally:
        os._exit(1)


def write(folder: Path, acknowledged: Path, first: int) -> None:
    """Append decisions and then say so, as a service answers."""
    answers = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    outbox = Outbox(folder)
    for number in range(first, first + 1_000_000):
        outbox.append(record(number))
        os.write(answers, f"d-{number}\n".encode())
        time.sleep(0.001)


def ship_forever(url: str, folder: Path, holder: str) -> None:
    """Ship in small batches; the lease of a killed one runs out at once, so that the next goes on."""
    mine = shipper(open_database(url), folder, holder=holder, clock=ticking(), batch=5, on_skipped=lambda _: None)
    while True:
        mine.ship()


def ticking() -> Callable[[], datetime]:
    """A clock that runs a thousand times as fast as the world."""
    return lambda: NOW + timedelta(seconds=time.monotonic() * 1000 % 80_000)


def test_a_round_may_be_left_between_two_batches(ledger: Engine, tmp_path: Path) -> None:
    """Who is told to stop does so after the batch at hand; the rest comes in the next round."""
    for number in range(5):
        append(tmp_path, number)
    asked = iter([False, True])
    assert shipper(ledger, tmp_path, batch=2).ship(is_over=lambda: next(asked)) == Shipped(decisions=2)
    assert shipper(ledger, tmp_path, batch=2).ship() == Shipped(decisions=3)


def test_the_lease_is_held_while_nothing_comes_and_given_back(ledger: Engine, tmp_path: Path) -> None:
    """Another shipper waits for its end, or begins at once where it was given back."""
    mine, other = shipper(ledger, tmp_path, holder="mine"), shipper(ledger, tmp_path, holder="other")
    mine.hold()
    append(tmp_path, 0)
    assert other.ship() == Shipped(is_ours=False)
    with reading(ledger) as session:
        lease = present_lease(session, lease_of("here"), at=NOW)
        assert lease is not None
        assert lease.holder == "mine"
        assert present_lease(session, lease_of("here"), at=lease.expires_at) is None
    other.give_back()
    assert other.ship() == Shipped(is_ours=False), "it is not the other's to give"
    mine.give_back()
    assert other.ship() == Shipped(decisions=1)


def test_files_are_removed_once_shipped_and_old(ledger: Engine, tmp_path: Path) -> None:
    """A file stays while it is young or not shipped to its end; an unfinished last line is reported."""
    append(tmp_path, 0)
    append(tmp_path, 1, day="2026-03-02")
    old, young = sorted(tmp_path.rglob("*.jsonl"))
    late = datetime.fromisoformat("2026-04-01T00:00:00Z")
    skipped: list[Skipped] = []
    mine = shipper(ledger, tmp_path, clock=lambda: late, on_skipped=skipped.append)
    assert mine.remove(older_than=timedelta(days=30)) == [], "nothing is shipped yet"
    mine.ship()
    with old.open("ab") as lines:
        lines.write(b'{"torn')
    assert mine.remove(older_than=timedelta(days=30)) == [old]
    assert [one.size for one in skipped] == [6]
    assert not old.exists()
    assert young.exists()
    assert mine.ship() == Shipped()
    assert shipped_ids(ledger) == names(2)
    with reading(ledger) as session:
        assert session.scalars(select(OutboxFile.name)).all() == [young.name]
