# SPDX-License-Identifier: MIT
"""What is served, without I/O: items to bytes of the wire, and what a response says of itself.

For `asgi` and `wsgi` alike. A `Wire` knows what its client has got so far, so
that neither a comment nor an event of ours comes into the middle of what the
source gives in pieces. May import: _checks, _headers, _http, encoder, event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ._checks import check_count, check_seconds, shown_number, wrong_type
from ._headers import Headers
from ._http.request import check_field, encode_value, value_fault, without
from .encoder import encode, encode_comment, encode_event
from .event import Comment, ServerSentEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Union

    from ._headers import HeaderSource

    # What a source may give: events, the data of one, comments, bytes of the wire.
    Item = Union[ServerSentEvent, Comment, str, bytes, dict[str, Any], list[Any]]

ALLOWED = "a ServerSentEvent, Comment, str, bytes, dict or list"

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent, unless told otherwise: proxies and balancers
commonly give up on a connection after 30 or 60."""

ERROR_EVENT = "stream-error"
"""The type of the event that says that a source failed. Not `error`: a browser's EventSource
gives an event of that type to `onerror`, which stands for a lost connection."""

# `no-cache` as the standard asks of servers; `no-transform` keeps what compresses on the way
# (create-react-app's proxy, Cloudflare) from collecting events until a block is full, and the
# last one keeps nginx from it.
HEADERS: dict[str, str] = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
"""The header fields of a stream of events, for those who answer by themselves."""

COMMENT = encode_comment()

_BOM = b"\xef\xbb\xbf"
# In the place of an ID that is not known: it is not empty, so that an event without one resets it.
_SOME_ID = "?"

