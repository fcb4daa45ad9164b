"""What turned out to be true, and who says so."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from riskloom.ledger.schema.base import Base
from riskloom.ledger.schema.cases import one_of

Provenance = Literal["case", "process", "import"]


class Label(Base):
    """
    One statement about a subject; it is never changed.

    A correction is a later statement about the same subject, a withdrawal one with ``withdraws``: the earlier statement
    holds no more, and silence means no, so its ``value`` is false. ``observed_at`` is when we knew, ``matured_at`` from
    when on nothing else is expected; ``details`` are further columns of the domain's label table.
    """

    __tablename__ = "labels"

    label_id: Mapped[str] = mapped_column(primary_key=True)
    domain: Mapped[str]
    subject: Mapped[str]
    value: Mapped[bool]
    provenance: Mapped[Provenance] = mapped_column(String)
    stated_by: Mapped[str]
    case_id: Mapped[str | None] = mapped_column(ForeignKey("cases.case_id"))
    effective_at: Mapped[datetime]
    observed_at: Mapped[datetime]
    matured_at: Mapped[datetime | None]
    withdraws: Mapped[str | None] = mapped_column(ForeignKey("labels.label_id"), unique=True)
    details: Mapped[dict[str, Any]]

    __table_args__ = (
        one_of("provenance", Provenance),
        Index(None, "domain", "subject", "observed_at", "label_id"),
        Index(None, "domain", "observed_at", "label_id"),
        Index(None, "case_id"),
    )
