"""Take a champion or a canary back, in the models' record and in the audit chain."""

from __future__ import annotations

from pathlib import Path

from riskloom.ledger.desk import Desk
from riskloom.registry import ModelStore, Record, rollback
from riskloom.registry.beside import end_canary


def roll_back_champion(desk: Desk, records: Path, store: ModelStore, domain: str, *, seen: str, reason: str) -> Record:
    """
    Return to the champion before the one that was seen.

    The record is written last: where that fails, the transaction is given up, and the chain says nothing of it.

    Args:
        desk: Of who decided.
        records: Where the records of champions are.
        store: Where the models are.
        domain: Whose champion.
        seen: The champion that was seen; another one is not rolled back.
        reason: Why.

    Raises:
        RegistryError: There is none before it, or it is gone or changed.
        MovedError: Another version is champion by now.
    """
    desk.trail.append(
        desk.session,
        at=desk.at,
        actor=desk.actor,
        action="model.rolled_back",
        object_kind="models",
        object_id=domain,
        before={"champion": seen},
        after={"rolled_back_from": seen, "reason": reason},
    )
    return rollback(records, store, domain, by=desk.actor, why=reason, at=desk.at, seen=seen)


def take_canary_back(desk: Desk, records: Path, domain: str, *, seen: str, reason: str) -> Record:
    """
    Give every subject back to the champion.

    Args:
        desk: Of who decided.
        records: Where the records of champions are.
        domain: Whose canary.
        seen: The canary that was seen; another one is not taken back.
        reason: Why.

    Raises:
        MovedError: Another version is canary by now, or none.
    """
    desk.trail.append(
        desk.session,
        at=desk.at,
        actor=desk.actor,
        action="model.canary_taken_back",
        object_kind="models",
        object_id=domain,
        before={"canary": seen},
        after={"canary": None, "reason": reason},
    )
    return end_canary(records, domain, by=desk.actor, why=reason, at=desk.at, seen=seen)
