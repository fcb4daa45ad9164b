"""Two hundred conditions as people write them, and a row in which nothing that they read is missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from riskloom.errors import ConfigError
from riskloom.rules import Evaluation, Facts, MemberList, Schema, read_condition
from riskloom.rules.tree import Type

RULES, FEATURES = 200, 60
_SEED = 7
_TEXTS = ("country", "channel", "terminal_id", "device_id", "merchant")
#: Each condition in the language, and beside it in Python, as somebody would write it who trusts every author.
_TEMPLATES = (
    ("feature.f{a} > {x} and feature.f{b} <= {y}", "f{a} > {x} and f{b} <= {y}"),
    (
        "feature.f{a} >= {x} and event.amount > {money} and event.channel == 'online'",
        "f{a} >= {x} and amount > {money} and channel == 'online'",
    ),
    (
        "event.amount > {money} and feature.f{a} / feature.f{b} > {ratio}",
        "amount > {money} and f{a} / f{b} > {ratio}",
    ),
    ("event.merchant in list.blocked and feature.f{a} > {x}", "merchant in blocked and f{a} > {x}"),
    (
        "(feature.f{a} > {x} or feature.f{b} > {y}) and not event.is_trusted",
        "(f{a} > {x} or f{b} > {y}) and not is_trusted",
    ),
    (
        "event.effective_at - event.opened_at < {days}d and event.amount > {money}",
        "effective_at - opened_at < timedelta(days={days}) and amount > {money}",
    ),
    (
        "hour_of_day(event.effective_at) < 6 and feature.f{a} > {x} and score > 0.4",
        "effective_at.hour < 6 and f{a} > {x} and score > 0.4",
    ),
    (
        "event.country in ['DE', 'FR', 'IE'] and feature.f{a} > {x} and feature.f{b} > {y}",
        "country in {{'DE', 'FR', 'IE'}} and f{a} > {x} and f{b} > {y}",
    ),
    (
        "starts_with(event.terminal_id, 't-00{days}') and coalesce(feature.f{a}, 0) > {x}",
        "terminal_id.startswith('t-00{days}') and (f{a} if f{a} is not None else 0) > {x}",
    ),
    (
        "score >= 0.{days} and feature.f{a} > {x} and is_missing(event.device_id)",
        "score >= 0.{days} and f{a} > {x} and device_id is None",
    ),
)

#: With this event each of the conditions can be hit; a device is missing.
_NIGHT = datetime(2026, 3, 1, 3, tzinfo=UTC)
_EVENT = {"country": "DE", "channel": "online", "merchant": "m-17", "amount": 1_000.0, "is_trusted": False,
          "effective_at": _NIGHT, "opened_at": _NIGHT - timedelta(hours=1)}  # fmt: skip
_SCORE = 0.95
_FEATURE = re.compile(r"feature\.(f[0-9]+)")

SCHEMA = Schema(
    fields={
        **{f"event.{name}": Type.TEXT for name in _TEXTS},
        "event.amount": Type.NUMBER,
        "event.is_trusted": Type.BOOLEAN,
        "event.effective_at": Type.TIME,
        "event.opened_at": Type.TIME,
        **{f"feature.f{number}": Type.NUMBER for number in range(FEATURES)},
        "score": Type.NUMBER,
    },
    lists={"blocked": "merchants that are blocked"},
    outcomes=("approve", "review", "block"),
)
LISTS = {"blocked": MemberList(f"m-{number}" for number in range(1_000))}


def conditions() -> list[tuple[str, str]]:
    """The conditions in the language and in Python, the same at every call."""
    random = np.random.default_rng(_SEED)
    found = []
    for number in range(RULES):
        first = int(random.integers(FEATURES))
        values = {
            "a": first,
            "b": (first + int(random.integers(1, FEATURES))) % FEATURES,
            "x": round(random.uniform(0.3, 1.2), 2),
            "y": round(random.uniform(0.3, 1.2), 2),
            "ratio": round(random.uniform(1, 4), 2),
            "money": int(random.integers(50, 900)),
            "days": int(random.integers(2, 9)),
        }
        ours, python = _TEMPLATES[number % len(_TEMPLATES)]
        found.append((ours.format(**values), python.format(**values)))
    return found


def example_of(condition: str) -> dict[str, Any]:
    """A row that one of these conditions hits, as a rule's file has it; raises ConfigError where none was found."""
    named = _FEATURE.search(condition)
    event = {**_EVENT, "terminal_id": "t-00" + condition.partition("t-00")[2][:1]}
    evaluation = Evaluation(read_condition(condition, SCHEMA))
    for others in (0.1, 2.0):
        features = {f"f{number}": others for number in range(FEATURES)} | ({named[1]: 2.0} if named else {})
        if evaluation.answer(Facts(event, features, _NIGHT, _SCORE, LISTS)):
            lists = {"blocked": [_EVENT["merchant"]]}
            return {"name": "a row for it", "event": event, "features": features, "score": _SCORE, "lists": lists}
    raise ConfigError(f"{condition}: expected one that a row hits in which one feature or all are high")


def facts() -> Facts:
    """A decision's row."""
    random = np.random.default_rng(_SEED)
    moment = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    event: dict[str, object] = {
        "country": "IE",
        "channel": "online",
        "terminal_id": "t-003412",
        "device_id": "d-77120",
        "merchant": "m-17",
        "amount": Decimal("420.00"),
        "is_trusted": False,
        "effective_at": moment,
        "opened_at": moment - timedelta(days=400),
    }
    features = {f"f{number}": float(value) for number, value in enumerate(random.random(FEATURES))}
    return Facts(event, features, moment, 0.31, LISTS)
