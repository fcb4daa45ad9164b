"""
The OpenAPI page, without a byte from anywhere else: Swagger UI's files lie in BentoML's package.

BentoML's own page is not used: it loads a tracking script, and it knows only BentoML's own endpoints.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from riskloom.errors import ConfigError

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
  <title>Riskloom scoring</title>
  <link rel="stylesheet" href="/docs/swagger-ui.css">
  <link rel="icon" type="image/png" href="/docs/favicon-light-32x32.png">
</head>
<body>
  <div id="swagger-ui"></div>
  <noscript>The machine-readable description is at <a href="/openapi.json">/openapi.json</a>.</noscript>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "full",
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


def page_routes() -> list[Route]:
    """
    The page at ``/docs``, its files, and a redirect from the root.

    Raises:
        ConfigError: The files are not where this release of BentoML should have them.
    """
    folder = swagger_files()

    async def to_page(_: Request) -> Response:
        return RedirectResponse("/docs")

    async def page(_: Request) -> Response:
        return Response(_PAGE, media_type="text/html", headers=_HEADERS)

    async def start(_: Request) -> Response:
        return Response(_START, media_type="text/javascript")

    def file(name: str, kind: str) -> Route:
        async def serve(_: Request) -> Response:
            return FileResponse(folder / name, media_type=kind, headers={"Cache-Control": "max-age=86400"})

        return Route(f"/docs/{name}", serve)

    files = [file(name, kind) for name, kind in _FILES.items()]
    return [Route("/", to_page), Route("/docs", page), Route("/docs/start.js", start), *files]
