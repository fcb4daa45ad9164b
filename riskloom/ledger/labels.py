"""From what people found to labels, and from labels to files that the ingest takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskloom.contracts import TableContract
from riskloom.errors import LedgerError, NotInLedgerError, RefusedStepError
from riskloom.ledger.desk import Desk, added, columns_of, step, take_case
from riskloom.ledger.idempotency import once
from riskloom.ledger.schema import Alert, Label, Provenance

_AT_ONCE = 1000
_NAME_DIGITS = 32


@dataclass(frozen=True, slots=True)
class LabelTable:
    """
    The table of a domain that its labels come from, as its declaration names it.

    Attributes:
        contract: Its columns.
        key: The column with the subject's key.
        positive: The boolean column.
    """

    contract: TableContract
    key: str
    positive: str


def give_verdict(
    desk: Desk,
    case_id: str,
    *,
    version: int,
    is_positive: bool,
    reason: str,
    maturity: timedelta,
    details: Mapping[str, Any],
    key: str,
) -> tuple[str, ...]:
    """
    Close a case with what turned out to be true: a label for the subject of each of its alerts.

    Args:
        desk: Who decides.
        case_id: The case.
        version: The one that was seen.
        is_positive: Whether it was what the domain looks for.
        reason: Why, for the timeline.
        maturity: After how long nothing else is expected.
        details: Further columns of the domain's label table.
        key: The caller's name for this command: sent again, it changes nothing and has the same answer.

    Returns:
        The labels' names.

    Raises:
        TakenError: Somebody else works on the case.
        StaleError: It has changed since it was seen.
        RepeatedKeyError: The key was used for another command.
    """
    request = {"verdict": case_id, "is_positive": is_positive, "reason": reason, "details": dict(details)}

    def decide() -> dict[str, Any]:
        case = take_case(desk, case_id, version=version, is_exclusive=True)
        before = columns_of(case)
        subjects = desk.session.scalars(select(Alert.subject).where(Alert.case_id == case_id).distinct())
        labels = [
            state_label(
                desk, case.domain, subject, value=is_positive, provenance="case", case_id=case_id,
                effective_at=desk.at, matured_at=desk.at + maturity, details=details,
            ).label_id
            for subject in sorted(subjects)
        ]  # fmt: skip
        case.state, case.closed_at, case.verdict, case.snoozed_until = "closed", desk.at, is_positive, None
        step(desk, case, "decided", {"verdict": is_positive, "reason": reason, "labels": labels}, before=before)
        return {"labels": labels}

    return tuple(once(desk, key, request, decide).answer["labels"])


def state_label(
    desk: Desk,
    domain: str,
    subject: str,
    *,
    value: bool,
    provenance: Provenance,
    effective_at: datetime,
    matured_at: datetime | None,
    details: Mapping[str, Any],
    case_id: str | None = None,
    withdraws: str | None = None,
) -> Label:
    """
    State what is true of a subject, known from now on; the same statement at the same instant is one label.

    Args:
        desk: Who states it.
        domain: Of the subject.
        subject: Its key.
        value: What is true.
        provenance: Where it comes from.
        effective_at: When it was found.
        matured_at: From when on nothing else is expected; None where that is not known.
        details: Further columns of the domain's label table.
        case_id: The case it comes from.
        withdraws: The label that holds no more.
    """
    statement = f"{domain}\0{subject}\0{value}\0{case_id}\0{withdraws}\0{desk.actor}\0{desk.at.isoformat()}"
    name = f"l-{hashlib.sha256(statement.encode()).hexdigest()[:_NAME_DIGITS]}"
    label = Label(
        label_id=name, domain=domain, subject=subject, value=value, provenance=provenance, stated_by=desk.actor,
        case_id=case_id, effective_at=effective_at, observed_at=desk.at, matured_at=matured_at, withdraws=withdraws,
        details=dict(details),
    )  # fmt: skip
    if not added(desk.session, label):
        known = desk.session.get(Label, name)
        if known is None:  # withdraws is unique as well
            raise RefusedStepError(f"label {withdraws}: expected one that holds, found it withdrawn")
        return known
    desk.audit(
        "label.stated" if withdraws is None else "label.withdrawn", label, name, before=None, after=columns_of(label)
    )
    return label


def withdraw_label(desk: Desk, label_id: str) -> Label:
    """
    Take a label back: a later statement, since nothing is ever changed; silence means no, so its value is false.

    Raises:
        NotInLedgerError: There is no such label.
        RefusedStepError: It was withdrawn before, or is a withdrawal itself.
    """
    label = desk.session.get(Label, label_id)
    if label is None:
        raise NotInLedgerError("label", label_id)
    if label.withdraws is not None:
        raise RefusedStepError(f"label {label_id}: expected a statement, found a withdrawal; state a label instead")
    return state_label(
        desk, label.domain, label.subject, value=False, provenance=label.provenance, effective_at=desk.at,
        matured_at=None, details=label.details, case_id=label.case_id, withdraws=label_id,
    )  # fmt: skip


def refuse_incomplete(error: LedgerError) -> None:
    """Write no labels at all where one of them lacks a column."""
    raise error


def export_labels(
    session: Session,
    domain: str,
    table: LabelTable,
    path: Path,
    *,
    on_incomplete: Callable[[LedgerError], None] = refuse_incomplete,
) -> int:
    """
    Write a domain's labels as JSON lines that its label table takes; ingested again they are duplicates.

    Where the table has a key besides the subject's, it is the label's name. Provenance is in further columns, which the
    ingest passes over. The file is put in place whole.

    Args:
        session: Of one state of the database.
        domain: Whose labels.
        table: Its label table.
        path: The file.
        on_incomplete: Told of each label that lacks a column which the table cannot do without; such a label is left
            out, unless this raises.

    Returns:
        How many were written.

    Raises:
        LedgerError: A label lacks a column, and nobody wants to go on without it; says which.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    count = 0
    with draft.open("w", encoding="utf-8") as lines:
        for label in _labels(session, domain):
            try:
                record = _record(label, table)
            except LedgerError as error:
                on_incomplete(error)
                continue
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    draft.replace(path)
    return count


def _labels(session: Session, domain: str) -> Iterator[Label]:
    statement = select(Label).where(Label.domain == domain).order_by(Label.observed_at, Label.label_id)
    yield from session.scalars(statement, execution_options={"yield_per": _AT_ONCE})


def _record(label: Label, table: LabelTable) -> dict[str, Any]:
    own = {
        **{name: label.label_id for name in table.contract.key if name != table.key},
        table.key: label.subject,
        table.positive: label.value,
        "effective_at": _text(label.effective_at),
        "observed_at": _text(label.observed_at),
    }
    brought = {name: value for name, value in label.details.items() if name in table.contract.brought}
    record = {**brought, **own}
    for name, column in table.contract.brought.items():
        if record.get(name) is None and not column.nullable:
            raise LedgerError(
                f"label {label.label_id}: {name}: expected a value for {table.contract.name}, found none; "
                "give it with the verdict's details"
            )
    return {
        **record,
        "label_provenance": label.provenance,
        "label_stated_by": label.stated_by,
        "label_case": label.case_id,
        "label_withdraws": label.withdraws,
    }


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")
