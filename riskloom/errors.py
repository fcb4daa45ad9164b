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
│   └── PastReadError        a read at an instant that the state no longer tells apart
├── DetectorError            data or a saved state that the outlier detector cannot use
├── WatchError               rows that cannot be watched as declared
├── TrainingError            a model that cannot be trained from what there is
├── RegistryError            a model version that is missing or in the wrong state
│   └── SignatureError       a model whose bytes are not the ones that were signed
├── LedgerError              a decision that could not be written down
└── ServiceError             a process of the stack that did not start, answer or stop
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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


class PastReadError(WindowError):
    """A read at an instant that the state no longer tells apart from later ones."""


class DetectorError(RiskloomError):
    """Data, or a saved state, that the outlier detector cannot use."""


class WatchError(RiskloomError):
    """Rows that cannot be watched as declared: a mart, column or period that is not there."""


class TrainingError(RiskloomError):
    """A model that cannot be trained from the data there is."""


class RegistryError(RiskloomError):
    """A model version that is missing or in a state that does not allow the step."""


class SignatureError(RegistryError):
    """A model whose bytes are not the ones that were signed."""


class LedgerError(RiskloomError):
    """A decision that could not be written down, and so must not be answered."""


class ServiceError(RiskloomError):
    """A process of the stack that did not start, answer or stop as it should."""
