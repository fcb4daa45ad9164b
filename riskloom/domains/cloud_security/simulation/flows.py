"""Network flows: what machines say to each other and to the world, with beacons, mines and stolen data among it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from riskloom.domains.cloud_security.simulation.catalogue import Ints
from riskloom.domains.cloud_security.simulation.organisation import WORTH, chance
from riskloom.domains.cloud_security.simulation.regime import Attack
from riskloom.domains.cloud_security.simulation.sessions import HOUR, MINUTE, SECOND, Sessions
from riskloom.ingest.arrays import Columns
from riskloom.ingest.simulation import DAY, SimulationPlan

A_CALL = 0.4  # flows for each call
INTERFACES = 40  # of an account
_HTTPS = 443
_SCANS = 0.10  # share of flows that are strangers' knocks, refused
_HEARTBEATS, _TRANSFERS = 0.16, 0.08  # shares of flows: what reports regularly to outside, and what sends much
_FRESH = 0.4  # share of these conversations with an address that is new, as where names stand for many machines
_KNOWN_SERVICES = 25
_PORTS = np.array([443, 5432, 53, 6379, 8080, 9092, 123, 22])
_PORT_CHANCES = np.array([0.46, 0.16, 0.12, 0.08, 0.08, 0.05, 0.03, 0.02])
_KNOCKED = np.array([22, 23, 3389, 445, 8080, 6379, 5432, 443])
_MINES = np.array([3333, 443, 4444, 14444, 8080])
OTHER_ADDRESSES, OWN_ADDRESSES = 40_000, 4_000
UDP_PORTS = (53, 123)


@dataclass(frozen=True, slots=True)
class Flows(Columns):
    """Flows by index; an address below ``OWN_ADDRESSES`` is the organisation's own."""

    at: Ints  # µs, of the first packet
    seconds: Ints
    account: Ints
    interface: Ints
    source: Ints
    destination: Ints
    source_port: Ints
    destination_port: Ints
    packets: Ints
    bytes_out: Ints
    is_accepted: Ints
    attack: Ints


def draw_flows(plan: SimulationPlan, sessions: Sessions, day: int, calls: int) -> Flows:
    """All flows of one day, by time: the usual, strangers' knocks, and what hostile sessions leave on the network."""
    rng = plan.rng("flows", day)
    begin, count = plan.start_us + day * DAY, max(round(calls * A_CALL), 4)
    parts = [_scans(rng, begin, round(count * _SCANS)), _heartbeats(rng, begin, round(count * _HEARTBEATS))]
    parts.append(_transfers(rng, begin, round(count * _TRANSFERS)))
    parts.append(_usual(rng, begin, count - sum(len(part.at) for part in parts)))
    parts.append(_beacons(rng, sessions.take(sessions.attack == int(Attack.BEACONING))))
    parts.append(_mines(rng, sessions.take(sessions.attack == int(Attack.CRYPTO_MINING))))
    parts.append(_thefts(rng, sessions.take(sessions.attack == int(Attack.OBJECT_EXFILTRATION))))
    joined = Flows.joined(parts)
    joined = joined.take(np.argsort(joined.at, kind="stable"))
    return joined.take(np.flatnonzero(joined.at + joined.seconds * SECOND < plan.end_us - SECOND))


def _usual(rng: np.random.Generator, begin: int, count: int) -> Flows:
    """Machines with their databases, caches and the world."""
    account = rng.choice(len(WORTH), count)
    interface = (rng.beta(0.7, 1.5, count) * INTERFACES).astype(np.int64)
    port = rng.choice(_PORTS, count, p=_PORT_CHANCES)
    outward = (port == _HTTPS) & (chance(rng, 0.8, count))
    peer = (account * 131 + interface * 17 + (rng.beta(0.5, 3, count) * 30).astype(np.int64)) % OWN_ADDRESSES
    world = OWN_ADDRESSES + (rng.beta(0.4, 4, count) * OTHER_ADDRESSES).astype(np.int64)
    packets = np.clip(rng.lognormal(2.6, 1.5, count), 1, 5e6).astype(np.int64)
    return Flows(
        at=begin + rng.integers(0, DAY, count),
        seconds=np.minimum(rng.lognormal(2.5, 1.4, count), 600).astype(np.int64),
        account=account,
        interface=interface,
        source=account * INTERFACES + interface,
        destination=np.where(outward, world, peer),
        source_port=rng.integers(32_768, 61_000, count),
        destination_port=port,
        packets=packets,
        bytes_out=packets * rng.integers(52, 1_400, count),
        is_accepted=(chance(rng, 0.995, count)).astype(np.int64),
        attack=np.zeros(count, dtype=np.int64),
    )


def _scans(rng: np.random.Generator, begin: int, count: int) -> Flows:
    account, interface = rng.integers(0, len(WORTH), count), rng.integers(0, INTERFACES, count)
    return Flows(
        at=begin + rng.integers(0, DAY, count),
        seconds=rng.integers(0, 60, count),
        account=account,
        interface=interface,
        source=OWN_ADDRESSES + rng.integers(0, OTHER_ADDRESSES, count),
        destination=account * INTERFACES + interface,
        source_port=rng.integers(1_024, 65_535, count),
        destination_port=rng.choice(_KNOCKED, count),
        packets=rng.integers(1, 4, count),
        bytes_out=rng.integers(40, 180, count),
        is_accepted=(chance(rng, 0.04, count)).astype(np.int64),
        attack=np.zeros(count, dtype=np.int64),
    )


