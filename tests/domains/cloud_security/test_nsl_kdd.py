"""The public benchmark on a small slice of the real data, and what it says of input it cannot use."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from riskloom.cli import build_app
from riskloom.detector import learn_columns
from riskloom.domains.cloud_security.benchmarks.nsl_kdd import FEATURES, measure, read_connections
from riskloom.errors import ConfigError


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    """The whole command line."""
    return build_app()


@pytest.fixture(scope="module")
def connections(reference_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A training and a test file: every tenth row of the public file, the normal ones on either side."""
    lines = (reference_data / "nsl_kdd" / "KDDTrain+_20Percent.txt").read_text(encoding="ascii").splitlines()
    folder = tmp_path_factory.mktemp("nsl_kdd")
    paths = folder / "train.txt", folder / "test.txt"
    for path, offset in zip(paths, (0, 5), strict=True):
        path.write_text("\n".join(lines[offset::10]) + "\n", encoding="ascii")
    return paths


def test_nsl_kdd_is_ahead_of_principal_components(app: typer.Typer, connections: tuple[Path, Path]) -> None:
    """On a tenth of the rows already; figures have the documented names, one object a test file."""
    train, test = map(str, connections)
    done = CliRunner().invoke(app, ["benchmark", "nsl_kdd", "--train", train, "--test", test, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.splitlines()[-1])
    ours, theirs = found["tests"][0], found["baselines"]["pca_reconstruction_error"][0]
    assert set(ours) == {"file", "accuracy", "auc", "recall", "false_positive_rate"}
    assert ours["auc"] > max(0.97, theirs["auc"])
    assert ours["accuracy"] > max(0.9, theirs["accuracy"])
    assert ours["false_positive_rate"] < 0.1


def test_attack_names_and_difficulty_are_no_features(connections: tuple[Path, Path]) -> None:
    """Forty-one features, and other names of the attacks leave the detector's view of a row as it was."""
    table = read_connections(connections[0])
    assert len(FEATURES) == 41
    assert not {"attack", "difficulty"} & set(FEATURES)
    known = learn_columns(table[list(FEATURES)])
    renamed = table.assign(attack="normal", difficulty="0")
    np.testing.assert_array_equal(known.matrix(table), known.matrix(renamed))


def test_figures_that_need_a_missing_class_are_none(connections: tuple[Path, Path]) -> None:
    """A file of normal rows alone has a false-positive rate and no recall."""
    table = read_connections(connections[0])
    normal = table[table["attack"] == "normal"]
    figures = measure((lambda rows: np.zeros(len(rows)), 1.0), normal)
    assert (figures.accuracy, figures.auc, figures.recall, figures.false_positive_rate) == (1.0, None, None, 0.0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "found an empty file"),
        ("1,2,3\n", "expected 43 columns .* found 3"),
        ("1,2,3\n1,2,3,4\n", "expected 43 values a row"),
        (",".join(["a"] * 43) + "\n", "row 1: duration: expected a number, found 'a'"),
    ],
)
def test_files_that_hold_no_connections_are_refused(tmp_path: Path, content: str, expected: str) -> None:
    """The message names the file, what was expected and what was found."""
    path = tmp_path / "bad.txt"
    path.write_text(content, encoding="ascii")
    with pytest.raises(ConfigError, match=f"bad.txt: .*{expected}"):
        read_connections(path)
    with pytest.raises(ConfigError, match="found no file"):
        read_connections(tmp_path / "nowhere.txt")


def test_a_training_file_without_normal_rows_is_refused(
    app: typer.Typer, connections: tuple[Path, Path], tmp_path: Path
) -> None:
    """There is nothing to learn what is normal from."""
    path = tmp_path / "attacks.txt"
    rows = [line for line in connections[0].read_text(encoding="ascii").splitlines() if ",normal," not in line]
    path.write_text("\n".join(rows), encoding="ascii")
    done = CliRunner().invoke(app, ["benchmark", "nsl_kdd", "--train", str(path), "--test", str(connections[1])])
    assert isinstance(done.exception, ConfigError)
    assert "attack name 'normal', found none" in str(done.exception)
