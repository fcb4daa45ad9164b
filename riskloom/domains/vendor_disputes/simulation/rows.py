"""What was drawn, as rows of the contracts' tables; what would be observed after the plan's end is not there."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from riskloom.domains.vendor_disputes.simulation.aftermath import (
    OUTCOMES,
    REASONS,
    Deductions,
    Disputes,
    Payments,
    returned_at,
)
from riskloom.domains.vendor_disputes.simulation.billing import Billing, cents
from riskloom.domains.vendor_disputes.simulation.orders import HOUR, MILLI, Lines, Orders
from riskloom.domains.vendor_disputes.simulation.population import (
    CURRENCIES,
    UNITS,
    Bools,
    Floats,
    Ints,
    Population,
    chance,
)
from riskloom.domains.vendor_disputes.simulation.regime import Block, Cause
from riskloom.ingest.arrays import choices, decimals, identifiers, money, timestamps
from riskloom.ingest.simulation import DAY, SimulationPlan

_MINUTE = 60_000_000
_RAISED_BY = ("buyer", "vendor")
_RETURN_REASONS = ("damaged", "defective", "wrong_item", "surplus", "recalled")
_SUFFIXES = ("", "-1", "A", "/2")
_FIRST_INVOICE = 90_000_000
_IN_TWO = 0.12  # share of lines whose goods come in two receipts
_AT_ONCE = 0.25  # share of split order lines whose goods come all at once
_AMENDED = 0.4  # share of orders that are brought up to an agreed price after the invoice
_NO_NOTICE = 0.25  # share of receipts without a ship notice


def agreement_rows(plan: SimulationPlan, people: Population) -> pa.Table:
    """The first price agreed for everything vendors sell, and each change of it once it is recorded."""
    items = people.items
    count, changes = items.changed.shape
    sold, slot = np.repeat(np.arange(count), changes), np.tile(np.arange(changes), count)
    holds, recorded = items.changed[sold, slot], items.recorded[sold, slot]
    since = np.concatenate([items.since, holds])
    observed = np.concatenate([items.since + 2 * DAY, recorded])
    sold = np.concatenate([np.arange(count), sold])
    number = np.concatenate([np.arange(count) * 10, np.repeat(np.arange(count), changes) * 10 + slot + 1])
    known = np.flatnonzero(observed < plan.end_us)
    known = known[np.argsort(observed[known], kind="stable")]
    sold, since = sold[known], since[known]
    return _table(
        agreement_id=identifiers("ag", number[known], width=9),
        vendor_id=identifiers("v", items.vendor[sold]),
        vendor_item_id=identifiers("vi", sold),
        item_id=identifiers("i", items.item[sold]),
        unit=choices(UNITS, items.unit[sold]),
        unit_price=decimals(items.price_at(sold, since), scale=4),
        currency=choices(CURRENCIES, people.vendors.currency[items.vendor[sold]]),
        effective_at=timestamps(since),
        observed_at=timestamps(observed[known]),
    )


class BlockRows:
    """The rows of one block; ``first_number`` is how many lines the blocks before it have."""

    def __init__(
        self,
        plan: SimulationPlan,
        people: Population,
        block: Block,
        orders: Orders,
        lines: Lines,
        bills: Billing,
        *,
        first_number: int,
    ) -> None:
        self._plan, self._people, self._block = plan, people, block
        self._orders, self._lines, self._bills = orders, lines, bills
        self._first = first_number
        self._vendor = orders.vendor[lines.order]
        self._number = first_number + np.arange(len(lines.order))
        self._currency = people.vendors.currency[self._vendor]
        # an order line is found again by the place its first line has among those that arrived
        self._order_line = np.where(orders.has_order, first_number + np.arange(orders.count), -1)

    def order_lines(self) -> pa.Table:
        """Orders as they were sent, as they were changed before delivery, and as they were mended after the invoice."""
        orders, rng = self._orders, self._plan.rng("order rows", self._block.first)
        price, agreed = np.zeros((2, orders.count), dtype=np.int64)
        price[self._lines.order], agreed[self._lines.order] = self._bills.order_price, self._bills.price
        rate, arrived = np.zeros(orders.count), np.zeros(orders.count, dtype=np.int64)
        rate[self._lines.order], arrived[self._lines.order] = self._bills.agreed_tax, self._lines.arrived
        has_new = (price != agreed) & np.isin(orders.cause, (Cause.CLEAN, Cause.SPLIT, Cause.PARTIAL))
        amended = np.flatnonzero(orders.has_order & has_new & chance(rng, orders.count, _AMENDED))
        sent, changed = np.flatnonzero(orders.has_order), np.flatnonzero(orders.has_order & orders.is_changed)
        which = np.concatenate([sent, changed, amended])
        quantity = np.concatenate([orders.at_first[sent], orders.quantity[changed], orders.quantity[amended]])
        later = orders.ordered[changed] + DAY + rng.integers(0, DAY, len(changed))
        mended = arrived[amended] + rng.integers(DAY, 9 * DAY, len(amended))
        at = np.concatenate([orders.ordered[sent], later, mended])
        prices = np.concatenate([price[sent], price[changed], agreed[amended]])
        observed = at + rng.integers(_MINUTE, 30 * _MINUTE, len(at))
        return self._order_rows(which, quantity, prices, rate, at, observed)

    def _order_rows(self, which: Ints, quantity: Ints, price: Ints, rate: Floats, at: Ints, observed: Ints) -> pa.Table:
        orders, items = self._orders, self._people.items
        rows = self._known(observed)
        which, quantity, price, at, observed = which[rows], quantity[rows], price[rows], at[rows], observed[rows]
        vendor, sold = orders.vendor[which], orders.sold[which]
        day = (orders.ordered[which] - self._plan.start_us) // DAY
        return _table(
            order_line_id=identifiers("ol", self._order_line[which], width=10),
            order_id=identifiers("po", (day - day.min(initial=0)) * self._people.vendors.count + vendor, width=9),
            vendor_id=identifiers("v", vendor),
            buyer_id=identifiers("b", orders.buyer[which]),
            item_id=identifiers("i", items.item[sold]),
            vendor_item_id=identifiers("vi", sold),
            quantity=decimals(quantity, scale=3),
            unit=choices(UNITS, items.unit[sold]),
            unit_price=decimals(price, scale=4),
            price_basis=pa.nulls(len(which), pa.decimal128(18, 3)),
            amount=money(cents(quantity, price)),
            tax_rate=decimals(np.rint(rate[which] * 10_000).astype(np.int64), scale=4),
            currency=choices(CURRENCIES, self._people.vendors.currency[vendor]),
            promised_at=timestamps(orders.ordered[which] + 14 * DAY),
            effective_at=timestamps(at),
            observed_at=timestamps(observed),
        )

    def receipts(self) -> pa.Table:
        """Goods as they came: with their invoice line, in two parts, or all of a split order line at once."""
        orders, lines, bills = self._orders, self._lines, self._bills
        rng = self._plan.rng("receipt rows", self._block.first)
        received, shipped = self._at_once(rng)
        step = np.where(received % MILLI == 0, MILLI, 1)
        second = np.where(chance(rng, len(received), _IN_TWO), received // 2 // step * step, 0)
        more = np.flatnonzero(second > 0)
        some = np.flatnonzero(received - second > 0)
        line = np.concatenate([some, more])
        half = np.concatenate([np.zeros(len(some), dtype=np.int64), np.ones(len(more), dtype=np.int64)])
        quantity = np.concatenate([(received - second)[some], second[more]])
        noticed = np.concatenate([(shipped - second)[some], second[more]])
        gap = half * rng.integers(6 * HOUR, 60 * HOUR, len(line))
        observed = bills.posted[line] + gap
        rows = self._known(observed)
        line, half, at = line[rows], half[rows], (bills.goods[line] + gap)[rows]
        order = lines.order[line]
        has_notice = rng.random(len(line)) >= _NO_NOTICE
        return _table(
            receipt_line_id=identifiers("rl", 2 * self._number[line] + half, width=10),
            receipt_id=identifiers("r", self._number[line], width=10),
            order_line_id=identifiers("ol", self._order_line[order], width=10),
            vendor_id=identifiers("v", orders.vendor[order]),
            item_id=identifiers("i", self._people.items.item[orders.sold[order]]),
            quantity=decimals(quantity[rows], scale=3),
            shipped_quantity=_where(has_notice, decimals(np.maximum(noticed[rows], 0), scale=3)),
            unit=choices(UNITS, self._people.items.unit[orders.sold[order]]),
            effective_at=timestamps(at),
            observed_at=timestamps(observed[rows]),
        )

    def _at_once(self, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Received and shipped quantities by line, those of some split order lines all with the first."""
        orders, lines, bills = self._orders, self._lines, self._bills
        is_moved = ((orders.cause == Cause.SPLIT) & chance(rng, orders.count, _AT_ONCE))[lines.order]
        moved = []
        for quantity in (bills.received, np.where(bills.received > 0, bills.shipped, 0)):
            total = np.bincount(lines.order, quantity, minlength=orders.count).astype(np.int64)[lines.order]
            moved.append(np.where(is_moved, np.where(lines.part == 0, total, 0), quantity))
        return moved[0], moved[1]

    def returns(self) -> pa.Table:
        """Goods sent back; some of it is recorded days later."""
        bills, rng = self._bills, self._plan.rng("return rows", self._block.first)
        has_goods = self._orders.has_order[self._lines.order]
        line = np.flatnonzero((bills.returned > 0) & has_goods)
        at = returned_at(self._lines, bills)[line]
        observed = at + (rng.lognormal(1.5, 1.3, len(line)).clip(0.1, 200) * HOUR).astype(np.int64)
        reason = rng.choice(len(_RETURN_REASONS), len(line), p=[0.3, 0.25, 0.2, 0.2, 0.05])
        rows = self._known(observed)
        line, order = line[rows], self._lines.order[line[rows]]
        return _table(
            return_id=identifiers("rt", self._number[line], width=10),
            order_line_id=identifiers("ol", self._order_line[order], width=10),
            vendor_id=identifiers("v", self._vendor[line]),
            item_id=identifiers("i", self._people.items.item[self._orders.sold[order]]),
            quantity=decimals(bills.returned[line], scale=3),
            unit=choices(UNITS, self._people.items.unit[self._orders.sold[order]]),
            reason=choices(_RETURN_REASONS, reason[rows]),
            effective_at=timestamps(at[rows]),
            observed_at=timestamps(observed[rows]),
        )

    def invoice_lines(self) -> pa.Table:
        """Every billed line, by arrival."""
        orders, lines, bills, people = self._orders, self._lines, self._bills, self._people
        order, sold = lines.order, orders.sold[lines.order]
        number = self._invoice_number()
        return _table(
            invoice_line_id=identifiers("il", self._number, width=10),
            invoice_id=pc.binary_join_element_wise(identifiers("v", self._vendor), number, "/"),
            invoice_number=number,
            vendor_id=identifiers("v", self._vendor),
            buyer_id=identifiers("b", orders.buyer[order]),
            order_line_id=identifiers("ol", self._order_line[order], width=10),
            item_id=identifiers("i", people.items.item[sold]),
            vendor_item_id=identifiers("vi", sold),
            quantity=decimals(bills.billed, scale=3),
            unit=choices(UNITS, bills.unit),
            unit_price=decimals(bills.price, scale=4),
            amount=money(bills.amount),
            tax_amount=money(bills.tax),
            tax_rate=decimals(np.rint(bills.tax_rate * 10_000).astype(np.int64), scale=4),
            currency=choices(CURRENCIES, self._currency),
            ledger_amount=money(bills.ledger),
            terms_days=pa.array(people.vendors.terms[self._vendor]),
            effective_at=timestamps(bills.invoiced),
            observed_at=timestamps(lines.arrived),
        )

    def _invoice_number(self) -> pa.Array:
        """The number on each invoice; that of a second bill is often the first with something behind it."""
        rng, lines = self._plan.rng("invoice numbers", self._block.first), self._lines
        first = np.zeros(self._orders.count, dtype=np.int64)
        first[lines.order[lines.part == 0]] = lines.invoice[lines.part == 0]
        is_copy = (self._orders.cause[lines.order] == Cause.DUPLICATE) & (lines.part > 0)
        is_altered = is_copy & (lines.invoice != first[lines.order]) & chance(rng, len(is_copy), 0.5)
        invoice = np.where(is_altered, first[lines.order], lines.invoice)
        usual = np.where(self._people.vendors.suffixes[self._vendor], 1 + invoice % (len(_SUFFIXES) - 1), 0)
        suffix = np.where(is_altered, rng.integers(1, len(_SUFFIXES), len(invoice)), usual)
        digits = pc.cast(pa.array(_FIRST_INVOICE + self._first + invoice), pa.string())
        return pc.binary_join_element_wise(digits, choices(_SUFFIXES, suffix), "")

    def disputes(self, disputes: Disputes) -> pa.Table:
        """Disputes when they were opened; a vendor's names the deduction it objects to."""
        observed = disputes.opened + 2 * HOUR
        rows = self._known(observed)
        line, by_vendor = disputes.line[rows], disputes.by_vendor[rows].astype(np.int64)
        return _table(
            dispute_id=self._dispute_id(disputes, rows),
            invoice_line_id=identifiers("il", self._number[line], width=10),
            deduction_id=identifiers("dd", np.where(by_vendor > 0, 2 * self._number[line], -1), width=10),
            vendor_id=identifiers("v", self._vendor[line]),
            raised_by=choices(_RAISED_BY, by_vendor),
            reason=choices(REASONS, disputes.reason[rows]),
            claimed_amount=money(disputes.claimed[rows]),
            currency=choices(CURRENCIES, self._currency[line]),
            effective_at=timestamps(disputes.opened[rows]),
            observed_at=timestamps(observed[rows]),
        )

    def resolutions(self, disputes: Disputes) -> pa.Table:
        """How disputes ended, where they have."""
        observed = disputes.ended + HOUR
        rows = self._known(observed)
        line = disputes.line[rows]
        return _table(
            resolution_id=identifiers("rs", 2 * self._number[line] + disputes.by_vendor[rows], width=10),
            dispute_id=self._dispute_id(disputes, rows),
            invoice_line_id=identifiers("il", self._number[line], width=10),
            vendor_id=identifiers("v", self._vendor[line]),
            is_wrong=pa.array(disputes.is_held_wrong[rows].astype(np.bool_)),
            outcome=choices(OUTCOMES, disputes.outcome[rows]),
            allowed_amount=money(disputes.allowed[rows]),
            currency=choices(CURRENCIES, self._currency[line]),
            effective_at=timestamps(disputes.ended[rows]),
            observed_at=timestamps(observed[rows]),
        )

    def deductions(self, deductions: Deductions) -> pa.Table:
        """What was taken off vendors' accounts."""
        observed = deductions.made + HOUR
        rows = self._known(observed)
        line, is_return = deductions.line[rows], deductions.is_return[rows]
        return _table(
            deduction_id=identifiers("dd", 2 * self._number[line] + is_return, width=10),
            invoice_line_id=identifiers("il", np.where(is_return, -1, self._number[line]), width=10),
            return_id=identifiers("rt", np.where(is_return, self._number[line], -1), width=10),
            vendor_id=identifiers("v", self._vendor[line]),
            reason=choices(REASONS, deductions.reason[rows]),
            amount=money(deductions.amount[rows]),
            currency=choices(CURRENCIES, self._currency[line]),
            effective_at=timestamps(deductions.made[rows]),
            observed_at=timestamps(observed[rows]),
        )

    def payments(self, payments: Payments) -> pa.Table:
        """What was paid."""
        observed = payments.paid + HOUR
        rows = self._known(observed)
        line = payments.line[rows]
        return _table(
            payment_id=identifiers("p", self._number[line], width=10),
            invoice_line_id=identifiers("il", self._number[line], width=10),
            vendor_id=identifiers("v", self._vendor[line]),
            amount=money(payments.amount[rows]),
            currency=choices(CURRENCIES, self._currency[line]),
            effective_at=timestamps(payments.paid[rows]),
            observed_at=timestamps(observed[rows]),
        )

    def _dispute_id(self, disputes: Disputes, rows: Ints) -> pa.Array:
        return identifiers("dp", 2 * self._number[disputes.line[rows]] + disputes.by_vendor[rows], width=10)

    def _known(self, observed: Ints) -> Ints:
        """The rows observed before the plan's end, by time."""
        known = np.flatnonzero(observed < self._plan.end_us)
        return known[np.argsort(observed[known], kind="stable")]


def _where(condition: Bools, values: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(condition), values, pa.scalar(None, values.type))


def _table(**columns: pa.Array) -> pa.Table:
    return pa.table(columns)
