"""What the documentation of the life of a rule says, done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from riskloom.cli import build_app
from riskloom.features import dbt
from riskloom.lifecycle.floods import FloodRequest, write_request
from riskloom.lifecycle.transitions import NEXT
from riskloom.settings import PROJECT_ROOT, Settings
from riskloom.wiring import dbt_project

TEXT = (PROJECT_ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
(DOMAIN,) = set(re.findall(r"riskloom rules stages (\w+)", TEXT))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with dbt's manifest and nothing else."""
    home = tmp_path_factory.mktemp("documented")
    dbt.parse(dbt_project(Settings(home=home)))
    return home


def run(command: str) -> str:
    """The output of a command as it is typed; one that is refused raises."""
    words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command.split("#", maxsplit=1)[0])]
    result = CliRunner().invoke(build_app(), words[1:], catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_its_commands_can_be_typed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, each as it stands there; then a service's request is taken up."""
    monkeypatch.setenv("RISKLOOM_HOME", str(home))
    said: dict[str, str] = {}
    proposal = "none"
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)
    for line in "".join(content for language, content in blocks if not language).splitlines():
        said[line] = output = run(line.replace("PROPOSAL", proposal))
        if " propose " in line:
            proposal = output.split(":")[0]
    outputs = list(said.values())
    assert "0 new versions" in run(f"riskloom rules sync {DOMAIN} --by ci")
    (proposals,) = (output for line, output in said.items() if " proposals " in line)
    assert proposal in proposals
    (history,) = (output for line, output in said.items() if " history " in line)
    assert [line.split(" version ")[1].split(":")[0] for line in history.strip().splitlines()] == [
        "1 to draft by ci", "1 to shadow by ada", "1 to rollout 5% by grace",
    ]  # fmt: skip
    assert any("version 1 shadow" in output for output in outputs), "the rollback"
    members = next(output for line, output in said.items() if "lists show" in line)
    assert "skimmer found" in members
    rule = re.findall(r"riskloom rules history \w+ (\w+)", TEXT)[0]
    request = FloodRequest.model_validate(
        {"domain": DOMAIN, "rule_id": rule, "version": 1, "step": 9, "share": 0.5, "max_share": 0.2,
         "at": "2026-03-01T00:00:00Z"}
    )  # fmt: skip
    write_request(home / "rules", request)
    assert run(f"riskloom rules requests {DOMAIN}") == "", "it is void"
    assert "findings" not in run("riskloom audit verify")


def test_its_diagram_is_the_data() -> None:
    """Every step that may be taken, and no other."""
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", TEXT, flags=re.MULTILINE))
    assert drawn == {(before, after) for before, stages in NEXT.items() for after in stages}


def test_it_names_every_command() -> None:
    """A command that nobody can look up is not there."""
    groups = {group.name: group.typer_instance for group in build_app().registered_groups}
    for name in ("rules", "lists"):
        instance = groups[name]
        assert instance is not None
        for command in instance.registered_commands:
            called = command.name or getattr(command.callback, "__name__", "")
            if called not in {"check", "explain"}:
                assert f"riskloom {name} {called}" in TEXT, called
