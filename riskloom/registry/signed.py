"""The signed documents of a saved model: its manifest, and the gate's verdict on exactly this model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from riskloom.errors import SignatureError
from riskloom.registry.files import read_plain, replace_file
from riskloom.registry.manifest import Digest, canonical_json, digest
from riskloom.registry.signing import sign, verify
from riskloom.registry.verdict import Verdict

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MANIFEST, MANIFEST_SIGNATURE = "manifest.json", "manifest.sig"
VERDICT, VERDICT_SIGNATURE = "verdict.json", "verdict.sig"

_Document = TypeVar("_Document", bound=BaseModel)


class _SignedVerdict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    manifest: Digest
    verdict: Verdict


def read_signed_manifest(folder: Path, kind: type[_Document], *, key: Ed25519PublicKey, purpose: str) -> _Document:
    """
    Check the signature of a version's manifest, then read it.

    Args:
        folder: The version's.
        kind: What the manifest is read as.
        key: The public key that signatures are checked with.
        purpose: What the signature was made for; one made for another kind of model is worth nothing.

    Raises:
        SignatureError: A file is missing, was changed, or is signed and yet no such manifest.
    """
    return _read(folder, MANIFEST, MANIFEST_SIGNATURE, kind, key=key, purpose=purpose)


def write_signed_verdict(folder: Path, verdict: Verdict, *, key: Ed25519PrivateKey, purpose: str) -> None:
    """Put a signed verdict beside a manifest; it names the manifest, so it is worth nothing beside another model."""
    signed = _SignedVerdict(manifest=digest(read_plain(folder, MANIFEST)), verdict=verdict)
    content = canonical_json(signed.model_dump(mode="json"))
    replace_file(folder / VERDICT, content)
    replace_file(folder / VERDICT_SIGNATURE, sign(key, purpose, content))


def read_signed_verdict(folder: Path, *, key: Ed25519PublicKey, purpose: str) -> Verdict:
    """
    The gate's verdict on the model of a version's folder.

    Raises:
        SignatureError: It is missing, was changed, or belongs to another model.
    """
    signed = _read(folder, VERDICT, VERDICT_SIGNATURE, _SignedVerdict, key=key, purpose=purpose)
    if signed.manifest != digest(read_plain(folder, MANIFEST)):
        raise SignatureError(f"{folder / VERDICT}: expected the verdict on this model, found that on another")
    return signed.verdict


def _read(
    folder: Path, name: str, signature: str, kind: type[_Document], *, key: Ed25519PublicKey, purpose: str
) -> _Document:
    path, content = folder / name, read_plain(folder, name)
    verify(key, purpose, content, read_plain(folder, signature), file=str(path))
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise SignatureError(f"{path}: signed, but not a {path.stem} of this release: {error}") from error
