"""From an answer to the ledger and back: shipped, put into cases, decided again, audited; as people type it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from riskloom.cli import build_app
from riskloom.errors import LedgerError, NotInLedgerError
from riskloom.ledger.database import reading, writing
from riskloom.ledger.schema import AuditEvent, Case, Decision
from riskloom.settings import PROJECT_ROOT
from riskloom.wiring import ledger_engine
from tests.documents import prompted_commands
from tests.services.conftest import DOMAINS, World, event, in_process
from tests.services.world import CALM, FLAGGED


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output of a command; an error it raises is raised."""
    result = CliRunner().invoke(build_app(), list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def decided(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A home in which a calm and a flagged event of each domain were decided and shipped."""
    monkeypatch.setenv("RISKLOOM_HOME", str(world.settings.home))
    with in_process(world) as client:
        for name, domain in DOMAINS.items():
            for entity in (CALM, FLAGGED):
                answer = client.post(f"/v1/domains/{name}/score", json=event(domain, entity), headers=world.auth())
                assert answer.status_code == 200
    with pytest.raises(LedgerError, match="run `riskloom ledger migrate`"):
        run("ledger", "ship")
    assert run("ledger", "migrate")[0] == 0
    code, output = run("ledger", "ship")
    assert (code, output) == (0, f"{2 * len(DOMAINS)} decisions shipped, 0 lines skipped\n")
    return world


def test_every_decision_comes_out_the_same(decided: World) -> None:
    """Of every domain: request features, score and outcome, bit for bit."""
    with reading(ledger_engine(decided.settings)) as session:
        decisions = session.scalars(select(Decision)).all()
    assert {decision.domain for decision in decisions} == set(DOMAINS)
    for decision in decisions:
        subject = DOMAINS[decision.domain].subject
        assert decision.entity == decision.event[subject.group]
        assert str(decision.amount.normalize() if decision.amount else None) != "None"
        assert decision.effective_at is not None
        assert run("replay", decision.decision_id) == (
            0,
            f"same: {decision.outcome} with score {decision.score}, model version 1\n",
        )
    with pytest.raises(NotInLedgerError):
        run("replay", "nobody's")


def test_the_documented_commands_do_what_the_page_says(decided: World) -> None:
    """Each as it stands there, in its order, about a decision of the domain that they name."""
    commands = prompted_commands(PROJECT_ROOT / "docs" / "ledger.md")
    with reading(ledger_engine(decided.settings)) as session:
        (decision, *_) = session.scalars(select(Decision.decision_id))
    said = {" ".join(each[:2]): run(*(decision if word == "DECISION" else word for word in each)) for each in commands}
    assert {code for code, _ in said.values()} == {0}, said
    named = next(each[-1] for each in commands if each[:2] == ["ledger", "triage"])
    assert said["ledger triage"][1].endswith("alerts are in 1 cases\n")
    assert f"{named}: 0 decisions wait; 0 alerts without a case\n" in said["ledger status"][1]
    assert said["ledger labels"][1].startswith("0 labels landed")
    assert said["replay DECISION"][1].startswith("same: ")
    assert "as they were written" in said["audit verify"][1]


def test_what_was_changed_afterwards_comes_out_otherwise(decided: World) -> None:
    """Each difference is named with what is recorded and what comes out now."""
    engine = ledger_engine(decided.settings)
    with writing(engine) as session:
        first, second, *_ = session.scalars(select(Decision.decision_id))
        session.execute(update(Decision).where(Decision.decision_id == first).values(score=0.123, outcome="gone"))
        session.execute(update(Decision).where(Decision.decision_id == second).values(features={}))
    code, output = run("replay", first)
    assert code == 1
    assert "score: recorded 0.123, now " in output
    assert "outcome: recorded gone, now " in output
    assert output.endswith("different in 2 values\n")
    code, output = run("replay", second)
    assert code == 1
    assert "recorded None, now needed" in output


def test_alerts_become_cases_and_the_chain_shows_it(decided: World) -> None:
    """Triage is audited; a change of the chain ends the command with code 1 and says where."""
    for name in DOMAINS:
        assert "alerts are in" in run("ledger", "triage", name)[1]
    engine = ledger_engine(decided.settings)
    with reading(engine) as session:
        cases = session.scalars(select(Case)).all()
    assert {case.domain for case in cases} == set(DOMAINS)
    assert run("audit", "verify") == (0, f"{len(cases)} audit events: as they were written; 0 behind the anchor\n")
    with writing(engine) as session:
        session.execute(update(AuditEvent).where(AuditEvent.sequence == 2).values(actor="nobody"))
    code, output = run("audit", "verify")
    assert code == 1
    assert "event 2: its hash does not fit its content" in output


def test_a_machine_that_is_new_to_the_ledger_is_anchored_by_hand(decided: World) -> None:
    """A missing anchor is a finding, until a person says that the chain is the one they know."""
    with pytest.raises(LedgerError, match="nothing to anchor"):
        run("audit", "anchor")
    run("ledger", "triage", next(iter(DOMAINS)))
    decided.settings.audit_anchor.unlink()
    assert run("audit", "verify")[0] == 1
    assert run("audit", "anchor")[0] == 0
    assert run("audit", "verify")[0] == 0


def test_labels_are_written_for_the_ingest(decided: World, tmp_path: Path) -> None:
    """The command says how to go on."""
    del decided
    name = next(iter(DOMAINS))
    out = tmp_path / "labels.jsonl"
    code, output = run("ledger", "labels", name, "--out", str(out))
    assert (code, out.read_text(encoding="utf-8")) == (0, "")
    assert output == f"0 labels written; next: riskloom ingest {name} {DOMAINS[name].label.table} {out}\n"


def test_labels_land_by_a_command(decided: World) -> None:
    """Without a file to write, they go the way that Airflow takes them."""
    del decided
    name = next(iter(DOMAINS))
    assert run("ledger", "labels", name) == (0, "0 labels landed, 0 were there, 0 lack something\n")


def test_old_files_go_once_they_are_shipped(decided: World) -> None:
    """Not before: decisions of today stay where they are."""
    files = list(decided.settings.decisions.rglob("*.jsonl"))
    run("ledger", "ship")
    assert all(file.exists() for file in files)
    old = files[0].with_name("2020-01-01-1.jsonl")
    old.write_bytes(files[0].read_bytes())
    code, output = run("ledger", "ship")
    assert code == 0
    assert f"removed {old}" in output.replace("\n", "")
    assert not old.exists()
    assert datetime.now(UTC).year > 2020
