"""What dbt makes of the project where one domain's marts are built."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from riskloom.features import dbt
from riskloom.settings import PROJECT_ROOT, environment
from tests.domains.customer_trust.marts.conftest import END, Home, Steps

PROJECT = PROJECT_ROOT / "dbt_project"


def test_documentation_is_generated(at_once: Home) -> None:
    """Dbt's documentation comes out in one page that anyone can open."""
    variables = json.dumps(dbt.variables(at_once.domain, END))
    done = subprocess.run(
        [*dbt.COMMAND, "docs", "generate", "--static", "--vars", variables],
        cwd=PROJECT,
        env={**os.environ, **environment(at_once.settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    page = (at_once.settings.dbt_target / "static_index.html").read_text()
    assert "What the marts were built from" in page


def test_unit_tests_run_where_they_are_asked_for(at_once: Home, in_steps: Steps) -> None:
    """The logic of the windows has unit tests; the build that asked for them ran the domain's beside the data tests."""
    manifest = json.loads(at_once.project.manifest.read_text())
    folders = {at_once.domain.name, *(table.source for table in at_once.domain.tables.values())}
    own = [one for one in manifest["unit_tests"].values() if Path(one["original_file_path"]).parent.name in folders]
    assert len(own) >= 4
    assert at_once.reports[0].tests - in_steps.home.reports[0].tests == len(own)
    assert at_once.reports[0].warnings == ()


def test_a_variable_that_is_missing_is_named(at_once: Home, tmp_path: Path) -> None:
    """Without as_of there is no honest state to publish; dbt stops and says what to set or pass."""
    done = subprocess.run(
        [
            *dbt.COMMAND,
            "compile",
            "--select",
            f"path:models/intermediate/{at_once.domain.name}",
            "--vars",
            "{maturity: 7d}",
        ],
        cwd=PROJECT,
        env={**os.environ, **environment(at_once.settings), "DBT_TARGET_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "RISKLOOM_AS_OF is missing; set it, or pass --vars '{as_of:" in done.stdout
