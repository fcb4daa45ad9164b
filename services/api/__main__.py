"""Print the OpenAPI document, without settings and ledger: ``python -m services.api > docs/openapi.json``."""

from __future__ import annotations

import json
import sys

from services.api.openapi import openapi_document


def printed() -> str:
    """The document of any installation, as it is kept with the documentation."""
    return json.dumps(openapi_document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(printed())
