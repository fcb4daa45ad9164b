"""Conditions and rows: every operator and function, and the values at which the two evaluations might part."""

from __future__ import annotations

import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from riskloom.rules import Schema
from riskloom.rules.tree import Type

SCHEMA = Schema(
    fields={
        "event.amount": Type.NUMBER,
        "event.items": Type.NUMBER,
        "event.country": Type.TEXT,
        "event.note": Type.TEXT,
        "event.is_online": Type.BOOLEAN,
        "event.effective_at": Type.TIME,
        "event.opened_at": Type.TIME,
        "feature.mean": Type.NUMBER,
        "feature.ratio": Type.NUMBER,
        "score": Type.NUMBER,
    },
    lists={"blocked": "countries that are blocked", "known": "notes that are known", "nobody": "nothing"},
    outcomes=("approve", "review", "block"),
)
#: Numbers that rows and conditions share, so that comparisons meet their bounds.
NUMBERS = [
    "0",
    "1",
    "2",
    "0.1",
    "0.3",
    "3",
    "300",
    "0.5",
    "1e308",
    "1.7976931348623157e308",
    "5e-324",
    "9007199254740993",
]
TEXTS = ["", "DE", "de", "D", "a%b", "a_b", "100!", "ß", "😀", "e\u0301", "日本", "a*b", "a?b", "\\", "'", '"', "x\ny"]
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
MOMENTS = [
    MOMENT + timedelta(**kw) for kw in ({}, {"microseconds": -1}, {"microseconds": 1}, {"days": 7}, {"hours": 5})
]
MOMENTS += [datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2199, 12, 31, 23, tzinfo=UTC)]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


_PATTERNS = st.one_of(st.sampled_from(TEXTS), st.text("ab%_!*?ß😀", max_size=5)).map(_quoted)
_COMPARED = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
_EQUALS = st.sampled_from(["==", "!="])
_DURATIONS = st.sampled_from(["1h", "7d", "30m", "1s"])
_TIMES = st.one_of(
    st.sampled_from(["event.effective_at", "event.opened_at"]),
    st.builds("({} {} {})".format, st.just("event.effective_at"), st.sampled_from("+-"), _DURATIONS),
    st.just("coalesce(event.opened_at, event.effective_at)"),
    st.just("max(event.opened_at, event.effective_at)"),
)
_SPANS = st.one_of(
    _DURATIONS,
    st.builds("({} - {})".format, _TIMES, _TIMES),
    st.builds("abs({} - {})".format, _TIMES, _TIMES),
    st.builds("({} * {})".format, _DURATIONS, st.sampled_from(["feature.ratio", "0.5", "1e308"])),
)
_TEXTS = st.sampled_from(
    ["event.country", "event.note", 'coalesce(event.country, "DE")', "coalesce(event.note, event.country)"]
)


def _numbers() -> st.SearchStrategy[str]:
    leaves = st.one_of(
        st.sampled_from([name for name, kind in SCHEMA.fields.items() if kind is Type.NUMBER]),
        st.sampled_from(NUMBERS),
        st.builds("hour_of_day({})".format, _TIMES),
        st.builds("day_of_week({})".format, _TIMES),
        st.builds("({} / {})".format, _SPANS, _SPANS),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
            st.builds("-{}".format, inner),
            st.builds("abs({})".format, inner),
            st.builds("round_to({}, {})".format, inner, st.sampled_from(["0.05", "1", "5e-324", "300"])),
            st.builds("{}({}, {})".format, st.sampled_from(["min", "max", "coalesce"]), inner, inner),
        ),
        max_leaves=6,
    )


