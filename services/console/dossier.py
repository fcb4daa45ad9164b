"""Everything a case's page shows, read in one state of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.catalog import Domain
from riskloom.ledger import queries as ask
from riskloom.ledger.schema import Case, CaseEvent, Decision, Label
from services.console.conflicts import sentence
from services.console.population import Populations, Standing, standing
from services.console.relations import Relations, draw, find_related

_MOST_DECISIONS = 50
_MOST_MOMENTS = 60
_ELSEWHERE = 20
_MOST_STEPS = 200
_STEPS_OF_LINKED = 20


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline: when, where, who did what; ``link`` leads on."""

    at: datetime
    domain: str
    kind: str
    actor: str
    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class LinkedCase:
    """A case that somebody linked to this one, and how."""

    case: Case
    kind: str


@dataclass(frozen=True, slots=True)
class FeatureValue:
    """A feature of a decision: what the model saw, how far it moved the score, and where the value stands."""

    name: str
    value: float | None
    contribution: float | None
    description: str
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """
    A case and what is known around it.

    Attributes:
        file: The case with alerts, notes and links.
        decisions: Those of its alerts, newest first, some dozens at most.
        chosen: The one that is shown whole; None where no alert is about a decision.
        features: Of the chosen one, what moved the score most first.
        labels: What was said of its subjects because of it.
        linked: Cases that belong to it.
        moments: Its timeline and that of its entity in every domain, newest first.
        relations: The picture.
    """

    file: ask.CaseFile
    decisions: tuple[Decision, ...]
    chosen: Decision | None
    features: tuple[FeatureValue, ...]
    labels: tuple[Label, ...]
    linked: tuple[LinkedCase, ...]
    moments: tuple[Moment, ...]
    relations: Relations


def read_dossier(
    session: Session,
    case_id: str,
    *,
    chosen: str | None,
    domains: Mapping[str, Domain],
    populations: Populations,
    at: datetime,
) -> Dossier:
    """
    Read a case.

    Args:
        session: Of a reading transaction.
        case_id: Which.
        chosen: The decision to show whole; the newest by default.
        domains: In which to look for its entity.
        populations: What values are usual.
        at: The time, timezone-aware.

    Raises:
        NotInLedgerError: There is no such case.
    """
    file = ask.case_file(session, case_id)
    case = file.case
    decisions = _decisions_of(session, file)
    shown = next((each for each in decisions if each.decision_id == chosen), decisions[0] if decisions else None)
    linked = _linked(session, file)
    labels = tuple(session.scalars(select(Label).where(Label.case_id == case_id).order_by(Label.observed_at.desc())))
    subjects = _ranked(file, decisions, domains[case.domain])
    known = populations.of(session, case.domain, at=at) if shown is not None else {}
    shared = find_related(session, case, subjects=list(subjects), decisions=decisions, domains=domains)
    return Dossier(
        file=file,
        decisions=decisions,
        chosen=shown,
        features=() if shown is None else explained(shown, domains[case.domain], known),
        labels=labels,
        linked=linked,
        moments=_moments(session, case, linked, labels, domains),
        relations=draw(
            case,
            subjects=subjects,
            shared=shared,
            linked=[(each.case, each.kind) for each in linked],
            domains=domains,
        ),
    )


def explained(
    decision: Decision, domain: Domain, population: Mapping[str, object] | None = None
) -> tuple[FeatureValue, ...]:
    """A decision's features: the reasons first, as they were given, then all others by name."""
    reasons = {reason["feature"]: reason for reason in decision.reasons if "feature" in reason}
    names = [*reasons, *sorted(name for name in decision.features if name not in reasons)]
    return tuple(
        FeatureValue(
            name=name,
            value=decision.features.get(name),
            contribution=reasons.get(name, {}).get("contribution"),
            description=reasons.get(name, {}).get("description") or domain.request_features.get(name, ""),
            standing=standing(population or {}, name, decision.features.get(name)),  # type: ignore[arg-type]
        )
        for name in names
    )


def _decisions_of(session: Session, file: ask.CaseFile) -> tuple[Decision, ...]:
    newest = [alert.decision_id for alert in reversed(file.alerts) if alert.decision_id is not None][:_MOST_DECISIONS]
    statement = select(Decision).where(Decision.decision_id.in_(newest))
    return tuple(session.scalars(statement.order_by(Decision.decided_at.desc(), Decision.decision_id.desc())))


def _ranked(file: ask.CaseFile, decisions: Sequence[Decision], domain: Domain) -> dict[str, str]:
    """The case's subjects, newest first, to the rank of what was decided about each."""
    ranks = {outcome.name: str(rank) for rank, outcome in enumerate(domain.outcome)}
    last = str(len(ranks) - 1)
    decided = {decision.subject: ranks.get(decision.outcome, last) for decision in reversed(decisions)}
    return {alert.subject: decided.get(alert.subject, last) for alert in reversed(file.alerts)}


def _linked(session: Session, file: ask.CaseFile) -> tuple[LinkedCase, ...]:
    kinds = {link.other_id if link.case_id == file.case.case_id else link.case_id: link.kind for link in file.links}
    cases = session.scalars(select(Case).where(Case.case_id.in_(kinds)).order_by(Case.case_id))
    return tuple(LinkedCase(case, kinds[case.case_id]) for case in cases)


def _moments(
    session: Session,
    case: Case,
    linked: Sequence[LinkedCase],
    labels: Sequence[Label],
    domains: Mapping[str, Domain],
) -> tuple[Moment, ...]:
    found = list(_steps(session, case, None, limit=_MOST_STEPS))
    for other in linked:
        found += _steps(session, other.case, f"/cases/{quote(other.case.case_id)}", limit=_STEPS_OF_LINKED)
    for name in domains:
        page = ask.find_decisions(session, name, entity=case.entity, limit=_ELSEWHERE)
        for each in page.rows:
            text = f"{each.outcome.replace('_', ' ')} for {domains[name].subject.entity} {each.subject}"
            found.append(Moment(each.decided_at, name, "decision", "scoring", text, f"/decisions/{each.decision_id}"))
    for label in labels:
        text = f"{'withdrew a label of' if label.withdraws else 'labelled'} {label.subject}: {_truth(label, domains)}"
        found.append(Moment(label.observed_at, label.domain, "label", label.stated_by, text))
    found.sort(key=lambda moment: moment.at, reverse=True)
    return tuple(found[:_MOST_MOMENTS])


def _steps(session: Session, case: Case, link: str | None, *, limit: int) -> Iterator[Moment]:
    # An alert's own line is that of its decision.
    told = select(CaseEvent).where(CaseEvent.case_id == case.case_id, CaseEvent.action != "alert_added")
    for event in session.scalars(told.order_by(CaseEvent.version.desc()).limit(limit)):
        reason = event.details.get("reason")
        said = sentence(event.action) + (f": {reason}" if reason else "")
        text = said if link is None else f"{said} (case of {case.entity})"
        yield Moment(event.at, case.domain, "step", event.actor, text, link)


def _truth(label: Label, domains: Mapping[str, Domain]) -> str:
    positive = finding(domains[label.domain])
    return positive if label.value else f"not {positive}"


def finding(domain: Domain) -> str:
    """What a domain looks for, as its label column says it: the name of what is true."""
    return domain.label.positive.removeprefix("is_").replace("_", " ")
