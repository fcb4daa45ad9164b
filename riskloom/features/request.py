"""Features computed from the request and the views' values: one function for training rows and for a live request."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from riskloom.catalog import Domain
from riskloom.errors import FeatureError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The module of a domain's folder that computes them, and its function.
MODULE = "request_features"
FUNCTION = "compute"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def request_features(domain: Domain, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """
    Compute a domain's request features, in the order it declares them.

    Args:
        domain: The domain; its folder holds ``request_features.py`` with ``compute(columns)`` where it declares any.
        columns: Arrays of one length n (1 for a live request): the event table's numbers as float64, booleans as
            float64, times as int64 microseconds UTC, strings as objects with None; the views' features as float64.
            A missing number is NaN.

    Returns:
        An array of shape (n,) for each name in ``domain.request_features``; NaN where it cannot be known.

    Raises:
        FeatureError: The domain's code does not return what it declares, or asks for a column that is not there.
    """
    import numpy as np  # noqa: PLC0415

    if not domain.request_features:
        return {}
    try:
        values = _function(domain)(columns)
    except KeyError as error:
        raise FeatureError(
            f"{domain.name}: {MODULE}.{FUNCTION} asks for a column that is not there: {error}"
        ) from error
    if set(values) != set(domain.request_features):
        raise FeatureError(
            f"{domain.name}: {MODULE}.{FUNCTION} returns {', '.join(sorted(values))}; "
            f"declared are {', '.join(sorted(domain.request_features))}"
        )
    length = len(next(iter(columns.values())))
    result = {name: np.asarray(values[name], dtype=np.float64) for name in domain.request_features}
    for name, array in result.items():
        if array.shape != (length,):
            raise FeatureError(f"{domain.name}: {name} has shape {array.shape}, expected ({length},)")
    return result


def compute_one(domain: Domain, event: Mapping[str, Any], online: Mapping[str, float]) -> dict[str, float]:
    """
    Compute the request features of one event with the code that computes them for training.

    Args:
        domain: The domain.
        event: Values by column, in their own types; times are timezone-aware.
        online: The views' features by name; NaN where one is not known.
    """
    if not domain.request_features:
        return {}
    computed = request_features(domain, _OneRow(domain, event, online))
    return {name: array.item() for name, array in computed.items()}


class _OneRow(Mapping[str, "NDArray[Any]"]):
    """The columns of one event; only those that are asked for are made, as a domain asks for few of its many."""

    def __init__(self, domain: Domain, event: Mapping[str, Any], online: Mapping[str, float]) -> None:
        self._table, self._event, self._online = domain.event_table.columns, event, online

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name in self._online:
            return _array("double", self._online[name])
        return _array(self._table[name].type, self._event[name])

    def __iter__(self) -> Iterator[str]:
        return iter({**self._event, **self._online})

    def __len__(self) -> int:
        return len(self._event.keys() | self._online.keys())


def _array(kind: str, value: object) -> NDArray[Any]:
    """One value as the array of length one that request features take."""
    import numpy as np  # noqa: PLC0415

    if kind == "string":
        return np.array([value], dtype=object)
    if isinstance(value, datetime):
        since = value - _EPOCH
        return np.array([(since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds], dtype=np.int64)
    return np.array([float(value) if isinstance(value, bool | int | float | Decimal) else math.nan], dtype=np.float64)


def _function(domain: Domain) -> Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]:
    module = f"riskloom.domains.{domain.name}.{MODULE}"
    try:
        function: Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]] = getattr(
            importlib.import_module(module), FUNCTION
        )
    except (ModuleNotFoundError, AttributeError) as error:
        raise FeatureError(f"{domain.name} declares request features, and {module}.{FUNCTION} is missing") from error
    return function
