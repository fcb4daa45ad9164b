"""Start the services together, wait until they answer, and stop all of them."""

from __future__ import annotations

import fcntl
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import ValidationError

from riskloom.errors import ServiceError
from riskloom.stack import process
from riskloom.stack.prepare import with_programs
from riskloom.stack.process import Running
from riskloom.stack.services import Service

_LOG_LINES = 20
_POLL = 0.3

#: Called with the name of a service and what happened to it.
Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Supervisor:
    """
    The services of one home.

    Attributes:
        home: Logs go to ``logs`` below it, what runs is kept in ``run``.
        project: Folder in which the services run.
        patience: Seconds a service may take until it answers.
        grace: Seconds a service has to end by itself.
    """

    home: Path
    project: Path
    patience: float = 180.0
    grace: float = 15.0

    def up(self, services: Sequence[Service], report: Report) -> list[str]:
        """
        Start what does not run yet and wait until every service answers.

        Returns:
            The names of those that were started, not counting those that ran already.

        Raises:
            ServiceError: A port is taken, a service ended or did not answer; what was started here is stopped again.
        """
        with self._locked():
            running = {found.name: found for found in self.running()}
            missing = [service for service in services if service.name not in running]
            for service in services:
                self._check(service, running.get(service.name))
            started: list[Running] = []
            try:
                for service in missing:
                    started.append(self._start(service))
                    report(service.name, "starting")
                self._wait(services, running | {found.name: found for found in started}, report)
            except BaseException:  # an interrupt as well: nothing half-started stays behind
                self._stop(started)
                raise
        return [found.name for found in started]

    def down(self) -> list[str]:
        """Stop every service of this home and return their names; fine where none runs."""
        with self._locked():
            found = self._kept()
            self._stop(found)
        return [running.name for running in found]

    def running(self) -> list[Running]:
        """The services of this home that run."""
        return [found for found in self._kept() if found.is_alive]

    def log(self, name: str) -> Path:
        """Where a service's output is."""
        return self.logs / f"{name}.log"

    @property
    def logs(self) -> Path:
        """The folder with every service's output."""
        return self.home / "logs"

    def _check(self, service: Service, running: Running | None) -> None:
        if running is not None and running.command != service.command:
            raise ServiceError(
                f"{service.name} runs with other settings ({' '.join(running.command)}); run `riskloom down` first"
            )
        if running is None and service.port is not None and _is_taken(service.host, service.port):
            raise ServiceError(
                f"{service.name} cannot start: port {service.port} is in use by another program; "
                f"stop that one or choose another port with {service.port_setting}"
            )

    def _start(self, service: Service) -> Running:
        leftover = [found for found in self._kept() if found.name == service.name]
        self._stop(leftover)  # the service itself ended, but processes it started may still run
        running = process.start(
            service.name,
            service.command,
            env=with_programs(service.environment_with_secrets()),
            cwd=self.project,
            log=self.log(service.name),
            port=service.port,
        )
        path = self._file(service.name)
        new = path.with_suffix(".new")
        new.write_text(running.model_dump_json() + "\n", encoding="utf-8")
        new.replace(path)
        return running

    def _wait(self, services: Sequence[Service], running: dict[str, Running], report: Report) -> None:
        waiting = list(services)
        deadline = time.monotonic() + self.patience
        while waiting:
            for service in list(waiting):
                if not running[service.name].is_alive:
                    raise ServiceError(f"{service.name} ended while starting; {self._last_lines(service.name)}")
                if is_ready(service):
                    report(service.name, "ready")
                    waiting.remove(service)
            if waiting and time.monotonic() > deadline:
                names = ", ".join(service.name for service in waiting)
                details = self._last_lines(waiting[0].name)
                raise ServiceError(f"not ready after {self.patience:.0f} s: {names}; {details}")
            time.sleep(_POLL if waiting else 0)

    def _last_lines(self, name: str) -> str:
        path = self.log(name)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        return "\n".join([f"the end of {path}:", *(f"  {line}" for line in lines[-_LOG_LINES:])])

    def _stop(self, found: Sequence[Running]) -> None:
        process.stop(found, grace=self.grace)
        for running in found:
            self._file(running.name).unlink(missing_ok=True)

    def _kept(self) -> list[Running]:
        found = []
        for path in sorted((self.home / "run").glob("*.json")):
            try:
                found.append(Running.model_validate_json(path.read_bytes()))
            except ValidationError as error:
                raise ServiceError(f"{path}: expected what `riskloom up` wrote, found {path.read_bytes()!r}") from error
        return found

    def _file(self, name: str) -> Path:
        return self.home / "run" / f"{name}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.home / "run" / "lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ServiceError(
                    f"another command starts or stops the services of {self.home}; wait for it"
                ) from error
            yield


def is_ready(service: Service) -> bool:
    """Whether a service answers that it is ready."""
    try:
        answer = httpx.get(service.health, timeout=5, trust_env=False)
        if answer.status_code != httpx.codes.OK:
            return False
        return service.part is None or answer.json()[service.part]["status"] == "healthy"
    except (httpx.HTTPError, ValueError, KeyError):
        return False  # not yet: nothing listens, or what listens has not come up


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
