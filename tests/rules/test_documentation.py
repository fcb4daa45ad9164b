"""What the documentation of rules says, done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from riskloom.cli import build_app
from riskloom.errors import CatalogError
from riskloom.features import load_views
from riskloom.rules import Schema, load_lists, load_rules, parse_rule, parse_scenario, schema_of
from riskloom.rules.book import LISTS
from riskloom.rules.functions import FUNCTIONS
from riskloom.settings import PROJECT_ROOT
from tests.rules.conftest import CATALOG

DOCUMENT = PROJECT_ROOT / "docs" / "rules.md"


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def documented(manifest: Path) -> tuple[Path, Schema]:
    """The folder and schema of the domain that the document takes as its example."""
    (name,) = set(re.findall(r"riskloom rules explain (\w+)", DOCUMENT.read_text(encoding="utf-8")))
    domain = CATALOG[name]
    features = [feature for view in load_views(domain, manifest) for feature in view.features]
    return domain.folder, schema_of(domain, features, load_lists(domain))


def test_its_rule_list_and_scenario_can_be_used(documented: tuple[Path, Schema]) -> None:
    """The rule's examples hold, the domain declares such a list, and the scenario's rules are those of the domain."""
    folder, schema = documented
    rule, declared, scenario = blocks("yaml")
    assert declared in (folder / LISTS).read_text(encoding="utf-8")
    assert parse_rule(rule, file="a.yml", schema=schema).id in DOCUMENT.read_text(encoding="utf-8")
    rules = {name: rule.declaration for name, rule in load_rules(folder, schema).rules.items()}
    assert parse_scenario(scenario, file="b.yml", schema=schema, rules=rules).declaration.rules.keys() <= rules.keys()


def test_its_mistake_is_answered_as_it_says(documented: tuple[Path, Schema]) -> None:
    """The line it shows is what somebody gets who writes the name wrongly."""
    shown = blocks("text")[0].strip()
    spoiled = blocks("yaml")[0].replace("event.amount > 300", "event.amonut > 300")
    with pytest.raises(CatalogError) as caught:
        parse_rule(spoiled, file=shown.split(":", maxsplit=1)[0], schema=documented[1])
    assert [str(mistake) for mistake in caught.value.mistakes] == [shown]


@pytest.mark.parametrize("block", blocks("python"))
def test_its_python_runs(block: str) -> None:
    """With the answers it asserts."""
    exec(compile(block, "docs/rules.md", "exec"), {})  # noqa: S102 - our own document


def test_it_describes_every_function() -> None:
    """A function that nobody can look up is not part of the language."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in FUNCTIONS if f"`{name}" not in text] == []


def test_its_commands_work(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking counts every domain's rules; explaining shows tree, SQL and bound values."""
    monkeypatch.setenv("RISKLOOM_HOME", str(manifest.parents[1]))
    runner, app = CliRunner(), build_app()
    checked = runner.invoke(app, ["rules", "check"], catch_exceptions=False)
    assert all(f"{name}: " in checked.stdout for name in CATALOG)
    (line,) = re.findall(r"riskloom (rules explain .*)", DOCUMENT.read_text(encoding="utf-8"))
    explained = runner.invoke(app, line.split("#")[0].split(), catch_exceptions=False)
    assert "compares numbers" in explained.stdout
    assert "$p0 = " in explained.stdout
    domain, scenario = line.split()[2], re.findall(r"^id: (\w+)", blocks("yaml")[-1])[0]
    added = runner.invoke(app, ["rules", "explain", domain, scenario], catch_exceptions=False)
    assert "alert from 40 points" in added.stdout
    assert "$p0 = " in added.stdout
