"""What ``docs/add-a-domain.md`` says can be done, done: a domain is added, and no file of the spine is edited."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from riskloom.settings import PROJECT_ROOT, Settings, environment
from tests.dags.conftest import airflow_environment
from tests.documents import code_blocks

#: The files of the domain that the document speaks of, in the places they have in a checkout.
EXAMPLE = Path(__file__).with_name("refund_abuse")
NAME = EXAMPLE.name
DOCUMENT = PROJECT_ROOT / "docs" / "add-a-domain.md"
#: Its files, and this test of them, are the only ones of the repository that the copy is made without.
LEFT_OUT = (EXAMPLE, Path(__file__))
SECONDS = 540
_SHOWN = 6_000

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Checkout:
    """A copy of the repository with the example laid over it, and a run-time home of its own."""

    folder: Path
    settings: Settings

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, with the copy to import from and its commands on the path."""
        return {
            **environment(self.settings),
            "PYTHONPATH": str(self.folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
        """Run a command in the copy; give what it printed, or fail with the end of what it said."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=dict(env or self.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        if done.returncode:
            said = (done.stdout + done.stderr)[-_SHOWN:]
            pytest.fail(f"{' '.join(command)} ended with code {done.returncode}:\n{said}", pytrace=False)
        return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The tracked files of this repository, committed, and then the example's files beside them."""
    folder = tmp_path_factory.mktemp("checkout") / "riskloom"
    copy = Checkout(folder, Settings(home=folder.parent / "home", project=folder))
    for path in _tracked():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT_ROOT / path, folder / path)
    copy.run(["git", "init", "--quiet"])
    copy.run(["git", "add", "--all"])
    copy.run(["git", "-c", "user.name=tests", "-c", "user.email=tests@example.com", "commit", "--quiet", "-m", "All"])
    for path in _example():
        assert not (folder / path).exists(), f"{path} is a file of the spine"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(EXAMPLE / path, folder / path)
    return copy


@pytest.fixture(scope="module")
def followed(checkout: Checkout) -> dict[str, str]:
    """What each command of the document printed, done in its order."""
    lines = [line for block in code_blocks(DOCUMENT, "console") for line in block.splitlines()]
    return {line: checkout.run(["bash", "-c", line]) for line in lines}


def test_its_commands_take_it_from_a_folder_to_a_champion(followed: dict[str, str]) -> None:
    """Every command ends well: rows land, views are there, the gate passes a signed version, which is promoted."""
    landed = [out for line, out in followed.items() if line.startswith(f"riskloom ingest {NAME} ")]
    assert len(landed) == len(list((EXAMPLE / "riskloom" / "domains" / NAME / "tables").iterdir()))
    assert "customer_requests_7d" in _printed(followed, f"riskloom features show {NAME}")
    trained = _printed(followed, f"riskloom train {NAME}")
    assert "version 1 " in trained
    assert "Gate: passed" in trained
    assert f"champion of {NAME}: version 1" in _printed(followed, f"riskloom promote {NAME}")


@pytest.mark.usefixtures("followed")
def test_airflow_shows_its_dags(checkout: Checkout) -> None:
    """It has the stages every domain has, with a task for each of its models."""
    env = {**airflow_environment(checkout.settings), "PYTHONPATH": str(checkout.folder)}
    described = json.loads(checkout.run([sys.executable, "-m", "tests.dags.describe"], env).splitlines()[-1])
    assert described["import_errors"] == {}
    stages = {name for name in described["dags"] if name.startswith(f"{NAME}__")}
    assert stages == {f"{NAME}__{stage}" for stage in ("features", "training", "monitoring", "rules")}
    assert f"dbt.{NAME}__subjects_run" in described["dags"][f"{NAME}__features"]["tasks"]


def test_the_scoring_service_decides_its_events(checkout: Checkout, followed: dict[str, str]) -> None:
    """Its route has a request made from its contract, and answers the documented example with the champion's score."""
    token = _printed(followed, "riskloom api-key create").strip()
    script = [sys.executable, "-m", "tests.services.score_example", NAME]
    answered = json.loads(checkout.run(script, {**checkout.environment, "TOKEN": token}).splitlines()[-1])
    body = answered["operation"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/RefundAbuseScoreRequest"}
    assert set(body["example"]) == {"request_id", "customer_id", "reason", "amount", "ordered_at", "effective_at"}
    assert set(answered["request"]["required"]) == set(body["example"])
    decision = answered["decision"]
    assert (decision["basis"], decision["model_version"], decision["degraded"]) == ("expected_cost", "1", False)
    assert 0 < decision["score"] < 1
    assert decision["outcome"] in {"refund", "review"}


@pytest.mark.usefixtures("followed")
def test_it_conforms_without_a_test_of_its_own(checkout: Checkout) -> None:
    """What is checked of every declared domain and of its dbt models holds for it."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/conformance", "tests/dbt"]
    said = checkout.run([*command, "-k", NAME])
    assert int(re.findall(r"(\d+) passed", said)[-1]) >= 12
    assert "skipped" not in said.splitlines()[-1]


@pytest.mark.usefixtures("followed")
def test_no_file_of_the_spine_was_edited(checkout: Checkout) -> None:
    """To git, the example's files are new and nothing else has changed."""
    said = checkout.run(["git", "status", "--porcelain", "--untracked-files=all"])
    assert sorted(said.splitlines()) == sorted(f"?? {path.as_posix()}" for path in _example())


def test_the_spine_does_not_know_it() -> None:
    """No file but the example's, this test and documents names the domain."""
    code = [path for path in _tracked() if path.parts[0] != "docs" and path.suffix != ".md"]
    assert [path for path in code if NAME.encode() in (PROJECT_ROOT / path).read_bytes()] == []


def test_the_document_speaks_of_the_example() -> None:
    """Each folder and file it shows is one of the example's, and it says where the example is."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert EXAMPLE.relative_to(PROJECT_ROOT).as_posix() in text
    shown = {f"{path.parent.name}/{path.name}" if path.parent.name == "tables" else path.name for path in _example()}
    assert [name for name in sorted(shown) if name not in text] == []


def _tracked() -> list[Path]:
    """The repository's files, as far as they are there, without those about the example."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    paths = [PROJECT_ROOT / name for name in listed.stdout.split("\0") if name]
    kept = [path for path in paths if path.is_file() and not any(path.is_relative_to(left) for left in LEFT_OUT)]
    assert len(kept) > 300
    return [path.relative_to(PROJECT_ROOT) for path in kept]


def _example() -> list[Path]:
    """The example's files, by their paths in a checkout."""
    found = [path for path in EXAMPLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted(path.relative_to(EXAMPLE) for path in found)


def _printed(followed: dict[str, str], start: str) -> str:
    """What the one command that starts so printed."""
    (printed,) = (out for line, out in followed.items() if line.startswith(start))
    return printed
