"""What happens as rows of the contracts' tables, with identifiers; what is recorded after the end is left out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from riskloom.domains.logistics_abuse.simulation.claims import CHANNELS, KINDS, MISSING, PROBLEMS, Claims
from riskloom.domains.logistics_abuse.simulation.desk import ADJUSTED, STATES, TOPICS, Adjustments, Contacts, Returns
from riskloom.domains.logistics_abuse.simulation.findings import PARTIES, Findings
from riskloom.domains.logistics_abuse.simulation.names import Names, dealt, sscc
from riskloom.domains.logistics_abuse.simulation.population import CATEGORIES, Ints
from riskloom.domains.logistics_abuse.simulation.scans import (
    ACCEPTING,
    PACKING,
    RECEIVING,
    Scans,
    observed_at,
    redeclared,
)
from riskloom.domains.logistics_abuse.simulation.way import NEVER, PROOFS, Ways
from riskloom.ingest.arrays import choices, identifiers, money, timestamps
from riskloom.ingest.simulation import SimulationPlan

_SECOND = 1_000_000
_WAREHOUSE_STEPS = ("packing", "shipping")
_WAREHOUSE_STATES = ("container_closed", "in_transit")
_WAREHOUSE_POINTS = ("bench", "dock")
_CARRIER_STEPS = ("receiving", "holding", "departing", "accepting")
_CARRIER_STATES = ("in_transit", "in_progress", "in_transit", "in_progress")
_CARRIER_POINTS = ("sorter", "van", "gate", "door")
_ACTIONS = ("ADD", "OBSERVE")
_OFFSETS = ("+01:00",)
_CURRENCIES = ("EUR",)


class Rows:
    """Numbers what happens, over all days of a plan."""

    def __init__(self, plan: SimulationPlan, names: Names) -> None:
        self.plan, self.names = plan, names
        self._counts: dict[str, int] = {}

    def numbers(self, what: str, count: int) -> Ints:
        """The next running numbers of something."""
        first = self._counts.get(what, 0)
        self._counts[what] = first + count
        return first + np.arange(count)

    def of_day(self, rng: np.random.Generator, ways: Ways) -> DayRows:
        """The rows of one day's parcels, which are numbered now, in no order."""
        number = rng.permutation(self.numbers("parcel", len(ways.customer)))
        return DayRows(self, rng, ways, sscc(number))

    def findings(self, findings: Findings) -> pa.Table:
        """Statements of investigations."""
        return _table(
            finding_id=identifiers("fi", np.arange(len(findings.concession)), width=8),
            concession_id=dealt("cn", findings.concession, width=9),
            is_abuse=pa.array(findings.is_abuse),
            party=choices(PARTIES, findings.party),
            effective_at=timestamps(findings.concluded),
            observed_at=timestamps(findings.observed),
        )


