"""
A made-up history of procurement: orders, receipts, invoices, and what is wrong with some of them.

Invoices are drawn by the day on which they arrive, and what came before and comes after them is drawn from there: the
order, the goods, their receipt, the dispute, the payment. Each stream of random numbers is seeded by the plan, a name
and the first day of its block.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from riskloom.domains.vendor_disputes.simulation.aftermath import deduct, dispute, pay
from riskloom.domains.vendor_disputes.simulation.billing import bill
from riskloom.domains.vendor_disputes.simulation.orders import day_sizes, draw_orders
from riskloom.domains.vendor_disputes.simulation.population import draw_population
from riskloom.domains.vendor_disputes.simulation.regime import blocks
from riskloom.domains.vendor_disputes.simulation.rows import BlockRows, agreement_rows
from riskloom.ingest.simulation import SimulationPlan


def simulate(plan: SimulationPlan) -> Iterator[tuple[str, pa.Table]]:
    """Yield (table, rows) in the contracts' columns: price agreements first, then block by block."""
    people = draw_population(plan)
    yield "purchasing__agreements", agreement_rows(plan, people)
    sizes, number = day_sizes(plan), 0
    for block in blocks(plan):
        if not sizes[block.first : block.last].sum():
            continue
        orders, lines = draw_orders(plan, people, block, sizes)
        bills = bill(plan, people, block, orders, lines)
        disputes = dispute(plan, people, block, orders, lines, bills)
        deductions = deduct(plan, block, lines, bills, disputes)
        payments = pay(plan, people, block, orders, lines, bills, disputes)
        rows = BlockRows(plan, people, block, orders, lines, bills, first_number=number)
        number += len(lines.order)
        yield "purchasing__order_lines", rows.order_lines()
        yield "receiving__receipts", rows.receipts()
        yield "receiving__returns", rows.returns()
        yield "payables__invoice_lines", rows.invoice_lines()
        yield "payables__disputes", rows.disputes(disputes)
        yield "payables__resolutions", rows.resolutions(disputes)
        yield "payables__deductions", rows.deductions(deductions)
        yield "payables__payments", rows.payments(payments)
