"""
The three steps of a training as others call them: train and save, validate, promote.

Each takes plain arguments and answers with plain values, so an Airflow task can call one and hand its answer on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from riskloom.catalog import Domain
from riskloom.errors import LeakageError, PlanError
from riskloom.features import (
    FeatureView,
    StoreLocation,
    TrainingSet,
    ensure_feature_service,
    load_views,
    open_store,
    training_set,
)
from riskloom.registry import (
    CompilePlan,
    LoadedModel,
    ModelStore,
    challenge,
    load_model,
    promote,
    read_record,
    read_verdict,
    save_model,
    write_verdict,
)
from riskloom.registry.store import CARD
from riskloom.training.card import write_card
from riskloom.training.gate import judge
from riskloom.training.rows import labelled_rows
from riskloom.training.search import Progress
from riskloom.training.trainer import compare, contend, split, train
from riskloom.training.windows import isoformat, training_windows

if TYPE_CHECKING:
    import feast


class Source(Protocol):
    """Where training sets come from, and who must know which features a model reads."""

    def training_set(self, *, as_of: datetime, start: datetime, end: datetime) -> TrainingSet:
        """Decisions of ``[start, end)`` with features and labels as known at ``as_of``."""
        ...

    def ensure_service(self, name: str, features: tuple[str, ...]) -> None:
        """Register which features a model reads."""
        ...


def _nobody(_start: datetime, _end: datetime) -> Mapping[str, float]:
    return {}


@dataclass
class FeatureSource:
    """
    The feature store as a source; it is opened at the first use.

    ``released`` says who was let through at random in a stretch of time: subjects, with which probability.
    """

    domain: Domain
    manifest: Path
    location: StoreLocation
    marts: Path
    released: Callable[[datetime, datetime], Mapping[str, float]] = _nobody
    _opened: tuple[tuple[FeatureView, ...], feast.FeatureStore] | None = field(default=None, init=False, repr=False)

    def training_set(self, *, as_of: datetime, start: datetime, end: datetime) -> TrainingSet:
        """A point-in-time join over the marts."""
        views, store = self._open()
        released = self.released(start, end)
        return training_set(self.domain, views, store, self.marts, as_of=as_of, start=start, end=end, released=released)

    def ensure_service(self, name: str, features: tuple[str, ...]) -> None:
        """A Feast feature service with these features."""
        views, store = self._open()
        ensure_feature_service(store, self.domain, views, name=name, features=features)

    def _open(self) -> tuple[tuple[FeatureView, ...], feast.FeatureStore]:
        if self._opened is None:
            self._opened = load_views(self.domain, self.manifest), open_store(self.location)
        return self._opened


def train_and_save(
    domain: Domain,
    source: Source,
    models: ModelStore,
    registry: Path,
    *,
    as_of: datetime,
    at: datetime,
    by: str,
    commit: str = "unknown",
    on_progress: Progress = lambda _done, _total, _text: None,
) -> dict[str, Any]:
    """
    Train a challenger, save it signed with card and verdict, and note it in the record, whatever the gate says.

    Args:
        domain: The declared domain.
        source: Of training sets.
        models: Where models are kept.
        registry: Folder with the records of champions.
        as_of: Nothing observed at or after this instant plays a part; timezone-aware.
        at: When the record says it happened.
        by: Who the record says did it.
        commit: Of the code.
        on_progress: Told after each fit of the search.

    Returns:
        ``domain``, ``version``, ``is_new``, ``kind``, ``passed``, ``verdict``, ``metrics``, ``card``: plain JSON.

    Raises:
        LeakageError: A label was not known, or not mature, at ``as_of``.
        TrainingError: There is too little to learn from or to judge on.
        SignatureError: The present champion is not what was signed.
    """
    windows = training_windows(domain, as_of)
    dataset = source.training_set(as_of=as_of, start=windows.fit_start, end=windows.holdout_end)
    champion = _champion(models, registry, domain.name)
    outcome = train(
        domain,
        dataset.frame,
        dataset.features,
        as_of=as_of,
        commit=commit,
        champion=champion,
        on_progress=on_progress,
    )
    documents = write_card(domain, outcome)
    saved = save_model(models, outcome.manifest, outcome.payload, outcome.verdict, documents=documents)
    source.ensure_service(saved.feature_service, outcome.manifest.feature_names)
    record = read_record(registry, domain.name)
    if saved.version not in {record.champion, record.challenger}:
        challenge(registry, domain.name, saved.version, by=by, why=f"trained as of {isoformat(as_of)}", at=at)
    return {
        "domain": domain.name,
        "version": saved.version,
        "is_new": saved.is_new,
        "kind": outcome.manifest.kind,
        "passed": outcome.verdict.passed,
        "verdict": outcome.verdict.model_dump(mode="json"),
        "metrics": {name: estimate.model_dump() for name, estimate in outcome.manifest.metrics.items()},
        "card": str(saved.folder / CARD),
    }


def validate(
    domain: Domain, source: Source, models: ModelStore, registry: Path, version: str, *, as_of: datetime
) -> dict[str, Any]:
    """
    Judge a saved version again, against whoever is champion now, on the holdout of ``as_of``; sign the new verdict.

    Returns:
        ``domain``, ``version``, ``passed``, ``verdict``: plain JSON.

    Raises:
        LeakageError: The model learned from decisions of that holdout.
        RegistryError: There is no such version, or the source lacks one of its features.
        SignatureError: It is not what was signed.
    """
    windows = training_windows(domain, as_of)
    model = load_model(models, domain.name, version)
    if datetime.fromisoformat(model.manifest.windows.fit_end) > windows.fit_end:
        raise LeakageError(
            f"version {version} of {domain.name} learned from decisions up to {model.manifest.windows.fit_end}; "
            f"the holdout as of {isoformat(as_of)} starts at {isoformat(windows.fit_end)}"
        )
    frame = source.training_set(as_of=as_of, start=windows.fit_start, end=windows.holdout_end).frame
    rows = labelled_rows(domain, frame, model.manifest.feature_names)
    _, holdout = split(domain, rows, windows)
    champion = _champion(models, registry, domain.name)
    is_champion = champion is not None and champion.version == version
    verdict = judge(
        domain,
        holdout,
        contend(domain, holdout, model),
        champion=None if champion is None or is_champion else compare(domain, frame, windows, champion),
        seen=rows,
        as_of=as_of,
    )
    write_verdict(models, domain.name, version, verdict)
    return {
        "domain": domain.name,
        "version": version,
        "passed": verdict.passed,
        "verdict": verdict.model_dump(mode="json"),
    }


def promote_if_passed(
    domain: str,
    models: ModelStore,
    registry: Path,
    version: str,
    *,
    compile_plan: CompilePlan,
    by: str,
    why: str,
    at: datetime,
) -> dict[str, Any]:
    """
    Promote a version whose signed verdict passed; leave everything as it is where it did not.

    Nor is a version promoted of which nothing gives a feature any more.

    Returns:
        ``domain``, ``version``, ``promoted``, ``champion`` (afterwards), ``reasons``: plain JSON.

    Raises:
        RegistryError: There is no such version.
        SignatureError: The model or its verdict is not what was signed.
    """
    record = read_record(registry, domain)
    verdict = read_verdict(models, domain, version)
    reasons = list(verdict.reasons)
    if record.champion == version:
        reasons.append(f"version {version} is the champion already")
    elif verdict.passed and verdict.champion != record.champion:
        reasons.append(
            f"the verdict compares with champion {verdict.champion}, the champion is {record.champion}: validate again"
        )
    if not reasons:
        try:
            record = promote(registry, models, domain, version, compile_plan=compile_plan, by=by, why=why, at=at)
        except PlanError as error:
            reasons.append(str(error))
    return {
        "domain": domain,
        "version": version,
        "promoted": not reasons,
        "champion": record.champion,
        "reasons": reasons,
    }


def _champion(models: ModelStore, registry: Path, domain: str) -> LoadedModel | None:
    version = read_record(registry, domain).champion
    return None if version is None else load_model(models, domain, version)
