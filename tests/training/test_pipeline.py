"""Train, validate, promote: the three calls the command line and the DAGs make."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from riskloom.catalog import Domain
from riskloom.cli import build_app
from riskloom.cli import read_plan as plans
from riskloom.cli import registry as promotions
from riskloom.cli import training as commands
from riskloom.errors import LeakageError, PlanError, RegistryError
from riskloom.features import ReadPlan, TrainingSet
from riskloom.registry import CompilePlan, ModelStore, load_model, promote, read_record
from riskloom.registry.plans import plan_path
from riskloom.settings import Settings
from riskloom.training.pipeline import promote_if_passed, train_and_save, validate
from tests.registry.models import planned
from tests.training.synthetic import AS_OF, FEATURES, make_frame


@dataclass
class Rows:
    """A source that has its rows in memory."""

    frame: pd.DataFrame
    features: tuple[str, ...] = FEATURES
    services: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def training_set(self, *, as_of: datetime, start: datetime, end: datetime) -> TrainingSet:
        """The rows of a window."""
        assert end < as_of
        inside = self.frame["decision_at"].between(start.replace(tzinfo=None), end.replace(tzinfo=None), "left")
        return TrainingSet(self.frame[inside], self.features)

    def ensure_service(self, name: str, features: tuple[str, ...]) -> None:
        """Remembered, for the test to look at."""
        self.services[name] = features


@dataclass
class Place:
    """Where the test's models and records are."""

    domain: Domain
    models: ModelStore
    registry: Path
    compile_plan: CompilePlan = planned

    def train(self, source: Rows, as_of: datetime = AS_OF) -> dict[str, object]:
        """Train as a DAG's task would."""
        return train_and_save(self.domain, source, self.models, self.registry, as_of=as_of, at=AS_OF, by="test")

    def promote(self, version: str) -> dict[str, object]:
        """Promote as a DAG's task would."""
        return promote_if_passed(
            self.domain.name,
            self.models,
            self.registry,
            version,
            compile_plan=self.compile_plan,
            by="test",
            why="passed",
            at=AS_OF,
        )


@pytest.fixture
def place(domain: Domain, settings: Settings) -> Place:
    """An empty store."""
    return Place(domain, ModelStore(settings.bentoml_home, settings.keys), settings.registry)


def test_the_whole_way(place: Place, frame: pd.DataFrame) -> None:
    """A trained model is saved with its card and service, is challenger, and becomes champion."""
    source = Rows(frame)
    outcome = place.train(source)
    assert (outcome["version"], outcome["passed"], outcome["is_new"]) == ("1", True, True)
    assert json.loads(json.dumps(outcome)) == outcome
    assert read_record(place.registry, place.domain.name).challenger == "1"
    assert load_model(place.models, place.domain.name, "1").manifest.feature_names == FEATURES
    assert source.services == {f"{place.domain.name}__v1": FEATURES}
    assert place.promote("1") | {"domain": ""} == {
        "domain": "",
        "version": "1",
        "promoted": True,
        "champion": "1",
        "reasons": [],
    }
    assert place.promote("1")["reasons"] == ["version 1 is the champion already"]


def test_training_again_changes_nothing(place: Place, frame: pd.DataFrame) -> None:
    """The same rows give the same version, and the record gets no second entry."""
    place.train(Rows(frame))
    again = place.train(Rows(frame.sample(frac=1, random_state=5)))
    assert (again["version"], again["is_new"]) == ("1", False)
    assert len(read_record(place.registry, place.domain.name).history) == 1


def test_a_worse_model_is_kept_but_not_promoted(place: Place, frame: pd.DataFrame) -> None:
    """It is challenger with its reasons; the champion stays."""
    place.train(Rows(frame))
    place.promote("1")
    outcome = place.train(Rows(frame, features=("noise", "amount_log")))
    assert (outcome["version"], outcome["passed"]) == ("2", False)
    promoted = place.promote("2")
    assert (promoted["promoted"], promoted["champion"]) == (False, "1")
    assert "below champion 1" in str(promoted["reasons"])
    assert read_record(place.registry, place.domain.name).challenger == "2"


def test_validation_judges_against_the_champion_of_now(place: Place, frame: pd.DataFrame) -> None:
    """A verdict from before the champion changed promotes nothing until it is given again."""
    place.train(Rows(frame, features=("noise", "spend_ratio")))
    place.train(Rows(frame))
    place.promote("2")
    assert "the champion is 2: validate again" in str(place.promote("1")["reasons"])
    answer = validate(place.domain, Rows(frame), place.models, place.registry, "1", as_of=AS_OF)
    assert not answer["passed"]
    assert answer["verdict"]["champion"] == "2"
    with pytest.raises(RegistryError, match="refused by the gate"):
        promote(place.registry, place.models, place.domain.name, "1", compile_plan=planned, by="a", why="b", at=AS_OF)


