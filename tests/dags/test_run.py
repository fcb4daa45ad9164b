"""The DAGs run to their end on a small simulated history, each in Airflow's own way of running a DAG."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from riskloom.catalog import Domain, load_catalog
from riskloom.cli import build_app
from riskloom.cli.monitoring import ALARM
from riskloom.features import dbt
from riskloom.ingest import SimulationPlan, ensure_pseudonym_key, ingest_files, watermark, write_simulation
from riskloom.ledger.database import writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.labels import state_label
from riskloom.ledger.migrations import migrate
from riskloom.monitoring import read_latest, verdict_path
from riskloom.registry import read_record
from riskloom.settings import Settings
from riskloom.watch import read_latest as latest_report
from riskloom.wiring import audit_trail, dbt_project, ledger_engine
from tests.dags.conftest import airflow_environment, call
from tests.ledger.examples import label_details

pytestmark = pytest.mark.slow

LATER = "2030-01-01T00:00:00+00:00"

CATALOG = load_catalog()
#: The code of a stage is the same for every domain: of those that declare an optional stage the first stands for all.
CHOSEN = sorted(
    {next(domain.name for domain in CATALOG.values() if getattr(domain, stage)) for stage in ("watch", "assessment")}
)


@pytest.fixture(scope="module", params=CHOSEN)
def domain(request: pytest.FixtureRequest) -> Domain:
    """A domain, such that all of them have every stage."""
    return CATALOG[request.param]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, domain: Domain) -> Settings:
    """A run-time home with the simulated history of the demo landed, and dbt's manifest."""
    folder = tmp_path_factory.mktemp("run")
    settings = Settings(home=folder / "home")
    plan = SimulationPlan(
        start=datetime(2026, 1, 1, tzinfo=UTC), days=domain.demo.days, events=domain.demo.events, seed=7
    )
    write_simulation(domain, plan, folder / "simulated", None)
    for table in domain.tables:
        ingest_files(
            domain,
            table,
            sorted(Path(folder / "simulated" / table).glob("*.parquet")),
            landing=settings.landing,
            quarantine=settings.quarantine,
            observed_at=plan.end,
            pseudonym_key=ensure_pseudonym_key(settings.keys),
        )
    state_verdict(settings, domain, at=plan.end)
    dbt.parse(dbt_project(settings))
    return settings


def state_verdict(settings: Settings, domain: Domain, *, at: datetime) -> None:
    """A ledger in which a person has said what a subject was."""
    engine = ledger_engine(settings)
    migrate(engine)
    with writing(engine) as session:
        state_label(
            Desk(session, audit_trail(settings), "ana", at), domain.name, "somebody", value=True, provenance="case",
            effective_at=at, matured_at=None, details=label_details(domain),
        )  # fmt: skip


@pytest.fixture(scope="module")
def runs(home: Settings, domain: Domain) -> dict[str, dict[str, Any]]:
    """The outcomes of a whole round, and of the ways it may end otherwise, by name."""
    steps: dict[str, dict[str, Any]] = {
        "features": {"dag": "features"},
        "refused": {"dag": "training", "minimum": 0.999},
        "training": {"dag": "training", "minimum": 0.01},
        "monitoring": {"dag": "monitoring"},
        "alarm": {"dag": "monitoring", "conf": {"as_of": LATER}},
        "alarm that fails": {"dag": "monitoring", "conf": {"as_of": LATER, "fail_on_alarm": True}},
    }
    if domain.watch:
        steps["watch"] = {"dag": "watch"}
    if domain.assessment:
        steps["no answers"] = {"dag": "assessment", "minimum": 0.999}
        steps["answers"] = {"dag": "assessment", "minimum": 0.1}
    asked = [{**step, "dag": f"{domain.name}__{step['dag']}"} for step in steps.values()]
    outcomes = json.loads(call("tests.dags.run", airflow_environment(home), json.dumps(asked)))
    return dict(zip(steps, outcomes, strict=True))


def test_features_are_built_and_announced(runs: dict[str, Any], home: Settings, domain: Domain) -> None:
    """Every model is built, the views are online, and the asset carries the instant: that of the newest event."""
    run = runs["features"]
    newest = watermark(domain, home.landing)
    assert run["state"] == "success"
    assert set(run["tasks"].values()) == {"success"}
    assert newest is not None
    (extra,) = run["announced"].values()
    assert datetime.fromisoformat(extra["as_of"]) == newest
    assert run["returned"]["take_verdicts"] == {"landed": 1, "known": 0, "incomplete": 0, "quarantined": 0}
    assert run["returned"]["verify_served"]["decisions"] == 0
    assert home.feast_online.with_name("windows.db").is_file()


