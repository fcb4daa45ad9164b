"""What the world is like before and after a drift: which attacks there are, how many, and how honest people work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Attack(IntEnum):
    """Why a call is hostile; of the tables only the findings say it, by technique."""

    NONE = 0
    CREDENTIAL_STUFFING = 1
    LEAKED_KEY = 2
    PRIVILEGE_ESCALATION = 3
    DISCOVERY = 4
    LOG_TAMPERING = 5
    PERSISTENCE = 6
    SNAPSHOT_SHARING = 7
    OBJECT_EXFILTRATION = 8
    CRYPTO_MINING = 9
    BEACONING = 10


#: MITRE ATT&CK for Enterprise (v16): technique and tactic of each attack.
TECHNIQUES = {
    Attack.CREDENTIAL_STUFFING: ("T1110.004", "credential-access"),
    Attack.LEAKED_KEY: ("T1078.004", "initial-access"),
    Attack.PRIVILEGE_ESCALATION: ("T1098.003", "privilege-escalation"),
    Attack.DISCOVERY: ("T1526", "discovery"),
    Attack.LOG_TAMPERING: ("T1562.008", "defense-evasion"),
    Attack.PERSISTENCE: ("T1098.001", "persistence"),
    Attack.SNAPSHOT_SHARING: ("T1537", "exfiltration"),
    Attack.OBJECT_EXFILTRATION: ("T1530", "collection"),
    Attack.CRYPTO_MINING: ("T1496", "impact"),
    Attack.BEACONING: ("T1071.001", "command-and-control"),
}


@dataclass(frozen=True, slots=True)
class Regime:
    """
    How people and attackers behave for a stretch of days.

    Attributes:
        hostile: Share of hostile calls.
        mix: Share of each attack in them.
        roaming: Share of people's sessions from networks that are not their usual ones.
        hour_shift: Hours by which the working day moves.
        new_tools: Share of people's sessions with a program that is new to them.
    """

    hostile: float
    mix: dict[Attack, float]
    roaming: float = 0.13
    hour_shift: float = 0.0
    new_tools: float = 0.05


USUAL = Regime(
    hostile=0.018,
    mix={
        Attack.CREDENTIAL_STUFFING: 0.09,
        Attack.LEAKED_KEY: 0.18,
        Attack.PRIVILEGE_ESCALATION: 0.09,
        Attack.DISCOVERY: 0.15,
        Attack.LOG_TAMPERING: 0.06,
        Attack.PERSISTENCE: 0.09,
        Attack.SNAPSHOT_SHARING: 0.07,
        Attack.OBJECT_EXFILTRATION: 0.16,
        Attack.CRYPTO_MINING: 0.06,
        Attack.BEACONING: 0.05,
    },
)
DRIFTED = Regime(
    hostile=0.020,
    mix={
        Attack.CREDENTIAL_STUFFING: 0.16,
        Attack.LEAKED_KEY: 0.08,
        Attack.PRIVILEGE_ESCALATION: 0.12,
        Attack.DISCOVERY: 0.06,
        Attack.LOG_TAMPERING: 0.05,
        Attack.PERSISTENCE: 0.12,
        Attack.SNAPSHOT_SHARING: 0.05,
        Attack.OBJECT_EXFILTRATION: 0.24,
        Attack.CRYPTO_MINING: 0.08,
        Attack.BEACONING: 0.04,
    },
    roaming=0.26,
    hour_shift=2.0,
    new_tools=0.12,
)
