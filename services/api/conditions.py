"""What a command says in its headers: the name its caller gave it, and which version was seen."""

from __future__ import annotations

import re

from starlette.requests import Request

from services.web.problems import RefusalError

IDEMPOTENCY_KEY, IF_MATCH = "Idempotency-Key", "If-Match"
#: A string of structured fields (RFC 8941, section 3.3.3), as the draft wants it, or the bare text that many send.
_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,255})')
_ETAG = re.compile(r'"([\x21\x23-\x7e]{0,64})"')
_NUMBER = re.compile(r"[0-9]{1,9}")
_NEVER = -1  # a version that nothing ever had


def command_key(request: Request) -> str:
    """
    The caller's name for a command, after draft-ietf-httpapi-idempotency-key-header-07.

    Raises:
        RefusalError: There is none, there are several, or it is not one.
    """
    sent = request.headers.getlist(IDEMPOTENCY_KEY)
    if not sent:
        detail = f"Send a header {IDEMPOTENCY_KEY} with a text of your choice, another for each command."
        raise RefusalError("key_missing", detail)
    found = _KEY.fullmatch(sent[0].strip()) if len(sent) == 1 else None
    if found is None:
        detail = f"{IDEMPOTENCY_KEY}: expected one text of 1 to 255 visible characters in double quotes."
        raise RefusalError("invalid_header", detail)
    return found[1] or found[2]


def seen_version(request: Request) -> int:
    """
    The version that the caller saw: the ETag of an answer, sent back in ``If-Match`` (RFC 9110, section 13.1.1).

    Raises:
        RefusalError: There is none, or it is not one that an answer had.
    """
    sent = request.headers.getlist(IF_MATCH)
    if not sent:
        raise RefusalError("version_missing", f"Send a header {IF_MATCH} with the ETag of what you saw.")
    found = _ETAG.fullmatch(sent[0].strip()) if len(sent) == 1 else None
    if found is None:
        raise RefusalError("invalid_header", f'{IF_MATCH}: expected one ETag as an answer had it, such as "7".')
    return int(found[1]) if _NUMBER.fullmatch(found[1]) else _NEVER
