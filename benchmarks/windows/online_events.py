"""A plan with three entities, four spans and six aggregates, and payments with their log-ins for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from riskloom.windows import Span, Stream, WindowFeature, WindowPlan, WindowView
from riskloom.windows.plan import Aggregate

SECOND = 1_000_000
DAY = 86_400 * SECOND
START = 1_750_000_000 * SECOND
DAYS = 30

#: What a key has in thirty days: a card, a shop or a device as there are most of.
EVENTS_A_KEY = 60
ENTITIES = ("card", "shop", "device")

_SPANS = {
    "1h": Span(3_600 * SECOND, 300 * SECOND),
    "1d": Span(DAY, 3_600 * SECOND),
    "7d": Span(7 * DAY, 21_600 * SECOND),
    "30d": Span(30 * DAY, DAY),
}
_AGGREGATES: tuple[Aggregate, ...] = ("count", "sum", "mean", "max", "std", "distinct")
_CAP = 64


def plan() -> WindowPlan:
    """Payments are kept by card and shop, log-ins by device."""
    fields: dict[str, Any] = {"amount": 2, "place": "key"}
    streams = (
        Stream("logins", "accounts__logins", "bench__logins", "login", ("device",), fields, DAY),
        Stream("payments", "payments__transactions", "bench__payments", "payment", ("card", "shop"), fields, DAY),
    )
    kept = {"card": "payments", "shop": "payments", "device": "logins"}
    return WindowPlan("bench", streams, tuple(_view(entity, kept[entity]) for entity in ENTITIES))


def _view(entity: str, stream: str) -> WindowView:
    features = tuple(_feature(entity, stream, span, aggregate) for span in _SPANS for aggregate in _AGGREGATES)
    return WindowView(f"{entity}_activity", f"bench__{entity}_activity", entity, entity, _SPANS, features)


def _feature(entity: str, stream: str, span: str, aggregate: Aggregate) -> WindowFeature:
    field = {"count": None, "distinct": "place"}.get(aggregate, "amount")
    is_whole = aggregate in {"count", "distinct"}
    return WindowFeature(
        name=f"{entity}_{aggregate}_{span}",
        aggregate=aggregate,
        stream=stream,
        field=field,
        span=span,
        delay_us=0,
        cap=_CAP if aggregate == "distinct" else None,
        data_type="bigint" if is_whole else "double",
    )


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the engine; a log-in is only counted, a payment is scored."""

    stream: str
    event: dict[str, Any]
    at_us: int
    reads: dict[str, str | None]

    @property
    def is_scored(self) -> bool:
        """Whether it is the kind of event that is measured."""
        return self.stream == "payments"


def calls(payments: int) -> Iterator[Call]:
    """So many payments over thirty days, a log-in for every second; each key has some sixty events."""
    draw = random.Random(7)  # noqa: S311 - made-up data
    keys = max(10, payments // EVENTS_A_KEY)
    step = DAYS * DAY // payments
    for place in range(payments):
        at_us = START + place * step
        device = f"device-{draw.randrange(keys):08d}"
        own = {"amount": Decimal(draw.randrange(100, 50_000)).scaleb(-2), "place": f"place-{draw.randrange(40)}"}
        if place % 2:
            yield Call("logins", {"login": f"login-{place:09d}", "device": device, **own}, at_us, {})
        card, shop = (f"{entity}-{draw.randrange(keys):08d}" for entity in ("card", "shop"))
        event = {"payment": f"payment-{place:09d}", "card": card, "shop": shop, **own}
        yield Call("payments", event, at_us, {"device": device})
