"""Every test here runs once for each declared domain."""

from __future__ import annotations

import pytest

from riskloom.catalog import Domain, load_catalog

CATALOG = load_catalog()


@pytest.fixture(scope="session", params=sorted(CATALOG))
def domain(request: pytest.FixtureRequest) -> Domain:
    """A declared domain."""
    return CATALOG[request.param]
