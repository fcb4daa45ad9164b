"""Try versions of rules and scenarios on a history, and keep what came out beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk, columns_of
from riskloom.ledger.schema import RuleBacktest, RuleVersion
from riskloom.lifecycle.backtest import Tried, backtest
from riskloom.lifecycle.backtest_report import BacktestReport
from riskloom.lifecycle.history import FlaggingModel, History
from riskloom.lifecycle.lists import lists_ever
from riskloom.lifecycle.publishing import Controls
from riskloom.lifecycle.stages import rule_state, rule_states
from riskloom.lifecycle.versions import get_version, name_of, newest_versions
from riskloom.rules import CountedScenario, Rule, Scenario, Schema, parse_rule, parse_scenario


def try_version(
    controls: Controls,
    history: History,
    schema: Schema,
    rule_id: str,
    version: int | None = None,
    *,
    actor: str,
    backtest_id: str,
    model: FlaggingModel | None = None,
) -> BacktestReport:
    """
    Try a version beside what decides now, with the lists as they were, and keep the report.

    A scenario is tried with the live version of each rule that it names, and with the newest of a rule that has none.

    Args:
        controls: Where the ledger is.
        history: What it is tried on; its lists are those of the ledger, whatever it has.
        schema: What conditions may speak of.
        rule_id: Which rule or scenario.
        version: Which version of it; the newest by default.
        actor: Who wants to know.
        backtest_id: What the report is called.
        model: The champion, where there is one.

    Raises:
        NotInLedgerError: There is no such version.
        FeatureError: It cannot be tried on this history.
    """
    domain = history.domain.name
    with reading(controls.engine) as session:
        number = version or max(rule_state(session, domain, rule_id).placements, default=1)
        rule = _tried(session, domain, rule_id, number, schema)
        beside = _deciding(session, domain, rule_id, schema)
        history = replace(history, lists=lists_ever(session, domain))
    report = backtest(history, rule, number, beside=beside, model=model)
    with writing(controls.engine) as session:
        keep_backtest(Desk(session, controls.trail, actor, controls.clock()), report, backtest_id)
    return report


def keep_backtest(desk: Desk, report: BacktestReport, backtest_id: str) -> RuleBacktest:
    """Keep a report beside the version that it is about."""
    row = RuleBacktest(
        backtest_id=backtest_id, domain=report.domain, rule_id=report.rule_id, version=report.version,
        ran_by=desk.actor, ran_at=desk.at, report=report.model_dump(mode="json"),
    )  # fmt: skip
    desk.session.add(row)
    desk.session.flush()
    desk.audit("rule.backtested", row, backtest_id, before=None, after=columns_of(row))
    return row


def backtests_of(session: Session, domain: str, rule_id: str, version: int) -> Sequence[RuleBacktest]:
    """The back-tests of a version, the newest first."""
    statement = select(RuleBacktest).where(
        RuleBacktest.domain == domain, RuleBacktest.rule_id == rule_id, RuleBacktest.version == version
    )
    return session.scalars(statement.order_by(RuleBacktest.ran_at.desc(), RuleBacktest.backtest_id)).all()


def untried_drafts(session: Session, domain: str) -> tuple[tuple[str, int], ...]:
    """The drafts that were never tried: rule and version."""
    return tuple(
        (state.rule_id, number)
        for state in rule_states(session, domain)
        for number, place in sorted(state.placements.items())
        if place.stage == "draft" and not backtests_of(session, domain, state.rule_id, number)
    )


def _deciding(session: Session, domain: str, but: str, schema: Schema) -> list[Tried]:
    """The live version of everything else."""
    return [
        _tried(session, domain, state.rule_id, number, schema)
        for state in rule_states(session, domain)
        for number, place in state.placements.items()
        if place.stage == "live" and state.rule_id != but
    ]


def _tried(session: Session, domain: str, rule_id: str, number: int, schema: Schema) -> Tried:
    version = get_version(session, domain, rule_id, number)
    if version.kind == "rule":
        return _rule(version, schema)
    scenario = parse_scenario(version.source, file=name_of(version), schema=schema)
    return CountedScenario(scenario, _rules_of(session, domain, scenario, schema))


def _rules_of(session: Session, domain: str, scenario: Scenario, schema: Schema) -> dict[str, Rule]:
    """The rules that a scenario names, as they decide now, or else as they were written last."""
    versions = newest_versions(session, domain)
    for state in rule_states(session, domain):
        for number, place in state.placements.items():
            if place.stage == "live":
                versions[state.rule_id] = get_version(session, domain, state.rule_id, number)
    return {name: _rule(versions[name], schema) for name in scenario.declaration.rules if name in versions}


def _rule(version: RuleVersion, schema: Schema) -> Rule:
    return parse_rule(version.source, file=name_of(version), schema=schema)
