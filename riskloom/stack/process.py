"""
One process that outlives the command that started it: start it in a session of its own, know it again, end all of it.

A process group is not enough to know what belongs to a service: Airflow puts each task into a group of its own, and
BentoML each worker into a session of its own. So a process belongs to a service when it is in its session, is a
descendant of one that is, or carries the service's mark in its environment. Each alone would miss some: a descendant
is lost when its parent dies, and Airflow's processes write their title over their environment.
"""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from riskloom.errors import ServiceError

#: Clocks and kernels round start times; two processes of the same number are further apart than this, in seconds.
_SAME_START = 0.5
_POLL = 0.1
_MARK = "RISKLOOM_SERVICE_MARK"


class Running(BaseModel):
    """
    A process that was started, as it is kept in its file below ``run``.

    Attributes:
        pid: Number of the process; also of its session.
        started_at: When the kernel started it (seconds since 1970), since numbers are used again.
        command: What was started, to notice that other settings would start something else.
        port: Where it listens, if it does.
        mark: A name that no other start has; every process that it starts inherits it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    pid: int
    started_at: float
    command: tuple[str, ...]
    port: int | None
    mark: str

    @property
    def is_alive(self) -> bool:
        """Whether the process itself still runs."""
        process = _process(self.pid)
        return process is not None and self._is_ours(process) and not _is_zombie(process)

    def members(self) -> list[psutil.Process]:
        """Every living process that belongs to it."""
        first = _process(self.pid)
        # Another process has the number, which it can only once our session has ended.
        is_recycled = first is not None and not self._is_ours(first)
        found = {}
        for process in psutil.process_iter():
            if (not is_recycled and _session(process.pid) == self.pid) or _mark(process) == self.mark:
                found.update({member.pid: member for member in (process, *_descendants(process))})
        return [process for process in found.values() if not _is_zombie(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return abs(process.create_time() - self.started_at) < _SAME_START
        except psutil.NoSuchProcess:
            return False


def start(
    name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, port: int | None
) -> Running:
    """
    Start a process in a session of its own; its output goes to ``log``, the earlier log is kept beside it.

    Raises:
        ServiceError: The program is not there or may not be run.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    mark = uuid.uuid4().hex
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**env, _MARK: mark},
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise ServiceError(f"{name}: cannot start {command[0]!r}: {error.strerror}; run `make setup`") from error
    # It is meant to outlive us, which Popen would warn of; `_reap` collects its status where we are still there.
    process.returncode = 0
    return Running(
        name=name,
        pid=process.pid,
        started_at=psutil.Process(process.pid).create_time(),
        command=tuple(command),
        port=port,
        mark=mark,
    )


def stop(processes: Sequence[Running], *, grace: float) -> list[int]:
    """
    End processes with all their descendants: ask, wait ``grace`` seconds, then kill.

    Returns:
        Numbers of the processes that had to be killed.

    Raises:
        ServiceError: Some process is still there after it was killed.
    """
    members = _all_members(processes)
    _signal(members, kill=False)
    deadline = time.monotonic() + grace
    while members and time.monotonic() < deadline:
        _reap(processes)
        time.sleep(_POLL)
        members = _all_members(processes, members)
    killed = [process.pid for process in members]
    _signal(members, kill=True)
    psutil.wait_procs(members, timeout=grace)
    _reap(processes)
    left = _all_members(processes, members)
    if left:
        raise ServiceError(f"still running after being killed: {', '.join(str(process.pid) for process in left)}")
    return killed


def _all_members(processes: Iterable[Running], known: Iterable[psutil.Process] = ()) -> list[psutil.Process]:
    """All living members; ``known`` ones stay in the list even where their parent, our way to them, has gone."""
    found = {process.pid: process for running in processes for process in running.members()}
    found.update({process.pid: process for process in known if process.is_running() and not _is_zombie(process)})
    return list(found.values())


def _signal(processes: Iterable[psutil.Process], *, kill: bool) -> None:
    for process in processes:
        try:
            process.kill() if kill else process.terminate()
        except psutil.NoSuchProcess:
            continue  # it ended by itself meanwhile


def _reap(processes: Iterable[Running]) -> None:
    """Collect the exit status of those that are our children, so that none stays behind as a zombie."""
    for running in processes:
        try:
            os.waitpid(running.pid, os.WNOHANG)
        except ChildProcessError:
            continue  # an earlier command started it


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(_MARK)
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return None  # gone, or somebody else's


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