class DayRows:
    """Rows about the parcels of a day; positions in ``ways`` stand for parcels."""

    def __init__(self, rows: Rows, rng: np.random.Generator, ways: Ways, codes: pa.Array) -> None:
        self._rows, self._names, self._end = rows, rows.names, rows.plan.end_us
        self._rng, self._ways, self._codes = rng, ways, codes
        self._handed_over: tuple[Ints, Ints] = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))

    def parcels(self) -> pa.Table:
        """Consignment notes, written when the packing list is closed."""
        ways, names = self._ways, self._names
        at = ways.packed_at - 5 * 60 * _SECOND
        observed = observed_at(self._rng, at)
        rows = np.flatnonzero(observed < self._end)
        rows = rows[np.argsort(observed[rows], kind="stable")]
        is_sent_on = ways.redirected_at[rows] != NEVER
        return _table(
            parcel_id=self._codes.take(pa.array(rows)),
            customer_id=names.customers(ways.customer[rows]),
            address_id=names.addresses(np.where(is_sent_on, ways.redirected_from[rows], ways.address[rows])),
            device_id=names.devices(ways.device[rows]),
            site_id=names.sites(ways.associate[rows]),
            category=choices(CATEGORIES, ways.category[rows]),
            goods_value=money(ways.cents[rows]),
            currency=_same(_CURRENCIES, len(rows)),
            expected_g=pa.array(ways.expected[rows]),
            effective_at=timestamps(at[rows]),
            observed_at=timestamps(observed[rows]),
        )

    def warehouse(self, scans: Scans) -> pa.Table:
        """Scans in the warehouse."""
        ways, names, parcel = self._ways, self._names, scans.parcel
        weight = np.where(scans.step == PACKING, ways.packed_weight[parcel], NEVER)
        return _table(
            event_id=dealt("we", self._rows.numbers("warehouse", len(parcel)), width=10),
            parcel_id=self._codes.take(pa.array(parcel)),
            action=choices(_ACTIONS, scans.step.clip(max=1)),
            biz_step=choices(_WAREHOUSE_STEPS, scans.step),
            disposition=choices(_WAREHOUSE_STATES, scans.step),
            read_point=choices(_WAREHOUSE_POINTS, scans.step),
            site_id=names.sites(ways.associate[parcel]),
            shift=names.shifts(ways.associate[parcel]),
            associate_id=names.associates(ways.associate[parcel]),
            weight_g=_or_null(weight),
            event_time_zone_offset=_same(_OFFSETS, len(parcel)),
            effective_at=timestamps(scans.at),
            observed_at=timestamps(scans.observed),
        )

    def transport(self, scans: Scans) -> pa.Table:
        """Scans of the carrier."""
        ways, names, parcel = self._ways, self._names, scans.parcel
        driver = ways.driver[parcel]
        on_tour = np.where(scans.step == RECEIVING, -1, driver)
        handed = scans.step == ACCEPTING
        number = self._rows.numbers("transport", len(parcel))
        self._handed_over = (parcel[handed], number[handed])
        return _table(
            event_id=dealt("te", number, width=10),
            parcel_id=self._codes.take(pa.array(parcel)),
            action=_same(_ACTIONS[1:], len(parcel)),
            biz_step=choices(_CARRIER_STEPS, scans.step),
            disposition=choices(_CARRIER_STATES, scans.step),
            read_point=choices(_CARRIER_POINTS, scans.step),
            depot_id=names.depots(driver),
            route_type=names.route_types(driver),
            route_id=identifiers("ro", np.where(on_tour < 0, -1, _tour(names.driver[driver], scans.at)), width=9),
            driver_id=names.drivers(on_tour),
            proof=choices(PROOFS, np.where(handed, ways.proof[parcel], -1)),
            distance_m=_or_null(np.where(handed, ways.distance[parcel], NEVER)),
            weight_g=_or_null(np.where(scans.step == RECEIVING, ways.sorted_weight[parcel], NEVER)),
            event_time_zone_offset=_same(_OFFSETS, len(parcel)),
            effective_at=timestamps(scans.at),
            observed_at=timestamps(scans.observed),
        )

    def declarations(self, scans: Scans) -> pa.Table:
        """Hand-overs that were scanned and are declared errors later; ``scans`` are those of ``transport``."""
        parcel, declared, known = redeclared(self._rng, self._ways, self._end)
        number = np.full(len(self._ways.customer), -1)
        number[self._handed_over[0]] = self._handed_over[1]
        recorded = np.full(len(self._ways.customer), self._end)
        recorded[scans.parcel[scans.step == ACCEPTING]] = scans.observed[scans.step == ACCEPTING]
        rows = np.flatnonzero((number[parcel] >= 0) & (known > recorded[parcel]))
        rows = rows[np.argsort(known[rows], kind="stable")]
        return _table(
            event_id=dealt("te", number[parcel[rows]], width=10),
            reason=_same(("did_not_occur",), len(rows)),
            corrective_event_id=pa.nulls(len(rows), pa.string()),
            effective_at=timestamps(declared[rows]),
            observed_at=timestamps(known[rows]),
        )

    def redirects(self) -> pa.Table:
        """Parcels that were sent on."""
        ways, names = self._ways, self._names
        at = ways.redirected_at
        observed = at + self._rng.integers(1, 90, len(at)) * _SECOND
        rows = np.flatnonzero((at != NEVER) & (observed < self._end))
        rows = rows[np.argsort(observed[rows], kind="stable")]
        return _table(
            redirect_id=dealt("rd", self._rows.numbers("redirect", len(rows)), width=9),
            parcel_id=self._codes.take(pa.array(rows)),
            customer_id=names.customers(ways.customer[rows]),
            address_id=names.addresses(ways.address[rows]),
            device_id=names.devices(ways.redirected_on[rows]),
            effective_at=timestamps(at[rows]),
            observed_at=timestamps(observed[rows]),
        )

    def adjustments(self, adjustments: Adjustments) -> pa.Table:
        """Corrections of the stock."""
        names = self._names
        observed = observed_at(self._rng, adjustments.at)
        rows = np.flatnonzero(observed < self._end)
        rows = rows[np.argsort(observed[rows], kind="stable")]
        who = adjustments.associate[rows]
        return _table(
            adjustment_id=dealt("ad", self._rows.numbers("adjustment", len(rows)), width=9),
            site_id=names.sites(who),
            shift=names.shifts(who),
            associate_id=names.associates(who),
            reason=choices(ADJUSTED, adjustments.reason[rows]),
            quantity=pa.array(adjustments.quantity[rows]),
            goods_value=money(adjustments.cents[rows]),
            currency=_same(_CURRENCIES, len(rows)),
            effective_at=timestamps(adjustments.at[rows]),
            observed_at=timestamps(observed[rows]),
        )

    def returns(self, returns: Returns) -> pa.Table:
        """Returned parcels on the scale."""
        observed = returns.at + self._rng.integers(5, 600, len(returns.at)) * _SECOND
        rows = np.flatnonzero(observed < self._end)
        rows = rows[np.argsort(observed[rows], kind="stable")]
        associate = returns.associate[rows]
        return _table(
            return_id=dealt("re", self._rows.numbers("return", len(rows)), width=9),
            parcel_id=self._codes.take(pa.array(returns.parcel[rows])),
            site_id=self._names.sites(associate),
            associate_id=self._names.associates(associate),
            disposition=choices(STATES, returns.state[rows]),
            expected_g=pa.array(returns.expected[rows]),
            received_g=pa.array(returns.received[rows]),
            effective_at=timestamps(returns.at[rows]),
            observed_at=timestamps(observed[rows]),
        )

    def contacts(self, contacts: Contacts) -> pa.Table:
        """Conversations with customers."""
        names = self._names
        observed = contacts.at + self._rng.integers(1, 60, len(contacts.at)) * _SECOND
        rows = np.flatnonzero(observed < self._end)
        rows = rows[np.argsort(observed[rows], kind="stable")]
        parcel = contacts.parcel[rows]
        return _table(
            contact_id=dealt("co", self._rows.numbers("contact", len(rows)), width=9),
            customer_id=names.customers(contacts.customer[rows]),
            parcel_id=self._codes.take(pa.array(parcel, mask=parcel < 0)),
            agent_id=names.agents(contacts.agent[rows]),
            device_id=names.devices(contacts.device[rows]),
            channel=choices(CHANNELS, contacts.channel[rows]),
            topic=choices(TOPICS, contacts.topic[rows]),
            effective_at=timestamps(contacts.at[rows]),
            observed_at=timestamps(observed[rows]),
        )

    def concessions(self, claims: Claims, order: Ints) -> tuple[Ints, Ints, pa.Table]:
        """Requests in ``order``; with the number and the time of arrival of each of ``claims``."""
        ways, names = self._ways, self._names
        arrived = np.minimum(claims.at + self._rng.integers(1, 8, len(claims.at)) * _SECOND, self._end - 1)
        arrived = np.maximum(arrived, claims.at)
        number = np.empty(len(order), dtype=np.int64)
        number[order] = self._rows.numbers("concession", len(order))
        driver = np.where(ways.departed_at[order] == NEVER, -1, ways.driver[order])
        problem = claims.problem[order]
        associate = ways.associate[order]
        table = _table(
            concession_id=dealt("cn", number[order], width=9),
            parcel_id=self._codes.take(pa.array(order)),
            customer_id=names.customers(claims.customer[order]),
            address_id=names.addresses(ways.address[order]),
            device_id=names.devices(claims.device[order]),
            agent_id=names.agents(claims.agent[order]),
            driver_id=names.drivers(driver),
            route_class=names.route_classes(driver),
            associate_id=names.associates(associate),
            shift_class=names.shift_classes(associate),
            channel=choices(CHANNELS, claims.channel[order]),
            kind=choices(KINDS, claims.kind[order]),
            is_missing=pa.array(problem == MISSING),
            reason=choices(PROBLEMS, np.where(problem == MISSING, -1, problem)),
            is_return_expected=pa.array(claims.comes_back[order]),
            amount=money(claims.cents[order]),
            currency=_same(_CURRENCIES, len(order)),
            effective_at=timestamps(claims.at[order]),
            observed_at=timestamps(arrived[order]),
        )
        return number, arrived, table


def _tour(driver: Ints, at: Ints) -> Ints:
    """A number for a driver's tour of a day."""
    return driver * 4096 + at // 86_400_000_000 % 4096


def _or_null(values: Ints) -> pa.Array:
    return pa.array(values, mask=values < 0)


def _same(names: tuple[str, ...], count: int) -> pa.Array:
    return choices(names, np.zeros(count, dtype=np.int64))


def _table(**columns: pa.Array) -> pa.Table:
    return pa.table(columns)
