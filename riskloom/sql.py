"""Small helpers for SQL that is put together: quoted identifiers, and values that are always bound."""

from __future__ import annotations

from collections.abc import Iterable


def quoted(identifier: str) -> str:
    """An identifier as SQL, whatever characters it has."""
    return '"' + identifier.replace('"', '""') + '"'


def listed(identifiers: Iterable[str], prefix: str = "") -> str:
    """Identifiers separated by commas, each with a prefix such as ``t.``."""
    return ", ".join(prefix + quoted(name) for name in identifiers)


class Parameters:
    """The values of one statement: none of them becomes part of its text."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def add(self, value: object) -> str:
        """Bind a value; returns its place holder."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}"
