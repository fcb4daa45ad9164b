"""The names that the conditions of a domain may use, and what each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from riskloom.catalog import Domain
from riskloom.contracts import Column
from riskloom.rules.tree import Type

EVENT, FEATURE, SCORE = "event.", "feature.", "score"
_TYPES = {"string": Type.TEXT, "boolean": Type.BOOLEAN, "timestamp": Type.TIME}
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Schema:
    """
    What a condition may speak of.

    Attributes:
        fields: Types by full name: ``event.amount``, ``feature.payments_1d``, ``score``.
        lists: Names of the lists, to what each of them holds.
        outcomes: The domain's outcomes, mildest first.
        pseudonyms: How the values begin of fields that identify somebody, by full name.
    """

    fields: Mapping[str, Type]
    lists: Mapping[str, str] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()
    pseudonyms: Mapping[str, str] = field(default_factory=dict)


def schema_of(domain: Domain, view_features: Iterable[str], lists: Mapping[str, str]) -> Schema:
    """
    The schema of a domain.

    Args:
        domain: Its event table gives ``event.*``, its request features are among ``feature.*``.
        view_features: Names of the features of its views, all of them numbers.
        lists: Names of its lists, to what each of them holds.
    """
    events = {f"{EVENT}{name}": _type(column) for name, column in domain.event_table.columns.items()}
    features = {f"{FEATURE}{name}": Type.NUMBER for name in (*view_features, *domain.request_features)}
    outcomes = tuple(outcome.name for outcome in domain.outcome)
    pseudonyms = {f"{EVENT}{name}": prefix for name, prefix in domain.event_table.pseudonyms.items()}
    return Schema({**events, **features, SCORE: Type.NUMBER}, lists, outcomes, pseudonyms)


def nearest(name: str, known: Iterable[str]) -> str:
    """What was expected where ``name`` is not known: the likeliest meant, or a few of those there are."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"a known name, nearest is {close[0]!r}"
    listed = ", ".join(sorted(names)[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"a known name ({listed}{more})" if names else "no name: none is declared"


def _type(column: Column) -> Type:
    return _TYPES.get(column.type, Type.NUMBER)
