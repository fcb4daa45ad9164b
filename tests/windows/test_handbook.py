"""Real card transactions through both stores, against SQL that is written from the definition."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest

from riskloom.windows import WindowPlan
from tests.windows.conftest import OpenStore
from tests.windows.declared import Json, any_domain, plan_of, stream, view
from tests.windows.test_proof import started

_numbers = count(40_000)
_SPANS = {"1h": "5m", "1d": "1h", "7d": "6h", "30d": "1d"}
_HOPS = {"1h": (3_600, 300), "1d": (86_400, 3_600), "7d": (604_800, 21_600), "30d": (2_592_000, 86_400)}
_DELAY = 7 * 86_400
_CARDS = 60


def _features(prefix: str, distinct: str) -> dict[str, Json]:
    features: dict[str, Json] = {}
    for span in _SPANS:
        window = {"stream": "payments", "span": span}
        features[f"{prefix}_count_{span}"] = {"data_type": "bigint", "aggregate": "count", **window}
        for aggregate in ("sum", "mean", "max", "std"):
            features[f"{prefix}_{aggregate}_{span}"] = {
                "data_type": "double",
                "aggregate": aggregate,
                "field": "amount",
                **window,
            }
        features[f"{prefix}_distinct_{span}"] = {
            "data_type": "bigint",
            "aggregate": "distinct",
            "field": distinct,
            "cap": 20,
            **window,
        }
        late = {"data_type": "bigint", "stream": "payments", "span": span, "delay": "7d"}
        features[f"{prefix}_frauds_{span}"] = {"aggregate": "sum", "field": "fraud", **late}
        features[f"{prefix}_matured_{span}"] = {"aggregate": "count", **late}
    return features


@pytest.fixture(scope="module")
def handbook_plan(tmp_path_factory: pytest.TempPathFactory) -> WindowPlan:
    """Cards and terminals in the spans that the domain uses, with labels a week late."""
    domain = any_domain()
    fields: dict[str, int | str] = {"amount": 2, "terminal": "key", "fraud": 0}
    return plan_of(
        tmp_path_factory.mktemp("plan"),
        stream(domain, "payments", entities=("card", "terminal"), fields=fields),
        view(domain, "card", join_key="card", spans=_SPANS, features=_features("card", "terminal")),
        view(domain, "terminal", join_key="terminal", spans=_SPANS, features=_features("terminal", "amount")),
    )


@pytest.fixture(scope="module")
def payments(reference_data: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Payments of some cards with all their keys; terminals are put together, so that each has many."""
    with duckdb.connect() as connection:
        connection.execute(
            """
            create table payments as
            select cast(TRANSACTION_ID as varchar) as payment, cast(CUSTOMER_ID as varchar) as card,
                cast(TERMINAL_ID % 40 as varchar) as terminal, cast(round(TX_AMOUNT * 100) as bigint) as amount,
                cast(TX_FRAUD as bigint) as fraud, epoch_us(cast(TX_DATETIME as timestamp)) as happened
            from read_parquet($1) where CUSTOMER_ID < $2 and TX_DATETIME < timestamp '2018-06-10'
            order by happened, payment
            """,
            [str(reference_data / "handbook" / "*.parquet"), _CARDS],
        )
        yield connection


def _expected(connection: duckdb.DuckDBPyConnection, key: str) -> dict[str, dict[str, Any]]:
    """Every feature of every payment, by a join of each with all earlier ones of its key."""
    columns = []
    for span, (width, hop) in _HOPS.items():
        tail = f"(q.happened - q.happened % {hop}000000 - {width}000000)"
        now = f"filter (e.happened < q.happened and e.happened >= {tail})"
        late = f"filter (e.happened + {_DELAY}000000 < q.happened and e.happened + {_DELAY}000000 >= {tail})"
        total, squares = f"sum(e.amount) {now}", f"sum(e.amount::hugeint * e.amount) {now}"
        number = f"count(*) {now}"
        distinct = "terminal" if key == "card" else "amount"
        columns += [
            f"{number} as {key}_count_{span}",
            f"coalesce(cast({total} as double), 0) / 100 as {key}_sum_{span}",
            f"cast({total} as double) / {number} / 100 as {key}_mean_{span}",
            f"cast(max(e.amount) {now} as double) / 100 as {key}_max_{span}",
            f"sqrt(cast({number} * {squares} - {total} * {total} as double)) / {number} / 100 as {key}_std_{span}",
            f"least(count(distinct e.{distinct}) {now}, 20) as {key}_distinct_{span}",
            f"cast(coalesce(sum(e.fraud) {late}, 0) as bigint) as {key}_frauds_{span}",
            f"count(*) {late} as {key}_matured_{span}",
        ]
    found = connection.execute(
        f"""
        select q.payment, {", ".join(columns)} from payments q
        left join payments e on e.{key} = q.{key}
            and e.happened < q.happened and e.happened > q.happened - 50 * 86400000000
        group by q.payment, q.happened
        """  # noqa: S608
    )
    names = [column[0] for column in found.description or []]
    return {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in found.fetchall()}


def test_real_payments_have_the_values_of_sql(
    handbook_plan: WindowPlan, payments: duckdb.DuckDBPyConnection, open_store: OpenStore
) -> None:
    """Each of some thousand payments, once as it comes and some twice: both keys, every feature, tolerance zero."""
    store = open_store(next(_numbers))
    engine = started(handbook_plan, store)
    wanted = {key: _expected(payments, key) for key in ("card", "terminal")}
    rows = payments.execute(
        "select payment, card, terminal, amount, fraud, happened from payments order by happened, payment"
    )
    compared = 0
    for payment, card, terminal, amount, fraud, at in rows.fetchall():
        event = {"payment": payment, "card": card, "terminal": terminal, "amount": Decimal(amount).scaleb(-2)}
        event["fraud"] = fraud
        for _ in range(2 if amount % 50 == 0 else 1):
            found = engine.observe("payments", event, effective_us=at, observed_us=at)
        assert found.stamp_us == at
        assert found.values == wanted["card"][payment] | wanted["terminal"][payment]
        compared += len(found.values or {})
    assert compared > 200_000
    store.close()
