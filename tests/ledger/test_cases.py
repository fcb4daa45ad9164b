"""Cases: one open case an entity, one owner, no step lost, none done twice, each in the timeline and audited."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, insert, select

from riskloom.errors import (
    LedgerError,
    NotInLedgerError,
    RefusedStepError,
    RepeatedKeyError,
    StaleError,
    TakenError,
)
from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.cases import add_note, claim, escalate, link, merge, open_case, release, snooze, take_over
from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.labels import give_verdict, state_label, withdraw_label
from riskloom.ledger.schema import Alert, AuditEvent, Case, CaseEvent, CaseLink, Label, Note
from riskloom.ledger.verification import verify_audit
from tests.ledger.examples import DOMAIN, NOW

KEY = b"k" * 32
SLA = timedelta(hours=4)


class Office:
    """A ledger, and desks in it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.anchor = folder / "anchor.json"

    @contextmanager
    def desk(self, actor: str = "ada", *, minutes: int = 0) -> Iterator[Desk]:
        """An actor's desk, some minutes after the alerts."""
        with writing(self.engine) as session:
            yield Desk(session, AuditTrail(KEY, self.anchor), actor, NOW + timedelta(minutes=minutes))

    def alert(self, name: str, *, entity: str = "e-1", loss: str = "10", domain: str = DOMAIN) -> None:
        """Raise an alert."""
        row = {
            "alert_id": name, "domain": domain, "kind": "decision", "subject": f"subject of {name}", "entity": entity,
            "raised_at": NOW, "expected_loss": Decimal(loss),
        }  # fmt: skip
        with writing(self.engine) as session:
            session.execute(insert(Alert), [row])

    def opened(self, case_id: str, *, entity: str = "e-1", domain: str = DOMAIN) -> None:
        """Open a case from an alert of its own."""
        self.alert(f"a of {case_id}", entity=entity, domain=domain)
        with self.desk("machine") as desk:
            open_case(desk, f"a of {case_id}", case_id=case_id, sla=SLA)

    def case(self, case_id: str) -> Case:
        """A case as it is."""
        with reading(self.engine) as session:
            return session.get_one(Case, case_id)

    def timeline(self, case_id: str) -> list[tuple[int, str, str]]:
        """A case's versions with what was done and by whom."""
        statement = select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.version)
        with reading(self.engine) as session:
            return [(one.version, one.action, one.actor) for one in session.scalars(statement)]

    def count(self, table: type[Any]) -> int:
        """How many rows a table has."""
        with reading(self.engine) as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def office(ledger: Engine, tmp_path: Path) -> Iterator[Office]:
    """An office whose audit chain is whole and has an event for each step, whatever the test did."""
    office = Office(ledger, tmp_path)
    yield office
    with reading(ledger) as session:
        assert verify_audit(session, KEY, office.anchor).findings == ()
        steps = session.scalar(select(func.count()).select_from(CaseEvent))
        audited = session.scalar(select(func.count()).where(AuditEvent.object_kind == "cases"))
        assert steps == audited


def test_alerts_of_one_entity_are_one_case(office: Office) -> None:
    """The first opens it, the next ones join it; what is at stake adds up."""
    for name, loss in (("a-1", "10"), ("a-2", "2.5"), ("a-2", "0")):
        if loss != "0":
            office.alert(name, loss=loss)
        with office.desk("machine") as desk:
            assert open_case(desk, name, case_id=f"c of {name}", sla=SLA).case_id == "c of a-1"
    case = office.case("c of a-1")
    assert (case.state, case.priority, case.sla_due_at, case.version) == ("open", Decimal("12.5"), NOW + SLA, 2)
    assert office.timeline("c of a-1") == [(1, "opened", "machine"), (2, "alert_added", "machine")]


def test_alerts_that_come_at_once_are_one_case(office: Office) -> None:
    """Several processes that open at the same time agree on one."""
    for number in range(8):
        office.alert(f"a-{number}")

    def work(number: int) -> str:
        with office.desk("machine") as desk:
            return open_case(desk, f"a-{number}", case_id=f"c-{number}", sla=SLA).case_id

    with ThreadPoolExecutor(4) as threads:
        (name,) = set(threads.map(work, range(8)))
    assert office.count(Case) == 1
    assert office.case(name).priority == 80


