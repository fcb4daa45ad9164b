"""The way of a parcel through warehouse and carrier, as scales, scanners and drivers record it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from riskloom.domains.logistics_abuse.simulation.claims import HOUR, LATE, MISSING, Claims
from riskloom.domains.logistics_abuse.simulation.population import (
    ROUTE_TYPES,
    SHIFTS,
    Bools,
    Ints,
    Population,
    draw_weight,
    member_of,
)
from riskloom.domains.logistics_abuse.simulation.regime import Regime, Scenario
from riskloom.domains.logistics_abuse.simulation.rings import Rings
from riskloom.ingest.arrays import Columns
from riskloom.ingest.simulation import DAY, SimulationPlan

PROOFS = ("none", "photo", "signature", "pin")
NO_PROOF, PHOTO = 0, 1
NEVER = -1

_PROOF_SHARES = np.array([[0.30, 0.42, 0.18, 0.10], [0.38, 0.42, 0.14, 0.06], [0.58, 0.28, 0.12, 0.02], [0, 0, 0, 1.0]])
_METRES, _METRES_SPREAD = np.array([14.0, 11.0, 30.0, 3.0]), 0.9  # of the scanner from the address
_NO_POSITION = 0.08
_REDIRECTED = 0.015  # share of honest parcels that are sent on: holidays, neighbours
_WAITS = 0.12  # share of parcels that stay in the depot for a day
_SCALE_FAULT = 0.02  # share of weighings that are far off
_DECLARED = 0.004  # share of hand-overs that are declared errors later
_LOST, _NEVER_ARRIVED, _NEVER_LEFT = 0.5, 0.25, 0.25  # honest losses: lost, not brought home; where of those
_MISDELIVERED = 0.4  # of the others; elsewhere than at the address
_NOTICED = 0.1  # share of parcels at the wrong door whose hand-over is declared an error
_NO_DEVICE = 0.1  # share of orders from a device that is not known
_BARE, _AFAR = 0.65, 0.5  # shares of hand-overs that never happened without proof, and scanned from afar
_TAKEN_OUT, _BEFORE_SCALE = 0.75, 0.4  # of incomplete parcels: goods taken out in the warehouse; before the first scale
_GONE = 0.6  # share of missing parcels of thieves that never leave the warehouse
_FAILED_FIRST = 0.05  # share of parcels that a first attempt could not hand over


@dataclass(frozen=True, slots=True)
class Ways(Columns):
    """Parcels by index; times in microseconds, weights in grams, ``NEVER`` (-1) for what did not happen."""

    customer: Ints
    address: Ints
    device: Ints
    category: Ints
    cents: Ints
    expected: Ints
    associate: Ints
    packed_weight: Ints
    sorted_weight: Ints
    packed_at: Ints
    shipped_at: Ints
    redirected_at: Ints
    redirected_from: Ints
    redirected_on: Ints  # device
    arrived_at: Ints
    failed_at: Ints
    departed_at: Ints
    delivered_at: Ints
    driver: Ints
    proof: Ints
    distance: Ints
    declared_at: Ints  # when the hand-over was declared an error


class WayDays:
    """Draws the ways of parcels."""

    def __init__(self, plan: SimulationPlan, people: Population, rings: Rings) -> None:
        self._plan, self._people, self._rings = plan, people, rings

    def usual(
        self,
        rng: np.random.Generator,
        customer: Ints,
        address: Ints,
        due: Ints,
        goods: tuple[Ints, Ints],
        regime: Regime,
    ) -> Ways:
        """Ways on which nothing is amiss but what happens every day; ``due`` is when each is handed over (µs)."""
        people, work, size = self._people, self._people.work, len(customer)
        category, cents = goods
        shift = rng.integers(0, work.sites * len(SHIFTS), size)
        expected = draw_weight(rng, category)
        packed = _weighed(rng, expected, 0.03)
        midnight = due - due % DAY
        arrived = midnight + (rng.uniform(0.5, 5.5, size) * HOUR).astype(np.int64)
        arrived -= np.where(rng.random(size) < _WAITS, DAY, 0)
        failed = rng.random(size) < _FAILED_FIRST
        arrived -= np.where(failed, DAY, 0)
        shipped = arrived - arrived % DAY - DAY + (rng.uniform(12, 20, size) * HOUR).astype(np.int64)
        is_sent_on = rng.random(size) < _REDIRECTED
        goes_to = np.where(is_sent_on, people.customers.elsewhere[rng.permutation(customer)], address)
        driver = member_of(rng, work.first_driver, people.addresses.route_class[goes_to])
        order_device = np.where(rng.random(size) < _NO_DEVICE, NEVER, people.customers.device[customer])
        return Ways(
            customer=customer,
            address=goes_to,
            device=order_device,
            category=category,
            cents=cents,
            expected=expected,
            associate=member_of(rng, work.first_associate, shift),
            packed_weight=packed,
            sorted_weight=_weighed(rng, packed, 0.015),
            packed_at=_packed_at(rng, shipped, shift),
            shipped_at=shipped,
            redirected_at=np.where(is_sent_on, shipped + (rng.random(size) * 3 * HOUR).astype(np.int64), NEVER),
            redirected_from=address,
            redirected_on=order_device,
            arrived_at=arrived,
            failed_at=np.where(failed, due - DAY + rng.integers(-HOUR, HOUR, size), NEVER),
            departed_at=midnight + (rng.uniform(6, 8.8, size) * HOUR).astype(np.int64),
            delivered_at=due,
            driver=driver,
            proof=self._proofs(rng, driver, regime),
            distance=self._distances(rng, driver),
            declared_at=np.where(
                rng.random(size) < _DECLARED, due + (rng.exponential(10, size) * HOUR).astype(np.int64), NEVER
            ),
        )

    def of_claims(self, rng: np.random.Generator, claims: Claims, regime: Regime) -> Ways:
        """The ways of the parcels that concessions are asked for, with what befell them."""
        due = due_at(rng, claims.at - (claims.lag * DAY).astype(np.int64), claims.at)
        goods = (claims.category, claims.goods)
        ways = self.usual(rng, claims.customer, claims.address, due, goods, regime)
        ways = self._ghosts(rng, ways, claims)
        ways = self._stolen_in_house(rng, ways, claims)
        ways = self._sent_on(rng, ways, claims)
        ways = self._late(rng, ways, claims)
        return self._losses(rng, ways, claims)

    def _proofs(self, rng: np.random.Generator, driver: Ints, regime: Regime) -> Ints:
        """Proof of each hand-over; careless drivers, and those in a hurry, keep none."""
        work = self._people.work
        shares = _PROOF_SHARES[work.route_class[driver] % len(ROUTE_TYPES)].copy()
        shares[:, NO_PROOF] *= work.careless[driver] * (1 - regime.photographed)
        shares[:, PHOTO] *= 1 + regime.photographed
        edges = shares.cumsum(axis=1)
        proof: Ints = (rng.random(len(driver))[:, None] * edges[:, -1:] > edges).sum(axis=1).clip(max=len(PROOFS) - 1)
        return proof

    def _distances(self, rng: np.random.Generator, driver: Ints) -> Ints:
        kind = self._people.work.route_class[driver] % len(ROUTE_TYPES)
        metres = _METRES[kind] * rng.lognormal(0, _METRES_SPREAD, len(driver))
        return np.where(rng.random(len(driver)) < _NO_POSITION, NEVER, metres.astype(np.int64))

    def _ghosts(self, rng: np.random.Generator, ways: Ways, claims: Claims) -> Ways:
        """A driver's hand-overs that never happened: often from afar and without proof, sometimes well feigned."""
        rows = claims.scenario == Scenario.GHOST_DELIVERY
        size = len(rows)
        bare = rows & (rng.random(size) < _BARE)
        afar = rows & (rng.random(size) < _AFAR) & (ways.distance != NEVER)
        return replace(
            ways,
            driver=np.where(rows, self._rings.driver[claims.ring], ways.driver),
            proof=np.where(bare, NO_PROOF, ways.proof),
            distance=np.where(afar, (80 * rng.lognormal(0, 1.0, size)).astype(np.int64), ways.distance),
        )

    def _stolen_in_house(self, rng: np.random.Generator, ways: Ways, claims: Claims) -> Ways:
        """An associate keeps goods, or the parcel; the sorter's scale notices, unless the box was light before."""
        rows = claims.scenario == Scenario.INTERNAL_THEFT
        size, rings = len(rows), self._rings
        associate = rings.associates[claims.ring, rng.integers(0, rings.associates.shape[1], size)]
        associate = np.where(rows, associate, ways.associate)
        light = rows & (claims.problem != MISSING) & (rng.random(size) < _TAKEN_OUT)
        before = light & (rng.random(size) < _BEFORE_SCALE)
        rest = rng.uniform(0.35, 0.95, size)
        packed = np.where(before, ways.packed_weight * rest, ways.packed_weight).astype(np.int64)
        lighter = np.where(light, ways.sorted_weight * rest, ways.sorted_weight).astype(np.int64)
        gone = rows & (claims.problem == MISSING) & (rng.random(size) < _GONE)
        shift = self._people.work.shift_class[associate]
        packed_at = np.where(rows, _packed_at(rng, ways.shipped_at, shift), ways.packed_at)
        ways = replace(ways, associate=associate, packed_weight=packed, sorted_weight=lighter, packed_at=packed_at)
        return _ended(ways, gone, arrived=False, departed=False)

    def _sent_on(self, rng: np.random.Generator, ways: Ways, claims: Claims) -> Ways:
        """Parcels that rings send on to a place of theirs, in the name of a customer."""
        rows = claims.scenario == Scenario.ADDRESS_REDIRECT
        size = len(rows)
        at = ways.shipped_at + (rng.random(size) * 4 * HOUR).astype(np.int64)
        return replace(
            ways,
            address=np.where(rows, claims.address, ways.address),
            redirected_at=np.where(rows, at, ways.redirected_at),
            redirected_from=np.where(rows, self._people.customers.address[claims.customer], ways.redirected_from),
            redirected_on=np.where(rows, claims.device, ways.redirected_on),
        )

    def _late(self, rng: np.random.Generator, ways: Ways, claims: Claims) -> Ways:
        """Parcels that lay in the depot for days, and so were packed earlier than others."""
        wait = np.where(claims.problem == LATE, rng.integers(1, 6, len(claims.at)), 0) * DAY
        return replace(
            ways,
            packed_at=ways.packed_at - wait,
            shipped_at=ways.shipped_at - wait,
            redirected_at=np.where(ways.redirected_at < 0, NEVER, ways.redirected_at - wait),
            arrived_at=ways.arrived_at - wait,
        )

    def _losses(self, rng: np.random.Generator, ways: Ways, claims: Claims) -> Ways:
        """Honest losses: somewhere on the way, at the wrong door, or from the right one."""
        size = len(claims.at)
        draw, where = rng.random(size), rng.random(size)
        honest = (claims.scenario == Scenario.HONEST) & (claims.problem == MISSING)
        lost = honest & (draw < _LOST)
        ways = _ended(ways, lost & (where < _NEVER_ARRIVED), arrived=False, departed=False)
        ways = _ended(ways, lost & (where < _NEVER_ARRIVED + _NEVER_LEFT), arrived=True, departed=False)
        ways = _ended(ways, lost, arrived=True, departed=True)
        astray = honest & (draw >= _LOST) & (draw < _LOST + (1 - _LOST) * _MISDELIVERED)
        elsewhere = (60 * rng.lognormal(0, 1.1, size)).astype(np.int64)
        noticed = astray & (rng.random(size) < _NOTICED)
        later = ways.delivered_at + (rng.uniform(1, 40, size) * HOUR).astype(np.int64)
        return replace(
            ways,
            distance=np.where(astray & (ways.distance != NEVER), elsewhere, ways.distance),
            declared_at=np.where(noticed, later, np.where(ways.delivered_at == NEVER, NEVER, ways.declared_at)),
        )


