"""
Every error Riskloom raises on purpose.

RiskloomError
├── ConfigError              a setting or a call that cannot be honoured
│   └── CatalogError         one or more mistakes in declarations, reported together
├── ContractError            data that does not keep its table's contract
│   └── MappingError         a mapping file that does not fit its table or its source
├── LeakageError             a value that was not yet known at the time it was used for
├── FeatureError             a feature that is declared, built or read wrongly
├── WindowError              windowed features that cannot be counted or read
│   ├── EventRefusedError    an event that would make a number wrong; nothing was counted
│   ├── StateCorruptError    state that is not as it was written
│   ├── StateUnavailableError a store that did not answer; whether the event was counted is not known
│   ├── NotBootstrappedError state that history was not brought into yet
│   ├── SupersededError      state that is not kept up any more, since windows are declared otherwise
│   └── PastReadError        a read at an instant that the state no longer tells apart
├── DetectorError            data or a saved state that the outlier detector cannot use
├── WatchError               rows that cannot be watched as declared
├── PolicyError              rules that speak of outcomes a domain does not have
├── TrainingError            a model that cannot be trained from what there is
├── RegistryError            a model version that is missing or in the wrong state
│   ├── PlanError            a read plan that is missing, or that a feature of its model cannot be read by
│   └── SignatureError       a model or a plan whose bytes are not the ones that were signed
├── LedgerError              something that the ledger could not keep or does not hold
│   ├── NotInLedgerError     a decision, case, alert or label that is not there
│   ├── RefusedStepError     a step that the state of a case, label, rule or list does not allow
│   │   └── ApprovalNeededError  a step that a second person must approve
│   ├── StaleError           a case that changed since it was seen
│   ├── MovedError           a rule or a champion that somebody moved since it was seen
│   ├── NotPublishedError    a step that is kept, and that services do not know of yet
│   ├── TakenError           a case that somebody else works on
│   └── RepeatedKeyError     an idempotency key that was used for another command
└── ServiceError             a process of the stack that did not start, answer or stop
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


class RiskloomError(Exception):
    """Base of all errors raised on purpose; the command line prints its text without a traceback."""


class ConfigError(RiskloomError):
    """A setting, option or declaration that cannot be honoured."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a declaration: where it stands, what was expected there and what was found."""

    file: str
    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: expected {self.expected}, found {self.found}"


class CatalogError(ConfigError):
    """One or more mistakes in declarations; all of them, so that they can be mended in one go."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        noun = "mistake" if len(self.mistakes) == 1 else "mistakes"
        super().__init__("\n".join([f"{len(self.mistakes)} {noun} in the declarations:", *map(str, self.mistakes)]))


class ContractError(RiskloomError):
    """Data that does not keep its table's contract."""


class MappingError(ContractError):
    """A mapping file that does not fit its table or its source."""


class LeakageError(RiskloomError):
    """A value that was not yet known at the time it would have been used for."""


class FeatureError(RiskloomError):
    """A feature that is declared, built or read wrongly."""


class WindowError(RiskloomError):
    """Windowed features that cannot be counted or read."""


class EventRefusedError(WindowError):
    """
    An event that would make a number wrong. Nothing of it was counted.

    The message never shows a value: keys and amounts are personal data.
    """

    def __init__(self, stream: str, field: str, expected: str, found: str) -> None:
        self.stream, self.field, self.expected, self.found = stream, field, expected, found
        super().__init__(f"{stream}: {field}: expected {expected}, found {found}")


class StateCorruptError(WindowError):
    """State that is not as it was written; the key is to be rebuilt from the published streams."""

    def __init__(self, entity: str, part: str, expected: str) -> None:
        self.entity, self.part, self.expected = entity, part, expected
        super().__init__(f"state of a {entity}: {part}: expected {expected}, found something else; rebuild the key")


class StateUnavailableError(WindowError):
    """A store that did not answer. Whether the event was counted is not known; sending it again is safe."""


class NotBootstrappedError(WindowError):
    """State that history was not brought into yet, and that would answer as if nothing had ever happened."""


class SupersededError(WindowError):
    """State that nobody brings up to what lands any more: windows are declared otherwise, and have other state."""


class PastReadError(WindowError):
    """A read at an instant that the state no longer tells apart from later ones."""


class DetectorError(RiskloomError):
    """Data, or a saved state, that the outlier detector cannot use."""


class WatchError(RiskloomError):
    """Rows that cannot be watched as declared: a mart, column or period that is not there."""


class PolicyError(RiskloomError):
    """Rules that speak of outcomes a domain does not have."""


class TrainingError(RiskloomError):
    """A model that cannot be trained from the data there is."""


class RegistryError(RiskloomError):
    """A model version that is missing or in a state that does not allow the step."""


class PlanError(RegistryError):
    """A read plan that is missing, or that cannot be made because nothing gives a feature of the model."""


class SignatureError(RegistryError):
    """A model or a read plan whose bytes are not the ones that were signed."""


class LedgerError(RiskloomError):
    """Something that the ledger could not keep or does not hold; a decision that was not kept must not be answered."""


class NotInLedgerError(LedgerError):
    """A decision, case, alert or label that is not there."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(f"no {kind} {name!r} in the ledger")


class RefusedStepError(LedgerError):
    """A step that the state of a case, label, rule or list does not allow."""


class ApprovalNeededError(RefusedStepError):
    """A step that gives a rule more effect, and that nobody takes alone."""


class StaleError(LedgerError):
    """A case that changed since it was seen; ``changes`` says how, one text a step."""

    def __init__(self, case_id: str, seen: int, present: int, changes: Sequence[str]) -> None:
        self.case_id, self.seen, self.present, self.changes = case_id, seen, present, tuple(changes)
        since = "; ".join(changes) or "nothing: that version was never there"
        super().__init__(f"case {case_id}: expected version {seen}, found {present}; since then: {since}")


class MovedError(LedgerError):
    """A rule, or the champion of a domain, that somebody moved since it was seen."""

    def __init__(self, name: str, seen: int | str | None, present: int | str | None) -> None:
        self.name, self.seen, self.present = name, seen, present
        super().__init__(f"{name}: expected it at {seen or 'none'}, as it was seen, found it at {present or 'none'}")


class NotPublishedError(LedgerError):
    """A step that is kept in the ledger, while the file that services read could not be written."""

    def __init__(self, domain: str, why: str) -> None:
        self.domain, self.why = domain, why
        super().__init__(
            f"the step is kept, but services do not know of it yet, as their file could not be written ({why}); "
            f"run `riskloom rules publish {domain}`"
        )


class TakenError(LedgerError):
    """A case that somebody else works on: who, and since when."""

    def __init__(self, case_id: str, assignee: str, claimed_at: datetime) -> None:
        self.case_id, self.assignee, self.claimed_at = case_id, assignee, claimed_at
        super().__init__(f"case {case_id}: taken by {assignee} at {claimed_at.isoformat(timespec='seconds')}")


class RepeatedKeyError(LedgerError):
    """An idempotency key that was used for another command."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"idempotency key {key!r}: expected the command it was first used for, found another")


class ServiceError(RiskloomError):
    """A process of the stack that did not start, answer or stop as it should."""
