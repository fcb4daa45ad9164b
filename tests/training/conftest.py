"""A declared domain with a small budget, and a training set for it."""

from __future__ import annotations

import pandas as pd
import pytest

from riskloom.catalog import Domain, load_catalog
from tests.training.synthetic import make_frame, small


@pytest.fixture(scope="session")
def domain() -> Domain:
    """The first declared domain, with a budget for tests."""
    catalog = load_catalog()
    return small(catalog[sorted(catalog)[0]])


@pytest.fixture
def frame(domain: Domain) -> pd.DataFrame:
    """A training set of this domain."""
    return make_frame(domain)
