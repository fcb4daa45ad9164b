"""Declared domains with outcomes and costs of a test's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from riskloom.catalog import AmountShare, Costs, Domain, Outcome, Policy, load_catalog

CATALOG = load_catalog()
_shares = st.integers(0, 20).map(lambda twentieth: twentieth / 20)
_money = st.one_of(st.just(0.0), st.integers(0, 5_000).map(lambda cents: cents / 100))
probabilities = st.one_of(st.floats(0, 1), st.integers(0, 20).map(lambda twentieth: twentieth / 20))
amounts = st.one_of(st.just(0.0), st.floats(0, 100_000), st.integers(0, 500).map(float))


def declared(costs: Costs, outcomes: Sequence[dict[str, Any]], **policy: object) -> Domain:
    """A declared domain whose outcomes are ``o0``, ``o1``, … with these properties, ``o1`` the safe and unusual one."""
    domain = next(iter(CATALOG.values()))
    named = [
        Outcome.model_validate({"name": f"o{n}", "description": "An outcome of a test.", **properties})
        for n, properties in enumerate(outcomes)
    ]
    serving = domain.serving.model_copy(update={"safe_outcome": "o1", "unusual_outcome": "o1"})
    return domain.model_copy(
        update={"costs": costs, "outcome": tuple(named), "serving": serving, "policy": Policy.model_validate(policy)}
    )


@st.composite
def all_costs(draw: st.DrawFn) -> Costs:
    """Costs of every form."""
    return Costs(
        false_negative=draw(st.one_of(st.just("amount"), _money)),
        minute=draw(_money),
        friction=draw(_money),
        margin=draw(st.one_of(_money, _shares.map(lambda share: AmountShare(share_of_amount=share)))),
    )


@st.composite
def domains(draw: st.DrawFn, *, is_ordered: bool = False) -> Domain:
    """
    Domains with two to five outcomes of any properties.

    Where ``is_ordered``, what an outcome prevents, and the friction and the drop-out it causes, do not fall with its
    hardness; its minutes may.
    """
    count = draw(st.integers(2, 5))
    columns = {name: draw(st.lists(_shares, min_size=count, max_size=count)) for name in _PROPERTIES}
    if is_ordered:
        columns = {name: sorted(values) for name, values in columns.items()}
    minutes = draw(st.lists(st.integers(0, 60), min_size=count, max_size=count))
    outcomes = [{"minutes": minutes[n], **{name: values[n] for name, values in columns.items()}} for n in range(count)]
    return declared(draw(all_costs()), outcomes)


_PROPERTIES = ("prevents", "friction", "drop_out")
THREE = declared(
    Costs(false_negative="amount", minute=1.0, friction=20.0, margin=AmountShare(share_of_amount=0.2)),
    [{}, {"prevents": 0.8, "minutes": 3, "friction": 0.1}, {"prevents": 1, "friction": 1, "drop_out": 1}],
)
