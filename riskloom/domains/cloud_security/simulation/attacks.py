"""Attacks along MITRE ATT&CK, planned before the honest days are filled around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from riskloom.domains.cloud_security.simulation.catalogue import Floats, Ints
from riskloom.domains.cloud_security.simulation.organisation import (
    AGENTS,
    CONSOLE,
    WORTH,
    Bools,
    Organisation,
    chance,
    hosting_network,
    roaming_network,
)
from riskloom.domains.cloud_security.simulation.regime import DRIFTED, USUAL, Attack, Regime
from riskloom.domains.cloud_security.simulation.sessions import HOUR, MINUTE, WORK, Sessions, join_sessions
from riskloom.ingest.simulation import DAY, SimulationPlan, Stretch, stretches


@dataclass(frozen=True, slots=True)
class Manner:
    """
    How an attack of a kind goes.

    Attributes:
        work: Whose programme its calls follow.
        sessions: In the mean, of one campaign.
        calls: In the mean, of one session.
        hours: Over which a campaign's sessions are spread, in the mean.
        minutes: Length of a session, in the mean.
        cover: Share of calls that are the victim's own habit.
        from_inside: Share of campaigns that come through the victim's own machine or network.
        failing: Share of calls that fail, in the mean.
        reach: Most resources a session looks at; 0 for the victim's own.
        on_people: Share of victims who are people.
    """

    work: str
    sessions: float
    calls: float
    hours: float
    minutes: float
    cover: float
    from_inside: float
    failing: float
    reach: int
    on_people: float


MANNERS = {
    Attack.CREDENTIAL_STUFFING: Manner("console_visit", 1.5, 8, 12, 40, 0.40, 0.15, 0.06, 25, 1.0),
    Attack.LEAKED_KEY: Manner("key_check", 2.0, 7, 30, 40, 0.40, 0.35, 0.10, 30, 0.55),
    Attack.PRIVILEGE_ESCALATION: Manner("escalation", 2.0, 6, 16, 45, 0.50, 0.60, 0.12, 0, 0.75),
    Attack.DISCOVERY: Manner("sweep", 1.5, 13, 10, 35, 0.35, 0.50, 0.14, 60, 0.65),
    Attack.LOG_TAMPERING: Manner("blinding", 1.5, 5, 6, 30, 0.50, 0.60, 0.08, 0, 0.8),
    Attack.PERSISTENCE: Manner("foothold", 2.0, 6, 30, 45, 0.50, 0.55, 0.07, 0, 0.75),
    Attack.SNAPSHOT_SHARING: Manner("sharing", 1.5, 8, 24, 60, 0.50, 0.50, 0.05, 20, 0.5),
    Attack.OBJECT_EXFILTRATION: Manner("theft", 2.0, 12, 30, 90, 0.40, 0.55, 0.04, 60, 0.4),
    Attack.CRYPTO_MINING: Manner("mining", 1.5, 8, 12, 40, 0.35, 0.45, 0.16, 0, 0.5),
    Attack.BEACONING: Manner("remote_control", 3.0, 4, 70, 30, 0.50, 0.65, 0.05, 20, 0.25),
}


@dataclass(frozen=True, slots=True)
class Campaigns:
    """
    The campaigns of one attack.

    Attributes:
        sessions: Of each campaign, shape (campaigns,).
        calls: Of each session, campaign by campaign, shape (sessions,).
    """

    sessions: Ints
    calls: Ints

    @property
    def sizes(self) -> Ints:
        """Calls of each campaign, shape (campaigns,)."""
        return np.add.reduceat(self.calls, np.cumsum(self.sessions) - self.sessions)


def plan_attacks(plan: SimulationPlan, people: Organisation) -> Sessions:
    """The hostile sessions of the whole plan, by their begin."""
    return join_sessions(
        [part for stretch in stretches(plan, USUAL, DRIFTED) for part in _Planner(plan, people, stretch).all()]
    )


class _Planner:
    """Draws the attacks of one stretch of days."""

    def __init__(self, plan: SimulationPlan, people: Organisation, stretch: Stretch[Regime]) -> None:
        self._plan = plan
        self._people = people
        self._stretch = stretch

    def all(self) -> Iterator[Sessions]:
        """The sessions of every kind of attack."""
        campaigns = [self._campaigns(attack) for attack in MANNERS]
        days = self._days(np.concatenate([one.sizes for one in campaigns]))
        ends = np.cumsum([len(one.sessions) for one in campaigns])
        for attack, one, begun in zip(MANNERS, campaigns, np.split(days, ends[:-1]), strict=True):
            yield self._sessions(attack, one, begun)

    def _campaigns(self, attack: Attack) -> Campaigns:
        """As many campaigns as make the calls that the regime wants, and at least one."""
        rng, manner = self._rng("campaigns", attack), MANNERS[attack]
        wanted = self._plan.events / self._plan.days * self._stretch.days
        wanted *= self._stretch.regime.hostile * self._stretch.regime.mix[attack]
        most = 2 * int(wanted / (manner.sessions * manner.calls)) + 8
        sessions = 1 + rng.poisson(manner.sessions - 1, most)
        calls = 1 + rng.poisson(rng.gamma(3.0, (manner.calls - 1) / 3, int(sessions.sum())))
        sizes = Campaigns(sessions, calls).sizes
        count = max(int((np.cumsum(sizes) - rng.random() * sizes < wanted).sum()), 1)
        return Campaigns(sessions[:count], calls[: int(sessions[:count].sum())])

    def _days(self, sizes: Ints) -> Ints:
        """
        The day on which each campaign begins, of campaigns with ``sizes`` calls.

        One begins when about as many hostile calls as the regime wants have been made: attacks come in any order, but a
        history of weeks, too short for chance to even out, has its share of them in each week.
        """
        rng = self._plan.rng("order of attacks", self._stretch.first)
        order = rng.permutation(len(sizes))
        before = np.empty(len(sizes), dtype=np.float64)
        before[order] = np.cumsum(sizes[order]) - sizes[order]
        position = (before + rng.random(len(sizes)) * sizes) / sizes.sum()
        days: Ints = self._stretch.first + (position * self._stretch.days).astype(np.int64)
        return days

    def _rng(self, what: str, attack: Attack) -> np.random.Generator:
        return self._plan.rng(f"{what} {attack.name}", self._stretch.first)

    def _sessions(self, attack: Attack, campaigns: Campaigns, days: Ints) -> Sessions:
        """All sessions of one kind of attack, whose campaigns begin on ``days``."""
        rng, manner, count = self._rng("attack", attack), MANNERS[attack], len(days)
        begin = self._begin(rng, days)
        one = np.repeat(np.arange(count), campaigns.sessions)
        victim = self._victims(rng, begin, manner)
        inside = rng.random(count) < manner.from_inside
        at = begin[one] + (rng.exponential(manner.hours, len(one)) * HOUR).astype(np.int64)
        return Sessions(
            principal=victim[one],
            begin=np.minimum(at, self._plan.end_us - 1 - rng.integers(1, HOUR, len(one))),
            span=(rng.gamma(2.0, manner.minutes / 2, len(one)) * MINUTE).astype(np.int64),
            calls=campaigns.calls,
            work=np.full(len(one), WORK.index(manner.work)),
            cover=np.full(len(one), manner.cover) * rng.uniform(0.5, 1.6, count)[one],
            network=self._networks(rng, victim, inside)[one],
            agent=self._agents(rng, attack, victim, inside)[one],
            account=self._accounts(rng, victim)[one],
            mfa=self._mfa(rng, victim, inside)[one],
            failing=manner.failing * rng.gamma(1.5, 1 / 1.5, count)[one],
            reach=np.full(len(one), manner.reach),
            attack=np.full(len(one), int(attack)),
        )

    def _begin(self, rng: np.random.Generator, days: Ints) -> Ints:
        """Any hour, though most attackers keep office hours somewhere."""
        count = len(days)
        hour = np.where(chance(rng, 0.5, count), rng.normal(12.0, 3.5, count), rng.uniform(0, 24, count))
        return self._plan.start_us + days * DAY + (hour % 24 * HOUR).astype(np.int64)

    def _victims(self, rng: np.random.Generator, begin: Ints, manner: Manner) -> Ints:
        """Whoever works much, people or programs as the attack prefers, and has joined by then."""
        people = self._people.principals
        chosen = np.empty(len(begin), dtype=np.int64)
        of_people = rng.random(len(begin)) < manner.on_people
        for is_person in (True, False):
            rows = np.flatnonzero(of_people == is_person)
            weight: Floats = people.rate**0.7 * (people.is_person == is_person) * (people.joined < self._plan.start_us)
            chosen[rows] = rng.choice(people.count, len(rows), p=weight / weight.sum())
        return chosen

    def _networks(self, rng: np.random.Generator, victim: Ints, inside: Bools) -> Ints:
        people, networks, count = self._people.principals, self._people.networks, len(victim)
        own = np.where(chance(rng, 0.5, count), people.office[victim], people.home[victim])
        rented, roaming = hosting_network(rng, networks, count), roaming_network(rng, networks, count)
        return np.where(inside, own, np.where(chance(rng, 0.55, count), rented, roaming))

    def _agents(self, rng: np.random.Generator, attack: Attack, victim: Ints, inside: Bools) -> Ints:
        people, count = self._people.principals, len(victim)
        theirs = rng.choice([0, 1, 7, 8, 4], count, p=[0.42, 0.34, 0.1, 0.08, 0.06])
        own = np.where(chance(rng, 0.75, count), people.agent[victim], people.other_agent[victim])
        agent = np.where(rng.random(count) < np.where(inside, 0.75, 0.35), own, theirs)
        return np.full(count, CONSOLE) if attack is Attack.CREDENTIAL_STUFFING else agent.clip(max=len(AGENTS) - 1)

    def _accounts(self, rng: np.random.Generator, victim: Ints) -> Ints:
        """The victim's; seldom the most valuable one that can be reached."""
        people, count = self._people.principals, len(victim)
        better = np.where(
            WORTH[people.other_account[victim]] > WORTH[people.account[victim]],
            people.other_account[victim],
            people.account[victim],
        )
        return np.where(chance(rng, 0.3, count), better, people.account[victim])

    def _mfa(self, rng: np.random.Generator, victim: Ints, inside: Bools) -> Ints:
        people, count = self._people.principals, len(victim)
        has = np.where(inside, people.has_mfa[victim], chance(rng, 0.3, count)).astype(np.int64)
        return np.where(people.is_person[victim], np.where(chance(rng, 0.08, count), -1, has), -1)
