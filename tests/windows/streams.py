"""A plan with every aggregate over short spans, and generated streams that force ties, hop edges and repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from riskloom.windows import WindowPlan
from riskloom.windows.engine import Observation, WindowEngine
from tests.windows.declared import Json, any_domain, plan_of, stream, view
from tests.windows.oracle import Logged, Value, expected

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
DEDUPE = 60 * SECOND

_OF_AMOUNT = ("sum", "mean", "min", "max", "std", "last")


def proof_models() -> list[Json]:
    """Three entities, two streams, two delays, hops that nest, every aggregate in every span."""
    domain = any_domain()
    fields: dict[str, int | str] = {"amount": 2, "shop": "key", "is_paid": 0}
    payments = stream(domain, "payments", entities=("card", "shop"), fields=fields, dedupe="60s")
    verdicts = stream(
        domain,
        "verdicts",
        table=domain.label.table,
        event_id="verdict",
        entities=("shop", "device"),
        fields={"change": 0, "confirmed": 0},
        dedupe="60s",
    )
    spans = {"4s": "1s", "12s": "2s", "60s": "10s"}
    return [
        payments,
        verdicts,
        view(domain, "card", join_key="card", spans=spans, features=_card_features(spans)),
        view(domain, "shop", join_key="shop", spans={"6s": "2s", "30s": "6s"}, features=_shop_features()),
        view(domain, "device", join_key="device", spans={"12s": "4s"}, features=_device_features()),
    ]


def proof_plan(folder: Path) -> WindowPlan:
    """The plan of these models."""
    return plan_of(folder, *proof_models())


def _window(data_type: str, aggregate: str, of: str, span: str, **more: object) -> Json:
    return {"data_type": data_type, "aggregate": aggregate, "stream": of, "span": span, **more}


def _card_features(spans: Mapping[str, str]) -> dict[str, Json]:
    features: dict[str, Json] = {}
    for span, aggregate in product(spans, _OF_AMOUNT):
        features[f"card_{aggregate}_{span}"] = _window("double", aggregate, "payments", span, field="amount")
    for span in spans:
        features[f"card_count_{span}"] = _window("bigint", "count", "payments", span)
        features[f"card_paid_{span}"] = _window("bigint", "count", "payments", span, field="is_paid")
        features[f"card_rate_{span}"] = _window("double", "rate", "payments", span, field="is_paid")
        features[f"card_since_{span}"] = _window("double", "time_since_last", "payments", span)
        features[f"card_first_{span}"] = _window("double", "time_since_first", "payments", span)
        features[f"card_shops_{span}"] = _window("bigint", "distinct", "payments", span, field="shop", cap=3)
    features["card_usual"] = {"data_type": "double", "aggregate": "ratio", "of": ["card_mean_4s", "card_mean_60s"]}
    return features


def _shop_features() -> dict[str, Json]:
    features: dict[str, Json] = {}
    for span, delay in product(("6s", "30s"), ("5s", None)):
        more = {} if delay is None else {"delay": delay}
        name = f"{span}_{delay or 'now'}"
        features[f"shop_count_{name}"] = _window("bigint", "count", "payments", span, **more)
        features[f"shop_frauds_{name}"] = _window("bigint", "sum", "verdicts", span, field="change", **more)
        features[f"shop_amounts_{name}"] = _window(
            "bigint", "distinct", "payments", span, field="amount", cap=4, **more
        )
        features[f"shop_since_{name}"] = _window(
            "double", "time_since_last", "verdicts", span, field="confirmed", **more
        )
        features[f"shop_first_{name}"] = _window(
            "double", "time_since_first", "verdicts", span, field="confirmed", **more
        )
        features[f"shop_low_{name}"] = _window("bigint", "min", "verdicts", span, field="change", **more)
        features[f"shop_last_{name}"] = _window("bigint", "last", "verdicts", span, field="change", **more)
    # of this delay nothing but the last value is kept
    features["shop_latest"] = _window("bigint", "last", "verdicts", "30s", field="change", delay="11s")
    rate = {"data_type": "double", "aggregate": "ratio", "of": ["shop_frauds_30s_5s", "shop_count_30s_5s"]}
    features["shop_rate"] = rate
    features["shop_smooth"] = {**rate, "smoothing": {"weight": 5, "prior": 0.25}}
    return features


def _device_features() -> dict[str, Json]:
    return {
        "device_count": _window("bigint", "count", "verdicts", "12s"),
        "device_high": _window("bigint", "max", "verdicts", "12s", field="change"),
    }


@dataclass(frozen=True)
class Step:
    """One call of the engine: an event at a clock that need not be in order."""

    stream: str
    event: Mapping[str, Any]
    effective_us: int
    clock_us: int
    reads: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def event_id(self) -> str:
        """The event's id."""
        return str(self.event["payment" if self.stream == "payments" else "verdict"])


