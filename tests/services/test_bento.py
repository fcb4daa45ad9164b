"""The Bento: built without a network, holding code alone, and serving from anywhere."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from riskloom.catalog import Domain
from riskloom.settings import PROJECT_ROOT, Settings
from tests.conftest import free_port
from tests.services.conftest import World, event, server_environment, serving
from tests.services.world import FLAGGED

PROGRAMS = Path(sys.executable).parent
BENTOFILE = PROJECT_ROOT / "services" / "scoring" / "bentofile.yaml"


def test_versions_are_the_locked_ones() -> None:
    """What the Bento installs elsewhere is what was tested here."""
    for line in yaml.safe_load(BENTOFILE.read_text())["python"]["packages"]:
        name, version = re.fullmatch(r"([a-z0-9-]+)(?:\[[a-z,]+\])?==([0-9.]+)", line).groups()  # type: ignore[union-attr]
        assert importlib.metadata.version(name) == version, line


def test_its_files_are_all_that_the_service_imports(tmp_path: Path) -> None:
    """What the list of files names, by itself in a folder, is a service that starts, without a database."""
    for pattern in yaml.safe_load(BENTOFILE.read_text())["include"]:
        for file in PROJECT_ROOT.glob(pattern):
            copy = tmp_path / file.relative_to(PROJECT_ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
    started = "import services.scoring.service, sys; assert 'sqlalchemy' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", started],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "RISKLOOM_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def bento_world(built_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A home with a built Bento in its store."""
    if shutil.which("uv", path=f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', '')}") is None:
        reason = "needs uv, which `bentoml build` calls (make setup puts it beside Python)"
        pytest.fail(f"CI must not skip: {reason}") if os.environ.get("CI") == "true" else pytest.skip(reason)
    home = tmp_path_factory.mktemp("bento") / "home"
    shutil.copytree(built_world.settings.home, home)
    world = World(Settings(home=home), built_world.keys, built_world.now)
    done = subprocess.run(
        [str(PROGRAMS / "riskloom"), "build-bento"],
        check=False,
        cwd=home.parent,
        env=server_environment(world.settings),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return world


def bento_folder(world: World) -> Path:
    store = world.settings.bentoml_home / "bentos" / "riskloom_scoring"
    return store / (store / "latest").read_text().strip()


def test_bento_holds_code_alone(bento_world: World) -> None:
    """Neither models nor keys, data, tests or training code are packed; every domain's declaration is."""
    folder = bento_folder(bento_world)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    kinds = {Path(file).suffix for file in files if file.startswith("src/")}
    assert kinds == {".lua", ".py", ".toml", ".yaml"}
    assert not [
        file
        for file in files
        if re.search(r"key|secret|\.pem|\.json$|tests/|training/|monitoring/", file)
        and file not in {"src/riskloom/access/keyring.py", "src/riskloom/keyfile.py", "apis/schema.json"}
    ]
    declared = {str(path.relative_to(PROJECT_ROOT)) for path in PROJECT_ROOT.glob("riskloom/domains/*/domain.toml")}
    assert {f"src/{path}" for path in declared} <= files
    content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert not [name for name, key in bento_world.keys.items() if key.encode() in content]
    assert str(bento_world.settings.home).encode() not in content


def test_bento_serves_from_another_folder(bento_world: World, domain: Domain, tmp_path: Path) -> None:
    """Started by its tag, away from the checkout, the Bento's own code answers."""
    port = free_port()
    command = [
        str(PROGRAMS / "bentoml"),
        "serve",
        f"riskloom_scoring:{bento_folder(bento_world).name}",
        "--port",
        str(port),
    ]
    with serving(bento_world, command=command, cwd=tmp_path, port=port, uses_checkout=False) as server:
        url = f"{server.url}/v1/domains/{domain.name}/score"
        answer = httpx.post(url, json=event(domain, FLAGGED), headers=bento_world.auth()).raise_for_status().json()
        maps = {
            path
            for child in Path(f"/proc/{server.process.pid}/task").glob("*/children")
            for pid in child.read_text().split()
            for path in (str(Path(f"/proc/{pid}/cwd").readlink()),)
        }
    assert answer["outcome"] != domain.outcome[0].name
    assert any(str(bento_folder(bento_world)) in path for path in maps)
