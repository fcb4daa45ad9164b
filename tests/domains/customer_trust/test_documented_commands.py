"""The commands in the documentation do what it says, word for word."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from riskloom.ingest import ensure_pseudonym_key
from riskloom.ingest.pseudonyms import pseudonym_sql
from riskloom.settings import PROJECT_ROOT
from riskloom.sql import Parameters
from tests.documents import prompted_commands, run_command

pytestmark = pytest.mark.usefixtures("_at_home")
DOCS = PROJECT_ROOT / "docs"


@pytest.mark.slow
def test_the_handbooks_data_is_ingested_as_documented(reference_data: Path, tmp_path: Path) -> None:
    """All payments land exact to the cent, each fraud as a chargeback seven days later, and nothing is quarantined."""
    (source,) = (reference_data / "handbook").glob("*.parquet")
    (tmp_path / "transactions.parquet").symlink_to(source)
    payments, chargebacks = map(run_command, prompted_commands(DOCS / "ingest.md"))
    assert (payments["landed"], payments["quarantined"]) == (1_169_723, 0)
    assert (chargebacks["landed"], chargebacks["quarantined"]) == (9_465, 0)
    assert chargebacks["read"] + chargebacks["skipped"] == payments["read"]
    landing = tmp_path / "home" / "landing" / "customer_trust"
    parameters, key = Parameters(), ensure_pseudonym_key(tmp_path / "home" / "keys")
    holder = pseudonym_sql("s.CUSTOMER_ID::TEXT", "c-", key, parameters)
    with duckdb.connect() as connection:
        connection.from_parquet(f"{landing}/payments__transactions/*.parquet").create_view("landed")
        connection.from_parquet(f"{landing}/payments__chargebacks/*.parquet").create_view("chargebacks")
        connection.from_parquet(str(source)).create_view("source")
        wrong = connection.execute(
            f"""SELECT count(*) FROM landed AS l JOIN source AS s ON s.TRANSACTION_ID = l.transaction_id::BIGINT
            WHERE l.amount::DOUBLE <> round(s.TX_AMOUNT, 2) OR l.effective_at <> s.TX_DATETIME
                OR l.customer_id <> {holder}""",  # noqa: S608 - the test's own query
            parameters.values,
        ).fetchall()
        late = connection.execute(
            """SELECT DISTINCT c.observed_at - l.observed_at, s.TX_FRAUD FROM chargebacks AS c
            JOIN landed AS l USING (transaction_id) JOIN source AS s ON s.TRANSACTION_ID = l.transaction_id::BIGINT"""
        ).fetchall()
    assert wrong == [(0,)]
    assert [(gap.days, fraud) for gap, fraud in late] == [(7, 1)]


def test_a_small_source_is_ingested_as_documented(tmp_path: Path) -> None:
    """The same commands on three rows made here: they hold on a machine without the public data."""
    with duckdb.connect() as connection:
        connection.execute(
            """COPY (SELECT i AS TRANSACTION_ID, TIMESTAMP '2018-04-01' AS TX_DATETIME, 7 AS CUSTOMER_ID,
            8 AS TERMINAL_ID, 57.16 + i * 28.49 AS TX_AMOUNT, i % 2 AS TX_FRAUD, 3 AS TX_FRAUD_SCENARIO
            FROM range(3) t(i)) TO $path (FORMAT parquet)""",
            {"path": str(tmp_path / "transactions.parquet")},
        )
    payments, chargebacks = map(run_command, prompted_commands(DOCS / "ingest.md"))
    assert (payments["landed"], chargebacks["landed"], chargebacks["skipped"]) == (3, 1, 2)


def test_the_simulator_is_used_as_documented(tmp_path: Path) -> None:
    """The history is written, and its payments land."""
    simulated, ingested = map(run_command, prompted_commands(DOCS / "simulator.md"))
    assert (tmp_path / "history" / "live").is_dir()
    rows = json.loads((tmp_path / "history" / "simulation.json").read_text(encoding="utf-8"))["rows"]
    assert ingested["landed"] == rows["payments__transactions"]
    assert simulated["is_new"]
