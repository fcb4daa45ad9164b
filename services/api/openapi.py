"""The API's OpenAPI document, made from the declared operations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from riskloom import __version__
from services.api.calls import PREFIX
from services.api.conditions import IDEMPOTENCY_KEY, IF_MATCH
from services.api.guard import REPLAYED
from services.api.operations import AnyOperation, Command, Operation
from services.api.routes import OPERATIONS
from services.api.shown import Filter, Listing
from services.web.pages import API_KEYS
from services.web.problems import KINDS, MEDIA_TYPE, Code, Problem

TITLE = "Riskloom API"
_REF = "#/components/schemas/{model}"
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_DESCRIPTION = """
What people do in the console, for programs.

Send an API key as `Authorization: Bearer <key>` or `X-API-Key: <key>`; `riskloom api-key create` makes one. Each
operation names the scope that it needs, for one domain (`cases:read:<domain>`) or for all (`cases:read:*`). What is
done with a key is audited as `key:<its name>`.

A command has an `Idempotency-Key`: sent again within a day it changes nothing and has the same answer. Where it is
about something that was seen, `If-Match` has that answer's `ETag`. Lists go on at `next`. Every answer with a status of
400 or more is `application/problem+json` (RFC 9457)."""
_ANSWER_HEADERS = {
    "ETag": {"description": "The version of what is shown; a command's If-Match sends it back.", "schema": _TEXT},
    "Link": {"description": 'The next page, as `rel="next"`; left out on the last.', "schema": _TEXT},
    REPLAYED: {"description": "`true` where the answer was given before.", "schema": _TEXT},
}
_COMMAND_HEADERS = {
    name: {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": _TEXT,
        "example": example,
    }
    for name, description, example in (
        (IDEMPOTENCY_KEY, "A text of your choice in double quotes, another for each command.", '"6d1c9f0e-claim"'),
        (IF_MATCH, "The ETag of what was seen.", '"3"'),
    )
}


def openapi_document(domains: Sequence[str] = ()) -> dict[str, Any]:
    """
    Describe the API.

    Args:
        domains: The names that an address may have; any where none are given.
    """
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[f"{PREFIX}{operation.path}"][operation.method.lower()] = _described(operation, domains)
    taken = {each.takes for each in OPERATIONS if each.method == "POST"}
    given = {each.gives for each in OPERATIONS} | {Problem}
    modes = [(model, "validation") for model in taken] + [(model, "serialization") for model in given]
    modes.sort(key=lambda pair: pair[0].__name__)
    _, definitions = models_json_schema(modes, ref_template=_REF)  # type: ignore[arg-type]
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": __version__, "description": _DESCRIPTION.strip()},
        "paths": dict(paths),
        "components": {
            "schemas": definitions["$defs"],
            "responses": {_joined(codes): _problem(codes) for codes in _refusals(OPERATIONS)},
            "parameters": _COMMAND_HEADERS,
            "headers": _ANSWER_HEADERS,
            "securitySchemes": API_KEYS,
        },
        "tags": [{"name": name} for name in dict.fromkeys(map(_tag, OPERATIONS))],
    }


def _described(operation: Operation[Any], domains: Sequence[str]) -> dict[str, Any]:
    right = f"{operation.right}:<domain>" if operation.is_of_domain else operation.right
    refused = {
        str(status): {"$ref": f"#/components/responses/{_joined(codes)}"}
        for status, codes in sorted(_by_status(operation.codes).items())
    }
    described: dict[str, Any] = {
        "tags": [_tag(operation)],
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Needs the scope `{right}`.",
        "security": [{name: [operation.right]} for name in API_KEYS],
        "parameters": list(_parameters(operation, domains)),
        "responses": {**_successes(operation), **refused},
    }
    if operation.method == "POST":
        described["requestBody"] = {"required": True, "content": {"application/json": _schema(operation.takes)}}
    return described


def _parameters(operation: Operation[Any], domains: Sequence[str]) -> Iterator[dict[str, Any]]:
    for part in operation.path.split("{")[1:]:
        name = part.split("}")[0]
        schema: dict[str, Any] = _NUMBER if (name, operation.right) == ("version", "rules:read") else _TEXT
        if name == "domain" and domains:
            schema = {**_TEXT, "enum": list(domains)}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if issubclass(operation.takes, Filter):
        for name, schema in operation.takes.model_json_schema().get("properties", {}).items():
            yield {"name": name, "in": "query", "required": False, "schema": schema}
    if isinstance(operation, Command):
        yield {"$ref": f"#/components/parameters/{IDEMPOTENCY_KEY}"}
        if operation.needs_version:
            yield {"$ref": f"#/components/parameters/{IF_MATCH}"}


def _successes(operation: Operation[Any]) -> dict[str, Any]:
    names = ["ETag"] if operation.has_version else []
    names += ["Link"] if issubclass(operation.gives, Listing) else []
    names += [REPLAYED] if isinstance(operation, Command) else []
    content = {"application/json": _schema(operation.gives)}
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    found = {"200": {"description": (operation.gives.__doc__ or "").strip(), "headers": headers, "content": content}}
    if isinstance(operation, Command) and operation.makes:
        made = {"description": "It is there now.", "headers": headers, "content": content}
        return {"201": made, **(found if operation.may_be_known else {})}
    return found


def _by_status(codes: Sequence[Code]) -> dict[int, tuple[Code, ...]]:
    found: dict[int, tuple[Code, ...]] = defaultdict(tuple)
    for code in dict.fromkeys(codes):
        found[KINDS[code].status] += (code,)
    return found


def _refusals(operations: Sequence[AnyOperation]) -> list[tuple[Code, ...]]:
    """What operations refuse with one status, each once."""
    return sorted({codes for operation in operations for codes in _by_status(operation.codes).values()})


def _joined(codes: Sequence[Code]) -> str:
    return "-or-".join(codes)


def _problem(codes: Sequence[Code]) -> dict[str, Any]:
    described = "; ".join(f"{KINDS[code].title} (`{code}`)" for code in codes)
    return {"description": f"{described}.", "content": {MEDIA_TYPE: _schema(Problem)}}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"schema": {"$ref": _REF.format(model=model.__name__)}}


def _tag(operation: Operation[Any]) -> str:
    """The resource: what stands behind the domain in the address."""
    return operation.path.removeprefix("/domains/{domain}").split("/")[1]
