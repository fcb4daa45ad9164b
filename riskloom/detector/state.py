"""
A detector as plain arrays, and as the bytes of an ``.npz`` archive without pickle.

Whatever is loaded is checked: every array is there and no other, has the type and shape that the others ask for, and
holds values that a fitted detector can have. The same detector gives the same bytes.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskloom.detector.covariance import Ellipsoids
from riskloom.detector.model import METRICS, PARTS, Detector
from riskloom.detector.preparation import Preparation
from riskloom.detector.references import References
from riskloom.detector.tail import Tail
from riskloom.errors import DetectorError

State = dict[str, NDArray[Any]]
_FORMAT = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip archive can hold
_INTEGERS = frozenset({"format", "flagged", "feature_of"})
_POSITIVE = frozenset({"spread", "deviation", "unit", "part_spread", "part_weights"})
_VIEWS = tuple(f"references_{number}" for number in range(len(METRICS)))
#: Every array with its number of dimensions.
_DIMENSIONS = {
    "format": 0,
    "feature_of": 1,
    "median": 1,
    "spread": 1,
    "mean": 1,
    "deviation": 1,
    "flagged": 1,
    **dict.fromkeys(_VIEWS, 3),
    "ellipsoid_centres": 2,
    "ellipsoid_precisions": 3,
    "ellipsoid_pulls": 1,
    "unit": 1,
    "part_centre": 1,
    "part_spread": 1,
    "part_weights": 1,
    "tail_quantiles": 1,
    "tail": 1,
}


def to_state(detector: Detector) -> State:
    """A detector as named arrays of float64 and int64."""
    prepared, tail = detector.preparation, detector.tail
    return {
        "format": np.array(_FORMAT, dtype=np.int64),
        "feature_of": detector.feature_of.astype(np.int64),
        "median": prepared.median,
        "spread": prepared.spread,
        "mean": prepared.mean,
        "deviation": prepared.deviation,
        "flagged": prepared.flagged.astype(np.int64),
        **{name: each.rows for name, each in zip(_VIEWS, detector.references, strict=True)},
        "ellipsoid_centres": detector.ellipsoids.centres,
        "ellipsoid_precisions": detector.ellipsoids.precisions,
        "ellipsoid_pulls": detector.ellipsoids.pulls,
        "unit": detector.unit,
        "part_centre": detector.centre,
        "part_spread": detector.spread,
        "part_weights": detector.weights,
        "tail_quantiles": tail.quantiles,
        "tail": np.array([tail.share, tail.shape, tail.scale], dtype=np.float64),
    }


def from_state(state: Mapping[str, NDArray[Any]]) -> Detector:
    """
    A detector from named arrays.

    Raises:
        DetectorError: The arrays are no whole detector; names the array, what was expected and what was found.
    """
    _check_arrays(state)
    _check_shapes(state)
    _check_values(state)
    first, second, third = (References(metric, state[name]) for metric, name in zip(METRICS, _VIEWS, strict=True))
    share, shape, scale = (float(value) for value in state["tail"])
    return Detector(
        preparation=Preparation(*(state[name] for name in ("median", "spread", "mean", "deviation", "flagged"))),
        references=(first, second, third),
        ellipsoids=Ellipsoids(*(state[f"ellipsoid_{name}"] for name in ("centres", "precisions", "pulls"))),
        unit=state["unit"],
        centre=state["part_centre"],
        spread=state["part_spread"],
        weights=state["part_weights"],
        tail=Tail(state["tail_quantiles"], share, shape, scale),
        feature_of=state["feature_of"],
    )


def to_bytes(detector: Detector) -> bytes:
    """The state as an ``.npz`` archive with sorted members and no times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in sorted(to_state(detector).items()):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def from_bytes(content: bytes) -> Detector:
    """
    A detector from the bytes of an archive; raises as :func:`from_state` does.

    Raises:
        DetectorError: The bytes are no archive of plain arrays, or no whole detector.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            state = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, KeyError, AttributeError) as error:
        raise DetectorError(f"expected an archive of plain arrays, found {error}") from error
    return from_state(state)


def _check_arrays(state: Mapping[str, NDArray[Any]]) -> None:
    if set(state) != set(_DIMENSIONS):
        missing, strange = sorted(set(_DIMENSIONS) - set(state)), sorted(set(state) - set(_DIMENSIONS))
        raise DetectorError(f"detector: missing arrays: {missing or 'none'}, unknown arrays: {strange or 'none'}")
    for name, dimensions in _DIMENSIONS.items():
        array, kind = state[name], np.dtype(np.int64 if name in _INTEGERS else np.float64)
        if array.dtype != kind or array.ndim != dimensions:
            raise _wrong(name, f"{dimensions} dimensions of {kind}", f"{array.ndim} of {array.dtype}")
    if int(state["format"]) != _FORMAT:
        raise _wrong("format", str(_FORMAT), str(int(state["format"])))


def _check_shapes(state: Mapping[str, NDArray[Any]]) -> None:
    inputs, flags = len(state["feature_of"]), len(state["flagged"])
    columns, groups = inputs + flags, len(state["ellipsoid_pulls"])
    expected: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(("median", "spread", "mean", "deviation"), (columns,)),
        "ellipsoid_centres": (groups, columns),
        "ellipsoid_precisions": (groups, columns, columns),
        **dict.fromkeys(("unit", "part_centre", "part_spread", "part_weights"), (PARTS,)),
        **{name: (*state[name].shape[:2], columns) for name in _VIEWS},
        "tail": (3,),
    }
    for name, shape in expected.items():
        if state[name].shape != shape:
            raise _wrong(name, f"shape {shape}", str(state[name].shape))
    for name in ("feature_of", "ellipsoid_pulls", "tail_quantiles", *_VIEWS):
        if not state[name].size:
            raise _wrong(name, "values", "none")


def _check_values(state: Mapping[str, NDArray[Any]]) -> None:
    for name, array in state.items():
        if not np.isfinite(array).all():
            raise _wrong(name, "finite values", "others")
        if name in _POSITIVE and (array <= 0).any():
            raise _wrong(name, "values above zero", str(array.min()))
    flagged, owners, inputs = state["flagged"], state["feature_of"], len(state["feature_of"])
    if (np.diff(flagged) <= 0).any() or (len(flagged) and not 0 <= flagged[0] <= flagged[-1] < inputs):
        raise _wrong("flagged", f"rising indices below {inputs}", str(flagged))
    if owners.min() < 0 or owners.max() >= inputs:
        raise _wrong("feature_of", f"indices below {inputs}", f"{owners.min()} to {owners.max()}")
    share, shape, scale = state["tail"]
    if not (0 < share <= 1 and 0 <= shape < 1 and scale > 0):
        raise _wrong("tail", "a share, a shape and a scale", str(state["tail"]))
    if (np.diff(state["tail_quantiles"]) < 0).any():
        raise _wrong("tail_quantiles", "rising scores", "falling ones")


def _wrong(name: str, expected: str, found: str) -> DetectorError:
    return DetectorError(f"detector: {name}: expected {expected}, found {found}")
