"""Commands for features."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskloom.catalog import load_domain
from riskloom.settings import load_settings
from riskloom.wiring import as_of_or_watermark, dbt_project, land_accepted, publish_plans, store_location

Slug = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain's name.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="TIME", help="ISO 8601, UTC unless it says otherwise; default: the newest event landed."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    features = typer.Typer(
        help="Build feature marts, describe them to Feast, fill the online store.", no_args_is_help=True
    )
    features.command()(build)
    features.command()(parse)
    features.command()(show)
    features.command()(freshness)
    features.command()(verify)
    app.add_typer(features, name="features")


def build(
    domain_name: Slug,
    as_of: AsOf = None,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Build everything anew.")] = False,
) -> None:
    """Build a domain's marts with dbt, apply its views to Feast and bring what is online up to what has landed."""
    from riskloom.features import apply, catch_up, dbt, load_views, materialise, open_store  # noqa: PLC0415
    from riskloom.ingest import prepare_landing  # noqa: PLC0415

    settings, domain, console = load_settings(), load_domain(domain_name), Console()
    prepare_landing(domain, settings.landing)
    land_accepted(settings, domain, now=datetime.now(UTC))
    instant = as_of_or_watermark(settings, domain, as_of)
    project = dbt_project(settings)
    report = dbt.build(domain, project, as_of=instant, full_refresh=full_refresh)
    console.print(f"built {report.models} models and passed {report.tests} tests in {report.seconds:.1f} s")
    console.print(f"state as of {instant.isoformat(sep=' ')}")
    for warning in report.warnings:
        console.print(f"warning: {warning}", markup=False)
    views = load_views(domain, project.manifest)
    location = store_location(settings)
    store = open_store(location)
    apply(store, domain, views, settings.marts)
    caught = catch_up(
        domain,
        location,
        marts=settings.marts,
        entries=settings.entries,
        as_of=instant,
        now=datetime.now(UTC),
        anew=full_refresh,
        threads=settings.duckdb_threads,
        memory=settings.duckdb_memory,
    )
    console.print(f"live windows: {caught.history:,} events of history, {caught.entered:,} landed since")
    for line in publish_plans(settings, domain, now=datetime.now(UTC)).lines():
        console.print(line, markup=False)
    if caught.moved:
        console.print(f"{caught.moved:,} of them entered after decisions that had not seen them; building again")
        dbt.build(domain, project, as_of=instant)
    online = materialise(store, domain, views, as_of=instant)
    if online.written:
        console.print(f"online as of then: {', '.join(online.written)}")
    if online.newer:
        console.print(f"left as they are, being online as of a later time: {', '.join(online.newer)}")


def parse() -> None:
    """Parse the dbt project and write its manifest, without building anything."""
    from riskloom.features import dbt  # noqa: PLC0415

    Console().print(str(dbt.parse(dbt_project(load_settings()))), soft_wrap=True)


def show(domain_name: Slug) -> None:
    """List a domain's feature views with their features."""
    from riskloom.features import load_views  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    table = Table("view", "join key", "kept", "feature", "type", title=domain.title)
    for view in load_views(domain, dbt_project(settings).manifest):
        for index, (name, kind) in enumerate(view.features.items()):
            first = (view.name, view.join_key, f"{view.ttl.days} d") if index == 0 else ("", "", "")
            table.add_row(*first, name, kind)
    for index, name in enumerate(domain.request_features):
        table.add_row("(request)" if index == 0 else "", "", "", name, "double")
    Console().print(table)


def freshness(domain_name: Slug, as_of: AsOf = None) -> None:
    """Say of each landed table whether it is as fresh as its source promises, judged at --as-of."""
    from riskloom.features import dbt  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    instant = as_of_or_watermark(settings, domain, as_of)
    for table, status in dbt.freshness(domain, dbt_project(settings), as_of=instant).items():
        Console().print(f"{status:5} {table}")


def verify(
    domain_name: Slug,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DATE", help="The day (UTC) whose decisions are compared; yesterday.")
    ] = None,
) -> None:
    """Compare what was served on a day with what the marts have; ends with code 1 where a value differs."""
    from riskloom.features import load_views  # noqa: PLC0415
    from riskloom.features.verification import day_of, describe, verify_served  # noqa: PLC0415

    settings, domain = load_settings(), load_domain(domain_name)
    start, end = day_of(day, now=datetime.now(UTC))
    found = verify_served(
        domain,
        load_views(domain, dbt_project(settings).manifest),
        decisions=settings.decisions,
        marts=settings.marts,
        start=start,
        end=end,
        threads=settings.duckdb_threads,
        memory=settings.duckdb_memory,
    )
    for line in describe(found):
        Console().print(line, markup=False)
    if not found.is_exact:
        raise typer.Exit(1)
