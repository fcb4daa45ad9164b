"""Features computed from the request and the views' values: one function for training rows and for a live request."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from riskloom.catalog import Domain
from riskloom.errors import FeatureError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The module of a domain's folder that computes them, and its function.
MODULE = "request_features"
FUNCTION = "compute"


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
    values = _computed(domain, columns)
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
    from riskloom.features.single import OneRow  # noqa: PLC0415

    values = _computed(domain, OneRow(domain.event_table, event, online))
    return {name: float(values[name].item()) for name in domain.request_features}


def _computed(domain: Domain, columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the domain's code returns, by the names it declares."""
    try:
        values = _function(domain.name)(columns)
    except KeyError as error:
        raise FeatureError(
            f"{domain.name}: {MODULE}.{FUNCTION} asks for a column that is not there: {error}"
        ) from error
    if values.keys() != domain.request_features.keys():
        raise FeatureError(
            f"{domain.name}: {MODULE}.{FUNCTION} returns {', '.join(sorted(values))}; "
            f"declared are {', '.join(sorted(domain.request_features))}"
        )
    return values


@cache
def _function(domain: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    module = f"riskloom.domains.{domain}.{MODULE}"
    try:
        function: Callable[[Mapping[str, Any]], Mapping[str, Any]] = getattr(importlib.import_module(module), FUNCTION)
    except (ModuleNotFoundError, AttributeError) as error:
        raise FeatureError(f"{domain} declares request features, and {module}.{FUNCTION} is missing") from error
    return function
