"""Commands for versions beside the champion: a canary decides a share of subjects, a shadow decides nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from riskloom.catalog import load_domain
from riskloom.cli.features import Slug
from riskloom.errors import RegistryError
from riskloom.settings import load_settings
from riskloom.wiring import ledger_engine, model_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from riskloom.ledger.shadows import Agreement

_VERSION = typer.Argument(help="The version's number.")
_BY = typer.Option(help="Who decides; kept in the record.")
_WHY = typer.Option(help="For what reason; kept in the record.")
_SHARE = typer.Argument(help="Of subjects, 0.0001 to 1; who is in stays in as it grows.")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    canary = typer.Typer(help="A version that decides a share of subjects.", no_args_is_help=True)
    for of_canary in (set_share, take_back):
        canary.command()(of_canary)
    app.add_typer(canary, name="canary")
    shadow = typer.Typer(help="A version that scores beside the champion and decides nothing.", no_args_is_help=True)
    for of_shadow in (start, end, report):
        shadow.command()(of_shadow)
    app.add_typer(shadow, name="shadow")


def set_share(
    domain_name: Slug,
    version: Annotated[str, _VERSION],
    share: Annotated[float, _SHARE],
    by: Annotated[str, _BY],
    why: Annotated[str, _WHY],
    force: Annotated[bool, typer.Option("--force", help="Although the gate refused; the record says so.")] = False,
) -> None:
    """Let a version decide a share of subjects, or change the share; `riskloom promote` makes it champion."""
    from riskloom.lifecycle.assignment import ensure_assignment_key, key_of_canary  # noqa: PLC0415
    from riskloom.registry.beside import start_canary  # noqa: PLC0415

    settings, name = load_settings(), load_domain(domain_name).name
    record = start_canary(
        settings.registry,
        model_store(settings),
        name,
        version,
        share=share,
        key=key_of_canary(ensure_assignment_key(settings.keys), name, version),
        by=by,
        why=why,
        at=datetime.now(UTC),
        force=force,
    )
    typer.echo(f"canary of {name}: version {version} decides {share:.2%} of subjects, {record.champion} the rest")


def take_back(domain_name: Slug, by: Annotated[str, _BY], why: Annotated[str, _WHY]) -> None:
    """Give every subject back to the champion."""
    from riskloom.registry.beside import end_canary  # noqa: PLC0415

    settings, name = load_settings(), load_domain(domain_name).name
    record = end_canary(settings.registry, name, by=by, why=why, at=datetime.now(UTC))
    typer.echo(f"{name}: version {record.history[-1].version} is taken back, {record.champion} decides all subjects")


def start(
    domain_name: Slug, version: Annotated[str, _VERSION], by: Annotated[str, _BY], why: Annotated[str, _WHY]
) -> None:
    """Let a version score beside the champion, in the place of another one."""
    from riskloom.registry.beside import start_shadow  # noqa: PLC0415

    settings, name = load_settings(), load_domain(domain_name).name
    record = start_shadow(settings.registry, model_store(settings), name, version, by=by, why=why, at=datetime.now(UTC))
    typer.echo(f"{name}: version {record.shadow} is in shadow of version {record.champion}")


def end(domain_name: Slug, by: Annotated[str, _BY], why: Annotated[str, _WHY]) -> None:
    """Take the version in shadow away; what it said stays in the ledger."""
    from riskloom.registry.beside import end_shadow  # noqa: PLC0415

    settings, name = load_settings(), load_domain(domain_name).name
    record = end_shadow(settings.registry, name, by=by, why=why, at=datetime.now(UTC))
    typer.echo(f"{name}: version {record.history[-1].version} is in shadow no more")


def report(
    domain_name: Slug,
    version: Annotated[str | None, typer.Argument(help="The version's number. [default: the one in shadow]")] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Show how far a version in shadow agrees with what decided, from the decisions in the ledger."""
    from riskloom.ledger.database import reading  # noqa: PLC0415
    from riskloom.ledger.migrations import check_migrated  # noqa: PLC0415
    from riskloom.ledger.shadows import agreement  # noqa: PLC0415
    from riskloom.registry import read_record  # noqa: PLC0415

    settings, name = load_settings(), load_domain(domain_name).name
    wanted = version or read_record(settings.registry, name).shadow
    if wanted is None:
        raise RegistryError(f"{name} has no version in shadow; name one, or start it: riskloom shadow start {name}")
    engine = ledger_engine(settings)
    check_migrated(engine)
    with reading(engine) as session:
        found = agreement(session, name, wanted)
    if is_json:
        typer.echo(json.dumps(asdict(found), default=datetime.isoformat))
        return
    for line in _lines(found):
        typer.echo(line)


def _lines(found: Agreement) -> Iterator[str]:
    yield f"version {found.version} scored {found.decisions:,} decisions; {found.unscored:,} without a number"
    if found.share_changed is None:
        return
    yield f"another outcome: {found.changed:,} ({found.share_changed:.2%})"
    if found.mean_difference is not None:
        yield (
            f"its score less the one that decided: {found.mean_difference:+.4f} on average, "
            f"{found.mean_distance:.4f} without the sign, {found.largest_distance:.4f} at most"
        )
    for pair in found.pairs:
        if pair.outcome != pair.would_be:
            yield f"  {pair.outcome} would be {pair.would_be}: {pair.decisions:,}"
