"""Everything the page of a rule or scenario shows, read in one state of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from pydantic import ValidationError
from sqlalchemy.orm import Session

from riskloom.catalog import Domain
from riskloom.errors import NotInLedgerError
from riskloom.ledger.hits import HitCount, HitSummary, count_hits, newest_hits
from riskloom.ledger.schema import RuleBacktest, RuleKind, RuleStage, RuleStageChange, RuleVersion
from riskloom.lifecycle.approvals import Proposed, open_proposals
from riskloom.lifecycle.backtest_report import BacktestReport
from riskloom.lifecycle.shadow import ShadowResult, shadow_results
from riskloom.lifecycle.stages import RuleState, rule_history, rule_state, step_to_undo
from riskloom.lifecycle.transitions import NEXT, Placement
from riskloom.lifecycle.trials import backtests_of
from riskloom.lifecycle.versions import versions_of
from riskloom.rules.declaration import ScenarioDeclaration
from services.console.backtest_charts import BacktestCharts, draw_backtest
from services.console.rule_list import RECENT, FileState, file_state, leading_version, readable
from services.console.rulebook import Declaration, RuleFile, ShownRules
from services.console.scenario_parts import Counting, Part, counting_on, parts_of

_MOST_HITS = 20
_MOST_STEPS = 60
_MOST_BACKTESTS = 12


@dataclass(frozen=True, slots=True)
class Move:
    """A version that a step moved, and where to."""

    version: int
    to: Placement


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a rule: what was moved, by whom and why."""

    number: int
    at: datetime
    by: str
    reason: str
    undoes: int | None
    moves: tuple[Move, ...]

    def __str__(self) -> str:
        moved = " and ".join(f"version {move.version} to {move.to}" for move in self.moves)
        return f"took step {self.undoes} back: {moved}" if self.undoes else f"moved {moved}"


@dataclass(frozen=True, slots=True)
class KeptBacktest:
    """A back-test that is kept; without a report where an earlier release wrote it otherwise."""

    row: RuleBacktest
    report: BacktestReport | None


@dataclass(frozen=True, slots=True)
class Choice:
    """
    Where the version that is shown may go next.

    Attributes:
        stage: The stage.
        asks: ``always`` where a second person must agree, ``never`` where nobody is asked, ``more`` where somebody is
            for more percent than now.
    """

    stage: RuleStage
    asks: str


@dataclass(frozen=True, slots=True)
class RuleDossier:
    """
    A rule or scenario and what is known of it.

    Attributes:
        domain: Its domain.
        rule_id: Its name.
        kind: Which of the two it is.
        state: Where its versions are; of a rule that stands in a file only, nothing.
        versions: The newest first.
        shown: The version that is shown whole; None of a rule that stands in a file only.
        source: The text that is shown.
        declaration: What it says; None where this release cannot read it.
        file_state: Whether its file is kept as a version.
        choices: Where the version that is shown may go.
        steps: The newest first.
        undo: The step that a rollback takes back.
        proposals: What waits for a second person.
        shadow: What the version that is shown did in shadow, where it is there.
        backtests: Of the version that is shown, the newest first.
        chosen: The one that is drawn.
        charts: Its pictures.
        hits: The decisions that the rule hit last.
        counts: Hits of the last seven days, by version.
        parts: Of a scenario, the rules that it adds up.
        scenarios: Of a rule, those that count on it.
    """

    domain: Domain
    rule_id: str
    kind: RuleKind
    state: RuleState
    versions: tuple[RuleVersion, ...]
    shown: RuleVersion | None
    source: str
    declaration: Declaration | None
    file_state: FileState
    choices: tuple[Choice, ...]
    steps: tuple[Step, ...]
    undo: Step | None
    proposals: tuple[Proposed, ...]
    shadow: ShadowResult | None
    backtests: tuple[KeptBacktest, ...]
    chosen: KeptBacktest | None
    charts: BacktestCharts | None
    hits: Sequence[HitSummary]
    counts: tuple[HitCount, ...]
    parts: tuple[Part, ...]
    scenarios: tuple[Counting, ...]

    @property
    def title(self) -> str:
        """As people call it."""
        return self.declaration.title if self.declaration else self.rule_id

    @property
    def place(self) -> Placement | None:
        """Where the version that is shown is."""
        return self.state.placements[self.shown.version] if self.shown else None


