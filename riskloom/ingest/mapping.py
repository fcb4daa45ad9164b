"""Mapping files: which column of a source becomes which column of a table, and which rows are meant."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

import duckdb
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from riskloom.catalog import Domain
from riskloom.contracts import Duration, TableContract, mistakes_from
from riskloom.errors import MappingError, Mistake

#: How many of a unit of ``format = "epoch_…"`` make a second.
EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
_ISO = "iso"
Constant = str | int | float | bool


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError('a time zone such as "Europe/Berlin"')
    return name


def _known_format(text: str) -> str:
    if text not in {_ISO, *EPOCHS} and "%" not in text:
        raise ValueError(f'one of {", ".join([_ISO, *EPOCHS])}, or a pattern such as "%d.%m.%Y %H:%M"')
    return text


def _with_table(value: object) -> object:
    """A plain text stands for ``{ from = text }``."""
    return {"from": value} if isinstance(value, str) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _known_expression(text: str) -> str:
    try:
        with duckdb.connect() as connection:
            connection.execute("SELECT regexp_extract('', $1)", [text]).fetchall()
    except duckdb.Error as error:
        raise ValueError("a regular expression, as RE2 reads it") from error
    return text


Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class ColumnSource(BaseModel):
    """Where the values of one column come from: columns of the source, or a constant."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    sources: Annotated[Names, BeforeValidator(_as_list)] | None = Field(
        default=None, alias="from", description="A column; of several the first that has a value."
    )
    joined: Names | None = Field(default=None, description="Columns whose texts are put together.")
    separator: str = Field(default="/", description="Between the texts of joined columns.")
    of: Names | None = Field(default=None, description="Columns whose values together make an identifier: a digest.")
    missing: tuple[str, ...] = Field(default=(), description='Texts that mean no value, such as "N/A".')
    value: Constant | None = None
    optional: bool = Field(default=False, description="The source may lack it, or have a list or an object there.")
    extract: Annotated[str, AfterValidator(_known_expression)] | None = Field(
        default=None, description="The part of a text that matches, or its first group; no match is no value."
    )
    pseudonym: bool = Field(default=False, description="Only a keyed pseudonym of the text lands.")
    one_of: list[str] | None = Field(default=None, min_length=1, description="True where the text is one of these.")
    prefix: str = Field(default="", description="Put before a text.")
    format: Annotated[str, AfterValidator(_known_format)] = _ISO
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(default="UTC", description="Of times without offset.")
    add: Duration | None = Field(default=None, description="Added to a time.")
    round: bool = Field(default=False, description="Round a decimal to the table's digits instead of refusing it.")

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnSource:
        if sum(origin is not None for origin in (self.sources, self.joined, self.of, self.value)) != 1:
            raise ValueError(
                'one of from = "COLUMN", joined = ["COLUMN", "COLUMN"], of = ["COLUMN", "COLUMN"] or value = …'
            )
        if "separator" in self.model_fields_set and self.joined is None:
            raise ValueError('a separator between several columns, as in joined = ["ORDER", "ITEM"]')
        if self.missing and self.value is not None:
            raise ValueError("texts that mean no value in a column of the source, not in a constant")
        return self

    @property
    def read(self) -> tuple[str, ...]:
        """The source columns it takes part of its value from."""
        return self.sources or self.joined or self.of or ()


class TableMapping(BaseModel):
    """A mapping file, or the mapping of every column to the source's column of the same name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str
    table: str
    description: str = Field(min_length=10)
    columns: dict[str, Annotated[ColumnSource, BeforeValidator(_with_table)]] = Field(min_length=1)
    where: dict[str, Annotated[list[Constant], Field(min_length=1)]] = Field(
        default_factory=dict, description="Rows meant: source column to its values; an empty text means none."
    )
    unless: dict[str, Annotated[list[Constant], Field(min_length=1)]] = Field(
        default_factory=dict, description="Rows not meant: source column to its values; an empty text means none."
    )
    records: str | None = Field(
        default=None, min_length=1, description="Of a JSON document: the key, or path, below which its records stand."
    )
    each: str | None = Field(
        default=None, min_length=1, description="Of a JSON record: the list of which each element makes a row."
    )
    header: Names | None = Field(
        default=None, description="Names of the columns, for text whose first line does not say them."
    )
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        default=None, description="Between the fields of a line; found by itself where it is not given."
    )
    missing: list[str] = Field(default_factory=list, description="Texts that stand for no value, such as a hyphen.")

    @property
    def conditions(self) -> dict[str, list[Constant]]:
        """The columns that say which rows are meant, with the values they are compared with."""
        return {**self.unless, **self.where}

    @property
    def canonical(self) -> str:
        """What takes part in telling whether a file was ingested before: everything but the description."""
        content = self.model_dump(mode="json", exclude={"description"}, exclude_defaults=True)
        return json.dumps(content, sort_keys=True, separators=(",", ":"))


def read_mapping(path: Path, domain: Domain, table: TableContract) -> TableMapping:
    """
    Read a mapping file for one table of a domain.

    Raises:
        MappingError: It is missing or does not fit the table; every mistake is listed.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise mapping_error([Mistake(path.name, "(whole file)", "a mapping as TOML in UTF-8", str(error))]) from error
    try:
        mapping = TableMapping.model_validate(content)
    except ValidationError as error:
        raise mapping_error(mistakes_from(error, path.name)) from error
    mistakes = [Mistake(path.name, *rest) for rest in _misfits(mapping, domain, table)]
    if mistakes:
        raise mapping_error(mistakes)
    return mapping


