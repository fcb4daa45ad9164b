"""Run dbt for one domain, in a process of its own, and say by name what failed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from riskloom.catalog import Domain
from riskloom.errors import FeatureError

#: dbt in a process of its own, with this interpreter; run as a module it would be imported twice.
COMMAND = (sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet")

_SHOWN_LINES = 20
_MESSAGE_LENGTH = 600


@dataclass(frozen=True, slots=True)
class DbtProject:
    """
    Where dbt works.

    Attributes:
        folder: The project's sources.
        target: What dbt writes in each run, not all at once: nobody else reads it.
        manifest: What dbt knows of the project, published whole; DAG files, Feast and the services read it.
        marts: Where a domain's marts are published.
        entries: The logs of events that entered the online state.
        environment: That of :func:`riskloom.settings.environment`.
    """

    folder: Path
    target: Path
    manifest: Path
    marts: Path
    entries: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did: models built, tests passed, tests that only warn, and the seconds each model took, by name."""

    models: int
    tests: int
    warnings: tuple[str, ...]
    seconds: float
    timings: Mapping[str, float] = field(default_factory=dict)


def variables(domain: Domain, as_of: datetime) -> dict[str, str]:
    """
    What every dbt run for a domain must be told, by dbt's names; :func:`in_environment` says how.

    Raises:
        FeatureError: ``as_of`` has no time zone.
    """
    if as_of.tzinfo is None:
        raise FeatureError(f"as_of must be timezone-aware, got {as_of.isoformat()}")
    maturity = f"{int(domain.label.maturity.total_seconds())}s"
    return {"as_of": as_of.astimezone(UTC).isoformat(timespec="microseconds"), "maturity": maturity}


def in_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """
    The variables as dbt reads them from the environment.

    Not ``--vars``: for other values of those dbt parses the whole project anew, which takes longer than many a build.
    """
    return {f"RISKLOOM_{name.upper()}": value for name, value in variables.items()}


def selection(domain: Domain) -> str:
    """The dbt selector of a domain: its marts and everything they are made from."""
    return f"+path:models/marts/{domain.name}"


def prepare(domain: Domain, project: DbtProject) -> None:
    """Make the folders dbt and DuckDB write to, and a log to read where no event entered yet; they make none."""
    for folder in (project.target, project.marts / domain.name):
        folder.mkdir(parents=True, exist_ok=True)
    entries = project.entries / domain.name
    entries.mkdir(mode=0o700, parents=True, exist_ok=True)
    (entries / "0-none.jsonl").touch()


def parse(project: DbtProject) -> Path:
    """
    Parse the project, without building anything, and return its manifest.

    Raises:
        FeatureError: The project cannot be parsed; the message is dbt's.
    """
    project.target.mkdir(parents=True, exist_ok=True)
    _run(project, ["parse"], artefact=None, told={})
    return publish_manifest(project)


def publish_manifest(project: DbtProject) -> Path:
    """Publish what the last run of dbt knew of the project; dbt must not run meanwhile. A reader finds it whole."""
    draft = project.manifest.with_suffix(".draft")
    shutil.copyfile(project.target / "manifest.json", draft)
    return draft.replace(project.manifest)


def build(
    domain: Domain,
    project: DbtProject,
    *,
    as_of: datetime,
    full_refresh: bool = False,
    unit_tests: bool = False,
    marts: Sequence[str] = (),
) -> BuildReport:
    """
    Build and test a domain's marts, working only on days that have changed since the last build.

    Args:
        domain: Its tables must be landed (see ``prepare_landing``).
        project: Where dbt works.
        as_of: The instant whose state is published as the current one; timezone-aware.
        full_refresh: Build everything anew; needed after a model's SQL has changed.
        unit_tests: Run dbt's unit tests too; they depend on the SQL alone, so once it is tested they say nothing new.
        marts: Only these, by their names without the domain's, and what they are made from; all by default.

    Raises:
        FeatureError: A model or a test failed, or dbt did not start; each is named with its message.
    """
    prepare(domain, project)
    chosen = [f"+{domain.name}__{mart}" for mart in marts] or [selection(domain)]
    arguments = ["build", "--select", *chosen]
    if full_refresh:
        arguments.append("--full-refresh")
    if not unit_tests:
        arguments += ["--exclude-resource-type", "unit_test"]
    results = _run(project, arguments, artefact="run_results.json", told=variables(domain, as_of))
    publish_manifest(project)
    nodes = list(_outcomes(results))
    return BuildReport(
        models=sum(kind == "model" for kind, _, _, _ in nodes),
        tests=sum(kind in {"test", "unit_test"} for kind, _, _, _ in nodes),
        warnings=tuple(f"{name}: {message}" for _, name, status, message in nodes if status == "warn"),
        seconds=float(results["elapsed_time"]),
        timings={
            str(item["unique_id"]).split(".")[-1]: float(item["execution_time"])
            for item in results["results"]
            if str(item["unique_id"]).startswith("model.")
        },
    )


def freshness(domain: Domain, project: DbtProject, *, as_of: datetime) -> dict[str, str]:
    """
    How fresh each landed table is at ``as_of``: ``pass`` or ``warn``, by table.

    Raises:
        FeatureError: dbt could not judge it.
    """
    prepare(domain, project)
    selected = f"{selection(domain)},resource_type:source"
    arguments = ["source", "freshness", "--select", selected]
    results = _run(project, arguments, artefact="sources.json", told=variables(domain, as_of))
    return {str(item["unique_id"]).split(".")[-1]: str(item["status"]) for item in results["results"]}


def _run(
    project: DbtProject, arguments: Sequence[str], *, artefact: str | None, told: Mapping[str, str]
) -> dict[str, Any]:
    """Run dbt and return the artefact it writes, which is removed before so that no older one is taken for it."""
    path = project.target / artefact if artefact else None
    if path is not None:
        path.unlink(missing_ok=True)
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=project.folder,
        env={**project.environment, **in_environment(told)},
        capture_output=True,
        text=True,
        check=False,
    )
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}
    if done.returncode == 0 and (path is None or results):
        return results
    failed = [f"{name}: {message}" for _, name, status, message in _outcomes(results) if status in {"error", "fail"}]
    output = (done.stdout + done.stderr).strip().splitlines()[-_SHOWN_LINES:]
    raise FeatureError(
        "\n".join([f"dbt {arguments[0]} failed:", *(failed or output or [f"exit code {done.returncode}"])])
    )


def _outcomes(results: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Kind, name, status and message of each node of a run."""
    for item in results.get("results", ()):
        kind, _, name = str(item["unique_id"]).split(".")[:3]
        message = " ".join(str(item.get("message") or "").split())
        yield kind, name, str(item["status"]), message[:_MESSAGE_LENGTH]
