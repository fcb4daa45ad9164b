"""
LightGBM's library by its C API, without its Python package.

The package takes seconds to import and brings pandas along. One row is predicted by :mod:`riskloom.registry.forest`.
"""

from __future__ import annotations

import importlib.util
import weakref
from ctypes import CDLL, byref, c_char_p, c_int, c_int64, c_void_p
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskloom.errors import RegistryError

# of LightGBM's c_api.h
_NORMAL, _CONTRIBUTIONS = 0, 3
_FROM_FIRST, _ALL, _FLOAT64, _ROW_MAJOR = 0, -1, 1, 1
_ONE_THREAD = c_char_p(b"num_threads=1")


class Trees:
    """
    A model with one output; predictions are exactly those of ``Booster.predict``.

    Args:
        text: The model in LightGBM's text form.

    Raises:
        RegistryError: It is no such text.
    """

    def __init__(self, text: str) -> None:
        self._library, self._handle = _library(), c_void_p()
        self._check(
            self._library.LGBM_BoosterLoadModelFromString(c_char_p(text.encode()), byref(c_int()), byref(self._handle))
        )
        weakref.finalize(self, self._library.LGBM_BoosterFree, self._handle)
        features = c_int()
        self._check(self._library.LGBM_BoosterGetNumFeature(self._handle, byref(features)))
        self.features = features.value

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of rows, shape (rows,)."""
        return self._predict(matrix, _NORMAL, 1)[:, 0]

    def contributions(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """TreeSHAP values in log-odds (Lundberg et al. 2020), shape (rows, features + 1); the last is the base."""
        return self._predict(matrix, _CONTRIBUTIONS, self.features + 1)

    def _predict(self, matrix: NDArray[np.float64], kind: int, columns: int) -> NDArray[np.float64]:
        if matrix.ndim != 2 or matrix.shape[1] != self.features:  # noqa: PLR2004
            raise RegistryError(f"expected a matrix of {self.features} features, found shape {matrix.shape}")
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        result, length = np.empty((len(rows), columns), dtype=np.float64), c_int64()
        if not len(rows):
            return result
        self._check(
            self._library.LGBM_BoosterPredictForMat(
                self._handle,
                c_void_p(rows.ctypes.data),
                c_int(_FLOAT64),
                c_int(len(rows)),
                c_int(self.features),
                c_int(_ROW_MAJOR),
                c_int(kind),
                c_int(_FROM_FIRST),
                c_int(_ALL),
                _ONE_THREAD,
                byref(length),
                c_void_p(result.ctypes.data),
            )
        )
        if length.value != result.size:
            raise RegistryError(
                f"LightGBM: expected {result.size} numbers, found {length.value}: not a model of one output"
            )
        return result

    def _check(self, status: int) -> None:
        if status:
            message = self._library.LGBM_GetLastError().decode("utf-8", "replace")
            raise RegistryError(f"LightGBM: {message}")


@cache
def _library() -> CDLL:
    """The library that lies in the Python package, which is found and not imported."""
    package = importlib.util.find_spec("lightgbm")
    folder = Path(str(package.origin)).parent if package else Path()
    found = sorted((folder / "lib").glob("lib_lightgbm.*"))
    if not found:
        raise RegistryError(f"LightGBM: expected its library in {folder / 'lib'}, found none")
    library = CDLL(str(found[0]))
    library.LGBM_GetLastError.restype = c_char_p
    return library
