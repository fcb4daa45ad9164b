"""The command line: ``riskloom COMMAND``. Each module registers its commands; heavy imports stay inside them."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console

from riskloom.cli import (
    assessment,
    beside,
    events,
    features,
    ingest,
    ledger,
    lists,
    monitoring,
    read_plan,
    registry,
    rules,
    scoring,
    serving,
    stack,
    training,
    users,
    watch,
)
from riskloom.errors import RiskloomError
from riskloom.settings import PATIENT_THREADS

#: Exit code of a command that was refused with a known error; a crash exits with 1 and a traceback.
REFUSED = 2


def build_app() -> typer.Typer:
    """Put all commands together."""
    app = typer.Typer(
        name="riskloom",
        help="Find abuse, threats, fraud and wrong invoices; decide, act reversibly, learn.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    modules = (
        ingest, events, features, rules, lists, training, registry, read_plan, beside, assessment, serving, scoring,
        ledger, users, monitoring, watch, stack,
    )  # fmt: skip
    for module in modules:
        module.register(app)
    return app


def main() -> None:
    """Run the command line; a known error is printed without a traceback."""
    os.environ.update({**PATIENT_THREADS, **os.environ})
    try:
        build_app()()
    except RiskloomError as error:
        Console(stderr=True, highlight=False).print(f"riskloom: {error}", markup=False, soft_wrap=True)
        sys.exit(REFUSED)
