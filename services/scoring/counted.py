"""Count what an endpoint answers, and how long that takes."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.responses import Response

from services.scoring.metrics import Labelled
from services.web.exact import Endpoint
from services.web.problems import RefusalError

_MISTAKE = 500


def counted(
    endpoint: Endpoint,
    domain: str,
    *,
    answers: Labelled[Counter],
    latency: Labelled[Histogram],
    ticks: Callable[[], float],
) -> Endpoint:
    """
    An endpoint whose answers are counted.

    Args:
        endpoint: What answers.
        domain: Its domain.
        answers: By domain and HTTP status.
        latency: By domain.
        ticks: Seconds that only go forward.
    """

    async def answer(request: Request) -> Response:
        started, status = ticks(), _MISTAKE
        try:
            response = await endpoint(request)
            status = response.status_code
        except RefusalError as refusal:
            status = refusal.status
            raise
        else:
            return response
        finally:
            answers.labels(domain, str(status)).inc()
            latency.labels(domain).observe(ticks() - started)

    return answer
