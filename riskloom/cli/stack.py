"""Commands for the long-running services and the demo."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskloom.settings import Settings, load_settings

if TYPE_CHECKING:
    from riskloom.stack.demo import Demo, DomainResult
    from riskloom.stack.supervisor import Supervisor

#: Exit code where a command was stopped before its end, as shells have it.
_INTERRUPTED = 130

Home = Annotated[
    Path | None, typer.Option("--home", help="Where everything made at run time lies; RISKLOOM_HOME otherwise.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("prepare")(prepare)
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)
    app.command("demo")(demo)


def prepare(home: Home = None) -> None:
    """Make keys, Airflow's database and dbt's manifest; `riskloom up` does so by itself."""
    from riskloom.stack.prepare import prepare as prepare_home  # noqa: PLC0415

    prepare_home(_settings(home))


def up(home: Home = None) -> None:
    """Start Airflow, the scoring service, the ledger's keeper, the drift dashboard and the console."""
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
    Console(highlight=False).print(
        f"Stopped: {', '.join(stopped)}" if stopped else "Nothing was running.", soft_wrap=True
    )


def status(home: Home = None) -> None:
    """Show which services run; the exit code is 1 where one is missing or does not answer."""
    from riskloom.stack.services import services  # noqa: PLC0415
    from riskloom.stack.supervisor import is_ready  # noqa: PLC0415

    settings = _settings(home)
    supervisor = _supervisor(settings)
    running = {found.name: found for found in supervisor.running()}
    table = Table("service", "state", "process", "port", box=None, pad_edge=False)
    missing = False
    for service in services(settings):
        found = running.get(service.name)
        if found is None:
            state = "stopped"
        elif found.command != service.command:
            state = "running with other settings"
        else:
            state = "ready" if is_ready(service) else "not answering"
        missing |= state != "ready"
        table.add_row(
            service.name,
            state,
            str(found.pid) if found else "",
            str(service.port or ""),
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(f"logs: {supervisor.logs}", soft_wrap=True)
    raise typer.Exit(int(missing))


def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the summary; the exit code tells how it went.")
    ] = False,
    data: Annotated[str, typer.Option(help="simulated, or the name of a domain's mappings: handbook.")] = "simulated",
    data_dir: Annotated[Path | None, typer.Option(help="Folder with the files of real data.")] = None,
    domains: Annotated[str, typer.Option(help="Names with commas between; all that have the data by default.")] = "",
    home: Annotated[
        Path | None, typer.Option("--home", help="The demo's own folder, emptied first; .riskloom/demo otherwise.")
    ] = None,
) -> None:
    """Take data from files to live decisions through all services, then stay up until Ctrl-C."""
    from riskloom.stack.demo import Demo, DemoPlan, problems  # noqa: PLC0415
    from riskloom.stack.progress import Progress  # noqa: PLC0415

    settings = _settings(home or load_settings().home / "demo")
    chosen = tuple(name.strip() for name in domains.split(",") if name.strip())
    plan = DemoPlan(data=data, data_dir=data_dir, now=datetime.now(UTC), domains=chosen)
    console = Console(highlight=False)
    show = Demo(settings, plan, Progress(console))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `make` passes its own SIGTERM on: the same as Ctrl-C
    code = _INTERRUPTED
    try:
        results = show.run()
        _summarise(console, show, results)
        code = int(bool(problems(results)))
        if not once:
            console.print("\nRunning until Ctrl-C.")
            signal.pause()
    except KeyboardInterrupt:
        console.print("\nStopping …")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # stopping takes some seconds, and is what was asked for
        stopped = show.stop()
        console.print(f"Stopped {len(stopped)} services; what they made is in {settings.home}.", soft_wrap=True)
    raise typer.Exit(code)


def _summarise(console: Console, show: Demo, results: list[DomainResult]) -> None:
    from riskloom.stack.demo import CONSOLE_USER  # noqa: PLC0415
    from riskloom.stack.prepare import airflow_password  # noqa: PLC0415
    from riskloom.stack.services import AIRFLOW_USER, urls  # noqa: PLC0415
    from riskloom.stack.summary import print_summary  # noqa: PLC0415

    password = airflow_password(show.settings)
    ways_in = {
        "Airflow log-in": f"{AIRFLOW_USER} / {password}",
        "Console log-in": f"{CONSOLE_USER} / {show.console_password}",
        "API key (this demo)": show.api_key,
    }
    print_summary(console, results, urls=urls(show.settings), ways_in=ways_in)


def _settings(home: Path | None) -> Settings:
    settings = load_settings()
    return settings if home is None else settings.model_copy(update={"home": home.resolve()})


def _supervisor(settings: Settings) -> Supervisor:
    from riskloom.stack.supervisor import Supervisor  # noqa: PLC0415

    return Supervisor(home=settings.home, project=settings.project)
