"""Read a Dockerfile as far as the tests need it: stages with their instructions."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    """One stage: what it starts from and its instructions in order, as (keyword, rest of the line)."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)


class Dockerfile:
    """The stages of a Dockerfile; a stage includes what it inherits from the stages it starts from."""

    def __init__(self, path: Path) -> None:
        text = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", path.read_text(encoding="utf-8")))
        self.stages: dict[str, Stage] = {}
        for line in filter(None, (line.strip() for line in text.splitlines())):
            keyword, rest = line.split(maxsplit=1)
            if keyword == "FROM":
                base, _, name = rest.split()
                stage = Stage(name, base)
                self.stages[name] = stage
            else:
                stage.instructions.append((keyword, rest))

    def all_of(self, target: str, keyword: str) -> list[str]:
        """Every instruction of a kind that holds for a target, inherited ones first."""
        stage = self.stages[target]
        inherited = self.all_of(stage.base, keyword) if stage.base in self.stages else []
        return inherited + [rest for kind, rest in stage.instructions if kind == keyword]

    def env(self, target: str) -> dict[str, str]:
        """The environment of a target."""
        pairs = (pair for line in self.all_of(target, "ENV") for pair in shlex.split(line))
        return dict(pair.split("=", maxsplit=1) for pair in pairs)

    def command(self, target: str) -> list[str]:
        """What a target starts by itself."""
        command: list[str] = json.loads(self.all_of(target, "CMD")[-1])
        return command

    def copied(self, target: str) -> list[str]:
        """Paths of the checkout that a target copies, itself or in a stage it starts from."""
        lines = (line for line in self.all_of(target, "COPY") if not line.startswith("--from="))
        return [source for line in lines for source in line.split()[:-1]]
