"""Sessions, in which somebody works from one place with one program, and the calls that are made in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskloom.domains.cloud_security.simulation.catalogue import (
    GROUP_USE,
    HAS_BYTES,
    IDENTITY,
    KIND,
    LIST,
    OPERATIONS,
    SESSION,
    Floats,
    Ints,
    by_class,
    by_name,
)
from riskloom.domains.cloud_security.simulation.organisation import (
    FAVOURITE_CHANCES,
    FAVOURITES,
    Organisation,
    chance,
    pick_rows,
)
from riskloom.ingest.arrays import Columns

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
_RESOURCES = 60  # that a group has in an account
_NO_REGION_HABIT = 0.06  # share of calls to another region than the account's

#: What a session is for: the habit of who works, or a kind of work of its own.
WORK = (
    "habit",
    "incident",
    "deployment",
    "audit",
    "migration",
    "key_rotation",
    "console_visit",
    "key_check",
    "escalation",
    "sweep",
    "blinding",
    "foothold",
    "sharing",
    "theft",
    "mining",
    "remote_control",
)
_HABIT = 0
_BY_CLASS = {
    "incident": [34.0, 34, 12, 8, 0.8, 0.6, 0.2, 5, 6],
    "deployment": [10.0, 10, 12, 44, 8, 0.8, 1.2, 8, 6],
    "audit": [62.0, 26, 3, 1, 1, 1, 0.2, 0, 6],
    "migration": [12.0, 8, 48, 26, 0.4, 0, 1.5, 2, 2],
    "console_visit": [40.0, 30, 10, 4, 1.0, 0.2, 0.3, 1, 6],
}
_BY_NAME = {
    "key_rotation": {"CreateAccessKey": 3, "ListAccessKeys": 4, "GetUser": 2, "[read]": 2, "[session]": 1},
    "key_check": {"GetCallerIdentity": 3, "[list]": 5, "[read]": 2, "[data]": 4, "GetSecretValue": 2, "AssumeRole": 1},
    "escalation": {"[identity]": 6, "ListAttachedUserPolicies": 2, "ListPolicies": 2, "GetPolicy": 1, "[session]": 1},
    "sweep": {"[list]": 12, "[read]": 4, "GetAccountAuthorizationDetails": 1, "GetCallerIdentity": 1},
    "blinding": {"[logging]": 5, "DescribeTrails": 2, "ListDetectors": 1, "DescribeLogGroups": 1},
    "foothold": {
        "CreateAccessKey": 3,
        "CreateUser": 2,
        "CreateLoginProfile": 2,
        "UpdateAssumeRolePolicy": 1,
        "UpdateFunctionCode20150331v2": 2,
        "ListUsers": 2,
        "ListRoles": 1,
        "CreateRole": 1,
    },
    "sharing": {
        "CreateSnapshot": 2,
        "CopySnapshot": 1,
        "ModifySnapshotAttribute": 3,
        "ModifyImageAttribute": 1,
        "CreateDBSnapshot": 1,
        "ModifyDBSnapshotAttribute": 2,
        "DescribeSnapshots": 3,
        "DescribeVolumes": 1,
    },
    "theft": {"GetObject": 14, "ListObjects": 3, "Decrypt": 5, "ListBuckets": 1, "GetSecretValue": 1},
    "mining": {
        "RunInstances": 5,
        "RequestSpotInstances": 2,
        "DescribeInstances": 4,
        "ListServiceQuotas": 2,
        "DescribeImages": 2,
        "AuthorizeSecurityGroupIngress": 1,
    },
    "remote_control": {
        "SendCommand": 3,
        "StartSession": 2,
        "DescribeInstanceInformation": 2,
        "GetParameter": 2,
        "GetCallerIdentity": 1,
    },
}


def _programme(work: str) -> Floats:
    """Chances of each API in a kind of work; a habit is a principal's own, and its row is never drawn from."""
    return by_name(dict(_BY_NAME[work])) if work in _BY_NAME else by_class(np.array(_BY_CLASS.get(work, [1.0] * 9)))


_PROGRAMMES = np.cumsum(np.stack([_programme(work) for work in WORK]), axis=1)
ERRORS = (
    "AccessDenied",
    "Client.UnauthorizedOperation",
    "ThrottlingException",
    "ResourceNotFoundException",
    "ValidationException",
)
_HONEST_ERRORS = np.cumsum([0.34, 0.16, 0.2, 0.18, 0.12])
_OUTSIDER_ERRORS = np.cumsum([0.55, 0.25, 0.08, 0.08, 0.04])


@dataclass(frozen=True, slots=True)
class Sessions(Columns):
    """Sessions by index."""

    principal: Ints
    begin: Ints  # µs
    span: Ints  # µs from the first call to the last
    calls: Ints
    work: Ints  # index of ``WORK``
    cover: Floats  # share of calls that are the principal's habit all the same
    network: Ints
    agent: Ints
    account: Ints
    mfa: Ints  # -1: the log does not say
    failing: Floats  # share of calls that fail, beyond the principal's own
    reach: Ints  # resources looked at; 0: the principal's usual few
    attack: Ints  # of ``Attack``

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.principal)


