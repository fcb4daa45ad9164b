"""A saved detector is the same detector; anything else is refused, with what was expected and found."""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import Any

import numpy as np
import pytest

from riskloom.detector import Detector, fit_detector, from_bytes, from_state, to_bytes, to_state
from riskloom.errors import DetectorError, RegistryError
from riskloom.registry.scorers import open_scorer


@pytest.fixture(scope="module")
def detector() -> Detector:
    """Small, with a feature that can be missing."""
    matrix = np.random.default_rng(1).normal(0, 1, (300, 3))
    matrix[:30, 1] = np.nan
    return fit_detector(matrix, seed=0)


def test_a_detector_survives_being_saved(detector: Detector) -> None:
    """Scores, probabilities and contributions are the same to the last bit; so are the bytes."""
    rows = np.random.default_rng(2).normal(0, 2, (50, 3))
    again = from_bytes(to_bytes(detector))
    np.testing.assert_array_equal(again.score(rows), detector.score(rows))
    np.testing.assert_array_equal(again.tail_probability(rows), detector.tail_probability(rows))
    np.testing.assert_array_equal(again.contributions(rows), detector.contributions(rows))
    assert to_bytes(again) == to_bytes(detector)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("format", np.array(2), "format: expected 1, found 2"),
        ("median", np.zeros(3), r"median: expected shape \(4,\), found \(3,\)"),
        ("median", np.zeros(4, dtype=np.float32), "median: expected 1 dimensions of float64, found 1 of float32"),
        ("median", np.array([0, 0, 0, np.nan]), "median: expected finite values"),
        ("spread", np.array([1.0, 1.0, 0.0, 1.0]), "spread: expected values above zero"),
        ("flagged", np.array([3]), "flagged: expected rising indices below 3"),
        ("feature_of", np.array([0, 1, 3]), "feature_of: expected indices below 3"),
        ("references_1", np.zeros((0, 16, 4)), "references_1: expected values, found none"),
        ("references_2", np.zeros((48, 16, 3)), r"references_2: expected shape \(48, 16, 4\)"),
        ("ellipsoid_precisions", np.zeros((1, 4, 3)), r"ellipsoid_precisions: expected shape \(1, 4, 4\)"),
        ("tail", np.array([0.05, -0.1, 1.0]), "tail: expected a share, a shape and a scale"),
        ("tail_quantiles", np.array([1.0, 0.0]), "tail_quantiles: expected rising scores"),
    ],
)
def test_a_state_that_no_fit_gives_is_refused(detector: Detector, name: str, value: Any, expected: str) -> None:
    """The message names the array."""
    with pytest.raises(DetectorError, match=expected):
        from_state({**to_state(detector), name: value})


def test_missing_and_unknown_arrays_are_named(detector: Detector) -> None:
    """A state is whole, and holds nothing else."""
    state = to_state(detector)
    del state["unit"]
    with pytest.raises(DetectorError, match=r"missing arrays: \['unit'\], unknown arrays: \['other'\]"):
        from_state({**state, "other": np.zeros(1)})


def test_bytes_that_are_no_archive_of_arrays_are_refused(detector: Detector) -> None:
    """Cut, changed or foreign bytes, and above all a pickle, which is never opened."""
    content = to_bytes(detector)
    changed = bytearray(content)
    changed[len(content) // 2] ^= 0xFF
    objects = io.BytesIO()
    np.savez(objects, median=np.array([{"a": 1}], dtype=object))
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("median.npy", b"no array")
    for bad in (
        b"",
        b"nonsense",
        content[:-100],
        bytes(changed),
        pickle.dumps({}),
        objects.getvalue(),
        text.getvalue(),
    ):
        with pytest.raises(DetectorError):
            from_bytes(bad)


def test_the_registry_says_which_file_is_broken(detector: Detector) -> None:
    """Also where the detector is whole and takes another number of features."""
    with pytest.raises(RegistryError, match=r"model\.npz: expected an archive"):
        open_scorer("detector", b"nonsense", np.zeros(3), file="model.npz")
    with pytest.raises(RegistryError, match=r"model\.npz: expected 2 features of one column, found 3 columns"):
        open_scorer("detector", to_bytes(detector), np.zeros(2), file="model.npz")
