"""What models in shadow said: it arrives once, and the ledger says how far they agree with what decided."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from riskloom.ledger import Outbox
from riskloom.ledger.database import reading
from riskloom.ledger.shadows import Agreement, OutcomePair, ShadowCargo, agreement
from riskloom.ledger.shipping import Shipper, Skipped
from tests.ledger.examples import DOMAIN, NOW, shadow_line


def append(folder: Path, *lines: dict[str, Any]) -> None:
    with Outbox(folder) as outbox:
        for line in lines:
            outbox.append(line)


def shipper(engine: Engine, folder: Path, skipped: list[Skipped] | None = None) -> Shipper:
    note = (lambda _: None) if skipped is None else skipped.append
    return Shipper(engine, folder, source="here", holder="me", clock=lambda: NOW, cargo=ShadowCargo(), on_skipped=note)


def agreed(engine: Engine, version: str = "2", **more: Any) -> Agreement:
    with reading(engine) as session:
        return agreement(session, DOMAIN, version, **more)


def test_agreement_is_counted(ledger: Engine, tmp_path: Path) -> None:
    """Outcomes that would differ, and how the scores do; of one version, from a time on."""
    append(
        tmp_path,
        shadow_line(0),
        shadow_line(1, shadow_score=0.5, would_be="review"),
        shadow_line(2, shadow_score=0.125, outcome="review"),
        shadow_line(3, shadow_score=0.75, would_be="review"),
        shadow_line(4, shadow_score=None, would_be="review"),
        shadow_line(5, version="3", shadow_score=1.0),
    )
    assert shipper(ledger, tmp_path).ship().decisions == 6
    found = agreed(ledger)
    assert (found.decisions, found.changed, found.unscored, found.share_changed) == (5, 4, 1, 0.8)
    assert (found.mean_difference, found.mean_distance, found.largest_distance) == (0.15625, 0.21875, 0.5)
    assert (found.first_at, found.last_at) == (NOW, NOW + timedelta(hours=4))
    assert found.pairs == (
        OutcomePair("approve", "review", 3),
        OutcomePair("approve", "approve", 1),
        OutcomePair("review", "approve", 1),
    )
    later = agreed(ledger, since=NOW + timedelta(hours=3))
    assert (later.decisions, later.changed, later.mean_difference) == (2, 2, 0.5)
    assert agreed(ledger, "3").decisions == 1


def test_before_anything_came_nothing_is_shadow_line(ledger: Engine) -> None:
    """Not that both agree."""
    found = agreed(ledger)
    assert (found.decisions, found.share_changed, found.mean_difference, found.pairs) == (0, None, None, ())


def test_nothing_comes_twice_and_no_line_stops_others(ledger: Engine, tmp_path: Path) -> None:
    """A file that is shipped again brings only what is new; a line that is no score is passed over and told."""
    append(tmp_path, shadow_line(0), shadow_line(1, score=None), shadow_line(2, would_be=""), shadow_line(3))
    skipped: list[Skipped] = []
    assert shipper(ledger, tmp_path, skipped).ship().decisions == 2
    assert [one.reason.partition(":")[0] for one in skipped] == ["score", "would_be"]
    (file,) = (tmp_path / DOMAIN).iterdir()
    append(tmp_path, shadow_line(4))
    file.with_name("2026-01-01-1.jsonl").write_bytes(file.read_bytes())
    assert shipper(ledger, tmp_path).ship().decisions == 1
    assert agreed(ledger).decisions == 3
