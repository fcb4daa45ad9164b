"""What a run leaves behind: verdict files, snapshots in Evidently's workspace, and the dashboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from evidently.ui.storage.local.base import LocalState
from evidently.ui.workspace import Workspace

from riskloom.catalog import Domain
from riskloom.errors import ConfigError
from riskloom.monitoring import WORKSPACE, MonitoringVerdict, read_latest, read_verdict, verdict_path
from riskloom.monitoring.assessment import assess
from riskloom.monitoring.frames import Decisions, MonitoredWindows
from riskloom.monitoring.publish import publish
from riskloom.monitoring.workspace import prepare, project_id, prune
from riskloom.registry import LoadedModel
from tests.monitoring.conftest import AS_OF, FEATURES

Publish = Callable[..., MonitoringVerdict]
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A monitoring folder shared by the tests of this module, since a report takes a second."""
    return tmp_path_factory.mktemp("monitoring")


@pytest.fixture(scope="module")
def run(
    domain: Domain, model: LoadedModel, make_frame: Callable[..., pd.DataFrame], window: Callable[..., Decisions]
) -> Publish:
    """Assesses and publishes; ``folder`` is where to."""

    def run(
        folder: Path, *, as_of: datetime = AS_OF, rows: int = 400, is_matured: bool = True, shift: float = 0.0
    ) -> MonitoringVerdict:
        windows = MonitoredWindows(
            FEATURES,
            window(make_frame(400, seed=1), days_before=14),
            window(make_frame(rows, seed=2, shift=shift)),
            window(make_frame(400, seed=3), days_before=7) if is_matured else None,
        )
        assessment = assess(domain, windows, model=model, as_of=as_of, seed=0)
        publish(assessment, domain, folder=folder, workspace=folder / WORKSPACE, seed=0)
        return assessment.verdict

    return run


def snapshots(folder: Path, domain: Domain) -> dict[str, list[str]]:
    """Kinds of snapshot by day, as Evidently itself reads them."""
    workspace, project = Workspace(str(folder / WORKSPACE)), project_id(domain.name)
    found: dict[str, list[str]] = {}
    for run_id in workspace.list_runs(project):
        snapshot = workspace.get_run(project, run_id)
        found.setdefault(f"{snapshot.timestamp:%Y-%m-%d}", []).extend(snapshot.tags)
    return {day: sorted(tags) for day, tags in sorted(found.items())}


def test_a_rerun_replaces_what_it_left(home: Path, domain: Domain, run: Publish) -> None:
    """The same instant again: one project, one snapshot of a kind; one that no longer applies is gone."""
    run(home)
    run(home)
    assert snapshots(home, domain) == {f"{AS_OF:%Y-%m-%d}": ["data", "performance"]}
    run(home, as_of=AS_OF - DAY)
    run(home, is_matured=False)
    assert snapshots(home, domain) == {
        f"{AS_OF - DAY:%Y-%m-%d}": ["data", "performance"],
        f"{AS_OF:%Y-%m-%d}": ["data"],
    }
    projects = Workspace(str(home / WORKSPACE)).list_projects()
    assert [project.name for project in projects] == [domain.title]


def test_the_verdict_is_read_back(tmp_path: Path, domain: Domain, run: Publish) -> None:
    """The file holds the verdict, money to the cent as text; it is the latest as well."""
    verdict = run(tmp_path)
    path = verdict_path(tmp_path, domain.name, AS_OF)
    assert read_verdict(path) == read_latest(tmp_path, domain.name) == verdict
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["status"] == verdict.status
    assert isinstance(document["performance"]["money"]["with_model"], str)
    assert sorted(file.name for file in path.parent.iterdir()) == ["latest.json", path.name]


def test_an_older_run_is_not_the_latest(tmp_path: Path, domain: Domain, run: Publish) -> None:
    """Running again for a day gone by leaves the latest verdict alone."""
    run(tmp_path, is_matured=False)
    run(tmp_path, as_of=AS_OF - 3 * DAY, is_matured=False)
    latest = read_latest(tmp_path, domain.name)
    assert latest is not None
    assert latest.as_of == AS_OF


def test_an_empty_window_is_published_too(tmp_path: Path, domain: Domain, run: Publish) -> None:
    """The dashboard shows a window without decisions as a point at zero, with its alarm."""
    assert run(tmp_path, rows=0, is_matured=False).status == "alarm"
    assert snapshots(tmp_path, domain) == {f"{AS_OF:%Y-%m-%d}": ["data"]}


def test_the_report_agrees_with_the_verdict(tmp_path: Path, domain: Domain, run: Publish) -> None:
    """Evidently counts the same drifted columns, since it is given the verdict's thresholds."""
    verdict = run(tmp_path, shift=0.4, is_matured=False)
    workspace, project = Workspace(str(tmp_path / WORKSPACE)), project_id(domain.name)
    (run_id,) = workspace.list_runs(project)
    results = workspace.get_run(project, run_id).metric_results.values()
    counted = next(found for found in results if found.display_name == "Count of Drifted Columns")
    assert counted.share.value == pytest.approx(verdict.drifted_share)
    assert verdict.drifted_share > 0.5


def test_every_panel_finds_its_figure(tmp_path: Path, domain: Domain, run: Publish) -> None:
    """What the dashboard asks for is in the snapshots: a misspelt figure would be an empty panel."""
    run(tmp_path)
    workspace, project = Workspace(str(tmp_path / WORKSPACE)), project_id(domain.name)
    found = {
        (result.metric_value_location.metric.params["type"], result.metric_value_location.metric.params.get("figure"))
        for run_id in workspace.list_runs(project)
        for result in workspace.get_run(project, run_id).metric_results.values()
    }
    dashboard = workspace.get_dashboard(project)
    wanted = {(value.metric, value.metric_labels.get("figure")) for panel in dashboard.panels for value in panel.values}
    assert wanted <= found
    assert [tab.title for tab in dashboard.tabs] == ["Overview", "Drift", "Quality", "Performance"]
    assert {identifier for tab in dashboard.tabs for identifier in tab.panels} == {
        panel.id for panel in dashboard.panels
    }


def test_the_oldest_snapshots_are_pruned(tmp_path: Path, domain: Domain, run: Publish) -> None:
    """Beyond the number kept, those with the oldest instant go, however late they were written."""
    for days in (0, 5, 2):
        run(tmp_path, as_of=AS_OF - days * DAY, rows=0, is_matured=False)
    assert prune(tmp_path / WORKSPACE, domain, keep=2) == 1
    assert list(snapshots(tmp_path, domain)) == [f"{AS_OF - 2 * DAY:%Y-%m-%d}", f"{AS_OF:%Y-%m-%d}"]


def test_preparing_makes_empty_projects(tmp_path: Path, domain: Domain) -> None:
    """Before any run the UI has a project and a dashboard to show; preparing again changes nothing."""
    for _ in range(2):
        prepare(tmp_path / WORKSPACE, [domain])
    state = LocalState(str(tmp_path / WORKSPACE))
    assert state.list_projects() == [project_id(domain.name)]
    assert state.list_snapshots(project_id(domain.name)) == []
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".draft")]


def test_a_verdict_that_is_none_is_refused(tmp_path: Path) -> None:
    """A missing or foreign file is named, not taken for a verdict."""
    path = tmp_path / "verdict.json"
    with pytest.raises(ConfigError, match="found nothing"):
        read_verdict(path)
    path.write_text('{"status": "fine"}', encoding="utf-8")
    with pytest.raises(ConfigError, match="expected a monitoring verdict"):
        read_verdict(path)
