"""A table's contract as SQL over a source's columns: each value converted, each broken rule as a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from riskloom.contracts import SEPARATOR, Column, TableContract
from riskloom.ingest.mapping import EPOCHS, ColumnSource, TableMapping
from riskloom.ingest.pseudonyms import pseudonym_sql
from riskloom.ingest.schema import decimal_digits, duckdb_type
from riskloom.ingest.sources import Records
from riskloom.sql import Parameters, quoted

#: Clocks differ: an event may seem to have happened this long after we knew of it.
TOLERANCE = timedelta(minutes=5)
_SHOWN = 60
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT"}
_NAIVE_TIMES = {"TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "DATE"}
#: A group that is captured, in a regular expression.
_GROUP = re.compile(r"(?<!\\)\((?!\?)")
_FIRST_TIME, _LAST_TIME = "0001-01-01", "9999-12-31 23:59:59.999999"
_LAST_SECOND = 253_402_300_799  # of the year 9999


@dataclass(frozen=True, slots=True)
class Value:
    """One source value as SQL: itself, its text, and its type."""

    sql: str
    kind: str

    @property
    def text(self) -> str:
        """The value as text; an empty text is no value."""
        return f"nullif({self.sql}, '')" if self.kind == "VARCHAR" else f"CAST({self.sql} AS VARCHAR)"

    @property
    def is_missing(self) -> str:
        """Whether there is no value."""
        empty = f" OR {self.sql} = ''" if self.kind == "VARCHAR" else ""
        return f"({self.sql} IS NULL{empty})"


_NOTHING = Value("NULL::VARCHAR", "VARCHAR")


def used_columns(mapping: TableMapping) -> list[str]:
    """The source columns a mapping reads, each once."""
    wanted = [name for one in mapping.columns.values() for name in one.read]
    return list(dict.fromkeys([*wanted, *mapping.conditions]))


def lenient_columns(mapping: TableMapping) -> set[str]:
    """Those of them that only optional columns are made of: a list or an object there is no value, and no mistake."""
    strict = {name for one in mapping.columns.values() if not one.optional for name in one.read}
    return set(used_columns(mapping)) - strict - set(mapping.conditions)


def checked_sql(
    records: Records,
    table: TableContract,
    mapping: TableMapping,
    kinds: Mapping[str, str],
    observed_at: datetime,
    parameters: Parameters,
    pseudonym_key: bytes | None = None,
) -> str:
    """
    SQL that yields a row a record that is meant: ``_row``, the table's columns, ``_reasons`` and ``_raw``.

    ``_reasons`` lists everything that is wrong with the record; it and ``_raw`` are null where nothing is.

    Args:
        records: As ``Source.select`` gives them for ``kinds``.
        table: The contract to keep.
        mapping: Where each column comes from.
        kinds: DuckDB type of each source column that is selected, in its order.
        observed_at: The ingest's clock.
        parameters: Takes the statement's values.
        pseudonym_key: Of the pseudonyms that the contract or the mapping asks for.
    """
    values = {name: Value(f"s{nth}", kind) for nth, (name, kind) in enumerate(kinds.items())}
    clock = parameters.add(observed_at.astimezone(UTC).replace(tzinfo=None))
    converted, checks = [], []
    for nth, (name, column) in enumerate(table.columns.items()):
        given = _given(name, mapping.columns.get(name), values, clock, parameters)
        source = mapping.columns.get(name, ColumnSource(value=""))
        value = _converted(given, column, source, parameters)
        prefix = column.pseudonym or (source.prefix if source.pseudonym else None)
        if prefix is not None and pseudonym_key is not None:
            value = pseudonym_sql(value, prefix, pseudonym_key, parameters)
        converted.append(f"{value} AS v{nth}")
        # Its text is only worth computing where there is something to say about it.
        converted.append(f"{given.sql} AS g{nth}")
        shown = Value(f"v{nth}" if column.joined else f"g{nth}", given.kind)
        checks.append(_reason(name, f"v{nth}", shown, column, parameters))
    checks += list(_time_reasons(list(table.columns), clock))
    reasons = ", ".join(f"{check} AS r{nth}" for nth, check in enumerate(checks))
    any_reason = ", ".join(["_problem", *(f"r{nth}" for nth in range(len(checks)))])
    columns = ", ".join(f"v{nth} AS {quoted(name)}" for nth, name in enumerate(table.columns))
    where = " AND ".join(
        negation + _is_one_of(values.get(name, _NOTHING), listed, parameters)
        for negation, conditions in (("", mapping.where), ("NOT ", mapping.unless))
        for name, listed in conditions.items()
    )
    return f"""
        SELECT _row, {columns},
            CASE WHEN _problem IS NOT NULL THEN [_problem]
                WHEN coalesce({any_reason}) IS NOT NULL
                THEN list_filter([{any_reason}], lambda reason: reason IS NOT NULL) END AS _reasons,
            CASE WHEN coalesce({any_reason}) IS NOT NULL THEN CAST({records.raw} AS VARCHAR) END AS _raw
        FROM (
            SELECT *, {reasons}
            FROM (SELECT *{_joined(table)}
                FROM (SELECT _row, _problem, {", ".join([*records.carried, *converted])}
                    FROM ({_without_missing(records.sql, values, mapping.missing, parameters)})
                    WHERE _problem IS NOT NULL OR ({where or "true"})))
        )"""  # noqa: S608 (identifiers are quoted, values bound)


def _without_missing(sql: str, values: Mapping[str, Value], missing: list[str], parameters: Parameters) -> str:
    """The records with null where a text stands for no value."""
    texts = [value.sql for value in values.values() if value.kind == "VARCHAR"]
    if not missing or not texts:
        return sql
    listed_texts = parameters.add(missing)
    replaced = ", ".join(
        f"CASE WHEN NOT list_contains({listed_texts}, {text}) THEN {text} END AS {text}" for text in texts
    )
    return f"SELECT * REPLACE ({replaced}) FROM ({sql})"  # noqa: S608 (names are ours, values bound)


def _joined(table: TableContract) -> str:
    """The joined columns, made of converted ones: null where a part is."""
    position = {name: nth for nth, name in enumerate(table.columns)}
    made = []
    for name, column in table.columns.items():
        if column.joined is not None:
            parts = f" || '{SEPARATOR}' || ".join(f"v{position[part]}" for part in column.joined)
            made.append(f"{parts} AS v{position[name]}")
    return f" REPLACE ({', '.join(made)})" if made else ""


def _given(
    name: str, source: ColumnSource | None, values: Mapping[str, Value], clock: str, parameters: Parameters
) -> Value:
    if source is None:
        return Value(clock, "TIMESTAMP") if name == "observed_at" else _NOTHING
    if source.value is not None:
        text = str(source.value).lower() if isinstance(source.value, bool) else str(source.value)
        return Value(f"CAST({parameters.add(text)} AS VARCHAR)", "VARCHAR")
    found = [_without(values[name], source.missing, parameters) for name in source.read if name in values]
    if not found:
        return _NOTHING
    if source.of is not None:
        return _digest(found)
    if source.joined is not None:
        return _together(found, source.separator, parameters)
    value = found[0] if len(found) == 1 else Value(f"coalesce({', '.join(one.text for one in found)})", "VARCHAR")
    if source.extract is not None:
        group = 1 if _GROUP.search(source.extract) else 0
        part = f"regexp_extract({value.text}, {parameters.add(source.extract)}, {group})"
        value = Value(f"nullif({part}, '')", "VARCHAR")
    return value


def _digest(parts: list[Value]) -> Value:
    """128 bits of SHA-256, in hexadecimal, of several values; nothing where all of them are missing."""
    texts = ", ".join(f"coalesce({part.text}, '')" for part in parts)
    is_there = " OR ".join(f"NOT {part.is_missing}" for part in parts)
    return Value(f"CASE WHEN {is_there} THEN left(sha256(concat_ws(chr(31), {texts})), 32) END", "VARCHAR")


def _without(value: Value, missing: tuple[str, ...], parameters: Parameters) -> Value:
    """The value, or none where its text is one of those that mean so."""
    if not missing:
        return value
    texts = ", ".join(parameters.add(text) for text in missing)
    return Value(f"CASE WHEN {value.text} NOT IN ({texts}) THEN {value.sql} END", value.kind)


def _together(parts: list[Value], separator: str, parameters: Parameters) -> Value:
    """The texts of several values with the separator between them: nothing where one of them is missing."""
    between = f" || {parameters.add(separator)} || " if separator else " || "
    return Value(f"({between.join(part.text for part in parts)})", "VARCHAR")


def _converted(given: Value, column: Column, source: ColumnSource, parameters: Parameters) -> str:
    """The value in the column's type; null where it cannot be had exactly."""
    if column.type == "string" and source.pseudonym:
        return given.text
    if column.type == "string":
        return f"{parameters.add(source.prefix)} || {given.text}" if source.prefix else given.text
    if column.type == "timestamp":
        return _timestamp(given, source, parameters)
    if source.one_of is not None:
        return f"list_contains({parameters.add(source.one_of)}, {given.text})"
    if column.type.startswith("decimal"):
        return _decimal(given, column, source)
    return _plain_value(given, column.type)


