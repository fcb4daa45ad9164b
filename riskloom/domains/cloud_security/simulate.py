"""
A made-up history of an organisation's cloud accounts: attacks along MITRE ATT&CK among honest work that is like it.

Everything is drawn in whole days with NumPy; each stream of random numbers is seeded by the plan, a name and the day.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from riskloom.contracts import SEPARATOR
from riskloom.domains.cloud_security.simulation.attacks import plan_attacks
from riskloom.domains.cloud_security.simulation.catalogue import (
    COST,
    GROUPS,
    IS_DATA_READ,
    IS_READ_ONLY,
    KIND,
    OPERATIONS,
    PEOPLE,
    SERVICES,
    Ints,
)
from riskloom.domains.cloud_security.simulation.findings import Findings, Suspects, draw_findings, suspects_of_day
from riskloom.domains.cloud_security.simulation.flows import (
    OTHER_ADDRESSES,
    OWN_ADDRESSES,
    UDP_PORTS,
    Flows,
    draw_flows,
)
from riskloom.domains.cloud_security.simulation.honest import HonestDays
from riskloom.domains.cloud_security.simulation.organisation import (
    AGENTS,
    COUNTRIES,
    REGIONS,
    WORTH,
    chance,
    draw_organisation,
    network_names,
)
from riskloom.domains.cloud_security.simulation.regime import DRIFTED, TECHNIQUES, USUAL, Attack, Regime
from riskloom.domains.cloud_security.simulation.sessions import (
    ERRORS,
    Calls,
    Sessions,
    calls_of,
    join_sessions,
    together,
)
from riskloom.domains.cloud_security.simulation.signins import Attempts, draw_attempts
from riskloom.ingest.arrays import choices, identifiers, money, timestamps
from riskloom.ingest.simulation import DAY, SimulationPlan, stretches

EVENTS = "cloudtrail__events"
_ACCOUNTS = tuple(f"1000000000{number:02d}" for number in range(len(WORTH)))
_KINDS = ("IAMUser", "AssumedRole", "Root", "AWSService")
_SECOND = 1_000_000
_LATE = 0.01  # share of records that a region delivers an hour or more later
_TECHNIQUES = ("", *(technique for technique, _ in TECHNIQUES.values()))
_TACTICS = ("", *(tactic for _, tactic in TECHNIQUES.values()))


def simulate(plan: SimulationPlan) -> Iterator[tuple[str, pa.Table]]:
    """Yield (table, rows) in the contracts' columns, day by day, and the findings at the end."""
    world = _World(plan)
    for stretch in stretches(plan, USUAL, DRIFTED):
        for day in range(stretch.first, stretch.last):
            yield from world.day(day, stretch.regime)
    yield from world.findings()


