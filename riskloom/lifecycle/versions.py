"""Versions of rules: what was written, by whom and when; a version's text never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from riskloom.errors import NotInLedgerError, RefusedStepError
from riskloom.ledger.desk import Desk, added, columns_of
from riskloom.ledger.schema import RuleVersion
from riskloom.lifecycle.stages import place_first
from riskloom.rules import Schema, parse_rule


@dataclass(frozen=True, slots=True)
class Written:
    """A version, and whether it was not there before."""

    version: RuleVersion
    is_new: bool


def write_version(desk: Desk, domain: str, source: str, *, file: str, schema: Schema, reason: str) -> Written:
    """
    Keep a rule as a version, in the stage of a draft; text that the rule had before is that version, and adds nothing.

    Args:
        desk: The author's.
        domain: The rule's.
        source: YAML, as of a file or as a person typed it.
        file: What mistakes call it.
        schema: What its condition may speak of.
        reason: Why it was written.

    Raises:
        CatalogError: It is no rule, or its examples do not hold; every mistake is listed.
        RefusedStepError: Somebody else wrote a version of the rule at this moment.
    """
    rule = parse_rule(source, file=file, schema=schema)
    digest = hashlib.sha256(source.encode()).hexdigest()
    versions = desk.session.scalars(_versions(domain, rule.id)).all()
    for known in versions:
        if known.digest == digest:
            return Written(known, is_new=False)
    number = max((known.version for known in versions), default=0) + 1
    version = RuleVersion(
        domain=domain, rule_id=rule.id, version=number, source=source, digest=digest, written_by=desk.actor,
        written_at=desk.at,
    )  # fmt: skip
    if not added(desk.session, version):
        raise RefusedStepError(
            f"rule {rule.id}: version {number} was written by somebody else; look at it and try again"
        )
    desk.audit("rule.written", version, f"{domain}/{rule.id}/{number}", before=None, after=columns_of(version))
    place_first(desk, version, reason=reason)
    return Written(version, is_new=True)


def sync_versions(desk: Desk, domain: str, sources: Mapping[str, str], *, schema: Schema) -> tuple[RuleVersion, ...]:
    """
    Keep the rules of files as versions; gives those that are new.

    Args:
        desk: Of whoever answers for the files.
        domain: Whose rules they are.
        sources: Each file's text by its name.
        schema: What conditions may speak of.

    Raises:
        CatalogError: A file is no rule; nothing is kept then.
    """
    written = [
        write_version(desk, domain, source, file=file, schema=schema, reason=f"as in {file}")
        for file, source in sources.items()
    ]
    return tuple(each.version for each in written if each.is_new)


def get_version(session: Session, domain: str, rule_id: str, version: int) -> RuleVersion:
    """A version of a rule; raises NotInLedgerError."""
    found = session.get(RuleVersion, (domain, rule_id, version))
    if found is None:
        raise NotInLedgerError("rule version", f"{domain}/{rule_id}/{version}")
    return found


def _versions(domain: str, rule_id: str) -> Select[tuple[RuleVersion]]:
    return select(RuleVersion).where(RuleVersion.domain == domain, RuleVersion.rule_id == rule_id)
