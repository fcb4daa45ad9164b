"""The service's OpenAPI document, made from the declared domains: each has its own typed route and example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from riskloom import __version__
from riskloom.access import METRICS, events_scope, score_scope
from riskloom.catalog import Domain
from services.scoring.batch import MAX_EVENTS as MOST_IN_BATCH
from services.scoring.batch import BatchResults
from services.scoring.decisions import Decision
from services.scoring.events import MAX_EVENTS, EventResult, EventResults
from services.scoring.schema import example, request_name, request_schema, row_example, row_schema
from services.scoring.status import Readiness
from services.web.pages import API_KEYS
from services.web.problems import KINDS, MEDIA_TYPE, Code, Problem

TITLE = "Riskloom scoring"
_REF = "#/components/schemas/{model}"
_DESCRIPTION = """
One event in, one decision out. Every decision is written down before it is answered.

Send an API key as `Authorization: Bearer <key>` or `X-API-Key: <key>`; `riskloom api-key create` makes one.
Every answer with a status of 400 or more is `application/problem+json` (RFC 9457), with `code` and `errors` besides."""
#: What it may answer instead of a decision.
_CODES: tuple[Code, ...] = (
    "invalid_json",
    "unauthenticated",
    "forbidden",
    "body_timeout",
    "body_too_large",
    "unsupported_media_type",
    "invalid_request",
    "too_busy",
    "internal",
    "model_missing",
    "decision_not_recorded",
    "timeout",
)
#: What it may answer instead of results.
_EVENT_CODES: tuple[Code, ...] = (*_CODES[: _CODES.index("model_missing")], "unavailable")
_BATCH_MEANING: dict[int, str] = {
    413: "The body is larger than 1 MB.",
    422: "The body is no batch; an event that is refused has its problem in the answer, at its place.",
    429: "As many batches of this domain as may be are under way; `Retry-After` says when to come again.",
    503: "No model is in service, or no decision could be written down: none was made.",
    504: "No event could be begun in time: no decision was made.",
}
_EVENT_MEANING: dict[int, str] = {
    413: "The body is larger than 1 MB.",
    422: "The body is neither an event nor a batch; or the only event was refused, and `errors` names each field.",
    429: "Too many batches of this domain are waiting; `Retry-After` says when to come again.",
    503: "Nothing could be kept; send it again.",
}
_MEANING: dict[int, str] = {
    400: "The body is not JSON, or not JSON everybody reads the same way.",
    401: "No API key, or none that was given out.",
    403: "The key was not granted this domain.",
    408: "The body did not arrive in time.",
    413: "The body is larger than 64 kB.",
    415: "The body is not declared as plain JSON.",
    422: "A field is unknown, missing or not what the contract says; `errors` names each.",
    429: "As many decisions of this domain as may be are under way; `Retry-After` says when to come again.",
    500: "A mistake of ours; the log has it under the request's id.",
    503: "No model is in service, or the decision could not be written down: no decision was made.",
    504: "The decision took too long: no decision was made.",
}


def openapi_document(domains: Mapping[str, Domain]) -> dict[str, Any]:
    """Describe the service of the declared domains, which are given by name."""
    models = (Decision, BatchResults, EventResult, EventResults, Problem, Readiness)
    _, definitions = models_json_schema([(model, "serialization") for model in models], ref_template=_REF)
    requests = {request_name(domain): request_schema(domain) for domain in domains.values()}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": __version__, "description": _DESCRIPTION.strip()},
        "paths": {
            **{f"/v1/domains/{name}/score": {"post": _score(domains[name])} for name in domains},
            **{f"/v1/domains/{name}/score/batch": {"post": _score_batch(domains[name])} for name in domains},
            **{f"/v1/domains/{name}/events": {"post": _events(domains[name])} for name in domains},
            **_operations(),
        },
        "components": {
            "schemas": {**definitions["$defs"], **requests, **_event_schemas(domains)},
            "securitySchemes": API_KEYS,
        },
        "tags": [{"name": "scoring"}, {"name": "events"}, {"name": "operations"}],
    }


def _score(domain: Domain) -> dict[str, Any]:
    outcomes = "\n".join(f"- `{outcome.name}`: {outcome.description}" for outcome in domain.outcome)
    return {
        "tags": ["scoring"],
        "operationId": f"score_{domain.name}",
        "summary": f"{domain.title}: score one {domain.subject.entity}",
        "description": f"{domain.description.strip()}\n\nOutcomes:\n{outcomes}\n\n"
        f"Needs the scope `{score_scope(domain.name)}`.",
        "security": _security(),
        "requestBody": {"required": True, "content": _json(request_name(domain), example=example(domain))},
        "responses": {
            "200": {"description": "The decision.", "content": _json(Decision.__name__)},
            **_problems(_CODES, _MEANING),
        },
    }


def _score_batch(domain: Domain) -> dict[str, Any]:
    items = {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_IN_BATCH,
        "items": _schema(request_name(domain))["schema"],
    }
    return {
        "tags": ["scoring"],
        "operationId": f"score_batch_{domain.name}",
        "summary": f"{domain.title}: score events in a batch",
        "description": "Each event is decided in its order, as if it had been sent alone; one that is refused does "
        f"not touch the others.\n\nNeeds the scope `{score_scope(domain.name)}`.",
        "security": _security(),
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _object({"events": items}), "example": {"events": [example(domain)]}}
            },
        },
        "responses": {
            "200": {"description": "Each event's result, at its place.", "content": _json(BatchResults.__name__)},
            **_problems(_CODES, _MEANING | _BATCH_MEANING),
        },
    }


def _events(domain: Domain) -> dict[str, Any]:
    table = domain.event_table
    pushed = {"table": table.name, "event": row_example(table)}
    name = _REF.format(model=_pushed_name(domain))
    items = {"type": "array", "minItems": 1, "maxItems": MAX_EVENTS, "items": {"$ref": name}}
    either = [{"$ref": _REF.format(model=model.__name__)} for model in (EventResult, EventResults)]
    return {
        "tags": ["events"],
        "operationId": f"push_{domain.name}",
        "summary": f"{domain.title}: push events without wanting a decision",
        "description": "One event, or a batch that is taken in its order; one that is refused does not touch the "
        "others. Each is taken once by the key of its table: sent again it is a duplicate. It moves the live windows "
        f"that its row can move by itself, and lands.\n\nNeeds the scope `{events_scope(domain.name)}`.",
        "security": _security(),
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"oneOf": [{"$ref": name}, _object({"events": items})]},
                    "examples": {"one": {"value": pushed}, "batch": {"value": {"events": [pushed]}}},
                }
            },
        },
        "responses": {
            "200": {
                "description": "What became of the event; of a batch of each event, at its place.",
                "content": {"application/json": {"schema": {"oneOf": either}}},
            },
            **_problems(_EVENT_CODES, _MEANING | _EVENT_MEANING),
        },
    }


def _event_schemas(domains: Mapping[str, Domain]) -> dict[str, Any]:
    """A pushed event of each domain: a table with a row of its contract."""
    return {
        _pushed_name(domain): {
            "oneOf": [
                _object({"table": {"const": name}, "event": row_schema(table)}) for name, table in domain.tables.items()
            ]
        }
        for domain in domains.values()
    }


def _pushed_name(domain: Domain) -> str:
    return "".join(part.capitalize() for part in domain.name.split("_")) + "PushedEvent"


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _operations() -> dict[str, Any]:
    alive = {"200": {"description": "The process answers."}}
    ready = {
        "200": {"description": "Requests may come.", "content": _json(Readiness.__name__)},
        "503": {"description": "A domain with a champion has no model in service.", "content": _json("Readiness")},
    }
    metrics = {"200": {"description": "Prometheus' text format.", "content": {"text/plain": {}}}}
    return {
        "/healthz": {"get": _operation("health", "Is the process alive?", alive)},
        "/readyz": {"get": _operation("readiness", "Can each domain be scored?", ready)},
        "/metrics": {
            "get": {
                **_operation("metrics", f"Counters for Prometheus; needs the scope {METRICS}", metrics),
                "security": _security(),
            }
        },
    }


def _operation(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"tags": ["operations"], "operationId": name, "summary": summary, "responses": responses}


def _problems(codes: Sequence[Code], meaning: Mapping[int, str]) -> dict[str, Any]:
    """What each status that these codes have means."""
    found = {}
    for status in sorted({KINDS[code].status for code in codes}):
        named = ", ".join(f"`{code}`" for code in codes if KINDS[code].status == status)
        described = f"{meaning[status]} Codes: {named}."
        found[str(status)] = {"description": described, "content": {MEDIA_TYPE: _schema(Problem.__name__)}}
    return found


def _json(schema: str, **more: object) -> dict[str, Any]:
    return {"application/json": {**_schema(schema), **more}}


def _schema(name: str) -> dict[str, Any]:
    return {"schema": {"$ref": _REF.format(model=name)}}


def _security() -> list[dict[str, list[str]]]:
    return [{name: []} for name in API_KEYS]
