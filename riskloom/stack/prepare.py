"""What must be there before the services start: folders, keys, the ledger, Airflow's database, dbt's manifest."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from riskloom.errors import ServiceError
from riskloom.ledger.migrations import migrate
from riskloom.registry import ensure_signing_key
from riskloom.settings import Settings, environment
from riskloom.stack.services import (
    AIRFLOW_INIT,
    AIRFLOW_USER,
    airflow_environment,
    airflow_passwords,
    airflow_token_secret,
    evidently_secret,
)
from riskloom.wiring import ledger_engine

#: Programs of the project's environment come before others of the same name.
PROGRAMS = Path(sys.executable).parent

_OUTPUT_LINES = 15


def prepare(settings: Settings) -> None:
    """
    Make everything the services expect; what is there already stays as it is.

    Raises:
        ServiceError: A preparing command failed; its last lines are quoted.
    """
    for folder in (settings.home, settings.keys, settings.airflow_home):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in (settings.landing, settings.marts, settings.decisions, settings.monitoring / "workspace"):
        folder.mkdir(parents=True, exist_ok=True)
    ensure_signing_key(settings.keys)
    migrate(ledger_engine(settings))
    password = json.dumps({AIRFLOW_USER: secrets.token_urlsafe(15)})
    write_secret(airflow_passwords(settings), password)
    write_secret(evidently_secret(settings), secrets.token_urlsafe(32))
    write_secret(airflow_token_secret(settings), secrets.token_urlsafe(64))
    with ThreadPoolExecutor() as pool:  # each mostly imports, on one core
        parsed = pool.submit(_run, ("riskloom", "features", "parse"), env=environment(settings), cwd=settings.project)
        for command in AIRFLOW_INIT:
            _run(command, env=airflow_environment(settings), cwd=settings.project)
        parsed.result()


def airflow_password(settings: Settings) -> str:
    """
    The password of Airflow's only user.

    Raises:
        ServiceError: There is none yet.
    """
    path = airflow_passwords(settings)
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))[AIRFLOW_USER])
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise ServiceError(f"{path}: expected a password for {AIRFLOW_USER!r}; run `riskloom up`") from error


def write_secret(path: Path, content: str) -> None:
    """Write a file that only its owner can read, unless it is there already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


def with_programs(env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which commands of the project are found first."""
    return {**env, "PATH": f"{PROGRAMS}{os.pathsep}{env.get('PATH', os.defpath)}"}


def _run(command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> None:
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=with_programs(env),
        cwd=cwd,
    )
    if done.returncode:
        lines = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-_OUTPUT_LINES:])
        raise ServiceError(f"`{' '.join(command)}` failed with code {done.returncode}:\n{lines}")