@dataclass(frozen=True, slots=True)
class _Talks:
    """Machines that speak to one address outside for a while."""

    begin: Ints  # µs
    account: Ints
    interface: Ints
    destination: Ints
    attack: Ints

    @property
    def count(self) -> int:
        return len(self.begin)


def _flows_of(rng: np.random.Generator, talks: _Talks, size: Ints, after: Ints, port: Ints) -> Flows:
    """``size`` small flows of each talk, ``after`` its begin, to ``port``."""
    one = np.repeat(np.arange(talks.count), size)
    count = len(one)
    packets = np.clip(rng.lognormal(2.2, 0.9, count), 2, 1e6).astype(np.int64)
    return Flows(
        at=talks.begin[one] + after,
        seconds=np.minimum(rng.lognormal(2.0, 1.0, count), 600).astype(np.int64),
        account=talks.account[one],
        interface=talks.interface[one],
        source=(talks.account * INTERFACES + talks.interface)[one],
        destination=talks.destination[one],
        source_port=rng.integers(32_768, 61_000, count),
        destination_port=port,
        packets=packets,
        bytes_out=packets * rng.integers(60, 400, count),
        is_accepted=np.ones(count, dtype=np.int64),
        attack=talks.attack[one],
    )


def _honest(rng: np.random.Generator, begin: int, count: int) -> _Talks:
    """Talks with a few services that everybody uses, or with an address nobody has seen."""
    service = (rng.beta(0.6, 2.0, count) * _KNOWN_SERVICES).astype(np.int64) * 613
    return _Talks(
        begin=begin + rng.integers(0, DAY, count),
        account=rng.choice(len(WORTH), count),
        interface=(rng.beta(0.7, 1.5, count) * INTERFACES).astype(np.int64),
        destination=OWN_ADDRESSES
        + np.where(chance(rng, _FRESH, count), rng.integers(0, OTHER_ADDRESSES, count), service),
        attack=np.zeros(count, dtype=np.int64),
    )


def _hostile(sessions: Sessions) -> _Talks:
    """A talk of each session's machine with an address of its own."""
    return _Talks(
        begin=sessions.begin,
        account=sessions.account,
        interface=sessions.principal * 13 % INTERFACES,
        destination=OWN_ADDRESSES + (sessions.begin // SECOND * 7 + sessions.principal) % OTHER_ADDRESSES,
        attack=sessions.attack,
    )


def _sizes(rng: np.random.Generator, total: int, least: int, most: int) -> Ints:
    """From ``least`` to below ``most`` each, in all as near to ``total`` as that goes without passing it."""
    size = rng.integers(least, most, total // least + 1)
    return size[np.cumsum(size) <= total]


def _at_intervals(rng: np.random.Generator, size: Ints, minutes: Ints, jitter: float) -> Ints:
    """Microseconds after the begin of ``size`` messages of each talk, not quite regular."""
    nth = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    pause = np.repeat(minutes, size) * MINUTE
    after: Ints = np.maximum(nth * pause + (rng.normal(0, jitter, len(nth)) * pause).astype(np.int64), 0)
    return after


def _heartbeats(rng: np.random.Generator, begin: int, total: int) -> Flows:
    """What reports every few minutes, as agents of monitoring and updates do."""
    size = _sizes(rng, total, 6, 40)
    after = _at_intervals(rng, size, rng.integers(2, 16, len(size)), 0.08)
    return _flows_of(rng, _honest(rng, begin, len(size)), size, after, np.full(len(after), _HTTPS))


def _transfers(rng: np.random.Generator, begin: int, total: int) -> Flows:
    """Exports, backups and long calls: several large flows to one address within hours."""
    size = _sizes(rng, total, 2, 12)
    count = int(size.sum())
    talks, port = _honest(rng, begin, len(size)), rng.choice([_HTTPS, 22, 8080], count, p=[0.8, 0.12, 0.08])
    return _large(rng, _flows_of(rng, talks, size, rng.integers(0, 6 * HOUR, count), port), 5.8)


def _large(rng: np.random.Generator, flows: Flows, logarithm: float) -> Flows:
    """The same flows with more packets, and longer."""
    count = len(flows.at)
    packets = np.clip(rng.lognormal(logarithm, 1.3, count), 10, 5e6).astype(np.int64)
    seconds = np.minimum(rng.lognormal(4.0, 1.2, count), 600).astype(np.int64)
    size = packets * rng.integers(600, 1_400, count)
    return replace(flows, seconds=seconds, packets=packets, bytes_out=size)


def _beacons(rng: np.random.Generator, sessions: Sessions) -> Flows:
    """A small message every few minutes."""
    size = rng.integers(12, 40, sessions.count)
    after = _at_intervals(rng, size, rng.integers(3, 12, sessions.count), 0.1)
    return _flows_of(rng, _hostile(sessions), size, after, np.full(len(after), _HTTPS))


def _mines(rng: np.random.Generator, sessions: Sessions) -> Flows:
    """Long conversations with a pool, some of them on the ports that everybody knows."""
    size = rng.integers(4, 14, sessions.count)
    count = int(size.sum())
    after, port = rng.integers(0, 10 * HOUR, count), rng.choice(_MINES, count)
    return replace(_flows_of(rng, _hostile(sessions), size, after, port), seconds=rng.integers(120, 600, count))


def _thefts(rng: np.random.Generator, sessions: Sessions) -> Flows:
    """A few larger transfers to outside, within what backups and exports also send."""
    size = rng.integers(1, 6, sessions.count)
    count = int(size.sum())
    after = rng.integers(0, 2 * HOUR, count)
    return _large(rng, _flows_of(rng, _hostile(sessions), size, after, np.full(count, _HTTPS)), 6.0)
