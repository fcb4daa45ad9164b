"""
A boosted ensemble read from LightGBM's text form and laid out so that one row runs through it in a few microseconds.

LightGBM's own structures are spread over memory: between two requests they leave the cache, and a prediction takes ten
times as long as in a loop. Here the nodes of all trees lie side by side. Predictions are LightGBM's to the last bit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import exp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from riskloom.errors import RegistryError

_SIGMOID = re.compile(r"^objective=binary sigmoid:(\S+)$", re.MULTILINE)
_LAST_FEATURE = re.compile(r"^max_feature_idx=(\d+)$", re.MULTILINE)
_LEFT_BY_DEFAULT, _MISSING_AT, _ZERO, _NAN = 2, 2, 1, 2  # of LightGBM's decision_type


class UnreadableForestError(RegistryError):
    """An ensemble of another sort than binary trees over numbers; LightGBM itself predicts with it."""


class _Tree(NamedTuple):
    """A tree as its block of text says it."""

    features: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    decisions: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    leaves: NDArray[np.float64]


class Forest:
    """
    An ensemble for binary classification.

    Args:
        text: The model in LightGBM's text form.

    Attributes:
        thresholds: Up to which value each node goes left, shape (nodes,).

    Raises:
        UnreadableForestError: It has splits by category, linear leaves, or another objective.
    """

    def __init__(self, text: str) -> None:
        from riskloom.registry import forest_kernel  # noqa: PLC0415 - it brings a compiler

        if "\naverage_output" in text:
            raise UnreadableForestError("expected boosted trees, found a mean of trees")
        self._slope = float(_field(text, _SIGMOID))
        self._total = forest_kernel.total
        self._shape = (int(_field(text, _LAST_FEATURE)) + 1,)
        trees = list(_trees(text))
        if not all(_is_sound(tree, *self._shape) for tree in trees):
            raise UnreadableForestError("expected trees whose nodes lead on, to nodes and leaves that are there")
        nodes = np.concatenate([np.empty((0, forest_kernel.NODE), np.int64), *_laid_out(trees)])
        self._nodes = np.ascontiguousarray(nodes.reshape(-1), dtype=np.int32)
        self.thresholds = np.concatenate([tree.thresholds for tree in trees])
        self._leaves = np.concatenate([tree.leaves for tree in trees])
        self._roots = np.fromiter(_roots(trees), dtype=np.int32)

    def predict_one(self, row: NDArray[np.float64]) -> float:
        """
        The probability of one row, shape (features,), float64.

        Raises:
            RegistryError: It has another length.
        """
        if row.shape != self._shape:
            raise RegistryError(f"expected a row of {self._shape[0]} features, found shape {row.shape}")
        total = self._total(row, self._nodes, self.thresholds, self._roots, self._leaves)
        return 1.0 / (1.0 + exp(-self._slope * total))


def _trees(text: str) -> Iterator[_Tree]:
    for block in text.split("\nTree=")[1:]:
        lines = (line.partition("=") for line in block.partition("\n\n")[0].splitlines()[1:])
        said = {name: value for name, _, value in lines}
        if said["num_cat"] != "0" or said.get("is_linear", "0") != "0":
            raise UnreadableForestError("expected splits by number and leaves of one value")
        yield _Tree(
            _whole(said, "split_feature"),
            _numbers(said, "threshold"),
            _whole(said, "decision_type"),
            _whole(said, "left_child"),
            _whole(said, "right_child"),
            _numbers(said, "leaf_value"),
        )


def _is_sound(tree: _Tree, features: int) -> bool:
    """Whether what is followed without a look exists, and following it comes to an end."""
    own = np.arange(len(tree.features))
    ways = (tree.left, tree.right)
    return (
        all(len(part) == len(own) for part in (tree.thresholds, tree.decisions, *ways))
        and len(tree.leaves) == len(own) + 1
        and bool(np.all((tree.features >= 0) & (tree.features < features)))
        and all(bool(np.all((way < 0) & (way >= -len(tree.leaves)) | (way > own) & (way < len(own)))) for way in ways)
    )


def _field(text: str, pattern: re.Pattern[str]) -> str:
    found = pattern.search(text)
    if found is None:
        raise UnreadableForestError(f"expected a line {pattern.pattern}, found none")
    return found[1]


def _whole(said: dict[str, str], name: str) -> NDArray[np.int64]:
    return np.array([int(part) for part in said.get(name, "").split()], dtype=np.int64)


def _numbers(said: dict[str, str], name: str) -> NDArray[np.float64]:
    return np.array([float(part) for part in said.get(name, "").split()], dtype=np.float64)


def _laid_out(trees: list[_Tree]) -> Iterator[NDArray[np.int64]]:
    """The nodes of each tree, shape (nodes, 3), with places counted over all trees."""
    from riskloom.registry import forest_kernel  # noqa: PLC0415 - it brings a compiler

    node = leaf = 0
    for tree in trees:
        missing = tree.decisions >> _MISSING_AT & 3
        how = (
            np.where(tree.decisions & _LEFT_BY_DEFAULT, forest_kernel.GOES_LEFT, 0)
            | np.where(missing == _ZERO, forest_kernel.ZERO_IS_MISSING, 0)
            | np.where(missing == _NAN, forest_kernel.NAN_IS_MISSING, 0)
        )
        ways = [np.where(way < 0, way - leaf, way + node) for way in (tree.left, tree.right)]
        yield np.column_stack([tree.features << forest_kernel.BITS | how, *ways])
        node, leaf = node + len(tree.features), leaf + len(tree.leaves)


def _roots(trees: list[_Tree]) -> Iterator[int]:
    """Where each tree begins: at its first node, or at its leaf where it has no node."""
    node = leaf = 0
    for tree in trees:
        yield node if len(tree.features) else -1 - leaf
        node, leaf = node + len(tree.features), leaf + len(tree.leaves)
