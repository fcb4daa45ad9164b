"""Commands for lists of entities that rules ask."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from riskloom.catalog import Domain, load_domain
from riskloom.cli.features import Slug
from riskloom.errors import ConfigError
from riskloom.settings import load_settings
from riskloom.wiring import rule_controls

if TYPE_CHECKING:
    from riskloom.ledger.schema import ListKind
    from riskloom.lifecycle.publishing import Controls

_LIST = typer.Argument(metavar="LIST", help="As lists.yml of the domain calls it.")
_VALUE = typer.Argument(metavar="VALUE", help="The member; of one that identifies a person only its pseudonym is kept.")
_BY = typer.Option(help="Who does it; kept in the ledger.")
_WHY = typer.Option(help="For what reason; kept in the ledger.")
_DAYS = typer.Option(min=0.01, help="After how many days from now it is over.")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    lists = typer.Typer(help="Lists of entities that rules ask.", no_args_is_help=True)
    for command in (open_, add, expire, remove, show):
        lists.command(command.__name__.rstrip("_"))(command)
    app.add_typer(lists, name="lists")


def open_(
    domain_name: Slug,
    name: Annotated[str, _LIST],
    kind: Annotated[str, typer.Option(help="block, allow or watch.")],
    owner: Annotated[str, typer.Option(help="Who answers for its members.")],
    by: Annotated[str, _BY],
    why: Annotated[str, _WHY],
) -> None:
    """Begin to keep a list that the domain declares."""
    from riskloom.ledger.schema import ListKind  # noqa: PLC0415
    from riskloom.lifecycle.lists import open_list  # noqa: PLC0415
    from riskloom.rules import load_lists  # noqa: PLC0415

    if kind not in get_args(ListKind):
        raise ConfigError(f"kind: expected one of {', '.join(get_args(ListKind))}, found {kind!r}")
    domain = load_domain(domain_name)
    with rule_controls(load_settings()).commanding(domain.name, by) as desk:
        open_list(
            desk, domain.name, name, kind=cast("ListKind", kind), owner=owner, reason=why, declared=load_lists(domain)
        )
    typer.echo(f"list {name} of {domain.name} is open, kept by {owner}")


def add(
    domain_name: Slug,
    name: Annotated[str, _LIST],
    value: Annotated[str, _VALUE],
    by: Annotated[str, _BY],
    why: Annotated[str, _WHY],
    days: Annotated[float | None, _DAYS] = None,
) -> None:
    """Put a value on a list, until its days are over or somebody removes it."""
    from riskloom.lifecycle.lists import add_member  # noqa: PLC0415

    domain, controls = load_domain(domain_name), rule_controls(load_settings())
    with controls.commanding(domain.name, by) as desk:
        entry = add_member(
            desk, domain.name, name, _kept(domain, controls, name, value), entry_id=uuid.uuid4().hex, reason=why,
            expires_at=None if days is None else desk.at + timedelta(days=days),
        )  # fmt: skip
    typer.echo(f"{entry.value} is on {name} {_until(entry.expires_at)}")


def expire(
    domain_name: Slug,
    name: Annotated[str, _LIST],
    value: Annotated[str, _VALUE],
    days: Annotated[float, _DAYS],
    by: Annotated[str, _BY],
    why: Annotated[str, _WHY],
) -> None:
    """Say anew when a member's time is over."""
    from riskloom.lifecycle.lists import expire_member  # noqa: PLC0415

    domain, controls = load_domain(domain_name), rule_controls(load_settings())
    kept = _kept(domain, controls, name, value)
    with controls.commanding(domain.name, by) as desk:
        entry = expire_member(desk, domain.name, name, kept, expires_at=desk.at + timedelta(days=days), reason=why)
    typer.echo(f"{entry.value} is on {name} {_until(entry.expires_at)}")


def remove(
    domain_name: Slug,
    name: Annotated[str, _LIST],
    value: Annotated[str, _VALUE],
    by: Annotated[str, _BY],
    why: Annotated[str, _WHY],
) -> None:
    """Take a member off a list, from now on."""
    from riskloom.lifecycle.lists import remove_member  # noqa: PLC0415

    domain, controls = load_domain(domain_name), rule_controls(load_settings())
    with controls.commanding(domain.name, by) as desk:
        entry = remove_member(desk, domain.name, name, _kept(domain, controls, name, value), reason=why)
    typer.echo(f"{entry.value} is off {name}")


def show(domain_name: Slug, name: Annotated[str, _LIST]) -> None:
    """Show who is on a list now."""
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.lifecycle.lists import list_members  # noqa: PLC0415

    domain, controls = load_domain(domain_name), rule_controls(load_settings())
    with reading(controls.engine) as session:
        members = list_members(session, domain.name, name, at=datetime.now(UTC))
    for entry in members:
        typer.echo(f"{entry.value} {_until(entry.expires_at)}, added by {entry.added_by}: {entry.reason}")


def _kept(domain: Domain, controls: Controls, name: str, value: str) -> str:
    from riskloom.lifecycle.members import member_of  # noqa: PLC0415

    return member_of(domain, name, value, pseudonym_key=controls.pseudonym_key)


def _until(expires_at: datetime | None) -> str:
    return "until it is removed" if expires_at is None else f"until {expires_at.isoformat(timespec='seconds')}"
