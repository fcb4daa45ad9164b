"""The file formats that can be ingested, each as SQL that yields numbered records with their columns."""

from __future__ import annotations

import csv
import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from riskloom.errors import ContractError
from riskloom.ingest.documents import JsonDocument, open_document
from riskloom.ingest.lines import TextFile
from riskloom.ingest.spread import SpreadText
from riskloom.ingest.sql import Parameters, quoted

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".log": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".jsonld": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_SEPARATORS = ",;\t|"
_LINES = "source_lines"
_NESTED = ("STRUCT", "MAP", "UNION", "BLOB", "VARIANT")


@dataclass(frozen=True, slots=True)
class Records:
    """
    A source's records as SQL.

    Attributes:
        sql: Yields ``_row`` (number of the line or row), ``_problem`` (why the record cannot be read, or null), ``s0``,
            ``s1``, … for the used columns, and ``carried``.
        carried: Columns that only ``raw`` needs.
        raw: The record as JSON, over ``carried``; dear, so to be computed for bad records only.
    """

    sql: str
    carried: tuple[str, ...]
    raw: str


@dataclass(frozen=True, slots=True)
class Layout:
    """
    What a file does not say of itself.

    Attributes:
        records: Of a JSON document: the key, or path, below which its records stand; None where it is a list of them.
        header: Names of a text's columns, where its first line does not say them.
        separator: Between the fields of a line; None to find it.
        each: Of a JSON record: the list of which each element makes a record; None where a record is one.
    """

    records: str | None = None
    header: tuple[str, ...] | None = None
    separator: str | None = None
    each: str | None = None


@dataclass
class Source:
    """
    One opened file.

    Attributes:
        path: Where it lies.
        kind: ``csv``, ``json`` or ``parquet``.
        columns: The columns it has, name to DuckDB type; text formats have VARCHAR only.
        text: The lines of text, or the records of a JSON document.
        separator: Between fields, for CSV.
        has_header: Whether the first line of a CSV names its columns.
    """

    path: Path
    kind: str
    columns: dict[str, str]
    text: TextFile | JsonDocument | SpreadText | None = None
    separator: str = ","
    has_header: bool = True

    def column_of(self, name: str) -> str:
        """The column a name means: itself, or in JSON the one that a path with dots begins with."""
        return name if name in self.columns or self.kind != "json" else name.split(".", maxsplit=1)[0]

    @property
    def is_empty(self) -> bool:
        """Whether it is a JSON document without records, of which nobody can say which columns they would have."""
        text = self.text.text if isinstance(self.text, SpreadText) else self.text
        return isinstance(text, JsonDocument) and text.records == 0

    def has(self, name: str) -> bool:
        """Whether the source has such a column."""
        return self.column_of(name) in self.columns

    def kind_of(self, name: str) -> str:
        """DuckDB's type of a column, or of what a path leads to."""
        return self.columns[self.column_of(name)]

    def records(self, connection: duckdb.DuckDBPyConnection) -> int:
        """How many records the file has; for text, how many were read."""
        if self.text is not None:
            return self.text.records
        row = connection.execute("SELECT sum(num_rows) FROM parquet_file_metadata($1)", [str(self.path)]).fetchone()
        return int(row[0]) if row else 0

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make a text file's lines readable, once, by the SQL of ``select``."""
        if self.text is not None:
            is_csv = self.kind == "csv"
            fields = len(self.columns) if is_csv else 0
            reader = self.text.reader(skip_first=is_csv and self.has_header, fields=fields)
            connection.register(_LINES, reader)

    def select(self, used: Sequence[str], parameters: Parameters, lenient: Container[str] = ()) -> Records:
        """
        SQL that yields a row a record.

        Args:
            used: Columns the source has.
            parameters: Takes the statement's values.
            lenient: Those of which a list or an object is no value; elsewhere it makes the record unreadable.

        Raises:
            ContractError: A used column holds lists or structures.
        """
        if self.kind == "csv":
            return _csv_sql(self, used, parameters)
        if self.kind == "json":
            return _json_sql(self, used, parameters, lenient)
        return _parquet_sql(self, used, parameters)