def test_one_of_those_who_claim_at_once_has_it(office: Office) -> None:
    """The others are told who has it and since when."""
    office.opened("c-1")

    def work(number: int) -> LedgerError | None:
        try:
            with office.desk(f"person {number}", minutes=number) as desk:
                claim(desk, "c-1", version=1)
        except LedgerError as error:
            return error
        return None

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(work, range(4)))
    (winner,) = [number for number, answer in enumerate(answers) if answer is None]
    for answer in answers:
        if answer is not None:
            assert isinstance(answer, TakenError)
            assert (answer.assignee, answer.claimed_at) == (f"person {winner}", NOW + timedelta(minutes=winner))
    assert office.case("c-1").version == 2


def test_a_stale_step_is_told_what_changed(office: Office) -> None:
    """Who acts on what is no longer so learns by whom and when it was changed, and nothing is done."""
    office.opened("c-1")
    office.alert("a-2")
    with office.desk("machine", minutes=5) as desk:
        open_case(desk, "a-2", case_id="unused", sla=SLA)
    with pytest.raises(StaleError) as refusal, office.desk() as desk:
        claim(desk, "c-1", version=1)
    assert refusal.value.changes == ("alert_added by machine at 2026-03-01T10:05:00+00:00",)
    assert str(refusal.value).startswith("case c-1: expected version 1, found 2; since then: alert_added by machine")
    assert office.case("c-1").assignee is None


def test_a_case_goes_through_hands(office: Office) -> None:
    """Claimed, given back, claimed by another, put away, handed up: each a step in the timeline."""
    office.opened("c-1")
    with office.desk("ada") as desk:
        assert claim(desk, "c-1", version=1).state == "claimed"
        assert release(desk, "c-1", version=2).assignee is None
    with office.desk("bob") as desk:
        claim(desk, "c-1", version=3)
        assert snooze(desk, "c-1", version=4, until=NOW + timedelta(days=1), reason="waits").assignee == "bob"
        assert escalate(desk, "c-1", version=5, reason="too big for me").state == "escalated"
        add_note(desk, "c-1", note_id="n-1", text="He called twice.")
    actions = [action for _, action, _ in office.timeline("c-1")]
    assert actions == ["opened", "claimed", "released", "claimed", "snoozed", "escalated", "noted"]
    assert office.count(Note) == 1


def test_a_new_alert_wakes_a_snoozed_case(office: Office) -> None:
    """What was put away comes back to whoever had it."""
    office.opened("c-1")
    with office.desk("ada") as desk:
        claim(desk, "c-1", version=1)
        snooze(desk, "c-1", version=2, until=NOW + timedelta(days=1), reason="waits")
    office.alert("a-2")
    with office.desk("machine") as desk:
        case = open_case(desk, "a-2", case_id="unused", sla=SLA)
        assert (case.state, case.assignee, case.snoozed_until) == ("claimed", "ada", None)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda desk: claim(desk, "c-9", version=1), NotInLedgerError),
        (lambda desk: open_case(desk, "a-9", case_id="c", sla=SLA), NotInLedgerError),
        (lambda desk: release(desk, "c-1", version=1), RefusedStepError),
        (lambda desk: snooze(desk, "c-1", version=1, until=NOW, reason=""), RefusedStepError),
        (lambda desk: add_note(desk, "c-1", note_id="n", text="  "), RefusedStepError),
        (lambda desk: link(desk, "c-1", "c-1", kind="related", reason=""), RefusedStepError),
        (lambda desk: merge(desk, "c-1", "c-1", version=1, into_version=1), RefusedStepError),
        (lambda desk: merge(desk, "c-1", "c-2", version=1, into_version=1), RefusedStepError),
        (lambda desk: claim(desk, "c-1", version=9), StaleError),
        (lambda desk: withdraw_label(desk, "l-9"), NotInLedgerError),
    ],
)
def test_what_cannot_be_done_is_refused(
    office: Office, act: Callable[[Desk], object], expected: type[LedgerError]
) -> None:
    """Unknown names, steps that the state does not allow, versions that never were: nothing changes."""
    office.opened("c-1")
    office.opened("c-2", entity="e-2", domain="other_domain")
    with pytest.raises(expected), office.desk() as desk:
        act(desk)
    assert [office.case(name).version for name in ("c-1", "c-2")] == [1, 1]


