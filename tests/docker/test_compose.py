"""The containers run what `riskloom up` runs, from files that exist, and hold no secret."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from riskloom.settings import PROJECT_ROOT, Settings, environment
from riskloom.stack.services import AIRFLOW_COMPONENTS, airflow_environment, services
from tests.conftest import free_port, wait_for_port
from tests.docker.dockerfile import Dockerfile

FOLDER = PROJECT_ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = sorted(name for name, service in SERVICES.items() if "build" in service)
DOCKERFILE = Dockerfile(FOLDER / "Dockerfile")

#: The keys of a service that this file uses, out of those the Compose specification knows.
SERVICE_KEYS = {
    "build",
    "cap_drop",
    "command",
    "depends_on",
    "environment",
    "healthcheck",
    "image",
    "init",
    "networks",
    "ports",
    "restart",
    "security_opt",
    "user",
    "volumes",
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
DURATION = re.compile(r"\d+(ms|s|m|h)")


@pytest.fixture(scope="module")
def inside() -> Settings:
    """The settings as they are in a container."""
    home, project = Path("/var/lib/riskloom"), Path("/opt/riskloom")
    return Settings(home=home, project=project, host="0.0.0.0", online_store="redis")  # noqa: S104


def environment_of(name: str) -> dict[str, str]:
    """What a service of the compose file has in its environment: the image's, then its own."""
    service = SERVICES[name]
    return {**DOCKERFILE.env(service["build"]["target"]), **service.get("environment", {})}


def test_containers_run_the_commands_of_up(inside: Settings) -> None:
    """Each service of `riskloom up` has a container with the same name and the same command, and no other has ours."""
    declared = {service.name: list(service.command) for service in services(inside)}

    assert {name: SERVICES[name]["command"] for name in OWN if name != "airflow-init"} == declared
    assert SERVICES["airflow-init"]["command"] == ["riskloom", "prepare"]


def test_images_start_the_same_by_themselves(inside: Settings) -> None:
    """An image run without compose starts what its service starts; the Airflow image its API server."""
    declared = {service.name: list(service.command) for service in services(inside)}

    assert DOCKERFILE.command("scoring") == declared["scoring"]
    assert DOCKERFILE.command("console") == declared["console"]
    assert DOCKERFILE.command("ledger") == declared["ledger"]
    assert DOCKERFILE.command("monitoring") == declared["monitoring"]
    assert DOCKERFILE.command("airflow") == list(AIRFLOW_COMPONENTS["api-server"])


@pytest.mark.parametrize("name", OWN)
def test_containers_have_the_environment_of_up(name: str, inside: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `riskloom up` sets for a process is set in its container, to the container's paths."""
    monkeypatch.setattr(os, "environ", {})  # so that only what we set is left
    expected = airflow_environment(inside) if name.startswith("airflow") else environment(inside)
    found = environment_of(name)
    set_by_us = set(expected) - {"RISKLOOM_DUCKDB_THREADS", "RISKLOOM_DUCKDB_MEMORY"}  # these have their defaults
    set_by_us -= {
        "RISKLOOM_ONLINE_STORE",
        "RISKLOOM_REDIS_URL",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    }  # other hosts

    assert {key: found.get(key) for key in set_by_us} == {key: expected[key] for key in set_by_us}


def test_airflow_components_reach_the_api_server() -> None:
    """Tasks report to the API server's container by its name."""
    url = environment_of("airflow-scheduler")["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]

    assert url == "http://airflow-api-server:8080/execution/"
    assert "airflow-api-server" in SERVICES


@pytest.mark.parametrize("target", sorted({SERVICES[name]["build"]["target"] for name in OWN}))
def test_every_copied_file_exists_and_reaches_the_builder(target: str) -> None:
    """What an image copies is in the checkout, and the ignore file lets it through."""
    ignore = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line[1:] for line in ignore if line.startswith("!")]
    copied = [*DOCKERFILE.copied(target), *DOCKERFILE.copied("build")]

    assert [path for path in copied if not (PROJECT_ROOT / path).exists()] == []
    assert [path for path in copied if not any(fnmatch(path, pattern) for pattern in allowed)] == []
    assert "*" in ignore


def test_each_image_holds_what_its_command_needs() -> None:
    """The modules and folders that a container's environment and command name are copied into its image."""
    assert {"dags", "dbt_project", "feature_repo"} <= set(DOCKERFILE.copied("airflow"))
    assert {"services", "feature_repo"} <= set(DOCKERFILE.copied("scoring"))
    assert "riskloom" in DOCKERFILE.copied("build")
    assert (PROJECT_ROOT / "services" / "scoring" / "service.py").is_file()


@pytest.mark.parametrize("target", ["airflow", "scoring", "ledger", "monitoring", "console"])
def test_images_run_as_an_ordinary_user_and_watch_their_health(target: str) -> None:
    """No image runs as root, and each says how its health is asked."""
    assert DOCKERFILE.all_of(target, "USER")[-1] not in {"root", "0"}
    health = DOCKERFILE.all_of(target, "HEALTHCHECK")[-1]
    assert "docker/healthcheck.py" in health
    assert "docker/healthcheck.py" in DOCKERFILE.copied(target)


def test_images_are_built_from_the_lock_with_the_pinned_uv() -> None:
    """The packages come from uv.lock, installed by the uv that the Makefile pins; base images are pinned too."""
    runs = " ".join(DOCKERFILE.all_of("build", "RUN"))
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    pinned = re.search(r"^UV_VERSION := (\S+)$", makefile, re.MULTILINE)

    assert pinned is not None
    assert f"uv=={pinned[1]}" in runs
    assert runs.count("uv sync --frozen") == 2
    bases = {stage.base for stage in DOCKERFILE.stages.values()} - set(DOCKERFILE.stages)
    images = bases | {service["image"] for service in SERVICES.values()}
    assert [image for image in images if not re.fullmatch(r"[a-z-]+:\d+\.\d+[\w.-]*", image)] == []


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_keeps_the_compose_specification(name: str) -> None:
    """Known keys only; networks and volumes are declared; each start waits for a service that exists and is checked."""
    service = SERVICES[name]

    assert set(service) <= SERVICE_KEYS
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert {volume.split(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])
    assert all(isinstance(value, str) for value in service.get("environment", {}).values())
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), "ports are published on this machine only"
    for other, wish in service.get("depends_on", {}).items():
        assert wish["condition"] in CONDITIONS
        assert wish["condition"] != "service_healthy" or "test" in SERVICES[other]["healthcheck"]
    check = service.get("healthcheck", {})
    assert all(DURATION.fullmatch(check[key]) for key in ("interval", "timeout", "start_period") if key in check)


