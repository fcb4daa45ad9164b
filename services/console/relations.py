"""Whom a case's entity has to do with: subjects, others who share one or its values, linked cases; as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.catalog import Domain
from riskloom.ledger.schema import Case, Decision, EntityValue

#: More would not be read; the lists of decisions have all.
MOST_SUBJECTS, MOST_OTHERS = 10, 10
#: A value that more share says nothing: a large shop, the network of a telephone company.
MOST_SHARING = 20
_MOST_VALUES = 20
_COLUMNS = (95.0, 300.0, 505.0, 710.0)  # middles: linked cases, the entity, its subjects, others
_BOX_WIDTH, _BOX_HEIGHT, _ROW = 168.0, 26.0, 36.0
_TOP, _MARGIN = 26.0, 11.0
_LETTERS = 22


@dataclass(frozen=True, slots=True)
class Node:
    """A box: what it is called, what it is, where it leads, and where its middle lies."""

    key: str
    label: str
    kind: str
    title: str
    link: str | None
    x: float
    y: float

    @property
    def left(self) -> float:
        """Where its left edge lies."""
        return self.x - _BOX_WIDTH / 2

    @property
    def top(self) -> float:
        """Where its upper edge lies."""
        return self.y - _BOX_HEIGHT / 2


@dataclass(frozen=True, slots=True)
class Relations:
    """The picture: boxes, lines between them as SVG paths, its height, and the same in words."""

    nodes: tuple[Node, ...]
    paths: tuple[str, ...]
    height: float
    words: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nobody but the entity itself is in it."""
        return len(self.nodes) == 1

    @property
    def left(self) -> float:
        """Where the picture begins: without linked cases there is nothing before the entity, and a phone is narrow."""
        return min(node.left for node in self.nodes) - _MARGIN

    @property
    def width(self) -> float:
        """How wide it is."""
        return max(node.left for node in self.nodes) + _BOX_WIDTH + _MARGIN - self.left


@dataclass(frozen=True, slots=True)
class Shared:
    """
    Another entity that a subject of the case was decided for, in any domain, or that shares a value with one.

    Attributes:
        domain: Of the other entity.
        entity: Which.
        subject: The case's, by which they belong together; empty where it is the entity itself, in another domain.
        by: The column and value that they share; None where it is the subject.
    """

    domain: str
    entity: str
    subject: str
    by: tuple[str, str] | None = None


def find_related(
    session: Session,
    case: Case,
    *,
    subjects: Sequence[str],
    decisions: Sequence[Decision],
    domains: Mapping[str, Domain],
) -> list[Shared]:
    """
    Other entities that a case's entity has to do with, each once.

    Args:
        session: Of a reading transaction.
        case: Whose entity is not another.
        subjects: The case's, newest first.
        decisions: The case's, newest first.
        domains: In which to look.
    """
    sharing = _find_sharing(session, case, decisions[:MOST_SUBJECTS], domains[case.domain])
    shared = _find_shared(session, case, subjects[:MOST_SUBJECTS], domains)
    found = {(each.domain, each.entity): each for each in (*sharing, *shared)}
    return list(found.values())[:MOST_OTHERS]


def _find_shared(session: Session, case: Case, subjects: Sequence[str], domains: Iterable[str]) -> list[Shared]:
    """
    Other entities with a decision about one of the subjects, and domains in which the same entity is known.

    Each look runs along an index.
    """
    found: dict[tuple[str, str], Shared] = {}
    for domain in domains:
        by_subject = select(Decision.entity, Decision.subject).where(
            Decision.domain == domain, Decision.subject.in_(subjects), Decision.entity.is_not(None)
        )
        for entity, subject in session.execute(by_subject.limit(20 * MOST_OTHERS)).tuples():
            if entity is not None and (domain, entity) != (case.domain, case.entity):
                found.setdefault((domain, entity), Shared(domain, entity, subject))
        same = select(Decision.subject).where(Decision.domain == domain, Decision.entity == case.entity).limit(1)
        if domain != case.domain and session.scalar(same) is not None:
            found.setdefault((domain, case.entity), Shared(domain, case.entity, ""))
    return list(found.values())


