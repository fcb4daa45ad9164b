"""The forest of one row: LightGBM's predictions to the last bit, however missing values are treated."""

from __future__ import annotations

import re
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from riskloom.registry.forest import Forest, UnreadableForestError
from riskloom.registry.lightgbm_library import Trees
from riskloom.registry.scorers import BoostedTrees

Matrix = NDArray[np.float64]
ROWS, FEATURES = 400, 6


def rows(seed: int, thresholds: Matrix | None = None) -> Matrix:
    """Numbers of all sizes, with what is missing, noughts, what passes for nought, infinities, and exact thresholds."""
    random = np.random.default_rng(seed)
    found: Matrix = random.normal(size=(ROWS, FEATURES)) * 10 ** random.uniform(-40, 8, size=(ROWS, FEATURES))
    for value in (np.nan, 0.0, -0.0, 1e-35, -1e-36, np.inf, -np.inf):
        found[random.random(found.shape) < 0.06] = value
    if thresholds is not None:
        drawn = random.random(found.shape) < 0.3
        found[drawn] = random.choice(thresholds, size=int(drawn.sum()))
    return found


def trained(**parameters: Any) -> str:
    """The text of a model whose label hangs on what is missing as well."""
    seen = rows(1)
    label = (np.nan_to_num(seen[:, 0], nan=2.0) + np.isnan(seen[:, 1]) > seen[:, 2]).astype(float)
    settings = {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 3, "num_leaves": 9, "num_threads": 1}
    dataset = lgb.Dataset(seen, label, params={"verbosity": -1}, **parameters.pop("data", {}))
    return str(lgb.train({**settings, **parameters}, dataset, num_boost_round=25).model_to_string())


@pytest.mark.parametrize(
    "parameters",
    [{}, {"zero_as_missing": True}, {"use_missing": False}, {"sigmoid": 0.7}, {"boosting": "dart"}, {"max_depth": 1}],
    ids=str,
)
def test_it_predicts_what_lightgbm_does(parameters: dict[str, Any]) -> None:
    """Every row, to the last bit; rows that stand exactly on a threshold among them."""
    text = trained(**parameters)
    forest, trees = Forest(text), Trees(text)
    seen = rows(2, forest.thresholds[np.isfinite(forest.thresholds)])
    expected = trees.predict(seen)
    assert len(np.unique(expected)) > 10
    assert [forest.predict_one(row) for row in seen] == expected.tolist()


def test_a_tree_without_a_split_adds_its_leaf() -> None:
    """A label that nothing tells gives trees of one leaf."""
    dataset = lgb.Dataset(np.zeros((50, 1)), np.arange(50) % 2, params={"verbosity": -1})
    text = lgb.train({"objective": "binary", "verbosity": -1}, dataset, num_boost_round=3).model_to_string()
    assert Forest(text).predict_one(np.array([5.0])) == Trees(text).predict(np.array([[5.0]]))[0]


@pytest.mark.parametrize(
    "parameters",
    [{"objective": "regression"}, {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}],
    ids=str,
)
def test_another_sort_of_ensemble_is_not_read(parameters: dict[str, Any]) -> None:
    """It says so; nothing is predicted wrongly."""
    with pytest.raises(UnreadableForestError):
        Forest(trained(**parameters))


@pytest.mark.parametrize(("name", "value"), [("split_feature", "6"), ("left_child", "0"), ("right_child", "-99")])
def test_a_tree_that_leads_astray_is_not_read(name: str, value: str) -> None:
    """A feature that is not there, a node that leads back, and a leaf that is not there: none is followed."""
    text = re.sub(rf"(?m)^({name}=)\S+", rf"\g<1>{value}", trained(), count=1)
    with pytest.raises(UnreadableForestError):
        Forest(text)


def test_what_it_does_not_read_lightgbm_predicts() -> None:
    """A model with splits by category scores a row as it scores a matrix."""
    seen = np.column_stack([np.arange(200) % 7, np.arange(200) % 11]).astype(float)
    label = np.isin(seen[:, 0], (1, 4, 6)).astype(float)
    dataset = lgb.Dataset(seen, label, categorical_feature=[0], params={"verbosity": -1})
    settings = {"objective": "binary", "verbosity": -1, "min_data_per_group": 1, "cat_smooth": 0.0}
    text = lgb.train(settings, dataset, num_boost_round=3).model_to_string()
    with pytest.raises(UnreadableForestError, match="by number"):
        Forest(text)
    scorer = BoostedTrees(text.encode(), 2, file="model.txt")
    assert [scorer.raw_one(row) for row in seen] == scorer.raw(seen).tolist()
