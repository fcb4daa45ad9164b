"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from riskloom.contracts import parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45s", timedelta(seconds=45)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
    ],
)
def test_a_number_and_a_unit_make_a_duration(text: str, expected: timedelta) -> None:
    """Whole numbers of seconds, minutes, hours and days are read."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "7", "d", "7 d", "-7d", "0d", "1.5h", "7w", "7D", "\u0667d", 7, None, "9999999d"])
def test_anything_else_is_refused_with_an_example(text: object) -> None:
    """Zero, signs, fractions, unknown units and other types are refused, and the message shows what is meant."""
    with pytest.raises(ValueError, match='such as "30m"'):
        parse_duration(text)
