"""Try versions of rules on a history, and keep what came out beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk, columns_of
from riskloom.ledger.schema import RuleBacktest
from riskloom.lifecycle.backtest import backtest
from riskloom.lifecycle.backtest_report import BacktestReport
from riskloom.lifecycle.history import FlaggingModel, History
from riskloom.lifecycle.lists import lists_ever
from riskloom.lifecycle.publishing import Controls
from riskloom.lifecycle.stages import rule_state, rule_states
from riskloom.lifecycle.versions import get_version
from riskloom.rules import Rule, Schema, parse_rule


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
    Try a version beside the rules that decide now, with the lists as they were, and keep the report.

    Args:
        controls: Where the ledger is.
        history: What it is tried on; its lists are those of the ledger, whatever it has.
        schema: What conditions may speak of.
        rule_id: Which rule.
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
        rule = _rule(session, domain, rule_id, number, schema)
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


def _deciding(session: Session, domain: str, but: str, schema: Schema) -> list[Rule]:
    """The live version of every other rule."""
    return [
        _rule(session, domain, state.rule_id, number, schema)
        for state in rule_states(session, domain)
        for number, place in state.placements.items()
        if place.stage == "live" and state.rule_id != but
    ]


def _rule(session: Session, domain: str, rule_id: str, version: int, schema: Schema) -> Rule:
    text = get_version(session, domain, rule_id, version).source
    return parse_rule(text, file=f"{rule_id} version {version}", schema=schema)