def _find_sharing(session: Session, case: Case, decisions: Sequence[Decision], domain: Domain) -> list[Shared]:
    """Other entities of the domain that were seen with a value of the decisions, such as a device."""
    values: dict[tuple[str, str], str] = {}
    for decision in decisions:
        for name in domain.subject.related:
            if isinstance(value := decision.event.get(name), str):
                values.setdefault((name, value), decision.subject)
    found: dict[str, Shared] = {}
    for (name, value), subject in list(values.items())[:_MOST_VALUES]:
        sharing = select(EntityValue.entity).where(
            EntityValue.domain == domain.name, EntityValue.name == name, EntityValue.value == value
        )
        entities = session.scalars(sharing.order_by(EntityValue.entity).limit(MOST_SHARING + 1)).all()
        if len(entities) <= MOST_SHARING:
            for entity in entities:
                if entity != case.entity:
                    found.setdefault(entity, Shared(domain.name, entity, subject, (name, value)))
    return list(found.values())


def draw(
    case: Case,
    *,
    subjects: Mapping[str, str],
    shared: Sequence[Shared],
    linked: Sequence[tuple[Case, str]],
    domains: Mapping[str, Domain],
) -> Relations:
    """
    Lay the picture out in columns.

    Args:
        case: In the middle.
        subjects: The entity's subjects to the rank of their outcome, newest first.
        shared: See :func:`find_related`.
        linked: Cases that somebody linked, with the kind of the link.
        domains: For the names of what is scored.
    """
    columns = _columns(case, subjects, shared, linked, domains)
    height = _TOP * 2 + _ROW * (max(map(len, columns)) - 1)
    nodes = {node.key: node for number, boxes in enumerate(columns) for node in _placed(boxes, number, height)}
    ends = [("", box.key) for column in (columns[0], columns[2]) for box in column]
    for each in shared:
        subject = f"s {each.subject}"
        ends.append((subject if subject in nodes else "", f"o {each.domain} {each.entity}"))
    paths = tuple(_path(nodes[one], nodes[other]) for one, other in ends)
    words = tuple(box.title for column in columns for box in column)
    return Relations(tuple(nodes.values()), paths, height, words)


@dataclass(frozen=True, slots=True)
class _Box:
    key: str
    name: str
    kind: str
    title: str
    link: str | None


def _columns(
    case: Case,
    subjects: Mapping[str, str],
    shared: Sequence[Shared],
    linked: Sequence[tuple[Case, str]],
    domains: Mapping[str, Domain],
) -> tuple[list[_Box], ...]:
    own = domains[case.domain].subject
    cases = []
    for other, kind in linked:
        title = f"{kind.replace('_', ' ')}: case of {other.entity} in {domains[other.domain].title}, {other.state}"
        cases.append(_Box(f"c {other.case_id}", other.entity, "case", title, f"/cases/{quote(other.case_id)}"))
    middle = [_Box("", case.entity, "entity", f"{own.group} {case.entity}", None)]
    scored = [
        _Box(f"s {key}", key, f"subject {rank}", f"{own.entity} {key}", _decisions(case.domain, subject=key))
        for key, rank in list(subjects.items())[:MOST_SUBJECTS]
    ]
    others = []
    for each in shared:
        title = f"{domains[each.domain].subject.group} {each.entity} in {domains[each.domain].title}"
        if each.by is not None:
            title += f", with the same {each.by[0].replace('_', ' ')} {each.by[1]}"
        link = _decisions(each.domain, entity=each.entity)
        others.append(_Box(f"o {each.domain} {each.entity}", each.entity, "other", title, link))
    return cases, middle, scored, others


def _decisions(domain: str, **wanted: str) -> str:
    return f"/decisions?{urlencode({'domain': domain, **wanted})}"


def _placed(boxes: Sequence[_Box], number: int, height: float) -> Iterator[Node]:
    first = (height - _ROW * (len(boxes) - 1)) / 2
    for index, box in enumerate(boxes):
        label = box.name if len(box.name) <= _LETTERS else f"{box.name[: _LETTERS - 1]}…"
        yield Node(box.key, label, box.kind, box.title, box.link, _COLUMNS[number], first + _ROW * index)


def _path(one: Node, other: Node) -> str:
    """A curve between the facing edges of two boxes."""
    left, right = sorted((one, other), key=lambda node: node.x)
    begin, end = left.x + _BOX_WIDTH / 2, right.x - _BOX_WIDTH / 2
    middle = (begin + end) / 2
    return f"M{begin:g} {left.y:g} C{middle:g} {left.y:g} {middle:g} {right.y:g} {end:g} {right.y:g}"
