"""Requests as the server saw them, and why one is refused.

May import: _headers.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from .._headers import Headers

# Bytes of a request's head: several times what any client sends.
MAX_HEAD = 64 * 1024

# Bytes of a request's body: the API's own limit.
MAX_BODY = 32 * 2**20


class Seen(NamedTuple):
    """A request as the server saw it."""

    method: str
    target: str
    headers: Headers
    body: bytes
    # The number of its connection, from 0.
    connection: int


class Refused(Exception):
    """The request is answered with an error; never leaves this module."""

    def __init__(self, status: int, kind: str, message: str, *headers: str) -> None:
        self.status = status
        self.kind = kind
        self.message = message
        self.headers = headers


def wants_stream(body: bytes) -> bool:
    """Return whether a request to POST /v1/messages asks for a stream."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise Refused(400, "invalid_request_error", "the body is not JSON") from exc
    if not isinstance(asked, dict):
        raise Refused(400, "invalid_request_error", "the body is not a JSON object")
    for name in ("model", "max_tokens", "messages"):
        if name not in asked:
            raise Refused(400, "invalid_request_error", f"{name}: Field required")
    return asked.get("stream") is True