def _plain_value(given: Value, column_type: str) -> str:
    """A boolean, whole number or binary number."""
    if column_type == "boolean":
        return given.sql if given.kind == "BOOLEAN" else f"TRY_CAST(trim({given.text}) AS BOOLEAN)"
    if column_type == "double":
        return f"TRY_CAST({_plain(given)} AS DOUBLE)"
    if given.kind in _INTEGERS:
        return f"TRY_CAST({given.sql} AS BIGINT)"
    return _where_text(given, r"[+-]?[0-9]{1,19}(\.0*)?", "BIGINT")


def _decimal(given: Value, column: Column, source: ColumnSource) -> str:
    """An exact decimal: more digits than the column has are refused unless they are zeros."""
    _, scale = decimal_digits(column.type)
    target = duckdb_type(column.type)
    if given.kind in _INTEGERS:
        return f"TRY_CAST({given.sql} AS {target})"
    if source.round:
        return f"TRY_CAST({_plain(given)} AS {target})"
    return _where_text(given, rf"[+-]?([0-9]+(\.[0-9]{{0,{scale}}}0*)?|\.[0-9]{{1,{max(scale, 1)}}}0*)", target)


def _timestamp(given: Value, source: ColumnSource, parameters: Parameters) -> str:
    """Naive UTC with microseconds."""
    if source.format in EPOCHS:
        value = _from_epoch(given, EPOCHS[source.format])
    elif given.kind == "TIMESTAMP WITH TIME ZONE":
        value = f"CASE WHEN isfinite({given.sql}) THEN {_utc(given.sql)} END"
    elif given.kind in _NAIVE_TIMES:
        value = _from_naive(f"TRY_CAST({given.sql} AS TIMESTAMP)", source, parameters)
    elif source.format != "iso":
        value = _from_pattern(given, source, parameters)
    else:
        value = _from_iso(given, source, parameters)
    if source.add is not None:
        value = f"{value} + to_microseconds({source.add // timedelta(microseconds=1)})"
    return value


