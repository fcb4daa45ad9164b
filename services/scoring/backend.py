"""The real back end: signed models, read plans and rules, Feast's online store; nothing of what is declared to dbt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from riskloom.catalog import Domain
from riskloom.features import EntryLog, ReadPlan, StoreLocation, compute_one, open_live
from riskloom.intake import Door, open_door, stamp_of
from riskloom.ledger import Outbox
from riskloom.lifecycle.active import ActiveRules, Mark
from riskloom.lifecycle.floods import FloodRequest, read_requests, requests_folder, write_request
from riskloom.lifecycle.publication import publication_path, read_publication
from riskloom.pseudonyms import ensure_pseudonym_key
from riskloom.reading.reader import open_reader
from riskloom.registry import (
    LoadedModel,
    ModelStore,
    Record,
    champions_plan,
    load_model,
    load_public_key,
    plans_stamp,
    read_plan,
    read_record,
)
from riskloom.rules import load_lists, schema_of
from services.scoring.features import READ_SECONDS
from services.scoring.ports import OnlineStore


class SignedBackend:
    """
    Models and features as they lie on disk.

    Args:
        domains: The declared domains by name.
        registry: Where the records of champions are, and the read plans.
        models: Where the models are, and the keys that they, plans and rules are checked with.
        rules: Where the rules in force are.
        store: Where Feast works and beside it the live windows.
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
        """What changes when the domain's record or one of its plans is replaced."""
        return stamp_of(self._registry / f"{domain}.json"), plans_stamp(self._registry, domain)

    def record(self, domain: str) -> Record:
        """Who is champion, canary and in shadow."""
        return read_record(self._registry, domain)

    def load(self, domain: str, version: str) -> LoadedModel:
        """Check the signature and every file's hash, then open the model."""
        return load_model(self._models, domain, version)

    def plan(self, domain: str, version: str) -> ReadPlan:
        """Check the signature of a version's read plan, then read it."""
        return read_plan(self._registry, domain, version, load_public_key(self._models.keys))

    def open_store(self, domain: str, plan: ReadPlan) -> OnlineStore:
        """What reads Feast's online store and the live windows, where the plan has some."""
        live = open_live(
            self._domains[domain],
            plan.reads.windows,
            self._store,
            self._entries,
            self._clock,
            folds_later=True,
            patience=READ_SECONDS,
        )
        return open_reader(self._store, plan.reads, live, patience=READ_SECONDS)

    def events_stamp(self, domain: str) -> object:
        """What changes when the champion may read by another plan."""
        return self.stamp(domain)

    def open_door(self, domain: str) -> Door:
        """Connect to the state of the live windows, which tells events that were taken before."""
        plan = champions_plan(self._registry, domain, self._models.keys)
        return open_door(
            self._domains[domain],
            self._store,
            None if plan is None else plan.reads.windows,
            entries=self._entries,
            outbox=self._events,
            pseudonym_key=ensure_pseudonym_key(self._models.keys),
            clock=self._clock,
        )

    def compute(self, domain: str, event: Mapping[str, Any], online: Mapping[str, float]) -> dict[str, float]:
        """Compute the request features with the code that computed them for training."""
        return compute_one(self._domains[domain], event, online)

    def rules_stamp(self, domain: str) -> object:
        """What changes when the file or what conditions may speak of is replaced, or a request comes or goes."""
        files = publication_path(self._rules, domain), requests_folder(self._rules, domain)
        return *map(stamp_of, files), self.stamp(domain)

    def rules(self, domain: str) -> ActiveRules | None:
        """Check the signature, then compile the rules against what the champion's plan gives."""
        if not publication_path(self._rules, domain).exists():
            return None
        found, version = (
            read_publication(self._rules, domain, load_public_key(self._models.keys)),
            self.record(domain).champion,
        )
        if version is None:  # nothing is decided without one
            return None
        features = [name for view in self.plan(domain, version).reads.views for name in view.features]
        schema = schema_of(self._domains[domain], features, load_lists(self._domains[domain]))
        return None if found is None else ActiveRules(found, schema)

    def asked_to_stop(self, domain: str) -> set[Mark]:
        """What lies there as requests."""
        requests = (request for _, request in read_requests(self._rules, domain))
        return {(request.rule_id, request.version, request.step) for request in requests}

    def ask_to_stop(self, request: FloodRequest) -> None:
        """Leave a request beside the rules, for ``riskloom rules requests`` to take."""
        write_request(self._rules, request)
