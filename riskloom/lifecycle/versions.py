"""Versions of rules and scenarios: what was written, by whom and when; a version's text never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from riskloom.errors import CatalogError, NotInLedgerError, RefusedStepError
from riskloom.ledger.desk import Desk, added, columns_of
from riskloom.ledger.schema import RuleKind, RuleVersion
from riskloom.lifecycle.stages import place_first, rule_states
from riskloom.rules import Schema, is_scenario, parse_rule, parse_scenario
from riskloom.rules.declaration import RuleDeclaration, ScenarioDeclaration
from riskloom.rules.document import Document, read_document

Declared = TypeVar("Declared", RuleDeclaration, ScenarioDeclaration)


@dataclass(frozen=True, slots=True)
class Written:
    """A version, and whether it was not there before."""

    version: RuleVersion
    is_new: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What a text is that holds, and what it is called."""

    kind: RuleKind
    rule_id: str


def write_version(desk: Desk, domain: str, source: str, *, file: str, schema: Schema, reason: str) -> Written:
    """
    Keep a rule or a scenario as a version, in the stage of a draft; text that was kept before adds nothing.

    Args:
        desk: The author's.
        domain: Whose it is.
        source: YAML, as of a file or as a person typed it; with ``rules`` it is a scenario.
        file: What mistakes call it.
        schema: What conditions may speak of.
        reason: Why it was written.

    Raises:
        CatalogError: It is neither, or does not hold beside what is there; every mistake is listed.
        RefusedStepError: Somebody else wrote a version of it at this moment.
    """
    digest = source_digest(source)
    same = select(RuleVersion).where(RuleVersion.domain == domain, RuleVersion.digest == digest)
    known = desk.session.scalars(same).first()
    if known is not None:
        return Written(known, is_new=False)
    checked = check_text(desk.session, domain, source, file=file, schema=schema)
    kind, name = checked.kind, checked.rule_id
    numbers = select(func.max(RuleVersion.version)).where(RuleVersion.domain == domain, RuleVersion.rule_id == name)
    number = (desk.session.scalar(numbers) or 0) + 1
    version = RuleVersion(
        domain=domain, rule_id=name, version=number, kind=kind, source=source, digest=digest, written_by=desk.actor,
        written_at=desk.at,
    )  # fmt: skip
    if not added(desk.session, version):
        raise RefusedStepError(
            f"{kind} {name}: version {number} was written by somebody else; look at it and try again"
        )
    desk.audit("rule.written", version, f"{domain}/{name}/{number}", before=None, after=columns_of(version))
    place_first(desk, version, reason=reason)
    return Written(version, is_new=True)


def check_text(session: Session, domain: str, source: str, *, file: str, schema: Schema) -> Checked:
    """
    Hold a text to everything that a version has to keep, beside what is in the ledger; nothing is kept.

    Args:
        session: Of a reading or writing transaction.
        domain: Whose it would be.
        source: YAML; with ``rules`` it is a scenario.
        file: What mistakes call it.
        schema: What conditions may speak of.

    Raises:
        CatalogError: It is neither a rule nor a scenario, its id is taken by the other kind, it names rules that are
            not there, or it loses the score that a scenario counts on; every mistake is listed.
    """
    newest, document = newest_versions(session, domain), read_document(source, file)
    kind: RuleKind = "scenario" if is_scenario(document) else "rule"
    if kind == "scenario":
        rules = _declarations(newest, RuleDeclaration)
        name = parse_scenario(source, file=file, schema=schema, rules=rules).id
    else:
        rule = parse_rule(source, file=file, schema=schema).declaration
        name = rule.id
        if rule.score is None:
            _check_not_counted_on(name, document, _declarations(newest, ScenarioDeclaration))
    other = kind_of(session, domain, name)
    if other not in {None, kind}:
        raise CatalogError([document.mistake(("id",), f"an id that no {other} has", repr(name))])
    return Checked(kind, name)


