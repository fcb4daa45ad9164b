"""The generic test ``columns_hold``, in a dbt project that has nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from riskloom.features import dbt
from riskloom.settings import PROJECT_ROOT

GENERIC = PROJECT_ROOT / "dbt_project" / "tests" / "generic" / "columns_hold.sql"
PROFILE = "small: {target: duckdb, outputs: {duckdb: {type: duckdb, path: warehouse.duckdb}}}"
MODELS = """
models:
  - name: readings
    data_tests: [columns_hold]
    columns:
      - {name: sensor, config: {meta: {expect: [not_null]}}}
      - {name: place, config: {meta: {expect: [not_null]}}}
      - {name: litres, config: {meta: {expect: [%s, not_negative]}}}
"""
ROWS = (
    "select * from (values ('a', 'roof', 1.5), ('b', null, -2.0), ('c', null, null)) as row_of (sensor, place, litres)"
)


def build(folder: Path, expectation: str) -> tuple[dict[str, Any], str]:
    """Build the project with one more expectation of ``litres``; give the test's result, and what dbt said."""
    files = {
        "dbt_project.yml": "{name: small, profile: small, version: '1.0'}",
        "profiles.yml": PROFILE,
        "models/readings.sql": ROWS,
        "models/readings.yml": MODELS % expectation,
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder / "tests" / "generic").mkdir(parents=True)
    shutil.copy2(GENERIC, folder / "tests" / "generic")
    done = subprocess.run([*dbt.COMMAND, "build"], cwd=folder, capture_output=True, text=True, check=False)
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    return next(item for item in results if item["unique_id"].startswith("test.")), done.stdout


def test_it_names_each_column_that_does_not_hold(tmp_path: Path) -> None:
    """One query finds every column that is otherwise, what was expected of it and in how many rows."""
    result, said = build(tmp_path, "not_null")
    assert (result["status"], result["failures"]) == ("fail", 3)
    assert "columns_hold_readings" in said, "the test's name is the model's, whole"
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute(result["compiled_code"]).fetchall()
    assert sorted(rows) == [("litres", "not_negative", 1), ("litres", "not_null", 1), ("place", "not_null", 2)]


@pytest.mark.parametrize("expectation", ["not_empty", "positive"])
def test_an_unknown_expectation_is_refused(tmp_path: Path, expectation: str) -> None:
    """A misspelt expectation would test nothing: it stops the build, named with what is known."""
    result, _ = build(tmp_path, expectation)
    assert result["status"] == "error"
    expected = f"readings.litres: config.meta.expect: expected some of not_null, not_negative, found {expectation}"
    assert expected in " ".join(result["message"].split())
