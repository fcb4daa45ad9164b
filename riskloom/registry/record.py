"""
Who is champion and who is challenger, and how it came to be: one JSON file a domain.

The history is the memory: it only grows, and what is champion now follows from it. Every change is made under a lock
and put in place atomically, so two processes that promote at once both stay in the history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from riskloom.errors import MovedError, PlanError, RegistryError
from riskloom.features.read_plan import ReadPlan
from riskloom.registry.files import locked, replace_file
from riskloom.registry.model import load_model
from riskloom.registry.plans import CompilePlan, read_plan, write_plan
from riskloom.registry.signing import ensure_signing_key, load_public_key
from riskloom.registry.store import ModelStore, read_verdict

#: What can be done to a domain's models.
What = Literal["challenge", "promote", "rollback", "canary", "end_canary", "shadow", "end_shadow"]
Share = Annotated[float, Field(gt=0, le=1, description="Of subjects, in ten-thousandths.")]


class Change(BaseModel):
    """One entry of the history; ``share`` is that of a canary."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: What
    version: str
    previous: str | None
    at: datetime
    by: str
    why: str
    forced: bool = False
    share: Share | None = None


class Canary(BaseModel):
    """A version that decides a share of subjects; ``key`` puts them in the order in which it takes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    share: Share
    key: str = Field(pattern=r"^([0-9a-f]{2})+$")


class Record(BaseModel):
    """The state of a domain's models."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str
    champion: str | None = None
    challenger: str | None = None
    canary: Canary | None = None
    shadow: str | None = Field(default=None, description="Scores what the champion scored, and decides nothing.")
    history: tuple[Change, ...] = ()

    @property
    def champions(self) -> tuple[str, ...]:
        """Champions that could be returned to and the present one, oldest first: a rollback takes the last away."""
        line: list[str] = []
        for change in self.history:
            if change.what == "promote":
                line.append(change.version)
            elif change.what == "rollback":
                line.pop()
        return tuple(line)


def read_record(folder: Path, domain: str) -> Record:
    """
    The record of a domain; empty where nothing was ever saved.

    Raises:
        RegistryError: The file is not a record of this domain.
    """
    path = _path(folder, domain)
    try:
        record = Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Record(domain=domain)
    except ValidationError as error:
        raise RegistryError(f"{path}: expected a record of champions, found {error}") from error
    if record.domain != domain:
        raise RegistryError(f"{path}: expected the record of {domain}, found that of {record.domain}")
    return record


def champions_plan(folder: Path, domain: str, keys: Path) -> ReadPlan | None:
    """
    The read plan of the champion; None where there is no champion, or nothing gives one of its features any more.

    Args:
        folder: Where the records and plans are.
        domain: Whose champion.
        keys: Where the key is that plans are checked with.

    Raises:
        RegistryError: The record is none of this domain.
        SignatureError: The plan is not what was signed.
    """
    version = read_record(folder, domain).champion
    if version is None:
        return None
    try:
        return read_plan(folder, domain, version, load_public_key(keys))
    except PlanError:
        return None


def challenge(folder: Path, domain: str, version: str, *, by: str, why: str, at: datetime) -> Record:
    """Note a version as the newest challenger, whatever the gate said of it."""

    def change(record: Record) -> Record:
        return _changed(
            record, Change(what="challenge", version=version, previous=record.challenger, at=as_utc(at), by=by, why=why)
        )

    return update_record(folder, domain, change)


