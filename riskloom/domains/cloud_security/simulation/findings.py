"""What analysts find, and when: confirmed findings, the wrong ones among them, and what is taken back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.domains.cloud_security.simulation.catalogue import Ints
from riskloom.domains.cloud_security.simulation.organisation import chance
from riskloom.domains.cloud_security.simulation.regime import Attack
from riskloom.domains.cloud_security.simulation.sessions import HOUR
from riskloom.ingest.arrays import Columns, known_before
from riskloom.ingest.simulation import DAY, SimulationPlan

#: Share of each attack's campaigns that anybody ever finds.
_FOUND = {Attack.DISCOVERY: 0.75, Attack.OBJECT_EXFILTRATION: 0.8, Attack.BEACONING: 0.7, Attack.CRYPTO_MINING: 0.98}
_FOUND_OTHERWISE = 0.88
_NAMED = 0.93  # share of a found campaign's calls that the finding names
_FALSE_ALARM = 0.0004  # share of honest calls that are taken for an attack's
_WITHDRAWN_FALSE, _WITHDRAWN_TRUE = 0.7, 0.01  # shares of wrong and of right findings that are taken back
_MEDIAN_DAYS, _SPREAD = 2.0, 0.9  # until a finding is confirmed; nine in ten arrive within seven days
_LONGEST_DAYS = 45.0
_CASE_HOURS = 24  # calls of one victim, attack and day are found together


@dataclass(frozen=True, slots=True)
class Suspects(Columns):
    """Subjects that get a finding if they are noticed: number, whose, when, and why."""

    subject: Ints
    whose: Ints
    at: Ints  # µs, when the subject was observed
    attack: Ints


@dataclass(frozen=True, slots=True)
class Findings(Columns):
    """Statements about subjects, by the time they were observed."""

    subject: Ints
    is_confirmed: NDArray[np.bool_]
    attack: Ints  # 0: no technique is named
    decided: Ints  # µs
    observed: Ints  # µs


def suspects_of_day(rng: np.random.Generator, number: Ints, whose: Ints, at: Ints, attack: Ints) -> Suspects:
    """The hostile subjects of a day, and the few honest ones that will be taken for such."""
    chosen = (attack != int(Attack.NONE)) | (chance(rng, _FALSE_ALARM, len(at)))
    return Suspects(number, whose, at, attack).take(chosen)


def draw_findings(plan: SimulationPlan, stream: str, parts: list[Suspects]) -> Findings:
    """All statements observed before the plan ends; one analyst's look decides on a victim's day as a whole."""
    rng = plan.rng(stream)
    suspects = Suspects.joined(parts)
    is_honest = suspects.attack == int(Attack.NONE)
    look = suspects.at // (_CASE_HOURS * HOUR)
    _, case = np.unique(np.stack([suspects.whose, suspects.attack, look]), axis=1, return_inverse=True)
    case = case.reshape(-1)
    cases = int(case.max(initial=-1)) + 1
    likely = np.array([_FOUND.get(attack, _FOUND_OTHERWISE) for attack in Attack])
    likely[Attack.NONE] = 1.0
    is_found = rng.random(cases)[case] < likely[suspects.attack]
    is_found &= is_honest | (chance(rng, _NAMED, len(case)))
    last = np.zeros(cases, dtype=np.int64)
    np.maximum.at(last, case, suspects.at)
    days = np.clip(rng.lognormal(np.log(_MEDIAN_DAYS), _SPREAD, cases), 0.1, _LONGEST_DAYS)
    decided = last + (days * DAY).astype(np.int64)
    observed = decided + (rng.uniform(0.1, 6, cases) * HOUR).astype(np.int64)
    count = int(is_found.sum())
    withdrawn = rng.random(count) < np.where(is_honest[is_found], _WITHDRAWN_FALSE, _WITHDRAWN_TRUE)
    first_decided, first_observed = decided[case][is_found], observed[case][is_found]
    later = first_observed + (rng.lognormal(1.4, 0.6, count) * DAY).astype(np.int64)
    subject = suspects.subject[is_found]
    attack = np.where(is_honest, rng.integers(1, len(Attack), len(case)), suspects.attack)[is_found]
    attack[chance(rng, 0.06, count)] = 0  # confirmed, though nobody could say by which technique
    taken_back = int(withdrawn.sum())
    findings = Findings(
        subject=np.concatenate([subject, subject[withdrawn]]),
        is_confirmed=np.concatenate([np.ones(count, dtype=np.bool_), np.zeros(taken_back, dtype=np.bool_)]),
        attack=np.concatenate([attack, np.zeros(taken_back, dtype=np.int64)]),
        decided=np.concatenate([first_decided, later[withdrawn]]),
        observed=np.concatenate([first_observed, later[withdrawn] + HOUR]),
    )
    return findings.take(known_before(findings.observed, plan.end_us))
