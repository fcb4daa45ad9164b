"""What the documentation of the client and of events says, done against a service that listens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from riskloom import client
from riskloom.client import Client, NotFoundError, Retries, UnauthenticatedError
from riskloom.settings import PROJECT_ROOT
from tests.documents import code_blocks
from tests.services.conftest import Server, wait_until
from tests.services.world import add_key

CLIENT, EVENTS = PROJECT_ROOT / "docs" / "client.md", PROJECT_ROOT / "docs" / "events.md"
LISTENS = "http://127.0.0.1:3000"
#: Every curl ends with its status, and the script with the first that is refused.
CURL = 'curl() { command curl --fail-with-body -S "$@" || { echo "refused: $*" >&2; exit 22; }; }\nset -e -o pipefail\n'


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    """A key that may score and push."""
    found = add_key(server.world.settings.api_keys, "caller", "score:*", "events:*", now=datetime.now(UTC))
    with Client(server.url, found, seconds=10, retries=Retries(attempts=1)) as caller:
        assert caller.readiness().is_ready
        wait_until(lambda: _is_known(caller))  # the service looks for new keys once a second
    return found


@pytest.mark.parametrize("block", range(len(code_blocks(CLIENT, "python"))))
def test_the_examples_in_python_run(server: Server, key: str, block: int) -> None:
    """Each by itself, as a reader would paste it."""
    code = code_blocks(CLIENT, "python")[block].replace(LISTENS, server.url)
    environment = {**os.environ, "RISKLOOM_API_KEY": key, "PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not taken" not in done.stdout
    assert done.stdout.strip()


@pytest.mark.needs("curl")
@pytest.mark.parametrize("page", [CLIENT, EVENTS], ids=lambda page: page.stem)
def test_the_examples_with_curl_are_answered(server: Server, key: str, page: Path) -> None:
    """Block after block as it stands there."""
    script = CURL + "\n".join(code_blocks(page, "bash")).replace(LISTENS, server.url)
    environment = {"PATH": "/usr/bin:/bin", "RISKLOOM_API_KEY": key}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status":"accepted"' in done.stdout


def _is_known(caller: Client) -> bool:
    """Whether the service knows the caller's key: it then says that there is no such domain."""
    try:
        caller.score("nobody", {})
    except NotFoundError:
        return True
    except UnauthenticatedError:
        return False
    pytest.fail("there is a domain of a name that none should have")


def test_it_names_what_there_is() -> None:
    """Every error and every method in the tables is one."""
    text = CLIENT.read_text(encoding="utf-8")
    errors = set(re.findall(r"`(\w+Error)`", text))
    assert errors == {name for name in client.__all__ if name.endswith("Error")} - {"ApiError"}
    assert all(hasattr(Client, name) for name in re.findall(r"^\| `(\w+)\(", text, flags=re.MULTILINE))
