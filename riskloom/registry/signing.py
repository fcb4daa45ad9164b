"""
Ed25519 signatures over what is saved, and the key pair for them.

Training holds the private key; who only serves needs the public one. What is signed starts with its purpose, so that
a signature made for one kind of document is worth nothing on another.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING

from riskloom.errors import ConfigError, SignatureError
from riskloom.keyfile import write_once

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PRIVATE_KEY = "model-signing.pem"
PUBLIC_KEY = "model-signing.pub.pem"
_OTHERS = 0o077  # the permission bits of everybody but the owner


def ensure_signing_key(keys: Path) -> Ed25519PrivateKey:
    """
    Read the signing key, or make the pair on first use; the private one is readable by its owner only.

    Raises:
        ConfigError: The key is no Ed25519 key, or others may read it.
    """
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    path = keys / PRIVATE_KEY
    if not path.exists():
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
        )
        write_once(path, pem, mode=0o600)
    key = _read_private(path)
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    if not (keys / PUBLIC_KEY).exists():
        write_once(keys / PUBLIC_KEY, public, mode=0o644)
    return key


def load_public_key(keys: Path) -> Ed25519PublicKey:
    """
    Read the key that signatures are checked with.

    Raises:
        SignatureError: There is none, or it is no Ed25519 key: no model can be trusted.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    path = keys / PUBLIC_KEY
    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError as error:
        raise SignatureError(f"{path}: no public key, so no model can be checked; train one first") from error
    except ValueError as error:
        raise SignatureError(f"{path}: expected a public key in PEM, found {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureError(f"{path}: expected an Ed25519 key, found {type(key).__name__}")
    return key


def sign(key: Ed25519PrivateKey, purpose: str, content: bytes) -> bytes:
    """The signature of ``content`` for ``purpose``: one line of base64."""
    return base64.b64encode(key.sign(_signed(purpose, content))) + b"\n"


def verify(key: Ed25519PublicKey, purpose: str, content: bytes, signature: bytes, *, file: str) -> None:
    """
    Check a signature made by :func:`sign`.

    Raises:
        SignatureError: It is no signature, or not of these bytes by this key; names ``file``.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    try:
        key.verify(base64.b64decode(signature.strip(), validate=True), _signed(purpose, content))
    except (binascii.Error, ValueError) as error:
        raise SignatureError(f"{file}: its signature is not base64") from error
    except InvalidSignature as error:
        raise SignatureError(f"{file}: its signature does not fit its bytes or was made with another key") from error


def _signed(purpose: str, content: bytes) -> bytes:
    return f"riskloom {purpose} v1\n".encode() + content


def _read_private(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    mode = path.stat().st_mode & 0o777
    if mode & _OTHERS:
        raise ConfigError(f"{path}: expected permissions 600, found {mode:o}: others may read the signing key")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: expected a private key in PEM, found {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: expected an Ed25519 key, found {type(key).__name__}")
    return key