def test_validation_on_rows_the_model_learned_from_is_refused(place: Place, frame: pd.DataFrame) -> None:
    """A holdout that reaches into the fit window proves nothing."""
    place.train(Rows(frame))
    with pytest.raises(LeakageError, match="learned from decisions up to"):
        validate(place.domain, Rows(frame), place.models, place.registry, "1", as_of=AS_OF - timedelta(days=1))


def test_the_card_shows_what_it_names(place: Place, frame: pd.DataFrame) -> None:
    """Every picture in the card lies beside it, and the figures are the manifest's."""
    card = Path(str(place.train(Rows(frame))["card"]))
    text = card.read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert len(pictures) == 5
    assert all((card.parent / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    value = load_model(place.models, place.domain.name, "1").manifest.metrics["average_precision"].value
    assert f"| Average precision | {value:.4f} |" in text
    for heading in ("Gate: passed", "Data", "Features (5)", "Slices of the holdout", "What is decided", "Limits"):
        assert f"## {heading}" in text


def test_a_model_of_features_that_are_gone_is_not_promoted(place: Place, frame: pd.DataFrame) -> None:
    """The reason names the feature; whoever was champion stays, and no plan is left."""
    place.train(Rows(frame))

    def refuse(domain: str, version: str, features: Sequence[str]) -> ReadPlan:
        raise PlanError(f"version {version} of {domain}: nothing gives {features[0]}")

    place.compile_plan = refuse
    found = place.promote("1")
    assert (found["promoted"], found["champion"]) == (False, None)
    assert f"nothing gives {FEATURES[0]}" in str(found["reasons"])
    assert not list(place.registry.glob("plans/*/*.json"))


def test_the_command_line_says_when_the_gate_refuses(
    place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`train` exits with 3 and prints the reasons; `models`, `card`, `promote` and `rollback` follow."""
    monkeypatch.setenv("RISKLOOM_HOME", str(settings.home))
    source = Rows(make_frame(place.domain, strength=0))
    monkeypatch.setattr(commands, "feature_source", lambda *_: source)
    monkeypatch.setattr(commands, "load_domain", lambda _: place.domain)
    for module in (promotions, plans):
        monkeypatch.setattr(module, "plan_compiler", lambda _: planned)
    runner, app, name = CliRunner(), build_app(), place.domain.name
    refused = runner.invoke(app, ["train", name, "--as-of", AS_OF.isoformat()])
    assert refused.exit_code == commands.GATE_REFUSED
    assert "below gate.minimum" in refused.stdout
    source.frame = make_frame(place.domain)
    passed = runner.invoke(app, ["train", name, "--as-of", AS_OF.isoformat(), "--json"])
    assert passed.exit_code == 0
    assert json.loads(passed.stdout)["version"] == "2"
    because = ["--by", "ana", "--why", "better"]
    assert runner.invoke(app, ["promote", name, "1", *because]).exception is not None
    assert "version 2 (before: none)" in runner.invoke(app, ["promote", name, "2", *because]).stdout
    plan_path(settings.registry, name, "2").unlink()
    assert runner.invoke(app, ["read-plan", name]).exception is not None
    shown = runner.invoke(app, ["read-plan", name, "--renew"]).stdout
    assert f"version 2 of {name}: {len(FEATURES)} features; plan " in shown
    assert all(f"* {feature} (double)" in shown for feature in FEATURES)
    assert json.loads(runner.invoke(app, ["read-plan", name, "2", "--json"]).stdout)["features"] == list(FEATURES)
    assert "version 1 (before: 2)" in runner.invoke(app, ["promote", name, "1", *because, "--force"]).stdout
    assert "version 2 (before: 1)" in runner.invoke(app, ["rollback", name, *because]).stdout
    listed = json.loads(runner.invoke(app, ["models", name, "--json"]).stdout)
    assert [(row["version"], row["role"], row["gate"]) for row in listed["versions"]] == [
        ("1", "", "refused"),
        ("2", "champion", "passed"),
    ]
    assert Path(runner.invoke(app, ["card", name]).stdout.strip()).name == "card.md"


def test_a_version_that_cannot_be_trusted_is_listed_as_such(
    place: Place, frame: pd.DataFrame, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken version does not hide the others."""
    monkeypatch.setenv("RISKLOOM_HOME", str(settings.home))
    place.train(Rows(frame))
    (place.models.folder(place.domain.name, "1") / "manifest.sig").unlink()
    listed = json.loads(CliRunner().invoke(build_app(), ["models", place.domain.name, "--json"]).stdout)
    assert "cannot be trusted" in listed["versions"][0]["gate"]


def test_benchmarks_are_found_in_the_domains() -> None:
    """Each module that registers a benchmark adds a command to `riskloom benchmark`."""
    shown = CliRunner().invoke(build_app(), ["benchmark", "--help"], terminal_width=200).stdout
    for module in commands.benchmark_modules():
        assert module.__name__.rsplit(".", 1)[-1].replace("_", "-") in shown.replace("_", "-")
