"""Let the rules of a domain look on, as a team does with new ones: decisions then show what they would have done."""

from __future__ import annotations

from riskloom.catalog import Domain
from riskloom.settings import Settings
from riskloom.wiring import rule_controls, rule_schema

_REASON = "to see whom it hits"


def put_in_shadow(settings: Settings, domain: Domain, *, by: str) -> int:
    """
    Take the rules and scenarios in a domain's files from drafts to shadow; how many.

    Args:
        settings: Say where the ledger is and where rules are published.
        domain: Whose.
        by: Who does it.

    Raises:
        CatalogError: A file is wrong.
    """
    from riskloom.lifecycle.stages import move  # noqa: PLC0415
    from riskloom.lifecycle.transitions import Placement  # noqa: PLC0415
    from riskloom.lifecycle.versions import sync_versions  # noqa: PLC0415
    from riskloom.rules.book import rule_files  # noqa: PLC0415

    schema, sources = rule_schema(settings, domain), rule_files(domain.folder)
    with rule_controls(settings).commanding(domain.name, by) as desk:
        written = sync_versions(desk, domain.name, sources, schema=schema)
        for version in written:
            move(desk, domain.name, version.rule_id, version.version, Placement("shadow"), reason=_REASON)
    return len(written)