def test_a_refused_model_is_a_skipped_promotion(runs: dict[str, Any]) -> None:
    """The gate refuses: the run succeeds, the promotion is skipped with the reason, and nothing is announced."""
    run = runs["refused"]
    assert run["state"] == "success"
    assert (run["tasks"]["validate"], run["tasks"]["promote"]) == ("success", "skipped")
    assert any("0.999" in reason for reason in run["reasons"])
    assert run["announced"] == {}


def test_a_model_that_passes_is_promoted(runs: dict[str, Any], home: Settings, domain: Domain) -> None:
    """Nobody is asked unless it is declared; the version becomes champion, by name of the run, and is announced."""
    run = runs["training"]
    assert run["state"] == "success"
    assert (run["tasks"]["approve"], run["tasks"]["promote"]) == ("skipped", "success"), run["reasons"]
    record = read_record(home.registry, domain.name)
    assert record.champion == run["returned"]["train"]["version"]
    assert record.history[-1].by.startswith("airflow: ")
    assert run["announced"][f"riskloom://{domain.name}/model"]["version"] == record.champion


def test_the_verdict_is_written_and_announced(runs: dict[str, Any], home: Settings, domain: Domain) -> None:
    """Monitoring looks at the champion's features, scores and matured labels, and says how it stands."""
    run = runs["monitoring"]
    assert run["state"] == "success"
    assert run["tasks"]["alarm"] in {"skipped", "success"}
    (extra,) = run["announced"].values()
    assert extra["model_version"] == read_record(home.registry, domain.name).champion
    as_of = datetime.fromisoformat(extra["as_of"])
    assert verdict_path(home.monitoring, domain.name, as_of).is_file()
    assert extra["status"] == run["returned"]["verdict"]["status"]


def test_what_is_unusual_is_reported(runs: dict[str, Any], home: Settings, domain: Domain) -> None:
    """A task a watch: how many rows were judged and where the report lies; who it is about stands there alone."""
    if not domain.watch:
        assert "watch" not in runs
        return
    run = runs["watch"]
    assert run["state"] == "success"
    for watch in domain.watch:
        report = latest_report(home.watch, domain.name, watch.entity)
        assert report is not None
        told = run["returned"][watch.entity]
        assert (told["rows"], told["findings"]) == (report.rows, len(report.findings))
        assert Path(told["report"]).is_file()


def test_an_alarm_is_seen(runs: dict[str, Any], home: Settings, domain: Domain) -> None:
    """A window without decisions is an alarm: its task runs, and fails the run where the form asks for it."""
    assert (runs["alarm"]["state"], runs["alarm"]["tasks"]["alarm"]) == ("success", "success")
    failed = runs["alarm that fails"]
    assert (failed["state"], failed["tasks"]["alarm"]) == ("failed", "failed")
    latest = read_latest(home.monitoring, domain.name)
    assert latest is not None
    assert (latest.status, latest.reasons[0]) == ("alarm", "no decision in the window")
    assert latest.as_of == datetime.fromisoformat(LATER)


def test_open_cases_are_answered(runs: dict[str, Any], domain: Domain) -> None:
    """A model that the gate refused answers nothing, and says why; one that passed answers what is open."""
    for assessment in domain.assessment:
        answer = f"{assessment.entity}.answer"
        assert (runs["no answers"]["state"], runs["no answers"]["tasks"][answer]) == ("success", "skipped")
        assert runs["no answers"]["announced"] == {}
        assert set(runs["answers"]["tasks"].values()) == {"success"}
        extra = runs["answers"]["announced"][f"riskloom://{domain.name}/assessment/{assessment.entity}"]
        assert extra["version"] == runs["answers"]["returned"][f"{assessment.entity}.train"]["version"]
        outcome = runs["answers"]["returned"][answer]
        assert extra["cases"] == outcome["cases"] == sum(outcome["outcomes"].values()) > 0
        assert Path(outcome["file"]).is_file()


@pytest.mark.usefixtures("runs")
def test_the_command_line_says_the_same(home: Settings, domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    """`riskloom monitor` gives the same verdict in words, and a code of its own where asked to fail on an alarm."""
    monkeypatch.setenv("RISKLOOM_HOME", str(home.home))
    arguments = ["monitor", domain.name, "--as-of", LATER]
    said = CliRunner().invoke(build_app(), arguments, catch_exceptions=False)
    assert said.exit_code == 0
    assert "alarm: no decision in the window" in said.output
    assert CliRunner().invoke(build_app(), [*arguments, "--fail-on-alarm"]).exit_code == ALARM
