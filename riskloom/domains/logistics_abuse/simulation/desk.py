"""What happens around concessions: conversations with customers, returns on the scale, corrections of the stock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskloom.domains.logistics_abuse.simulation.claims import (
    CHANNELS,
    DAMAGED,
    HOUR,
    UNWANTED,
    Claims,
)
from riskloom.domains.logistics_abuse.simulation.population import Floats, Ints, Population
from riskloom.domains.logistics_abuse.simulation.regime import Scenario
from riskloom.domains.logistics_abuse.simulation.rings import Rings, active
from riskloom.domains.logistics_abuse.simulation.way import Ways
from riskloom.ingest.simulation import DAY, SimulationPlan

TOPICS = ("where_is_it", "not_received", "damaged", "wrong_goods", "return", "other")
ADJUSTED = ("cycle_counting", "damaged", "not_found", "found", "entry_error")
STATES = ("returned", "sellable_not_accessible", "damaged", "non_sellable_other", "mismatch_quantity")
_TALKED, _COLLUDERS_TALKED = 0.78, 0.45  # shares of concessions that a conversation came before
_SMALL_TALK = 0.6  # other conversations for each concession
_ABOUT_NO_PARCEL = 0.3  # share of those
_TOPIC = np.array([1, 2, 3, 3, 4, 0])  # by problem
_BACK_FIRST = 0.6  # share of returns that are on the scale before the concession is asked for
_NEVER_BACK = 0.06
_LIGHT_HONESTLY = 0.06  # share of complete returns without packaging or accessories
_SHORT, _OPENED = 0.8, 0.3  # share of its weight below which a return is light; share of those opened at once
_EMPTIED, _FILLED = 0.55, 0.25  # shares of empty boxes: light, and filled up to the weight
_ADJUSTS, _THIEVES_ADJUST = 0.25, 0.2  # corrections of an associate a day; further ones of those who hide thefts
_ADJUSTED_SHARES = (0.34, 0.16, 0.24, 0.16, 0.10)


@dataclass(frozen=True, slots=True)
class Contacts:
    """Conversations; ``parcel`` is a position among the day's parcels, -1 for none."""

    at: Ints
    customer: Ints
    parcel: Ints
    agent: Ints
    device: Ints
    channel: Ints
    topic: Ints


@dataclass(frozen=True, slots=True)
class Returns:
    """Returned parcels on the scale; ``parcel`` is a position among the day's parcels."""

    at: Ints
    parcel: Ints
    associate: Ints
    expected: Ints
    received: Ints
    state: Ints


@dataclass(frozen=True, slots=True)
class Adjustments:
    """Corrections of the stock."""

    at: Ints
    associate: Ints
    reason: Ints
    quantity: Ints
    cents: Ints


def draw_contacts(rng: np.random.Generator, people: Population, claims: Claims, ways: Ways, begin: int) -> Contacts:
    """Conversations that led to concessions, and those of people who ask where their parcel is, or something else."""
    size = len(claims.at)
    chance = np.where(claims.scenario == Scenario.AGENT_COLLUSION, _COLLUDERS_TALKED, _TALKED)
    about = np.flatnonzero(rng.random(size) < chance)
    count = round(size * _SMALL_TALK)
    parcel = rng.integers(0, len(ways.customer), count)
    idle = rng.random(count) < _ABOUT_NO_PARCEL
    channel = rng.integers(0, len(CHANNELS), count)
    agent = np.where(channel < CHANNELS.index("phone"), -1, rng.integers(0, people.work.agents, count))
    customer = ways.customer[parcel]
    return Contacts(
        at=np.concatenate(
            [
                claims.at[about] - (rng.lognormal(-0.5, 1.3, len(about)) * HOUR).astype(np.int64) - HOUR // 60,
                begin + rng.integers(7 * HOUR, DAY, count),
            ]
        ),
        customer=np.concatenate([claims.customer[about], customer]),
        parcel=np.concatenate([about, np.where(idle, -1, parcel)]),
        agent=np.concatenate([claims.agent[about], agent]),
        device=np.concatenate([claims.device[about], people.customers.device[customer]]),
        channel=np.concatenate([claims.channel[about], channel]),
        topic=np.concatenate([_TOPIC[claims.problem[about]], np.where(idle, TOPICS.index("other"), 0)]),
    )


