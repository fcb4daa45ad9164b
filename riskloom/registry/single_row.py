"""
One row at a time through LightGBM's C API.

``Booster.predict`` looks at what it is given, copies it and sets a prediction up anew each time, which takes ten times
as long as the trees. The C API has calls for one row that set it up once (``LGBM_BoosterPredictForMatSingleRowFast``).
"""

from __future__ import annotations

import weakref
from ctypes import byref, c_char_p, c_double, c_int, c_int64, c_void_p
from typing import TYPE_CHECKING, Any

import numpy as np

from riskloom.errors import RegistryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NORMAL, _FROM_FIRST, _ALL, _FLOAT64 = 0, 0, -1, 1  # of LightGBM's c_api.h


class SingleRow:
    """
    A booster's prediction for one row, exactly that of ``Booster.predict``; for one thread at a time.

    Args:
        booster: A LightGBM booster with one output; it is kept alive.

    Raises:
        RegistryError: LightGBM refused.
    """

    def __init__(self, booster: Any) -> None:
        from lightgbm import basic  # noqa: PLC0415

        self._booster, self._library, self._columns = booster, basic._LIB, booster.num_feature()
        config = c_void_p()
        self._check(
            self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster._handle,
                c_int(_NORMAL),
                c_int(_FROM_FIRST),
                c_int(_ALL),
                c_int(_FLOAT64),
                c_int(self._columns),
                c_char_p(b"num_threads=1"),
                byref(config),
            )
        )
        self._config, self._length, self._result = config, c_int64(), c_double()
        weakref.finalize(self, self._library.LGBM_FastConfigFree, config)

    def __call__(self, row: NDArray[np.float64]) -> float:
        """
        The raw score of a row, shape (features,), contiguous.

        Raises:
            RegistryError: It has another length, or LightGBM refused.
        """
        if row.shape != (self._columns,):
            raise RegistryError(f"expected a row of {self._columns} features, found shape {row.shape}")
        address = c_void_p(row.__array_interface__["data"][0])
        self._check(
            self._library.LGBM_BoosterPredictForMatSingleRowFast(
                self._config, address, byref(self._length), byref(self._result)
            )
        )
        return self._result.value

    def _check(self, status: int) -> None:
        if status:
            message = self._library.LGBM_GetLastError().decode("utf-8", "replace")
            raise RegistryError(f"LightGBM refused a row: {message}")
