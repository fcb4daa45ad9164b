"""The two steps of an assessment as others call them: train and save, and answer what is open."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskloom.assessment.cases import Cases, read_cases
from riskloom.assessment.model import AssessmentModel, to_amounts
from riskloom.assessment.store import AssessmentStore
from riskloom.assessment.trainer import train
from riskloom.catalog import Assessment, Domain
from riskloom.errors import ConfigError, RegistryError
from riskloom.registry import ModelStore
from riskloom.training.windows import instant

if TYPE_CHECKING:
    import pyarrow as pa


def find_assessment(domain: Domain, entity: str) -> Assessment:
    """
    A domain's assessment by what it judges.

    Raises:
        ConfigError: None is declared for it.
    """
    found = {assessment.entity: assessment for assessment in domain.assessment}
    if entity not in found:
        raise ConfigError(f"{domain.name} declares no assessment of {entity!r}; declared: {', '.join(found) or 'none'}")
    return found[entity]


def passed_version(models: ModelStore, domain: str, entity: str) -> str | None:
    """The version of an assessment's model that answers; none while none has passed."""
    return AssessmentStore(models, domain, entity).newest_passed()


def train_and_save(
    domain: Domain, entity: str, marts: Path, models: ModelStore, *, as_of: datetime, commit: str = "unknown"
) -> dict[str, Any]:
    """
    Train a model and save it signed with its verdict, whatever the gate says; the newest that passed answers.

    Returns:
        ``domain``, ``entity``, ``version``, ``is_new``, ``passed``, ``verdict``, ``metrics``, ``outcomes`` (answers on
        the holdout, how many), ``windows``, ``cases``: plain JSON.

    Raises:
        ConfigError: No such assessment.
        FeatureError: Its mart is missing or not what is declared.
        TrainingError: There is too little to learn from or to judge on.
        SignatureError: The version in use is not what was signed.
    """
    assessment = find_assessment(domain, entity)
    store = AssessmentStore(models, domain.name, entity)
    newest = store.newest_passed()
    trained = train(
        domain,
        assessment,
        read_cases(domain, assessment, marts),
        as_of=as_of,
        commit=commit,
        in_use=None if newest is None else store.load(newest),
    )
    version, is_new = store.save(trained.manifest, trained.payload, trained.verdict)
    return {
        "domain": domain.name,
        "entity": entity,
        "version": version,
        "is_new": is_new,
        "passed": trained.verdict.passed,
        "verdict": trained.verdict.model_dump(mode="json"),
        "metrics": {name: estimate.model_dump() for name, estimate in trained.manifest.metrics.items()},
        "outcomes": _counts(assessment, trained.judgement.outcomes(assessment)),
        "windows": trained.manifest.windows.model_dump(),
        "cases": {"learned from": len(trained.fitted_on), "judged on": len(trained.holdout)},
    }


def assess_open(
    domain: Domain,
    entity: str,
    marts: Path,
    models: ModelStore,
    folder: Path,
    *,
    as_of: datetime,
    version: str | None = None,
) -> dict[str, Any]:
    """
    Answer every case that is open at ``as_of`` and write the answers, ``<folder>/<domain>/<entity>/<as_of>.parquet``.

    The file has a row a case: its key, ``decision_at``, what is claimed, ``probability_valid``, ``payable_amount`` with
    ``payable_low`` and ``payable_high`` in the case's currency, ``outcome``, ``model_version``, ``as_of``. The same
    ``as_of`` again replaces it.

    Args:
        domain: The declared domain.
        entity: What is judged.
        marts: Where its mart is.
        models: Where models are.
        folder: Where answers are written.
        as_of: Timezone-aware.
        version: Of the model, whatever the gate said of it; by default the newest that passed.

    Returns:
        ``domain``, ``entity``, ``version``, ``file``, ``cases``, ``outcomes``: plain JSON.

    Raises:
        ConfigError: No such assessment, or ``as_of`` has no time zone.
        FeatureError: Its mart is missing or not what is declared.
        RegistryError: There is no version that passed, or the mart lacks a feature it takes.
        SignatureError: The version is not what was signed.
    """
    if as_of.tzinfo is None:
        raise ConfigError(f"as_of needs a time zone, found {as_of.isoformat()}")
    assessment = find_assessment(domain, entity)
    model = _open_model(AssessmentStore(models, domain.name, entity), version)
    cases = read_cases(domain, assessment, marts)
    still_open = cases.take((cases.decided < instant(as_of)) & ~cases.is_known(as_of))
    table = answers(assessment, model, still_open, as_of=as_of)
    name = as_of.astimezone(UTC).strftime("%Y-%m-%dT%H%M%S%fZ")
    path = folder / domain.name / entity / f"{name}.parquet"
    _write(table, path)
    return {
        "domain": domain.name,
        "entity": entity,
        "version": model.version,
        "file": str(path),
        "cases": len(still_open),
        "outcomes": _counts(assessment, table["outcome"].to_numpy(zero_copy_only=False)),
    }


def answers(assessment: Assessment, model: AssessmentModel, cases: Cases, *, as_of: datetime) -> pa.Table:
    """What a model says of cases, as the table that is written."""
    import pyarrow as pa  # noqa: PLC0415

    from riskloom.ingest.arrays import money  # noqa: PLC0415

    judgement = model.judge(cases)
    amounts = to_amounts(judgement, cases.claimed)
    return pa.table(
        {
            assessment.key: pa.array(cases.keys, pa.string()),
            "decision_at": pa.array(cases.decided, pa.timestamp("us")),
            assessment.amount: money(cases.claimed),
            "probability_valid": pa.array(judgement.probability, pa.float64()),
            "payable_amount": money(amounts.payable),
            "payable_low": money(amounts.low),
            "payable_high": money(amounts.high),
            "outcome": pa.array(judgement.outcomes(assessment), pa.string()),
            "model_version": pa.array([model.version] * len(cases), pa.string()),
            "as_of": pa.array([instant(as_of)] * len(cases), pa.timestamp("us")),
        }
    )


def _open_model(store: AssessmentStore, version: str | None) -> AssessmentModel:
    chosen = version or store.newest_passed()
    if chosen is None:
        count = len(store.versions())
        why = f"the gate refused all {count}" if count else "none was trained"
        raise RegistryError(f"{store.domain}'s assessment {store.entity} has no version that passed: {why}")
    return store.load(chosen)


def _counts(assessment: Assessment, outcomes: Any) -> dict[str, int]:
    return {name: int(np.sum(outcomes == name)) for name in assessment.outcomes.names}


def _write(table: pa.Table, path: Path) -> None:
    """Put the file in place as a whole."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(table, draft, compression="zstd")
    draft.replace(path)
