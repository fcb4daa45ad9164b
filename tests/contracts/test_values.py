"""One JSON value against one column: exact, or refused."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskloom.contracts import Column
from riskloom.contracts.values import MismatchError, reader
from services.web.body import parse
from services.web.problems import RefusalError


def column(kind: str, **bounds: object) -> Column:
    return Column.model_validate({"type": kind, "description": "a column of a test", **bounds})


@pytest.mark.parametrize("spelling", ["57.16", '"57.16"', "57.160", "5716e-2", "0.5716E2", '"57.1600"'])
def test_decimal_is_exact_in_any_spelling(spelling: str) -> None:
    """A number and a string mean the same amount to the last digit."""
    assert str(reader(column("decimal(18,2)"))(parse(spelling.encode()))) == "57.16"


@pytest.mark.parametrize("spelling", ["0", "-0", "0.00", "-0.0", '"-0"', "0e9", "0e-999"])
def test_zero_is_zero(spelling: str) -> None:
    """There is one zero, without a sign."""
    assert str(reader(column("decimal(18,2)"))(parse(spelling.encode()))) == "0.00"


def test_no_digit_is_lost_at_full_precision() -> None:
    """38 digits pass unchanged, where a default decimal context would round to 28."""
    digits = "12345678901234567890123456789012345678"
    assert str(reader(column("decimal(38,0)"))(parse(digits.encode()))) == digits
    assert str(reader(column("decimal(38,38)"))(parse(f'"0.{digits}"'.encode()))) == f"0.{digits}"


@given(st.decimals(min_value=-(10**20), max_value=10**20, allow_nan=False, places=4))
def test_decimal_is_kept_or_refused(number: Decimal) -> None:
    """Whatever comes, the amount is the same number or there is none; nothing is rounded."""
    read = reader(column("decimal(18,2)"))
    try:
        value = read(parse(str(number).encode()))
    except MismatchError:
        assert abs(number) >= 10**16 or number % Decimal("0.01") != 0
    else:
        assert value == number
        assert value.as_tuple().exponent == -2


@given(st.text())
def test_string_is_kept_or_refused(text: str) -> None:
    """A string that is accepted is the string that was sent, and can be written as UTF-8."""
    try:
        value = reader(column("string"))(parse(json.dumps(text).encode()))
    except MismatchError:
        return
    assert value == text
    assert value.encode()


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(body: bytes) -> None:
    """Whatever the body is, it is refused or parsed to what a lenient parser finds in it; nothing else is raised."""
    with contextlib.suppress(RefusalError):
        assert parse(body) == json.loads(body, parse_float=Decimal)


@pytest.mark.parametrize(
    ("kind", "spelling"),
    [
        ("bigint", "9223372036854775808"),
        ("bigint", "-9223372036854775809"),
        ("bigint", "1.0"),
        ("bigint", '"1"'),
        ("bigint", "true"),
        ("double", "1e308"),
        ("double", "-1e999999"),
        ("double", '"1.5"'),
        ("double", "false"),
        ("boolean", "1"),
        ("boolean", '"true"'),
        ("decimal(18,2)", "0.001"),
        ("decimal(18,2)", "10000000000000000"),
        ("decimal(18,2)", "1e-999999"),
    ],
)
def test_value_of_another_kind_is_refused(kind: str, spelling: str) -> None:
    """Nothing is converted that could mean something else."""
    with pytest.raises(MismatchError):
        reader(column(kind))(parse(spelling.encode()))


@pytest.mark.parametrize(
    ("kind", "spelling", "value"),
    [
        ("bigint", "9223372036854775807", 2**63 - 1),
        ("bigint", "-9223372036854775808", -(2**63)),
        ("double", "1", 1.0),
        ("double", "1.7e307", 1.7e307),
        ("double", "1e-999999", 0.0),
        ("boolean", "true", True),
    ],
)
def test_edges_that_fit_are_read(kind: str, spelling: str, value: object) -> None:
    """What the column can hold is accepted up to its edge."""
    read = reader(column(kind))(parse(spelling.encode()))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("kind", ["bigint", "double", "decimal(18,2)"])
@pytest.mark.parametrize(("spelling", "fits"), [("1", True), ("10", True), ("0", False), ("11", False), ("-1", False)])
def test_bounds_are_kept(kind: str, spelling: str, fits: bool) -> None:
    """Minimum and maximum belong to what is allowed; beyond them the bound and the value are told."""
    read = reader(column(kind, minimum=1, maximum=10))
    if fits:
        assert read(parse(spelling.encode())) == int(spelling)
    else:
        with pytest.raises(MismatchError, match="at least 1 and at most 10"):
            read(parse(spelling.encode()))


@pytest.mark.parametrize("kind", ["string", "bigint", "double", "boolean", "timestamp", "decimal(18,2)"])
def test_null_only_where_a_column_may_be_empty(kind: str) -> None:
    """Null is a value of nullable columns and a mistake in the others."""
    assert reader(column(kind, nullable=True))(None) is None
    with pytest.raises(MismatchError, match="found null"):
        reader(column(kind))(None)


def test_allowed_values_are_listed() -> None:
    """A value outside the list is told with the list."""
    with pytest.raises(MismatchError, match="one of card, cash, found 'coin'"):
        reader(column("string", allowed=["card", "cash"]))("coin")


def test_a_pattern_is_kept_by_the_whole_text() -> None:
    """A part that matches is not enough."""
    read = reader(column("string", pattern="[A-Z]{2}"))
    assert read("DE") == "DE"
    with pytest.raises(MismatchError, match="a string that matches"):
        read("DEU")
