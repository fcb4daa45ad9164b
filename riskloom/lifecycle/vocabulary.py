"""What the rules of a domain may speak of, with words for people: names, types and what each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from riskloom.catalog import Domain
from riskloom.features import load_views
from riskloom.rules import Schema, load_lists, schema_of
from riskloom.rules.schema import EVENT, FEATURE, SCORE


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """
    The names of a domain.

    Attributes:
        schema: What conditions are checked against.
        descriptions: What each field of the schema is, by its full name.
    """

    schema: Schema
    descriptions: Mapping[str, str]


def read_vocabulary(domain: Domain, manifest: Path) -> Vocabulary:
    """
    The names that conditions of a domain may use now.

    Args:
        domain: Its tables, request features, lists and outcomes are declared.
        manifest: Of dbt, with the feature views.

    Raises:
        FeatureError: There is no manifest, or it declares no view for the domain.
        CatalogError: A view or the domain's ``lists.yml`` is declared wrongly.
    """
    views = load_views(domain, manifest)
    events = {f"{EVENT}{name}": column.description for name, column in domain.event_table.columns.items()}
    features = {f"{FEATURE}{name}": view.descriptions.get(name, "") for view in views for name in view.features}
    computed = {f"{FEATURE}{name}": text for name, text in domain.request_features.items()}
    schema = schema_of(domain, [name for view in views for name in view.features], load_lists(domain))
    score = "The model's probability, 0 to 1; unknown where no score can be trusted."
    return Vocabulary(schema, {**events, **features, **computed, SCORE: score})
