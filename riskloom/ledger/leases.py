"""A job for one process at a time: who holds it, and until when it cannot be taken away."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from riskloom.ledger.conflicts import insert_or_ignore
from riskloom.ledger.schema import Lease


def hold(session: Session, name: str, holder: str, *, at: datetime, lasting: timedelta) -> bool:
    """
    Take a lease or make one's own last longer; it is kept when the transaction commits.

    Args:
        session: Of a writing transaction.
        name: The job.
        holder: Who wants it; another name for each process.
        at: The time, timezone-aware.
        lasting: For how long others leave the job alone.

    Returns:
        False where somebody else holds it.
    """
    until = at + lasting
    insert_or_ignore(session, Lease, [{"name": name, "holder": holder, "expires_at": until}])
    lease = session.scalars(select(Lease).where(Lease.name == name).with_for_update()).one()
    if lease.holder != holder and lease.expires_at > at:
        return False
    lease.holder, lease.expires_at = holder, until
    return True


def present_lease(session: Session, name: str, *, at: datetime) -> Lease | None:
    """The lease of whoever does a job at a time; None where nobody does."""
    return session.scalars(select(Lease).where(Lease.name == name, Lease.expires_at > at)).one_or_none()


def release(session: Session, name: str, holder: str) -> None:
    """Give a lease back where it is one's own, so that the next need not wait for its end."""
    session.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))
