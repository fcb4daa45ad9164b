"""Commands for model versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from riskloom.catalog import load_domain
from riskloom.cli.features import Slug
from riskloom.errors import RegistryError
from riskloom.settings import Settings, load_settings
from riskloom.wiring import model_store, plan_compiler

if TYPE_CHECKING:
    from riskloom.registry import ModelStore

_VERSION = typer.Argument(help="The version's number.")
_BY = typer.Option(help="Who decides; kept in the record.")
_WHY = typer.Option(help="For what reason; kept in the record.")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (models, promote, rollback, card):
        app.command()(command)


def models(
    domain_name: Slug,
    is_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """List a domain's model versions, and who is champion."""
    from riskloom.registry import read_record  # noqa: PLC0415

    name, settings, store = _wire(domain_name)
    record = read_record(settings.registry, name)
    roles = {record.challenger: "challenger", record.shadow: "shadow", record.champion: "champion"}
    if record.canary is not None:
        roles[record.canary.version] = f"canary {record.canary.share:.2%}"
    rows = [{"role": roles.get(version, ""), **_version(store, name, version)} for version in store.versions(name)]
    if is_json:
        canary = None if record.canary is None else record.canary.model_dump(include={"version", "share"})
        document = {
            "champion": record.champion,
            "challenger": record.challenger,
            "canary": canary,
            "shadow": record.shadow,
            "versions": rows,
        }
        typer.echo(json.dumps(document, sort_keys=True))
        return
    table = Table("version", "role", "kind", "on the holdout", "gate", "learned until")
    for row in rows:
        figure = f"{row['metric']} {row['value']} ({row['interval']})" if row["metric"] else ""
        table.add_row(row["version"], row["role"], row["kind"], figure, row["gate"], row["until"][:10])
    Console().print(table if rows else f"{name} has no models yet: riskloom train {name}")


def promote(
    domain_name: Slug,
    version: Annotated[str, _VERSION],
    by: Annotated[str, _BY],
    why: Annotated[str, _WHY],
    force: Annotated[bool, typer.Option("--force", help="Although the gate refused; the record says so.")] = False,
) -> None:
    """Make a version the champion; refused where the gate refused it."""
    from riskloom import registry  # noqa: PLC0415

    name, settings, store = _wire(domain_name)
    record = registry.promote(
        settings.registry,
        store,
        name,
        version,
        compile_plan=plan_compiler(settings),
        by=by,
        why=why,
        at=_now(),
        force=force,
    )
    typer.echo(f"champion of {name}: version {record.champion} (before: {record.history[-1].previous or 'none'})")


def rollback(domain_name: Slug, by: Annotated[str, _BY], why: Annotated[str, _WHY]) -> None:
    """Return to the champion before the present one."""
    from riskloom import registry  # noqa: PLC0415

    name, settings, store = _wire(domain_name)
    record = registry.rollback(settings.registry, store, name, by=by, why=why, at=_now())
    typer.echo(f"champion of {name}: version {record.champion} (before: {record.history[-1].previous})")


def card(
    domain_name: Slug,
    version: Annotated[str | None, typer.Argument(help="The version's number. [default: the champion]")] = None,
) -> None:
    """Print where a version's model card is."""
    from riskloom.registry import read_record  # noqa: PLC0415
    from riskloom.registry.store import CARD  # noqa: PLC0415

    name, settings, store = _wire(domain_name)
    wanted = version or read_record(settings.registry, name).champion
    if wanted is None:
        raise RegistryError(f"{name} has no champion yet; name a version, or promote one")
    path = store.folder(name, wanted) / CARD
    if not path.is_file():
        raise RegistryError(f"{path}: no such card; known versions: {', '.join(store.versions(name)) or 'none'}")
    typer.echo(str(path))


def _wire(domain_name: str) -> tuple[str, Settings, ModelStore]:
    settings = load_settings()
    return load_domain(domain_name).name, settings, model_store(settings)


def _version(store: ModelStore, domain: str, version: str) -> dict[str, Any]:
    """A version as the list shows it; one that cannot be trusted is listed as such instead of hiding the others."""
    from riskloom.registry import load_public_key, read_verdict  # noqa: PLC0415
    from riskloom.registry.model import read_manifest  # noqa: PLC0415

    try:
        manifest = read_manifest(store.folder(domain, version), load_public_key(store.keys))
        verdict = read_verdict(store, domain, version)
    except RegistryError as error:
        empty = dict.fromkeys(("kind", "metric", "value", "interval", "until"), "")
        return {"version": version, **empty, "gate": f"cannot be trusted: {error}"}
    bounds = verdict.interval
    return {
        "version": version,
        "kind": manifest.kind,
        "metric": verdict.metric,
        "value": "n/a" if verdict.value is None else f"{verdict.value:.4f}",
        "interval": f"{bounds[0]:.4f} to {bounds[1]:.4f}" if bounds else "n/a",
        "gate": "passed" if verdict.passed else "refused",
        "until": manifest.windows.fit_end,
    }


def _now() -> datetime:
    return datetime.now(UTC)
