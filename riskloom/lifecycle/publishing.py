"""From the ledger to the file that services read: after each command, and whenever somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from riskloom.errors import NotPublishedError
from riskloom.ledger.audit import AuditTrail
from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.schema import RuleKind, RuleVersion
from riskloom.lifecycle.assignment import key_of_rule
from riskloom.lifecycle.lists import entries_from
from riskloom.lifecycle.publication import (
    ActiveStage,
    Publication,
    PublishedMember,
    PublishedRule,
    ensure_folder,
    write_publication,
)
from riskloom.lifecycle.stages import RuleState, rule_states
from riskloom.lifecycle.transitions import Placement
from riskloom.lifecycle.versions import get_version
from riskloom.registry.files import locked

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LOCK = "rules.lock"
_ACTIVE = ("shadow", "rollout", "live")


@dataclass(frozen=True, slots=True)
class Controls:
    """
    Where commands for rules and lists are done and published.

    Attributes:
        engine: The ledger.
        trail: Where commands are audited.
        folder: Where the files of all domains are.
        signing_key: Signs them.
        assignment_key: Chooses whom roll-outs reach.
        pseudonym_key: Conceals whom list members and searches are about.
        clock: The time, timezone-aware.
    """

    engine: Engine
    trail: AuditTrail
    folder: Path
    signing_key: Ed25519PrivateKey
    assignment_key: bytes
    pseudonym_key: bytes
    clock: Callable[[], datetime]

    @contextmanager
    def commanding(self, domain: str, actor: str) -> Iterator[Desk]:
        """
        A desk for commands of one transaction; what is in force is published once it is committed.

        Raises:
            NotPublishedError: The commands are kept, and services do not know of them yet.
        """
        with writing(self.engine) as session:
            yield Desk(session, self.trail, actor, self.clock())
        try:
            self.publish(domain)
        except OSError as error:
            raise NotPublishedError(domain, error.strerror or type(error).__name__) from error

    def publish(self, domain: str) -> Publication:
        """
        Write what is in force now.

        Whoever publishes reads the ledger under a lock, so an older state never replaces a newer one.
        """
        with locked(ensure_folder(self.folder, domain) / LOCK), reading(self.engine) as session:
            found = publication(session, domain, at=self.clock(), assignment_key=self.assignment_key)
            write_publication(self.folder, found, self.signing_key)
        return found


def publication(session: Session, domain: str, *, at: datetime, assignment_key: bytes) -> Publication:
    """What is in force: rules and scenarios in shadow, in roll-out and live, and members who count now or later."""
    active: dict[RuleKind, list[PublishedRule]] = {"rule": [], "scenario": []}
    for state in rule_states(session, domain):
        for number, place in sorted(state.placements.items()):
            if place.stage in _ACTIVE:
                version = get_version(session, domain, state.rule_id, number)
                active[version.kind].append(_published(state, version, place, assignment_key))
    lists = {
        name: tuple(
            PublishedMember(value=entry.value, added_at=entry.added_at, expires_at=entry.expires_at)
            for entry in entries
        )
        for name, entries in entries_from(session, domain, at).items()
    }
    return Publication(
        domain=domain,
        published_at=at,
        rules=tuple(active["rule"]),
        scenarios=tuple(active["scenario"]),
        lists=lists,
    )


def _published(state: RuleState, version: RuleVersion, place: Placement, key: bytes) -> PublishedRule:
    return PublishedRule(
        id=state.rule_id,
        version=version.version,
        stage=cast("ActiveStage", place.stage),
        percent=place.percent,
        step=state.arrivals[version.version],
        key=key_of_rule(key, state.domain, state.rule_id).hex(),
        source=version.source,
    )
