"""Whatever is not what was signed is refused before it is opened, and the message says which file."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.neighbors import KNeighborsClassifier

from riskloom.errors import RegistryError, SignatureError
from riskloom.registry import Kind, ModelStore, ModelVersion, ensure_signing_key, load_model, save_model
from riskloom.registry.manifest import canonical_json, digest
from riskloom.registry.signed import MANIFEST, MANIFEST_SIGNATURE
from riskloom.registry.signing import sign
from riskloom.registry.skops_format import load_estimator
from tests.registry.models import DOMAIN, KINDS, PASSED, make_fitted, make_matrix, make_model


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_scores_as_the_fitted_one(store: ModelStore, kind: Kind) -> None:
    """What is loaded gives the calibrated scores of what was fitted, for all rows and for each alone."""
    manifest, payload = make_model(kind)
    version = save_model(store, manifest, payload, PASSED, documents={})
    model = load_model(store, DOMAIN, version.version)
    matrix = make_matrix(rows=50, seed=9)
    expected = np.interp(make_fitted(kind).raw(matrix), manifest.calibration.raw, manifest.calibration.probability)
    np.testing.assert_allclose(model.predict(matrix), expected, rtol=1e-12)
    alone = np.concatenate([model.predict(row.reshape(1, -1)) for row in matrix])
    np.testing.assert_allclose(alone, expected, rtol=1e-12)


def test_changed_payload_is_refused(store: ModelStore, saved: ModelVersion) -> None:
    """One changed byte of the payload is enough."""
    path = saved.folder / "model.txt"
    path.write_bytes(path.read_bytes().replace(b"num_leaves", b"num_leaveS", 1))
    with pytest.raises(SignatureError, match=r"model\.txt.*signed"):
        load_model(store, DOMAIN, "1")


def test_changed_manifest_is_refused(store: ModelStore, saved: ModelVersion) -> None:
    """A threshold moved in the manifest is noticed."""
    path = saved.folder / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"threshold":0.5', b'"threshold":0.9'))
    with pytest.raises(SignatureError, match=r"manifest\.json.*signature does not fit"):
        load_model(store, DOMAIN, "1")


@pytest.mark.parametrize("name", [MANIFEST, MANIFEST_SIGNATURE, "model.txt"])
def test_missing_file_is_refused(store: ModelStore, saved: ModelVersion, name: str) -> None:
    """Neither manifest, signature nor payload may be missing."""
    (saved.folder / name).unlink()
    with pytest.raises(SignatureError, match=name.replace(".", r"\.")):
        load_model(store, DOMAIN, "1")


def test_signature_that_is_no_base64_is_refused(store: ModelStore, saved: ModelVersion) -> None:
    """Garbage in the signature's file is named as such."""
    (saved.folder / MANIFEST_SIGNATURE).write_bytes(b"\xff\xfe")
    with pytest.raises(SignatureError, match="not base64"):
        load_model(store, DOMAIN, "1")


def test_foreign_key_is_refused(store: ModelStore, saved: ModelVersion, tmp_path: Path) -> None:
    """A model signed by somebody else is not ours, however well it is signed."""
    foreign = ModelStore(home=tmp_path / "foreign", keys=tmp_path / "foreign-keys")
    manifest, payload = make_model(threshold=0.7)
    theirs = save_model(foreign, manifest, payload, PASSED, documents={})
    shutil.rmtree(saved.folder)
    shutil.copytree(theirs.folder, saved.folder)
    with pytest.raises(SignatureError, match="another key"):
        load_model(store, DOMAIN, "1")


def test_no_public_key_means_no_model(store: ModelStore, saved: ModelVersion) -> None:
    """Without the key nothing can be checked, so nothing is opened."""
    assert saved.version == "1"
    (store.keys / "model-signing.pub.pem").unlink()
    with pytest.raises(SignatureError, match="no public key"):
        load_model(store, DOMAIN, "1")


