"""From a draft to live and back: what may follow what, who must agree, and what is written down."""

from __future__ import annotations

from itertools import product

import pytest
from sqlalchemy import select

from riskloom.errors import ApprovalNeededError, CatalogError, MovedError, NotInLedgerError, RefusedStepError
from riskloom.ledger.database import reading
from riskloom.ledger.schema import Approval, AuditEvent, RuleStageChange, RuleVersion
from riskloom.ledger.verification import verify_audit
from riskloom.lifecycle.approvals import approve, open_proposals, propose, reject
from riskloom.lifecycle.stages import expect_step, rollback, rule_history, rule_state, rule_states
from riskloom.lifecycle.transitions import NEXT, Placement, check_step, needs_approval
from riskloom.lifecycle.versions import sync_versions
from tests.lifecycle.world import DOMAIN, SCHEMA, Office, source

SHADOW, LIVE, DRAFT = Placement("shadow"), Placement("live"), Placement("draft")
RULE = "large_amount"


def rollout(percent: int) -> Placement:
    return Placement("rollout", percent)


def placements(office: Office) -> dict[int, str]:
    """Where the rule's versions are."""
    with reading(office.controls.engine) as session:
        return {number: str(place) for number, place in rule_state(session, DOMAIN, RULE).placements.items()}


def test_what_may_follow_is_data() -> None:
    """Nothing reaches everybody but by way of shadow and roll-out; whatever has effect can be stopped in one step."""
    places = (DRAFT, SHADOW, rollout(10), LIVE, Placement("retired"))
    for before, after in product(places, places):
        if after.stage in NEXT[before.stage] and before != after:
            check_step(before, after)
        else:
            with pytest.raises(RefusedStepError):
                check_step(before, after)
    assert [before for before, stages in NEXT.items() if "live" in stages] == ["rollout"]
    assert [before for before, stages in NEXT.items() if "shadow" in stages] == ["draft", "rollout", "live"]
    assert needs_approval(rollout(10), rollout(20))
    assert not needs_approval(rollout(20), rollout(10))
    assert not needs_approval(LIVE, rollout(99))


@pytest.mark.parametrize(("stage", "percent"), [("rollout", None), ("rollout", 0), ("rollout", 100), ("live", 50)])
def test_a_percentage_belongs_to_a_rollout(stage: str, percent: int | None) -> None:
    """From 1 to 99, and to nothing else."""
    with pytest.raises(RefusedStepError, match="percent: expected"):
        Placement(stage, percent)  # type: ignore[arg-type]


def test_the_same_text_is_the_same_version(office: Office) -> None:
    """What was written before adds nothing, also behind other text; other text is the next version, a draft."""
    first, again = office.write(source()), office.write(source(), by="somebody else")
    second, once_more = office.write(source(bound=400)), office.write(source())
    assert [each.is_new for each in (first, again, second, once_more)] == [True, False, True, False]
    assert once_more.version.version == 1
    assert placements(office) == {1: "draft", 2: "draft"}
    assert again.version.written_by == "author"


def test_what_is_no_rule_is_no_version(office: Office) -> None:
    """A typed draft is checked as a file is, and its examples must hold; nothing is kept of a wrong one."""
    with pytest.raises(CatalogError, match=r"nearest is 'event\.amount'"):
        office.write(source(when="event.amonut > 300"))
    with pytest.raises(CatalogError, match="a row that the rule hits"):
        office.write(source(when="event.amount > 900"))
    assert placements(office) == {}


def test_files_that_have_not_changed_add_nothing(office: Office) -> None:
    """A wrong file among them keeps all of them out."""
    files = {"rules/a.yml": source("first_rule"), "rules/b.yml": source("second_rule")}
    written = []
    for _ in range(2):
        with office.controls.commanding(DOMAIN, "ci") as desk:
            written.append([version.rule_id for version in sync_versions(desk, DOMAIN, files, schema=SCHEMA)])
    assert written == [["first_rule", "second_rule"], []]
    changed = {"rules/a.yml": source("first_rule", bound=500), "rules/b.yml": "id: nothing"}
    with pytest.raises(CatalogError), office.controls.commanding(DOMAIN, "ci") as desk:
        sync_versions(desk, DOMAIN, changed, schema=SCHEMA)
    with reading(office.controls.engine) as session:
        assert len(session.scalars(select(RuleVersion)).all()) == 2


def test_more_effect_needs_a_second_person(office: Office) -> None:
    """Nobody reaches a subject alone, nor more of them: not by moving, not by approving oneself or one's own text."""
    office.write(source())
    office.move(RULE, 1, SHADOW)
    with pytest.raises(ApprovalNeededError, match="let a second person approve"):
        office.move(RULE, 1, rollout(5))
    with office.controls.commanding(DOMAIN, "asker") as desk:
        propose(desk, DOMAIN, RULE, 1, rollout(5), approval_id="p", reason="it does well", evidence={"hits": 7})
    for actor, role in (("asker", "who asked"), ("author", "who wrote the version")):
        with pytest.raises(RefusedStepError, match=role), office.controls.commanding(DOMAIN, actor) as desk:
            approve(desk, "p", reason="me too")
    assert placements(office) == {1: "shadow"}
    with office.controls.commanding(DOMAIN, "second") as desk:
        approve(desk, "p", reason="looked at it")
    assert placements(office) == {1: "rollout 5%"}
    with (
        pytest.raises(RefusedStepError, match="found it approved"),
        office.controls.commanding(DOMAIN, "third") as desk,
    ):
        approve(desk, "p", reason="again")


