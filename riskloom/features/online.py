"""The current state of entities, read from Feast's online store for one decision at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

from riskloom.errors import FeatureError
from riskloom.features.store import StoreLocation, open_store
from riskloom.features.views import FeatureView

if TYPE_CHECKING:
    import feast

Status = Literal["fresh", "stale", "missing"]

#: How far a clock may run behind the one that stamped a value before the value counts as one from the future.
_CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class OnlineRow:
    """
    What is known of the entities of one decision.

    ``values`` has every feature of every view, NaN where the view is missing or stale; ``observed`` when each view's
    values held, None where there are none; ``status`` which of the three it is.
    """

    values: dict[str, float]
    observed: dict[str, datetime | None]
    status: dict[str, Status]


class OnlineFeatures:
    """
    Reads feature views from the online store; views and keys are resolved once, when it is opened.

    An instance is for one thread at a time.
    """

    def __init__(self, store: feast.FeatureStore, views: Sequence[FeatureView]) -> None:
        from feast.errors import FeatureViewNotFoundException  # noqa: PLC0415

        self._store = store
        self._views = tuple(views)
        try:
            self._tables = {view.name: store.get_feature_view(view.mart) for view in views}
        except FeatureViewNotFoundException as error:
            raise FeatureError(f"the feature store does not know a view: {error}") from error
        # the provider reads a view that is given; `get_online_features` would look all of them up again each time
        self._provider: Any = store._get_provider()

    @classmethod
    def open(cls, location: StoreLocation, views: Sequence[FeatureView]) -> Self:
        """
        Open the store and find the views in it.

        Raises:
            FeatureError: A view is not applied, or the store cannot be opened.
        """
        return cls(open_store(location), views)

    @property
    def views(self) -> tuple[FeatureView, ...]:
        """The views that are read."""
        return self._views

    def read(self, row: Mapping[str, str | None], *, now: datetime) -> OnlineRow:
        """
        Read all views for the entities named in ``row``.

        Args:
            row: The views' join keys and their values; a key that is absent or None has no features.
            now: The decision's time; values older than their view's ttl, or dated after it, are stale. Timezone-aware.

        Raises:
            FeatureError: The online store does not answer.
        """
        values: dict[str, float] = {}
        observed: dict[str, datetime | None] = {}
        status: dict[str, Status] = {}
        for view in self._views:
            at, found = self._read_view(view, row.get(view.join_key))
            observed[view.name] = at
            status[view.name] = _status(view, at, now)
            is_fresh = status[view.name] == "fresh"
            for name in view.features:
                values[name] = _number(found.get(name)) if is_fresh else math.nan
        return OnlineRow(values=values, observed=observed, status=status)

    def _read_view(self, view: FeatureView, key: str | None) -> tuple[datetime | None, Mapping[str, Any]]:
        from feast.protos.feast.types.EntityKey_pb2 import EntityKey  # noqa: PLC0415
        from feast.protos.feast.types.Value_pb2 import Value  # noqa: PLC0415

        if key is None:
            return None, {}
        entity = EntityKey(join_keys=[view.join_key], entity_values=[Value(string_val=key)])
        try:
            # a new list each time: Feast's Redis store appends to the one it is given
            answers = self._provider.online_read(
                self._store.config, self._tables[view.name], [entity], list(view.features)
            )
        except Exception as error:
            raise FeatureError(f"the online store does not answer for {view.name}: {type(error).__name__}") from error
        at, found = answers[0]
        # SQLite has no answer for an entity it does not know; Redis one of empty values at the time zero
        if at is None or found is None or at.timestamp() == 0:
            return None, {}
        return (at if at.tzinfo else at.replace(tzinfo=UTC)), found


def _status(view: FeatureView, at: datetime | None, now: datetime) -> Status:
    if at is None:
        return "missing"
    return "fresh" if at - _CLOCK_TOLERANCE <= now <= at + view.ttl else "stale"


def _number(value: Any) -> float:
    """A protobuf value as a float, NaN where it holds none."""
    kind = None if value is None else value.WhichOneof("val")
    return math.nan if kind is None or kind == "null_val" else float(getattr(value, kind))
