"""The order lines whose invoices arrive in a block of days, and into how many billed lines each is cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskloom.domains.vendor_disputes.simulation.population import Bools, Floats, Ints, Population, chance, is_by_weight
from riskloom.domains.vendor_disputes.simulation.regime import FIRST_WRONG, Block, Cause, Regime
from riskloom.ingest.simulation import DAY, SimulationPlan

HOUR = 3_600_000_000  # microseconds
MILLI = 1_000  # quantities are counted in thousandths
_LARGEST = 40_000  # units
_ALSO_SPLIT = 0.15  # share of wrong order lines that come in two deliveries, one of which is wrong
_CHANGED = 0.06  # share of orders whose quantity is changed before delivery
_OTHER_BUYER = 0.12
_NO_ORDER = 0.02  # share of services billed without an order
_WEEK = np.array([1.05, 1.1, 1.1, 1.05, 1.0, 0.12, 0.06])
_SAME_NUMBER = 0.4  # share of second bills that are the same invoice sent again
_LONGEST_SHARE = 0.6  # of the plan that the billing of one order line may take


@dataclass(frozen=True, slots=True)
class Orders:
    """Order lines by index."""

    cause: Ints
    vendor: Ints
    sold: Ints  # index into the vendors' items
    buyer: Ints
    has_order: Bools
    quantity: Ints  # thousandths, as the order finally says
    at_first: Ints  # thousandths, as it said before a change
    is_changed: Bools
    ordered: Ints  # µs
    lines: Ints  # how many are billed

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.cause)


@dataclass(frozen=True, slots=True)
class Lines:
    """Billed lines by index, in the order in which they arrive: their order line, and how far it is cut by then."""

    order: Ints  # index into the orders
    part: Ints  # 0 for the first line of an order line
    quantity: Ints  # thousandths of this part
    arrived: Ints  # µs
    is_hit: Bools  # whether the order's cause, if it is a wrong one, is about this line
    invoice: Ints  # the line whose number the invoice bears: its first, or that of the invoice it repeats


def draw_orders(plan: SimulationPlan, people: Population, block: Block, sizes: Ints) -> tuple[Orders, Lines]:
    """Order lines and exactly as many billed lines as ``sizes`` says for the block's days."""
    rng = plan.rng("orders", block.first)
    wanted = int(sizes[block.first : block.last].sum())
    vendor = np.searchsorted(people.vendors.weight, rng.random(wanted)).clip(max=people.vendors.count - 1)
    cause = _causes(rng, block.regime, people.vendors.habit[vendor])
    lines = _cut(rng, cause, wanted)
    vendor, cause = vendor[: len(lines)], cause[: len(lines)]
    count = len(lines)
    items = people.items
    sold = items.first[vendor] + (rng.random(count) ** 1.6 * items.owned[vendor]).astype(np.int64)
    begin, offsets = _times(rng, plan, block, sizes, lines, cause)
    quantity = _quantities(rng, items.usual[sold], is_by_weight(items.unit[sold]))
    is_changed = chance(rng, count, _CHANGED)
    at_first = np.where(is_changed, _like(rng, quantity), quantity)
    buyer = people.vendors.buyer[vendor]
    others = rng.integers(0, len(people.buyers.slowness), count)
    lead = people.vendors.lead[vendor] * rng.lognormal(0, 0.35, count) + 4
    orders = Orders(
        cause=cause,
        vendor=vendor,
        sold=sold,
        buyer=np.where(chance(rng, count, _OTHER_BUYER), others, buyer),
        has_order=(rng.random(count) >= _NO_ORDER) | (cause != Cause.CLEAN),
        quantity=quantity,
        at_first=at_first,
        is_changed=is_changed,
        ordered=begin - (lead * DAY).astype(np.int64),
        lines=lines,
    )
    return orders, _lines(rng, plan, people, orders, begin, offsets)


