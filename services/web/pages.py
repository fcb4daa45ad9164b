"""
The OpenAPI page, without a byte from anywhere else: Swagger UI's files lie in BentoML's package.

BentoML's own page is not used: it loads a tracking script, and it knows only BentoML's own endpoints.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from riskloom.errors import ConfigError

#: How a key is sent, as an OpenAPI document says it.
API_KEYS: Mapping[str, Mapping[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
#: What the page needs, and how each file is announced.
_FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-light-32x32.png": "image/png",
}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="stylesheet" href="{prefix}/docs/swagger-ui.css">
  <link rel="icon" type="image/png" href="{prefix}/docs/favicon-light-32x32.png">
</head>
<body>
  <div id="swagger-ui"></div>
  <noscript>The machine-readable description is at <a href="{prefix}/openapi.json">{prefix}/openapi.json</a>.</noscript>
  <script src="{prefix}/docs/swagger-ui-bundle.js"></script>
  <script src="{prefix}/docs/start.js"></script>
</body>
</html>
"""
_START = """window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "OPENAPI",
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "EXPANSION",
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
  });
});
"""
# Swagger UI writes style attributes and draws its icons from data URLs; scripts come from here only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY}


def swagger_files() -> Path:
    """
    The folder with Swagger UI's files in the installed BentoML, found without importing it.

    Raises:
        ConfigError: This release of BentoML no longer has them there.
    """
    spec = importlib.util.find_spec("bentoml")
    origin = spec.origin if spec else None
    folder = Path(origin or "").parent / "_internal" / "server" / "static_content"
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise ConfigError(
            f"{folder}: expected Swagger UI's files in BentoML's package, not found: {', '.join(missing)}"
        )
    return folder


def page_routes(title: str, *, prefix: str = "", expansion: Literal["full", "list"] = "full") -> list[Route]:
    """
    The page at ``/docs`` and its files; what it shows is at ``/openapi.json``, which the caller serves.

    Args:
        title: Of the page.
        prefix: What stands before each of these addresses.
        expansion: Whether each operation is shown whole, or opened by who wants to see it.

    Raises:
        ConfigError: The files are not where this release of BentoML should have them.
    """
    folder = swagger_files()
    page = Response(_PAGE.format(title=title, prefix=prefix), media_type="text/html", headers=_HEADERS)
    script = _START.replace("OPENAPI", f"{prefix}/openapi.json").replace("EXPANSION", expansion)
    start = Response(script, media_type="text/javascript")

    def fixed(response: Response) -> Callable[[Request], Awaitable[Response]]:
        async def serve(_: Request) -> Response:
            return response

        return serve

    def file(name: str, kind: str) -> Route:
        async def serve(_: Request) -> Response:
            return FileResponse(folder / name, media_type=kind, headers={"Cache-Control": "max-age=86400"})

        return Route(f"{prefix}/docs/{name}", serve)

    files = [file(name, kind) for name, kind in _FILES.items()]
    return [Route(f"{prefix}/docs", fixed(page)), Route(f"{prefix}/docs/start.js", fixed(start)), *files]