def open_source(path: Path, connection: duckdb.DuckDBPyConnection, layout: Layout = Layout()) -> Source:
    """
    Look at a file's name and beginning: which format, which columns.

    Raises:
        ContractError: The format is not known, or the file is not what its name says.
    """
    if not path.is_file():
        raise ContractError(f"{path.name}: expected a file, found {'a folder' if path.exists() else 'nothing'}")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_zipped = suffixes[-1:] == [".gz"]
    kind = _SUFFIXES.get((suffixes[:-1] if is_zipped else suffixes)[-1:][0] if suffixes else "")
    if kind is None or (kind == "parquet" and is_zipped):
        known = ", ".join(_SUFFIXES)
        raise ContractError(f"{path.name}: expected a name that ends in one of {known} (text also .gz)")
    if layout.each is not None and kind != "json":
        raise ContractError(f"{path.name}: expected JSON, whose records hold a list {layout.each!r}, found {kind}")
    if kind == "csv":
        return _open_csv(path, layout)
    return _open_json(path, connection, layout) if kind == "json" else _open_parquet(path, connection)


def _open_csv(path: Path, layout: Layout) -> Source:
    text = TextFile(path)
    header = text.first_line()
    if not header.strip():
        raise ContractError(f"{path.name}: expected a line of column names, found an empty file")
    separator = layout.separator or max(_SEPARATORS, key=header.count)
    try:
        names = [name.strip() for name in next(csv.reader([header], delimiter=separator, strict=True))]
    except csv.Error as error:
        raise ContractError(f"{path.name}: expected a line of column names, found one with {error}") from error
    text.separator = separator
    if layout.header is not None and not set(names) <= set(layout.header):
        columns = dict.fromkeys(layout.header, "VARCHAR")
        return Source(path, "csv", columns, text, separator, has_header=False)
    if "" in names or len(set(names)) < len(names):
        raise ContractError(f"{path.name}: expected column names, each once, found {', '.join(map(repr, names))}")
    return Source(path, "csv", dict.fromkeys(names, "VARCHAR"), text, separator)


def _open_json(path: Path, connection: duckdb.DuckDBPyConnection, layout: Layout) -> Source:
    text = open_document(path, layout.records) or TextFile(path)
    connection.register(_LINES, text.reader(skip_first=False))
    keys = f"SELECT DISTINCT unnest(json_keys(text)) AS key FROM {_LINES} WHERE json_valid(text)"  # noqa: S608 (a constant)
    try:
        rows = connection.execute(f"{keys} ORDER BY key").fetchall()
    except duckdb.Error as error:
        raise text.failure or ContractError(f"{path.name}: expected JSON, found {error}") from error
    finally:
        connection.unregister(_LINES)
    if not rows and text.records == 1 and _is_encoded_twice(path):
        raise ContractError(f"{path.name}: expected JSON objects, found a text that holds JSON: encoded twice")
    spread = text if layout.each is None else SpreadText(text, layout.each)
    return Source(path, "json", dict.fromkeys([key for (key,) in rows], "VARCHAR"), spread)


def _is_encoded_twice(path: Path) -> bool:
    try:
        content = json.loads(TextFile(path).first_line())
        return isinstance(content, str) and isinstance(json.loads(content), dict | list)
    except (ValueError, RecursionError):
        return False


def _open_parquet(path: Path, connection: duckdb.DuckDBPyConnection) -> Source:
    try:
        rows = connection.execute("DESCRIBE SELECT * FROM read_parquet($1)", [str(path)]).fetchall()
    except duckdb.Error as error:
        raise ContractError(f"{path.name}: expected Parquet, found a file that is not: {error}") from error
    return Source(path, "parquet", {name: kind for name, kind, *_ in rows})


def _csv_sql(source: Source, used: Sequence[str], parameters: Parameters) -> Records:
    separator = parameters.add(source.separator)
    mark = f"\\x{ord(source.separator):02x}"
    value = f'(?:"(?:[^"]|"")*"|[^"{mark}]*)'
    whole, each = parameters.add(f"{value}(?:{mark}{value})*"), parameters.add(f"({value}){mark}")
    names = list(source.columns)
    columns = ", ".join(f"{_csv_value(names.index(name) + 1)} AS s{nth}" for nth, name in enumerate(used))
    packed = ", ".join(f"{quoted(name)} := {_csv_value(nth + 1)}" for nth, name in enumerate(names))
    sql = f"""
        SELECT line AS _row, text, f, {columns}, CASE
            WHEN problem IS NOT NULL THEN problem
            WHEN NOT is_closed THEN 'line: expected quotes around whole values, found ' || left(text, 60)
            WHEN len(f) <> {len(names)} THEN 'line: expected {len(names)} fields, found ' || len(f)
        END AS _problem
        FROM (
            SELECT line, problem, text,
                CASE WHEN contains(text, '"') THEN regexp_full_match(text, {whole}) ELSE true END AS is_closed,
                CASE WHEN contains(text, '"') THEN regexp_extract_all(text || {separator}, {each}, 1)
                    ELSE string_split(text, {separator}) END AS f
            FROM (SELECT line, problem, rtrim(text, chr(10) || chr(13)) AS text FROM {_LINES})
        )"""  # noqa: S608 (identifiers are quoted, values bound)
    raw = f"CASE WHEN _problem IS NULL THEN to_json(struct_pack({packed})) ELSE to_json(text) END"
    return Records(sql, ("text", "f"), raw)