def _causes(rng: np.random.Generator, regime: Regime, habit: Floats) -> Ints:
    """A cause for each order line, by its vendor's habits."""
    shares = np.array([regime.shares.get(cause, 0.0) for cause in Cause])
    chances = habit * shares
    chances[:, Cause.CLEAN] = np.maximum(1 - chances.sum(axis=1), 0.25)
    reached = np.cumsum(chances, axis=1)
    draw = rng.random(len(habit)) * reached[:, -1]
    return np.asarray((reached < draw[:, None]).sum(axis=1), dtype=np.int64)


def _cut(rng: np.random.Generator, cause: Ints, wanted: int) -> Ints:
    """How many lines each order line is billed in; so many order lines that there are as many lines as wanted."""
    lines = np.ones(wanted, dtype=np.int64)
    several = 2 + rng.integers(0, 3, wanted)
    lines = np.where(np.isin(cause, (Cause.SPLIT, Cause.STANDING)), several, lines)
    also = (cause >= FIRST_WRONG) & chance(rng, wanted, _ALSO_SPLIT)
    lines = np.where((cause == Cause.DUPLICATE) | also, 2, lines)
    reached = np.cumsum(lines)
    needed = int(np.searchsorted(reached, wanted)) + 1
    lines = lines[:needed]
    lines[-1] -= max(int(reached[needed - 1]) - wanted, 0)
    return lines


