"""
What is in force in a domain, as one signed file: rules and scenarios by stage, and the members of lists.

Whoever decides on events reads this file and never the database. It is replaced as a whole, and one that was changed by
other hands is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from riskloom.catalog.declaration import Slug
from riskloom.errors import SignatureError
from riskloom.registry.files import read_plain, replace_file
from riskloom.registry.manifest import canonical_json, digest
from riskloom.registry.signing import sign, verify
from riskloom.rules import Member, MemberList

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FILE = "rules.json"
ActiveStage = Literal["shadow", "rollout", "live"]
_PURPOSE = "rules in force"
_VERSION_DIGITS = 16


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedRule(_Part):
    """A version of a rule or a scenario that is evaluated on decisions."""

    id: Slug
    version: int = Field(ge=1)
    stage: ActiveStage
    percent: Annotated[int, Field(ge=1, le=99)] | None = Field(description="Of a roll-out.")
    step: int = Field(ge=1, description="Of it, in which it came to this stage.")
    key: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False, description="Chooses the entities that a roll-out reaches.")
    source: str


class PublishedMember(_Part):
    """A member of a list."""

    value: str
    added_at: AwareDatetime
    expires_at: AwareDatetime | None


class Publication(_Part):
    """Everything in force in a domain."""

    domain: Slug
    published_at: AwareDatetime
    rules: tuple[PublishedRule, ...] = ()
    scenarios: tuple[PublishedRule, ...] = Field(default=(), description="Of these rules.")
    lists: dict[str, tuple[PublishedMember, ...]] = Field(default_factory=dict)

    @property
    def version(self) -> str:
        """A name that follows from what is in force: the same rules, scenarios and members have the same one."""
        content = self.model_dump(mode="json", exclude={"published_at"})
        return digest(canonical_json(content))[:_VERSION_DIGITS]

    def member_lists(self) -> dict[str, MemberList]:
        """The lists as conditions ask them."""
        return {
            name: MemberList(Member(member.value, member.added_at, member.expires_at) for member in members)
            for name, members in self.lists.items()
        }


class _Signed(_Part):
    content: Publication
    signature: str


def publication_path(folder: Path, domain: str) -> Path:
    """Where a domain's file is, below the folder of all of them."""
    return folder / domain / FILE


def ensure_folder(folder: Path, domain: str) -> Path:
    """A domain's folder, for its owner only: it says who is on which list."""
    path = folder / domain
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_publication(folder: Path, publication: Publication, key: Ed25519PrivateKey) -> Path:
    """Put a domain's file in place, signed."""
    path = ensure_folder(folder, publication.domain) / FILE
    signature = sign(key, _PURPOSE, _content(publication)).decode().strip()
    signed = _Signed(content=publication, signature=signature)
    replace_file(path, signed.model_dump_json(indent=2).encode() + b"\n")
    return path


def read_publication(folder: Path, domain: str, key: Ed25519PublicKey) -> Publication | None:
    """
    What is in force in a domain; None where nothing was ever published.

    Raises:
        SignatureError: The file was changed, is of another domain, or is none of this release.
    """
    path = publication_path(folder, domain)
    if not path.exists():
        return None
    try:
        signed = _Signed.model_validate(json.loads(read_plain(path.parent, path.name)))
    except (ValueError, ValidationError) as error:
        raise SignatureError(f"{path}: expected signed rules of this release, found something else") from error
    verify(key, _PURPOSE, _content(signed.content), signed.signature.encode(), file=str(path))
    if signed.content.domain != domain:
        raise SignatureError(f"{path}: expected the rules of {domain}, found those of {signed.content.domain}")
    return signed.content


def _content(publication: Publication) -> bytes:
    return canonical_json(publication.model_dump(mode="json"))
