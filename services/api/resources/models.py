"""Models: champion and challenger, how it came to be, each version with the gate's verdict, and the way back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field
from sqlalchemy.orm import Session

from riskloom.errors import MovedError, NotInLedgerError, RefusedStepError, RegistryError
from riskloom.ledger.desk import Desk
from riskloom.lifecycle.champions import roll_back_champion
from riskloom.registry import Record, Verdict, read_record, read_verdict
from services.api.calls import Answer, Call
from services.api.refusals import stale
from services.api.resources.cases import Why
from services.api.shown import Nothing, Shown
from services.web.problems import RefusalError

_TROUBLE = "The verdict cannot be read, or its signature does not fit."
_LEAST_TO_RETURN = 2


class ModelChange(Shown):
    """One entry of the history."""

    what: Literal["challenge", "promote", "rollback"]
    version: str
    previous: str | None
    at: datetime
    by: str
    why: str
    forced: bool


class Models(Shown):
    """The models of a domain; the ETag is the length of the history."""

    champion: str | None
    challenger: str | None
    versions: tuple[str, ...] = Field(description="Newest first.")
    history: tuple[ModelChange, ...] = Field(description="Oldest first.")


class ModelVersion(Shown):
    """A version and what the gate said of it."""

    version: str
    is_champion: bool
    verdict: Verdict | None = Field(description="Shown only where its signature fits.")
    trouble: str | None


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


def _answered(call: Call, record: Record) -> Answer:
    versions = call.api.models.versions(call.domain.name)[::-1]
    history = tuple(map(ModelChange.model_validate, record.history))
    content = Models(champion=record.champion, challenger=record.challenger, versions=versions, history=history)
    return Answer(content, version=len(record.history))


def _stale(record: Record, seen: int) -> RefusalError:
    changes = [
        f"{change.what} {change.version} by {change.by} at {change.at.isoformat(timespec='seconds')}"
        for change in record.history[seen:]
    ]
    return stale(len(record.history), changes)
