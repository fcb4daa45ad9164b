"""
What stands before every operation: whose key is it, was it granted this, is what was sent what the operation takes.

A command is done once for its idempotency key; the key, the answer and what is done are one transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.idempotency import Done, once
from services.api.calls import Api, Call
from services.api.conditions import command_key, seen_version
from services.api.operations import AnyOperation, Command, Operation
from services.api.refusals import explained
from services.api.shown import Empty
from services.web.body import read_json
from services.web.problems import FieldProblem, RefusalError, field_problems

#: A rule of the longest text there may be, with its escapes.
MAX_BYTES = 256 * 1024
REPLAYED = "Idempotency-Replayed"
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(operation: AnyOperation, api: Api) -> Endpoint:
    """The endpoint of an operation."""

    async def serve(request: Request) -> Response:
        call = admitted(operation, api, request)
        sent = await _body(operation, request) if operation.method == "POST" else parameters(request)
        asked = validated(operation.takes, sent)
        return await run_in_threadpool(_answer, operation, call, asked, sent)

    return serve


def admitted(operation: Operation[Any], api: Api, request: Request) -> Call:
    """
    What the operation gets, once the key may have it.

    Raises:
        RefusalError: There is no such key, it was not granted this, there is no such domain or thing, or a command
            lacks a header.
    """
    api.gate.refresh()
    key = api.gate.admit(request)
    name = str(request.path_params.get("domain", ""))
    api.gate.require(key, operation.scope(name))
    if operation.is_of_domain and name not in api.domains:
        raise RefusalError("unknown_domain", f"There is no such domain; there are: {', '.join(api.domains)}.")
    if any("\0" in str(part) for part in request.path_params.values()):
        raise RefusalError("not_found", "There is nothing at this address.")
    is_command = isinstance(operation, Command)
    return Call(
        api=api,
        request=request,
        key=key,
        at=api.controls.clock(),
        own_domain=api.domains.get(name),
        seen=seen_version(request) if isinstance(operation, Command) and operation.needs_version else None,
        command_key=command_key(request) if is_command else "",
    )


def parameters(request: Request) -> dict[str, str]:
    """
    What stands behind the question mark.

    Raises:
        RefusalError: A parameter stands there twice.
    """
    sent = request.query_params.multi_items()
    found = dict(sent)
    if len(found) < len(sent):
        twice = sorted({name for name, _ in sent if sum(other == name for other, _ in sent) > 1})
        errors = [FieldProblem(field=name[:80], expected="one value", found="several") for name in twice]
        raise RefusalError("invalid_request", "A parameter stands there twice.", errors=errors)
    return found


def validated(kind: type[BaseModel], sent: object) -> BaseModel:
    """
    What was sent, as the operation takes it.

    Raises:
        RefusalError: It is not that; every field that is wrong is named.
    """
    try:
        return kind.model_validate(sent)
    except ValidationError as error:
        detail = "The request does not keep the operation's contract."
        raise RefusalError("invalid_request", detail, errors=field_problems(error)) from None


async def _body(operation: AnyOperation, request: Request) -> Any:
    is_left_out = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    if operation.takes is Empty and is_left_out:
        return {}
    return await read_json(request, max_bytes=MAX_BYTES)


def _answer(operation: AnyOperation, call: Call, asked: BaseModel, sent: Any) -> Response:
    with explained():
        if isinstance(operation, Command):
            done = _do(operation, call, asked, sent)
            return _response(done.answer, {REPLAYED: "true"} if done.is_repeated else {})
        with reading(call.api.controls.engine) as session:
            return _response(operation.run(session, call, asked).stored(), {})


def _do(command: Command[Any], call: Call, asked: BaseModel, sent: Any) -> Done:
    request = {"method": command.method, "path": call.request.url.path, "body": sent}
    with _desk(command, call) as desk:
        return once(desk, call.command_key, request, lambda: command.run(desk, call, asked).stored())


@contextmanager
def _desk(command: Command[Any], call: Call) -> Iterator[Desk]:
    """The key's desk in a transaction; what it changes of what is in force is published once it is committed."""
    controls = call.api.controls
    if command.is_published:
        with controls.commanding(call.domain.name, call.key.actor) as desk:
            yield desk
    else:
        with writing(controls.engine) as session:
            yield Desk(session, controls.trail, call.key.actor, call.at)


def _response(answer: Mapping[str, Any], more: Mapping[str, str]) -> Response:
    headers = {"Cache-Control": "no-store", **answer["headers"], **more}
    return JSONResponse(answer["content"], status_code=answer["status"], headers=headers)
