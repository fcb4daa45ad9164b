"""The declared services: on this machine only, with the project's own programs and no secret in the open."""

from __future__ import annotations

import stat

import pytest

from riskloom.errors import ServiceError
from riskloom.settings import Settings
from riskloom.stack.prepare import PROGRAMS, airflow_password, with_programs, write_secret
from riskloom.stack.services import AIRFLOW_INIT, airflow_environment, services, urls


def test_everything_listens_on_loopback(settings: Settings) -> None:
    """Every service that listens does so on this machine, at the port of the settings, and says how to move it."""
    listening = [service for service in services(settings) if service.port is not None]

    assert {service.port for service in listening} == {
        settings.airflow_port,
        settings.scoring_port,
        settings.monitoring_port,
        settings.console_port,
        settings.ledger_port,
    }
    assert all(service.host == "127.0.0.1" for service in listening)
    assert all(service.port_setting.startswith("RISKLOOM_") for service in listening)
    assert airflow_environment(settings)["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert all(url.startswith("http://127.0.0.1:") for url in urls(settings).values())


def test_the_consumer_runs_where_there_is_a_redis(settings: Settings) -> None:
    """Events come by streams only there; elsewhere nothing waits for them."""
    with_redis = settings.model_copy(update={"online_store": "redis"})

    assert {service.name for service in services(with_redis)} - {service.name for service in services(settings)} == {
        "consumer"
    }


def test_ports_move_with_the_settings(settings: Settings) -> None:
    """Where Airflow's port moves, the address its tasks report to moves with it."""
    moved = airflow_environment(settings.model_copy(update={"airflow_port": 9999}))

    assert moved["AIRFLOW__API__PORT"] == "9999"
    assert moved["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:9999/execution/"


def test_listening_everywhere_is_still_reached_on_loopback(settings: Settings) -> None:
    """0.0.0.0 is an address to listen on, not one to connect to."""
    everywhere = settings.model_copy(update={"host": "0.0.0.0"})  # noqa: S104

    assert all(service.health.startswith("http://127.0.0.1:") for service in services(everywhere))


def test_programs_are_those_of_the_environment(settings: Settings) -> None:
    """Each program that is started is installed in the project's environment, which comes first on the path."""
    programs = {service.command[0] for service in services(settings)} | {command[0] for command in AIRFLOW_INIT}

    assert [name for name in programs if not (PROGRAMS / name).is_file()] == []
    assert with_programs({"PATH": "/elsewhere"})["PATH"] == f"{PROGRAMS}:/elsewhere"


def test_names_are_unique_and_the_start_order_is_fixed(settings: Settings) -> None:
    """Logs and process files are named after services, so no two share a name."""
    names = [service.name for service in services(settings)]

    assert len(set(names)) == len(names)
    assert names[0] == "airflow-api-server"


def test_a_secret_is_private_and_written_once(settings: Settings) -> None:
    """A secret's file is readable by its owner only, and a second start keeps it."""
    settings.home.mkdir(parents=True)
    path = settings.home / "secret"

    write_secret(path, "first")
    write_secret(path, "second")

    assert path.read_text(encoding="utf-8") == "first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_password_says_what_makes_it(settings: Settings) -> None:
    """Asking for the log-in before anything was started names the command that makes it."""
    with pytest.raises(ServiceError, match=r"passwords\.json: expected a password for 'admin'; run `riskloom up`"):
        airflow_password(settings)
