"""A domain that is slow is refused more work, and the others go on."""

from __future__ import annotations

import pytest

from services.scoring.bulkhead import Bulkhead
from services.web.problems import RefusalError


def test_places_come_free_again() -> None:
    """As many as there are places go on at once; whoever comes then is told when to come back."""
    bulkhead = Bulkhead(most=2)
    with bulkhead.place():
        with bulkhead.place(), pytest.raises(RefusalError) as refused, bulkhead.place():
            pass
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        with bulkhead.place():
            assert bulkhead.under_way == 2
    assert bulkhead.under_way == 0


def test_a_mistake_gives_its_place_back() -> None:
    """Whatever a decision raises, its place is free."""
    bulkhead = Bulkhead(most=1)
    with pytest.raises(ValueError, match="broken"), bulkhead.place():
        raise ValueError("broken")
    assert bulkhead.under_way == 0
