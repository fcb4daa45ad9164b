"""Every answer that is not a decision: one format, ``{"error": {"code", "message", "details"}}``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from riskloom.errors import RiskloomError

Code = Literal[
    "invalid_json",
    "unauthenticated",
    "forbidden",
    "not_found",
    "unknown_domain",
    "method_not_allowed",
    "body_timeout",
    "body_too_large",
    "unsupported_media_type",
    "invalid_request",
    "internal",
    "model_missing",
    "decision_not_recorded",
    "timeout",
]

#: The status each code comes with; a code has one meaning and one status.
STATUS: dict[Code, int] = {
    "invalid_json": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "unknown_domain": 404,
    "method_not_allowed": 405,
    "body_timeout": 408,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_request": 422,
    "internal": 500,
    "model_missing": 503,
    "decision_not_recorded": 503,
    "timeout": 504,
}


class FieldProblem(BaseModel):
    """One thing wrong with one field."""

    model_config = ConfigDict(frozen=True)

    field: str
    expected: str
    found: str


class Problem(BaseModel):
    """What went wrong; ``code`` is for programs, ``message`` for people."""

    model_config = ConfigDict(frozen=True)

    code: Code
    message: str
    details: tuple[FieldProblem, ...] = ()


class ProblemAnswer(BaseModel):
    """The body of every answer with a status of 400 or more."""

    model_config = ConfigDict(frozen=True)

    error: Problem = Field(description="What went wrong.")


class RefusalError(RiskloomError):
    """A request that is answered with a problem instead of a decision."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        details: Sequence[FieldProblem] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.problem = Problem(code=code, message=message, details=tuple(details))
        self.headers = headers

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.problem.code]

    def response(self) -> JSONResponse:
        """The answer as it is sent."""
        content = ProblemAnswer(error=self.problem).model_dump(mode="json")
        return JSONResponse(content, status_code=self.status, headers=self.headers)
