"""Starting, waiting for, finding again and stopping real processes."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from riskloom.errors import ServiceError
from riskloom.stack.process import Running
from riskloom.stack.supervisor import Supervisor, is_ready
from tests.stack.conftest import Make


class Reports:
    """Remembers what the supervisor said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, state: str) -> None:
        """Note one report."""
        self.lines.append((name, state))


def processes_of(folder: Path) -> list[psutil.Process]:
    """Living processes that work in a folder: the services and all their children do."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_up_waits_until_services_answer(supervisor: Supervisor, make_service: Make) -> None:
    """After `up` returns, every service answers; each was reported as starting and as ready."""
    reports = Reports()
    services = [make_service("one"), make_service("two", part="well")]

    assert supervisor.up(services, reports) == ["one", "two"]

    assert all(is_ready(service) for service in services)
    assert sorted(reports.lines) == [("one", "ready"), ("one", "starting"), ("two", "ready"), ("two", "starting")]
    assert {found.name: found.port for found in supervisor.running()} == {
        service.name: service.port for service in services
    }


def test_up_twice_starts_nothing_again(supervisor: Supervisor, make_service: Make) -> None:
    """A second `up`, from another supervisor of the same home, finds the running services and leaves them alone."""
    service = make_service("one")
    supervisor.up([service], Reports())
    before = supervisor.running()

    assert Supervisor(home=supervisor.home, project=supervisor.project).up([service], Reports()) == []

    assert supervisor.running() == before


@pytest.mark.parametrize("is_deaf", [False, True], ids=["listens to SIGTERM", "ignores SIGTERM"])
def test_down_leaves_no_process_behind(
    supervisor: Supervisor, make_service: Make, tmp_path: Path, *, is_deaf: bool
) -> None:
    """Children in the service's group, in their own group and in their own session all end with it."""
    supervisor.up([make_service("one", is_deaf=is_deaf)], Reports())
    assert len(processes_of(tmp_path)) == 4

    assert supervisor.down() == ["one"]

    assert processes_of(tmp_path) == []
    assert supervisor.running() == []
    assert supervisor.down() == []


def test_down_ends_children_of_a_service_that_died(supervisor: Supervisor, make_service: Make, tmp_path: Path) -> None:
    """Where the service itself was killed, `down` still finds all its children, wherever they went."""
    supervisor.up([make_service("one")], Reports())
    service = psutil.Process(supervisor.running()[0].pid)
    service.kill()
    service.wait(timeout=5)
    assert len(processes_of(tmp_path)) == 3

    supervisor.down()

    assert processes_of(tmp_path) == []


def test_down_spares_a_process_with_a_recycled_number(supervisor: Supervisor) -> None:
    """A number that now belongs to another process, started at another time, is not ours to stop."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        run = supervisor.home / "run"
        run.mkdir(parents=True)
        (run / "one.json").write_text(
            Running(
                name="one", pid=stranger.pid, started_at=1000.0, command=("x",), port=None, mark="x"
            ).model_dump_json(),
            encoding="utf-8",
        )

        assert supervisor.running() == []
        supervisor.down()

        assert stranger.poll() is None
        assert not (run / "one.json").exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_taken_port_is_named(supervisor: Supervisor, make_service: Make, tmp_path: Path) -> None:
    """A port that another program holds is refused before anything starts, with the variable that moves it."""
    services = [make_service("one"), make_service("two")]
    with socket.socket() as holder:
        assert services[1].port is not None
        holder.bind(("127.0.0.1", services[1].port))
        holder.listen()

        with pytest.raises(ServiceError, match=rf"two cannot start: port {services[1].port} .* RISKLOOM_TWO_PORT"):
            supervisor.up(services, Reports())

    assert processes_of(tmp_path) == []


def test_a_service_that_dies_shows_its_last_lines(supervisor: Supervisor, make_service: Make, tmp_path: Path) -> None:
    """The error quotes the end of the log, and the services that had started are stopped again."""
    dying = replace(make_service("two"), command=(sys.executable, "-c", "print('the cause'); raise SystemExit(3)"))

    with pytest.raises(ServiceError, match=r"(?s)two ended while starting.*the cause"):
        supervisor.up([make_service("one"), dying], Reports())

    assert processes_of(tmp_path) == []
    assert supervisor.running() == []


def test_a_service_that_never_answers_is_given_up(make_service: Make, tmp_path: Path) -> None:
    """A service whose part of a shared health answer stays unhealthy is named when patience ends."""
    impatient = Supervisor(home=tmp_path / "home", project=tmp_path, patience=1.5, grace=2)

    with pytest.raises(ServiceError, match=r"not ready after 2 s: one"):
        impatient.up([make_service("one", part="ill")], Reports())

    assert processes_of(tmp_path) == []


def test_an_interrupt_while_starting_stops_what_had_started(
    supervisor: Supervisor, make_service: Make, tmp_path: Path
) -> None:
    """Ctrl-C between two starts leaves nothing running."""

    def interrupt(name: str, _state: str) -> None:
        if name == "two":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        supervisor.up([make_service("one"), make_service("two")], interrupt)

    assert processes_of(tmp_path) == []


def test_other_settings_need_a_restart(supervisor: Supervisor, make_service: Make) -> None:
    """A service that runs with another command is not taken for the one asked for."""
    service = make_service("one")
    supervisor.up([service], Reports())

    with pytest.raises(ServiceError, match=r"one runs with other settings .*`riskloom down`"):
        supervisor.up([replace(service, command=(*service.command, "more"))], Reports())


def test_a_missing_program_says_what_to_do(supervisor: Supervisor, make_service: Make) -> None:
    """A program that is not installed is an error of ours, not a traceback."""
    with pytest.raises(ServiceError, match=r"one: cannot start 'no-such-program'.*make setup"):
        supervisor.up([replace(make_service("one"), command=("no-such-program",))], Reports())


def test_secrets_reach_the_service_and_no_file_of_ours(
    supervisor: Supervisor, make_service: Make, tmp_path: Path
) -> None:
    """A secret is read at the start and handed over in the environment; what `up` writes down does not hold it."""
    secret = tmp_path / "secret"
    secret.write_text("hush-hush\n", encoding="utf-8")

    supervisor.up([make_service("one", secrets={"SECRET": secret})], Reports())

    assert "listening hush-hush" in supervisor.log("one").read_text(encoding="utf-8")
    assert "hush-hush" not in (supervisor.home / "run" / "one.json").read_text(encoding="utf-8")


def test_the_earlier_log_is_kept(supervisor: Supervisor, make_service: Make) -> None:
    """A restart begins a new log and keeps the one before, which says why the service was restarted."""
    service = make_service("one")
    supervisor.up([service], Reports())
    supervisor.down()
    supervisor.log("one").write_text("the old log", encoding="utf-8")

    supervisor.up([service], Reports())

    assert supervisor.log("one").with_suffix(".previous.log").read_text(encoding="utf-8") == "the old log"
