# SPDX-License-Identifier: MIT
"""What a body is: a stream, or JSON or HTML in its place; what such a document says.

A server that fails, and a relay that does not stream, send JSON or HTML, or gzip that
nothing says is that. No line of a stream begins with { or <.
May import: _checks, _json, _record, errors, event.
"""

from __future__ import annotations

from .._checks import not_bytes
from ..event import ServerSentEvent
from ._json import read_object
from ._record import ShapeError
from .errors import API_ERRORS, MalformedEvent, OversizedEvent, describes_error

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Buffer

# White space that may stand before a body that is not a stream; more than
# this and it is taken for a stream, whose parser holds no blank lines.
_MAX_LEADING_SPACE = 4096

# A JSON document may have this part of what an event may: it is parsed twice, and a message
# without its stream is a few MB at most (its output tokens are, at five bytes each).
_DOCUMENT_SHARE = 4

# What a gzip file begins with; the second byte is none that a text in UTF-8 may have there.
_GZIP = b"\x1f\x8b"

# Bytes kept of a page of HTML: as of a refused response's, it is cut where it says no more.
_MAX_PAGE = 64 * 1024


class Sniffer:
    """Find out what a body is by its first character; keep it if it is a document.

    Args:
        max_event_size: bytes that an event may have; a JSON document may have a quarter of
            them. None for any number.
    """

    __slots__ = ("_body", "_head", "_is_page", "_limit")

    def __init__(self, max_event_size: int | None) -> None:
        self._limit = None if max_event_size is None else max_event_size // _DOCUMENT_SHARE
        # Until the first character tells: the white space before it.
        self._head = b""
        # A document, as far as it came.
        self._body: bytearray | None = None
        # It is HTML, or gzip: nothing that is read as a whole.
        self._is_page = False

    def feed(self, data: Buffer) -> bytes | None:
        """Return the beginning of a stream; None while it is not known, and for a document.

        What follows the beginning of a stream is not for the sniffer.

        Raises:
            TypeError: data is not a bytes-like object.
            OversizedEvent: a JSON document is larger than the limit; what came of it is dropped.
                Of a page of HTML the beginning is kept.
        """
        try:
            piece = memoryview(data).tobytes()
        except TypeError:
            raise not_bytes(data) from None
        if self._body is None:
            piece = self._head + piece
            start = piece.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            if (not start and len(piece) < _MAX_LEADING_SPACE) or piece == _GZIP[:1]:
                self._head = piece
                return None
            gzip = piece.startswith(_GZIP)
            if start not in (b"{", b"<") and not gzip:
                return piece
            self._body = bytearray()
            self._is_page = start == b"<" or gzip
        body = self._body
        if self._is_page:
            body += piece[: max(0, _MAX_PAGE - len(body))]
        elif self._limit is not None and len(body) + len(piece) > self._limit:
            body.clear()
            raise OversizedEvent(self._limit, document=True)
        else:
            body += piece
        return None

    def document(self) -> str | None:
        """Return the text of the document that came; None if there was none."""
        return None if self._body is None else self._body.decode("utf-8-sig", "replace")


def check_document(text: str) -> None:
    """Refuse a document that is not even meant as one.

    Raises:
        MalformedEvent: it is HTML, or compressed.
    """
    if text.lstrip()[:1] == "<":
        raise MalformedEvent(text) from ShapeError("the body is HTML: is the base URL right?")
    if text[:1] == "\x1f":
        raise MalformedEvent(text) from ShapeError("the body is gzip without a Content-Encoding")


def document_events(text: str) -> list[ServerSentEvent]:
    """Return the wire events of a body that is a document: a message, or what went wrong.

    Raises:
        MalformedEvent: it is an object, but neither a message nor an error.
    """
    body = read_object(text)
    if body is None or is_error(body):
        return [ServerSentEvent(text)]
    if body.get("type") == "message":
        # As it was written: what JSON does not have, such as NaN, is not to be written anew.
        start = f'{{"type":"message_start","message":{text.strip()}}}'
        return [
            ServerSentEvent(start, "message_start"),
            ServerSentEvent('{"type":"message_stop"}', "message_stop"),
        ]
    raise MalformedEvent(text) from ShapeError("the body is neither a message nor an error")


def is_error(raw: dict[str, Any], *, named: bool = False) -> bool:
    """Say whether JSON is an error, though perhaps without the type that says so.

    Args:
        named: it came in an event with a name, and so may be one that is new.
    """
    kind = raw.get("type")
    if isinstance(kind, str):
        return kind == "error" or kind in API_ERRORS
    if raw.get("error") or isinstance(raw.get("error"), (dict, str)):
        return True
    # No event has such keys and no type; relays pass on what their own upstream said.
    return not named and describes_error(raw)