class _World:
    """The drawn organisation and what has happened so far."""

    def __init__(self, plan: SimulationPlan) -> None:
        self._plan = plan
        self._people = draw_organisation(plan)
        self._attacks = plan_attacks(plan, self._people)
        self._honest = HonestDays(plan, self._people)
        rng = plan.rng("names")
        count = self._people.principals.count
        # Numbers are dealt at random, so that a number does not tell when or why it came up.
        self._number = rng.permutation(count)
        self._key = rng.permutation(2 * count)
        self._resource = rng.permutation(16 * 60 * 16)
        self._networks = network_names(self._people.networks, rng)
        self._uses_keys = chance(rng, 0.15, count)  # IAM users with long-lived keys; the others take on roles
        # More calls in the week than at its end, since that is when people work.
        self._sizes = _sizes(plan)
        self._called = self._tried = self._flown = 0
        self._suspects: list[Suspects] = []
        self._flow_suspects: list[Suspects] = []

    def day(self, day: int, regime: Regime) -> Iterator[tuple[str, pa.Table]]:
        """All tables of one day: exactly as many calls as the plan says."""
        size, rng = int(self._sizes[day]), self._plan.rng("day", day)
        hostile_sessions = self._hostile(day)
        hostile = calls_of(self._plan.rng("hostile calls", day), self._people, hostile_sessions, self._plan.end_us)
        hostile = hostile.take(slice(0, size))
        honest_sessions = self._honest.draw(day, size - len(hostile.at), regime)
        honest = calls_of(self._plan.rng("honest calls", day), self._people, honest_sessions, self._plan.end_us)
        yield EVENTS, self._calls(rng, together([honest, hostile]))
        sessions = join_sessions([honest_sessions, hostile_sessions])
        attempts = draw_attempts(self._plan, self._people, sessions, day)
        yield "signin__attempts", self._attempts(rng, attempts)
        yield "vpc__flows", self._flows(rng, draw_flows(self._plan, hostile_sessions, day, size))

    def findings(self) -> Iterator[tuple[str, pa.Table]]:
        """What analysts said of calls and flows before the plan ends."""
        calls = draw_findings(self._plan, "findings", self._suspects)
        yield "findings__api_calls", _finding_rows(calls, "event_id", "e", "f")
        flows = draw_findings(self._plan, "flow findings", self._flow_suspects)
        yield "findings__flows", _finding_rows(flows, "flow_id", "n", "g")

    def _hostile(self, day: int) -> Sessions:
        begin = self._plan.start_us + day * DAY
        first, last = np.searchsorted(self._attacks.begin, [begin, begin + DAY])
        return self._attacks.take(np.arange(first, last))

    def _calls(self, rng: np.random.Generator, calls: Calls) -> pa.Table:
        number = self._called + np.arange(len(calls.at))
        self._called += len(number)
        observed = self._observed(rng, calls.at)
        self._suspects.append(suspects_of_day(rng, number, calls.principal, observed, calls.attack))
        people, kind = self._people.principals, KIND[calls.operation]
        group = people.group[calls.principal]
        person = self._uses_keys[calls.principal] & (group < PEOPLE)
        unsaid = chance(rng, 0.01, len(number))  # older records do not say whether a call only read
        readable = np.where(unsaid, -1, IS_READ_ONLY[calls.operation].astype(np.int64))
        cents = np.rint(WORTH[calls.account] * COST[kind] * 100).astype(np.int64)
        is_usual = calls.agent == people.agent[calls.principal]  # programs have keys of their own
        columns = {
            "event_id": identifiers("e", number, width=10),
            "principal_id": identifiers("p", self._number[calls.principal]),
            "principal_kind": choices(_KINDS, np.where(person, 0, 1)),
            "peer_group": choices(GROUPS, group),
            "credential_id": identifiers("k", self._key[calls.principal * 2 + is_usual]),
            "account_id": choices(_ACCOUNTS, calls.account),
            "region": choices(REGIONS, calls.region),
            "service": choices(SERVICES, calls.operation),
            "operation": choices(OPERATIONS, calls.operation),
            "is_read_only": _booleans(readable),
            "is_data_read": pa.array(IS_DATA_READ[calls.operation]),
            "error_code": choices(ERRORS, calls.error),
            "resource_id": identifiers("r", np.where(calls.resource < 0, -1, self._resource[calls.resource])),
            "bytes_out": pa.array(calls.bytes_out, mask=calls.bytes_out < 0),
            "source_network": choices(self._networks, calls.network),
            "source_country": choices(COUNTRIES, self._countries(rng, calls.network)),
            "user_agent": choices(AGENTS, calls.agent),
            "is_mfa": _booleans(calls.mfa),
            "exposure": money(cents),
        }
        for name, parts in _JOINED.items():
            columns[name] = pc.binary_join_element_wise(*(columns[part] for part in parts), SEPARATOR)
        return pa.table({**columns, "effective_at": timestamps(calls.at), "observed_at": timestamps(observed)})

    def _attempts(self, rng: np.random.Generator, attempts: Attempts) -> pa.Table:
        number = self._tried + np.arange(len(attempts.at))
        self._tried += len(number)
        return pa.table(
            {
                "attempt_id": identifiers("s", number, width=10),
                "principal_id": identifiers("p", self._number[attempts.principal]),
                "account_id": choices(_ACCOUNTS, attempts.account),
                "is_successful": pa.array(attempts.succeeded),
                "is_mfa": _booleans(attempts.mfa),
                "source_network": choices(self._networks, attempts.network),
                "source_country": choices(COUNTRIES, self._countries(rng, attempts.network)),
                "user_agent": choices(AGENTS, attempts.agent),
                "effective_at": timestamps(attempts.at),
                "observed_at": timestamps(self._observed(rng, attempts.at)),
            }
        )

    def _flows(self, rng: np.random.Generator, flows: Flows) -> pa.Table:
        number = self._flown + np.arange(len(flows.at))
        self._flown += len(number)
        ended = flows.at + flows.seconds * _SECOND
        observed = self._observed(rng, ended)
        self._flow_suspects.append(suspects_of_day(rng, number, flows.interface, observed, flows.attack))
        protocol = np.isin(flows.destination_port, UDP_PORTS).astype(np.int64)
        return pa.table(
            {
                "flow_id": identifiers("n", number, width=10),
                "account_id": choices(_ACCOUNTS, flows.account),
                "interface_id": identifiers("eni", flows.account * 100 + flows.interface),
                "source_address": _addresses(flows.source),
                "destination_address": _addresses(flows.destination),
                "source_port": pa.array(flows.source_port),
                "destination_port": pa.array(flows.destination_port),
                "protocol": choices(("6", "17"), protocol),
                "service": pa.nulls(len(number), pa.string()),
                "packets": pa.array(flows.packets),
                "bytes_out": pa.array(flows.bytes_out),
                "bytes_in": pa.nulls(len(number), pa.int64()),
                "duration_s": pa.nulls(len(number), pa.int64()),
                "action": choices(("REJECT", "ACCEPT"), flows.is_accepted),
                "state": choices(("OK",), np.zeros(len(number), dtype=np.int64)),
                "started_at": timestamps(flows.at),
                "effective_at": timestamps(ended),
                "observed_at": timestamps(observed),
            }
        )

    def _countries(self, rng: np.random.Generator, network: Ints) -> Ints:
        """A network's country as it was looked up: now and then it is not known."""
        return np.where(chance(rng, 0.03, len(network)), -1, self._people.networks.country[network])

    def _observed(self, rng: np.random.Generator, at: Ints) -> Ints:
        """When each record reaches us: after some minutes, now and then hours; never after the plan's end."""
        lag = rng.lognormal(4.6, 0.6, len(at))
        lag = np.where(chance(rng, _LATE, len(at)), rng.uniform(1_800, 6 * 3_600, len(at)), lag)
        return np.maximum(np.minimum(at + (lag * _SECOND).astype(np.int64), self._plan.end_us - 1), at)


