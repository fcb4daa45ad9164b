"""The request of a domain, made from its event table's contract: how it is read, and a schema for people."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from riskloom.catalog import Domain
from riskloom.contracts import Column, TableContract
from riskloom.contracts.rows import STAMPED, RowReader, RowRefusedError
from services.web.problems import FieldProblem, RefusalError

_EXAMPLE_TIME = "2026-01-15T12:30:00Z"


def request_name(domain: Domain) -> str:
    """What the request of a domain is called in the service's description."""
    return f"{''.join(part.capitalize() for part in domain.name.split('_'))}ScoreRequest"


def request_schema(domain: Domain) -> dict[str, Any]:
    """What one event of a domain is, as JSON Schema."""
    described = {"title": request_name(domain), "description": domain.event_table.description}
    return {**row_schema(domain.event_table), **described, "examples": [example(domain)]}


def request_reader(domain: Domain) -> RowReader:
    """Reads one event of the domain, strictly, without the column the service stamps."""
    return RowReader(domain.event_table, whole="(body)")


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


def read_event(reader: RowReader, content: object) -> dict[str, Any]:
    """
    Check a parsed body and give the event's values by column; an optional column that was left out is None.

    Raises:
        RefusalError: It is not such an event; every field that is wrong is named.
    """
    try:
        return reader.read(content)
    except RowRefusedError as error:
        wrong = [FieldProblem(field=one.field, expected=one.expected, found=one.found) for one in error.refusals]
        raise RefusalError("invalid_request", "The request does not keep the table's contract.", errors=wrong) from None


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