def _leaves() -> st.SearchStrategy[str]:
    numbers = _numbers()
    return st.one_of(
        st.builds("{} {} {}".format, numbers, _COMPARED, numbers),
        st.builds("{} {} {}".format, _TIMES, _COMPARED, _TIMES),
        st.builds("{} {} {}".format, _SPANS, _COMPARED, _SPANS),
        st.builds("{} {} {}".format, _TEXTS, _EQUALS, _TEXTS),
        st.builds("{} {} {}".format, _TEXTS, _EQUALS, st.sampled_from(TEXTS).map(_quoted)),
        st.builds("{} {} [{}, {}]".format, _TEXTS, st.sampled_from(["in", "not in"]), _PATTERNS, _PATTERNS),
        st.builds("{} in [0, {}, -{}]".format, numbers, st.sampled_from(NUMBERS), st.sampled_from(NUMBERS)),
        st.builds("{} in list.{}".format, _TEXTS, st.sampled_from(sorted(SCHEMA.lists))),
        st.builds(
            "{}({}, {})".format,
            st.sampled_from(["starts_with", "ends_with", "contains", "matches", "matches"]),
            _TEXTS,
            _PATTERNS,
        ),
        st.builds("is_missing({})".format, st.one_of(numbers, _TEXTS, _TIMES, _SPANS)),
        st.sampled_from(["event.is_online", "true", "coalesce(event.is_online, false)", "event.is_online == false"]),
    )


def conditions() -> st.SearchStrategy[str]:
    """Texts of conditions that fit ``SCHEMA``."""
    return st.recursive(
        _leaves(),
        lambda inner: st.one_of(
            st.builds("not ({})".format, inner),
            st.builds("({} and {})".format, inner, inner),
            st.builds("({} or {})".format, inner, inner),
            st.builds("({}) == ({})".format, inner, inner),
            st.builds("is_missing({})".format, inner),
            st.builds("coalesce({}, {})".format, inner, inner),
        ),
        max_leaves=5,
    )


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values, values, values)


def rows() -> st.SearchStrategy[dict[str, Any]]:
    """Values by field name, and the time of the decision as ``at``."""
    doubles = st.one_of(
        st.sampled_from([float(text) for text in NUMBERS]), st.floats(), st.floats(-1e3, 1e3).map(lambda x: round(x, 2))
    )
    texts = st.one_of(st.sampled_from(TEXTS), st.text(string.printable + "ß😀é\x00%_", max_size=6))
    times = st.one_of(
        st.sampled_from(MOMENTS),
        st.integers(-(10**15), 8 * 10**15).map(lambda us: MOMENT + timedelta(microseconds=us)),
    )
    cents = st.one_of(st.integers(-(2**53), 2**53), st.integers(-500_00, 500_00), st.just(300_00))
    return st.fixed_dictionaries(
        {
            "event.amount": _maybe(cents.map(lambda n: Decimal(n).scaleb(-2))),
            "event.items": _maybe(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 5), st.just(2**53 + 1))),
            "event.country": _maybe(texts),
            "event.note": _maybe(texts),
            "event.is_online": _maybe(st.booleans()),
            "event.effective_at": _maybe(times),
            "event.opened_at": _maybe(times),
            "feature.mean": _maybe(doubles),
            "feature.ratio": _maybe(doubles),
            "score": _maybe(doubles),
            "at": times,
        }
    )


