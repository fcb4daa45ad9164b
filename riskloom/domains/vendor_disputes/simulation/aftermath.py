"""What follows a billed line: disputes, honest and opportunistic, how they end, deductions and payments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskloom.domains.vendor_disputes.simulation.billing import Billing, cents
from riskloom.domains.vendor_disputes.simulation.orders import HOUR, Lines, Orders
from riskloom.domains.vendor_disputes.simulation.population import Bools, Floats, Ints, Population, chance
from riskloom.domains.vendor_disputes.simulation.regime import Block, Cause
from riskloom.ingest.simulation import DAY, SimulationPlan

REASONS = ("shortage", "price", "duplicate", "quantity", "unit", "tax", "return")
OUTCOMES = ("approved", "approved_in_part", "denied")
_APPROVED, _IN_PART, _DENIED = range(3)
_REASON_OF = {
    Cause.SHORTAGE: "shortage",
    Cause.REFUSED_OVER: "quantity",
    Cause.ACCEPTED_OVER: "quantity",
    Cause.PRICE: "price",
    Cause.PADDING: "price",
    Cause.UNIT_SLIP: "unit",
    Cause.CASES: "unit",
    Cause.ROUNDED_UP: "quantity",
    Cause.DUPLICATE: "duplicate",
    Cause.STANDING: "duplicate",
    Cause.TAX: "tax",
    Cause.EXEMPT: "tax",
    Cause.RETURN: "return",
}
_MISTAKEN = 0.09  # share of lines that only look wrong which are disputed all the same
_DELAYING = 0.004  # share of other lines that are disputed to pay later
_OPPORTUNISTIC, _HONEST_OBJECTION = 0.06, 0.5  # shares of deductions a vendor objects to: rightly made, wrongly made
_ROUGH, _INFLATED = 0.3, 0.15  # shares of rightful claims that are estimated, and that ask for more than was lost
_ASKS_FOR_ALL = 0.4  # share of claims about goods that are only late which ask for the whole line
_SETTLED = 0.15  # share of granted claims in which both sides give way
_CREDITED = 0.85  # share of returns for which a deduction is made
_OPEN_DAYS, _OPEN_SPREAD = 3.5, 0.9  # until a dispute is opened
_END_DAYS, _END_SPREAD = 8.0, 0.75  # until it ends


@dataclass(frozen=True, slots=True)
class Disputes:
    """Disputes by index, those of us as the buyer first, with how they end."""

    line: Ints
    by_vendor: Bools
    reason: Ints
    claimed: Ints  # hundredths
    opened: Ints  # µs
    ended: Ints  # µs
    is_held_wrong: Bools  # what the resolution says of the line
    outcome: Ints
    allowed: Ints  # hundredths
    about: Ints  # which dispute led to the deduction a vendor objects to; -1: none did


@dataclass(frozen=True, slots=True)
class Deductions:
    """Deductions by index: for a line that was disputed, or for a return."""

    line: Ints
    is_return: Bools
    reason: Ints
    amount: Ints
    made: Ints  # µs
    dispute: Ints  # which dispute it follows; -1 for a return


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments by index."""

    line: Ints
    amount: Ints
    paid: Ints  # µs


def dispute(
    plan: SimulationPlan, people: Population, block: Block, orders: Orders, lines: Lines, bills: Billing
) -> Disputes:
    """Who disputes which line, why, and how it ends; the truth shows in the resolution, most of the time."""
    rng = plan.rng("disputes", block.first)
    line, reason = _disputed(rng, people, orders, lines, bills)
    count, is_wrong = len(line), bills.is_wrong[line]
    opened = lines.arrived[line] + (_days(rng, count, _OPEN_DAYS, _OPEN_SPREAD) * DAY).astype(np.int64)
    ended = opened + (_days(rng, count, _END_DAYS, _END_SPREAD) * DAY).astype(np.int64)
    claimed = _claims(rng, lines, bills, line, reason)
    held_wrong = np.where(is_wrong, chance(rng, count, 0.93), chance(rng, count, 0.1))
    allowed = np.where(held_wrong, _granted(rng, claimed, bills.too_much[line], is_wrong), 0)
    ours = Disputes(
        line=line,
        by_vendor=np.zeros(count, dtype=np.bool_),
        reason=reason,
        claimed=claimed,
        opened=opened,
        ended=ended,
        is_held_wrong=held_wrong,
        outcome=_outcomes(claimed, allowed),
        allowed=allowed,
        about=np.full(count, -1),
    )
    return _with_objections(rng, ours, bills)


