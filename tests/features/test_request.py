"""Request features: the domain's code, held to its declaration."""

from __future__ import annotations

import numpy as np
import pytest

from riskloom.catalog import Domain
from riskloom.errors import FeatureError
from riskloom.features import request_features
from tests.features.test_training_set import whole  # noqa: F401 - a fixture


class Anything(dict[str, np.ndarray]):
    """A column of one nought under every name."""

    def __missing__(self, name: str) -> np.ndarray:
        """The column."""
        return np.zeros(1, dtype=np.int64 if name.endswith("_at") else np.float64)


def test_a_column_that_is_not_there_is_named(domain: Domain) -> None:
    """The message says which column the domain's code asks for."""
    with pytest.raises(FeatureError, match="asks for a column that is not there"):
        request_features(domain, {"nothing": np.zeros(1)})


def test_code_and_declaration_agree(domain: Domain) -> None:
    """A feature that is declared and not computed is refused by name."""
    more = domain.model_copy(update={"request_features": {**domain.request_features, "more": "One that is not there."}})
    with pytest.raises(FeatureError, match=r"declared are .*more"):
        request_features(more, Anything(effective_at=np.zeros(1, dtype=np.int64)))


def test_code_that_is_not_there_is_named(domain: Domain) -> None:
    """A domain that declares request features without bringing their code is told which function is missing."""
    other = domain.model_copy(update={"name": "nowhere"})
    with pytest.raises(FeatureError, match=r"riskloom\.domains\.nowhere\.request_features\.compute is missing"):
        request_features(other, {})
