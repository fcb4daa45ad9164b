"""Load from wrk: so many connections, each with one request after the other, every one an event of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from riskloom.errors import ServiceError

#: In a body, where wrk's script puts an id that no other request has, and the present time; in this order.
ID, AT = "@ID@", "@AT@"

_SCRIPT = Path(__file__).with_name("load.lua")
_PATIENCE = 30.0  # seconds more than a run lasts, for a connection that hangs


@dataclass(frozen=True, slots=True)
class Target:
    """
    What is asked.

    Attributes:
        url: The whole address.
        bodies: A file with a JSON body a line; see ``write_bodies``.
        headers: Of every request, besides its content type.
    """

    url: str
    bodies: Path
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answers:
    """
    What came back.

    Attributes:
        count: Answers of any status.
        seconds: How long requests were sent.
        p50_ms: Median of the milliseconds from a request to its whole answer.
        p99_ms: Their 99th percentile; as wrk computes it, a stall counts for the requests that it held back as well.
        refused: Answers with a status of 400 or more.
        broken: Connections that failed, and requests without an answer.
    """

    count: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds


def write_bodies(path: Path, bodies: Iterable[Mapping[str, Any]]) -> Path:
    """Write the bodies of requests, a line each; wrk begins again where there are no more."""
    path.write_text("".join(f"{json.dumps(body)}\n" for body in bodies), encoding="utf-8")
    return path


def drive(target: Target, *, connections: int, seconds: float, folder: Path) -> Answers:
    """
    Ask for so many seconds, with answers of any kind.

    Args:
        target: Whom.
        connections: How many are open at once.
        seconds: How long; wrk takes whole ones.
        folder: Where the result is passed on.

    Raises:
        ServiceError: There is no wrk, or it failed.
    """
    result = folder / "wrk.json"
    headers = [part for name, value in target.headers.items() for part in ("--header", f"{name}: {value}")]
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s"]
    command += ["--timeout", "10s", *headers, "--script", str(_SCRIPT), target.url]
    told = {
        "LOAD_BODIES": str(target.bodies),
        "LOAD_RUN": f"{secrets.token_hex(4)}-",
        "LOAD_OFFSET": str(time.time_ns() // 1_000_000 % 1_000_000),  # so that a round begins with other entities
        "LOAD_RESULT": str(result),
    }
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            timeout=seconds + _PATIENCE,
            check=False,
        )
    except FileNotFoundError as error:
        raise ServiceError("wrk: expected on PATH, found no such program; Debian's package wrk has it") from error
    if done.returncode != 0:
        raise ServiceError(f"wrk: expected exit code 0, found {done.returncode}: {done.stderr or done.stdout}")
    found = json.loads(result.read_text(encoding="utf-8"))
    result.unlink()
    return Answers(
        count=found["requests"],
        seconds=found["microseconds"] / 1e6,
        p50_ms=found["p50_us"] / 1e3,
        p99_ms=found["p99_us"] / 1e3,
        refused=found["refused"],
        broken=found["broken"],
    )


def measured(target: Target, *, connections: int, seconds: float, folder: Path) -> Answers:
    """
    Ask for so many seconds, and stand no answer but status 200.

    Raises:
        ServiceError: As ``drive``; or a request was refused or had no answer: what answers quickly by that is not fast.
    """
    answers = drive(target, connections=connections, seconds=seconds, folder=folder)
    if answers.refused or answers.broken or not answers.count:
        raise ServiceError(
            f"{target.url}: expected status 200 of every request, "
            f"found {answers.refused} refused and {answers.broken} broken of {answers.count}"
        )
    return answers