def test_a_proposal_is_about_what_was_seen(office: Office) -> None:
    """Once the rule has moved, an older proposal can be approved no more, and waits no more."""
    office.write(source())
    office.move(RULE, 1, SHADOW)
    with office.controls.commanding(DOMAIN, "asker") as desk:
        asked = propose(desk, DOMAIN, RULE, 1, rollout(5), approval_id="p", reason="it does well", evidence={})
        assert propose(desk, DOMAIN, RULE, 1, rollout(5), approval_id="q", reason="once more", evidence={}) == asked
    office.move(RULE, 1, DRAFT)
    with pytest.raises(RefusedStepError, match="propose anew"), office.controls.commanding(DOMAIN, "second") as desk:
        approve(desk, "p", reason="late")
    with reading(office.controls.engine) as session:
        assert open_proposals(session, DOMAIN) == []
        assert session.scalars(select(Approval.decided_at)).all() == [None]


def test_a_rule_that_was_moved_since_is_not_taken_for_what_was_seen(office: Office) -> None:
    """Whoever looked before somebody else's step is told at which step the rule is now."""
    office.write(source())
    office.move(RULE, 1, SHADOW)
    with office.controls.commanding(DOMAIN, "late") as desk:
        with pytest.raises(MovedError, match="expected it at 1, as it was seen, found it at 2"):
            expect_step(desk, DOMAIN, RULE, 1)
        assert expect_step(desk, DOMAIN, RULE, 2).placements == {1: SHADOW}
        with pytest.raises(NotInLedgerError):
            expect_step(desk, DOMAIN, "nobody_s", 0)


def test_a_refusal_changes_nothing_but_is_kept(office: Office) -> None:
    """Whoever asked cannot refuse; who refuses says why."""
    office.write(source())
    office.move(RULE, 1, SHADOW)
    with office.controls.commanding(DOMAIN, "asker") as desk:
        propose(desk, DOMAIN, RULE, 1, rollout(5), approval_id="p", reason="it does well", evidence={})
    with pytest.raises(RefusedStepError, match="who asked"), office.controls.commanding(DOMAIN, "asker") as desk:
        reject(desk, "p", reason="never mind")
    with pytest.raises(RefusedStepError, match="reason: expected why"), office.controls.commanding(DOMAIN, "x") as desk:
        reject(desk, "p", reason=" ")
    with office.controls.commanding(DOMAIN, "second") as desk:
        reject(desk, "p", reason="too many travellers")
    assert placements(office) == {1: "shadow"}
    with reading(office.controls.engine) as session:
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.sequence)).all()
    assert actions[-1] == "rule.rejected"


def test_a_next_version_takes_the_place_of_the_one_before(office: Office) -> None:
    """One version is live and one in roll-out at a time; both steps are one, and a rollback takes back both."""
    office.go_live(source())
    office.write(source(bound=400))
    office.move(RULE, 2, SHADOW)
    office.agree(RULE, 2, rollout(20))
    assert placements(office) == {1: "live", 2: "rollout 20%"}
    office.agree(RULE, 2, LIVE)
    assert placements(office) == {1: "retired", 2: "live"}
    with office.controls.commanding(DOMAIN, "on call") as desk:
        rollback(desk, DOMAIN, RULE, reason="it blocks everybody")
    assert placements(office) == {1: "live", 2: "rollout 20%"}
    with office.controls.commanding(DOMAIN, "on call") as desk:
        rollback(desk, DOMAIN, RULE, reason="still")
    assert placements(office) == {1: "live", 2: "shadow"}


def test_rollbacks_end_at_the_writing(office: Office) -> None:
    """Drafts written since stay where they are; a rule that was only written has nothing to take back."""
    office.write(source())
    office.move(RULE, 1, SHADOW)
    office.write(source(bound=400))
    with office.controls.commanding(DOMAIN, "on call") as desk:
        rollback(desk, DOMAIN, RULE, reason="too early")
    assert placements(office) == {1: "draft", 2: "draft"}
    with pytest.raises(RefusedStepError, match="found none"), office.controls.commanding(DOMAIN, "on call") as desk:
        rollback(desk, DOMAIN, RULE, reason="further")


def test_each_step_says_who_why_and_when_and_is_in_the_chain(office: Office) -> None:
    """In one transaction: a step that fails leaves neither a change nor an audit event."""
    office.go_live(source())
    with pytest.raises(NotInLedgerError):
        office.move(RULE, 9, SHADOW)
    with pytest.raises(NotInLedgerError):
        office.move("no_such_rule", 1, SHADOW)
    with reading(office.controls.engine) as session:
        changes = rule_history(session, DOMAIN, RULE)
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.sequence)).all()
        found = verify_audit(session, office.controls.trail._key, office.controls.trail._anchor)
    assert found.findings == ()
    assert [(change.step, change.stage, change.changed_by) for change in changes] == [
        (1, "draft", "author"), (2, "shadow", "author"), (3, "rollout", "second"), (4, "live", "second"),
    ]  # fmt: skip
    assert changes[-1].reason == "it does well (asked by author; approved: looked at it)"
    assert [event.action for event in events] == [
        "rule.written", "rule.drafted", "rule.moved", *["rule.proposed", "rule.approved", "rule.moved"] * 2,
    ]  # fmt: skip
    assert events[-1].at == changes[-1].changed_at


def test_states_of_all_rules(office: Office) -> None:
    """By rule, each with its versions."""
    office.write(source("first_rule"))
    office.write(source("second_rule"))
    office.write(source("second_rule", bound=400))
    with reading(office.controls.engine) as session:
        states = rule_states(session, DOMAIN)
        assert session.scalars(select(RuleStageChange.undoes)).all() == [None] * 3
    assert [(state.rule_id, sorted(state.placements)) for state in states] == [
        ("first_rule", [1]), ("second_rule", [1, 2]),
    ]  # fmt: skip
