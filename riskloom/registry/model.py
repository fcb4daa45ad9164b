"""A model version as it is used: opened only after its signature and the hash of every file were checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from riskloom.errors import RegistryError, SignatureError
from riskloom.registry.files import read_plain
from riskloom.registry.manifest import ModelManifest, digest
from riskloom.registry.scorers import FloatArray, Scorer, open_scorer, payload_file
from riskloom.registry.signed import MANIFEST, read_signed_manifest
from riskloom.registry.signing import load_public_key
from riskloom.registry.store import MANIFEST_PURPOSE, UNSIGNED, ModelStore

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class LoadedModel:
    """A verified model: calibrated probabilities and, for a flagged row, what drove them."""

    def __init__(self, manifest: ModelManifest, scorer: Scorer, version: str) -> None:
        self.manifest = manifest
        self.version = version
        self._scorer = scorer
        self._shape = (len(manifest.features),)
        self._raw = np.array(manifest.calibration.raw, dtype=np.float64)
        self._probability = np.array(manifest.calibration.probability, dtype=np.float64)

    def predict(self, matrix: FloatArray) -> FloatArray:
        """
        Score rows.

        Args:
            matrix: Shape (rows, features) in the manifest's order; NaN where a value is missing.

        Returns:
            Calibrated probabilities, shape (rows,).

        Raises:
            RegistryError: The matrix has another number of columns.
        """
        self._check(matrix)
        return np.interp(self._scorer.raw(matrix), self._raw, self._probability)

    def predict_one(self, row: FloatArray) -> float:
        """
        Score one row, shape (features,); the probability that ``predict`` gives it, in a fraction of the time.

        For one thread at a time.

        Raises:
            RegistryError: The row has another length.
        """
        if row.shape != self._shape:
            raise RegistryError(
                f"model {self.manifest.domain}:{self.version}: expected a row of {self._shape[0]} features, "
                f"found shape {row.shape}"
            )
        return float(np.interp(self._scorer.raw_one(row), self._raw, self._probability))

    def predict_each(self, matrix: FloatArray) -> FloatArray:
        """
        Score many rows, each to the last bit as ``predict_one`` scores it; for any thread.

        Args:
            matrix: As of ``predict``.

        Raises:
            RegistryError: The matrix has another number of columns.
        """
        self._check(matrix)
        return np.interp(self._scorer.raw_each(matrix), self._raw, self._probability)

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """How far each feature moved each score, in log-odds before calibration, shape (rows, features)."""
        self._check(matrix)
        return self._scorer.contributions(matrix)

    def top_features(self, row: FloatArray, count: int) -> list[tuple[str, float]]:
        """The features that raised one row's score most: name and contribution, largest first; at most ``count``."""
        values = self.contributions(row.reshape(1, -1))[0]
        order = np.argsort(-values, kind="stable")[:count]
        names = self.manifest.feature_names
        return [(names[index], float(values[index])) for index in order if values[index] > 0]

    def _check(self, matrix: FloatArray) -> None:
        expected = len(self.manifest.features)
        if matrix.ndim != 2 or matrix.shape[1] != expected:  # noqa: PLR2004
            raise RegistryError(
                f"model {self.manifest.domain}:{self.version}: expected a matrix of {expected} columns, "
                f"found shape {matrix.shape}"
            )


def load_model(store: ModelStore, domain: str, version: str) -> LoadedModel:
    """
    Open one version of a domain's model.

    Raises:
        RegistryError: There is no such version, or its bytes are signed but no whole model.
        SignatureError: A file is missing, a link, unknown, or not what was signed; the message names it.
    """
    folder = store.folder(domain, version)
    if not folder.is_dir():
        known = ", ".join(store.versions(domain)) or "none"
        raise RegistryError(f"no version {version} of model {domain}; known versions: {known}")
    model = load_folder(folder, load_public_key(store.keys), version=version)
    if model.manifest.domain != domain:
        raise SignatureError(f"{folder / MANIFEST}: expected a model of {domain}, found one of {model.manifest.domain}")
    return model


def load_folder(folder: Path, key: Ed25519PublicKey, *, version: str) -> LoadedModel:
    """Open a model from any folder that holds one, a Bento's copy for instance; raises as :func:`load_model` does."""
    manifest = read_manifest(folder, key)
    payload = read_payload(folder, manifest.files)
    name = payload_file(manifest.kind)
    if set(payload) != {name}:
        raise RegistryError(f"{folder / MANIFEST}: expected the file {name}, found {', '.join(sorted(payload))}")
    return LoadedModel(
        manifest, open_scorer(manifest.kind, payload[name], manifest.reference, file=str(folder / name)), version
    )


def read_manifest(folder: Path, key: Ed25519PublicKey) -> ModelManifest:
    """Check a manifest's signature, then read it; raises SignatureError where either fails."""
    return read_signed_manifest(folder, ModelManifest, key=key, purpose=MANIFEST_PURPOSE)


def read_payload(folder: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """
    Read the files that a verified manifest names, name to SHA-256.

    Raises:
        SignatureError: One is missing, a link, or not what was signed, or there is one that nobody signed.
    """
    _refuse_strangers(folder, files)
    return {name: _read_signed(folder, name, expected) for name, expected in files.items()}


def _read_signed(folder: Path, name: str, expected: str) -> bytes:
    content = read_plain(folder, name)
    if (found := digest(content)) != expected:
        raise SignatureError(
            f"{folder / name}: expected the bytes that were signed ({expected[:12]}…), found {found[:12]}…"
        )
    return content


def _refuse_strangers(folder: Path, files: Mapping[str, str]) -> None:
    """A file that nobody put there on purpose, a pickle for instance, makes the whole version suspect."""
    for path in sorted(folder.iterdir()):
        if path.name not in UNSIGNED and path.name not in files:
            raise SignatureError(f"{path}: expected only files of the model, found one that nobody signed")
