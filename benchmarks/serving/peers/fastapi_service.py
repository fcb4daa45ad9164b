"""FastAPI with Feast's SDK: ``uvicorn --factory benchmarks.serving.peers.fastapi_service:build``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from benchmarks.serving.peers.feast_scorer import load_scorer


def build() -> FastAPI:
    """The application; everything is loaded before it listens."""
    scorer, app = load_scorer(), FastAPI()

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"state": "ready"}

    @app.post("/score")
    async def score(event: dict[str, Any]) -> dict[str, float]:
        # On the event loop: one worker gains nothing from a thread a request, and loses what handing over takes.
        return {"score": scorer.score(event)}

    return app
