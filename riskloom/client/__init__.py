"""
A client of the scoring service, synchronous and asynchronous: score an event, push events, ask whether it is ready.

Importing it brings httpx and pydantic, and nothing of the platform but its errors.
"""

from riskloom.client.answers import (
    Decision,
    DomainReadiness,
    EventResult,
    FieldProblem,
    Freshness,
    Problem,
    Readiness,
    Reason,
    ScoreResult,
)
from riskloom.client.asynchronous import AsyncClient
from riskloom.client.errors import (
    AnswerError,
    ApiError,
    ClientError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    ServiceMistakeError,
    TransportError,
    UnauthenticatedError,
    UnavailableError,
)
from riskloom.client.retries import Retries
from riskloom.client.synchronous import Client

__all__ = [
    "AnswerError",
    "ApiError",
    "AsyncClient",
    "Client",
    "ClientError",
    "Decision",
    "DomainReadiness",
    "EventResult",
    "FieldProblem",
    "ForbiddenError",
    "Freshness",
    "InvalidRequestError",
    "NotFoundError",
    "Problem",
    "Readiness",
    "Reason",
    "Retries",
    "ScoreResult",
    "ServiceMistakeError",
    "TransportError",
    "UnauthenticatedError",
    "UnavailableError",
]