def _times(
    rng: np.random.Generator, plan: SimulationPlan, block: Block, sizes: Ints, lines: Ints, cause: Ints
) -> tuple[Ints, Ints]:
    """When the first line of each order line arrives, and how long after it the others do, by line."""
    day = np.repeat(np.arange(block.first, block.last), sizes[block.first : block.last])
    day = day[rng.permutation(len(day))[: len(lines)]]
    hour = np.where(chance(rng, len(lines), 0.4), rng.normal(2.5, 0.6, len(lines)), rng.normal(12.5, 2.6, len(lines)))
    begin = plan.start_us + day * DAY + (np.clip(hour, 0, 23.99) * HOUR).astype(np.int64)
    order = np.repeat(np.arange(len(lines)), lines)
    part = np.arange(len(order)) - np.repeat(np.cumsum(lines) - lines, lines)
    gap = rng.uniform(4, 16, len(order))
    gap = np.where(cause[order] == Cause.STANDING, 7.0 + rng.normal(0, 0.4, len(order)), gap)
    copied = rng.lognormal(2.1, 0.9, len(order)).clip(0.2, 45)
    gap = np.where(cause[order] == Cause.DUPLICATE, copied, gap) * (part > 0)
    total = np.cumsum(gap)
    offset = total - total[(np.cumsum(lines) - lines)[order]]
    longest = _LONGEST_SHARE * plan.days
    last = offset[np.cumsum(lines) - 1]
    offset *= np.minimum(1.0, longest / np.maximum(last, 1e-9))[order]
    offsets = (offset * DAY).astype(np.int64)
    latest = plan.end_us - 1 - offsets[np.cumsum(lines) - 1]
    early = np.maximum(begin - latest, 0)
    # what would end after the plan begins earlier, by whole days and a little so that nothing piles up at the edge
    return begin - np.where(early > 0, -(-early // DAY) * DAY, 0), offsets


def _lines(
    rng: np.random.Generator, plan: SimulationPlan, people: Population, orders: Orders, begin: Ints, offsets: Ints
) -> Lines:
    order = np.repeat(np.arange(orders.count), orders.lines)
    first = (np.cumsum(orders.lines) - orders.lines)[order]
    part = np.arange(len(order)) - first
    quantity = _parts(rng, orders, order, part, is_by_weight(people.items.unit[orders.sold[order]]))
    hit = (rng.random(orders.count) * orders.lines).astype(np.int64)
    hit = np.where(orders.cause == Cause.DUPLICATE, 1, hit)
    is_hit = (part == hit[order]) & (orders.cause[order] >= FIRST_WRONG)
    arrived, together = _together(plan, people, orders.vendor[order], begin[order] + offsets)
    is_again = (orders.cause[order] == Cause.DUPLICATE) & (part > 0) & chance(rng, len(order), _SAME_NUMBER)
    by_time = np.argsort(arrived, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[by_time] = np.arange(len(order))
    _, earliest, which = np.unique(together[by_time], return_index=True, return_inverse=True)
    invoice = earliest[which][place]
    invoice = np.where(is_again, invoice[first], invoice)
    return Lines(order[by_time], part[by_time], quantity[by_time], arrived[by_time], is_hit[by_time], invoice[by_time])


def _together(plan: SimulationPlan, people: Population, vendor: Ints, arrived: Ints) -> tuple[Ints, Ints]:
    """When each line arrives once a vendor that consolidates puts a day's lines on one invoice, and that invoice."""
    day = (arrived - plan.start_us) // DAY
    own = np.arange(len(arrived)) + (int(day.max(initial=0)) + 1) * people.vendors.count
    key = np.where(people.vendors.consolidates[vendor] & (day >= 0), day * people.vendors.count + vendor, own)
    _, which = np.unique(key, return_inverse=True)
    last = np.full(int(which.max(initial=-1)) + 1, np.iinfo(np.int64).min)
    np.maximum.at(last, which, arrived)
    return last[which], key


def _parts(rng: np.random.Generator, orders: Orders, order: Ints, part: Ints, by_weight: Bools) -> Ints:
    """The quantity of each line: equal parts of a standing order, the whole of what is billed twice, else by chance."""
    weight = np.where(orders.cause[order] == Cause.STANDING, 1.0, rng.uniform(0.5, 1.5, len(order)))
    total = np.bincount(order, weight, minlength=orders.count)
    share = np.where(orders.cause[order] == Cause.DUPLICATE, 1.0, weight / total[order])
    exact = orders.quantity[order] * share
    step = np.where(by_weight[order], 1, MILLI)
    rounded = np.maximum(np.rint(exact / step), 1).astype(np.int64) * step
    # the first part takes what rounding leaves, unless that is nothing
    left = orders.quantity - np.bincount(order, rounded, minlength=orders.count).astype(np.int64)
    is_whole = np.isin(orders.cause, (Cause.STANDING, Cause.DUPLICATE))
    takes = (part == 0) & ~is_whole[order]
    return np.where(takes, np.maximum(rounded + left[order], step), rounded)


def _quantities(rng: np.random.Generator, usual: Floats, by_weight: Bools) -> Ints:
    """Ordered quantities in thousandths: whole units, often round ones, but for what is weighed."""
    exact = np.minimum(usual * rng.lognormal(0, 0.55, len(usual)), _LARGEST)
    even = np.where(
        chance(rng, len(usual), 0.6), np.maximum(np.rint(exact / 12) * 12, 12), np.maximum(np.rint(exact), 1)
    )
    return np.where(by_weight, np.maximum(np.rint(exact * MILLI), 100), even * MILLI).astype(np.int64)


def _like(rng: np.random.Generator, quantity: Ints) -> Ints:
    """What was ordered before the order was changed."""
    step = np.where(quantity % MILLI == 0, MILLI, 1)
    other = quantity * rng.uniform(0.6, 1.4, len(quantity))
    return np.maximum(np.rint(other / step), 1).astype(np.int64) * step


def day_sizes(plan: SimulationPlan) -> Ints:
    """Billed lines of each day, together exactly the plan's: few on Saturdays and Sundays, more at a month's end."""
    days = np.arange(plan.days)
    weight = _WEEK[(plan.start.weekday() + days) % 7] * np.where((plan.start.day + days) % 30 < 3, 1.25, 1.0)  # noqa: PLR2004
    return plan.rng("days").multinomial(plan.events, weight / weight.sum())