#: Instants that lie on hop edges, one microsecond beside them, or on each other.
_instants = st.builds(
    lambda half_seconds, nudge: START + half_seconds * SECOND // 2 + nudge,
    st.integers(0, 160),
    st.sampled_from([0, 0, 0, -1, 1]),
)
_keys = st.sampled_from(["a", "a", "b", None])
_amounts = st.one_of(st.none(), st.integers(-3, 3).map(lambda cents: Decimal(cents).scaleb(-2)), st.just(Decimal(7)))
_skews = st.sampled_from([0, 0, 0, 0, SECOND, -SECOND, -20 * SECOND])


@st.composite
def steps(draw: st.DrawFn, size: int = 60) -> list[Step]:
    """A stream of calls in the order they reach the engine: clocks move on, but jump back and repeat."""
    clocks = sorted(draw(st.lists(_instants, min_size=size // 3, max_size=size)))
    result: list[Step] = []
    for place, clock in enumerate(clocks):
        now = max(clock + draw(_skews), 1)
        late = draw(st.sampled_from([0, 0, 1, SECOND, 7 * SECOND, 70 * SECOND, -1, -SECOND]))
        if result and not draw(st.integers(0, 4)):
            result.append(replace(draw(st.sampled_from(result)), clock_us=now))
            continue
        if draw(st.integers(0, 3)):
            event: dict[str, Any] = {
                "payment": f"p{place}",
                "card": draw(_keys),
                "shop": draw(_keys),
                "amount": draw(_amounts),
            }
            event["is_paid"] = draw(st.sampled_from([True, False, None]))
            result.append(Step("payments", event, now - late, now, {"device": draw(_keys)}))
        else:
            change = draw(st.sampled_from([1, -1, None]))
            event = {"verdict": f"v{place}", "shop": draw(_keys), "device": draw(_keys), "change": change}
            event["confirmed"] = 1 if change == 1 else None
            result.append(Step("verdicts", event, now - late, now, {"card": draw(_keys)}))
    return result


@dataclass(frozen=True)
class Answered:
    """A step with what the engine said."""

    step: Step
    observation: Observation


def replay(engines: Callable[[int], WindowEngine], calls: Sequence[Step]) -> list[Answered]:
    """Send each step to the engine that is due for it."""
    return [
        Answered(
            step,
            engines(place).observe(
                step.stream,
                step.event,
                effective_us=step.effective_us,
                reads=step.reads,
                observed_us=step.clock_us,
            ),
        )
        for place, step in enumerate(calls)
    ]


def differences(plan: WindowPlan, answers: Sequence[Answered], *, in_order: bool = True) -> Iterator[str]:
    """
    Every way in which answers differ from the definition, which sees the accepted events and nothing else.

    Args:
        plan: What was computed.
        answers: What the engine said.
        in_order: Whether the steps were sent one after the other: then duplicates are known too.
    """
    log = [
        Logged(each.step.stream, each.step.event, each.step.effective_us, each.observation.stamp_us)
        for each in answers
        if not each.observation.is_duplicate
    ]
    if in_order:
        yield from _wrong_repeats(answers)
    first = {each.step.event_id: each.step for each in reversed(answers)}
    for each in answers:
        step, found = each.step, each.observation
        if found.values is None:
            if not found.is_duplicate:
                yield f"{step}: no values"
        elif not found.is_duplicate or _content(step) == _content(first[step.event_id]):
            yield from _wrong_values(step, expected(plan, log, keys_of(step), found.stamp_us), found.values)


def keys_of(step: Step) -> dict[str, str | None]:
    """The keys that a step touches, by join key."""
    own = {key: step.event[key] for key in ("card", "shop", "device") if key in step.event}
    return {**step.reads, **own}


def _content(step: Step) -> object:
    return step.stream, step.event, step.reads


def _wrong_values(step: Step, wanted: Mapping[str, Value], found: Mapping[str, Value]) -> Iterator[str]:
    if set(wanted) != set(found):
        yield f"{step}: features {sorted(set(wanted) ^ set(found))}"
    for name, value in wanted.items():
        if found[name] != value:
            yield f"{name} at {step.clock_us - START}: expected {value}, found {found[name]}"


def _wrong_repeats(answers: Sequence[Answered]) -> Iterator[str]:
    """A stamp that goes back on a key, and events told wrongly to be, or not to be, the same again."""
    accepted: dict[tuple[str, str], int] = {}
    last: dict[tuple[str, str], int] = {}
    for each in answers:
        step, found = each.step, each.observation
        touched = [(name, key) for name, key in keys_of(step).items() if key is not None]
        stamp = max([step.clock_us, *(last.get(key, 0) for key in touched)])
        first = accepted.get((step.stream, step.event_id))
        is_duplicate = first is not None and stamp < first + DEDUPE
        if found.is_duplicate != is_duplicate:
            yield f"{step}: expected {'a duplicate' if is_duplicate else 'a new event'}"
        if not is_duplicate:
            accepted[step.stream, step.event_id] = stamp
            last |= dict.fromkeys(touched, stamp)
        elif first is not None:
            stamp = first
        if found.stamp_us != stamp:
            yield f"{step}: expected the stamp {stamp - START}, found {found.stamp_us - START}"
