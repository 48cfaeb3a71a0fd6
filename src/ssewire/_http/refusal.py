"""Why a response is no event stream: its status, its media type, what its body says.

May import: _headers, errors.
"""

from __future__ import annotations

import calendar
from email.utils import parsedate_tz

from ..errors import ContentTypeError, StatusError, TransportError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._headers import Headers

# The bytes of a refused response that its error carries: enough for the JSON
# error bodies of APIs, too little to hurt.
ERROR_BODY = 1024

# Seconds that such a body may take: an error must not hang on a server that
# says no and then nothing.
ERROR_BODY_PATIENCE = 1.0


def accepted(status: int, headers: Headers) -> bool:
    """Whether a response is an event stream: its status 200, its media type the right one."""
    return status == 200 and is_event_stream(headers)


def refusal(status: int, headers: Headers, body: bytes) -> TransportError:
    """Return the error for a response that is not `accepted`; `body` is how its body begins."""
    body = body[:ERROR_BODY]
    if status != 200:
        return StatusError(status, headers, body)
    return ContentTypeError(headers.get("Content-Type"), body)


def is_event_stream(headers: Headers) -> bool:
    """Whether the media type is text/event-stream, in any case and with any parameters."""
    media_type = headers.get("Content-Type", "").partition(";")[0]
    return media_type.strip().lower() == "text/event-stream"


def parse_retry_after(headers: Headers, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks to wait from `now` (seconds since 1970).

    None where there is none, or one that says nothing sensible.
    """
    value = headers.get("Retry-After", "").strip()
    # An HTTP date has at most 33 characters; longer digits would be slow to convert.
    if not value or len(value) > 64 or not value.isascii():
        return None
    if value.isdigit():
        return float(value)
    try:
        date = parsedate_tz(value)
        if date is None:
            return None
        return max(0.0, calendar.timegm((*date[:6], 0, 0, 0)) - (date[9] or 0) - now)
    except (ValueError, OverflowError, IndexError, TypeError):
        # Dates such as the 99th of March.
        return None
