"""From exact integers to the doubles that are published, as the warehouse computes them, to the last bit."""

from __future__ import annotations

from math import sqrt

_UNSIGNED = 2**64


def as_double(number: int) -> float:
    """
    A 128-bit integer as a double, rounded as DuckDB's cast from ``hugeint`` does: upper and lower half on their own.

    Up to 64 bits that is the nearest double; beyond, it may be the one beside it.
    """
    if 0 <= number < _UNSIGNED:
        return float(number)
    if -_UNSIGNED <= number < 0:
        return -float(-number - 1) - 1.0
    upper, lower = divmod(number, _UNSIGNED)
    return float(lower) + float(upper) * float(_UNSIGNED)


def deviation(count: int, total: int, squares: int, factor: float) -> float | None:
    """The standard deviation of a population from its count, sum and sum of squares; None of an empty one."""
    if not count:
        return None
    return sqrt(as_double(count * squares - total * total)) / count / factor


def ratio(numerator: float | None, denominator: float | None) -> float | None:
    """One number divided by another; None where either is missing or the denominator is zero."""
    if numerator is None or not denominator:
        return None
    return numerator / denominator


def smoothed_ratio(numerator: float | None, denominator: float | None, weight: float, prior: float) -> float | None:
    """A ratio with ``weight`` events of the rate ``prior`` added; what is missing counts as zero."""
    bottom = (denominator or 0.0) + weight
    return ((numerator or 0.0) + weight * prior) / bottom if bottom else None
