"""Feast's objects for a domain, made from its feature views: nothing is declared to Feast by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from riskloom.catalog import Domain
from riskloom.features.views import CREATED_TIMESTAMP, EVENT_TIMESTAMP, FeatureView, mart_path

if TYPE_CHECKING:
    import feast


def definitions(domain: Domain, views: Sequence[FeatureView], marts: Path) -> list[feast.Entity | feast.FeatureView]:
    """
    Make the entities and feature views of a domain.

    Names bear the domain's name before them, so that two domains may both have a customer.
    """
    import feast  # noqa: PLC0415

    tags = {"domain": domain.name}
    entities = {
        view.entity: feast.Entity(
            name=f"{domain.name}__{view.entity}",
            join_keys=[view.join_key],
            value_type=feast.ValueType.STRING,
            description=f"The {view.entity} of {domain.title.lower()}.",
            tags=tags,
            owner=domain.owner,
        )
        for view in views
    }
    return [*entities.values(), *(_view(domain, view, entities[view.entity], marts) for view in views)]


def _view(domain: Domain, view: FeatureView, entity: feast.Entity, marts: Path) -> feast.FeatureView:
    import feast  # noqa: PLC0415
    from feast import types  # noqa: PLC0415

    feast_types = {"double": types.Float64, "bigint": types.Int64}
    fields = [feast.Field(name=view.join_key, dtype=types.String)]
    fields += [feast.Field(name=name, dtype=feast_types[kind]) for name, kind in view.features.items()]
    return feast.FeatureView(
        name=view.mart,
        entities=[entity],
        ttl=view.ttl,
        schema=fields,
        online=True,
        source=feast.FileSource(
            name=view.mart,
            path=str(mart_path(marts, domain, view.name)),
            timestamp_field=EVENT_TIMESTAMP,
            created_timestamp_column=CREATED_TIMESTAMP,
        ),
        description=" ".join(view.description.split()),
        tags={"domain": domain.name, "view": view.name},
        owner=domain.owner,
    )
