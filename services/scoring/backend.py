"""The real back end: signed models and rules, dbt's declared views, Feast's online store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from riskloom.catalog import Domain
from riskloom.features import (
    EntryLog,
    FeatureView,
    StoreLocation,
    compute_one,
    load_views,
    open_live,
)
from riskloom.intake import Door, open_door, stamp_of
from riskloom.ledger import Outbox
from riskloom.lifecycle.active import ActiveRules, Mark
from riskloom.lifecycle.floods import FloodRequest, read_requests, requests_folder, write_request
from riskloom.lifecycle.publication import publication_path, read_publication
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.reading.reader import open_reader
from riskloom.registry import LoadedModel, ModelStore, load_model, load_public_key, read_record
from riskloom.rules import load_lists, schema_of
from services.scoring.features import READ_SECONDS
from services.scoring.ports import OnlineStore


class SignedBackend:
    """
    Models and features as they lie on disk.

    Args:
        domains: The declared domains by name.
        registry: Where the records of champions are.
        models: Where the models are, and the keys that they and rules are checked with.
        rules: Where the rules in force are.
        store: Where Feast works and beside it the live windows, and what declares them.
        entries: Where the events that entered the live windows are written down.
        events: Where events that were pushed wait for their landing.
        clock: The time, timezone-aware.
    """

    def __init__(
        self,
        domains: Mapping[str, Domain],
        *,
        registry: Path,
        models: ModelStore,
        rules: Path,
        store: StoreLocation,
        entries: Path,
        events: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._domains = domains
        self._registry = registry
        self._models = models
        self._rules = rules
        self._store = store
        self._entries = EntryLog(entries)
        self._events = Outbox(events, dated_by="observed_at")
        self._clock = clock

    def stamp(self, domain: str) -> object:
        """What changes when the domain's record is replaced."""
        return stamp_of(self._registry / f"{domain}.json")

    def champion(self, domain: str) -> str | None:
        """The champion's version by the record."""
        return read_record(self._registry, domain).champion

    def load(self, domain: str, version: str) -> LoadedModel:
        """Check the signature and every file's hash, then open the model."""
        return load_model(self._models, domain, version)

    def views(self, domain: str) -> tuple[FeatureView, ...]:
        """The views that the marts declare."""
        return load_views(self._domains[domain], self._store.manifest)

    def open_store(self, domain: str) -> OnlineStore:
        """What reads Feast's online store and the live windows, where the domain declares some."""
        live = open_live(self._domains[domain], self._store, self._entries, self._clock, folds_later=True)
        return open_reader(self._store, self.views(domain), live, patience=READ_SECONDS)

    def events_stamp(self, domain: str) -> object:
        """What changes when dbt's manifest is replaced."""
        del domain
        return stamp_of(self._store.manifest)

    def open_door(self, domain: str) -> Door:
        """Connect to the state of the live windows, which tells events that were taken before."""
        return open_door(
            self._domains[domain],
            self._store,
            entries=self._entries,
            outbox=self._events,
            pseudonym_key=ensure_pseudonym_key(self._models.keys),
            clock=self._clock,
        )

    def compute(self, domain: str, event: Mapping[str, Any], online: Mapping[str, float]) -> dict[str, float]:
        """Compute the request features with the code that computed them for training."""
        return compute_one(self._domains[domain], event, online)

    def rules_stamp(self, domain: str) -> object:
        """What changes when the file is replaced, or a request comes or goes."""
        return stamp_of(publication_path(self._rules, domain)), stamp_of(requests_folder(self._rules, domain))

    def rules(self, domain: str) -> ActiveRules | None:
        """Check the signature, then compile the rules against what conditions may speak of now."""
        if not publication_path(self._rules, domain).exists():
            return None
        found = read_publication(self._rules, domain, load_public_key(self._models.keys))
        features = [name for view in self.views(domain) for name in view.features]
        schema = schema_of(self._domains[domain], features, load_lists(self._domains[domain]))
        return None if found is None else ActiveRules(found, schema)

    def asked_to_stop(self, domain: str) -> set[Mark]:
        """What lies there as requests."""
        requests = (request for _, request in read_requests(self._rules, domain))
        return {(request.rule_id, request.version, request.step) for request in requests}

    def ask_to_stop(self, request: FloodRequest) -> None:
        """Leave a request beside the rules, for ``riskloom rules requests`` to take."""
        write_request(self._rules, request)