@dataclass(frozen=True, slots=True)
class Calls(Columns):
    """Calls by index, in no particular order."""

    at: Ints  # µs
    principal: Ints
    account: Ints
    region: Ints
    operation: Ints
    error: Ints  # -1: none
    resource: Ints  # -1: none
    bytes_out: Ints  # -1: not counted
    network: Ints
    agent: Ints
    mfa: Ints
    attack: Ints


def together(parts: list[Calls]) -> Calls:
    """All calls of all parts, by time."""
    joined = Calls.joined(parts)
    return joined.take(np.argsort(joined.at, kind="stable"))


def join_sessions(parts: list[Sessions]) -> Sessions:
    """All sessions of all parts, by their begin."""
    joined = Sessions.joined(parts)
    return joined.take(np.argsort(joined.begin, kind="stable"))


def calls_of(rng: np.random.Generator, people: Organisation, sessions: Sessions, end: int) -> Calls:
    """The calls of sessions, none of them at or after ``end``."""
    one = np.repeat(np.arange(sessions.count), sessions.calls)
    count, who = len(one), sessions.principal[one]
    # work comes in bursts: the square puts more of it near the session's begin
    at = sessions.begin[one] + (rng.random(count) ** 1.5 * sessions.span[one]).astype(np.int64)
    operation = _operations(rng, people, sessions, one)
    fails = rng.random(count) < people.principals.careless[who] + sessions.failing[one]
    causes = np.where(sessions.attack[one][:, None] > 0, _OUTSIDER_ERRORS, _HONEST_ERRORS)
    error = np.where(fails, pick_rows(rng, causes), -1)
    home_region = sessions.account[one] % 4
    elsewhere = rng.random(count) < np.where(sessions.work[one] == WORK.index("mining"), 0.5, _NO_REGION_HABIT)
    return Calls(
        at=np.minimum(at, end - SECOND),
        principal=who,
        account=sessions.account[one],
        region=np.where(elsewhere, rng.integers(0, 7, count), home_region),
        operation=operation,
        error=error,
        resource=_resources(rng, people, sessions, one, operation),
        bytes_out=_bytes(rng, people, sessions, one, operation, fails),
        network=sessions.network[one],
        agent=sessions.agent[one],
        mfa=sessions.mfa[one],
        attack=sessions.attack[one],
    )


def _operations(rng: np.random.Generator, people: Organisation, sessions: Sessions, one: Ints) -> Ints:
    """Habits: a favourite mostly, now and then what the group does, seldom anything; other work by its programme."""
    who, count = sessions.principal[one], len(one)
    favourite = people.principals.favourites[
        who, np.searchsorted(FAVOURITE_CHANCES, rng.random(count)).clip(max=FAVOURITES - 1)
    ]
    draw = rng.random(count)
    is_person = people.principals.is_person[who]
    habit: Ints = favourite.copy()
    by_group = np.flatnonzero(draw < np.where(is_person, 0.10, 0.02))
    cumulated = np.cumsum(GROUP_USE, axis=1)
    habit[by_group] = pick_rows(rng, cumulated[people.principals.group[who[by_group]]])
    anything = np.flatnonzero(draw < np.where(is_person, 0.006, 0.001))
    habit[anything] = rng.integers(0, len(OPERATIONS) - 1, len(anything))
    other = np.flatnonzero((sessions.work[one] != _HABIT) & (rng.random(count) >= sessions.cover[one]))
    habit[other] = pick_rows(rng, _PROGRAMMES[sessions.work[one[other]]])
    return habit


def _resources(rng: np.random.Generator, people: Organisation, sessions: Sessions, one: Ints, operation: Ints) -> Ints:
    """What a call is about: a few of the group's resources in the account, or many where somebody reaches far."""
    who, count = sessions.principal[one], len(one)
    pool = (sessions.account[one] * 16 + people.principals.group[who]) * _RESOURCES
    usual = (who * 7 + (rng.beta(0.7, 3.0, count) * 12).astype(np.int64)) % _RESOURCES
    reach = sessions.reach[one]
    far = (sessions.begin[one] // SECOND + rng.integers(0, np.maximum(reach, 1))) % (4 * _RESOURCES)
    resource = np.where(reach > 0, sessions.account[one] * 16 * _RESOURCES + far, pool + usual)
    kind = KIND[operation]
    has_none = np.where(np.isin(kind, (LIST, SESSION)), chance(rng, 0.85, count), chance(rng, 0.04, count))
    has_none |= (kind == IDENTITY) & (chance(rng, 0.1, count))
    return np.where(has_none, -1, resource)


def _bytes(
    rng: np.random.Generator,
    people: Organisation,
    sessions: Sessions,
    one: Ints,
    operation: Ints,
    fails: NDArray[np.bool_],
) -> Ints:
    """Bytes of objects, log-normal about what is usual for who reads; of other calls none are counted."""
    who, count = sessions.principal[one], len(one)
    is_theft = sessions.work[one] == WORK.index("theft")
    logarithm = people.principals.volume[who] + np.where(is_theft, 0.7, 0.0) + rng.normal(0, 1.4, count)
    size = np.exp(np.minimum(logarithm, 22.0)).astype(np.int64)
    return np.where(HAS_BYTES[operation], np.where(fails, 0, size), -1)
