"""
BentoML's model store with plain version numbers, signed manifests and signed verdicts.

A version is a folder ``models/<domain>/<number>`` below BentoML's home:

    manifest.json, manifest.sig    what the model is, signed
    model.txt or model.skops       the payload; its hash stands in the manifest
    verdict.json, verdict.sig      what the gate decided, signed together with the manifest's hash
    card.md, plots                 for people
    model.yaml                     BentoML's own
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from riskloom.errors import RegistryError
from riskloom.registry.files import locked, replace_file
from riskloom.registry.manifest import ModelManifest, digest
from riskloom.registry.signed import (
    MANIFEST,
    MANIFEST_SIGNATURE,
    VERDICT,
    VERDICT_SIGNATURE,
    read_signed_verdict,
    write_signed_verdict,
)
from riskloom.registry.signing import ensure_signing_key, load_public_key, sign
from riskloom.registry.verdict import Verdict

CARD, PLOTS = "card.md", "plots"
BENTOML_FILE = "model.yaml"
#: What may lie beside the payload; the first four are checked by their signatures, the rest is never interpreted.
UNSIGNED = frozenset({MANIFEST, MANIFEST_SIGNATURE, VERDICT, VERDICT_SIGNATURE, CARD, PLOTS, BENTOML_FILE})
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_DOMAIN = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
#: What signatures of a domain's model are made for.
MANIFEST_PURPOSE, VERDICT_PURPOSE = "manifest", "verdict"


@dataclass(frozen=True)
class ModelVersion:
    """A saved model: which, where, and whether this call made it."""

    domain: str
    version: str
    folder: Path
    is_new: bool

    @property
    def feature_service(self) -> str:
        """The name of the feature service with the features this version reads."""
        return feature_service_name(self.domain, self.version)


def feature_service_name(domain_name: str, version: str) -> str:
    """A version's feature service in Feast; not in the manifest, which is signed before there is a version."""
    return f"{domain_name}__v{version}"


@dataclass(frozen=True)
class ModelStore:
    """Where models are: BentoML's home, and the folder with the keys that sign and check them."""

    home: Path
    keys: Path

    def folder(self, domain: str, version: str) -> Path:
        """
        The folder of one version, whether it is there or not.

        Raises:
            RegistryError: One of the names could lead somewhere else.
        """
        if not _DOMAIN.fullmatch(domain):
            raise RegistryError(f"expected the name of a domain, found {domain!r}")
        if not _VERSION.fullmatch(version):
            raise RegistryError(f"expected a version such as 7, found {version!r}")
        return self.home / "models" / domain / version

    def versions(self, domain: str) -> tuple[str, ...]:
        """All versions of a domain's model, oldest first."""
        parent = self.folder(domain, "1").parent
        names = [path.name for path in parent.iterdir()] if parent.is_dir() else []
        return tuple(sorted((name for name in names if _VERSION.fullmatch(name)), key=int))


def save_model(
    store: ModelStore,
    manifest: ModelManifest,
    payload: Mapping[str, bytes],
    verdict: Verdict,
    *,
    documents: Mapping[str, bytes],
) -> ModelVersion:
    """
    Sign and save a model as the domain's next version; the same manifest again is the version it already is.

    Args:
        store: Where to.
        manifest: What the model is; it holds the payload's hashes.
        payload: The files of the model by name.
        verdict: What the gate decided; replaces the verdict of a version that was there.
        documents: The model card and its plots, by path inside the version's folder.

    Raises:
        RegistryError: The payload is not what the manifest says.
    """
    if {name: digest(content) for name, content in payload.items()} != manifest.files:
        raise RegistryError(f"model of {manifest.domain}: the payload's hashes are not the ones in its manifest")
    key = ensure_signing_key(store.keys)
    content = manifest.to_bytes()
    with locked(store.home / "locks" / f"{manifest.domain}.lock"):
        existing = _find(store, manifest.domain, content)
        if existing is not None:
            version = ModelVersion(manifest.domain, existing, store.folder(manifest.domain, existing), is_new=False)
        else:
            signed = {MANIFEST: content, MANIFEST_SIGNATURE: sign(key, MANIFEST_PURPOSE, content)}
            version = _add(store, manifest.domain, {**payload, **signed})
        for name, document in documents.items():
            replace_file(version.folder / name, document)
        write_verdict(store, version.domain, version.version, verdict)
    return version


def write_verdict(store: ModelStore, domain: str, version: str, verdict: Verdict) -> None:
    """Put a signed verdict beside a version; it names the manifest, so it is worth nothing beside another model."""
    key = ensure_signing_key(store.keys)
    write_signed_verdict(store.folder(domain, version), verdict, key=key, purpose=VERDICT_PURPOSE)


def read_verdict(store: ModelStore, domain: str, version: str) -> Verdict:
    """
    The gate's verdict on a version.

    Raises:
        SignatureError: It is missing, was changed, or belongs to another model.
    """
    key = load_public_key(store.keys)
    return read_signed_verdict(store.folder(domain, version), key=key, purpose=VERDICT_PURPOSE)


def _find(store: ModelStore, domain: str, manifest: bytes) -> str | None:
    for version in reversed(store.versions(domain)):
        path = store.folder(domain, version) / MANIFEST
        if path.is_file() and path.read_bytes() == manifest:
            return version
    return None


def _add(store: ModelStore, domain: str, files: Mapping[str, bytes]) -> ModelVersion:
    number = str(max(map(int, store.versions(domain)), default=0) + 1)
    # BentoML reports each saved model to its makers unless this is set before it looks
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    import bentoml  # noqa: PLC0415
    from bentoml._internal.models import ModelStore as BentoModelStore  # noqa: PLC0415

    # handed over, not configured: BentoML's own setting is one for the whole process
    models = store.home / "models"
    models.mkdir(parents=True, exist_ok=True)
    with bentoml.models.create(f"{domain}:{number}", _model_store=BentoModelStore(models)) as model:
        for name, content in files.items():
            Path(model.path_of(name)).write_bytes(content)
    return ModelVersion(domain, number, store.folder(domain, number), is_new=True)
