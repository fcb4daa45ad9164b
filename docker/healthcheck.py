"""
Exit with 0 where a service answers that it is well; for containers, whose images hold no curl.

Usage: ``healthcheck.py URL [PART]``. With PART, the ``status`` of that part of the JSON answer must be ``healthy``.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request


def main(url: str, part: str | None = None) -> int:
    """Ask ``url``; 0 where it is well, 1 where it is not."""
    try:
        with urllib.request.urlopen(url, timeout=4) as answer:  # noqa: S310 - the URL stands in the compose file
            content = answer.read()
        if part is not None and json.loads(content)[part]["status"] != "healthy":
            raise ValueError(f"{part} is {json.loads(content)[part]['status']}")
    except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
