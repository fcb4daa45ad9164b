"""Who may log in to the console, who is logged in, and who tried."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from riskloom.ledger.schema.base import Base
from riskloom.ledger.schema.cases import one_of

#: Analysts decide cases, leads see who did what besides, engineers look after models and rules.
Role = Literal["analyst", "lead", "engineer"]


class User(Base):
    """A person who may log in, until ``disabled_at``; ``password`` is a salted hash with its parameters."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[Role] = mapped_column(String)
    password: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]

    __table_args__ = (one_of("role", Role),)


class UserSession(Base):
    """Somebody who is logged in; ``token_digest`` is SHA-256 of what the browser keeps."""

    __tablename__ = "user_sessions"

    token_digest: Mapped[str] = mapped_column(primary_key=True)
    user_name: Mapped[str] = mapped_column(ForeignKey("users.name"))
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    seen_at: Mapped[datetime]

    __table_args__ = (Index(None, "user_name"), Index(None, "expires_at"))


class LogInAttempt(Base):
    """A log-in that was begun and has not succeeded; what the throttle counts."""

    __tablename__ = "log_in_attempts"

    attempt_id: Mapped[str] = mapped_column(primary_key=True)
    user_name: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index(None, "user_name", "at"), Index(None, "address", "at"), Index(None, "at"))
