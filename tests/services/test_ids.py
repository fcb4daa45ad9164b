"""Ids of decisions and requests."""

from __future__ import annotations

import uuid

from services.web.ids import new_ids


def test_ids_are_uuids_and_never_the_same() -> None:
    """As the standard has them, from each source others."""
    ids = [new_id() for new_id in (new_ids(), new_ids()) for _ in range(1_000)]
    assert len(set(ids)) == len(ids)
    for text in ids:
        found = uuid.UUID(text)
        assert (str(found), found.version, found.variant) == (text, 4, uuid.RFC_4122)