def test_every_own_port_is_published() -> None:
    """The four places a person goes to are reachable under the ports that `riskloom up` uses by default."""
    published = {port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])}
    settings = Settings(home=Path("/nowhere"))

    ports = (settings.airflow_port, settings.scoring_port, settings.monitoring_port, settings.console_port)
    assert published == set(map(str, ports))


def test_no_secret_is_written_down() -> None:
    """Every password and key is a variable that must be given, and the example file gives none of them a value."""
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    wanted = set(re.findall(r"\$\{(\w+):\?", text))
    example = (FOLDER / ".env.example").read_text(encoding="utf-8")

    assert wanted == set(re.findall(r"^(\w+)=$", example, re.MULTILINE))
    assert not re.findall(r"^\w+=.+$", example, re.MULTILINE)
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD$|SECRET|FERNET", key):
                assert value.startswith("${"), key
            assert not re.search(r"://[^/@]*:(?!\$\{)[^/@]+@", value), f"{key} holds a password"


@pytest.mark.needs("redis-server")
def test_redis_starts_with_its_command_and_answers_its_health_check(tmp_path: Path) -> None:
    """The shell lines of the compose file, run here: the password is needed, and the check passes with it."""
    port = free_port()
    env = {**os.environ, "REDIS_PASSWORD": "a-b_c"}
    program = _unescaped(SERVICES["redis"]["command"][2]).replace("redis-server -", f"redis-server - --port {port}")
    check = _unescaped(SERVICES["redis"]["healthcheck"]["test"][1]).replace("redis-cli", f"redis-cli -p {port}")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(["sh", "-c", program], env=env, cwd=tmp_path, stdout=log, stderr=log)
    try:
        wait_for_port(port, process, seconds=10)

        assert subprocess.run(["sh", "-c", check], env=env, check=False).returncode == 0
        wrong = {**env, "REDIS_PASSWORD": "wrong"}
        assert subprocess.run(["sh", "-c", check], env=wrong, check=False, stderr=subprocess.DEVNULL).returncode != 0
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_health_check_tells_well_from_ill(tmp_path: Path) -> None:
    """The images' health check passes on an answer, and fails on a part that is not healthy and on silence."""
    (tmp_path / "health").write_text('{"good": {"status": "healthy"}, "bad": {"status": null}}', encoding="utf-8")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/health"
    try:
        wait_for_port(port, server, seconds=10)
        codes = [_check(url), _check(url, "good"), _check(url, "bad"), _check(url, "absent"), _check(f"{url}/no")]
    finally:
        server.terminate()
        server.wait(timeout=10)

    assert codes == [0, 0, 1, 1, 1]
    assert _check(url) == 1


def _unescaped(text: str) -> str:
    return text.replace("$$", "$")


def _check(url: str, *part: str) -> int:
    script = str(FOLDER / "healthcheck.py")
    return subprocess.run([sys.executable, script, url, *part], check=False, stderr=subprocess.DEVNULL).returncode
