"""The files that pages need, and the answer to whoever asks whether the console is well."""

from __future__ import annotations

from sqlalchemy import select
from starlette.responses import FileResponse, PlainTextResponse, Response

from riskloom.ledger.database import reading
from services.console.rendering import FOLDER
from services.console.visit import Visit

#: What may be asked for, and how it is announced.
FILES = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def static(visit: Visit) -> Response:
    """One of the files; nothing else of the folder."""
    name = visit.path("name")
    if name not in FILES:
        return PlainTextResponse("no such file\n", status_code=404)
    return FileResponse(
        FOLDER / "static" / name, media_type=FILES[name], headers={"Cache-Control": "public, max-age=3600"}
    )


def health(visit: Visit) -> Response:
    """Well where the ledger answers."""
    with reading(visit.console.engine) as session:
        session.scalar(select(1))
    return PlainTextResponse("well\n")
