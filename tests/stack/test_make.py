"""What `make` says and does before anything of ours is installed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from riskloom.settings import PROJECT_ROOT


def make(*arguments: str, cwd: Path = PROJECT_ROOT) -> subprocess.CompletedProcess[str]:
    """Run make with the project's Makefile."""
    command = ["make", "--no-print-directory", "-f", str(PROJECT_ROOT / "Makefile"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_make_alone_lists_every_target() -> None:
    """Each target that is not a file is listed with one line that says what it does."""
    text = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert phony is not None

    done = make()

    assert done.returncode == 0
    listed = re.findall(r"^  ([a-z-]+) +\S.+$", done.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(phony[1].split())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "riskloom demo"),
        (["ONCE=1"], "riskloom demo --once"),
        (["ONCE=0"], "riskloom demo"),
        (["DATA=handbook", "DATA_DIR=a b"], 'riskloom demo --data handbook --data-dir "a b"'),
    ],
)
def test_demo_passes_its_options_on(arguments: list[str], expected: str) -> None:
    """ONCE, DATA and DATA_DIR become the options of `riskloom demo`."""
    done = make("--dry-run", "demo", *arguments)

    assert " ".join(done.stdout.splitlines()[-1].split()).endswith(expected)


def test_no_fitting_python_is_said_plainly(tmp_path: Path) -> None:
    """Without Python 3.11 or 3.12 set-up ends with what is needed and what was tried."""
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    for name in ("uv.lock", "pyproject.toml"):
        (tmp_path / name).touch()

    done = make("setup", f"PYTHON={old}", cwd=tmp_path)

    assert done.returncode != 0
    assert "needs Python 3.11 or 3.12" in done.stderr
    assert str(old) in done.stderr
    assert not (tmp_path / ".venv").exists()