def same_names(domain: Domain, table: TableContract, found: Mapping[str, str]) -> TableMapping:
    """Each column from the source's column of its name; upper and lower case are one."""
    by_lower: dict[str, str] = {}
    for name in found:
        by_lower.setdefault(name.lower(), name)
    pairs = {name: by_lower[name] for name in table.brought if name in by_lower}
    missing = [Mistake("source", name, "a column of this name", seen) for name, seen in _missing(table, pairs, found)]
    if missing:
        raise mapping_error(missing, what=f"the file's columns ({_listed(found)}) and {table.name}")
    return TableMapping(
        domain=domain.name,
        table=table.name,
        description="Columns of the same name.",
        columns={name: ColumnSource(sources=(source,)) for name, source in pairs.items()},
    )


def check_sources(mapping: TableMapping, found: Mapping[str, str], has: Callable[[str], bool]) -> None:
    """
    Check that every column a mapping reads, and that is not optional, is in the source.

    Args:
        mapping: The mapping.
        found: The source's columns, for what is said.
        has: Whether the source has a column of that name, or a path that begins with one.

    Raises:
        MappingError: One or more are not; each is named with the nearest column there is.
    """
    wanted: list[tuple[str, Sequence[str]]] = [
        (f"{key}.{name}", [name])
        for key, conditions in (("where", mapping.where), ("unless", mapping.unless))
        for name, values in conditions.items()
        if "" not in values
    ]
    for name, one in mapping.columns.items():
        if not one.optional:
            wanted += [(f"columns.{name}.from", one.sources or ())] if one.sources else []
            wanted += [(f"columns.{name}.of", [part]) for part in one.of or ()]
            wanted += [(f"columns.{name}.joined", [part]) for part in one.joined or ()]
    mistakes = [
        Mistake("mapping", key, f"a column of the source ({_listed(found)})", _missing_names(names, found))
        for key, names in wanted
        if not any(map(has, names))
    ]
    if mistakes:
        raise mapping_error(mistakes)


def _missing_names(names: Sequence[str], found: Mapping[str, str]) -> str:
    return " or ".join(repr(name) + _nearest(name, found) for name in names)


def mapping_error(mistakes: list[Mistake], what: str = "the mapping") -> MappingError:
    """All mistakes of a mapping as one error."""
    noun = "mistake" if len(mistakes) == 1 else "mistakes"
    return MappingError("\n".join([f"{len(mistakes)} {noun} in {what}:", *map(str, mistakes)]))


def _misfits(mapping: TableMapping, domain: Domain, table: TableContract) -> Iterator[tuple[str, str, str]]:
    if mapping.domain != domain.name:
        yield "domain", repr(domain.name), repr(mapping.domain)
    if mapping.table != table.name:
        yield "table", repr(table.name), repr(mapping.table)
    for name, source in mapping.columns.items():
        column = table.columns.get(name)
        if column is not None and column.joined is not None:
            yield f"columns.{name}", f"no source: it is joined of {', '.join(column.joined)}", "one"
        elif column is None:
            found = repr(name) + _nearest(name, table.columns)
            yield f"columns.{name}", f"a column of {table.name} ({_listed(table.columns)})", found
        else:
            yield from _option_misfits(f"columns.{name}", source, column.type)
            if source.pseudonym and source.prefix and column.pseudonym not in {None, source.prefix}:
                yield f"columns.{name}.prefix", f"{column.pseudonym!r}, as the table has it", repr(source.prefix)
    for name, found in _missing(table, mapping.columns, {}):
        yield f"columns.{name}", f"a source: {table.name} needs this column", found


def _option_misfits(key: str, source: ColumnSource, column_type: str) -> Iterator[tuple[str, str, str]]:
    """Options that mean nothing for a column of that type."""
    fits = {"prefix": "string", "add": "timestamp", "timezone": "timestamp", "format": "timestamp", "round": "decimal"}
    fits |= {"pseudonym": "string", "of": "string", "one_of": "boolean"}
    for option in sorted(source.model_fields_set & set(fits)):
        if not column_type.startswith(fits[option]):
            yield f"{key}.{option}", f"this option on a {fits[option]} only", f"a column of type {column_type}"


def _missing(table: TableContract, mapped: Mapping[str, Any], found: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Columns that must have a source and have none; ``observed_at`` may come from the ingest's clock."""
    for name, column in table.brought.items():
        if name not in mapped and not column.nullable and name != "observed_at":
            yield name, "nothing" + _nearest(name, found)


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    return f" (nearest: {lower[close[0]]!r})" if close else ""


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names)