def read_rule(
    session: Session,
    domain: Domain,
    rule_id: str,
    *,
    book: ShownRules,
    version: int | None,
    backtest_id: str | None,
    at: datetime,
) -> RuleDossier:
    """
    Read a rule.

    Args:
        session: Of a reading transaction.
        domain: The rule's.
        rule_id: Which rule.
        book: What the domain's files declare.
        version: The version to show; by default the one that reaches most.
        backtest_id: The back-test to draw; by default the newest.
        at: The time, timezone-aware.

    Raises:
        NotInLedgerError: Neither the ledger nor a file has such a rule, or the rule no such version.
    """
    name, file = domain.name, book.files.get(rule_id)
    versions = tuple(versions_of(session, name, rule_id))
    if not versions and file is None:
        raise NotInLedgerError("rule", rule_id)
    state = rule_state(session, name, rule_id)
    shown = _shown(versions, state, version, f"{name}/{rule_id}/{version}")
    source, kind = _text(shown, file)
    declaration = readable(source)
    steps = steps_of(rule_history(session, name, rule_id))
    undo = step_to_undo(rule_history(session, name, rule_id))
    kept = tuple(_backtests(session, shown)) if shown else ()
    chosen = next((each for each in kept if each.row.backtest_id == backtest_id), kept[0] if kept else None)
    results = shadow_results(session, name, rule_id)
    return RuleDossier(
        domain=domain,
        rule_id=rule_id,
        kind=kind,
        state=state,
        versions=versions,
        shown=shown,
        source=source,
        declaration=declaration,
        file_state=file_state(file, {each.digest for each in versions}),
        choices=tuple(_choices(state.placements[shown.version])) if shown else (),
        steps=steps[:_MOST_STEPS],
        undo=next((step for step in steps if step.number == undo), None),
        proposals=tuple(each for each in open_proposals(session, name) if each.proposal.rule_id == rule_id),
        shadow=next((each for each in results if shown and each.version == shown.version), None),
        backtests=kept,
        chosen=chosen,
        charts=draw_backtest(chosen.report) if chosen and chosen.report else None,
        hits=newest_hits(session, name, rule_id, limit=_MOST_HITS),
        counts=count_hits(session, name, rule_id, since=at - RECENT),
        parts=parts_of(session, name, declaration, book) if isinstance(declaration, ScenarioDeclaration) else (),
        scenarios=counting_on(session, name, rule_id, book),
    )


def steps_of(history: Sequence[RuleStageChange]) -> tuple[Step, ...]:
    """The steps of a rule, the newest first."""
    steps = []
    for number, group in groupby(history, key=lambda change: change.step):
        changes = list(group)
        first = changes[0]
        moves = tuple(Move(each.version, Placement(each.stage, each.rollout_percent)) for each in changes)
        steps.append(Step(number, first.changed_at, first.changed_by, first.reason, first.undoes, moves))
    return tuple(reversed(steps))


def _shown(versions: Sequence[RuleVersion], state: RuleState, wanted: int | None, name: str) -> RuleVersion | None:
    if not versions:
        return None
    number = wanted or leading_version(state)
    found = next((each for each in versions if each.version == number), None)
    if found is None:
        raise NotInLedgerError("rule version", name)
    return found


def _text(shown: RuleVersion | None, file: RuleFile | None) -> tuple[str, RuleKind]:
    """The text that is shown, and what it is."""
    if shown is not None:
        return shown.source, shown.kind
    return (file.source, file.kind) if file else ("", "rule")


def _choices(place: Placement) -> Iterator[Choice]:
    for stage in NEXT[place.stage]:
        if stage == "rollout":
            asks = {"rollout": "more", "live": "never"}.get(place.stage, "always")
        else:
            asks = "always" if stage == "live" else "never"
        yield Choice(stage, asks)


def _backtests(session: Session, version: RuleVersion) -> Iterator[KeptBacktest]:
    for row in backtests_of(session, version.domain, version.rule_id, version.version)[:_MOST_BACKTESTS]:
        try:
            yield KeptBacktest(row, BacktestReport.model_validate(row.report))
        except ValidationError:
            yield KeptBacktest(row, None)
