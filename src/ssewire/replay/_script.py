"""What is asked of the server: faults, and the writes of a stream.

May import: claude.errors.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from ..claude.errors import API_ERRORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# What errors that were asked for say.
ON_COMMAND = "a fault on command"

STATUS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    529: "Overloaded",
}
# status -> error type, for faults; the first that the table has.
TYPES = {status: name for name, (_, status, _) in reversed(list(API_ERRORS.items()))}


class Plan(NamedTuple):
    """The writes of a stream, and when each is due, in seconds since the head as recorded."""

    pieces: Sequence[bytes]
    seconds: Sequence[float]


class Fault(NamedTuple):
    kind: str
    detail: str


def parse_fault(text: str | None) -> Fault | None:
    if text is None:
        return None
    kind, _, detail = text.partition(":")
    if (kind in ("reset", "truncate", "stall") and not detail) or (kind == "error" and detail):
        return Fault(kind, detail)
    if kind == "status" and re.fullmatch("[45][0-9][0-9]", detail):
        return Fault(kind, detail)
    raise ValueError(
        f"fault must be reset, truncate, stall, error:TYPE or status:CODE, not {text!r}"
    )


def error_event(kind: str, request_id: str) -> bytes:
    error = {"type": kind, "message": ON_COMMAND, "details": None}
    data = {"type": "error", "error": error, "request_id": request_id}
    return b"event: error\ndata: %b\n\n" % json.dumps(data, separators=(",", ":")).encode()
