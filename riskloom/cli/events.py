"""Commands for events that are pushed: consume them, look at what waits and what failed, land what was accepted."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskloom.catalog import load_catalog, load_domain
from riskloom.cli.features import Slug
from riskloom.cli.serving import become
from riskloom.errors import ConfigError
from riskloom.settings import load_settings
from riskloom.stack.services import services
from riskloom.wiring import event_queue, land_accepted

Count = Annotated[int, typer.Option(min=1, help="At most so many, oldest first.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(consume)
    events = typer.Typer(help="Events that are pushed without wanting a decision.", no_args_is_help=True)
    for command in (lag, dead, replay, land):
        events.command()(command)
    app.add_typer(events, name="events")


def consume() -> None:
    """Take events from the domains' Redis streams, and stay until it is stopped; `riskloom up` starts this as well."""
    settings = load_settings()
    service = next((one for one in services(settings) if one.name == "consumer"), None)
    if service is None:
        raise ConfigError(f"consume: expected RISKLOOM_ONLINE_STORE=redis, found {settings.online_store}")
    become(service.command, service.environment_with_secrets(), settings.project)


def lag() -> None:
    """Show what waits in each domain's stream, what is being worked on, and what nobody could take."""
    settings = load_settings()
    table = Table("domain", "waiting", "pending", "oldest", "dead", "consumers", box=None, pad_edge=False)
    for name in load_catalog():
        found = event_queue(settings, name).lag(now_seconds=time.time())
        oldest = f"{found.oldest_seconds:.0f} s" if found.waiting + found.pending else ""
        table.add_row(name, f"{found.waiting:,}", f"{found.pending:,}", oldest, f"{found.dead:,}", str(found.consumers))
    Console(highlight=False).print(table)


def dead(
    domain_name: Slug,
    count: Count = 20,
    *,
    content: Annotated[
        bool, typer.Option("--content", help="Show the events, too: they may hold personal data.")
    ] = False,
) -> None:
    """List the events of a domain that nobody could take, with the reasons."""
    for letter in event_queue(load_settings(), load_domain(domain_name).name).dead(count=count):
        typer.echo(f"{letter.id}  {letter.table or '(no table)'}  {letter.reason}")
        if content:
            typer.echo(f"    {letter.event.decode('utf-8', 'backslashreplace')}")


def replay(
    domain_name: Slug,
    count: Count = 100,
    identifier: Annotated[str | None, typer.Option("--id", help="This one alone.")] = None,
) -> None:
    """Put dead letters of a domain back into its stream, once what was wrong is mended."""
    queue = event_queue(load_settings(), load_domain(domain_name).name)
    letters = queue.dead(count=count) if identifier is None else queue.dead(count=1, identifier=identifier)
    if identifier is not None and not letters:
        raise ConfigError(f"--id: expected a dead letter of {domain_name}, found none of the name {identifier!r}")
    typer.echo(f"{queue.replay(letters):,} events are in the stream again")


def land(domain_name: Slug) -> None:
    """Land what was pushed and accepted; the features DAG does so before each build."""
    done = land_accepted(load_settings(), load_domain(domain_name), now=datetime.now(UTC))
    typer.echo(
        f"{done.landed:,} events landed, {done.duplicates:,} duplicates, {done.quarantined:,} quarantined, "
        f"{done.torn:,} torn lines"
    )
