"""Rules and scenarios: versions and stages, what is known of them, and the steps of their life."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from riskloom.errors import CatalogError, FeatureError, MovedError, NotInLedgerError
from riskloom.ledger.desk import Desk
from riskloom.ledger.schema import RuleKind, RuleStage
from riskloom.lifecycle import stages
from riskloom.lifecycle.shadow import shadow_results
from riskloom.lifecycle.stages import RuleState, rule_history, rule_state, rule_states
from riskloom.lifecycle.transitions import Placement
from riskloom.lifecycle.trials import backtests_of
from riskloom.lifecycle.versions import check_text, get_version, kind_of, kinds_of, write_version
from riskloom.rules import Schema
from services.api.calls import Answer, Call
from services.api.refusals import stale
from services.api.resources.cases import Why
from services.api.shown import Asked, Document, Listing, Nothing, Percent, Reason, Shown
from services.web.problems import FieldProblem, RefusalError

_FILE = "source"  # what mistakes call the text that was sent
_EXAMPLE = "id: large_night_payment\ntitle: A large payment in the small hours\n…"


class VersionPlace(Shown):
    """Where a version is, and since when."""

    version: int
    stage: RuleStage
    percent: int | None = Field(description="Of a roll-out.")
    since: datetime


class RuleRow(Shown):
    """A rule or scenario: where each of its versions is."""

    rule_id: str
    kind: RuleKind
    step: int = Field(description="Grows with each step; as ETag, what a command's If-Match sends back.")
    versions: tuple[VersionPlace, ...]


class Rules(Listing[RuleRow]):
    """The rules and scenarios of a domain, by id."""


class RuleText(Shown):
    """A version of a rule or scenario; its text never changes."""

    rule_id: str
    version: int
    kind: RuleKind
    source: str = Field(description="YAML.")
    written_by: str
    written_at: datetime


class StageChange(Shown):
    """A version moved; one step may move several."""

    step: int
    version: int
    stage: RuleStage
    rollout_percent: int | None
    changed_by: str
    changed_at: datetime
    reason: str
    undoes: int | None = Field(description="The step that a roll-back took back.")


class StageChanges(Listing[StageChange]):
    """Every step of a rule or scenario, from the beginning."""


class Backtest(Shown):
    """What a version would have done to a history."""

    backtest_id: str
    version: int
    ran_by: str
    ran_at: datetime
    report: Document


class Backtests(Listing[Backtest]):
    """The back-tests of a version, the newest first."""


class ShadowRow(Shown):
    """What a version did in shadow."""

    rule_id: str
    version: int
    since: datetime
    decisions: int
    hits: int
    changed: int = Field(description="Decisions that would have had another outcome with the rules in shadow.")
    labelled: int
    bad: int


class ShadowRows(Listing[ShadowRow]):
    """Each version that is in shadow."""


class Checked(Shown):
    """What is wrong with a text; nothing where it is a rule or a scenario."""

    is_valid: bool
    rule_id: str | None
    kind: RuleKind | None = Field(description="What it is; null where it is neither.")
    mistakes: tuple[FieldProblem, ...]


class RuleSource(Asked):
    """The text of a rule, or of a scenario: what has `rules` is one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"source": _EXAMPLE}]})
    source: str = Field(max_length=64_000, description="YAML; a rule has its examples inside.")


class NewVersion(RuleSource):
    """The text of a rule or scenario, and why it was written."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"source": _EXAMPLE, "reason": "seen in May"}]})
    reason: Reason


class _Step(Asked):
    stage: RuleStage
    percent: Percent | None = None

    @model_validator(mode="after")
    def _percent_is_of_a_rollout(self) -> Self:
        if (self.percent is not None) != (self.stage == "rollout"):
            raise ValueError("a percent for a rollout, and for nothing else")
        return self

    @property
    def to(self) -> Placement:
        """Where the version goes."""
        return Placement(self.stage, self.percent)


class Move(_Step):
    """Where a version goes, and why."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"version": 1, "stage": "shadow", "reason": "to see whom it hits"}]}
    )
    version: int = Field(ge=1)
    reason: Reason


def index(session: Session, call: Call, _: Nothing) -> Answer:
    """All rules and scenarios."""
    kinds = kinds_of(session, call.domain.name)
    items = tuple(_row(state, kinds[state.rule_id]) for state in rule_states(session, call.domain.name))
    return Answer(Rules(items=items, next=None))


def show(session: Session, call: Call, _: Nothing) -> Answer:
    """One rule or scenario."""
    return answered(session, _known(session, call))


def text(session: Session, call: Call, _: Nothing) -> Answer:
    """One version."""
    found = get_version(session, call.domain.name, call.path("rule_id"), call.number("version"))
    return Answer(RuleText.model_validate(found))


