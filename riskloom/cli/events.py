"""Commands for events that are pushed: land those that were accepted."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from riskloom.catalog import load_domain
from riskloom.cli.features import Slug
from riskloom.settings import load_settings
from riskloom.wiring import land_accepted


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    events = typer.Typer(help="Events that are pushed without wanting a decision.", no_args_is_help=True)
    events.command()(land)
    app.add_typer(events, name="events")


def land(domain_name: Slug) -> None:
    """Land what was pushed and accepted; the features DAG does so before each build."""
    done = land_accepted(load_settings(), load_domain(domain_name), now=datetime.now(UTC))
    typer.echo(
        f"{done.landed:,} events landed, {done.duplicates:,} duplicates, {done.quarantined:,} quarantined, "
        f"{done.torn:,} torn lines"
    )