def _csv_value(position: int) -> str:
    field = f"f[{position}]"
    return f"""CASE WHEN starts_with({field}, '"') THEN replace({field}[2:-2], '""', '"') ELSE {field} END"""


def _json_sql(source: Source, used: Sequence[str], parameters: Parameters, lenient: Container[str]) -> Records:
    pointers = parameters.add([_pointer(name if name in source.columns else name.split(".")) for name in used])
    columns = ", ".join(
        f"CASE WHEN kinds[{nth + 1}] IN ('OBJECT', 'ARRAY') THEN NULL ELSE v[{nth + 1}] END AS s{nth}"
        if name in lenient
        else f"v[{nth + 1}] AS s{nth}"
        for nth, name in enumerate(used)
    )
    names = parameters.add(list(used))
    strict = parameters.add([name not in lenient for name in used])
    sql = f"""
        SELECT line AS _row, text, is_json, {columns}, CASE
            WHEN problem IS NOT NULL THEN problem
            WHEN is_json AND starts_with(ltrim(text), '"') AND ltrim(json_extract_string(text, '$'))[1] IN ('{{', '[')
                THEN 'line: expected a JSON object, found a text that holds JSON: encoded twice'
            WHEN NOT is_json THEN 'line: expected a JSON object, found ' || left(text, 60)
            WHEN NOT starts_with(ltrim(text), '{{') THEN 'line: expected a JSON object, found ' || left(text, 60)
            WHEN nested > 0 THEN {names}[nested] || ': expected one value, found ' || left(v[nested], 60)
        END AS _problem
        FROM (
            SELECT *, CASE WHEN has_nested THEN list_position(list_transform(
                kinds, lambda kind, nth: {strict}[nth] AND kind IN ('OBJECT', 'ARRAY')), true) END AS nested
            FROM (
                SELECT *, CASE WHEN has_nested THEN json_type(text, {pointers}) END AS kinds
                FROM (
                    SELECT line, problem, text, is_json,
                        CASE WHEN is_json THEN json_extract_string(text, {pointers}) END AS v,
                        is_json AND regexp_matches(ltrim(text), '^.[^{{\\[]*[{{\\[]') AS has_nested
                    FROM (
                        SELECT line, problem, text, coalesce(json_valid(text), false) AS is_json
                        FROM (SELECT line, problem, rtrim(text, chr(10) || chr(13)) AS text FROM {_LINES})
                    )
                )
            )
        )"""  # noqa: S608 (identifiers are quoted, values bound)
    return Records(sql, ("text", "is_json"), "CASE WHEN is_json THEN CAST(text AS JSON) ELSE to_json(text) END")


def _pointer(keys: str | Sequence[str]) -> str:
    """A JSON pointer (RFC 6901) to a key, or along several."""
    parts = [keys] if isinstance(keys, str) else keys
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _parquet_sql(source: Source, used: Sequence[str], parameters: Parameters) -> Records:
    path = parameters.add(str(source.path))
    for name in used:
        kind = source.columns[name]
        if kind.startswith(_NESTED) or kind.endswith("]"):
            raise ContractError(f"{source.path.name}: {name}: expected one value a row, found a column of type {kind}")
    columns = ", ".join(f"{quoted(name)} AS s{nth}" for nth, name in enumerate(used))
    carried = tuple(f"x{nth}" for nth in range(len(source.columns)))
    everything = ", ".join(f"{quoted(name)} AS {x}" for name, x in zip(source.columns, carried, strict=True))
    packed = ", ".join(f"{quoted(name)} := {x}" for name, x in zip(source.columns, carried, strict=True))
    sql = f"""
        SELECT file_row_number + 1 AS _row, NULL::VARCHAR AS _problem, {columns}, {everything}
        FROM read_parquet({path}, file_row_number = true)"""  # noqa: S608 (identifiers are quoted, values bound)
    return Records(sql, carried, f"to_json(struct_pack({packed}))")
