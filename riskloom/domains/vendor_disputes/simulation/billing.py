"""What is shipped, received and billed on each line, and by how much that is too much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskloom.domains.vendor_disputes.simulation.orders import HOUR, MILLI, Lines, Orders
from riskloom.domains.vendor_disputes.simulation.population import (
    RATES,
    TAX_RATES,
    UNITS,
    Bools,
    Floats,
    Ints,
    Population,
    chance,
    is_by_weight,
)
from riskloom.domains.vendor_disputes.simulation.regime import FIRST_WRONG, Block, Cause
from riskloom.ingest.simulation import DAY, SimulationPlan

_PRICE_UNITS = 10_000  # prices are counted in ten-thousandths
_SCALE = MILLI * _PRICE_UNITS // 100  # thousandths times ten-thousandths, in hundredths of money
_FREIGHT = 0.02  # share of lines with an agreed charge on top
_LATE_POSTING = 0.07  # share of receipts that lie about for days


@dataclass(frozen=True, slots=True)
class Billing:
    """Lines as billed and received, by index of the lines; quantities in thousandths, prices in ten-thousandths."""

    shipped: Ints
    received: Ints  # 0 where the line brings no goods of its own
    billed: Ints
    returned: Ints  # of what was received
    is_return_early: Bools  # sent back before it was billed
    unit: Ints
    price: Ints
    amount: Ints  # hundredths, without tax
    tax: Ints  # hundredths
    tax_rate: Floats
    agreed_tax: Floats  # as the order has it
    order_price: Ints
    too_much: Ints  # hundredths that should not be paid
    is_wrong: Bools
    goods: Ints  # µs when they arrived
    posted: Ints  # µs when the receipt was posted
    invoiced: Ints  # µs, the invoice's date
    ledger: Ints  # hundredths of the domain's currency


def bill(plan: SimulationPlan, people: Population, block: Block, orders: Orders, lines: Lines) -> Billing:
    """Draw what happened to each line."""
    rng = plan.rng("billing", block.first)
    count, order = len(lines.order), lines.order
    cause = np.where(lines.is_hit | (orders.cause[order] < FIRST_WRONG), orders.cause[order], Cause.CLEAN)
    invoiced, goods, posted = _when(rng, people, block, orders, lines)
    items, sold = people.items, orders.sold[order]
    agreed = items.price_at(sold, np.minimum(goods, lines.arrived))
    shipped, received, quantity, due = _quantities(rng, cause, lines, is_by_weight(items.unit[sold]), items.case[sold])
    # without an order line there is nothing a return could name
    returned, is_early = _returns(rng, cause, np.where(orders.has_order[order], received, 0))
    due = np.where(is_early, np.maximum(due - returned, 0), due)
    nets_off = is_early & (cause != Cause.RETURN)  # an honest vendor bills what was kept
    quantity = np.where(nets_off, np.maximum(quantity - returned, 0), quantity)
    price = _prices(rng, cause, agreed, items.case[sold])
    quantity, price, unit = _in_cases(cause, quantity, price, items.unit[sold], items.case[sold])
    freight = np.where(chance(rng, count, _FREIGHT), rng.integers(500, 6_000, count), 0)
    amount = cents(quantity, price) + freight
    rate, agreed_tax, right_rate = _taxes(rng, cause, TAX_RATES[people.vendors.tax[orders.vendor[order]]])
    tax = np.rint(amount * rate / 100).astype(np.int64)
    owed = np.where(cause == Cause.DUPLICATE, 0, np.minimum(cents(due, agreed) + freight, amount))
    owed = np.where(cause == Cause.CASES, amount, owed)
    owed += np.rint(owed * right_rate / 100).astype(np.int64)
    is_wrong = (cause >= FIRST_WRONG) & (amount + tax > owed)
    swing = 1 + 0.03 * np.sin(2 * np.pi * (lines.arrived // DAY) / 90)
    ledger = np.rint(amount * RATES[people.vendors.currency[orders.vendor[order]]] * swing).astype(np.int64)
    return Billing(
        shipped=shipped,
        received=np.where(orders.has_order[order] & (cause != Cause.DUPLICATE), received, 0),
        billed=quantity,
        returned=returned,
        is_return_early=is_early,
        unit=unit,
        price=price,
        amount=amount,
        tax=tax,
        tax_rate=rate,
        agreed_tax=agreed_tax,
        order_price=items.price_at(sold, orders.ordered[order]),
        too_much=np.where(is_wrong, amount + tax - owed, 0),
        is_wrong=is_wrong,
        goods=goods,
        posted=posted,
        invoiced=invoiced,
        ledger=np.maximum(ledger, 1),
    )


def _when(
    rng: np.random.Generator, people: Population, block: Block, orders: Orders, lines: Lines
) -> tuple[Ints, Ints, Ints]:
    """The invoice's date, when the goods came and when their receipt was posted: some come after the invoice."""
    count, order = len(lines.order), lines.order
    electronic = people.vendors.is_electronic[orders.vendor[order]]
    mail = np.where(electronic, rng.lognormal(1.0, 0.8, count) * HOUR, rng.gamma(2.2, 1.1, count) * DAY)
    invoiced = lines.arrived - mail.astype(np.int64)
    ahead = rng.normal(3.5, 3.6, count)  # days by which the goods come before the invoice is written
    goods = invoiced - (ahead * DAY).astype(np.int64)
    goods = np.maximum(goods, orders.ordered[order] + 2 * DAY)
    slowness = people.buyers.slowness[orders.buyer[order]] * block.regime.posting
    posting = rng.lognormal(1.3, 0.9, count) * slowness * HOUR
    late = rng.uniform(1.5, 14, count) * DAY * np.minimum(slowness, 2.5)
    posting = np.where(rng.random(count) < _LATE_POSTING * np.minimum(slowness, 3), late, posting)
    return invoiced, goods, goods + posting.astype(np.int64)