def test_cases_are_linked_once(office: Office) -> None:
    """From either side; both timelines show it."""
    office.opened("c-1")
    office.opened("c-2", entity="e-2")
    with office.desk() as desk:
        assert link(desk, "c-2", "c-1", kind="same_ring", reason="one device")
        assert not link(desk, "c-1", "c-2", kind="same_ring", reason="one device")
    assert office.count(CaseLink) == 1
    assert [office.timeline(name)[-1][:2] for name in ("c-1", "c-2")] == [(2, "linked"), (2, "linked")]


def test_a_merged_case_lives_on_in_the_other(office: Office) -> None:
    """Alerts and expected loss move; the merged one takes no further step, and its entity may have a new case."""
    office.opened("c-1")
    office.opened("c-2", entity="e-2")
    with office.desk() as desk:
        merge(desk, "c-1", "c-2", version=1, into_version=1)
    with reading(office.engine) as session:
        assert set(session.scalars(select(Alert.case_id))) == {"c-2"}
    assert office.case("c-2").priority == 20
    with pytest.raises(RefusedStepError, match="found it merged into c-2"), office.desk() as desk:
        claim(desk, "c-1", version=2)
    office.opened("c-3")
    assert office.case("c-3").state == "open"


def verdict(desk: Desk, **changes: Any) -> tuple[str, ...]:
    arguments: dict[str, Any] = {
        "version": 2, "is_positive": True, "reason": "card was stolen", "maturity": timedelta(days=7),
        "details": {"reason_code": "10.4"}, "key": "k-1",
    }  # fmt: skip
    return give_verdict(desk, "c-1", **{**arguments, **changes})


def test_a_verdict_is_a_label_for_each_subject(office: Office) -> None:
    """Known from the moment it was given, with its case and who gave it; the case is closed by it."""
    office.alert("a-2")
    office.opened("c-1")
    with office.desk("machine") as desk:
        open_case(desk, "a-2", case_id="unused", sla=SLA)
    with office.desk("ada", minutes=30) as desk:
        names = verdict(desk)
    at = NOW + timedelta(minutes=30)
    with reading(office.engine) as session:
        labels = {label.subject: label for label in session.scalars(select(Label))}
    assert set(labels) == {"subject of a-2", "subject of a of c-1"}
    assert sorted(label.label_id for label in labels.values()) == sorted(names)
    label = labels["subject of a-2"]
    assert (label.value, label.provenance, label.stated_by, label.case_id) == (True, "case", "ada", "c-1")
    assert (label.effective_at, label.observed_at, label.matured_at) == (at, at, at + timedelta(days=7))
    case = office.case("c-1")
    assert (case.state, case.closed_at, case.verdict) == ("closed", at, True)


def test_a_verdict_sent_twice_is_given_once(office: Office) -> None:
    """A caller who had no answer sends it again, at the same time or later, and has the same answer."""
    office.opened("c-1")
    with office.desk() as desk:
        claim(desk, "c-1", version=1)

    def work(minutes: int) -> tuple[str, ...]:
        with office.desk(minutes=minutes) as desk:
            return verdict(desk)

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(work, range(4)))) == 1
    assert office.count(Label) == 1
    with pytest.raises(RepeatedKeyError), office.desk() as desk:
        verdict(desk, is_positive=False)
    with pytest.raises(StaleError, match="decided by ada"), office.desk() as desk:
        verdict(desk, key="k-2")


