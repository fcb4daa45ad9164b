"""
What a call can end with besides its answer.

ClientError
├── TransportError           no answer came: no connection, or not within the time there was
├── AnswerError              an answer that the service does not give: something else listens there
└── ApiError                 the service refused, with a problem (RFC 9457)
    ├── InvalidRequestError  the request is wrong; ``errors`` names each field
    ├── UnauthenticatedError no valid key
    ├── ForbiddenError       a key without the scope
    ├── NotFoundError        no such domain or address
    ├── UnavailableError     not now; it was tried as often as the time allowed
    └── ServiceMistakeError  a mistake of the service; its log has it under ``request_id``
"""

from __future__ import annotations

from riskloom.client.answers import FieldProblem
from riskloom.errors import RiskloomError


class ClientError(RiskloomError):
    """A call that did not succeed."""


class TransportError(ClientError):
    """No answer came. Whether the service acted is not known; the same event sent again is counted once."""


class AnswerError(ClientError):
    """An answer that is not the service's."""


class ApiError(ClientError):
    """
    The service refused.

    Attributes:
        status: The HTTP status.
        code: For programs.
        detail: For people.
        errors: Each field that is wrong.
        request_id: Under which the service's log has it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: tuple[FieldProblem, ...] = (),
        request_id: str | None = None,
    ) -> None:
        self.status, self.code, self.detail, self.errors, self.request_id = status, code, detail, errors, request_id
        told = "".join(f"; {one.field}: expected {one.expected}, found {one.found}" for one in errors)
        super().__init__(f"{status} {code}: {detail}{told}")


class InvalidRequestError(ApiError):
    """The request is wrong, and would be the next time."""


class UnauthenticatedError(ApiError):
    """No key, or one that opens nothing."""


class ForbiddenError(ApiError):
    """A key without the scope."""


class NotFoundError(ApiError):
    """No such domain or address."""


class UnavailableError(ApiError):
    """The service cannot do it now."""


class ServiceMistakeError(ApiError):
    """A mistake of the service."""


_KINDS: dict[int, type[ApiError]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    408: UnavailableError,
    429: UnavailableError,
    500: ServiceMistakeError,
}
_FIRST_OF_SERVER = 500


def kind_of(status: int) -> type[ApiError]:
    """The error of a status."""
    return _KINDS.get(status, InvalidRequestError if status < _FIRST_OF_SERVER else UnavailableError)
