"""The rules and scenarios of a domain side by side: those that the ledger keeps, and those in files only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.catalog import Domain
from riskloom.errors import CatalogError
from riskloom.ledger.hits import count_hits
from riskloom.ledger.schema import EntityList, RuleKind, RuleStage, RuleVersion
from riskloom.lifecycle.approvals import open_proposals
from riskloom.lifecycle.lists import count_members
from riskloom.lifecycle.stages import RuleState, rule_states
from riskloom.lifecycle.transitions import Placement
from services.console.rulebook import Declaration, RuleFile, ShownRules, declaration_of

#: For so long hits are counted.
RECENT = timedelta(days=7)
#: What is shown of a rule is the version that reaches most; of drafts and retired ones the newest.
_FIRST: Mapping[RuleStage, int] = {"live": 4, "rollout": 3, "shadow": 2, "draft": 1, "retired": 0}
#: How a rule's file and its versions lie to each other.
FileState = Literal["kept", "changed", "never kept", "no file"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A version and where it is, since when."""

    version: int
    place: Placement
    since: datetime


@dataclass(frozen=True, slots=True)
class RuleRow:
    """
    A rule or scenario in the list.

    Attributes:
        rule_id: Its name.
        kind: Which of the two it is.
        declaration: What its leading version says; None where a later release cannot read it.
        standings: Versions that are evaluated, or else the newest one; none of a rule that stands in a file only.
        proposals: How many wait.
        with_effect: Hits of the last seven days that had effect.
        in_shadow: Those in shadow.
        file_state: Whether its file is kept as a version.
    """

    rule_id: str
    kind: RuleKind
    declaration: Declaration | None
    standings: tuple[Standing, ...]
    proposals: int
    with_effect: int
    in_shadow: int
    file_state: FileState

    @property
    def title(self) -> str:
        """As people call it."""
        return self.declaration.title if self.declaration else self.rule_id


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list that the domain declares, or that was opened when it did; without an owner nobody has opened it."""

    name: str
    holds: str
    kind: str | None
    owner: str | None
    members: int


@dataclass(frozen=True, slots=True)
class DomainRules:
    """Everything about a domain's rules on one page; ``never_kept`` counts files whose text is no version."""

    domain: Domain
    rules: tuple[RuleRow, ...]
    scenarios: tuple[RuleRow, ...]
    lists: tuple[ListRow, ...]
    never_kept: int


def read_rules(session: Session, domain: Domain, book: ShownRules, *, at: datetime) -> DomainRules:
    """The rules and scenarios of a domain as they stand now."""
    states = {state.rule_id: state for state in rule_states(session, domain.name)}
    versions = _versions(session, domain.name)
    waiting = Counter(each.proposal.rule_id for each in open_proposals(session, domain.name))
    rows = []
    for rule_id in sorted({*states, *book.files}):
        state, file, known = states.get(rule_id), book.files.get(rule_id), versions.get(rule_id, {})
        hits = count_hits(session, domain.name, rule_id, since=at - RECENT) if state else ()
        kind, declaration = _said(known[leading_version(state)] if state else None, file)
        rows.append(
            RuleRow(
                rule_id=rule_id,
                kind=kind,
                declaration=declaration,
                standings=_standings(state),
                proposals=waiting[rule_id],
                with_effect=sum(hit.with_effect for hit in hits),
                in_shadow=sum(hit.in_shadow for hit in hits),
                file_state=file_state(file, {version.digest for version in known.values()}),
            )
        )
    return DomainRules(
        domain=domain,
        rules=tuple(row for row in rows if row.kind == "rule"),
        scenarios=tuple(row for row in rows if row.kind == "scenario"),
        lists=_lists(session, domain.name, book, at),
        never_kept=sum(row.file_state in {"changed", "never kept"} for row in rows),
    )


def leading_version(state: RuleState) -> int:
    """The version that reaches most; of drafts and retired ones the newest."""
    return max(state.placements, key=lambda number: (_FIRST[state.placements[number].stage], number))


def readable(source: str) -> Declaration | None:
    """What a version says; None where this release cannot read it any more."""
    try:
        return declaration_of(source, "version")
    except CatalogError:
        return None


def file_state(file: RuleFile | None, known: set[str]) -> FileState:
    """Whether a file's text is one of the versions' texts, which are known by their digests."""
    if file is None:
        return "no file"
    if not known:
        return "never kept"
    return "kept" if file.digest in known else "changed"


def _said(leading: RuleVersion | None, file: RuleFile | None) -> tuple[RuleKind, Declaration | None]:
    """What something is and what its text says: that of its leading version, or else that of its file."""
    if leading is not None:
        return leading.kind, readable(leading.source)
    return (file.kind, file.declaration) if file else ("rule", None)


def _versions(session: Session, domain: str) -> dict[str, dict[int, RuleVersion]]:
    found: dict[str, dict[int, RuleVersion]] = {}
    for version in session.scalars(select(RuleVersion).where(RuleVersion.domain == domain)):
        found.setdefault(version.rule_id, {})[version.version] = version
    return found


def _standings(state: RuleState | None) -> tuple[Standing, ...]:
    if state is None:
        return ()
    numbers = [number for number, place in state.placements.items() if _FIRST[place.stage] > _FIRST["draft"]]
    ordered = sorted(numbers, key=lambda number: -_FIRST[state.placements[number].stage]) or [leading_version(state)]
    return tuple(Standing(number, state.placements[number], state.since[number]) for number in ordered)


def _lists(session: Session, domain: str, book: ShownRules, at: datetime) -> tuple[ListRow, ...]:
    counts = count_members(session, domain, at=at)
    opened: Sequence[EntityList] = session.scalars(select(EntityList).where(EntityList.domain == domain)).all()
    known = {each.name: each for each in opened}
    return tuple(
        ListRow(
            name=name,
            holds=book.lists.get(name, "no longer declared"),
            kind=known[name].kind if name in known else None,
            owner=known[name].owner if name in known else None,
            members=counts.get(name, 0),
        )
        for name in sorted({*book.lists, *known})
    )
