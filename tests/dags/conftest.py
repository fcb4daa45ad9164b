"""One Airflow home for the session, and processes that load and run the DAG files in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.features import dbt
from riskloom.settings import PROJECT_ROOT, Settings, environment
from riskloom.wiring import dbt_project

CATALOG = load_catalog()
#: A process gets less than a test does, so that what it said is shown.
SECONDS = 540
SHOWN = 6_000


@pytest.fixture(scope="session", params=sorted(CATALOG))
def domain(request: pytest.FixtureRequest) -> Domain:
    """A declared domain."""
    return CATALOG[request.param]


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a run-time home that has dbt's manifest and nothing else."""
    settings = Settings(home=tmp_path_factory.mktemp("dags") / "home")
    dbt.parse(dbt_project(settings))
    return settings


@pytest.fixture(scope="session")
def described(parsed: Settings) -> dict[str, Any]:
    """What the DAG files hold where dbt's manifest is there."""
    return describe(parsed)


@pytest.fixture(scope="session")
def described_without_manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the DAG files hold before dbt's project was ever parsed."""
    return describe(Settings(home=tmp_path_factory.mktemp("dags") / "empty"))


def describe(settings: Settings, **more: str) -> dict[str, Any]:
    """Load the DAG files in a process of its own, with ``more`` in its environment."""
    document: dict[str, Any] = json.loads(call("tests.dags.describe", {**airflow_environment(settings), **more}))
    return document


def call(module: str, env: Mapping[str, str], *arguments: str) -> str:
    """Run a module; give its last line, or fail with the end of what it said."""
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT_ROOT,
            env=dict(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as expired:
        said = (expired.stdout or b"").decode(errors="replace")
        pytest.fail(f"{module} did not end within {SECONDS} s:\n{said[-SHOWN:]}", pytrace=False)
    if done.returncode:
        pytest.fail(f"{module} ended with code {done.returncode}:\n{done.stdout[-SHOWN:]}", pytrace=False)
    return done.stdout.strip().splitlines()[-1]


def airflow_environment(settings: Settings) -> dict[str, str]:
    """This process's environment without Airflow's own variables, plus those of a home below ``settings.home``."""
    inherited = {name: value for name, value in environment(settings).items() if not name.startswith("AIRFLOW")}
    return {
        **inherited,
        "AIRFLOW_HOME": str(settings.airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW__COSMOS__CACHE_DIR": str(settings.airflow_home / "cosmos"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{settings.airflow_home}/airflow.db",
        "OMP_NUM_THREADS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
