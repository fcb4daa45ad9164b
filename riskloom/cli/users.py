"""Commands for the people who use the console."""

from __future__ import annotations

import getpass
import secrets
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer
from rich.console import Console
from rich.table import Table

from riskloom.errors import ConfigError
from riskloom.settings import load_settings
from riskloom.wiring import audit_trail, ledger_engine

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from riskloom.ledger.desk import Desk
    from riskloom.ledger.schema import Role

_GENERATED_BYTES = 15

Name = Annotated[str, typer.Argument(help="Small letters, digits, dots and dashes.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    users = typer.Typer(help="Say who may log in to the console.", no_args_is_help=True)
    users.command()(add)
    users.command(name="role")(change_role)
    users.command()(disable)
    users.command(name="list")(show)
    app.add_typer(users, name="user")


def add(
    name: Name,
    role: Annotated[str, typer.Option(help="analyst, lead or engineer.")],
    *,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input; one is made otherwise.")
    ] = False,
) -> None:
    """Let somebody log in; a password that was made is printed once and cannot be shown again."""
    from riskloom.ledger.database import writing  # noqa: PLC0415
    from riskloom.ledger.passwords import SALT_BYTES, hash_password  # noqa: PLC0415
    from riskloom.ledger.users import add_user  # noqa: PLC0415

    checked = _role(role, "--role")
    password = _read_password() if password_stdin else secrets.token_urlsafe(_GENERATED_BYTES)
    kept = hash_password(password, salt=secrets.token_bytes(SALT_BYTES))
    with writing(ledger_engine(load_settings())) as session:
        add_user(_desk(session), name, role=checked, password=kept)
    typer.echo(f"{name} may log in as {checked}" if password_stdin else password)


def change_role(
    name: Name,
    role: Annotated[str, typer.Argument(help="analyst, lead or engineer.")],
    *,
    is_forced: Annotated[bool, typer.Option("--force", help="Also where no lead would be left.")] = False,
) -> None:
    """Let somebody do something else: they log in again, and have the new role then."""
    from riskloom.ledger.database import writing  # noqa: PLC0415
    from riskloom.ledger.users import set_role  # noqa: PLC0415

    checked = _role(role, "ROLE")
    with writing(ledger_engine(load_settings())) as session:
        set_role(_desk(session), name, checked, is_forced=is_forced)
    typer.echo(f"{name} is {checked} now")


def disable(name: Name) -> None:
    """Shut somebody out, at once; what they did stays under their name."""
    from riskloom.ledger.database import writing  # noqa: PLC0415
    from riskloom.ledger.users import disable_user  # noqa: PLC0415

    with writing(ledger_engine(load_settings())) as session:
        disable_user(_desk(session), name)
    typer.echo(f"disabled {name}")


def show() -> None:
    """List the users, their roles, and since when they are shut out."""
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.ledger.users import all_users  # noqa: PLC0415

    table = Table("name", "role", "since", "disabled")
    with reading(ledger_engine(load_settings())) as session:
        for user in all_users(session):
            disabled = "" if user.disabled_at is None else f"{user.disabled_at:%Y-%m-%d %H:%M}"
            table.add_row(user.name, user.role, f"{user.created_at:%Y-%m-%d %H:%M}", disabled)
    Console().print(table)


def _role(text: str, option: str) -> Role:
    from riskloom.ledger.schema import Role as Known  # noqa: PLC0415

    if text not in get_args(Known):
        raise ConfigError(f"{option}: expected one of {', '.join(get_args(Known))}, found {text!r}")
    return cast("Role", text)


def _read_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().removesuffix("\n")


def _desk(session: Session) -> Desk:
    from riskloom.ledger.desk import Desk  # noqa: PLC0415

    return Desk(session, audit_trail(load_settings()), "riskloom user", datetime.now(UTC))