def history(session: Session, call: Call, _: Nothing) -> Answer:
    """The steps of one."""
    changes = rule_history(session, call.domain.name, _known(session, call).rule_id)
    return Answer(StageChanges(items=tuple(map(StageChange.model_validate, changes)), next=None))


def backtests(session: Session, call: Call, _: Nothing) -> Answer:
    """The back-tests that were kept with a version."""
    version = get_version(session, call.domain.name, call.path("rule_id"), call.number("version"))
    kept = backtests_of(session, version.domain, version.rule_id, version.version)
    return Answer(Backtests(items=tuple(map(Backtest.model_validate, kept)), next=None))


def shadow(session: Session, call: Call, _: Nothing) -> Answer:
    """What versions in shadow would have done."""
    found = shadow_results(session, call.domain.name)
    return Answer(ShadowRows(items=tuple(map(ShadowRow.model_validate, found)), next=None))


def check(session: Session, call: Call, asked: RuleSource) -> Answer:
    """Hold a text to what a version has to keep, beside what is there, and keep nothing."""
    try:
        found = check_text(session, call.domain.name, asked.source, file=_FILE, schema=_schema(call))
    except CatalogError as error:
        return Answer(Checked(is_valid=False, rule_id=None, kind=None, mistakes=_mistakes(error)))
    return Answer(Checked(is_valid=True, rule_id=found.rule_id, kind=found.kind, mistakes=()))


def write(desk: Desk, call: Call, asked: NewVersion) -> Answer:
    """Keep a text as a version; one that was written before is that version."""
    schema = _schema(call)
    try:
        written = write_version(desk, call.domain.name, asked.source, file=_FILE, schema=schema, reason=asked.reason)
    except CatalogError as error:
        detail = "The text is neither a rule nor a scenario that holds; every mistake is listed."
        raise RefusalError("invalid_request", detail, errors=_mistakes(error)) from error
    version = written.version
    where = call.address("rules", version.rule_id, "versions", version.version)
    status, location = (201, where) if written.is_new else (200, None)
    return Answer(RuleText.model_validate(version), status=status, location=location)


def move(desk: Desk, call: Call, asked: Move) -> Answer:
    """Move a version to where it reaches no more subjects than it does."""
    name, rule_id = call.domain.name, expected_rule(desk, call, call.path("rule_id"))
    return answered(desk.session, stages.move(desk, name, rule_id, asked.version, asked.to, reason=asked.reason))


def rollback(desk: Desk, call: Call, asked: Why) -> Answer:
    """Take back the last step."""
    rule_id = expected_rule(desk, call, call.path("rule_id"))
    return answered(desk.session, stages.rollback(desk, call.domain.name, rule_id, reason=asked.reason))


def expected_rule(desk: Desk, call: Call, rule_id: str) -> str:
    """Lock a rule that is still as the caller saw it; what others did meanwhile is told where it is not."""
    try:
        stages.expect_step(desk, call.domain.name, rule_id, call.seen_version)
    except MovedError as error:
        changes = [
            f"version {change.version} to {Placement(change.stage, change.rollout_percent)} by {change.changed_by} "
            f"at {change.changed_at.isoformat(timespec='seconds')}"
            for change in rule_history(desk.session, call.domain.name, rule_id)
            if change.step > call.seen_version
        ]
        present = rule_state(desk.session, call.domain.name, rule_id).step
        raise stale(present, changes) from error
    return rule_id


def answered(session: Session, state: RuleState) -> Answer:
    """A rule or scenario as it is now, with its step as version."""
    kind = kind_of(session, state.domain, state.rule_id)
    if kind is None:
        raise NotInLedgerError("rule", f"{state.domain}/{state.rule_id}")
    return Answer(_row(state, kind), version=state.step)


def _row(state: RuleState, kind: RuleKind) -> RuleRow:
    places = tuple(
        VersionPlace(version=number, stage=place.stage, percent=place.percent, since=state.since[number])
        for number, place in sorted(state.placements.items())
    )
    return RuleRow(rule_id=state.rule_id, kind=kind, step=state.step, versions=places)


def _known(session: Session, call: Call) -> RuleState:
    state = rule_state(session, call.domain.name, call.path("rule_id"))
    if not state.placements:
        raise NotInLedgerError("rule", f"{state.domain}/{state.rule_id}")
    return state


def _mistakes(error: CatalogError) -> tuple[FieldProblem, ...]:
    return tuple(
        FieldProblem(field=f"{each.file} {each.key}", expected=each.expected, found=each.found)
        for each in error.mistakes
    )


def _schema(call: Call) -> Schema:
    try:
        return call.api.schema_of(call.domain)
    except (CatalogError, FeatureError) as error:
        detail = "What rules may speak of is not known here yet; run `riskloom features parse` where the service runs."
        raise RefusalError("unavailable", detail) from error
