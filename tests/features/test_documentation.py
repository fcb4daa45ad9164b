"""What the documentation of features says can be done, done."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from riskloom.settings import PROJECT_ROOT, environment, load_settings
from tests.documents import code_blocks
from tests.features.conftest import CATALOG

DOCUMENT = PROJECT_ROOT / "docs" / "features.md"


def test_the_commands_work_in_their_order(tmp_path: Path) -> None:
    """Each line of the example does what it is there for, in an empty home."""
    program = str(Path(sys.executable).with_name("riskloom"))
    variables = {
        **os.environ,
        "RISKLOOM_HOME": str(tmp_path / ".riskloom"),
        "PATH": f"{Path(program).parent}:{os.environ['PATH']}",
    }
    output = ""
    for line in "".join(code_blocks(DOCUMENT, "console")).splitlines():
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        output += done.stdout
    assert re.search(r"live windows: [\d,]+ events of history, [\d,]+ landed since", output)
    assert "terminal_fraud_rate_7d" in output
    assert "pass  payments__transactions" in output


def test_the_names_in_it_exist() -> None:
    """Options, files and settings it mentions are there."""
    text = DOCUMENT.read_text()
    for path in re.findall(r"`((?:dbt_project|feature_repo)/[\w./]+)`", text):
        assert (PROJECT_ROOT / path).is_file(), path
    for name in re.findall(r"`(RISKLOOM_\w+)", text):
        assert name.split("=")[0] in environment(load_settings()), name
    assert all(shlex.split(line)[0] == "riskloom" for line in "".join(code_blocks(DOCUMENT, "console")).splitlines())


@pytest.mark.parametrize("block", code_blocks(DOCUMENT, "yaml"))
def test_its_yaml_can_be_read(block: str) -> None:
    """An example that is pasted is at least YAML, and speaks of a declared domain."""
    (found,) = yaml.safe_load(block)
    declared = found.get("config", {}).get("meta", {}).get("feature_view", {}).get("domain")
    assert declared is None or declared in CATALOG
