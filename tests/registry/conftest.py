"""A model store of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskloom.registry import ModelStore, ModelVersion, save_model
from tests.registry.models import PASSED, make_model


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """An empty model store."""
    return ModelStore(home=tmp_path / "bentoml", keys=tmp_path / "keys")


@pytest.fixture
def saved(store: ModelStore) -> ModelVersion:
    """A LightGBM model that the gate passed, as version 1."""
    manifest, payload = make_model()
    return save_model(store, manifest, payload, PASSED, documents={"card.md": b"# card\n"})
