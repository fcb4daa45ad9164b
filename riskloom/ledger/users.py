"""Let people in and shut them out; each step is audited."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from riskloom.errors import LedgerError, NotInLedgerError
from riskloom.ledger.desk import Desk, added, columns_of
from riskloom.ledger.schema import Role, User, UserSession

#: Names have no blank, which sets them apart from those of the project's own processes in the audit chain.
_NAME = re.compile(r"[a-z][a-z0-9._-]{0,62}")


def add_user(desk: Desk, name: str, *, role: Role, password: str) -> User:
    """
    Let somebody in.

    Args:
        desk: Who does it.
        name: Small letters, digits, dots and dashes; it stands in every record of what the person does.
        role: What the person may do.
        password: Its hash.

    Raises:
        LedgerError: The name is taken, or is none that a user can have.
    """
    if not _NAME.fullmatch(name):
        raise LedgerError(f"user: expected a name of small letters, digits, dots and dashes, found {name!r}")
    user = User(name=name, role=role, password=password, created_by=desk.actor, created_at=desk.at)
    if not added(desk.session, user):
        raise LedgerError(f"user {name!r}: expected a new name, found a user of this name")
    desk.audit("user.added", user, name, before=None, after=columns_of(user))
    return user


def disable_user(desk: Desk, name: str) -> User:
    """
    Shut somebody out: no further log-in, and whoever is logged in by that name is logged out.

    The user stays, since the name stands in cases, labels and the audit chain.

    Raises:
        NotInLedgerError: There is no such user.
        LedgerError: The user is disabled already.
    """
    user = desk.session.get(User, name, with_for_update=True)
    if user is None:
        raise NotInLedgerError("user", name)
    if user.disabled_at is not None:
        raise LedgerError(f"user {name!r}: expected one who may log in, found one disabled at {user.disabled_at}")
    before = columns_of(user)
    user.disabled_at = desk.at
    desk.session.execute(delete(UserSession).where(UserSession.user_name == name))
    desk.session.flush()
    desk.audit("user.disabled", user, name, before=before, after=columns_of(user))
    return user


def set_role(desk: Desk, name: str, role: Role, *, is_forced: bool = False) -> User:
    """
    Let somebody do something else from now on; whoever is logged in by that name logs in again.

    Cases that the user has stay theirs: a lead takes over what the new role cannot open.

    Args:
        desk: Who does it.
        name: Of the user.
        role: What the user may do then.
        is_forced: Also where nobody would be left who leads.

    Raises:
        NotInLedgerError: There is no such user.
        LedgerError: The user has the role, or is the last lead who may log in.
    """
    # Those who lead are locked as well: of two who stop at the same moment the second sees that the first did.
    wanted = (User.name == name) | ((User.role == "lead") & User.disabled_at.is_(None))
    statement = select(User).where(wanted).order_by(User.name).with_for_update()
    found = {user.name: user for user in desk.session.scalars(statement.execution_options(populate_existing=True))}
    if name not in found:
        raise NotInLedgerError("user", name)
    user = found[name]
    if user.role == role:
        raise LedgerError(f"user {name!r}: expected another role than {role}, which the user has")
    leads = {each.name for each in found.values() if each.role == "lead" and each.disabled_at is None}
    if leads == {name} and not is_forced:
        raise LedgerError(
            f"user {name!r}: expected another lead who may log in, found none; name one first, or force it"
        )
    before = columns_of(user)
    user.role = role
    desk.session.execute(delete(UserSession).where(UserSession.user_name == name))
    desk.session.flush()
    desk.audit("user.role_changed", user, name, before=before, after=columns_of(user))
    return user


def all_users(session: Session) -> Sequence[User]:
    """Every user there is or was, by name."""
    return session.scalars(select(User).order_by(User.name)).all()
