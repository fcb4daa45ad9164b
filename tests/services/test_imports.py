"""What a worker loads: the heavy tools of the warehouse have no place on the path of a decision."""

from __future__ import annotations

import json
import subprocess
import sys

from riskloom.catalog import Domain
from riskloom.settings import PROJECT_ROOT
from tests.services.conftest import World, event, server_environment
from tests.services.world import FLAGGED

HEAVY = ["feast", "pandas", "evidently", "duckdb", "dbt", "airflow"]
CODE = """
import json, sys, time
from starlette.testclient import TestClient
from services.scoring.service import _app
url, key, event, heavy = json.loads(sys.argv[1])
with TestClient(_app) as client:
    until = time.monotonic() + 60
    while "loading" in client.get("/readyz").text and time.monotonic() < until:
        time.sleep(0.1)
    answer = client.post(url, json=event, headers={"Authorization": "Bearer " + key})
print(json.dumps([answer.status_code, answer.json(), [name for name in heavy if name in sys.modules]]))
"""


def test_a_worker_decides_without_feast_or_pandas(world: World, domain: Domain) -> None:
    """A whole decision, with windows, model, rules and reasons, imports none of them."""
    asked = [f"/v1/domains/{domain.name}/score", world.keys["scorer"], event(domain, FLAGGED), HEAVY]
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(asked)],
        env=server_environment(world.settings),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    status, answer, imported = json.loads(done.stdout.splitlines()[-1])
    assert (status, answer["degraded"], imported) == (200, False, [])
    assert answer["reasons"]
