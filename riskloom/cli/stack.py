"""Commands for the long-running services and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskloom.settings import Settings, load_settings

if TYPE_CHECKING:
    from riskloom.stack.supervisor import Supervisor

Home = Annotated[
    Path | None, typer.Option("--home", help="Where everything made at run time lies; RISKLOOM_HOME otherwise.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("prepare")(prepare)
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)


def prepare(home: Home = None) -> None:
    """Make keys, Airflow's database and dbt's manifest; `riskloom up` does so by itself."""
    from riskloom.stack.prepare import prepare as prepare_home  # noqa: PLC0415

    prepare_home(_settings(home))


def up(home: Home = None) -> None:
    """Start Airflow, the scoring service and the drift dashboard in the background."""
    from riskloom.stack.prepare import airflow_password  # noqa: PLC0415
    from riskloom.stack.prepare import prepare as prepare_home  # noqa: PLC0415
    from riskloom.stack.services import AIRFLOW_USER, services, urls  # noqa: PLC0415

    settings = _settings(home)
    console = Console(highlight=False)
    if not _supervisor(settings).running():
        console.print("Preparing keys, Airflow's database and dbt's manifest …")
        prepare_home(settings)
    _supervisor(settings).up(services(settings), lambda name, state: console.print(f"{name:24} {state}"))
    table = Table(box=None, show_header=False, pad_edge=False)
    for title, url in urls(settings).items():
        table.add_row(title, url)
    table.add_row("Airflow log-in", f"{AIRFLOW_USER} / {airflow_password(settings)}")
    console.print(table)


def down(home: Home = None) -> None:
    """Stop everything that `riskloom up` started."""
    stopped = _supervisor(_settings(home)).down()
    Console(highlight=False).print(f"Stopped: {', '.join(stopped)}" if stopped else "Nothing was running.")


def status(home: Home = None) -> None:
    """Show which services run; the exit code is 1 where one is missing or does not answer."""
    from riskloom.stack.services import services  # noqa: PLC0415
    from riskloom.stack.supervisor import is_ready  # noqa: PLC0415

    settings = _settings(home)
    supervisor = _supervisor(settings)
    running = {found.name: found for found in supervisor.running()}
    table = Table("service", "state", "process", "port", "log", box=None, pad_edge=False)
    missing = False
    for service in services(settings):
        found = running.get(service.name)
        state = "stopped" if found is None else "ready" if is_ready(service) else "not answering"
        missing |= state != "ready"
        table.add_row(
            service.name,
            state,
            str(found.pid) if found else "",
            str(service.port or ""),
            str(supervisor.log(service.name)) if found else "",
        )
    Console(highlight=False, soft_wrap=True).print(table)
    raise typer.Exit(int(missing))


def _settings(home: Path | None) -> Settings:
    settings = load_settings()
    return settings if home is None else settings.model_copy(update={"home": home.resolve()})


def _supervisor(settings: Settings) -> Supervisor:
    from riskloom.stack.supervisor import Supervisor  # noqa: PLC0415

    return Supervisor(home=settings.home, project=settings.project)