#: Each operator and function once, told apart by at least one of ``edge_rows``.
EDGES = [
    *(f"feature.mean {operator} feature.ratio" for operator in ("<", "<=", ">", ">=", "==", "!=")),
    *(f"feature.mean {operator} 0.3" for operator in ("<", "<=", ">", ">=", "==", "!=")),
    *(f"not (feature.mean {operator} 300)" for operator in ("<", "<=", ">", ">=", "==", "!=")),
    *(f"feature.mean {operator} feature.ratio >= 0.3" for operator in "+-*/"),
    *(f"is_missing(feature.mean {operator} feature.ratio)" for operator in "+-*/"),
    "1 / (feature.mean / feature.ratio) == 0",
    "1 / (feature.mean * feature.ratio) == 0",
    "-feature.mean < feature.ratio",
    "abs(feature.mean - feature.ratio) <= 0.3",
    "min(feature.mean, feature.ratio) == feature.mean",
    "max(feature.mean, feature.ratio) == feature.mean",
    "max(feature.mean * 2, 1) == 1",
    "is_missing(min(feature.mean, feature.ratio))",
    "coalesce(feature.mean * 2, feature.ratio) > 1",
    "round_to(feature.mean, 0.5) == feature.mean",
    "round_to(feature.mean, 1) == 1",
    "round_to(feature.mean, 1) == 0",
    "is_missing(round_to(feature.mean, 5e-324))",
    "feature.mean in [0, 0.3, 300]",
    "feature.mean not in [-0.5, 1]",
    "feature.mean * 2 in [1, 0]",
    "event.amount == 300",
    "event.amount / 3 > 100",
    "event.items == 9007199254740992",
    *(f"event.effective_at {operator} event.opened_at" for operator in ("<", "<=", ">", ">=", "==", "!=")),
    "event.effective_at - event.opened_at >= 7d",
    "event.effective_at - 1h > event.opened_at",
    "(event.effective_at - event.opened_at) / 1d >= 7",
    "hour_of_day(event.effective_at) == 23",
    "hour_of_day(event.effective_at) < 6",
    "day_of_week(event.effective_at) >= 7",
    "day_of_week(event.effective_at) == 6",
    'event.country == "DE"',
    'event.country != "DE"',
    'event.country in ["DE", ""]',
    "event.country not in ['DE', '\\\\']",
    "event.country == event.note",
    "event.country != event.note",
    *(
        f'{function}(event.country, "{part}")'
        for function in ("starts_with", "ends_with", "contains")
        for part in "aDb_%😀!"
    ),
    *(f'not {function}(event.country, "a")' for function in ("starts_with", "ends_with", "contains", "matches")),
    *(
        f'matches(event.country, "{pattern}")'
        for pattern in ("a*b", "a?b", "?", "*b", "??", "*", "a%b", "a*?*b", "*a*b*")
    ),
    "event.country in list.blocked",
    "event.country not in list.blocked",
    "event.country in list.known",
    "event.country in list.nobody",
    "event.is_online",
    "not event.is_online",
    "event.is_online == (feature.mean > 0.3)",
    "event.is_online != (feature.mean > 0.3)",
    "event.is_online and feature.mean > 0.3",
    "event.is_online or feature.mean > 0.3",
    "not (event.is_online and feature.mean > 0.3)",
    "not (event.is_online or feature.mean > 0.3)",
    "coalesce(event.is_online, feature.mean > 0.3)",
    "is_missing(event.is_online and feature.mean > 0.3)",
    "is_missing(event.country)",
    "is_missing(event.opened_at)",
    "coalesce(event.country, event.note) == 'DE'",
]


def edge_rows() -> Iterator[dict[str, Any]]:
    """Pairs of numbers, times and texts at which something turns; each kind beside the others in turn."""
    doubles = [None, float("nan"), float("inf"), -0.0, 0.25, 0.3, 0.1 + 0.2, -0.5, 1.0, 1.5, 300.0, 1e308, 5e-324]
    pairs = [(a, b) for a in doubles for b in doubles]
    times = [None, *MOMENTS, MOMENT + timedelta(hours=-1), MOMENT + timedelta(days=-7, microseconds=1)]
    texts = [None, *TEXTS, "ab", "a😀b", "aab", "ba", "b%a"]
    for index, (mean, ratio) in enumerate(pairs):
        yield {
            "event.amount": [None, Decimal("300.00"), Decimal("300.01"), Decimal("-0.01")][index % 4],
            "event.items": [None, 0, 2**53, 2**53 + 1, 2**63 - 1][index % 5],
            "event.country": texts[index % len(texts)],
            "event.note": texts[(index // 2) % len(texts)],
            "event.is_online": [None, True, False][index % 3],
            "event.effective_at": times[index % len(times)],
            "event.opened_at": times[(index // len(times)) % len(times)],
            "feature.mean": mean,
            "feature.ratio": ratio,
            "score": mean,
            "at": MOMENTS[index % 4],
        }
