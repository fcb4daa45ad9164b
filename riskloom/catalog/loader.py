"""Find every domain's folder, read what it declares, and report all mistakes of all domains at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from riskloom.catalog.declaration import UNSUPERVISED, Domain
from riskloom.catalog.outcomes import outcome_misfits
from riskloom.contracts import TableContract, mistakes_from
from riskloom.errors import CatalogError, ConfigError, Mistake

#: Where the domains lie; the catalogue is whatever has a ``domain.toml`` there.
DOMAINS = Path(__file__).resolve().parent.parent / "domains"


def load_catalog(folder: Path = DOMAINS) -> dict[str, Domain]:
    """
    Read every domain declared below ``folder``, by name.

    Raises:
        CatalogError: At least one declaration is wrong; every mistake of every domain is listed.
    """
    domains: dict[str, Domain] = {}
    mistakes: list[Mistake] = []
    for path in sorted(folder.glob("*/domain.toml")):
        try:
            domain = _read_domain(path.parent)
        except CatalogError as error:
            mistakes.extend(error.mistakes)
        else:
            domains[domain.name] = domain
    if mistakes:
        raise CatalogError(mistakes)
    return domains


def load_domain(name: str, folder: Path = DOMAINS) -> Domain:
    """
    Read one domain.

    Raises:
        ConfigError: No such domain.
        CatalogError: Its declaration is wrong.
    """
    known = sorted(path.parent.name for path in folder.glob("*/domain.toml"))
    if name not in known:
        raise ConfigError(f"no domain {name!r}; known domains: {', '.join(known) or 'none'}")
    return _read_domain(folder / name)


def _read_domain(folder: Path) -> Domain:
    mistakes: list[Mistake] = []
    tables = _read_tables(folder, mistakes)
    path = folder / "domain.toml"
    content = _read_toml(path, mistakes)
    try:
        domain = Domain.model_validate({**content, "folder": folder})
    except ValidationError as error:
        if content:
            mistakes.extend(mistakes_from(error, _shown(path)))
        raise CatalogError(mistakes) from error
    domain = domain.model_copy(update={"tables": tables})
    mistakes.extend(Mistake(_shown(path), *rest) for rest in _misfits(domain))
    if mistakes:
        raise CatalogError(mistakes)
    return domain


def _read_tables(folder: Path, mistakes: list[Mistake]) -> dict[str, TableContract]:
    tables: dict[str, TableContract] = {}
    for path in sorted((folder / "tables").glob("*.toml")):
        content = _read_toml(path, mistakes)
        if not content:
            continue
        try:
            tables[path.stem] = TableContract.model_validate({"name": path.stem, **content})
        except ValidationError as error:
            mistakes.extend(mistakes_from(error, _shown(path)))
            continue
        if tables[path.stem].name != path.stem:
            mistakes.append(Mistake(_shown(path), "name", f"the file's name {path.stem!r}", repr(content["name"])))
    return tables


def _read_toml(path: Path, mistakes: list[Mistake]) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        mistakes.append(Mistake(_shown(path), "(whole file)", "TOML in UTF-8", str(error)))
        return {}
    if not content:
        mistakes.append(Mistake(_shown(path), "(whole file)", "a declaration", "an empty file"))
    return content


def _misfits(domain: Domain) -> Iterator[tuple[str, str, str]]:
    """What each part of a declaration says of another part that is not so: key, expected, found."""
    if domain.name != domain.folder.name:
        yield "name", f"the folder's name {domain.folder.name!r}", repr(domain.name)
    yield from _table_misfits(domain)
    yield from _pseudonym_misfits(domain)
    yield from outcome_misfits(domain)
    yield from _watch_misfits(domain)
    if domain.gate.without_labels and not UNSUPERVISED & set(domain.training.candidates):
        expected = f"one that needs no labels ({', '.join(sorted(UNSUPERVISED))}), as gate.without_labels says"
        yield "training.candidates", expected, repr(domain.training.candidates)
    yield from _assessment_misfits(domain)
    if domain.gate.tolerance >= domain.gate.minimum > 0:
        yield "gate.tolerance", "less than gate.minimum", repr(domain.gate.tolerance)


def _table_misfits(domain: Domain) -> Iterator[tuple[str, str, str]]:
    known = ", ".join(sorted(domain.tables)) or "none: tables/*.toml is empty"
    subject, label = domain.subject, domain.label
    events, labels = domain.tables.get(subject.event_table), domain.tables.get(label.table)
    if events is None:
        yield "subject.event_table", f"a table with a contract ({known})", repr(subject.event_table)
    else:
        yield from _column_misfit(events, "subject.key", subject.key, {"string"})
        yield from _column_misfit(events, "subject.group", subject.group, {"string"})
        yield from _column_misfit(events, "subject.amount", subject.amount, {"double", "decimal"})
        for name in subject.related:
            yield from _column_misfit(events, "subject.related", name, {"string"})
        if events.key != (subject.key,):
            yield "subject.key", f"the key of {events.name} ({', '.join(events.key)})", repr(subject.key)
    if labels is None:
        yield "label.table", f"a table with a contract ({known})", repr(label.table)
    else:
        yield from _column_misfit(labels, "label.key", label.key, {"string"})
        yield from _column_misfit(labels, "label.positive", label.positive, {"boolean"})


def _pseudonym_misfits(domain: Domain) -> Iterator[tuple[str, str, str]]:
    """A column of one name is one thing in all tables of a domain: with other pseudonyms its rows would not join."""
    first: dict[str, tuple[str, str | None]] = {}
    for table in domain.tables.values():
        for name, column in table.columns.items():
            where, pseudonym = first.setdefault(name, (table.name, column.pseudonym))
            if column.pseudonym != pseudonym:
                key = f"tables.{table.name}.columns.{name}.pseudonym"
                yield key, f"{pseudonym!r} as in {where}", repr(column.pseudonym)
    for name in (domain.subject.key, domain.label.key):
        if first.get(name, ("", None))[1] is not None:
            yield f"tables.{first[name][0]}.columns.{name}.pseudonym", "none: it is the key of what is scored", "one"


def _column_misfit(table: TableContract, key: str, name: str, types: set[str]) -> Iterator[tuple[str, str, str]]:
    column = table.columns.get(name)
    if column is None:
        yield key, f"a column of {table.name} ({', '.join(table.columns)})", repr(name)
    elif column.type.split("(")[0] not in types:
        yield key, f"a column of type {' or '.join(sorted(types))}", f"{name!r} of type {column.type}"


def _watch_misfits(domain: Domain) -> Iterator[tuple[str, str, str]]:
    entities = [watch.entity for watch in domain.watch]
    if len(set(entities)) < len(entities):
        yield "watch.entity", "each entity once", repr(entities)
    for number, watch in enumerate(domain.watch):
        if watch.history <= watch.period:
            yield f"watch.{number}.history", f"longer than the period {watch.period}", str(watch.history)


def _assessment_misfits(domain: Domain) -> Iterator[tuple[str, str, str]]:
    seen = [domain.subject.entity]
    for number, assessment in enumerate(domain.assessment):
        key, gate, limits = f"assessment.{number}", assessment.gate, assessment.thresholds
        if assessment.entity in seen:
            yield f"{key}.entity", f"one that is not judged yet ({', '.join(seen)})", repr(assessment.entity)
        seen.append(assessment.entity)
        if len(set(assessment.columns)) < len(assessment.columns):
            yield f"{key}.key", "a column of its own for each of these", ", ".join(assessment.columns)
        if len(set(assessment.outcomes.names)) < len(assessment.outcomes.names):
            yield f"{key}.outcomes", "each name once", ", ".join(assessment.outcomes.names)
        if limits.denied_below >= limits.valid_from:
            yield f"{key}.thresholds.denied_below", "less than valid_from", repr(limits.denied_below)
        if gate.tolerance >= gate.minimum > 0:
            yield f"{key}.gate.tolerance", "less than gate.minimum", repr(gate.tolerance)


def _shown(path: Path) -> str:
    """A path as a mistake shows it: from the domains folder on, the same on every machine."""
    return "/".join(path.parts[path.parts.index("domains") :]) if "domains" in path.parts else str(path)
