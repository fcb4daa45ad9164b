"""MLflow's scoring server, in an environment of its own: its requirements and ours do not go together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from riskloom.errors import ServiceError

VERSION = "3.17.2"

#: ``mlflow-skinny`` is MLflow without what training and its web pages need; uvloop and httptools are what ours runs on.
_REQUIREMENTS = (
    f"mlflow-skinny=={VERSION}",
    "lightgbm==4.7.0",
    "numpy==2.4.6",
    "pandas==3.1.1",
    "uvloop==0.23.0",
    "httptools==0.9.0",
)
_COMPLETE = ".complete"
_MODEL = Path(__file__).with_name("mlflow_model.py")


def ensure_environment(folder: Path, say: Callable[[str], None]) -> Path:
    """
    The environment with MLflow, made at the first use, which takes about a minute.

    Args:
        folder: Where environments are kept from one run to the next.
        say: Takes a line on progress.

    Raises:
        ServiceError: It could not be made.
    """
    environment = folder / f"mlflow-{VERSION}"
    if not (environment / _COMPLETE).exists():
        say(f"  installing MLflow {VERSION}")
        _run([sys.executable, "-m", "venv", "--clear", str(environment)])
        _run([str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", *_REQUIREMENTS])
        (environment / _COMPLETE).touch()
    return environment


def save_model(environment: Path, booster: Path, folder: Path) -> Path:
    """
    A LightGBM booster as an MLflow model in ``folder``.

    Raises:
        ServiceError: MLflow could not save it.
    """
    _run([str(environment / "bin" / "python"), str(_MODEL), str(booster), str(folder)])
    return folder


def command(environment: Path, model: Path, *, host: str, port: int) -> tuple[str, ...]:
    """The command that serves the model with one worker."""
    # MLflow starts the uvicorn that it finds on PATH.
    path = f"PATH={environment / 'bin'}:/usr/bin:/bin"
    serve = ("mlflow", "models", "serve", "--env-manager", "local", "--workers", "1")
    return ("env", path, *serve, "--model-uri", str(model), "--host", host, "--port", str(port))


def _run(arguments: Sequence[str]) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServiceError(f"{' '.join(arguments[:4])}: expected exit code 0, found {done.returncode}: {done.stderr}")