def _disputed(
    rng: np.random.Generator, people: Population, orders: Orders, lines: Lines, bills: Billing
) -> tuple[Ints, Ints]:
    """Lines that are disputed, and what for: the larger the loss, and the closer somebody looks, the likelier."""
    order, count = lines.order, len(lines.order)
    cause = orders.cause[order]
    loss = bills.too_much / 100
    noticed = people.buyers.diligence[orders.buyer[order]] * (0.45 + 0.55 * (1 - np.exp(-loss / 90)))
    noticed = np.where((cause == Cause.PADDING) & bills.is_wrong, 0.5 * noticed, noticed)
    is_late = bills.posted > lines.arrived
    odd = is_late & chance(rng, count, 0.35) | (bills.price != bills.order_price)
    odd |= np.isin(cause, (Cause.ACCEPTED_OVER, Cause.CASES, Cause.EXEMPT, Cause.STANDING)) & ~bills.is_wrong
    likely = np.where(bills.is_wrong, noticed, np.where(odd, _MISTAKEN, _DELAYING))
    chosen = np.flatnonzero(rng.random(count) < likely)
    names = np.array([REASONS.index(_REASON_OF.get(one, "shortage")) for one in Cause])
    reason = names[cause[chosen]]
    is_price = ~bills.is_wrong[chosen] & (bills.price != bills.order_price)[chosen]
    return chosen, np.where(is_price, REASONS.index("price"), reason)


def _claims(rng: np.random.Generator, lines: Lines, bills: Billing, line: Ints, reason: Ints) -> Ints:
    """
    What is asked for, in hundredths.

    Of a wrong line it is what is too much, exactly, estimated or inflated; of a right one what it looks like: whoever
    takes a price agreed on late for a wrong one asks for the difference, and whoever misses goods that are only posted
    late often for all of them; the rest asks for some part.
    """
    count, total = len(line), np.maximum(bills.amount[line] + bills.tax[line], 1)
    estimate = np.where(chance(rng, count, _ROUGH), rng.lognormal(0.0, 0.4, count), 1.0)
    estimate = np.where(chance(rng, count, _INFLATED), rng.lognormal(0.4, 0.3, count), estimate)
    part = total * np.clip(rng.lognormal(np.log(0.1), 0.8, count), 0.01, 1.0)
    dearer = cents(bills.billed[line], np.maximum(bills.price[line] - bills.order_price[line], 0))
    is_late = (bills.posted[line] > lines.arrived[line]) & chance(rng, count, _ASKS_FOR_ALL)
    seeming = np.where(dearer > 0, dearer, np.where(is_late, total, part))
    asked = np.where(bills.is_wrong[line], np.rint(bills.too_much[line] * estimate), seeming)
    asked = np.where(REASONS.index("duplicate") == reason, total, asked)
    return np.clip(asked, 1, total).astype(np.int64)


def _granted(rng: np.random.Generator, claimed: Ints, too_much: Ints, is_wrong: Bools) -> Ints:
    """What is granted of claims that are held to be right: at most what was lost, less where both sides give way."""
    count = len(claimed)
    is_settled = chance(rng, count, _SETTLED)
    share = np.where(is_settled, rng.uniform(0.5, 0.95, count), 1.0)
    due = np.where(is_wrong, np.minimum(claimed, too_much), claimed * rng.uniform(0.3, 1.0, count))
    return np.asarray(np.maximum(np.rint(due * share), 1), dtype=np.int64)


def _outcomes(claimed: Ints, allowed: Ints) -> Ints:
    """What became of each claim, as its resolution names it."""
    return np.where(allowed == 0, _DENIED, np.where(allowed < claimed, _IN_PART, _APPROVED))


