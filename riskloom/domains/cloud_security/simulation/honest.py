"""One day of work as people and programs do it, with what looks like an attack and is none."""

from __future__ import annotations

import numpy as np

from riskloom.domains.cloud_security.simulation.catalogue import DEPLOYER, RELIABILITY, SECURITY, Floats, Ints
from riskloom.domains.cloud_security.simulation.organisation import (
    AGENTS,
    CONSOLE,
    HOURS_FROM_UTC,
    Bools,
    Organisation,
    chance,
    hosting_network,
    roaming_network,
)
from riskloom.domains.cloud_security.simulation.regime import Regime
from riskloom.domains.cloud_security.simulation.sessions import HOUR, MINUTE, WORK, Sessions
from riskloom.ingest.simulation import DAY, SimulationPlan

_FIRST_WEEKEND_DAY = 5  # Monday is 0
_ON_A_WEEKEND = 0.12  # of what people do on a working day
_CALLS_A_SESSION = 9.0
_ROUND_THE_CLOCK = 0.06  # share of people's sessions at any hour
_FROM_HOME = 0.35
_SUPPLIED = 0.06  # share of programs' sessions
_OTHER_ACCOUNT = 0.14
_BROKEN = 0.012  # share of sessions in which most calls fail: a wrong region, an expired key, a typing error
_TRIPS_EVERY = 60  # days
_TRAVELLERS = 0.22  # of people, in such a period
_INCIDENTS, _RELEASES = 0.10, 0.4  # share of days that have one
_WORK_SHARES = {"audit": 0.012, "migration": 0.008, "key_rotation": 0.006, "console_visit": 0.05, "incident": 0.004}


