"""From pydantic's validation errors to the mistakes we report."""

from __future__ import annotations

from pydantic import ValidationError

from riskloom.errors import Mistake

_SHOWN = 80


def mistakes_from(error: ValidationError, file: str) -> list[Mistake]:
    """Every error of one validation as mistakes of ``file``, in the order of the keys."""
    return [
        Mistake(file, ".".join(map(str, item["loc"])) or "(whole file)", _expected(item["type"], item["msg"]), found)
        for item in error.errors(include_url=False)
        for found in ["nothing" if item["type"] == "missing" else shown(item["input"])]
    ]


def shown(value: object) -> str:
    """A value as a mistake shows it: its representation, cut where it gets long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _expected(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "no key of this name"
    if kind == "missing":
        return "a value"
    for prefix in ("Value error, ", "Input should be "):
        message = message.removeprefix(prefix)
    return message
