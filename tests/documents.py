"""What documentation says can be done: the code blocks of a page, and its commands as a reader would run them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from riskloom.cli import build_app

_PROMPT = "$ riskloom "


def code_blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def prompted_commands(page: Path) -> list[list[str]]:
    """The commands after a prompt in a page's console blocks, without ``riskloom`` and what is said behind ``#``."""
    lines = [line for block in code_blocks(page, "console") for line in block.splitlines()]
    return [shlex.split(line.removeprefix(_PROMPT), comments=True) for line in lines if line.startswith(_PROMPT)]


def run_command(command: list[str]) -> dict[str, int]:
    """The counts a command reports; a pattern of files is what a shell makes of it."""
    words = [name for word in command for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    result = CliRunner().invoke(build_app(), [*words, "--json"])
    assert result.exit_code == 0, result.output
    content: dict[str, int] = json.loads(result.output)
    return content
