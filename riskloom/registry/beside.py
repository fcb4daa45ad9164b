"""
Versions beside the champion: a canary decides a share of subjects, a shadow scores and decides nothing.

Both stand in the record with their history, as champions do. A version has one part at a time: whoever becomes canary
leaves the shadow, and whoever becomes champion is neither.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from riskloom.errors import MovedError, RegistryError
from riskloom.registry.model import load_model
from riskloom.registry.record import Canary, Change, Record, What, as_utc, update_record
from riskloom.registry.store import ModelStore, read_verdict

_PLACES = 10_000


def start_canary(
    folder: Path,
    store: ModelStore,
    domain: str,
    version: str,
    *,
    share: float,
    key: bytes,
    by: str,
    why: str,
    at: datetime,
    force: bool = False,
) -> Record:
    """
    Let a version decide a share of subjects, or change the share of the canary there is.

    Args:
        folder: Where the records are.
        store: Where the models are.
        domain: Whose model.
        version: Which one; it must open, so its signature is checked.
        share: Of subjects, above 0 and up to 1, in ten-thousandths.
        key: Puts subjects in an order of this version's own.
        by: Who decided.
        why: For what reason.
        at: When; timezone-aware.
        force: Although the gate refused; the history says so.

    Raises:
        RegistryError: No such version or share, the gate refused it, it is champion, or another one is canary.
        SignatureError: The model or its verdict is not what was signed.
    """
    if not 1 / _PLACES <= share <= 1 or abs(share * _PLACES - round(share * _PLACES)) > 1e-6:  # noqa: PLR2004
        raise RegistryError(f"share: expected 0.0001 to 1 in steps of 0.0001, found {share:g}")
    load_model(store, domain, version)
    verdict = read_verdict(store, domain, version)
    if not verdict.passed and not force:
        raise RegistryError(f"version {version} of {domain} was refused by the gate: {'; '.join(verdict.reasons)}")

    def change(record: Record) -> Record:
        before = record.canary
        _check_part(record, version)
        if before is not None and before.version != version:
            raise RegistryError(f"version {before.version} of {domain} is canary: promote it or take it back first")
        if before is not None and before.share == share:
            raise RegistryError(f"version {version} of {domain} is canary with a share of {share:g} already")
        change = _said("canary", version, before.version if before else None, by=by, why=why, at=at)
        change = change.model_copy(update={"share": share, "forced": not verdict.passed})
        canary = Canary(version=version, share=share, key=key.hex())
        shadow = None if record.shadow == version else record.shadow
        return record.model_copy(update={"canary": canary, "shadow": shadow, "history": (*record.history, change)})

    return update_record(folder, domain, change)


def end_canary(folder: Path, domain: str, *, by: str, why: str, at: datetime, seen: str | None = None) -> Record:
    """
    Give every subject back to the champion.

    Args:
        folder: Where the records are.
        domain: Whose canary.
        by: Who decided.
        why: For what reason.
        at: When; timezone-aware.
        seen: The canary that whoever decided saw; another one is not taken back.

    Raises:
        RegistryError: There is none.
        MovedError: Another version is canary by now, or none.
    """

    def change(record: Record) -> Record:
        present = record.canary.version if record.canary else None
        if seen is not None and present != seen:
            raise MovedError(f"canary of {domain}", seen, present)
        if present is None:
            raise RegistryError(f"{domain} has no canary")
        said = _said("end_canary", present, None, by=by, why=why, at=at)
        return record.model_copy(update={"canary": None, "history": (*record.history, said)})

    return update_record(folder, domain, change)


def start_shadow(
    folder: Path, store: ModelStore, domain: str, version: str, *, by: str, why: str, at: datetime
) -> Record:
    """
    Let a version score beside the champion, whatever the gate said of it; it takes the place of another one.

    Raises:
        RegistryError: No such version, or it is champion, canary or in shadow already.
        SignatureError: The model is not what was signed.
    """
    load_model(store, domain, version)

    def change(record: Record) -> Record:
        _check_part(record, version)
        if record.canary is not None and record.canary.version == version:
            raise RegistryError(f"version {version} of {domain} is canary: it decides, and has nothing to shadow")
        if record.shadow == version:
            raise RegistryError(f"version {version} of {domain} is in shadow already")
        said = _said("shadow", version, record.shadow, by=by, why=why, at=at)
        return record.model_copy(update={"shadow": version, "history": (*record.history, said)})

    return update_record(folder, domain, change)


def end_shadow(folder: Path, domain: str, *, by: str, why: str, at: datetime) -> Record:
    """Take the version in shadow away; raises RegistryError where there is none."""

    def change(record: Record) -> Record:
        if record.shadow is None:
            raise RegistryError(f"{domain} has no version in shadow")
        said = _said("end_shadow", record.shadow, None, by=by, why=why, at=at)
        return record.model_copy(update={"shadow": None, "history": (*record.history, said)})

    return update_record(folder, domain, change)


def shadow_since(record: Record) -> datetime | None:
    """When the version in shadow came there; None where there is none."""
    started = (change.at for change in reversed(record.history) if change.what == "shadow")
    return None if record.shadow is None else next(started, None)


def _check_part(record: Record, version: str) -> None:
    if record.champion is None:
        raise RegistryError(f"{record.domain} has no champion to set a version beside: promote one")
    if record.champion == version:
        raise RegistryError(f"version {version} of {record.domain} is the champion already")


def _said(what: What, version: str, previous: str | None, *, by: str, why: str, at: datetime) -> Change:
    if not why.strip():
        raise RegistryError("a change of models needs a reason: say why")
    return Change(what=what, version=version, previous=previous, at=as_utc(at), by=by, why=why)
