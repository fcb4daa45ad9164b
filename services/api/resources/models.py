"""Models: who decides and who scores beside, how it came to be, each version's verdict, and the ways back."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field
from sqlalchemy.orm import Session

from riskloom.errors import MovedError, NotInLedgerError, RefusedStepError, RegistryError
from riskloom.ledger.desk import Desk
from riskloom.ledger.shadows import agreement
from riskloom.lifecycle.champions import roll_back_champion, take_canary_back
from riskloom.registry import Record, Verdict, read_record, read_verdict
from riskloom.registry.record import Share, What
from services.api.calls import Answer, Call
from services.api.refusals import stale
from services.api.resources.cases import Why
from services.api.shown import Nothing, Shown
from services.web.problems import RefusalError

_TROUBLE = "The verdict cannot be read, or its signature does not fit."
_LEAST_TO_RETURN = 2


class ModelChange(Shown):
    """One entry of the history."""

    what: What
    version: str
    previous: str | None
    at: datetime
    by: str
    why: str
    forced: bool
    share: Share | None


class Canary(Shown):
    """A version that decides a share of subjects."""

    version: str
    share: Share


class Models(Shown):
    """The models of a domain; the ETag is the length of the history."""

    champion: str | None
    challenger: str | None
    canary: Canary | None
    shadow: str | None = Field(description="Version that scores what the champion scored, and decides nothing.")
    versions: tuple[str, ...] = Field(description="Newest first.")
    history: tuple[ModelChange, ...] = Field(description="Oldest first.")


class ModelVersion(Shown):
    """A version and what the gate said of it."""

    version: str
    is_champion: bool
    verdict: Verdict | None = Field(description="Shown only where its signature fits.")
    trouble: str | None


class OutcomePair(Shown):
    """How many decisions had an outcome and would have had another, or the same."""

    outcome: str
    would_be: str
    decisions: int


class ShadowAgreement(Shown):
    """How a version that is or was in shadow compares with the versions that decided."""

    version: str
    decisions: int = Field(description="That it scored.")
    changed: int = Field(description="Those that would have had another outcome, with what the rules said.")
    unscored: int = Field(description="Those it gave no number.")
    mean_difference: float | None = Field(description="Its score less the one that decided.")
    mean_distance: float | None = Field(description="The same without its sign.")
    largest_distance: float | None
    first_at: datetime | None
    last_at: datetime | None
    pairs: tuple[OutcomePair, ...] = Field(description="The most frequent first.")


def index(_: Session, call: Call, __: Nothing) -> Answer:
    """Who is in service, and who was."""
    return _answered(call, read_record(call.api.records, call.domain.name))


def show(_: Session, call: Call, __: Nothing) -> Answer:
    """One version."""
    name, version = call.domain.name, call.path("version")
    if version not in call.api.models.versions(name):
        raise NotInLedgerError("model version", f"{name}/{version}")
    is_champion = read_record(call.api.records, name).champion == version
    try:
        verdict, trouble = read_verdict(call.api.models, name, version), None
    except RegistryError:
        verdict, trouble = None, _TROUBLE
    return Answer(ModelVersion(version=version, is_champion=is_champion, verdict=verdict, trouble=trouble))


def shadow(session: Session, call: Call, _: Nothing) -> Answer:
    """How far a version in shadow agrees with what decided."""
    name, version = call.domain.name, call.path("version")
    if version not in call.api.models.versions(name):
        raise NotInLedgerError("model version", f"{name}/{version}")
    return Answer(ShadowAgreement.model_validate(agreement(session, name, version)))


def roll_back(desk: Desk, call: Call, asked: Why) -> Answer:
    """Return to the champion before the present one, where models are as the caller saw them."""
    name, records = call.domain.name, call.api.records
    record = read_record(records, name)
    if len(record.history) != call.seen_version:
        raise _stale(record, call.seen_version)
    if len(record.champions) < _LEAST_TO_RETURN:
        raise RefusedStepError(f"{name} has no earlier champion to return to")
    try:
        changed = roll_back_champion(
            desk, records, call.api.models, name, seen=record.champions[-1], reason=asked.reason
        )
    except MovedError as error:
        raise _stale(read_record(records, name), call.seen_version) from error
    except RegistryError as error:  # it says where the model lies
        before = record.champions[-2]
        detail = f"version {before} of {name} cannot be opened, has no read plan, or a signature does not fit"
        raise RefusedStepError(detail) from error
    return _answered(call, changed)


def end_canary(desk: Desk, call: Call, asked: Why) -> Answer:
    """Give every subject back to the champion, where models are as the caller saw them."""
    name, records = call.domain.name, call.api.records
    record = read_record(records, name)
    if len(record.history) != call.seen_version:
        raise _stale(record, call.seen_version)
    if record.canary is None:
        raise RefusedStepError(f"{name} has no canary")
    try:
        changed = take_canary_back(desk, records, name, seen=record.canary.version, reason=asked.reason)
    except MovedError as error:
        raise _stale(read_record(records, name), call.seen_version) from error
    return _answered(call, changed)


def _answered(call: Call, record: Record) -> Answer:
    versions = call.api.models.versions(call.domain.name)[::-1]
    history = tuple(map(ModelChange.model_validate, record.history))
    content = Models(
        champion=record.champion,
        challenger=record.challenger,
        canary=None if record.canary is None else Canary.model_validate(record.canary),
        shadow=record.shadow,
        versions=versions,
        history=history,
    )
    return Answer(content, version=len(record.history))


def _stale(record: Record, seen: int) -> RefusalError:
    changes = [
        f"{change.what} {change.version} by {change.by} at {change.at.isoformat(timespec='seconds')}"
        for change in record.history[seen:]
    ]
    return stale(len(record.history), changes)
