"""A run-time home in which every declared domain can be scored: real views, a real online store, a real small model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import lightgbm
import numpy as np

from riskloom.access import METRICS, create_key
from riskloom.catalog import Domain
from riskloom.features import FeatureView, PlanCompiler, ReadPlan, StoreLocation, apply, load_views, open_store
from riskloom.features.dbt import DbtProject, parse
from riskloom.features.live import decided_stream, open_state, to_us
from riskloom.pseudonyms import KEY_FILE, Pseudonyms
from riskloom.registry import (
    Calibration,
    FeatureSpec,
    ModelManifest,
    ModelStore,
    Verdict,
    Windows,
    promote,
    save_model,
)
from riskloom.registry.manifest import digest
from riskloom.settings import Settings, environment
from riskloom.windows import WindowFeature, WindowPlan, load_plan
from riskloom.windows.engine import WindowEngine, mark_bootstrapped
from riskloom.wiring import store_location

#: What entities are called, whatever their kind.
CALM, FLAGGED = "calm-1", "flagged-1"
#: The model flags a row whose decisive feature is above this.
EDGE = 0.5
#: Draws none of the subjects that the tests score.
RELEASE_SECRET = b"tests".ljust(32, b".")
PSEUDONYM_KEY = b"pseudonyms of tests".ljust(32, b".")
_ROWS = 600


def build_home(settings: Settings, domains: dict[str, Domain], *, now: datetime) -> None:
    """Parse the dbt project, put entities online and make a champion, for each domain."""
    parse(
        DbtProject(
            folder=settings.dbt_project,
            target=settings.dbt_target,
            manifest=settings.dbt_manifest,
            marts=settings.marts,
            entries=settings.entries,
            environment=environment(settings),
        )
    )
    settings.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path, key in ((settings.release_secret, RELEASE_SECRET), (settings.keys / KEY_FILE, PSEUDONYM_KEY)):
        path.write_bytes(key)
        path.chmod(0o600)
    for domain in domains.values():
        views = views_of(settings, domain)
        put_online(settings, domain, views, now=now)
        add_champion(settings, domain, views, now=now)


def views_of(settings: Settings, domain: Domain) -> tuple[FeatureView, ...]:
    """The views the project declares for a domain."""
    return load_views(domain, settings.dbt_manifest)


def plan_of(settings: Settings, domain: Domain) -> WindowPlan:
    """What is windowed in a domain."""
    return load_plan(domain, settings.dbt_manifest)


def decisive(settings: Settings, domain: Domain) -> WindowFeature:
    """The one feature the model looks at: a count of events, of a stream that is not decided itself where one is."""
    plan = plan_of(settings, domain)
    counts = [feature for view in plan.views for feature in view.windows if feature.aggregate == "count"]
    return min(counts, key=lambda feature: feature.stream == decided_stream(domain, plan))


def put_online(settings: Settings, domain: Domain, views: tuple[FeatureView, ...], *, now: datetime) -> None:
    """Let the flagged entity have one event that the decisive feature counts; nobody else has any."""
    apply(open_store(store_location(settings)), domain, views, settings.marts)
    fill_windows(settings, domain, store_location(settings), now=now)


def fill_windows(settings: Settings, domain: Domain, location: StoreLocation, *, now: datetime) -> None:
    """Put that event into the live windows of a store."""
    plan, state = plan_of(settings, domain), open_state(location)
    mark_bootstrapped(plan, state, to_us(now - timedelta(days=1)))
    feature = decisive(settings, domain)
    stream = plan.stream(feature.stream)
    named = {name: concealed(domain, name, FLAGGED) for name in stream.entities}
    seed = {stream.event_id: "seed", **dict.fromkeys(stream.fields), **named}
    seen = to_us(now - timedelta(minutes=30))
    engine = WindowEngine(plan, state, lambda: seen)
    engine.observe(stream.name, seed, effective_us=seen, scored=False)
    state.close()


def concealed(domain: Domain, column: str, text: str) -> str:
    """What the service keeps of a text in a column of the event."""
    return Pseudonyms(domain.event_table, PSEUDONYM_KEY).of(column, text)


def add_champion(
    settings: Settings,
    domain: Domain,
    views: tuple[FeatureView, ...],
    *,
    now: datetime,
    seed: int = 0,
    gone: tuple[str, ...] = (),
) -> str:
    """
    Train a small LightGBM model on the decisive feature, save it signed, promote it; gives the version.

    ``gone`` are features it was trained with besides, and that nothing gives any more.
    """
    store = ModelStore(home=settings.bentoml_home, keys=settings.keys)
    names = (*(name for view in views for name in view.features), *domain.request_features, *gone)
    payload = {"model.txt": _train(names.index(decisive(settings, domain).name), len(names), seed)}
    manifest = _manifest(domain, names, payload, seed)
    verdict = Verdict(
        passed=True, reasons=(), metric=domain.gate.metric, value=0.9, interval=(0.8, 1.0), minimum=0.1, rows=_ROWS,
        positives=_ROWS // 2, as_of=now.isoformat(),
    )  # fmt: skip
    saved = save_model(store, manifest, payload, verdict, documents={})

    def compile_plan(name: str, version: str, features: Sequence[str]) -> ReadPlan:
        there = [feature for feature in features if feature not in gone]
        return PlanCompiler(store_location(settings))(name, version, there)

    promote(
        settings.registry,
        store,
        domain.name,
        saved.version,
        compile_plan=compile_plan,
        by="tests",
        why="a model to score with",
        at=now,
    )
    return saved.version


def add_key(path: Path, name: str, *scopes: str, now: datetime) -> str:
    """Make an API key whose secret follows from its name."""
    return create_key(path, name, scopes, created_at=now, secret=name.encode().ljust(32, b"."))


def standard_keys(path: Path, domains: dict[str, Domain], *, now: datetime) -> dict[str, str]:
    """One key for each sort of caller."""
    first = next(iter(domains))
    return {
        "scorer": add_key(path, "scorer", "score:*", now=now),
        "one-domain": add_key(path, "one-domain", f"score:{first}", now=now),
        "elsewhere": add_key(path, "elsewhere", "score:some_other_domain", now=now),
        "scraper": add_key(path, "scraper", METRICS, now=now),
    }


def _train(column: int, width: int, seed: int) -> bytes:
    random = np.random.default_rng(seed)
    matrix = random.random((_ROWS, width))
    data = lightgbm.Dataset(matrix, label=matrix[:, column] > EDGE)
    parameters = {"objective": "binary", "verbosity": -1, "num_leaves": 4, "num_threads": 1, "seed": seed}
    text: str = lightgbm.train(parameters, data, num_boost_round=100).model_to_string()
    return text.encode("ascii")


def _manifest(domain: Domain, names: tuple[str, ...], payload: dict[str, bytes], seed: int) -> ModelManifest:
    day = "2026-01-01T00:00:00Z"
    return ModelManifest(
        domain=domain.name,
        kind="lightgbm",
        params={},
        features=tuple(FeatureSpec(name=name, reference=0.5, missing=0.0, importance=0.0) for name in names),
        request_features=tuple(domain.request_features),
        calibration=Calibration(method="none", raw=(0.0, 1.0), probability=(0.0, 1.0)),
        windows=Windows(fit_start=day, fit_end=day, holdout_start=day, holdout_end=day),
        as_of=day,
        seed=seed,
        rows=_ROWS,
        positives=_ROWS // 2,
        metrics={},
        data_fingerprint=digest(b"tests"),
        commit="tests",
        libraries={},
        files={name: digest(content) for name, content in payload.items()},
    )
