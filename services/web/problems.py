"""
Every answer that is a refusal has one format: problem details after RFC 9457 (Nottingham, Wilde, Dalal 2023).

``code`` is for programs and has one meaning and one status; ``detail`` is for people; ``errors`` names each field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from starlette.responses import JSONResponse

from riskloom.contracts.values import kind_of
from riskloom.errors import RiskloomError

MEDIA_TYPE = "application/problem+json"
_PREFIX = "urn:riskloom:problem:"
_MOST_ERRORS = 32  # a body full of unknown fields is not answered with as many lines

Code = Literal[
    "invalid_json",
    "invalid_header",
    "key_missing",
    "unauthenticated",
    "forbidden",
    "not_found",
    "unknown_domain",
    "method_not_allowed",
    "body_timeout",
    "taken",
    "refused",
    "approval_needed",
    "stale",
    "body_too_large",
    "unsupported_media_type",
    "invalid_request",
    "key_reused",
    "version_missing",
    "too_busy",
    "internal",
    "model_missing",
    "decision_not_recorded",
    "unavailable",
    "timeout",
]


_EXAMPLE: dict[str, JsonValue] = {
    "type": f"{_PREFIX}invalid_request",
    "title": "The request does not keep its contract",
    "status": 422,
    "detail": "The request does not keep the operation's contract.",
    "code": "invalid_request",
    "errors": [{"field": "amount", "expected": "a value", "found": "nothing"}],
}


class Kind(NamedTuple):
    """What a code comes with, always."""

    status: int
    title: str


KINDS: Mapping[Code, Kind] = {
    "invalid_json": Kind(400, "The body is not JSON that everybody reads the same way"),
    "invalid_header": Kind(400, "A header cannot be understood"),
    "key_missing": Kind(400, "The idempotency key is missing"),
    "unauthenticated": Kind(401, "No API key that is valid"),
    "forbidden": Kind(403, "The API key was not granted this"),
    "not_found": Kind(404, "There is no such thing"),
    "unknown_domain": Kind(404, "There is no such domain"),
    "method_not_allowed": Kind(405, "This address takes another method"),
    "body_timeout": Kind(408, "The body did not arrive in time"),
    "taken": Kind(409, "Somebody else works on it"),
    "refused": Kind(409, "Its state does not allow this step"),
    "approval_needed": Kind(409, "A second person must approve this step"),
    "stale": Kind(412, "It has changed since it was seen"),
    "body_too_large": Kind(413, "The body is too large"),
    "unsupported_media_type": Kind(415, "The body is not declared as plain JSON"),
    "invalid_request": Kind(422, "The request does not keep its contract"),
    "key_reused": Kind(422, "The idempotency key was used for another request"),
    "version_missing": Kind(428, "The version that was seen is missing"),
    "too_busy": Kind(429, "More is under way than can be answered in time"),
    "internal": Kind(500, "A mistake of ours"),
    "model_missing": Kind(503, "No model is in service"),
    "decision_not_recorded": Kind(503, "The decision could not be written down"),
    "unavailable": Kind(503, "What is needed does not answer"),
    "timeout": Kind(504, "It took too long"),
}


class FieldProblem(BaseModel):
    """One thing wrong with one field."""

    model_config = ConfigDict(frozen=True)

    field: str
    expected: str
    found: str


class Problem(BaseModel):
    """The body of every answer with a status of 400 or more."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_EXAMPLE]})

    type: str = Field(description="Names the code for whoever keeps problems of many services.")
    title: str = Field(description="What the code means; the same each time.")
    status: int
    detail: str = Field(description="What is the matter this time, for people.")
    code: Code = Field(description="For programs.")
    errors: tuple[FieldProblem, ...] = Field(default=(), description="Each field that is wrong; left out if none is.")
    changes: tuple[str, ...] = Field(default=(), description="What others did meanwhile; left out if nothing.")


class RefusalError(RiskloomError):
    """A request that is answered with a problem."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        changes: Sequence[str] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        kind = KINDS[code]
        self.problem = Problem(
            type=f"{_PREFIX}{code}",
            title=kind.title,
            status=kind.status,
            detail=detail,
            code=code,
            errors=tuple(errors),
            changes=tuple(changes),
        )
        self.headers = headers

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    def response(self) -> JSONResponse:
        """The answer as it is sent; nobody keeps it."""
        content = self.problem.model_dump(mode="json", exclude_defaults=True)
        headers = {"Cache-Control": "no-store", **(self.headers or {})}
        return JSONResponse(content, status_code=self.status, headers=headers, media_type=MEDIA_TYPE)


def field_problems(error: ValidationError) -> list[FieldProblem]:
    """What a validation found, a field each; values are not repeated: what is sent by mistake may be a secret."""
    return [_field_problem(item) for item in error.errors(include_url=False)[:_MOST_ERRORS]]


def _field_problem(item: Any) -> FieldProblem:
    field = ".".join(map(str, item["loc"])).encode("ascii", "backslashreplace").decode()[:80] or "(body)"
    if item["type"] == "mismatch":
        return FieldProblem(field=field, expected=item["ctx"]["expected"], found=item["ctx"]["found"])
    if item["type"] == "missing":
        return FieldProblem(field=field, expected="a value", found="nothing")
    if item["type"] == "extra_forbidden":
        return FieldProblem(field=field, expected="no field of this name", found="a field of this name")
    expected = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return FieldProblem(field=field, expected=expected, found=kind_of(item["input"]))
