"""The SQL of two windowed views over one stream, rendered by the project's own macros in a project made for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from riskloom.features import dbt
from riskloom.settings import PROJECT_ROOT

SPANS = {"1h": "5m", "1d": "1h", "7d": "6h", "30d": "1d"}
AGGREGATES = ("count", "sum", "max")
KEYS = ("customer", "terminal")
STREAM = "bench__stream_events"
_FIELD = {"sum": {"field": "amount"}, "max": {"field": "amount"}}


def render(folder: Path, variables: Mapping[str, object]) -> dict[str, str]:
    """
    The query of each key's windows, by key; the stream is ``warehouse.marts.bench__stream_events``.

    Args:
        folder: Empty; the project is written to it.
        variables: For dbt, beside those every run needs.
    """
    project = folder / "project"
    shutil.copytree(PROJECT_ROOT / "dbt_project" / "macros", project / "macros")
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT_ROOT / "dbt_project" / name, project / name)
    _write_models(project / "models")
    everything = {
        "as_of": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
        "maturity": "7d",
        "snapshots": False,
        **variables,
    }
    done = subprocess.run(
        [*dbt.COMMAND, "compile", "--vars", json.dumps(everything)],
        cwd=project,
        env={
            **os.environ,
            "RISKLOOM_HOME": str(folder),
            "DBT_PROJECT_DIR": str(project),
            "DBT_PROFILES_DIR": str(project),
            "DBT_TARGET_PATH": str(project / "target"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    compiled = project / "target" / "compiled" / "riskloom" / "models" / "intermediate" / "bench"
    return {key: (compiled / f"int_bench__{key}_windows.sql").read_text(encoding="utf-8") for key in KEYS}


def _write_models(models: Path) -> None:
    stream = {
        "domain": "bench",
        "name": "events",
        "table": "bench__events",
        "event_id": "event_id",
        "entities": [f"{key}_id" for key in KEYS],
        "fields": {"amount": 2},
        "dedupe": "24h",
    }
    marts: list[dict[str, Any]] = [{"name": STREAM, "config": {"meta": {"stream": stream}}}]
    _write(models / "marts" / "bench" / f"{STREAM}.sql", "select 1 as event_id")
    for key in KEYS:
        view = {"domain": "bench", "entity": key, "join_key": f"{key}_id", "ttl": "30d", "spans": SPANS}
        columns = [
            {
                "name": f"{key}_{aggregate}_{span}",
                "config": {
                    "meta": {
                        "window": {
                            "aggregate": aggregate,
                            "stream": "events",
                            "span": span,
                            **_FIELD.get(aggregate, {}),
                        }
                    }
                },
            }
            for span in SPANS
            for aggregate in AGGREGATES
        ]
        marts.append({"name": f"bench__{key}", "config": {"meta": {"feature_view": view}}, "columns": columns})
        _write(models / "marts" / "bench" / f"bench__{key}.sql", "select 1 as entity_id")
        call = f"{{{{ windowed('bench__{key}', decisions='events', streams=['events']) }}}}"
        _write(models / "intermediate" / "bench" / f"int_bench__{key}_windows.sql", call)
    for mart in marts:
        mart["config"]["contract"] = {"enforced": False}
    _write(models / "marts" / "bench" / "bench.yml", json.dumps({"version": 2, "models": marts}))


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
