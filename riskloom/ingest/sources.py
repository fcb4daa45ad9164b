"""The file formats that can be ingested, each as SQL that yields numbered records with their columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from riskloom.errors import ContractError
from riskloom.ingest.lines import TextFile
from riskloom.ingest.sql import Parameters, quoted

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
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


@dataclass
class Source:
    """
    One opened file.

    Attributes:
        path: Where it lies.
        kind: ``csv``, ``jsonl`` or ``parquet``.
        columns: The columns it has, name to DuckDB type; text formats have VARCHAR only.
        text: The lines, for text formats.
        separator: Between fields, for CSV.
    """

    path: Path
    kind: str
    columns: dict[str, str]
    text: TextFile | None = None
    separator: str = ","

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
            reader = self.text.reader(skip_first=is_csv, fields=len(self.columns) if is_csv else 0)
            connection.register(_LINES, reader)

    def select(self, used: Sequence[str], parameters: Parameters) -> Records:
        """
        SQL that yields a row a record.

        Raises:
            ContractError: A used column holds lists or structures.
        """
        if self.kind == "csv":
            return _csv_sql(self, used, parameters)
        if self.kind == "jsonl":
            return _json_sql(used, parameters)
        return _parquet_sql(self, used, parameters)


def open_source(path: Path, connection: duckdb.DuckDBPyConnection) -> Source:
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
    if kind == "csv":
        return _open_csv(path)
    return _open_jsonl(path, connection) if kind == "jsonl" else _open_parquet(path, connection)


def _open_csv(path: Path) -> Source:
    text = TextFile(path)
    header = text.first_line()
    if not header.strip():
        raise ContractError(f"{path.name}: expected a line of column names, found an empty file")
    separator = max(_SEPARATORS, key=header.count)
    try:
        names = [name.strip() for name in next(csv.reader([header], delimiter=separator, strict=True))]
    except csv.Error as error:
        raise ContractError(f"{path.name}: expected a line of column names, found one with {error}") from error
    if "" in names or len(set(names)) < len(names):
        raise ContractError(f"{path.name}: expected column names, each once, found {', '.join(map(repr, names))}")
    text.separator = separator
    return Source(path, "csv", dict.fromkeys(names, "VARCHAR"), text, separator)


def _open_jsonl(path: Path, connection: duckdb.DuckDBPyConnection) -> Source:
    text = TextFile(path)
    if text.first_line().lstrip().startswith("["):
        raise ContractError(f"{path.name}: expected JSON lines, an object on each line, found a JSON array")
    connection.register(_LINES, text.reader(skip_first=False))
    keys = f"SELECT DISTINCT unnest(json_keys(text)) AS key FROM {_LINES} WHERE json_valid(text)"  # noqa: S608 (a constant)
    try:
        rows = connection.execute(f"{keys} ORDER BY key").fetchall()
    except duckdb.Error as error:
        raise text.failure or ContractError(f"{path.name}: expected JSON lines, found {error}") from error
    finally:
        connection.unregister(_LINES)
    return Source(path, "jsonl", dict.fromkeys([key for (key,) in rows], "VARCHAR"), text)


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


def _json_sql(used: Sequence[str], parameters: Parameters) -> Records:
    pointers = parameters.add(["/" + name.replace("~", "~0").replace("/", "~1") for name in used])
    columns = ", ".join(f"v[{nth + 1}] AS s{nth}" for nth in range(len(used)))
    names = parameters.add(list(used))
    sql = f"""
        SELECT line AS _row, text, is_json, {columns}, CASE
            WHEN problem IS NOT NULL THEN problem
            WHEN NOT is_json THEN 'line: expected a JSON object, found ' || left(text, 60)
            WHEN NOT starts_with(ltrim(text), '{{') THEN 'line: expected a JSON object, found ' || left(text, 60)
            WHEN nested > 0 THEN {names}[nested] || ': expected one value, found ' || v[nested]
        END AS _problem
        FROM (
            SELECT *, CASE WHEN has_nested THEN list_position(list_transform(
                json_type(text, {pointers}), lambda kind: kind IN ('OBJECT', 'ARRAY')), true) END AS nested
            FROM (
                SELECT line, problem, text, is_json,
                    CASE WHEN is_json THEN json_extract_string(text, {pointers}) END AS v,
                    is_json AND regexp_matches(ltrim(text), '^.[^{{\\[]*[{{\\[]') AS has_nested
                FROM (
                    SELECT line, problem, text, coalesce(json_valid(text), false) AS is_json
                    FROM (SELECT line, problem, rtrim(text, chr(10) || chr(13)) AS text FROM {_LINES})
                )
            )
        )"""  # noqa: S608 (identifiers are quoted, values bound)
    return Records(sql, ("text", "is_json"), "CASE WHEN is_json THEN CAST(text AS JSON) ELSE to_json(text) END")


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
