"""What uvicorn starts: ``uvicorn --factory services.console.service:build``."""

from __future__ import annotations

import secrets
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp

from riskloom.catalog import load_catalog
from riskloom.ledger.audit import AuditTrail, ensure_audit_key
from riskloom.ledger.database import open_database, sqlite_url
from riskloom.ledger.migrations import check_migrated
from riskloom.lifecycle.assignment import ensure_assignment_key
from riskloom.lifecycle.publishing import Controls
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.registry import ModelStore, ensure_signing_key
from riskloom.settings import environment, load_settings
from services.api.app import beside
from services.api.service import build_api
from services.console.app import create_app
from services.console.models import ModelShelf
from services.console.population import Populations
from services.console.rulebook import DeclaredRules
from services.console.trials import CommandRunner, Trials
from services.console.visit import Console
from services.console.vocabularies import Vocabularies
from services.memory import settle_memory

_TOKEN_BYTES = 32
_PROGRAM = Path(sys.executable).with_name("riskloom")


def build() -> ASGIApp:
    """
    The application over what the settings point to: the console's pages, and the API beside them.

    Raises:
        LedgerError: The ledger's tables are not this release's; says what to run.
    """
    settings = load_settings()
    url = settings.ledger_url
    engine = open_database(sqlite_url(settings.ledger) if url is None else url.get_secret_value())
    check_migrated(engine)
    trail = AuditTrail(ensure_audit_key(settings.keys), settings.audit_anchor)
    controls = Controls(
        engine=engine,
        trail=trail,
        folder=settings.rules,
        signing_key=ensure_signing_key(settings.keys),
        assignment_key=ensure_assignment_key(settings.keys),
        pseudonym_key=ensure_pseudonym_key(settings.keys),
        clock=_now,
    )
    # One of the cores stays with the pages.
    runner = CommandRunner([str(_PROGRAM)], {**environment(settings), "RISKLOOM_DUCKDB_THREADS": "1"})
    domains = load_catalog()
    pages = create_app(
        Console(
            engine=engine,
            trail=trail,
            domains=domains,
            rules=DeclaredRules(),
            controls=controls,
            vocabularies=Vocabularies(settings.dbt_manifest),
            trials=Trials(runner, clock=_now),
            models=ModelShelf(settings.registry, ModelStore(settings.bentoml_home, settings.keys)),
            populations=Populations(),
            clock=_now,
            new_id=lambda: str(uuid.uuid4()),
            new_token=lambda: secrets.token_urlsafe(_TOKEN_BYTES),
        )
    )
    app = beside(pages, build_api(settings, controls, domains))
    settle_memory()
    return app


def _now() -> datetime:
    return datetime.now(UTC)
