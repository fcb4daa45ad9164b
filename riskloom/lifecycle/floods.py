"""A rule that hits far more than it was meant to: noticed while it happens, and asked to be put back to the shadow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from riskloom.catalog.declaration import Slug
from riskloom.errors import LedgerError
from riskloom.lifecycle.active import Mark
from riskloom.lifecycle.publication import ensure_folder
from riskloom.registry.files import replace_file

FOLDER = "requests"
_SUFFIX = ".json"
#: How many decisions are looked back on, and how many there must be before anything follows.
WINDOW, MINIMUM = 1_000, 200


@dataclass(slots=True)
class _Count:
    """Of one version: decisions that do not count, and by its own count of decisions, those that it hit."""

    missed: int
    hits: deque[int] = field(default_factory=deque)


class Shares:
    """
    The share of hits of each version of a rule among the last decisions on which it had effect.

    A decision costs only what hits it, and what it is spared: most rules have effect on everybody and hit next to none.

    Args:
        window: How many decisions are looked back on.
        minimum: With fewer there is no share to speak of.
    """

    def __init__(self, window: int = WINDOW, minimum: int = MINIMUM) -> None:
        self._window = window
        self._minimum = minimum
        self._decisions = 0
        self._counts: dict[Mark, _Count] = {}

    def keep(self, marks: Iterable[Mark]) -> None:
        """Count these and no others: what was counted of them before stays."""
        self._counts = {mark: self._counts.get(mark) or _Count(self._decisions) for mark in marks}

    def add(self, hits: Iterable[Mark], spared: Iterable[Mark] = ()) -> dict[Mark, float]:
        """
        Count one decision.

        Args:
            hits: Versions that hit it, and had effect.
            spared: Those that have no effect on its subject, and on others do.

        Returns:
            The share of each that hit; 0 while there are too few decisions to say.
        """
        self._decisions += 1
        for mark in spared:
            self._counts[mark].missed += 1
        return {mark: self._share(self._counts[mark]) for mark in hits}

    def _share(self, count: _Count) -> float:
        seen = self._decisions - count.missed
        count.hits.append(seen)
        while count.hits[0] <= seen - self._window:
            count.hits.popleft()
        return len(count.hits) / min(seen, self._window) if seen >= self._minimum else 0.0


class FloodRequest(BaseModel):
    """A service has stopped a version of a rule, and asks that the ledger says so too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: Slug
    rule_id: Slug
    version: int = Field(ge=1)
    step: int = Field(ge=1, description="In which it came to its stage; once it is moved again the request is void.")
    share: float
    max_share: float
    at: AwareDatetime

    @property
    def reason(self) -> str:
        """Why, for people."""
        return f"hit {self.share:.1%} of recent decisions, which is more than its max_share of {self.max_share:.1%}"


def write_request(folder: Path, request: FloodRequest) -> Path:
    """Ask; the same version at the same step is one request, however many processes ask."""
    ensure_folder(folder, request.domain)
    path = requests_folder(folder, request.domain) / f"{request.rule_id}-{request.version}-{request.step}{_SUFFIX}"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    replace_file(path, request.model_dump_json(indent=2).encode() + b"\n")
    return path


def read_requests(folder: Path, domain: str) -> tuple[tuple[Path, FloodRequest], ...]:
    """
    What was asked for and not been answered, by file.

    Raises:
        LedgerError: A file is no request; it has to be looked at.
    """
    found = []
    for path in sorted(requests_folder(folder, domain).glob(f"[!.]*{_SUFFIX}")):
        try:
            found.append((path, FloodRequest.model_validate_json(path.read_bytes())))
        except FileNotFoundError:  # answered a moment ago
            continue
        except ValidationError as error:
            raise LedgerError(f"{path}: expected a request about a rule, found something else") from error
    return tuple(found)


def requests_folder(folder: Path, domain: str) -> Path:
    """Where requests about a domain's rules are, below the folder of all domains."""
    return folder / domain / FOLDER
