"""What every declaration must bring with it."""

from __future__ import annotations

import ast
import importlib

from riskloom.catalog import DOMAINS, Domain


def test_every_column_is_explained(domain: Domain) -> None:
    """A description says more than the column's name does."""
    for table in domain.tables.values():
        for name, column in table.columns.items():
            words = set(column.description.lower().rstrip(".").split())
            assert words - set(name.split("_")) - {"the", "a", "of"}, f"{table.name}.{name}: {column.description!r}"


def test_the_subject_reaches_its_labels(domain: Domain) -> None:
    """The label table refers to the subject by a column of the same type as the subject's key."""
    key = domain.event_table.columns[domain.subject.key]
    assert domain.tables[domain.label.table].columns[domain.label.key].type == key.type


def test_a_domain_imports_no_other_domain(domain: Domain) -> None:
    """Domains know the spine, never each other."""
    others = {path.parent.name for path in DOMAINS.glob("*/domain.toml")} - {domain.name}
    for path in domain.folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [module or ""]
            for name in names:
                assert not any(f"domains.{other}" in name for other in others), f"{path.name} imports {name}"


def test_its_modules_import(domain: Domain) -> None:
    """Each module of the domain can be imported, and doing so is all it does."""
    modules = [path for path in domain.folder.glob("*.py") if path.stem != "__init__"]
    assert any(path.stem == "simulate" for path in modules), "a domain brings a simulator"
    for path in modules:
        importlib.import_module(f"riskloom.domains.{domain.name}.{path.stem}")