def promote(
    folder: Path,
    store: ModelStore,
    domain: str,
    version: str,
    *,
    compile_plan: CompilePlan,
    by: str,
    why: str,
    at: datetime,
    force: bool = False,
) -> Record:
    """
    Make a version the champion, and compile what its features are read by.

    Args:
        folder: Where the records and plans are.
        store: Where the models are.
        domain: Whose model.
        version: Which one; it must open, so its signature is checked.
        compile_plan: Makes its read plan from what is declared now.
        by: Who decided.
        why: For what reason; with ``force`` it must say something.
        at: When; timezone-aware.
        force: Promote although the gate refused; the history says so.

    Raises:
        RegistryError: No such version, the gate refused it, or it is champion already.
        PlanError: Nothing gives one of its features; names it and the nearest one.
        SignatureError: The model or its verdict is not what was signed.
    """
    model = load_model(store, domain, version)
    verdict = read_verdict(store, domain, version)
    if not verdict.passed and not force:
        raise RegistryError(f"version {version} of {domain} was refused by the gate: {'; '.join(verdict.reasons)}")
    if not why.strip():
        raise RegistryError("a promotion needs a reason: say why")

    def change(record: Record) -> Record:
        if record.champion == version:
            raise RegistryError(f"version {version} of {domain} is the champion already")
        changed = _changed(
            record,
            Change(
                what="promote",
                version=version,
                previous=record.champion,
                at=as_utc(at),
                by=by,
                why=why,
                forced=not verdict.passed,
            ),
        )
        # before the record names it, and under the lock under which plans are renewed: it is as of now
        write_plan(folder, compile_plan(domain, version, model.manifest.feature_names), ensure_signing_key(store.keys))
        return changed

    return update_record(folder, domain, change)


def rollback(
    folder: Path, store: ModelStore, domain: str, *, by: str, why: str, at: datetime, seen: str | None = None
) -> Record:
    """
    Return to the champion before the present one; again, to the one before that.

    Args:
        folder: Where the records and plans are.
        store: Where the models are.
        domain: Whose champion.
        by: Who decided.
        why: For what reason.
        at: When; timezone-aware.
        seen: The champion that whoever decided saw; another one is not rolled back.

    Raises:
        RegistryError: There is none before it, or it is gone.
        PlanError: It has no read plan, as what it reads is not given any more.
        SignatureError: It or its plan is not what was signed.
        MovedError: Another version is champion by now.
    """

    def change(record: Record) -> Record:
        if seen is not None and record.champion != seen:
            raise MovedError(f"champion of {domain}", seen, record.champion)
        line = record.champions
        if len(line) < 2:  # noqa: PLR2004
            raise RegistryError(f"{domain} has no earlier champion to return to")
        load_model(store, domain, line[-2])
        read_plan(folder, domain, line[-2], load_public_key(store.keys))
        return _changed(
            record, Change(what="rollback", version=line[-2], previous=line[-1], at=as_utc(at), by=by, why=why)
        )

    return update_record(folder, domain, change)


def _changed(record: Record, change: Change) -> Record:
    is_champion = change.what != "challenge"
    champion = change.version if is_champion else record.champion
    challenger = record.challenger if is_champion else change.version
    # whoever is champion has no other part
    return Record(
        domain=record.domain,
        champion=champion,
        challenger=None if challenger == champion else challenger,
        canary=None if record.canary and record.canary.version == champion else record.canary,
        shadow=None if record.shadow == champion else record.shadow,
        history=(*record.history, change),
    )


@contextmanager
def changing(folder: Path, domain: str) -> Iterator[None]:
    """Hold the lock under which a domain's record and plans are changed."""
    with locked(_path(folder, domain).with_suffix(".lock")):
        yield


def update_record(folder: Path, domain: str, change: Callable[[Record], Record]) -> Record:
    """Change a record under its lock, and put it in place whole."""
    path = _path(folder, domain)
    with changing(folder, domain):
        record = change(read_record(folder, domain))
        replace_file(path, record.model_dump_json(indent=2).encode() + b"\n")
    return record


def _path(folder: Path, domain: str) -> Path:
    return folder / f"{domain}.json"


def as_utc(at: datetime) -> datetime:
    """The instant in UTC; raises RegistryError where it names no time zone."""
    if at.tzinfo is None:
        raise RegistryError("the time of a change needs a time zone")
    return at.astimezone(UTC)
