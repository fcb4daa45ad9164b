"""
A column of one row that behaves like an array of length one, at a fraction of the cost.

Request features are written for arrays, so that training computes millions of rows at once. A live request has one row,
and numpy takes longer to prepare an operation on an array than to do it. So what a domain does with a column is done
with Python's numbers where that gives the same bits; whatever else it does, numpy does on an array of length one.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskloom.contracts import TableContract

#: Whole numbers up to here are the same as doubles.
_EXACT = 2**53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN = frozenset((bool, int, float))
_WHERE = 3  # a condition and two choices


def _operator(ufunc: np.ufunc, function: Callable[[Any, Any], Any], *kinds: type) -> tuple[Any, Any]:
    """
    An operator, and the same with its operands in the other order.

    Args:
        ufunc: What numpy does for it.
        function: What Python does.
        kinds: Both do the same between two values of one of these: doubles, whole numbers as long as what comes of them
            fits a double, truths.
    """

    def apply(left: Any, right: Any) -> Any:
        mine = left.value if type(left) is Single else left
        theirs = right.value if type(right) is Single else right
        kind = type(mine)
        try:
            if kind is type(theirs) and kind in kinds:
                result = function(mine, theirs)
                if kind is not int or -_EXACT <= result <= _EXACT:
                    return Single(result)
            elif float in kinds and float in {kind, type(theirs)}:
                first, second = _double(mine), _double(theirs)
                if first is not None and second is not None:
                    return Single(function(first, second))
        except ZeroDivisionError:
            pass  # numpy knows what becomes of it
        return ufunc(_array(left), _array(right))

    return apply, lambda right, left: apply(left, right)


class Single:
    """
    The value of a column's only row: a float, an int (times), a bool (what a comparison gives), a string or None.

    Args:
        value: It; NaN where a number is missing.
    """

    __slots__ = ("value",)
    __hash__ = None  # type: ignore[assignment] # as of arrays, whose == tells of each value

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def shape(self) -> tuple[int]:
        """That of a column with one row."""
        return (1,)

    def item(self) -> Any:
        """The value."""
        return self.value

    def astype(self, kind: Any) -> Any:
        """The value as a number of another kind."""
        if kind in {np.float64, float} and isinstance(self.value, bool | int | float):
            return Single(float(self.value))
        if kind in {np.int64, int} and isinstance(self.value, bool | int):
            return Single(int(self.value))
        return self.__array__().astype(kind)

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Any]:
        yield self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The array of length one, for what knows arrays alone."""
        del copy
        is_number = isinstance(self.value, bool | int | float)
        return np.array([self.value], dtype=dtype if dtype is not None or is_number else object)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """``np.minimum`` and its like: on the plain numbers, which numpy takes as well and much faster."""
        values = [part.value if type(part) is Single else part for part in inputs]
        if method == "__call__" and not options and all(type(value) in _PLAIN for value in values):
            return Single(ufunc(*values).item())
        options = {name: _array(part) for name, part in options.items()}
        return getattr(ufunc, method)(*map(_array, inputs), **options)

    def __array_function__(
        self, function: Callable[..., Any], _: Any, arguments: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Any:
        """``np.where`` and its like."""
        if function is np.where and len(arguments) == _WHERE and not options:
            chosen = _chosen(*arguments)
            if chosen is not None:
                return chosen
        options = {name: _array(part) for name, part in options.items()}
        return function(*map(_array, arguments), **options)

    def __invert__(self) -> Any:
        return Single(not self.value) if type(self.value) is bool else ~self.__array__()

    def __neg__(self) -> Any:
        return Single(-self.value) if type(self.value) is float else -self.__array__()

    def __abs__(self) -> Any:
        return np.absolute(self)

    __add__, __radd__ = _operator(np.add, operator.add, float, int)
    __sub__, __rsub__ = _operator(np.subtract, operator.sub, float, int)
    __mul__, __rmul__ = _operator(np.multiply, operator.mul, float, int)
    __truediv__, __rtruediv__ = _operator(np.true_divide, operator.truediv, float)
    __floordiv__, __rfloordiv__ = _operator(np.floor_divide, operator.floordiv, int)
    __mod__, __rmod__ = _operator(np.remainder, operator.mod, int)
    __and__, __rand__ = _operator(np.bitwise_and, operator.and_, bool)
    __or__, __ror__ = _operator(np.bitwise_or, operator.or_, bool)
    __lt__, __gt__ = _operator(np.less, operator.lt, float, int, bool)
    __le__, __ge__ = _operator(np.less_equal, operator.le, float, int, bool)
    __eq__ = _operator(np.equal, operator.eq, float, int, bool)[0]
    __ne__ = _operator(np.not_equal, operator.ne, float, int, bool)[0]


class OneRow(Mapping[str, Single]):
    """
    The columns of one event; only those that are asked for are made, as a domain asks for few of its many.

    Args:
        table: Says which columns hold strings.
        event: Values by column, in their own types; times are timezone-aware.
        online: The views' features by name; NaN where one is not known.
    """

    def __init__(self, table: TableContract, event: Mapping[str, Any], online: Mapping[str, float]) -> None:
        self._table, self._event, self._online = table.columns, event, online

    def __getitem__(self, name: str) -> Single:
        known = self._online.get(name)
        if known is not None:
            return Single(float(known))
        return Single(_plain(self._table[name].type, self._event[name]))

    def __iter__(self) -> Iterator[str]:
        return iter({**self._event, **self._online})

    def __len__(self) -> int:
        return len(self._event.keys() | self._online.keys())


def _plain(kind: str, value: object) -> Any:
    """A value of an event as columns have it: times as microseconds, other numbers and truths as doubles."""
    if kind == "string":
        return value
    if isinstance(value, datetime):
        since = value - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return float(value) if isinstance(value, bool | int | float | Decimal) else math.nan


def divided(part: Any, whole: Any) -> Any:
    """The quotient of columns of one row, NaN where the whole is missing, zero or less; None of anything else."""
    if type(part) is not Single and type(whole) is not Single:
        return None
    top, divisor = _double(part), _double(whole)
    if top is None or divisor is None:
        return None
    return Single(top / divisor if divisor > 0 else math.nan)


def _array(part: Any) -> Any:
    return part.__array__() if type(part) is Single else part


def _double(part: Any) -> float | None:
    """The double that numpy makes of an operand beside another double; None where that is not plain."""
    value = part.value if type(part) is Single else part
    kind = type(value)
    if kind is float:
        return value  # type: ignore[no-any-return]
    return float(value) if kind is bool or (kind is int and -_EXACT <= value <= _EXACT) else None


def _chosen(condition: Any, one: Any, other: Any) -> Single | None:
    """The choice as the double that it is beside another double."""
    is_one = condition.value if type(condition) is Single else condition
    first, second = _double(one), _double(other)
    if type(is_one) is not bool or first is None or second is None:
        return None
    kinds = {type(part.value if type(part) is Single else part) for part in (one, other)}
    return Single(first if is_one else second) if float in kinds else None
