"""Who is in the organisation: accounts, principals with their habits, and the networks they and others call from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.domains.cloud_security.simulation.catalogue import (
    GROUP_RATES,
    GROUP_SHARES,
    GROUP_USE,
    PEOPLE,
    Floats,
    Ints,
)
from riskloom.ingest.simulation import DAY, SimulationPlan

Bools = NDArray[np.bool_]

COUNTRIES = ("IE", "DE", "GB", "US", "PL", "IN", "NL", "RO", "SG", "BR")
HOURS_FROM_UTC = np.array([0, 1, 0, -6, 1, 5, 1, 2, 8, -3])
_STAFF = np.array([0.34, 0.22, 0.14, 0.14, 0.08, 0.08, 0.0, 0.0, 0.0, 0.0])
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-south-1", "ap-southeast-1", "sa-east-1")
#: Accounts by what they are worth in dollars when one call in them is hostile.
WORTH = np.array([20.0, 50.0, 60.0, 120.0, 300.0, 400.0, 550.0, 650.0])
_ACCOUNT_SHARES = np.array([0.08, 0.18, 0.16, 0.14, 0.06, 0.14, 0.12, 0.12])
AGENTS = (
    "aws-cli",
    "Boto",
    "Mozilla",
    "APN",
    "aws-sdk-go",
    "aws-sdk-java",
    "HashiCorp",
    "python-requests",
    "Go-http-client",
)
CONSOLE = AGENTS.index("Mozilla")
_PEOPLE_AGENTS = np.array([0.32, 0.18, 0.38, 0.02, 0.03, 0.01, 0.05, 0.005, 0.005])
_SERVICE_AGENTS = np.array([0.05, 0.40, 0.0, 0.04, 0.24, 0.22, 0.03, 0.01, 0.01])
_CALLS_A_DAY = 40.0  # of a principal, in the mean
FAVOURITES = 16  # APIs a principal usually calls
_FAVOURITE_CHANCES = 1 / np.arange(1, FAVOURITES + 1) ** 0.8
FAVOURITE_CHANCES = np.cumsum(_FAVOURITE_CHANCES) / _FAVOURITE_CHANCES.sum()
_HOSTING, _ROAMING = 30, 80  # networks: machines for rent, and hotels, trains and telephones
_JOINERS = 0.12  # share of people who join while we watch


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks by index: offices, the accounts' own ways out, machines for rent, roaming ones, then people's homes."""

    country: Ints
    offices: int
    exits: int  # two an account, after the offices
    hosting: int  # first of them
    roaming: int  # first of them
    homes: int  # first of them

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.country)


@dataclass(frozen=True, slots=True)
class Principals:
    """Principals by index, with what is usual for each."""

    group: Ints
    rate: Floats
    country: Ints
    account: Ints
    other_account: Ints
    office: Ints  # network
    home: Ints  # network
    agent: Ints
    other_agent: Ints
    favourites: Ints  # (n, FAVOURITES) APIs, the favourite first
    chronotype: Floats  # hours later than most
    careless: Floats  # share of calls that fail
    volume: Floats  # of the logarithm of the bytes of an object
    has_mfa: Bools
    joined: Ints  # µs

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.group)

    @property
    def is_person(self) -> Bools:
        """Who sleeps at night."""
        return self.group < PEOPLE


@dataclass(frozen=True, slots=True)
class Organisation:
    """All that is drawn once for a plan."""

    principals: Principals
    networks: Networks


def chance(rng: np.random.Generator, share: float, count: int) -> Bools:
    """Which of ``count`` belong to a share drawn at random."""
    chosen: Bools = rng.random(count) < share
    return chosen


