"""Models: champion and challenger, how it came to be, and each version with the gate's verdict."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError, RegistryError
from riskloom.registry import Verdict, read_record, read_verdict
from services.api.calls import Answer, Call
from services.api.shown import Nothing, Shown

_TROUBLE = "The verdict cannot be read, or its signature does not fit."


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
    """The models of a domain."""

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
    record = read_record(call.api.records, call.domain.name)
    versions = call.api.models.versions(call.domain.name)[::-1]
    history = tuple(map(ModelChange.model_validate, record.history))
    return Answer(Models(champion=record.champion, challenger=record.challenger, versions=versions, history=history))


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
