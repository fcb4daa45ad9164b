"""Conditions: what they mean, and how a mistake in one is told."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from riskloom.errors import ContractError
from riskloom.rules import ConditionError, Evaluation, Facts, Member, MemberList, read_condition
from riskloom.rules.operations import glob
from riskloom.rules.schema import Schema
from riskloom.rules.tree import Type
from tests.rules.conditions import MOMENT, SCHEMA


def answer(text: str, **event: object) -> bool | None:
    """What a condition says of an event."""
    return Evaluation(read_condition(text, SCHEMA)).answer(Facts(event, {}, MOMENT))


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (True, True, True, True),
        (True, False, False, True),
        (True, None, None, True),
        (False, False, False, False),
        (False, None, False, None),
        (None, None, None, None),
    ],
)
def test_logic_is_kleene_s(left: bool | None, right: bool | None, both: bool | None, either: bool | None) -> None:
    """Unknown stays unknown unless the other side decides; the order of the sides makes no difference."""
    for first, second in ((left, right), (right, left)):
        row = {"is_online": first, "amount": None if second is None else int(second)}
        assert answer("event.is_online and event.amount == 1", **row) is both
        assert answer("event.is_online or event.amount == 1", **row) is either
        assert answer("not (event.is_online and event.amount == 1)", **row) is (None if both is None else not both)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 == 7", True),
        ("-2 + 3 == 1 and 7 - 2 - 1 == 4 and 8 / 4 / 2 == 1", True),
        ("not false and true or false", True),
        ("true or false and false", True),
        ("1_000 == 1e3 and 90m == 1h + 30m and 7d / 1h == 168", True),
        ("'a\\'b' == \"a'b\" # the rest is a comment", True),
        ("1 / 0 > 0", None),
        ("is_missing(1 / 0) and is_missing(1e308 * 10)", True),
        ("coalesce(event.amount, 5) == 5", True),
        ("min(event.amount, 3, 2) == 2 and max(event.amount, 3, 2) == 3", True),
        ("round_to(2.5, 1) == 3 and round_to(-2.5, 1) == -2 and round_to(0.12, 0.05) == 0.1", True),
        ("event.country in ['DE']", None),
        ("event.country not in list.blocked", None),
    ],
)
def test_expressions_mean_what_they_say(text: str, expected: bool | None) -> None:
    """Precedence, literals, and what is missing."""
    assert answer(text) is expected


def test_time_helpers_are_utc() -> None:
    """Hours run from 0 to 23, days from 1 for Monday to 7 for Sunday; 2026-03-01 is a Sunday."""
    text = "hour_of_day(event.effective_at) == {} and day_of_week(event.effective_at) == {}"
    assert answer(text.format(0, 7), effective_at=MOMENT)
    assert answer(text.format(23, 6), effective_at=MOMENT - timedelta(microseconds=1))
    assert answer(
        "event.effective_at - event.opened_at > 7d", effective_at=MOMENT, opened_at=MOMENT - timedelta(days=8)
    )


@pytest.mark.parametrize(
    ("after", "expected"), [(-1, False), (0, True), (59, True), (60, False), (119, False), (120, True), (180, False)]
)
def test_a_member_counts_from_when_it_was_added_until_it_expires(after: int, expected: bool) -> None:
    """The instant of expiry is no longer part of it, and a member may come back."""
    minute = timedelta(seconds=60)
    members = MemberList(
        [Member("DE", MOMENT, MOMENT + minute), Member("DE", MOMENT + 2 * minute, MOMENT + 3 * minute)]
    )
    facts = Facts({"country": "DE"}, {}, MOMENT + timedelta(seconds=after), lists={"blocked": members})
    assert Evaluation(read_condition("event.country in list.blocked", SCHEMA)).answer(facts) is expected


@pytest.mark.parametrize(
    ("text", "where", "expected", "found"),
    [
        ("event.amonut > 3", "1:1", "event.amount", "event.amonut"),
        ("event.amount > 'a'", "1:14", "of one type", "number and text"),
        ("event.country > event.note", "1:15", "== or !=", "'>'"),
        ("event.amount = 3", "1:14", "== for equality", "'='"),
        ("event.is_online && true", "1:17", "and", "'&&'"),
        ("0 < event.amount < 3", "1:18", "write a < b and b < c", "'<'"),
        ("event.amount >", "1:15", "a value or name", "the end"),
        ("event.amount", "1:1", "true or false", "a number"),
        ("event.amount and true", "1:1", "true or false", "a number"),
        ("event.country in list.bloked", "1:15", "blocked", "bloked"),
        ("event.amount in list.blocked", "1:14", "a text", "a number"),
        ("event.country in ['DE', 3]", "1:25", "a member of type text", "a number"),
        ("event.effective_at + event.opened_at > 1d", "1:20", "time + duration", "time + time"),
        ("rund_to(event.amount, 1) > 3", "1:1", "round_to", "rund_to"),
        ("round_to(event.amount, 0) > 3", "1:1", "written-down number", "not above zero"),
        ("matches(event.country, event.note)", "1:1", "written-down text", "that is computed"),
        ("abs() > 1", "1:1", "one argument", "nothing"),
        ("(event.amount > 3", "1:18", "')'", "the end"),
        ("event.country == 'DE", "1:18", "ends with its quote", "'DE"),
        ("7w > 1d", "1:1", "a duration such as 30m", "7w"),
        ("1e999 > 1", "1:1", "a double can hold", "1e999"),
        ("event.amount > 3\n  and event.cuntry == 'DE'", "2:7", "event.country", "event.cuntry"),
        ("list.blocked", "1:1", "stands after 'in'", "list.blocked"),
        ("", "1:1", "a value or name", "the end"),
        ("event.amount > 3 § 4", "1:18", "a name, value or operator", "§"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, where: str, expected: str, found: str) -> None:
    """Line and column, what was expected there with the nearest known name, and what was found."""
    with pytest.raises(ConditionError) as caught:
        read_condition(text, SCHEMA)
    (mistake,) = caught.value.mistakes
    assert str(mistake.at) == where
    assert expected in mistake.expected
    assert found in mistake.found


def test_all_wrong_names_and_types_are_told_at_once() -> None:
    """In the order of the text."""
    with pytest.raises(ConditionError) as caught:
        read_condition("event.amonut > 3 and event.country > 4 or foo(1) == 2", SCHEMA)
    assert [mistake.at.column for mistake in caught.value.mistakes] == [1, 36, 43]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "true" + ")" * 500,
        "not " * 500 + "true",
        "-" * 500 + "1 > 0",
        "1" + " + 1" * 500 + " > 0",
        " or ".join(["true"] * 5_000),
        "1 / (" * 22 + "1" + ")" * 22 + " > 0",
        "event.amount in [" + ", ".join(["1"] * 5_000) + "]",
    ],
)
def test_a_condition_that_would_cost_too_much_is_refused(text: str) -> None:
    """Too long, too deep, or too large as SQL: refused at once, and never by running out of stack."""
    begin = time.perf_counter()
    with pytest.raises(ConditionError, match="at most"):
        read_condition(text, SCHEMA)
    assert time.perf_counter() - begin < 5


def test_glob_takes_linear_time() -> None:
    """A pattern and a text made to go wrong do not; there is nothing to try again."""
    begin = time.perf_counter()
    assert not glob("*a" * 200 + "b")("a" * 5_000)
    assert time.perf_counter() - begin < 2


def test_a_value_of_another_type_is_refused_without_repeating_it() -> None:
    """The message names column and types: the value may be personal data."""
    with pytest.raises(ContractError, match=r"event\.amount: expected a number, found a str") as caught:
        answer("event.amount > 3", amount="4711")
    assert "4711" not in str(caught.value)
    with pytest.raises(ContractError, match=r"event\.effective_at: expected a time"):
        answer("hour_of_day(event.effective_at) > 3", effective_at=MOMENT.replace(tzinfo=None))


KEPT = "p-" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("event.person == 'anna@example.com'", [17]),
        ("'anna@example.com' != event.person", [1]),
        (f"event.person in ['{KEPT}', 'anna', 'ben']", [56, 64]),
        (f"not (event.country == 'DE' and event.person == '{KEPT}x')", [48]),
        (f"event.person == '{KEPT}' or event.person in ['{KEPT}']", []),
        ("event.person in list.watched or event.country == 'anna'", []),
        ("event.person == event.country", []),
    ],
)
def test_a_name_is_refused_where_pseudonyms_are_kept(text: str, places: list[int]) -> None:
    """It would meet no event; the message says what would, and does not repeat the name."""
    fields = {"event.person": Type.TEXT, "event.country": Type.TEXT}
    schema = Schema(fields, {"watched": "People who are watched."}, pseudonyms={"event.person": "p-"})
    if not places:
        read_condition(text, schema)
        return
    with pytest.raises(ConditionError) as caught:
        read_condition(text, schema)
    assert [mistake.at.column for mistake in caught.value.mistakes] == places
    for mistake in caught.value.mistakes:
        assert mistake.expected == "a list, or a pseudonym (p- and 32 hexadecimal digits)"
        assert mistake.found == "a text that no event.person is kept as"
