"""Releases: a few of those who would get the hardest outcome get a milder one, so that their truth is learnt."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

from riskloom.catalog import Domain
from riskloom.policy.choice import Choice, Exploration

_HASH_BYTES = 8
_HASHES = 1 << (8 * _HASH_BYTES)
_PERSON = b"release"
#: Where the policy weighed by itself; what a rule forced or nobody could weigh is never released.
_OWN = frozenset({"expected_cost", "threshold"})


class Releases:
    """
    Release would-be hardest outcomes of one domain, by a keyed hash of the event and at most so many a day.

    Who is released follows from the event's key alone, so a replay releases the same; without the secret nobody can
    look for an event that will be. The day's count is kept here, in memory: it belongs to this process.

    Args:
        domain: Declares whom to release and to what.
        secret: Of the hash, at most 64 bytes; all processes and replays need the same.
    """

    def __init__(self, domain: Domain, *, secret: bytes) -> None:
        self._declared = domain.policy
        self._hardest = domain.outcome[-1].name
        self._names = [outcome.name for outcome in domain.outcome]
        self._domain = domain.name
        self._secret = secret
        self._day: date | None = None
        self._released: set[str] = set()

    def consider(self, choice: Choice, *, key: str, amount: float, day: date) -> Choice:
        """
        The choice as it stands, or as an exploration with a milder outcome.

        Args:
            choice: What the policy chose.
            key: Of the event; the same event again is released again, and counts once a day.
            amount: At stake, in the domain's currency.
            day: Of the decision (UTC); a new one begins a new count.
        """
        if choice.outcome != self._hardest or choice.basis not in _OWN or not self._declared.release_share:
            return choice
        outcome = self._milder(choice)
        if outcome is None or not 0 <= amount <= self._declared.release_max_amount or not self.is_drawn(key):
            return choice
        if not self._counts(key, day):
            return choice
        return replace(
            choice,
            outcome=outcome,
            basis="exploration",
            is_mildest=outcome == self._names[0],
            exploration=Exploration(would_be=choice.outcome, propensity=self._declared.release_share),
        )

    def is_drawn(self, key: str) -> bool:
        """Whether the hash of an event's key falls into the declared share."""
        state = hashlib.blake2b(digest_size=_HASH_BYTES, key=self._secret, person=_PERSON)
        state.update(f"{self._domain}\0{key}".encode())
        return int.from_bytes(state.digest()) < self._declared.release_share * _HASHES

    def _milder(self, choice: Choice) -> str | None:
        """The mildest outcome that is declared for releases and that no rule forbade."""
        offered = set(self._declared.release_to).difference(choice.forbidden_by)
        return next((name for name in self._names if name in offered), None)

    def _counts(self, key: str, day: date) -> bool:
        if day != self._day:
            self._day, self._released = day, set()
        if key not in self._released and len(self._released) >= self._declared.release_per_day:
            return False
        self._released.add(key)
        return True
