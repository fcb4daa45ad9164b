"""Vendors with their habits, what they sell and at which agreed prices, and the buyers who order from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.domains.vendor_disputes.simulation.regime import Cause
from riskloom.ingest.simulation import DAY, SimulationPlan

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

UNITS = ("EA", "BX", "KG", "CS")
_BY_WEIGHT = UNITS.index("KG")
CURRENCIES = ("USD", "EUR", "CAD", "GBP", "MXN")
RATES = np.array([1.0, 1.09, 0.73, 1.27, 0.055])  # dollars for one
TAX_RATES = np.array([0.0, 5.0, 7.0, 19.0, 20.0])
TERMS = np.array([10, 14, 30, 45, 60])
_LINES_A_VENDOR = 250
_ITEMS_A_VENDOR = 14
_CHANGES = 2  # of an agreed price, at most, beside that of the drift
_LONGEST_HABIT = 12.0


@dataclass(frozen=True, slots=True)
class Vendors:
    """Vendors by index, with what is usual for each."""

    weight: Floats  # cumulated share of the order lines
    habit: Floats  # (n, causes) factor on the share of each cause
    currency: Ints
    tax: Ints  # index into TAX_RATES
    terms: Ints  # days
    is_electronic: Bools  # sends invoices by EDI
    consolidates: Bools  # puts a day's lines on one invoice
    suffixes: Bools  # numbers its invoices with a suffix
    lead: Floats  # days from order to delivery
    buyer: Ints  # who usually orders from it

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.currency)


@dataclass(frozen=True, slots=True)
class VendorItems:
    """What vendors sell, those of one vendor in a row: prices in ten-thousandths, and the changes agreed on."""

    first: Ints  # by vendor
    owned: Ints  # by vendor
    vendor: Ints
    item: Ints
    unit: Ints
    case: Ints  # units in a case
    price: Floats  # before any change
    usual: Floats  # units a line, in the median
    changed: Ints  # (n, changes) µs from which a change holds; never where there is none
    factor: Floats  # (n, changes)
    recorded: Ints  # (n, changes) µs
    since: Ints  # µs of the first agreement

    def price_at(self, which: Ints, at: Ints) -> Ints:
        """Agreed prices in ten-thousandths at an instant each, whole hundredths."""
        held = np.where(self.changed[which] <= at[:, None], self.factor[which], 1.0).prod(axis=1)
        return np.asarray(np.maximum(np.rint(self.price[which] * held / 100), 1).astype(np.int64) * 100)


@dataclass(frozen=True, slots=True)
class Buyers:
    """Buyers by index: how slowly their site posts receipts, and how closely they look at invoices."""

    slowness: Floats
    diligence: Floats


@dataclass(frozen=True, slots=True)
class Population:
    """All that is drawn once for a plan."""

    vendors: Vendors
    items: VendorItems
    buyers: Buyers


def draw_population(plan: SimulationPlan) -> Population:
    """Draw vendors, what they sell and buyers to fit the plan's number of lines."""
    count = min(max(plan.events // _LINES_A_VENDOR, 25), 20_000)
    people = max(count // 5, 6)
    rng = plan.rng("buyers")
    buyers = Buyers(slowness=rng.lognormal(0, 0.7, people), diligence=rng.beta(6, 2.2, people))
    vendors = _draw_vendors(plan, count, people)
    return Population(vendors, _draw_items(plan, vendors), buyers)


def _draw_vendors(plan: SimulationPlan, count: int, people: int) -> Vendors:
    rng = plan.rng("vendors")
    weight = rng.pareto(1.4, count) + 0.3
    return Vendors(
        weight=np.cumsum(weight) / weight.sum(),
        habit=np.minimum(rng.gamma(0.7, 1 / 0.7, (count, len(Cause))), _LONGEST_HABIT),
        currency=rng.choice(len(CURRENCIES), count, p=[0.7, 0.14, 0.07, 0.05, 0.04]),
        tax=rng.choice(len(TAX_RATES), count, p=[0.25, 0.15, 0.15, 0.25, 0.2]),
        terms=TERMS[rng.choice(len(TERMS), count, p=[0.08, 0.2, 0.5, 0.14, 0.08])],
        is_electronic=chance(rng, count, 0.45),
        consolidates=chance(rng, count, 0.3),
        suffixes=chance(rng, count, 0.06),
        lead=rng.lognormal(2.3, 0.5, count),
        buyer=rng.integers(0, people, count),
    )


def _draw_items(plan: SimulationPlan, vendors: Vendors) -> VendorItems:
    rng = plan.rng("items")
    owned = 1 + rng.poisson(_ITEMS_A_VENDOR - 1, vendors.count)
    vendor = np.repeat(np.arange(vendors.count), owned)
    count = len(vendor)
    unit = rng.choice(3, count, p=[0.7, 0.18, 0.12])
    changed, factor = _draw_changes(plan, count)
    lag = rng.lognormal(1.6, 0.9, changed.shape) - 4.0  # days; a good part on the day itself, many late
    return VendorItems(
        first=np.cumsum(owned) - owned,
        owned=owned,
        vendor=vendor,
        item=rng.integers(0, max(vendors.count * _ITEMS_A_VENDOR // 3, 40), count),
        unit=unit,
        case=np.array([6, 10, 12, 24])[rng.integers(0, 4, count)],
        price=np.exp(rng.normal(2.6, 1.3, count)) * 10_000 / RATES[vendors.currency[vendor]],
        usual=np.exp(rng.normal(3.6, 0.8, count)),
        changed=changed,
        factor=factor,
        recorded=changed + (np.clip(lag, 0, 60) * DAY).astype(np.int64),
        since=plan.start_us - rng.integers(200 * DAY, 700 * DAY, count),
    )


def _draw_changes(plan: SimulationPlan, count: int) -> tuple[Ints, Floats]:
    """When each agreed price changes and by which factor; the last column is what a drift brings."""
    rng, begin = plan.rng("price changes"), plan.start_us - 150 * DAY
    span = plan.end_us - begin
    changed = begin + (rng.random((count, _CHANGES)) * span).astype(np.int64)
    is_any = rng.random((count, _CHANGES)) < min(span / (500 * DAY), 0.8)
    factor = rng.lognormal(0.025, 0.05, (count, _CHANGES))
    rng = plan.rng("price drift")
    drift = plan.start_us + plan.drift_day * DAY + rng.integers(0, 20 * DAY, count)
    has_risen = chance(rng, count, 0.5) & (plan.drift_day < plan.days)
    never = np.iinfo(np.int64).max // 2
    return (
        np.column_stack([np.where(is_any, changed, never), np.where(has_risen, drift, never)]),
        np.column_stack([factor, rng.lognormal(0.07, 0.03, count)]),
    )


def chance(rng: np.random.Generator, count: int, share: float) -> Bools:
    """Which of ``count`` belong to a share of all, by chance."""
    return np.asarray(rng.random(count) < share)


def is_by_weight(unit: Ints) -> Bools:
    """Whether quantities of a unit have decimals."""
    return np.asarray(unit == _BY_WEIGHT)