_JOINED = {
    "principal_operation": ("principal_id", "service", "operation"),
    "peer_operation": ("peer_group", "service", "operation"),
    "principal_network": ("principal_id", "source_network"),
    "principal_country": ("principal_id", "source_country"),
    "principal_agent": ("principal_id", "user_agent"),
}


def _sizes(plan: SimulationPlan) -> Ints:
    """Calls of each day, in all as many as planned."""
    weekday = (plan.start.weekday() + np.arange(plan.days)) % 7
    weight = np.where(weekday >= 5, 0.55, 1.0)  # noqa: PLR2004 (Saturday and Sunday)
    return plan.rng("sizes").multinomial(plan.events, weight / weight.sum()).astype(np.int64)


def _booleans(values: Ints) -> pa.Array:
    """0 and 1 as false and true, below as nothing."""
    return pa.array(values == 1, mask=values < 0)


def _addresses(numbers: Ints) -> pa.Array:
    """Addresses inside as 10.x.y.z, those outside as some that are dealt without order."""
    return _all_addresses().take(pa.array(numbers))


@cache
def _all_addresses() -> pa.Array:
    return pa.array([_address(one) for one in range(OWN_ADDRESSES + OTHER_ADDRESSES)], pa.string())


def _address(number: int) -> str:
    if number < OWN_ADDRESSES:
        return f"10.{number // 256}.{number % 256}.{number * 7 % 250 + 4}"
    mixed = number * 2_654_435_761 % 2**32
    return f"{mixed % 190 + 11}.{mixed >> 8 & 255}.{mixed >> 16 & 255}.{number % 250 + 2}"


def _finding_rows(findings: Findings, key: str, subject: str, prefix: str) -> pa.Table:
    named = np.where(findings.attack > int(Attack.NONE), findings.attack, -1)
    return pa.table(
        {
            "finding_id": identifiers(prefix, np.arange(len(findings.subject))),
            key: identifiers(subject, findings.subject, width=10),
            "is_confirmed": pa.array(findings.is_confirmed),
            "technique": choices(_TECHNIQUES, named),
            "tactic": choices(_TACTICS, named),
            "effective_at": timestamps(findings.decided),
            "observed_at": timestamps(findings.observed),
        }
    )
