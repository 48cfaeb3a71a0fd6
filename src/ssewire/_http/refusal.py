# SPDX-License-Identifier: MIT
"""Why a response is no event stream: its status, its media type, what its body says.

May import: _checks, _headers, errors, url.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from email.utils import parsedate_tz

from .._checks import exact_str, excerpt, wrong_type
from ..errors import ContentTypeError, StatusError, TransportError
from .url import parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Union

    from .._headers import Headers

    # The media types that are taken for event streams; None for any, and for none at all.
    MediaTypes = Optional[Iterable[str]]
    CheckedTypes = Union[tuple[str, ...], None]

# What the standard asks for; others are for the caller to allow.
EVENT_STREAM = ("text/event-stream",)

# The bytes of a refused response that its error carries: a JSON answer that came in place
# of a stream is whole, and a proxy's page of HTML is cut where it says nothing any more.
ERROR_BODY = 64 * 1024

# Seconds that such a body may take: an error must not hang on a server that
# says no and then nothing.
ERROR_BODY_PATIENCE = 1.0


_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_MEDIA_TYPE = re.compile(f"({_TOKEN}/{_TOKEN})[ \t]*(?:;.*)?", re.DOTALL)

# One element of a list: a comma within quotes parts nothing, and a quote may lack its end.
_ELEMENT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.?)*"?)+', re.DOTALL)


def check_media_types(media_types: MediaTypes) -> CheckedTypes:
    """Return media types in lower case; None, for any, stays that.

    Raises:
        TypeError: no iterable of str, or a str, which is not one type but a row of letters.
        ValueError: none at all, or one that is no media type; parameters do not belong to it,
            and a wildcard is no type that a response has.
    """
    if media_types is None:
        return None
    if isinstance(media_types, (str, bytes)) or not isinstance(media_types, Iterable):
        raise wrong_type("media_types", "a tuple of media types or None", media_types)
    checked = tuple(exact_str("each of media_types", name).lower() for name in media_types)
    if not checked:
        raise ValueError("media_types names none; None allows any")
    for name in checked:
        if not re.fullmatch(f"{_TOKEN}/{_TOKEN}", name):
            raise ValueError(f"not a media type, such as text/plain: {excerpt(name)}")
        if "*" in name.split("/"):
            # It would match no response at all.
            why = "media_types knows no wildcards; None allows any"
            raise ValueError(f"{why}: {excerpt(name)}")
    return checked


def accepted(status: int, headers: Headers, media_types: CheckedTypes = EVENT_STREAM) -> bool:
    """Whether a response is an event stream: its status 200, its media type one of those."""
    return status == 200 and (media_types is None or media_type(headers) in media_types)


def refusal(
    status: int,
    headers: Headers,
    body: bytes,
    media_types: CheckedTypes = EVENT_STREAM,
    *,
    asked: str = "",
    url: str = "",
) -> TransportError:
    """Return the error for a response that is not `accepted`; `body` is how its body begins.

    Args:
        asked: the URL that was asked.
        url: the one that answered, after redirects.
    """
    body = body[:ERROR_BODY]
    redirected = _differ(url, asked)
    if status != 200:
        return StatusError(status, headers, body, url, redirected)
    given = headers.get_all("Content-Type")
    content_type = ", ".join(given) if given else None
    return ContentTypeError(
        content_type, body, status, headers, url, redirected, media_types or EVENT_STREAM
    )


def _differ(url: str, asked: str) -> bool:
    if url == asked:
        return False
    try:
        # A transport may write the same URL in another way.
        return parse_url(url) != parse_url(asked)
    except (TypeError, ValueError):
        return True


def media_type(headers: Headers) -> str | None:
    """Return the media type of a response, in lower case and without parameters.

    Of several, in one field or more, the last valid one counts (Fetch, "extract a MIME
    type"); None where there is none.
    """
    found = None
    for element in _ELEMENT.findall(",".join(headers.get_all("Content-Type"))):
        match = _MEDIA_TYPE.fullmatch(element.strip(" \t\r\n"))
        if match is not None and match[1] != "*/*":
            found = match[1].lower()
    return found


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