def _quantities(
    rng: np.random.Generator, cause: Ints, lines: Lines, by_weight: Bools, case: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Shipped, received, billed and due quantities of each line in thousandths."""
    count, step = len(cause), np.where(by_weight, 1, MILLI)
    less = np.clip(rng.lognormal(np.log(0.12), 0.8, count), 0.004, 0.95)
    more = np.clip(rng.lognormal(np.log(0.07), 0.7, count), 0.004, 0.6)
    part = lines.quantity
    fewer = np.maximum(np.floor(part * (1 - less) / step), 0).astype(np.int64) * step
    greater = np.maximum(np.ceil(part * (1 + more) / step), 1).astype(np.int64) * step
    over = np.isin(cause, (Cause.ACCEPTED_OVER, Cause.REFUSED_OVER))
    shipped = np.where(cause == Cause.PARTIAL, np.maximum(fewer, step), np.where(over, greater, part))
    received = np.where(cause == Cause.SHORTAGE, fewer, shipped)
    whole = -(-part // (case * MILLI)) * case * MILLI
    billed = np.where(cause == Cause.ROUNDED_UP, np.where(whole > part, whole, part + case * MILLI), shipped)
    due = np.where(cause == Cause.REFUSED_OVER, part, np.where(cause == Cause.SHORTAGE, received, shipped))
    return shipped, received, billed, np.where(cause == Cause.DUPLICATE, 0, due)


def _returns(rng: np.random.Generator, cause: Ints, received: Ints) -> tuple[Ints, Bools]:
    """How many of the received were sent back, and whether that was before the line was billed."""
    count = len(cause)
    is_wrong = cause == Cause.RETURN
    goes_back = is_wrong | (chance(rng, count, 0.03) & np.isin(cause, (Cause.CLEAN, Cause.SPLIT)))
    share = np.clip(rng.lognormal(np.log(0.2), 0.7, count), 0.02, 1.0)
    step = np.where(received % MILLI == 0, MILLI, 1)
    returned = np.maximum(np.floor(received * share / step), 1).astype(np.int64) * step
    is_early = is_wrong | chance(rng, count, 0.35)
    # of what is billed something must be left, or there is nothing to bill
    most = np.where(is_wrong, received, np.maximum(received - step, 0))
    returned = np.where(goes_back, np.minimum(returned, most), 0)
    return returned, is_early & (returned > 0)


def _prices(rng: np.random.Generator, cause: Ints, agreed: Ints, case: Ints) -> Ints:
    """Billed prices in ten-thousandths; a slip takes the price of a case or of a wrong size."""
    count = len(cause)
    wrong = 1 + np.clip(rng.lognormal(np.log(0.06), 0.9, count), 0.003, 1.5)
    padded = 1 + rng.uniform(0.004, 0.035, count)
    slip = np.where(chance(rng, count, 0.2), case, np.array([1.2, 1.25, 1.5, 2.0])[rng.integers(0, 4, count)])
    factor = np.where(cause == Cause.PRICE, wrong, np.where(cause == Cause.PADDING, padded, 1.0))
    factor = np.where(cause == Cause.UNIT_SLIP, slip, factor)
    # whoever pads or bills another price does so to the hundredth; a cheap article may rise by no less
    billed = np.rint(agreed * factor / 100).astype(np.int64) * 100
    return np.where(factor > 1, np.maximum(billed, agreed + 100), agreed)


def _in_cases(cause: Ints, quantity: Ints, price: Ints, unit: Ints, case: Ints) -> tuple[Ints, Ints, Ints]:
    """The same in cases where it comes out even."""
    is_even = (cause == Cause.CASES) & (quantity % (case * MILLI) == 0)
    return (
        np.where(is_even, quantity // case, quantity),
        np.where(is_even, price * case, price),
        np.where(is_even, UNITS.index("CS"), unit),
    )


def _taxes(rng: np.random.Generator, cause: Ints, usual: Floats) -> tuple[Floats, Floats, Floats]:
    """The rate billed, that of the order, and the right one."""
    other = TAX_RATES[rng.integers(1, len(TAX_RATES), len(cause))]
    higher = np.where(other > usual, other, usual + rng.choice([1.0, 2.0, 5.0], len(cause)))
    rate = np.where(cause == Cause.TAX, higher, usual)
    agreed = np.where(cause == Cause.EXEMPT, np.where(other == usual, 0.0, other), usual)
    return rate, agreed, usual


def cents(quantity: Ints, price: Ints) -> Ints:
    """Quantity times price in hundredths, halves rounded up."""
    return (quantity * price + _SCALE // 2) // _SCALE