def test_link_is_refused(store: ModelStore, saved: ModelVersion, tmp_path: Path) -> None:
    """A payload that is a link is refused even if it leads to the very bytes that were signed."""
    path = saved.folder / "model.txt"
    elsewhere = tmp_path / "elsewhere.txt"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(SignatureError, match=r"model\.txt: expected a regular file"):
        load_model(store, DOMAIN, "1")


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "plots/x.png", ".hidden", "a" * 60])
def test_file_names_cannot_lead_elsewhere(store: ModelStore, saved: ModelVersion, name: str) -> None:
    """A manifest that names a file outside its folder is refused although it is signed."""
    document = json.loads((saved.folder / MANIFEST).read_bytes())
    document["files"] = {name: digest(b"")}
    _sign_again(store, saved.folder, document)
    with pytest.raises(SignatureError, match="not a manifest of this release"):
        load_model(store, DOMAIN, "1")


@pytest.mark.parametrize("version", ["../1", "0", "01", "latest", "1/../2", ""])
def test_version_names_cannot_lead_elsewhere(store: ModelStore, saved: ModelVersion, version: str) -> None:
    """Only plain numbers are versions."""
    assert saved.version == "1"
    with pytest.raises(RegistryError, match="expected a version"):
        load_model(store, DOMAIN, version)


class _Trap:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_pickle_is_refused_and_never_opened(store: ModelStore, saved: ModelVersion, tmp_path: Path) -> None:
    """A pickle beside the model makes the version suspect; what it would do does not happen."""
    sprung = tmp_path / "sprung"
    (saved.folder / "custom_objects.pkl").write_bytes(pickle.dumps(_Trap(sprung)))
    with pytest.raises(SignatureError, match=r"custom_objects\.pkl.*nobody signed"):
        load_model(store, DOMAIN, "1")
    assert not sprung.exists()


def test_signed_pickle_as_payload_is_refused(store: ModelStore, tmp_path: Path) -> None:
    """Not even the owner of the key can have a pickle opened."""
    sprung = tmp_path / "sprung"
    manifest, _ = make_model("logistic_regression")
    content = pickle.dumps(_Trap(sprung))
    manifest = manifest.model_copy(update={"files": {"model.skops": digest(content)}})
    save_model(store, manifest, {"model.skops": content}, PASSED, documents={})
    with pytest.raises(SignatureError, match="expected a skops file"):
        load_model(store, DOMAIN, "1")
    assert not sprung.exists()


def test_unknown_types_in_skops_are_refused() -> None:
    """A skops file with a type that is not listed is refused, though skops itself would trust it."""
    estimator = KNeighborsClassifier(1).fit([[0.0], [1.0]], [0, 1])
    content = skops.io.dumps(estimator)
    assert skops.io.get_untrusted_types(data=content) == []
    with pytest.raises(SignatureError, match="KNeighborsClassifier"):
        load_estimator(content, file="model.skops")


def test_truncated_text_model_is_refused(store: ModelStore) -> None:
    """LightGBM would read a cut model as a smaller one; we do not serve it even if it is signed."""
    manifest, payload = make_model()
    cut = payload["model.txt"][: len(payload["model.txt"]) // 2]
    manifest = manifest.model_copy(update={"files": {"model.txt": digest(cut)}})
    save_model(store, manifest, {"model.txt": cut}, PASSED, documents={})
    with pytest.raises(RegistryError, match="cut off"):
        load_model(store, DOMAIN, "1")


def test_payload_with_other_features_is_refused(store: ModelStore) -> None:
    """A payload that takes another number of columns than its manifest says is refused."""
    manifest, payload = make_model()
    manifest = manifest.model_copy(update={"features": manifest.features[:2]})
    save_model(store, manifest, payload, PASSED, documents={})
    with pytest.raises(RegistryError, match="expected 2 features, found 3"):
        load_model(store, DOMAIN, "1")


def test_matrix_with_other_columns_is_refused(store: ModelStore, saved: ModelVersion) -> None:
    """A matrix of the wrong width never reaches the model."""
    model = load_model(store, DOMAIN, saved.version)
    with pytest.raises(RegistryError, match="expected a matrix of 3 columns"):
        model.predict(np.zeros((1, 4)))


def _sign_again(store: ModelStore, folder: Path, document: dict[str, Any]) -> None:
    content = canonical_json(document)
    (folder / MANIFEST).write_bytes(content)
    (folder / MANIFEST_SIGNATURE).write_bytes(sign(ensure_signing_key(store.keys), "manifest", content))