def _from_epoch(given: Value, units: int) -> str:
    seconds = f"TRY_CAST({_plain(given)} AS DECIMAL(38, 9)) / {units}"
    exact = f"TRY_CAST(TRY_CAST({_plain(given)} AS DECIMAL(32, 6)) * {1_000_000 // units} AS BIGINT)"
    return f"CASE WHEN {seconds} BETWEEN -{_LAST_SECOND} AND {_LAST_SECOND} THEN make_timestamp({exact}) END"


def _from_iso(given: Value, source: ColumnSource, parameters: Parameters) -> str:
    # Four digits of year keep out what the cast also takes: "infinity", "epoch", years no clock shows.
    text = f"trim({given.text})"
    parsed = _utc(f"TRY_CAST({text} AS TIMESTAMPTZ)")
    if source.timezone != "UTC":
        naive = _from_naive(f"TRY_CAST({text} AS TIMESTAMP)", source, parameters)
        has_offset = rf"length({text}) > 11 AND regexp_matches({text}, '(Z|[+-]\d\d(:?\d\d)?)$')"
        parsed = f"CASE WHEN {has_offset} THEN {parsed} ELSE {naive} END"
    return f"CASE WHEN {text} LIKE '____-__-__%' THEN {parsed} END"


def _from_pattern(given: Value, source: ColumnSource, parameters: Parameters) -> str:
    parsed = f"try_strptime({given.text}, {parameters.add(source.format)})"
    return _utc(parsed) if "%z" in source.format else _from_naive(parsed, source, parameters)


def _from_naive(naive: str, source: ColumnSource, parameters: Parameters) -> str:
    return naive if source.timezone == "UTC" else _utc(f"timezone({parameters.add(source.timezone)}, {naive})")


def _utc(instant: str) -> str:
    """A time with zone as naive UTC."""
    return f"make_timestamp(epoch_us({instant}))"


def _plain(given: Value) -> str:
    """A number as it is, or its text without blanks; without the hexadecimal and underscores a cast also takes."""
    if given.kind != "VARCHAR":
        return given.sql
    return f"CASE WHEN NOT regexp_matches({given.text}, '[xXbB_]') THEN trim({given.text}) END"