class HonestDays:
    """Draws honest days of an organisation."""

    def __init__(self, plan: SimulationPlan, people: Organisation) -> None:
        self._plan = plan
        self._people = people

    def draw(self, day: int, count: int, regime: Regime) -> Sessions:
        """Sessions of one day with ``count`` calls in all, attack 0."""
        rng = self._plan.rng("honest", day)
        people, begin = self._people.principals, self._plan.start_us + day * DAY
        sessions = max(round(count / _CALLS_A_SESSION), 1)
        who = self._who(rng, day, sessions, begin)
        is_person = people.is_person[who]
        work = self._work(rng, day, who)
        at = begin + self._time_of_day(rng, who, work, regime)
        network = self._networks(rng, day, who, regime)
        agent = np.where(chance(rng, 0.2, sessions), people.other_agent[who], people.agent[who])
        fresh = is_person & (chance(rng, regime.new_tools, sessions))
        agent = np.where(fresh, rng.integers(0, len(AGENTS), sessions), agent)
        agent = np.where(work == WORK.index("console_visit"), CONSOLE, agent)
        is_long = np.isin(work, [WORK.index(name) for name in ("incident", "deployment", "migration", "audit")])
        weight = rng.gamma(0.8, 1.0, sessions) * np.where(is_long, 3.0, 1.0) + 0.02
        strays = chance(rng, _OTHER_ACCOUNT, sessions)
        mfa = np.where(is_person, (people.has_mfa[who] | (chance(rng, 0.3, sessions))).astype(np.int64), -1)
        return Sessions(
            principal=who,
            begin=at,
            span=(rng.gamma(1.5, 18, sessions) * MINUTE * np.where(is_person & ~is_long, 1.0, 2.5)).astype(np.int64),
            calls=rng.multinomial(count, weight / weight.sum()),
            work=work,
            cover=np.where(work == 0, 1.0, 0.25),
            network=network,
            agent=agent,
            account=np.where(strays, people.other_account[who], people.account[who]),
            mfa=np.where(chance(rng, 0.05, sessions), -1, mfa),
            failing=np.where(chance(rng, _BROKEN, sessions), rng.uniform(0.4, 0.95, sessions), 0.0),
            reach=np.where(is_long & (chance(rng, 0.6, sessions)), rng.integers(15, 160, sessions), 0),
            attack=np.zeros(sessions, dtype=np.int64),
        )

    def _who(self, rng: np.random.Generator, day: int, sessions: int, begin: int) -> Ints:
        """Who has sessions that day: those who have joined, people less at weekends."""
        people = self._people.principals
        is_weekend = (self._plan.start.weekday() + day) % 7 >= _FIRST_WEEKEND_DAY
        rate = people.rate * np.where(people.is_person & is_weekend, _ON_A_WEEKEND, 1.0) * (people.joined < begin + DAY)
        cumulated = np.cumsum(rate)
        who: Ints = np.searchsorted(cumulated, rng.random(sessions) * cumulated[-1]).clip(max=people.count - 1)
        return who

    def _work(self, rng: np.random.Generator, day: int, who: Ints) -> Ints:
        """What sessions are for: mostly habit; deployments by deployers, on days of incidents their handling."""
        people, count = self._people.principals, len(who)
        work = np.zeros(count, dtype=np.int64)
        draw, edge = rng.random(count), 0.0
        for name, share in _WORK_SHARES.items():
            chosen = people.is_person[who] & (draw >= edge) & (draw < edge + share)
            work[chosen] = WORK.index(name)
            edge += share
        group = people.group[who]
        work[(group == SECURITY) & (chance(rng, 0.15, count))] = WORK.index("audit")
        is_release = self._plan.rng("releases", day).random() < _RELEASES
        work[(group == DEPLOYER) & (rng.random(count) < (0.7 if is_release else 0.15))] = WORK.index("deployment")
        if self._plan.rng("incidents", day).random() < _INCIDENTS:
            handlers = np.isin(group, (RELIABILITY, SECURITY)) & (chance(rng, 0.6, count))
            work[handlers] = WORK.index("incident")
        return work

    def _time_of_day(self, rng: np.random.Generator, who: Ints, work: Ints, regime: Regime) -> Ints:
        """Microseconds after midnight UTC: people's working day where they live, programs at any hour."""
        people, count = self._people.principals, len(who)
        local = np.where(chance(rng, 0.55, count), 10.5, 15.0) + rng.normal(0, 1.7, count)
        local += people.chronotype[who] + regime.hour_shift
        free = ~people.is_person[who] | (chance(rng, _ROUND_THE_CLOCK, count)) | (work == WORK.index("incident"))
        local = np.where(free, rng.uniform(0, 24, count), local)
        hour: Floats = (local - HOURS_FROM_UTC[people.country[who]]) % 24
        return (hour * HOUR).astype(np.int64).clip(max=DAY - 1)

    def _networks(self, rng: np.random.Generator, day: int, who: Ints, regime: Regime) -> Ints:
        """The office, home, or under way; travellers are under way all day, in one or two places."""
        people, networks, count = self._people.principals, self._people.networks, len(who)
        usual = np.where(chance(rng, _FROM_HOME, count), people.home[who], people.office[who])
        elsewhere = roaming_network(rng, networks, count)
        is_person = people.is_person[who]
        trip = who * 31 + day // _TRIPS_EVERY * 7 + rng.integers(0, 2, count)
        hotel = networks.roaming + trip % (networks.homes - networks.roaming)
        under_way = is_person & chance(rng, regime.roaming, count)
        # suppliers run some of the organisation's programs on machines of their own
        rented = ~is_person & chance(rng, _SUPPLIED, count)
        usual = np.where(rented, hosting_network(rng, networks, count), usual)
        return np.where(self._away(day)[who] & is_person, hotel, np.where(under_way, elsewhere, usual))

    def _away(self, day: int) -> Bools:
        """Who travels that day."""
        period, day_of_period = divmod(day, _TRIPS_EVERY)
        rng, count = self._plan.rng("trips", period), self._people.principals.count
        travels = chance(rng, _TRAVELLERS, count)
        first = rng.integers(0, _TRIPS_EVERY - 12, count)
        away: Bools = travels & (first <= day_of_period) & (day_of_period < first + rng.integers(2, 12, count))
        return away
