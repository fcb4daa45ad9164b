"""Commands for the scoring service: start it, pack it, and say who may ask."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn, get_args

import typer
from rich.console import Console
from rich.table import Table

from riskloom.access import DomainRight, GlobalRight, create_key, known_scopes, load_keys, revoke_key
from riskloom.catalog import load_catalog
from riskloom.errors import ConfigError
from riskloom.settings import environment, load_settings
from riskloom.stack.prepare import with_programs
from riskloom.stack.services import services

BENTOFILE = "services/scoring/bentofile.yaml"

Name = Annotated[str, typer.Argument(help="What uses the key: lower-case letters, digits, dots and dashes.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(serve)
    app.command(name="build-bento")(build_bento)
    keys = typer.Typer(help="Say who may call the scoring service and the API.", no_args_is_help=True)
    keys.command()(create)
    keys.command(name="list")(show)
    keys.command()(revoke)
    app.add_typer(keys, name="api-key")


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: this machine only.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: RISKLOOM_SCORING_PORT or 3000.")] = None,
) -> None:
    """Start the scoring service and stay until it is stopped."""
    settings = load_settings()
    changes = {"host": host, "scoring_port": port}
    settings = settings.model_copy(update={name: value for name, value in changes.items() if value is not None})
    service = next(service for service in services(settings) if service.name == "scoring")
    become(service.command, service.environment_with_secrets(), settings.project)


def build_bento() -> None:
    """Pack the scoring service as a Bento into BentoML's store; models, keys and data stay outside."""
    settings = load_settings()
    variables = with_programs({**environment(settings), "PYTHONPATH": str(settings.project)})
    if shutil.which("uv", path=variables["PATH"]) is None:
        # BentoML would fetch it by itself, and into whatever environment runs it.
        raise ConfigError("build-bento: expected uv beside this Python or on PATH, found none; run make setup")
    command = ("bentoml", "build", "--bentofile", BENTOFILE, str(settings.project))
    become(command, variables, settings.project)


def create(
    name: Name,
    scope: Annotated[
        list[str],
        typer.Option(help="RIGHT:DOMAIN or RIGHT:*, such as score:* or cases:read:*; give it once for each scope."),
    ],
    days: Annotated[float | None, typer.Option(min=0.01, help="After how many days its time is over.")] = None,
) -> None:
    """Make an API key and print it; it is not kept and cannot be shown again."""
    settings, now = load_settings(), datetime.now(UTC)
    _check_scopes(scope)
    token = create_key(
        settings.api_keys, name, scope, created_at=now, secret=secrets.token_bytes(32),
        expires_at=None if days is None else now + timedelta(days=days),
    )  # fmt: skip
    typer.echo(token)


def show() -> None:
    """List the API keys: their names and what they may do."""
    table = Table("name", "scopes", "created", "expires")
    for key in load_keys(load_settings().api_keys).keys:
        expires = "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M}"
        table.add_row(key.name, " ".join(key.scopes), f"{key.created_at:%Y-%m-%d %H:%M}", expires)
    Console().print(table)


def revoke(name: Name) -> None:
    """Take an API key back; a running service notices within a second or two."""
    revoke_key(load_settings().api_keys, name)
    typer.echo(f"revoked {name}")


def _check_scopes(scopes: Sequence[str]) -> None:
    """A scope for a domain nobody declared is a slip of the pen, and would be found only when a request is refused."""
    domains = load_catalog()
    known = known_scopes(domains)
    for scope in scopes:
        if scope not in known:
            rights, names = ", ".join(get_args(DomainRight)), ", ".join(domains)
            raise ConfigError(
                f"--scope: expected {' or '.join(get_args(GlobalRight))}, or RIGHT:DOMAIN with a right of {rights} and "
                f"a domain of {names} or *, found {scope!r}"
            )


def become(command: Sequence[str], variables: dict[str, str], folder: Path) -> NoReturn:
    """Replace this process, so that a signal to it reaches the service."""
    program = Path(sys.executable).with_name(command[0])
    if not program.exists():
        raise ConfigError(f"{program}: expected BentoML beside this Python, found nothing; run make setup")
    os.chdir(folder)
    os.execve(program, [str(program), *command[1:]], variables)  # noqa: S606 - no shell is wanted
