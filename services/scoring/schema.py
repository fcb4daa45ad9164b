"""The request of a domain, made from its event table's contract: a model to check with, a schema to read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, JsonValue, PlainValidator, ValidationError, WithJsonSchema, create_model

from riskloom.catalog import Domain
from riskloom.contracts import Column, TableContract
from riskloom.contracts.values import kind_of, reader
from services.web.problems import FieldProblem, RefusalError, field_problems

#: The service says when an event was observed: at the moment it is decided. It is not for the caller to say.
STAMPED = "observed_at"
_EXAMPLE_TIME = "2026-01-15T12:30:00Z"


def request_model(domain: Domain) -> type[BaseModel]:
    """The model of one event of the domain, strict, without the column the service stamps."""
    fields: dict[str, Any] = {
        name: (_annotation(column), None if column.nullable else ...)
        for name, column in domain.event_table.brought.items()
        if name != STAMPED
    }
    title = "".join(part.capitalize() for part in domain.name.split("_"))
    config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [example(domain)]})
    return create_model(f"{title}ScoreRequest", __config__=config, __doc__=domain.event_table.description, **fields)


def example(domain: Domain) -> dict[str, JsonValue]:
    """A request that is answered: what the contract gives as examples."""
    return row_example(domain.event_table)


def row_example(table: TableContract) -> dict[str, JsonValue]:
    """A row of a table as a caller sends it: what the contract gives as examples."""
    return {name: _example(name, column) for name, column in table.brought.items() if name != STAMPED}


def row_schema(table: TableContract) -> dict[str, Any]:
    """What a row of a table is, as JSON Schema."""
    columns = {name: column for name, column in table.brought.items() if name != STAMPED}
    return {
        "type": "object",
        "title": table.name,
        "description": table.description,
        "properties": {name: _json_schema(column) for name, column in columns.items()},
        "required": [name for name, column in columns.items() if not column.nullable],
        "additionalProperties": False,
    }


def read_event(model: type[BaseModel], content: object) -> dict[str, Any]:
    """
    Check a parsed body and give the event's values by column; an optional column that was left out is None.

    Raises:
        RefusalError: It is not such an event; every field that is wrong is named.
    """
    if not isinstance(content, dict):
        detail = FieldProblem(field="(body)", expected="an object", found=kind_of(content))
        raise RefusalError("invalid_request", "The body is not an object.", errors=[detail])
    try:
        event = model.model_validate(content)
    except ValidationError as error:
        raise RefusalError(
            "invalid_request", "The request does not keep the table's contract.", errors=field_problems(error)
        ) from None
    return dict(event)


def _annotation(column: Column) -> Any:
    return Annotated[Any, PlainValidator(reader(column)), WithJsonSchema(_json_schema(column))]


def _json_schema(column: Column) -> dict[str, object]:
    kind = column.type.split("(")[0]
    bounds = {
        key: float(bound)
        for key, bound in (("minimum", column.minimum), ("maximum", column.maximum))
        if bound is not None
    }
    schema: dict[str, object] = {"description": column.description}
    if kind == "string":
        schema |= {"type": "string", "minLength": 0 if column.nullable else 1, "maxLength": column.longest_given}
        if column.allowed is not None:
            schema["enum"] = [*column.allowed]
        if column.pattern is not None:
            schema["pattern"] = f"^(?:{column.pattern})$"
        if column.pseudonym is not None:
            schema["description"] = f"{column.description} Only a keyed pseudonym of it is kept."
    elif kind == "decimal":
        schema["anyOf"] = [{"type": "number", **bounds}, {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}]
        schema["description"] = f"{column.description} Exact, {column.type}."
    elif kind == "timestamp":
        schema |= {"type": "string", "format": "date-time"}
    else:
        schema |= {"type": {"bigint": "integer", "double": "number", "boolean": "boolean"}[kind], **bounds}
    return _nullable(schema) if column.nullable else schema


def _nullable(schema: dict[str, object]) -> dict[str, object]:
    description = schema.pop("description")
    options = schema.pop("anyOf", None)
    kinds = options if isinstance(options, list) else [schema]
    return {"anyOf": [*kinds, {"type": "null"}], "description": description}


def _example(name: str, column: Column) -> JsonValue:
    if column.example is not None:
        return column.example
    if column.allowed:
        return column.allowed[0]
    number = float(column.minimum or 0)
    plain: dict[str, JsonValue] = {
        "string": f"{name}-1"[: column.max_length],
        "boolean": False,
        "timestamp": _EXAMPLE_TIME,
        "bigint": int(number),
    }
    return plain.get(column.type, number)
