"""A champion for services to score with, where only its speed matters."""

from __future__ import annotations

from benchmarks.workbench import Built, Workbench
from riskloom.errors import ServiceError
from riskloom.registry import LoadedModel, load_model
from riskloom.training.pipeline import promote_if_passed, train_and_save
from riskloom.wiring import feature_source, model_store, plan_compiler


def champion(bench: Workbench, built: Built) -> LoadedModel:
    """A promoted LightGBM model; one setting, since only its speed matters here."""
    domain = bench.domain
    plan = domain.training.model_copy(update={"candidates": ("lightgbm",), "trials": 1})
    gate = domain.gate.model_copy(update={"minimum": 0.0, "tolerance": 0.0, "min_positives": 1})
    quick = domain.model_copy(update={"training": plan, "gate": gate})
    store, registry = model_store(built.settings), built.settings.registry
    at = built.as_of
    saved = train_and_save(
        quick, feature_source(built.settings, domain), store, registry, as_of=at, at=at, by="benchmarks"
    )
    version = str(saved["version"])
    answer = promote_if_passed(
        domain.name,
        store,
        registry,
        version,
        compile_plan=plan_compiler(built.settings),
        by="benchmarks",
        why="to be measured",
        at=at,
    )
    if not answer["promoted"]:
        raise ServiceError(f"{domain.name}: no champion to measure: {'; '.join(answer['reasons'])}")
    return load_model(store, domain.name, version)