def draw_returns(rng: np.random.Generator, people: Population, claims: Claims, ways: Ways) -> Returns:
    """Goods that came back, before or after the concession; the claimed parcels are the first of ``ways``."""
    rows = np.flatnonzero(claims.comes_back & (rng.random(len(claims.at)) >= _NEVER_BACK))
    size = len(rows)
    first = rng.random(size) < np.where(claims.problem[rows] == UNWANTED, _BACK_FIRST, 0.1)
    before = claims.at[rows] - (rng.uniform(0.2, 20, size) * HOUR).astype(np.int64)
    after = claims.at[rows] + (rng.uniform(2, 9, size) * DAY).astype(np.int64)
    before = np.maximum(before, ways.delivered_at[rows] + 10 * HOUR)
    first &= before < claims.at[rows]
    share = _share_back(rng, claims, rows)
    expected = ways.expected[rows]
    seen = (share < _SHORT) & (rng.random(size) < _OPENED)
    state = np.where(claims.problem[rows] == DAMAGED, STATES.index("damaged"), rng.integers(0, 2, size))
    return Returns(
        at=np.where(first, before, after),
        parcel=rows,
        associate=rng.integers(0, len(people.work.shift_class), size),
        expected=expected,
        received=np.maximum((expected * share).astype(np.int64), 10),
        state=np.where(seen, STATES.index("mismatch_quantity"), state),
    )


def _share_back(rng: np.random.Generator, claims: Claims, rows: Ints) -> Floats:
    """Which share of its weight each return has."""
    size = len(rows)
    light = rng.random(size) < _LIGHT_HONESTLY
    share = np.clip(claims.partial[rows] * rng.normal(1, 0.12, size), 0.05, 1.1)
    share = np.where(claims.partial[rows] == 1, rng.normal(0.99, 0.03, size), share)
    share = np.where(light, share * rng.uniform(0.4, 0.95, size), share)
    draw = rng.random(size)
    emptied = np.where(
        draw < _EMPTIED,
        rng.uniform(0.04, 0.6, size),
        np.where(draw < _EMPTIED + _FILLED, rng.normal(1, 0.07, size), rng.uniform(0.5, 0.95, size)),
    )
    found: Floats = np.where(claims.scenario[rows] == Scenario.EMPTY_BOX, emptied, share)
    return found


def draw_adjustments(plan: SimulationPlan, people: Population, rings: Rings, day: int, busy: float) -> Adjustments:
    """Corrections of a day; those who steal, and their whole shift by mistake, find less than there should be."""
    rng = plan.rng("adjustments", day)
    begin = plan.start_us + day * DAY
    associates = len(people.work.shift_class)
    usual = np.repeat(np.arange(associates), rng.poisson(_ADJUSTS * busy * people.work.corrects))
    thieves = rings.associates[active(rings, Scenario.INTERNAL_THEFT, begin)].ravel()
    hidden = np.repeat(thieves, rng.poisson(_THIEVES_ADJUST, len(thieves)))
    who = np.concatenate([usual, hidden])
    reason = rng.choice(len(ADJUSTED), len(who), p=_ADJUSTED_SHARES)
    reason[len(usual) :] = ADJUSTED.index("not_found")
    pieces = rng.geometric(0.5, len(who))
    is_more = (reason == ADJUSTED.index("found")) | ((reason == ADJUSTED.index("entry_error")) & (pieces % 2 == 0))
    hour = 6 + 8 * (people.work.shift_class[who] % 3) + rng.random(len(who)) * 8
    return Adjustments(
        at=begin + (hour * HOUR).astype(np.int64),
        associate=who,
        reason=reason,
        quantity=np.where(is_more, pieces, -pieces),
        cents=(rng.lognormal(8.4, 0.8, len(who)) * pieces).astype(np.int64),
    )