def _with_objections(rng: np.random.Generator, ours: Disputes, bills: Billing) -> Disputes:
    """Vendors object to what was taken off: rightly, and now and then to get it back although it was due."""
    is_wrong = bills.is_wrong[ours.line]
    likely = np.where(is_wrong, _OPPORTUNISTIC, _HONEST_OBJECTION) * (ours.allowed > 0)
    about = np.flatnonzero(rng.random(len(ours.line)) < likely)
    count = len(about)
    opened = ours.ended[about] + (_days(rng, count, 5.0, 0.8) * DAY).astype(np.int64)
    still_wrong = np.where(is_wrong[about], chance(rng, count, 0.9), chance(rng, count, 0.15))
    share = np.where(chance(rng, count, _SETTLED), rng.uniform(0.4, 0.9, count), 1.0)
    back = np.maximum(np.rint(ours.allowed[about] * share), 1).astype(np.int64)
    allowed = np.where(still_wrong, 0, back)
    return Disputes(
        line=np.concatenate([ours.line, ours.line[about]]),
        by_vendor=np.concatenate([ours.by_vendor, np.ones(count, dtype=np.bool_)]),
        reason=np.concatenate([ours.reason, ours.reason[about]]),
        claimed=np.concatenate([ours.claimed, ours.allowed[about]]),
        opened=np.concatenate([ours.opened, opened]),
        ended=np.concatenate([ours.ended, opened + (_days(rng, count, 9.0, 0.6) * DAY).astype(np.int64)]),
        is_held_wrong=np.concatenate([ours.is_held_wrong, still_wrong]),
        outcome=np.concatenate([ours.outcome, _outcomes(ours.allowed[about], allowed)]),
        allowed=np.concatenate([ours.allowed, allowed]),
        about=np.concatenate([ours.about, about]),
    )


def deduct(plan: SimulationPlan, block: Block, lines: Lines, bills: Billing, disputes: Disputes) -> Deductions:
    """What is taken off vendors' accounts: claims of ours that were granted, and goods sent back after billing."""
    rng = plan.rng("deductions", block.first)
    granted = np.flatnonzero(~disputes.by_vendor & (disputes.allowed > 0))
    is_late = (bills.returned > 0) & ~bills.is_return_early
    back = np.flatnonzero(is_late & chance(rng, len(is_late), _CREDITED))
    value = bills.amount[back] * (bills.returned[back] / np.maximum(bills.billed[back], bills.returned[back]))
    # by then even the slowest return is recorded
    made = returned_at(lines, bills)[back] + ((9 + rng.gamma(1.5, 3.0, len(back))) * DAY).astype(np.int64)
    return Deductions(
        line=np.concatenate([disputes.line[granted], back]),
        is_return=np.concatenate([np.zeros(len(granted), dtype=np.bool_), np.ones(len(back), dtype=np.bool_)]),
        reason=np.concatenate([disputes.reason[granted], np.full(len(back), REASONS.index("return"))]),
        amount=np.concatenate([disputes.allowed[granted], np.maximum(np.rint(value), 1).astype(np.int64)]),
        made=np.concatenate([disputes.ended[granted] + 2 * HOUR, made]),
        dispute=np.concatenate([granted, np.full(len(back), -1)]),
    )


def pay(
    plan: SimulationPlan,
    people: Population,
    block: Block,
    orders: Orders,
    lines: Lines,
    bills: Billing,
    disputes: Disputes,
) -> Payments:
    """Every line is paid when it is due, or when our dispute about it has ended, less what was granted."""
    rng = plan.rng("payments", block.first)
    ours = ~disputes.by_vendor
    due = bills.invoiced + people.vendors.terms[orders.vendor[lines.order]] * DAY
    paid = np.maximum(due, lines.arrived + DAY) + rng.integers(0, 4 * DAY, len(due))
    opened, ended = np.full(len(due), np.iinfo(np.int64).max), np.zeros(len(due), dtype=np.int64)
    granted = np.zeros(len(due), dtype=np.int64)
    opened[disputes.line[ours]] = disputes.opened[ours]
    ended[disputes.line[ours]] = disputes.ended[ours]
    granted[disputes.line[ours]] = disputes.allowed[ours]
    is_held = opened < paid
    paid = np.where(is_held, np.maximum(paid, ended + DAY), paid)
    amount = bills.amount + bills.tax - np.where(is_held, granted, 0)
    kept = np.flatnonzero(amount > 0)
    return Payments(line=kept, amount=amount[kept], paid=paid[kept])


def returned_at(lines: Lines, bills: Billing) -> Ints:
    """When goods went back: before the line was billed, half way from their arrival, or a few days after both."""
    before = bills.goods + (lines.arrived - bills.goods) // 2
    after = np.maximum(bills.goods, lines.arrived) + 5 * DAY
    return np.where(bills.is_return_early, np.minimum(before, lines.arrived - HOUR), after)


def _days(rng: np.random.Generator, count: int, median: float, spread: float) -> Floats:
    return np.clip(rng.lognormal(np.log(median), spread, count), 0.1, 60)
