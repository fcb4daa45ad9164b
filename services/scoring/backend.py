"""The real back end: the registry's signed models, dbt's declared views, Feast's online store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from riskloom.catalog import Domain
from riskloom.features import (
    EntryLog,
    FeatureView,
    OnlineFeatures,
    StoreLocation,
    compute_one,
    load_views,
    open_live,
)
from riskloom.registry import LoadedModel, ModelStore, load_model, read_record


class SignedBackend:
    """
    Models and features as they lie on disk.

    Args:
        domains: The declared domains by name.
        registry: Where the records of champions are.
        models: Where the models are.
        store: Where Feast works and beside it the live windows, and what declares them.
        entries: Where the events that entered the live windows are written down.
        clock: The time, timezone-aware.
    """

    def __init__(
        self,
        domains: Mapping[str, Domain],
        *,
        registry: Path,
        models: ModelStore,
        store: StoreLocation,
        entries: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._domains = domains
        self._registry = registry
        self._models = models
        self._store = store
        self._entries = EntryLog(entries)
        self._clock = clock

    def stamp(self, domain: str) -> object:
        """What changes when the domain's record is replaced."""
        try:
            found = (self._registry / f"{domain}.json").stat()
        except OSError as error:
            return error.errno
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    def champion(self, domain: str) -> str | None:
        """The champion's version by the record."""
        return read_record(self._registry, domain).champion

    def load(self, domain: str, version: str) -> LoadedModel:
        """Check the signature and every file's hash, then open the model."""
        return load_model(self._models, domain, version)

    def views(self, domain: str) -> tuple[FeatureView, ...]:
        """The views that the marts declare."""
        return load_views(self._domains[domain], self._store.manifest)

    def open_store(self, domain: str) -> OnlineFeatures:
        """Connect to Feast's online store and to the live windows, where the domain declares some."""
        live = open_live(self._domains[domain], self._store, self._entries, self._clock)
        return OnlineFeatures.open(self._store, self.views(domain), live)

    def compute(self, domain: str, event: Mapping[str, Any], online: Mapping[str, float]) -> dict[str, float]:
        """Compute the request features with the code that computed them for training."""
        return compute_one(self._domains[domain], event, online)