def sync_versions(desk: Desk, domain: str, sources: Mapping[str, str], *, schema: Schema) -> tuple[RuleVersion, ...]:
    """
    Keep the rules and scenarios of files as versions; gives those that are new.

    Args:
        desk: Of whoever answers for the files.
        domain: Whose they are.
        sources: Each file's text by its name, rules before the scenarios that name them.
        schema: What conditions may speak of.

    Raises:
        CatalogError: A file is neither; nothing is kept then.
    """
    written = [
        write_version(desk, domain, source, file=file, schema=schema, reason=f"as in {file}")
        for file, source in sources.items()
    ]
    return tuple(each.version for each in written if each.is_new)


def get_version(session: Session, domain: str, rule_id: str, version: int) -> RuleVersion:
    """A version of a rule or scenario; raises NotInLedgerError."""
    found = session.get(RuleVersion, (domain, rule_id, version))
    if found is None:
        raise NotInLedgerError("rule version", f"{domain}/{rule_id}/{version}")
    return found


def kind_of(session: Session, domain: str, rule_id: str) -> RuleKind | None:
    """What all versions of one name are; None where there is none."""
    kinds = select(RuleVersion.kind).where(RuleVersion.domain == domain, RuleVersion.rule_id == rule_id)
    return session.scalar(kinds.limit(1))


def kinds_of(session: Session, domain: str) -> dict[str, RuleKind]:
    """What each rule and scenario of a domain is, by id."""
    kinds = select(RuleVersion.rule_id, RuleVersion.kind).where(RuleVersion.domain == domain).distinct()
    return dict(session.execute(kinds).tuples().all())


def declared_in(version: RuleVersion) -> RuleDeclaration | ScenarioDeclaration:
    """What a version's text says of it; its condition and the rules that it names are not looked at again."""
    document = read_document(version.source, name_of(version))
    if version.kind == "scenario":
        return document.validated(ScenarioDeclaration)
    return document.validated(RuleDeclaration)


def newest_versions(session: Session, domain: str) -> dict[str, RuleVersion]:
    """Of each rule and scenario the newest version that is not retired, by id; those without one are not there."""
    newest = {
        state.rule_id: max(
            (number for number, place in state.placements.items() if place.stage != "retired"), default=0
        )
        for state in rule_states(session, domain)
    }
    return {name: get_version(session, domain, name, number) for name, number in newest.items() if number}


def _check_not_counted_on(name: str, document: Document, scenarios: Mapping[str, ScenarioDeclaration]) -> None:
    counting = [scenario.id for scenario in scenarios.values() if name in scenario.rules]
    if counting:
        expected = f"a score, as {' and '.join(counting)} counts on it"
        raise CatalogError([document.mistake(("outcome",), expected, "a rule that decides the outcome itself")])


def _declarations(versions: Mapping[str, RuleVersion], kind: type[Declared]) -> dict[str, Declared]:
    wanted: RuleKind = "rule" if kind is RuleDeclaration else "scenario"
    return {
        name: read_document(version.source, name_of(version)).validated(kind)
        for name, version in versions.items()
        if version.kind == wanted
    }


def name_of(version: RuleVersion) -> str:
    """What mistakes in it are said to be of."""
    return f"{version.rule_id} version {version.version}"


def versions_of(session: Session, domain: str, rule_id: str) -> Sequence[RuleVersion]:
    """Every version of a rule, the newest first."""
    return session.scalars(_versions(domain, rule_id).order_by(RuleVersion.version.desc())).all()


def source_digest(source: str) -> str:
    """What tells a text from every other; the same one is the same version."""
    return hashlib.sha256(source.encode()).hexdigest()


def digests_of(session: Session, domain: str) -> dict[str, set[str]]:
    """The digests of all texts that each rule of a domain ever had, by rule."""
    statement = select(RuleVersion.rule_id, RuleVersion.digest).where(RuleVersion.domain == domain)
    found: dict[str, set[str]] = {}
    for rule_id, digest in session.execute(statement).tuples():
        found.setdefault(rule_id, set()).add(digest)
    return found


def _versions(domain: str, rule_id: str) -> Select[tuple[RuleVersion]]:
    return select(RuleVersion).where(RuleVersion.domain == domain, RuleVersion.rule_id == rule_id)
