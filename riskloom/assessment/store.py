"""
Saved models of assessments: numbered, signed, opened only after a check. Ed25519 as for the domains' models.

A version is a folder ``assessments/<domain>/<entity>/<number>`` below the model store's home:

    manifest.json, manifest.sig    what the model is, signed
    valid.txt, low.txt, …          LightGBM's text; their hashes stand in the manifest
    verdict.json, verdict.sig      what the gate decided, signed together with the manifest's hash
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from riskloom.assessment.manifest import AssessmentManifest
from riskloom.assessment.model import AssessmentModel
from riskloom.errors import RegistryError, SignatureError
from riskloom.registry import ModelStore, Verdict, ensure_signing_key, load_public_key
from riskloom.registry.files import locked, replace_file
from riskloom.registry.manifest import digest
from riskloom.registry.model import read_payload
from riskloom.registry.signed import (
    MANIFEST,
    MANIFEST_SIGNATURE,
    read_signed_manifest,
    read_signed_verdict,
    write_signed_verdict,
)
from riskloom.registry.signing import sign

_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_PURPOSE, _VERDICT_PURPOSE = "assessment manifest", "assessment verdict"


@dataclass(frozen=True)
class AssessmentStore:
    """The versions of one assessment in a model store."""

    models: ModelStore
    domain: str
    entity: str

    @property
    def parent(self) -> Path:
        """The folder of all versions."""
        return self.models.home / "assessments" / self.domain / self.entity

    def folder(self, version: str) -> Path:
        """
        The folder of one version, whether it is there or not.

        Raises:
            RegistryError: The name could lead somewhere else.
        """
        if not _VERSION.fullmatch(version):
            raise RegistryError(f"expected a version such as 7, found {version!r}")
        return self.parent / version

    def versions(self) -> tuple[str, ...]:
        """All versions, oldest first."""
        names = [path.name for path in self.parent.iterdir()] if self.parent.is_dir() else []
        return tuple(sorted((name for name in names if _VERSION.fullmatch(name)), key=int))

    def save(self, manifest: AssessmentManifest, payload: Mapping[str, bytes], verdict: Verdict) -> tuple[str, bool]:
        """
        Sign and save a model as the next version; the same manifest again is the version it already is.

        Returns:
            The version, and whether this call made it.

        Raises:
            RegistryError: The payload is not what the manifest says.
        """
        if {name: digest(content) for name, content in payload.items()} != manifest.files:
            raise RegistryError(f"assessment {self.entity}: the payload's hashes are not the ones in its manifest")
        key, content = ensure_signing_key(self.models.keys), manifest.to_bytes()
        with locked(self.models.home / "locks" / f"{self.domain}.{self.entity}.lock"):
            found = [number for number in self.versions() if (self.folder(number) / MANIFEST).read_bytes() == content]
            if found:
                write_signed_verdict(self.folder(found[-1]), verdict, key=key, purpose=_VERDICT_PURPOSE)
                return found[-1], False
            number = str(max(map(int, self.versions()), default=0) + 1)
            draft = self.parent / f".{number}"
            shutil.rmtree(draft, ignore_errors=True)
            signed = {MANIFEST: content, MANIFEST_SIGNATURE: sign(key, _PURPOSE, content)}
            for name, data in {**payload, **signed}.items():
                replace_file(draft / name, data)
            write_signed_verdict(draft, verdict, key=key, purpose=_VERDICT_PURPOSE)
            draft.rename(self.folder(number))
        return number, True

    def load(self, version: str) -> AssessmentModel:
        """
        Open one version.

        Raises:
            RegistryError: There is no such version, or its bytes are signed but no whole model.
            SignatureError: A file is missing, a link, unknown, or not what was signed; the message names it.
        """
        folder = self.folder(version)
        if not folder.is_dir():
            known = ", ".join(self.versions()) or "none"
            raise RegistryError(
                f"no version {version} of {self.domain}'s assessment {self.entity}; known versions: {known}"
            )
        key = load_public_key(self.models.keys)
        manifest = read_signed_manifest(folder, AssessmentManifest, key=key, purpose=_PURPOSE)
        if (manifest.domain, manifest.entity) != (self.domain, self.entity):
            raise SignatureError(
                f"{folder / MANIFEST}: expected the assessment {self.entity} of {self.domain}, "
                f"found {manifest.entity} of {manifest.domain}"
            )
        return AssessmentModel(manifest, read_payload(folder, manifest.files), version, where=str(folder))

    def verdict(self, version: str) -> Verdict:
        """
        The gate's verdict on a version.

        Raises:
            SignatureError: It is missing, was changed, or belongs to another model.
        """
        key = load_public_key(self.models.keys)
        return read_signed_verdict(self.folder(version), key=key, purpose=_VERDICT_PURPOSE)

    def newest_passed(self) -> str | None:
        """The newest version that the gate let pass, which is the one that answers; none where there is none."""
        return next((number for number in reversed(self.versions()) if self.verdict(number).passed), None)
