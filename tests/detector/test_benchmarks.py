"""The public benchmark on small slices of the real data, what it says of input it cannot use, and mixed tables."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from scipy.io import savemat
from typer.testing import CliRunner

from riskloom.cli import build_app
from riskloom.detector import MixedColumns, learn_columns
from riskloom.detector.benchmarks.odds import read_set, read_sets
from riskloom.errors import ConfigError, DetectorError


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    """The whole command line."""
    return build_app()


def test_odds_runs_on_real_sets(app: typer.Typer, reference_data: Path, tmp_path: Path) -> None:
    """Two small sets with one split each; the last line holds their figures and the mean."""
    for name in ("wbc", "ionosphere"):
        shutil.copy(reference_data / "odds" / f"{name}.mat", tmp_path)
    done = CliRunner().invoke(app, ["benchmark", "odds", "--data", str(tmp_path), "--seeds", "1", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found["sets"]) == ["ionosphere", "wbc"]
    assert min(found["sets"].values()) > 0.85
    assert found["mean_auc"] == pytest.approx(np.mean(list(found["sets"].values())), abs=1e-4)


def test_directories_and_files_without_sets_are_refused(tmp_path: Path) -> None:
    """No directory, nothing in it, bytes that are no MATLAB file, variables that are missing or do not fit."""
    with pytest.raises(ConfigError, match="found no directory"):
        list(read_sets(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="found none"):
        list(read_sets(tmp_path))
    path = tmp_path / "bad.mat"
    for content in (b"", b"nonsense", b"\x00" * 200):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"bad\.mat: expected a MATLAB file"):
            read_set(path)
    rows, labels = np.ones((30, 2)), np.tile([0, 1], 15)
    for variables, expected in (
        ({"X": rows}, "found no y"),
        ({"X": rows, "y": labels[:20]}, "as many rows in X as in y"),
        ({"X": rows, "y": labels + 1}, "y: expected 0 and 1"),
        ({"X": rows, "y": np.array(["a"] * 30)}, "expected numbers in X and y"),
    ):
        savemat(path, variables)
        with pytest.raises(ConfigError, match=expected):
            read_set(path)


def test_a_table_of_mixed_types_becomes_a_matrix() -> None:
    """Numbers stay, each level has a column, what is new goes to the last one, and missing text is a level."""
    import pandas as pd  # noqa: PLC0415

    table = pd.DataFrame({"amount": [1.0, None, 3.0], "kind": ["b", "b", None], "is_new": [True, False, True]})
    known = learn_columns(table)
    assert known == MixedColumns({"amount": None, "kind": ("b", ""), "is_new": None})
    assert known.feature_of == [0, 1, 1, 1, 2]
    other = pd.DataFrame({"kind": ["z", None], "is_new": [True, False], "amount": [5, 6]})
    np.testing.assert_array_equal(known.matrix(other), [[5, 0, 0, 1, 1], [6, 0, 1, 0, 0]])
    with pytest.raises(DetectorError, match="kind not found"):
        known.matrix(table.drop(columns="kind"))
    with pytest.raises(DetectorError, match="column amount: expected numbers as in training"):
        known.matrix(table.assign(amount=["a", "b", "c"]))
