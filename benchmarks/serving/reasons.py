"""What flagged decisions, whose reasons are computed, cost those that need none: the same service with and without."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from starlette.types import ASGIApp, Message

from benchmarks.rows import Row
from benchmarks.rules.backend import MemoryBackend
from benchmarks.workbench import Workbench
from riskloom.access import create_key, score_scope
from riskloom.catalog import Domain
from riskloom.errors import ServiceError
from riskloom.pseudonyms import Pseudonyms
from riskloom.registry import Calibration, FeatureSpec, LoadedModel, ModelManifest, Windows
from riskloom.registry.manifest import digest
from riskloom.registry.scorers import BoostedTrees
from services.memory import settle_memory
from services.scoring.app import create_app
from services.scoring.runtime import Runtime
from services.scoring.schema import example
from services.web.logs import configure_logs

_FEATURES = tuple(f"feature_{place}" for place in range(60))
_TREES, _LEAVES, _ROWS = 300, 31, 20_000
_AT_ONCE = 8
_ROUNDS = 50
#: One event in so many is flagged, in the lane that has flagged ones.
_FLAGGED_OF = 20
_HIGH, _LOW = 1.0, 0.0
_LARGE = "900.00"
_SEED = 7
_KEY = b"benchmark".ljust(32, b".")
_OK = 200


@dataclass(slots=True)
class _Lane:
    """Milliseconds from sending to having the answer, of events that need no reasons and of events that do."""

    calm: list[float] = field(default_factory=list)
    flagged: list[float] = field(default_factory=list)
    left_out: int = 0

    def p99(self) -> float:
        """Of the events that need no reasons."""
        return float(np.percentile(self.calm, 99))


@dataclass(frozen=True)
class _Backend(MemoryBackend):
    """The model is a real one; an event is flagged by the entity that it names."""

    model: LoadedModel | None = None

    def load(self, domain: str, version: str) -> Any:
        """The one model."""
        del domain, version
        return self.model


def measure(bench: Workbench) -> Iterator[Row]:
    """Eight requests in process at any time, in turns without and with one in twenty flagged."""
    events = bench.size(20_000, 2_000)
    without, with_flagged = asyncio.run(_measured(bench, events))
    calm, flagged = without.p99(), with_flagged.p99()
    what = f"{len(_FEATURES)} features, {_TREES} trees, {_AT_ONCE} at once"
    yield Row(f"reasons: p50 of approvals, none flagged, {what}", float(np.median(without.calm)), "ms", "lower")
    yield Row(f"reasons: p50 of approvals, 5 % flagged, {what}", float(np.median(with_flagged.calm)), "ms", "lower")
    yield Row(
        name=f"reasons: p99 of approvals, 5 % flagged, {what}",
        value=flagged,
        unit="ms",
        better="lower",
        peer="none flagged, same service in the same run",
        peer_value=calm,
        target=1.1 * calm,
    )
    slowest = float(np.percentile(with_flagged.flagged, 99))
    yield Row(f"reasons: p99 of flagged decisions, {what}", slowest, "ms", "lower")
    share = 100 * with_flagged.left_out / len(with_flagged.flagged)
    yield Row("reasons: flagged decisions answered without them", share, "%", "lower", target=0.0)


async def _measured(bench: Workbench, events: int) -> tuple[_Lane, _Lane]:
    domain = _domain(bench.domain)
    home = bench.work_in("reasons")
    key = create_key(
        home / "keys.json", "benchmarks", [score_scope(domain.name)], created_at=bench.start,
        secret=secrets.token_bytes(32),
    )  # fmt: skip
    runtime = _runtime(domain, home)
    app = create_app(runtime, new_request_id=lambda: uuid.uuid4().hex)
    without, with_flagged, numbers = _Lane(), _Lane(), itertools.count()
    configure_logs()
    async with runtime.running():
        while runtime.readiness().state != "ready":  # noqa: ASYNC110 - it is asked once, before anything is measured
            await asyncio.sleep(0.1)
        sender = _Sender(app, domain, key, numbers)
        await sender.send(_Lane(), events // 4, flagged_of=_FLAGGED_OF)
        settle_memory()
        for _ in range(_ROUNDS):
            await sender.send(without, events // _ROUNDS, flagged_of=0)
            await sender.send(with_flagged, events // _ROUNDS, flagged_of=_FLAGGED_OF)
    return without, with_flagged


class _Sender:
    """Sends events to the application, a number of them at once."""

    def __init__(self, app: ASGIApp, domain: Domain, key: str, numbers: Iterator[int]) -> None:
        self._app, self._domain, self._numbers = app, domain, numbers
        path = f"/v1/domains/{domain.name}/score"
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip

    async def send(self, lane: _Lane, events: int, *, flagged_of: int) -> None:
        """Send so many, and note into a lane what they took; of ``flagged_of`` one is flagged, none where it is 0."""
        places = iter(range(events))

        async def send_each() -> None:
            for place in places:
                is_flagged = flagged_of > 0 and place % flagged_of == 0
                took, decision = await self._ask(is_flagged=is_flagged)
                lane.left_out += decision["reasons_left_out"]
                if is_flagged != bool(decision["reasons"] or decision["reasons_left_out"]):
                    raise ServiceError(f"reasons: expected them where an event is flagged, found {decision['outcome']}")
                (lane.flagged if is_flagged else lane.calm).append(took)

        await asyncio.gather(*(send_each() for _ in range(_AT_ONCE)))

    async def _ask(self, *, is_flagged: bool) -> tuple[float, Mapping[str, Any]]:
        subject, now = self._domain.subject, datetime.now(UTC).isoformat()
        named = {subject.group: "flagged" if is_flagged else "calm", subject.key: f"event-{next(self._numbers)}"}
        body = json.dumps({**example(self._domain), subject.amount: _LARGE, **named, "effective_at": now}).encode()
        sent: list[Message] = []

        async def receive() -> Message:
            await asyncio.sleep(0)  # as from a network: the others' turn comes in between
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        begun = time.perf_counter()
        await self._app(dict(self._scope), receive, send)
        took = 1000 * (time.perf_counter() - begun)
        answer = b"".join(message.get("body", b"") for message in sent)
        if sent[0]["status"] != _OK:
            raise ServiceError(f"reasons: expected status {_OK}, found {sent[0]['status']}: {answer[:300]!r}")
        decision: dict[str, Any] = json.loads(answer)
        return took, decision


def _domain(declared: Domain) -> Domain:
    """The declared domain with nothing computed from the request, and nobody released at random."""
    policy = declared.policy.model_copy(update={"release_share": 0.0})
    return declared.model_copy(update={"request_features": {}, "policy": policy})


def _runtime(domain: Domain, home: Path) -> Runtime:
    return Runtime(
        {domain.name: domain},
        _Backend(_values(domain), None, entity=domain.subject.group, model=_model(domain)),
        decisions=home / "decisions",
        keys=home / "keys.json",
        release_secret=lambda: _KEY,
        pseudonym_key=lambda: _KEY,
        clock=lambda: datetime.now(UTC),
        ticks=time.perf_counter,
        new_id=lambda: str(uuid.uuid4()),
    )


def _values(domain: Domain) -> dict[str, dict[str, float]]:
    """The features of the two entities, by what is kept of their names."""
    named = Pseudonyms(domain.event_table, _KEY)
    both = (("flagged", _HIGH), ("calm", _LOW))
    return {named.of(domain.subject.group, name): dict.fromkeys(_FEATURES, value) for name, value in both}


def _model(domain: Domain) -> LoadedModel:
    """Trees of a usual size, for which high features mean a bad event."""
    import lightgbm  # noqa: PLC0415

    random = np.random.default_rng(_SEED)
    matrix = random.random((_ROWS, len(_FEATURES)))
    average = matrix.mean(axis=1) + random.normal(0, 0.01, _ROWS)
    bad = average > np.median(average)
    parameters = {"objective": "binary", "verbosity": -1, "num_leaves": _LEAVES, "num_threads": 1, "seed": _SEED}
    booster = lightgbm.train(parameters, lightgbm.Dataset(matrix, label=bad), num_boost_round=_TREES)
    payload = booster.model_to_string().encode("ascii")
    day = "2026-01-01T00:00:00Z"
    manifest = ModelManifest(
        domain=domain.name,
        kind="lightgbm",
        params={},
        features=tuple(FeatureSpec(name=name, reference=0.5, missing=0.0, importance=0.0) for name in _FEATURES),
        request_features=(),
        calibration=Calibration(method="none", raw=(0.0, 1.0), probability=(0.0, 1.0)),
        windows=Windows(fit_start=day, fit_end=day, holdout_start=day, holdout_end=day),
        as_of=day,
        seed=_SEED,
        rows=_ROWS,
        positives=int(bad.sum()),
        metrics={},
        data_fingerprint=digest(b"benchmark"),
        commit="benchmark",
        libraries={},
        files={"model.txt": digest(payload)},
    )
    return LoadedModel(manifest, BoostedTrees(payload, len(_FEATURES), file="model.txt"), "1")