def _where_text(given: Value, pattern: str, target: str) -> str:
    text = f"trim({given.text})"
    return f"CASE WHEN regexp_full_match({text}, '{pattern}') THEN TRY_CAST({text} AS {target}) END"


def _reason(name: str, value: str, given: Value, column: Column, parameters: Parameters) -> str:
    """The first rule of its column that ``value``, made of ``given``, breaks, as text; null where it keeps all."""
    # Of what identifies somebody, a reason does not repeat the value.
    shown = (
        f"length({given.text}) || ' characters'"
        if column.pseudonym
        else f"'''' || left({given.text}, {_SHOWN}) || ''''"
    )
    found = f"', found ' || {shown}"
    cases = [] if column.nullable else [f"WHEN {given.is_missing} THEN '{name}: expected a value, found nothing'"]
    unread = f"{value} IS NULL AND NOT {given.is_missing}"
    cases.append(f"WHEN {unread} THEN '{name}: expected {_described(column)}' || {found}")
    if column.pseudonym is not None:
        too_long = f"length({given.text}) > {column.longest_given}"
        cases.append(f"WHEN {too_long} THEN '{name}: expected at most {column.longest_given} characters' || {found}")
    for condition, expected in _bounds(value, column, parameters):
        cases.append(f"WHEN {condition} THEN '{name}: expected ' || {parameters.add(expected)} || {found}")
    return f"CASE {' '.join(cases)} END"


def _described(column: Column) -> str:
    if column.type.startswith("decimal"):
        precision, scale = decimal_digits(column.type)
        return f"a number with at most {precision - scale} digits before the point and {scale} after it"
    return {
        "string": "a text",
        "bigint": "a whole number",
        "double": "a number",
        "boolean": "true or false",
        "timestamp": "a time such as 2026-01-31T12:00:00Z",
    }[column.type]


def _bounds(value: str, column: Column, parameters: Parameters) -> Iterator[tuple[str, str]]:
    """Conditions that break a rule, with what the rule expects."""
    if column.type == "string":
        yield f"length({value}) > {column.max_length}", f"at most {column.max_length} characters"
        yield f"contains({value}, chr(0))", "a text without null characters"
        if column.allowed is not None:
            allowed = parameters.add(list(column.allowed))
            yield f"NOT list_contains({allowed}, {value})", f"one of {', '.join(column.allowed)}"
        if column.pattern is not None:
            yield f"NOT regexp_full_match({value}, {parameters.add(column.pattern)})", f"a text like {column.pattern}"
    if column.type == "double":
        yield f"NOT isfinite({value})", "a finite number"
    if column.type == "timestamp":
        yield f"{value} NOT BETWEEN TIMESTAMP '{_FIRST_TIME}' AND TIMESTAMP '{_LAST_TIME}'", "a year from 1 to 9999"
    if column.minimum is not None:
        yield f"{value} < {parameters.add(column.minimum)}", f"{column.minimum} or more"
    if column.maximum is not None:
        yield f"{value} > {parameters.add(column.maximum)}", f"{column.maximum} or less"


def _time_reasons(columns: list[str], clock: str) -> Iterator[str]:
    """What a record says of times that cannot be: known before it happened, known after now."""
    effective, observed = f"v{columns.index('effective_at')}", f"v{columns.index('observed_at')}"
    latest = f"{observed} + to_microseconds({TOLERANCE // timedelta(microseconds=1)})"
    minutes = TOLERANCE // timedelta(minutes=1)
    too_late = f"effective_at: expected at most {minutes} minutes after observed_at ("
    yield f"CASE WHEN {effective} > {latest} THEN '{too_late}' || {observed} || '), found ' || {effective} END"
    yield f"""CASE WHEN {observed} > {clock} THEN 'observed_at: expected no later than the ingest (' || {clock}
        || '), found ' || {observed} END"""


def _is_one_of(value: Value, listed: list[str | int | float | bool], parameters: Parameters) -> str:
    """Whether a value's text is one of those listed, or its number is; no value is an empty text."""
    texts = [str(one).lower() if isinstance(one, bool) else str(one) for one in listed]
    numbers = [float(one) for one in listed if isinstance(one, int | float)]
    condition = f"coalesce(list_contains({parameters.add(texts)}, {value.text}), false)"
    if numbers:
        condition += f" OR coalesce(list_contains({parameters.add(numbers)}, TRY_CAST({value.text} AS DOUBLE)), false)"
    if "" in texts:
        condition += f" OR {value.is_missing}"
    return f"({condition})"