def draw_organisation(plan: SimulationPlan) -> Organisation:
    """Draw principals and networks to fit the plan's number of calls a day."""
    rng = plan.rng("organisation")
    count = max(int(plan.events / plan.days / _CALLS_A_DAY), 60)
    country = rng.choice(len(COUNTRIES), count, p=_STAFF)
    networks = _draw_networks(rng, country)
    group = rng.choice(len(GROUP_SHARES), count, p=GROUP_SHARES)
    group[: len(GROUP_SHARES)] = np.arange(len(GROUP_SHARES))  # nobody's group is empty
    is_person = group < PEOPLE
    account = rng.choice(len(WORTH), count, p=_ACCOUNT_SHARES)
    offices_there = np.array([np.flatnonzero(networks.country[: networks.offices] == one)[0] for one in range(6)])
    office = np.where(is_person, offices_there[country], networks.offices + 2 * account + rng.integers(0, 2, count))
    joined = plan.start_us - rng.integers(DAY, 600 * DAY, count)
    is_new = is_person & (chance(rng, _JOINERS, count))
    joined[is_new] = plan.start_us + (rng.random(int(is_new.sum())) * plan.days * DAY).astype(np.int64)
    agents = np.where(is_person[:, None], np.cumsum(_PEOPLE_AGENTS), np.cumsum(_SERVICE_AGENTS))
    return Organisation(
        Principals(
            group=group,
            rate=GROUP_RATES[group] * rng.gamma(2.5, 0.4, count),
            country=country,
            account=account,
            other_account=rng.choice(len(WORTH), count, p=_ACCOUNT_SHARES),
            office=office,
            home=np.where(is_person, networks.homes + np.arange(count), office),
            agent=pick_rows(rng, agents),
            other_agent=pick_rows(rng, agents),
            favourites=_favourites(rng, group),
            chronotype=rng.normal(0, 1.2, count),
            careless=np.where(is_person, rng.beta(1.4, 30, count), rng.beta(1.1, 120, count)),
            volume=rng.normal(10.0, 1.0, count),
            has_mfa=chance(rng, 0.8, count),
            joined=joined,
        ),
        networks,
    )


def pick_rows(rng: np.random.Generator, cumulated: Floats) -> Ints:
    """A column for each row of cumulated chances."""
    draw = rng.random(len(cumulated))[:, None] * cumulated[:, -1:]
    picked: Ints = (draw >= cumulated).sum(axis=1).clip(max=cumulated.shape[1] - 1).astype(np.int64)
    return picked


def _favourites(rng: np.random.Generator, group: Ints) -> Ints:
    """APIs drawn as the group uses them, each once, by the trick of Efraimidis and Spirakis (2006)."""
    keys = rng.random((len(group), GROUP_USE.shape[1])) ** (1 / np.maximum(GROUP_USE[group], 1e-9))
    best: Ints = np.argsort(-keys, axis=1, kind="stable")[:, :FAVOURITES]
    return best


def _draw_networks(rng: np.random.Generator, country: Ints) -> Networks:
    offices = 9
    exits = 2 * len(WORTH)
    anywhere = len(COUNTRIES)
    return Networks(
        country=np.concatenate(
            [
                np.array([0, 1, 2, 3, 4, 5, 0, 1, 3]),
                np.zeros(exits, dtype=np.int64),
                rng.integers(0, anywhere, _HOSTING),
                rng.integers(0, anywhere, _ROAMING),
                country,
            ]
        ),
        offices=offices,
        exits=exits,
        hosting=offices + exits,
        roaming=offices + exits + _HOSTING,
        homes=offices + exits + _HOSTING + _ROAMING,
    )


def network_names(networks: Networks, rng: np.random.Generator) -> tuple[str, ...]:
    """Text such as ``11.32.7`` for each network, dealt at random so that a number tells nothing of its kind."""
    numbers = rng.permutation(200 * 256 * 256)[: networks.count]
    return tuple(f"{11 + one // 65_536}.{one // 256 % 256}.{one % 256}" for one in numbers.tolist())


def roaming_network(rng: np.random.Generator, networks: Networks, count: int) -> Ints:
    """Hotels and telephones mostly, machines for rent (as a private network's way out) now and then."""
    hosted = chance(rng, 0.15, count)
    return np.where(
        hosted,
        networks.hosting + rng.integers(0, _HOSTING, count),
        networks.roaming + rng.integers(0, _ROAMING, count),
    )


def hosting_network(rng: np.random.Generator, networks: Networks, count: int) -> Ints:
    """Machines for rent: few are popular."""
    return networks.hosting + (rng.beta(0.6, 2.0, count) * _HOSTING).astype(np.int64)
