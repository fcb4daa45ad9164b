"""EPCIS events from the ways of parcels: which scans there are, when they were made and when they were recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskloom.domains.logistics_abuse.simulation.claims import HOUR
from riskloom.domains.logistics_abuse.simulation.population import Ints
from riskloom.domains.logistics_abuse.simulation.way import NEVER, Ways
from riskloom.ingest.arrays import Columns, known_before

PACKING, SHIPPING = 0, 1
RECEIVING, HOLDING, DEPARTING, ACCEPTING = 0, 1, 2, 3
_MISSED = 0.008  # share of scans that nobody made
_LATE = 0.012  # share of scans that a scanner without network records hours later
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Scans(Columns):
    """Scans by index, by the time they were recorded: of which parcel of the ways, which step, when, seen when."""

    parcel: Ints
    step: Ints
    at: Ints  # µs
    observed: Ints  # µs


def warehouse_scans(rng: np.random.Generator, ways: Ways, end: int) -> Scans:
    """Scans at the bench and at the dock that were recorded before ``end``."""
    return _scans(rng, [(PACKING, ways.packed_at), (SHIPPING, ways.shipped_at)], end)


def transport_scans(rng: np.random.Generator, ways: Ways, end: int) -> Scans:
    """Scans of the carrier, the hand-over included, that were recorded before ``end``."""
    steps = [
        (RECEIVING, ways.arrived_at),
        (HOLDING, ways.failed_at),
        (DEPARTING, ways.departed_at),
        (ACCEPTING, ways.delivered_at),
    ]
    return _scans(rng, steps, end)


def observed_at(rng: np.random.Generator, at: Ints) -> Ints:
    """When each event is recorded: after seconds, now and then hours."""
    lag = rng.lognormal(1.5, 0.8, len(at))
    lag = np.where(rng.random(len(at)) < _LATE, rng.uniform(600, 9 * 3600, len(at)), lag)
    return at + (lag * _SECOND).astype(np.int64)


def _scans(rng: np.random.Generator, steps: list[tuple[int, Ints]], end: int) -> Scans:
    parts = []
    for step, at in steps:
        rows = np.flatnonzero((at != NEVER) & (rng.random(len(at)) >= _MISSED))
        parts.append(Scans(rows, np.full(len(rows), step), at[rows], observed_at(rng, at[rows])))
    scans = Scans.joined(parts)
    return scans.take(known_before(scans.observed, end))


def redeclared(rng: np.random.Generator, ways: Ways, end: int) -> tuple[Ints, Ints, Ints]:
    """Parcels whose hand-over is declared an error before ``end``: which, when it is declared, when that is known."""
    rows = np.flatnonzero((ways.declared_at != NEVER) & (ways.delivered_at != NEVER))
    known = ways.declared_at[rows] + (rng.uniform(0.05, 2, len(rows)) * HOUR).astype(np.int64)
    return rows[known < end], ways.declared_at[rows][known < end], known[known < end]
