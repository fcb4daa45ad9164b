"""Models explain themselves consistently, and the same model is always the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from riskloom.errors import RegistryError
from riskloom.registry import Kind
from riskloom.registry.manifest import digest
from riskloom.registry.scorers import FloatArray, Linear, Scorer, open_scorer
from riskloom.settings import PROJECT_ROOT
from tests.registry.models import KINDS, make_fitted, make_matrix


def open_made(kind: Kind) -> Scorer:
    (name, content), *_ = make_fitted(kind).payload().items()
    return open_scorer(kind, content, np.nanmedian(make_matrix(), axis=0), file=name)


def log_odds(probability: FloatArray) -> FloatArray:
    return np.log(probability / (1 - probability))


def digests() -> dict[str, str]:
    """The hash of every kind's payload."""
    return {kind: digest(content) for kind in KINDS for content in make_fitted(kind).payload().values()}


def test_the_same_rows_give_the_same_bytes_in_another_process() -> None:
    """Neither the addresses of objects nor the order of hashes nor the number of threads leaves a trace."""
    code = "import json; from tests.registry.test_scorers import digests; print(json.dumps(digests()))"
    other = {**os.environ, "PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=other, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == digests()


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_scores_as_a_matrix_of_one_row(kind: Kind) -> None:
    """To the last bit, so that replaying a decision gives it again; missing values are among them."""
    scorer, matrix = open_made(kind), make_matrix(rows=200, seed=4)
    assert [scorer.raw_one(row) for row in matrix] == [scorer.raw(row.reshape(1, -1)).item() for row in matrix]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [0, 1, 2, 7, 150])
def test_many_rows_score_as_each_alone(kind: Kind, rows: int) -> None:
    """To the last bit, so that a batch decides what its events would have been decided alone."""
    scorer, matrix = open_made(kind), make_matrix(rows=rows, seed=5)
    assert scorer.raw_each(matrix).tolist() == [scorer.raw_one(row) for row in matrix]


def test_a_row_of_another_length_is_refused() -> None:
    """LightGBM itself would read beyond the end of a row that is too short."""
    with pytest.raises(RegistryError, match="expected a row of 3 features, found shape"):
        open_made("lightgbm").raw_one(np.zeros(2))


@pytest.mark.parametrize("kind", ["logistic_regression", "lightgbm"])
def test_contributions_add_up_to_the_score(kind: Kind) -> None:
    """For trees and lines the contributions differ from the log-odds by one constant, the same for every row."""
    scorer, matrix = open_made(kind), make_matrix(rows=80, seed=2)
    rest = log_odds(scorer.raw(matrix)) - scorer.contributions(matrix).sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["hist_gradient_boosting", "lightgbm"])
def test_a_row_is_explained_as_among_many(kind: Kind) -> None:
    """What drives a row does not depend on the rows it stands with, to the last bit."""
    scorer, matrix = open_made(kind), make_matrix(rows=20, seed=2)
    alone = np.concatenate([scorer.contributions(row.reshape(1, -1)) for row in matrix])
    assert alone.tolist() == scorer.contributions(matrix).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_what_drives_the_score_contributes_most(kind: Kind) -> None:
    """A row with an extreme first feature is explained by it."""
    row = np.array([[5.0, 0.1, 0.1]])
    assert open_made(kind).contributions(row)[0].argmax() == 0


def test_the_line_equals_its_pipeline() -> None:
    """The four lines of numpy give what scikit-learn's pipeline gives, with missing values too."""
    fitted, matrix = make_fitted("logistic_regression"), make_matrix(rows=200, seed=4)
    matrix[:5] = np.nan
    np.testing.assert_allclose(Linear(fitted.model).raw(matrix), fitted.raw(matrix), rtol=1e-12)


def test_the_line_survives_huge_values() -> None:
    """Values far outside training saturate the score instead of overflowing."""
    scores = open_made("logistic_regression").raw(np.array([[1e300, 0, 0], [-1e300, 0, 0]]))
    assert np.isfinite(scores).all()
    assert scores[0] > scores[1]
