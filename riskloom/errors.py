"""
Every error Riskloom raises on purpose.

RiskloomError
├── ConfigError              a setting or a call that cannot be honoured
│   └── CatalogError         one or more mistakes in declarations, reported together
├── ContractError            data that does not keep its table's contract
│   └── MappingError         a mapping file that does not fit its table or its source
├── LeakageError             a value that was not yet known at the time it was used for
├── FeatureError             a feature that is declared, built or read wrongly
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
