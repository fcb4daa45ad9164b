"""What uvicorn starts: ``uvicorn --factory services.console.service:build``."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime

from starlette.applications import Starlette

from riskloom.catalog import load_catalog
from riskloom.ledger.audit import AuditTrail, ensure_audit_key
from riskloom.ledger.database import open_database, sqlite_url
from riskloom.ledger.migrations import check_migrated
from riskloom.registry import ModelStore
from riskloom.settings import load_settings
from services.console.app import create_app
from services.console.models import ModelShelf
from services.console.population import Populations
from services.console.rulebook import DeclaredRules
from services.console.visit import Console
from services.memory import settle_memory

_TOKEN_BYTES = 32


def build() -> Starlette:
    """
    The application over what the settings point to.

    Raises:
        LedgerError: The ledger's tables are not this release's; says what to run.
    """
    settings = load_settings()
    url = settings.ledger_url
    engine = open_database(sqlite_url(settings.ledger) if url is None else url.get_secret_value())
    check_migrated(engine)
    app = create_app(
        Console(
            engine=engine,
            trail=AuditTrail(ensure_audit_key(settings.keys), settings.audit_anchor),
            domains=load_catalog(),
            rules=DeclaredRules(),
            models=ModelShelf(settings.registry, ModelStore(settings.bentoml_home, settings.keys)),
            populations=Populations(),
            clock=lambda: datetime.now(UTC),
            new_id=lambda: str(uuid.uuid4()),
            new_token=lambda: secrets.token_urlsafe(_TOKEN_BYTES),
        )
    )
    settle_memory()
    return app
