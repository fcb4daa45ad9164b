"""BentoML's ``@api`` with Feast's SDK: ``bentoml serve benchmarks.serving.peers.bento_service:Peer``."""

from __future__ import annotations

from typing import Any

import bentoml

from benchmarks.serving.peers.feast_scorer import load_scorer


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Peer:
    """Score one event."""

    def __init__(self) -> None:
        self._scorer = load_scorer()

    @bentoml.api  # type: ignore[untyped-decorator]
    async def score(self, event: dict[str, Any]) -> dict[str, float]:
        """On the event loop, as with the other peers."""
        return {"score": self._scorer.score(event)}
