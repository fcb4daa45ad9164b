"""
The current state of entities, for one decision at a time.

Views that are windowed are computed from the live state at the decision's own instant; the others are read from Feast's
online store, as they were at the last build.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

from riskloom.errors import FeatureError
from riskloom.features.live import LiveWindows
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

    ``at`` is the instant the row is about: the decision's. ``values`` has every feature of every view, NaN where it is
    empty and where the view is missing or stale; ``observed`` when each view's values held, None where there are none;
    ``status`` which of the three it is.
    """

    at: datetime
    values: dict[str, float]
    observed: dict[str, datetime | None]
    status: dict[str, Status]


class OnlineFeatures:
    """
    Reads feature views; views and keys are resolved once, when it is opened.

    An instance is for one thread at a time. Without ``live``, windowed views too are read as of the last build.
    """

    def __init__(
        self, store: feast.FeatureStore, views: Sequence[FeatureView], live: LiveWindows | None = None
    ) -> None:
        from feast.errors import FeatureViewNotFoundException  # noqa: PLC0415

        self._store = store
        self._views = tuple(views)
        self._live = live
        try:
            self._tables = {view.name: store.get_feature_view(view.mart) for view in views}
        except FeatureViewNotFoundException as error:
            raise FeatureError(f"the feature store does not know a view: {error}") from error
        # the provider reads a view that is given; `get_online_features` would look all of them up again each time
        self._provider: Any = store._get_provider()

    @classmethod
    def open(cls, location: StoreLocation, views: Sequence[FeatureView], live: LiveWindows | None = None) -> Self:
        """
        Open the store and find the views in it.

        Raises:
            FeatureError: A view is not applied, or the store cannot be opened.
        """
        return cls(open_store(location), views, live)

    @property
    def views(self) -> tuple[FeatureView, ...]:
        """The views that are read."""
        return self._views

    def decide(self, event: Mapping[str, Any], *, now: datetime) -> OnlineRow:
        """
        Count the event that is decided, and read all views as they were before it.

        Args:
            event: The event table's columns in natural types.
            now: The clock, timezone-aware; the decision's instant is this or later.

        Raises:
            EventRefusedError: The event cannot be counted.
            FeatureError: The online store does not answer.
            WindowError: The live state does not.
            LedgerError: The event was counted, and that could not be written down.
        """
        if self._live is None:
            return self._row(event, now, {})
        counted = self._live.decide(event, now=now)
        return self._row(event, counted.at, counted.values)

    def read(self, row: Mapping[str, str | None], *, now: datetime) -> OnlineRow:
        """
        Read all views for the entities named in ``row``; nothing is counted.

        Args:
            row: The views' join keys and their values; a key that is absent or None has no features.
            now: The moment the values must hold at; values older than their view's ttl, or dated after it, are stale.
                Timezone-aware.

        Raises:
            FeatureError: The online store does not answer.
            WindowError: The live state does not.
        """
        return self._row(row, now, {} if self._live is None else self._live.read(row))

    def _row(self, row: Mapping[str, Any], at: datetime, windowed: Mapping[str, float | int | None]) -> OnlineRow:
        values: dict[str, float] = {}
        observed: dict[str, datetime | None] = {}
        status: dict[str, Status] = {}
        for view in self._views:
            if self._live is not None and view.is_windowed:
                is_known = row.get(view.join_key) is not None
                observed[view.name], status[view.name] = (at, "fresh") if is_known else (None, "missing")
                values |= {name: _nan_for_none(windowed.get(name)) for name in view.features}
                continue
            held_at, found = self._read_view(view, row.get(view.join_key))
            observed[view.name] = held_at
            status[view.name] = _status(view, held_at, at)
            is_fresh = status[view.name] == "fresh"
            values |= {name: _number(found.get(name)) if is_fresh else math.nan for name in view.features}
        return OnlineRow(at=at, values=values, observed=observed, status=status)

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


def _nan_for_none(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _number(value: Any) -> float:
    """A protobuf value as a float, NaN where it holds none."""
    kind = None if value is None else value.WhichOneof("val")
    return math.nan if kind is None or kind == "null_val" else float(getattr(value, kind))