def due_at(rng: np.random.Generator, about: Ints, before: Ints) -> Ints:
    """When parcels are handed over: on the day of ``about``, in the driver's hours, and some minutes ``before``."""
    hour = rng.beta(2.2, 2.4, len(about)) * 11 + 9.2
    at = about - about % DAY + (hour * HOUR).astype(np.int64)
    return np.where(at > before - HOUR // 3, at - DAY, at)


def _ended(ways: Ways, rows: Bools, *, arrived: bool, departed: bool) -> Ways:
    """Ways that end for ``rows``: past the depot's sorter if ``arrived``, past the van's loading if ``departed``."""
    on_van = np.where(rows & (not departed), NEVER, ways.departed_at)
    return replace(
        ways,
        arrived_at=np.where(rows & (not arrived), NEVER, ways.arrived_at),
        sorted_weight=np.where(rows & (not arrived), NEVER, ways.sorted_weight),
        failed_at=np.where(rows & (not departed), NEVER, ways.failed_at),
        departed_at=on_van,
        delivered_at=np.where(rows, NEVER, ways.delivered_at),
    )


def _weighed(rng: np.random.Generator, grams: Ints, spread: float) -> Ints:
    """What a scale shows; now and then it is far off."""
    error = rng.normal(1, spread, len(grams))
    faulty = rng.random(len(grams)) < _SCALE_FAULT
    error = np.where(faulty, rng.uniform(0.6, 1.3, len(grams)), error)
    return np.maximum((grams * error).astype(np.int64), 20)


def _packed_at(rng: np.random.Generator, shipped: Ints, shift_class: Ints) -> Ints:
    """The day before it is shipped, in the shift's hours: 6 to 14, 14 to 22, 22 to 6."""
    begin = shipped - shipped % DAY - DAY + (6 + 8 * (shift_class % len(SHIFTS))) * HOUR
    return begin + (rng.random(len(shipped)) * 8 * HOUR).astype(np.int64)
