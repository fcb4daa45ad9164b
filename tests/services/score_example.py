"""Score a domain's documented example with the application over a home, and print it as JSON; run by tests."""

from __future__ import annotations

import json
import os
import sys
import time

from starlette.testclient import TestClient

from riskloom.catalog import load_domain
from riskloom.settings import load_settings
from services.scoring.schema import example
from services.scoring.service import build_app

#: How long the service may take to load a champion.
SECONDS = 60


def main() -> None:
    """Print what the OpenAPI document says of the domain, and the decision, as the last line."""
    name = sys.argv[1]
    route = f"/v1/domains/{name}/score"
    with TestClient(build_app(load_settings()), base_url="http://scoring.test") as client:
        deadline = time.monotonic() + SECONDS
        while "loading" in client.get("/readyz").text and time.monotonic() < deadline:
            time.sleep(0.1)
        document = client.get("/openapi.json").json()
        headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
        decision = client.post(route, json=example(load_domain(name)), headers=headers)
        decision.raise_for_status()
    operation = document["paths"][route]["post"]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    request = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    print(json.dumps({"operation": operation, "request": request, "decision": decision.json()}))


if __name__ == "__main__":
    main()
