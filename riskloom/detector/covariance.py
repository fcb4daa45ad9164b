"""
Mahalanobis distance from the nearest of a few groups: rows whose features do not go together as they do in any group.

The covariance of the whole is shrunk as Ledoit and Wolf (2004) have it; that of a group is shrunk towards the whole,
the more the fewer rows it has. Small data are one group, which is the ordinary distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
_RIDGE = 1e-9  # keeps the matrix invertible where all columns are flat
_MOST_GROUPS = 8
_GROUP_ROWS = 500
_PRIOR_ROWS = 300  # what the whole weighs in the covariance of a group


@dataclass(frozen=True)
class Ellipsoids:
    """
    Where the groups lie.

    Attributes:
        centres: Shape (groups, columns).
        precisions: Inverse covariances, shape (groups, columns, columns).
        pulls: What one training row weighs in its group's covariance, shape (groups,).
    """

    centres: FloatArray
    precisions: FloatArray
    pulls: FloatArray

    def squared(self, view: FloatArray) -> FloatArray:
        """Squared distance from the nearest group, shape (rows,)."""
        return np.asarray(self._all(view).min(axis=0), dtype=np.float64)

    def out_of_bag(self, view: FloatArray, group_of: IntArray) -> FloatArray:
        """
        Squared distances as if no row had been part of its own group's covariance, shape (rows,).

        Taking one row out changes the covariance by a matrix of rank one, so by Sherman and Morrison the distance d
        becomes d / (1 - pull x d), with shrinkage and centre as they are.

        Args:
            view: Shape (rows, columns).
            group_of: The group whose covariance a row was part of, -1 for none, shape (rows,).
        """
        squared = self._all(view)
        for group, pull in enumerate(self.pulls):
            is_member = group_of == group
            squared[group, is_member] /= np.maximum(1 - pull * squared[group, is_member], 1e-3)
        return np.asarray(squared.min(axis=0), dtype=np.float64)

    def shares(self, view: FloatArray) -> FloatArray:
        """What part of the squared distance comes from each column, shape (rows, columns); some may be below zero."""
        nearest = self._all(view).argmin(axis=0)
        parts = np.zeros(view.shape)
        for group in range(len(self.pulls)):
            is_nearest = nearest == group
            parts[is_nearest] = self._parts(view[is_nearest], group)
        total = parts.sum(axis=1, keepdims=True)
        shares: FloatArray = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
        return shares

    def _all(self, view: FloatArray) -> FloatArray:
        squared = [self._parts(view, group).sum(axis=1) for group in range(len(self.pulls))]
        return np.asarray(np.maximum(squared, 0), dtype=np.float64)

    def _parts(self, view: FloatArray, group: int) -> FloatArray:
        offset = view - self.centres[group]
        parts: FloatArray = offset * (offset @ self.precisions[group])
        return parts


def fit_ellipsoids(view: FloatArray, *, seed: int) -> tuple[Ellipsoids, IntArray]:
    """
    Fit on rows of one view, shape (rows, columns); the second answer is the group of each row, shape (rows,).

    Groups are those of k-means, one for every five hundred rows and at most eight.
    """
    from sklearn.covariance import ledoit_wolf  # noqa: PLC0415

    whole, shrinkage = ledoit_wolf(view)
    whole = whole + _RIDGE * np.eye(len(whole))
    groups = max(1, min(_MOST_GROUPS, len(view) // _GROUP_ROWS))
    if groups == 1:
        pull = np.array([float(1 - shrinkage) / len(view)])
        return Ellipsoids(view.mean(axis=0)[None], _inverse(whole)[None], pull), np.zeros(len(view), dtype=np.int64)
    group_of = _grouped(view, groups, seed)
    groups = int(group_of.max()) + 1
    centres, precisions, pulls = [], [], []
    for group in range(groups):
        members = view[group_of == group]
        centres.append(members.mean(axis=0))
        offset = members - centres[-1]
        total = len(members) + _PRIOR_ROWS
        precisions.append(_inverse((offset.T @ offset + _PRIOR_ROWS * whole) / total))
        pulls.append(1 / total)
    return Ellipsoids(np.array(centres), np.array(precisions), np.array(pulls)), group_of


def _grouped(view: FloatArray, groups: int, seed: int) -> IntArray:
    """The group of each row, numbered without gaps."""
    from sklearn.cluster import KMeans  # noqa: PLC0415

    with_gaps = KMeans(groups, n_init=1, random_state=seed, copy_x=True).fit_predict(view)
    return np.asarray(np.unique(with_gaps, return_inverse=True)[1], dtype=np.int64)


def _inverse(covariance: FloatArray) -> FloatArray:
    precision = np.linalg.inv(covariance)
    return np.asarray((precision + precision.T) / 2, dtype=np.float64)
