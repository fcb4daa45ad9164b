"""The public data of procurement loads by the shipped mappings, and nothing of it is lost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.domains.vendor_disputes.conftest import Office

SCMS, LOG, FLOW = "scms_delivery_history.csv", "sap_log_p2p.parquet", "sap_vbfa.parquet"
LINES = "payables__invoice_lines"
ORDERS = "purchasing__order_lines"
RECEIPTS = "receiving__receipts"
FLOW_OF = "from source where VBTYP_V = 'C' and VBTYP_N"

#: Table, file, mapping, rows landed and said twice, what is added up in the table, and the source's own sum.
CASES = [
    (ORDERS, SCMS, "scms_order_lines", 10_324, 0, "sum(quantity)", 'select sum("Line Item Quantity") from source'),
    (ORDERS, SCMS, "scms_order_lines", 10_324, 0, "sum(amount)", 'select sum("Line Item Value") from source'),
    (RECEIPTS, SCMS, "scms_receipts", 10_324, 0, "sum(quantity)", 'select sum("Line Item Quantity") from source'),
    (ORDERS, LOG, "sap_log_order_lines", 30_986, 0, "sum(amount)",
     "select sum(cast(object_netwr as decimal(18,2))) from source where object_table = 'EKPO'"),
    (LINES, LOG, "sap_log_invoice_lines", 14_829, 0, "sum(amount)",
     "select sum(cast(object_wrbtr as decimal(18,2))) from source where object_table = 'RSEG'"),
    # an item that two documents of one second follow is the same order line, known at the same time
    (ORDERS, FLOW, "sap_flow_order_lines", 38_013, 90, "count(distinct order_line_id)",
     f"select count(distinct VBELV || POSNV) {FLOW_OF} in ('J', 'M')"),
    (RECEIPTS, FLOW, "sap_flow_receipts", 21_462, 0, "sum(quantity)",
     f"select sum(cast(RFMNG as decimal(18,3))) {FLOW_OF} = 'J'"),
    (LINES, FLOW, "sap_flow_invoice_lines", 16_641, 0, "sum(quantity)",
     f"select sum(cast(RFMNG as decimal(18,3))) {FLOW_OF} = 'M'"),
    (LINES, FLOW, "sap_flow_invoice_lines", 16_641, 0, "sum(amount)",
     f"select sum(cast(RFWRT as decimal(18,2))) {FLOW_OF} = 'M'"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "file", "mapping", "landed", "twice", "what", "truth"), CASES)
def test_public_data_loads_without_loss(
    office: Office, reference_data: Path, table: str, file: str, mapping: str, landed: int, twice: int, what: str,
    truth: str,
) -> None:  # fmt: skip
    """Every row that is meant lands, none is quarantined, and what is added up is what the source adds up to."""
    path = reference_data / "procurement" / file
    report = office.ingest(table, path, mapping=mapping)
    assert (report.landed, report.duplicates, report.quarantined) == (landed, twice, 0)
    assert report.read == landed + twice
    reader = "read_csv" if path.suffix == ".csv" else "read_parquet"
    with duckdb.connect() as connection:
        connection.execute(f"create view source as from {reader}('{path}')")
        ((expected,),) = connection.execute(truth).fetchall()
    (found,) = office.landed(table, what)
    assert found == (expected if isinstance(expected, int | Decimal) else pytest.approx(Decimal(str(expected))))
    assert found > 0


def test_what_a_source_writes_for_nothing_is_nothing(office: Office, reference_data: Path) -> None:
    """Blank units and currencies of the flow, and prices for no quantity of the log, are empty; times are exact."""
    folder = reference_data / "procurement"
    office.ingest(LINES, folder / FLOW, mapping="sap_flow_invoice_lines")
    office.ingest(ORDERS, folder / LOG, mapping="sap_log_order_lines")
    assert office.landed(LINES, "count(*) filter (currency is null), count(*) filter (unit is null)") == (2, 255)
    assert office.landed(ORDERS, "count(*) filter (price_basis is null), count(*) filter (price_basis > 1)") == (32, 66)
    assert office.landed(LINES, "count(*) filter (second(effective_at) > 0) > 10000") == (True,)
