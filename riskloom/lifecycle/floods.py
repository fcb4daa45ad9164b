"""A rule that hits far more than it was meant to: noticed while it happens, and asked to be put back to the shadow."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from riskloom.catalog.declaration import Slug
from riskloom.errors import LedgerError
from riskloom.lifecycle.publication import ensure_folder
from riskloom.registry.files import replace_file

FOLDER = "requests"
_SUFFIX = ".json"
#: How many decisions are looked back on, and how many there must be before anything follows.
WINDOW, MINIMUM = 1_000, 200


class SlidingShare:
    """
    The share of hits among the last decisions.

    Args:
        window: How many are looked back on.
        minimum: With fewer there is no share to speak of.
    """

    def __init__(self, window: int = WINDOW, minimum: int = MINIMUM) -> None:
        self._seen: deque[bool] = deque(maxlen=window)
        self._minimum = minimum
        self._hits = 0

    def add(self, *, is_hit: bool) -> float:
        """Count one decision; gives the share of hits, 0 while there are too few to say."""
        if len(self._seen) == self._seen.maxlen:
            self._hits -= self._seen[0]
        self._seen.append(is_hit)
        self._hits += is_hit
        return self._hits / len(self._seen) if len(self._seen) >= self._minimum else 0.0


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
