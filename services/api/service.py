"""The API over what the settings point to; it runs in the console's process, beside its pages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from starlette.applications import Starlette

from riskloom.catalog import Domain
from riskloom.features import load_views
from riskloom.lifecycle.publishing import Controls
from riskloom.registry import ModelStore
from riskloom.rules import Schema, load_lists, schema_of
from riskloom.settings import Settings
from services.api.app import create_api
from services.api.calls import Api
from services.web.gate import Gate
from services.web.logs import configure_logs


def build_api(settings: Settings, controls: Controls, domains: Mapping[str, Domain]) -> Starlette:
    """
    The application over a ledger that is open.

    Args:
        settings: Where keys and models are.
        controls: Where commands are done and published.
        domains: Their declarations by name.
    """
    configure_logs()

    def schema(domain: Domain) -> Schema:
        views = load_views(domain, settings.dbt_manifest)
        return schema_of(domain, [name for view in views for name in view.features], load_lists(domain))

    api = Api(
        controls=controls,
        gate=Gate(settings.api_keys, clock=controls.clock),
        domains=domains,
        schema_of=schema,
        records=settings.registry,
        models=ModelStore(settings.bentoml_home, settings.keys),
        new_id=lambda: str(uuid.uuid4()),
    )
    return create_api(api, new_request_id=lambda: uuid.uuid4().hex)