def test_a_case_is_taken_over(office: Office) -> None:
    """Whoever had it is refused from then on, also with a verdict under way; the timeline says from whom and why."""
    office.opened("c-1")
    with office.desk("bob") as desk:
        claim(desk, "c-1", version=1)
    with office.desk("bob", minutes=1) as desk:
        snooze(desk, "c-1", version=2, until=NOW + timedelta(days=1), reason="later")
    with office.desk("lea", minutes=2) as desk:
        case = take_over(desk, "c-1", version=3, reason="bob is ill")
        assert (case.assignee, case.claimed_at, case.state, case.snoozed_until) == ("lea", desk.at, "claimed", None)
    for run in (lambda desk: verdict(desk, version=3), lambda desk: release(desk, "c-1", version=4)):
        with pytest.raises(TakenError, match="taken by lea"), office.desk("bob", minutes=3) as desk:
            run(desk)
    assert office.count(Label) == 0
    assert office.timeline("c-1")[-1][0] == 4
    with reading(office.engine) as session:
        event = session.scalars(select(CaseEvent).order_by(CaseEvent.version.desc()).limit(1)).one()
        audited = session.scalars(select(AuditEvent.action).order_by(AuditEvent.sequence)).all()[-1]
    assert (event.action, event.details, audited) == (
        "taken_over", {"from": "bob", "reason": "bob is ill"}, "case.taken_over",
    )  # fmt: skip


def test_taking_over_is_of_what_was_seen(office: Office) -> None:
    """Two who do it at once, a case that was given back or closed meanwhile, one's own, or without a reason."""
    office.opened("c-1")
    with pytest.raises(RefusedStepError, match="nobody's"), office.desk("lea") as desk:
        take_over(desk, "c-1", version=1, reason="bob is ill")
    with office.desk("bob") as desk:
        claim(desk, "c-1", version=1)
    with pytest.raises(RefusedStepError, match="reason: expected why"), office.desk("lea") as desk:
        take_over(desk, "c-1", version=2, reason=" ")
    with pytest.raises(StaleError), office.desk("lea") as desk:
        take_over(desk, "c-1", version=1, reason="bob is ill")
    with office.desk("lea") as desk:
        take_over(desk, "c-1", version=2, reason="bob is ill")
    with pytest.raises(StaleError, match="taken_over by lea"), office.desk("lou") as desk:
        take_over(desk, "c-1", version=2, reason="bob is ill")
    with pytest.raises(RefusedStepError, match="your own"), office.desk("lea") as desk:
        take_over(desk, "c-1", version=3, reason="bob is ill")
    with office.desk("lea") as desk:
        verdict(desk, version=3)
    with pytest.raises(RefusedStepError, match="open case"), office.desk("lou") as desk:
        take_over(desk, "c-1", version=4, reason="lea is ill")


def test_a_refused_verdict_may_be_sent_again(office: Office) -> None:
    """What was taken back leaves no trace of its key."""
    office.opened("c-1")
    with office.desk("bob") as desk:
        claim(desk, "c-1", version=1)
    with pytest.raises(TakenError), office.desk() as desk:
        verdict(desk)
    with office.desk("bob") as desk:
        release(desk, "c-1", version=2)
    with office.desk() as desk:
        assert len(verdict(desk, version=3)) == 1


def test_a_label_is_withdrawn_once_by_a_later_one(office: Office) -> None:
    """Nothing is changed: the withdrawal is a statement of its own."""
    with office.desk() as desk:
        label = state_label(
            desk, DOMAIN, "s-1", value=True, provenance="import", effective_at=NOW, matured_at=None, details={}
        )
    with office.desk(minutes=1) as desk:
        later = withdraw_label(desk, label.label_id)
        assert (later.value, later.withdraws, later.observed_at) == (False, label.label_id, desk.at)
    for name in (label.label_id, later.label_id):
        with pytest.raises(RefusedStepError), office.desk(minutes=2) as desk:
            withdraw_label(desk, name)
    assert office.count(Label) == 2


def test_a_step_that_fails_half_way_leaves_nothing(office: Office) -> None:
    """The database fails before the nth statement, for each n: case, timeline, labels and audit agree."""
    office.opened("c-1")
    nth, is_done = 0, False
    while not is_done:
        nth += 1
        remaining = nth

        def fail(*_: object) -> None:
            nonlocal remaining
            remaining -= 1
            if remaining == 0:
                raise ConnectionError

        event.listen(office.engine, "before_cursor_execute", fail)
        try:
            with office.desk() as desk:
                verdict(desk, version=1)
            is_done = True
        except ConnectionError:
            pass
        finally:
            event.remove(office.engine, "before_cursor_execute", fail)
        assert office.count(Label) == (1 if is_done else 0)
        assert office.case("c-1").version == office.timeline("c-1")[-1][0] == (2 if is_done else 1)
    assert nth > 8
