"""The command for read plans: what a model version's features are read by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from riskloom.catalog import load_domain
from riskloom.cli.features import Slug
from riskloom.errors import RegistryError
from riskloom.settings import load_settings
from riskloom.wiring import model_store, plan_compiler

if TYPE_CHECKING:
    from riskloom.features import ReadPlan

_DAY_US = 86_400_000_000


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(name="read-plan")(read_plan)


def read_plan(
    domain_name: Slug,
    version: Annotated[str | None, typer.Argument(help="The version's number. [default: the champion]")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Compile it anew first, from what is declared now.")] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Print the plan as one line of JSON.")] = False,
) -> None:
    """Show what a model version's features are read by, after a check of its signature."""
    from riskloom import registry  # noqa: PLC0415
    from riskloom.registry.record import changing  # noqa: PLC0415

    settings, name = load_settings(), load_domain(domain_name).name
    store, wanted = model_store(settings), version or registry.read_record(settings.registry, name).champion
    if wanted is None:
        raise RegistryError(f"{name} has no champion yet; name a version, or promote one")
    if renew:
        with changing(settings.registry, name):
            registry.renew_plan(settings.registry, store, name, wanted, compile_plan=plan_compiler(settings))
    plan = registry.read_plan(settings.registry, name, wanted, registry.load_public_key(store.keys))
    if is_json:
        typer.echo(plan.to_bytes())
        return
    for line in (*_head(plan), *_views(plan)):
        typer.echo(line)


def _head(plan: ReadPlan) -> Iterator[str]:
    windows = plan.reads.windows
    yield f"version {plan.version} of {plan.domain}: {len(plan.features)} features; plan {plan.digest[:16]}"
    yield f"layout {plan.reads.layout}, project {plan.reads.project}"
    if windows.views:
        streams = ", ".join(stream.name for stream in windows.streams)
        yield f"windows over {streams}, state {windows.state_name}"
    yield f"of the request: {', '.join(plan.request_features) or 'nothing'}"


def _views(plan: ReadPlan) -> Iterator[str]:
    """Each view with where it is read, and its features; those that the model takes have a star."""
    taken = frozenset(plan.features)
    for view in plan.reads.views:
        source = "live windows" if view.is_windowed else view.table
        yield f"{view.name}: by {view.join_key} from {source}, used for {view.ttl_us / _DAY_US:g} d"
        for feature in view.planned:
            default = "" if feature.default is None else f", {feature.default:g} where it is unknown"
            yield f"  {'*' if feature.name in taken else ' '} {feature.name} ({feature.type}{default})"
