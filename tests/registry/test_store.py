"""Versions are plain numbers, keys are private, verdicts belong to one model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bentoml._internal.models import ModelStore as BentoModelStore

from riskloom.errors import ConfigError, RegistryError, SignatureError
from riskloom.registry import (
    ModelStore,
    ModelVersion,
    ensure_signing_key,
    load_model,
    read_verdict,
    save_model,
    write_verdict,
)
from riskloom.registry.signed import VERDICT, VERDICT_SIGNATURE, write_signed_verdict
from riskloom.registry.signing import PRIVATE_KEY, PUBLIC_KEY
from tests.registry.models import DOMAIN, PASSED, REFUSED, make_model


def test_the_same_model_again_is_the_same_version(store: ModelStore, saved: ModelVersion) -> None:
    """Saving what is there adds nothing; its verdict is the newest one."""
    manifest, payload = make_model()
    again = save_model(store, manifest, payload, REFUSED, documents={})
    assert (again.version, again.is_new) == (saved.version, False)
    assert store.versions(DOMAIN) == ("1",)
    assert read_verdict(store, DOMAIN, "1").reasons == REFUSED.reasons


def test_versions_count_up_as_numbers(store: ModelStore) -> None:
    """Ten follows nine, and the list is in the order of numbers."""
    for number in range(10):
        manifest, payload = make_model(threshold=(number + 1) / 20)
        save_model(store, manifest, payload, PASSED, documents={})
    assert store.versions(DOMAIN) == tuple(str(number) for number in range(1, 11))


def test_a_version_is_never_another_that_starts_alike(store: ModelStore, saved: ModelVersion) -> None:
    """Where version 1 is gone, 10 does not stand in for it, as BentoML's own look-up would have it."""
    shutil.move(saved.folder, saved.folder.with_name("10"))
    with pytest.raises(RegistryError, match=r"no version 1 .* known versions: 10"):
        load_model(store, DOMAIN, "1")
    manifest, payload = make_model(threshold=0.7)
    assert save_model(store, manifest, payload, PASSED, documents={}).version == "11"


def test_bentoml_sees_the_versions(store: ModelStore, saved: ModelVersion) -> None:
    """The store is BentoML's: its own listing shows the model."""
    assert saved.is_new
    assert [str(item.tag) for item in BentoModelStore(store.home / "models").list(DOMAIN)] == [f"{DOMAIN}:1"]


def test_payload_must_be_the_manifests(store: ModelStore) -> None:
    """A payload with other hashes than its manifest's is never saved."""
    manifest, payload = make_model()
    with pytest.raises(RegistryError, match="hashes"):
        save_model(store, manifest, {"model.txt": payload["model.txt"] + b"\n"}, PASSED, documents={})
    assert store.versions(DOMAIN) == ()


def test_verdict_cannot_be_rewritten(store: ModelStore, saved: ModelVersion) -> None:
    """A refusal cannot be turned into a pass by hand."""
    write_verdict(store, DOMAIN, "1", REFUSED)
    path = saved.folder / VERDICT
    path.write_bytes(path.read_bytes().replace(b'"passed":false', b'"passed":true'))
    with pytest.raises(SignatureError, match=r"verdict\.json"):
        read_verdict(store, DOMAIN, "1")


def test_verdict_cannot_be_moved_to_another_model(store: ModelStore, saved: ModelVersion) -> None:
    """The verdict of a good model is worth nothing beside another."""
    manifest, payload = make_model(threshold=0.9)
    other = save_model(store, manifest, payload, REFUSED, documents={})
    for name in (VERDICT, VERDICT_SIGNATURE):
        shutil.copy(saved.folder / name, other.folder / name)
    with pytest.raises(SignatureError, match="expected the verdict on this model"):
        read_verdict(store, DOMAIN, other.version)


def test_a_verdict_signed_for_another_kind_of_model_is_refused(store: ModelStore, saved: ModelVersion) -> None:
    """The same key, manifest and verdict are not enough: the signature says what it was made for."""
    key = ensure_signing_key(store.keys)
    write_signed_verdict(saved.folder, PASSED, key=key, purpose="verdict on something else")
    with pytest.raises(SignatureError, match=r"verdict\.json: its signature does not fit"):
        read_verdict(store, DOMAIN, "1")


def test_signing_key_is_private_and_stays(tmp_path: Path) -> None:
    """Only the owner can read the key, and the second use finds the first one's."""
    keys = tmp_path / "keys"
    first = ensure_signing_key(keys).private_bytes_raw()
    assert ensure_signing_key(keys).private_bytes_raw() == first
    assert (keys / PRIVATE_KEY).stat().st_mode & 0o777 == 0o600
    assert keys.stat().st_mode & 0o077 == 0
    assert b"PUBLIC KEY" in (keys / PUBLIC_KEY).read_bytes()


def test_signing_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key with loose permissions may have been copied, so it signs nothing."""
    ensure_signing_key(tmp_path)
    (tmp_path / PRIVATE_KEY).chmod(0o644)
    with pytest.raises(ConfigError, match="expected permissions 600, found 644"):
        ensure_signing_key(tmp_path)


def test_signing_key_that_is_none_is_refused(tmp_path: Path) -> None:
    """A file that holds something else is named, not overwritten."""
    (tmp_path / PRIVATE_KEY).touch(mode=0o600)
    with pytest.raises(ConfigError, match="expected a private key in PEM"):
        ensure_signing_key(tmp_path)