# Infinity and NaN are no JSON, and what a browser's JSON.parse() ends with an exception on.
_encode_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii_json = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def json_data(value: object) -> str:
    """Return a dict or list as the data of an event: JSON, compact, not escaped to ASCII.

    Raises:
        TypeError, ValueError: it is no JSON: values of other types, NaN or Infinity,
            itself within itself.
        RecursionError: deeper than the json module goes.
    """
    text = _encode_json(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair is no text, but JSON can say it.
        return _encode_ascii_json(value)
    return text


# The event with an ID that was encoded last, and its bytes: where many clients get the same one,
# as from a Broadcast, it is encoded once.
_last_encoded: tuple[ServerSentEvent | None, bytes] = (None, b"")
# Larger ones are not kept: nobody could tell what holds the memory.
_LARGEST_KEPT = 64 * 1024


def encoded_once(event: ServerSentEvent) -> bytes:
    """Return `encode(event)` for an event that has an ID."""
    global _last_encoded
    known, data = _last_encoded
    if event is not known:
        data = encode(event)
        if len(data) <= _LARGEST_KEPT:
            _last_encoded = (event, data)
    return data


# How the wire ends where no line and no event is open.
_BLANK_LINE = b"\n\n"


class Wire:
    """What one client has been sent, as far as what comes next depends on it."""

    __slots__ = ("_begun", "_client_id", "_held", "_tail", "within")

    def __init__(self) -> None:
        # The last event ID that the client has by what the source gave.
        self._client_id = ""
        # The end of what the source gave, as much as a blank line is: CR LF CR LF.
        self._tail = _BLANK_LINE
        # An event was given in part, as bytes: what comes next belongs to it.
        self.within: bool = False
        # Whether the source's first bytes have gone out, less a byte order mark.
        self._begun = False
        # The first bytes of what may become one.
        self._held = b""

    @property
    def between_lines(self) -> bool:
        """Whether a comment may come now. After a CR it may not: a LF could belong to it."""
        return self._tail.endswith((b"\n", b"\r\r"))

    def encode(self, item: Any) -> bytes:
        """Return an item as bytes of the wire; b"" where nothing is to be sent yet.

        Raises:
            TypeError: it is none of those that are allowed, which the text lists.
            EncodeError: an event that cannot be written.
            ValueError, RecursionError: as `json_data`.
        """
        kind = type(item)
        if kind is ServerSentEvent:
            event_id = item.id
            if event_id:
                data = encoded_once(item)
            else:
                data = encode(item, last_event_id=self._client_id)
            self._client_id = event_id
        elif issubclass(kind, str):
            data = encode_event(item)
        elif issubclass(kind, bytes):
            return self._bytes(item)
        elif issubclass(kind, (dict, list)):
            data = encode_event(json_data(item))
        elif kind is Comment:
            # It ends a line, but not the event that it may stand in.
            self._tail = b"\n" if self.within else _BLANK_LINE
            return self._first(encode(item))
        else:
            raise wrong_type("an item of an event stream", ALLOWED, item)
        self._tail = _BLANK_LINE
        self.within = False
        return data if self._begun else self._first(data)

    def _bytes(self, item: bytes) -> bytes:
        # Of a subclass its plain bytes.
        data = b"".join((item,))
        if not self._begun:
            data = self._without_mark(data)
        if not data:
            return data
        if b"id" in self._tail + data:
            self._client_id = _SOME_ID
        self._tail = (self._tail + data)[-4:]
        self.within = not self._tail.endswith((b"\n\n", b"\n\r\n", b"\r\r"))
        return data

    def _first(self, data: bytes) -> bytes:
        self._begun = True
        held, self._held = self._held, b""
        return held + data

    def _without_mark(self, data: bytes) -> bytes:
        """Return the source's first bytes without a byte order mark.

        After a comment of ours it would stand at the beginning no more, and be part of the name
        of a field (WHATWG: it is dropped at the beginning of the stream only).
        """
        data = self._held + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._held = data
            return b""
        self._begun = True
        self._held = b""
        return data[len(_BOM) :] if data.startswith(_BOM) else data


class Options:
    """What can be said of a response besides its events, checked."""

    __slots__ = ("error_event", "fields", "keep_alive", "on_close", "send_timeout", "status")

    def __init__(
        self,
        *,
        keep_alive: float | None,
        error_event: str | None,
        on_close: Callable[[], object] | None,
        headers: HeaderSource | None = None,
        status: int = 200,
        send_timeout: float | None = None,
    ) -> None:
        """Raise TypeError or ValueError for what makes no sense."""
        self.keep_alive: float | None = _seconds("keep_alive", keep_alive)
        self.send_timeout: float | None = _seconds("send_timeout", send_timeout)
        # Encoded now, so that a name with a line end in it fails here.
        self.error_event: bytes = b"" if error_event is None else failure(error_event)
        if on_close is not None and not callable(on_close):
            raise wrong_type("on_close", "a function or None", on_close)
        self.on_close: Callable[[], object] | None = on_close
        self.status: int = check_count("status", status, 200)
        if status > 599:
            raise ValueError(f"status must be from 200 to 599, not {shown_number(status)}")
        self.fields: list[tuple[bytes, bytes]] = _fields(headers)

    @property
    def bodiless(self) -> bool:
        """Whether a response of this status has no body (RFC 9110, section 6.4.1)."""
        return self.status in (204, 205, 304)


def _seconds(name: str, value: float | None) -> float | None:
    return None if value is None else check_seconds(name, value, expected="seconds or None")


def failure(event: str) -> bytes:
    """Return the event that says that the source failed, and nothing of why: that is logged."""
    error = {"type": "internal_error", "message": "the stream broke off"}
    return encode_event(json_data({"type": "error", "error": error}), event=event)


def _fields(headers: HeaderSource | None) -> list[tuple[bytes, bytes]]:
    """Return the fields of a response's head: those that are given, and of HEADERS the others."""
    # Spaces around a value are no part of it (RFC 9110, section 5.5); uvicorn, handed some, breaks
    # the connection off without an answer.
    given = [(name, value.strip(" \t")) for name, value in Headers(headers).multi_items()]
    for name, value in given:
        check_field(name, value_fault(value) or _control_fault(value), "server")
    ours = without(Headers(HEADERS), {name.lower() for name, _ in given})
    return [(n.lower().encode("ascii"), encode_value(v)) for n, v in ours + given]


def _control_fault(value: str) -> str:
    # Those besides CR, LF and NUL are as invalid; gunicorn refuses the whole response for one.
    found = any((char < " " and char != "\t") or char == "\x7f" for char in value)
    return "must not contain control characters" if found else ""


def last_event_id(scope_or_environ: Mapping[str, Any]) -> str:
    """Return the ID of the last event that the client has, or "" where it says none.

    Args:
        scope_or_environ: an ASGI scope, or what has one's `headers` (a request of
            Starlette's or FastAPI's); or a WSGI environ.

    Bytes that are not UTF-8 become replacement characters: WHATWG has the ID sent in UTF-8.
    What it holds is the client's to choose; it is no ID of yours until it is found among them.

    Raises:
        TypeError: neither of the two.
    """
    if not isinstance(scope_or_environ, Mapping):
        raise wrong_type("scope_or_environ", "an ASGI scope or a WSGI environ", scope_or_environ)
    if "wsgi.version" in scope_or_environ or "REQUEST_METHOD" in scope_or_environ:
        # PEP 3333: bytes, as characters up to U+00FF.
        value = str.encode(scope_or_environ.get("HTTP_LAST_EVENT_ID", ""), "latin-1", "replace")
        return bytes.decode(value, "utf-8", "replace")
    scope = getattr(scope_or_environ, "scope", scope_or_environ)
    for name, value in scope.get("headers", ()):
        if name.lower() == b"last-event-id":
            return bytes.decode(value, "utf-8", "replace")
    return ""


def is_source(value: object) -> bool:
    """Whether a value is something to be iterated over, and no single item."""
    one = (str, bytes, bytearray, memoryview, Mapping, ServerSentEvent, Comment)
    return isinstance(value, Iterable) and not isinstance(value, one)


def no_source(expected: str, value: object) -> TypeError:
    """Return the TypeError for `events` that are none; a function is told to be called."""
    error = wrong_type("events", expected, value)
    return TypeError(f"{error}; call it") if callable(value) else error


def source_of(events: Callable[[Any], Any], what: str, request: object) -> Any:
    """Call the function that was given as `events` with its request.

    Raises:
        TypeError: it takes no such argument; the text says that it is to.
    """
    try:
        return events(request)
    except TypeError as exc:
        # What it raises from within has a frame of its own.
        if exc.__traceback__ is None or exc.__traceback__.tb_next is not None:
            raise
        raise TypeError(f"{exc}; event_stream() calls it with {what} of each request") from exc
