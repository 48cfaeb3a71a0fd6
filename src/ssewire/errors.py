# SPDX-License-Identifier: MIT
"""Every exception that ssewire raises on purpose.

    SSEWireError                      never raised itself
    ├── ProtocolError                 the peer's event stream is unacceptable
    │   ├── EventTooLarge             .limit .events
    │   └── EventDataError            .data; also ValueError: the data is not JSON
    ├── EncodeError                   .field; also ValueError: the caller's event cannot be written
    ├── StateError                    also RuntimeError: an object was used in the wrong order
    ├── RecordingError                also ValueError: a recorded stream cannot be replayed
    └── TransportError                could not get or keep a response; the original is the cause
        ├── ConnectFailed             .address .retryable; also ConnectionError
        ├── ConnectionLost            reset, or a body cut short; also ConnectionError
        ├── StreamTimeout             .kind .seconds; also TimeoutError
        ├── HTTPFormatError           the peer does not speak HTTP/1.1
        ├── RedirectError             .url .location
        ├── ContentDecodingError      .encoding .retryable
        ├── RetriesExhausted          .attempts
        ├── StatusError               .status .headers .body .url .location
        └── ContentTypeError          .content_type and those of StatusError

Facts are attributes and the text is computed from them, so that both parsers
say the same. All of them survive pickling. Of anything that the peer sent at
most 64 bytes stand in a text, and a repr holds the text, not the facts.
May import: _checks, _headers.
"""

from __future__ import annotations

from ._checks import excerpt, shortened

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._headers import Headers
    from .event import Item

__all__ = [
    "ConnectFailed",
    "ConnectionLost",
    "ContentDecodingError",
    "ContentTypeError",
    "EncodeError",
    "EventDataError",
    "EventTooLarge",
    "HTTPFormatError",
    "ProtocolError",
    "RecordingError",
    "RedirectError",
    "RetriesExhausted",
    "SSEWireError",
    "StateError",
    "StatusError",
    "StreamTimeout",
    "TransportError",
]


class SSEWireError(Exception):
    """Base of all exceptions in this package."""

    def __repr__(self) -> str:
        # Not the arguments, which may be megabytes of what the peer sent, and end up in logs.
        return f"{type(self).__name__}({str(self)!r})"


class ProtocolError(SSEWireError):
    """The peer's event stream is unacceptable."""


class EventTooLarge(ProtocolError):
    """An event grew past `max_event_size` before it ended.

    The parser raises this again at every `feed` until `reset`. `events` holds
    what was complete before, and is empty when the error is raised anew.
    """

    def __init__(self, limit: int, events: Sequence[Item] = ()) -> None:
        super().__init__(limit, events)
        self.limit = limit
        self.events: list[Item] = list(events)

    def __str__(self) -> str:
        return f"an event is larger than max_event_size ({self.limit} bytes)"


class EventDataError(ProtocolError, ValueError):
    """An event's data is not the JSON that was asked for; the decoder's error is the cause."""

    def __init__(self, data: str) -> None:
        super().__init__(data)
        self.data = data

    def __str__(self) -> str:
        return f"event data is not JSON: {excerpt(self.data)}"


class EncodeError(SSEWireError, ValueError):
    """An event cannot be written; `field` names the part at fault."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field} {self.reason}"


class StateError(SSEWireError, RuntimeError):
    """An object was used in the wrong order, such as `feed` after `close`."""


class RecordingError(SSEWireError, ValueError):
    """A recorded stream cannot be replayed; the text is one sentence."""


class TransportError(SSEWireError):
    """A response could not be had or kept; the original exception is the cause.

    Raised itself for what another HTTP library raised under `transport=`.
    """

    # Whether a later attempt may end better; `EventSource` stops where it is False.
    retryable: bool = True

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class ConnectFailed(TransportError, ConnectionError):
    """No connection to `address` ("host:port", of the proxy where it is at fault).

    `retryable` is False where trying again cannot help, such as for a
    certificate that does not verify.
    """

    def __init__(self, address: str, reason: str, retryable: bool = True) -> None:
        super().__init__(reason)
        self.args: tuple[Any, ...] = (address, reason, retryable)
        self.address = address
        self.retryable = retryable

    def __str__(self) -> str:
        return f"could not connect to {shortened(self.address)}: {self.reason}"


class ConnectionLost(TransportError, ConnectionError):
    """The connection broke, or ended before the response was complete."""


class StreamTimeout(TransportError, TimeoutError):
    """A timeout ran out; `kind` is "connect", "head", "idle", "stall" or "total"."""

    def __init__(self, kind: str, seconds: float) -> None:
        super().__init__(kind)
        self.args: tuple[Any, ...] = (kind, seconds)
        self.kind = kind
        self.seconds = seconds

    def __str__(self) -> str:
        happened = {
            "connect": "no connection",
            "head": "no response head",
            "idle": "no data",
            "stall": "no event",
            "total": "not finished",
        }.get(self.kind, "not done")
        return f"{happened} within {self.seconds:g} s (the {self.kind} timeout)"


class HTTPFormatError(TransportError):
    """What the peer sent is not an HTTP/1.1 response that can be trusted."""


class RedirectError(TransportError):
    """A redirect that cannot or must not be followed.

    `url` is where it was met, `location` where it leads, as the server wrote it; None where it
    does not say.
    """

    retryable = False

    def __init__(self, reason: str, url: str, location: str | None = None) -> None:
        super().__init__(reason)
        self.args: tuple[Any, ...] = (reason, url, location)
        self.url = url
        self.location = location

    def __str__(self) -> str:
        leads = "" if self.location is None else f", to {excerpt(_plain(self.location))}"
        return f"{self.reason} (at {shortened(_plain(self.url))}{leads})"


def _plain(url: str) -> str:
    """Return a URL for a text: less its query and its user, where people put keys."""
    url = url.partition("#")[0].partition("?")[0]
    before, slashes, rest = url.partition("//")
    authority, slash, path = rest.partition("/")
    return f"{before}{slashes}{authority.rpartition('@')[2]}{slash}{path}"


class ContentDecodingError(TransportError):
    """The body is not what its Content-Encoding says, or that encoding is unknown here."""

    def __init__(self, encoding: str, reason: str, retryable: bool = True) -> None:
        super().__init__(reason)
        self.args: tuple[Any, ...] = (encoding, reason, retryable)
        self.encoding = encoding
        self.retryable = retryable

    def __str__(self) -> str:
        return f"cannot decode a body of Content-Encoding {excerpt(self.encoding)}: {self.reason}"


class RetriesExhausted(TransportError):
    """So many attempts in a row brought no event; the last one's failure is the cause."""

    retryable = False

    def __init__(self, attempts: int) -> None:
        super().__init__("gave up")
        self.args: tuple[Any, ...] = (attempts,)
        self.attempts = attempts

    def __str__(self) -> str:
        last = "" if self.__cause__ is None else f", the last one: {self.__cause__}"
        number = "1 failed attempt" if self.attempts == 1 else f"{self.attempts} failed attempts"
        return f"gave up after {number}{last}"


class _Refused:
    """What StatusError and ContentTypeError have in common: a response."""

    status: int
    headers: Headers
    body: bytes
    url: str
    redirected: bool

    def _keep(
        self, status: int, headers: Headers | None, body: bytes, url: str, redirected: bool
    ) -> None:
        if headers is None:
            # Not above: it loads more than the rest of the package.
            from ._headers import Headers

            headers = Headers()
        self.status = status
        self.headers = headers
        self.body = body
        self.url = url
        self.redirected = redirected

    @property
    def location(self) -> str | None:
        """Where a redirect led, or where this response leads; None where there is neither."""
        return self.url if self.redirected else self.headers.get("Location")

    def _more(self) -> str:
        """Return what the text says beside the status or type: where it was, how it begins."""
        where = ""
        if self.redirected:
            where = f" (at {excerpt(_plain(self.url))}, after a redirect)"
        elif self.location:
            where = f" (it leads to {excerpt(_plain(self.location))})"
        return where + (f": {excerpt(self.body)}" if self.body else "")


class StatusError(_Refused, TransportError):
    """The response has another status than was asked for.

    `headers` are its own, `body` the first 64 KiB of its body, as far as that came within a
    second. `url` is what answered, after redirects ("" where that is not known), and
    `redirected` whether there were any: credentials do not follow one to another origin.
    `location` is where they led, or the Location of this response.
    """

    def __init__(
        self,
        status: int,
        headers: Headers,
        body: bytes = b"",
        url: str = "",
        redirected: bool = False,
    ) -> None:
        super().__init__("status")
        self.args: tuple[Any, ...] = (status, headers, body, url, redirected)
        self._keep(*self.args)

    def __str__(self) -> str:
        return f"the server answered with status {self.status}{self._more()}"


class ContentTypeError(_Refused, TransportError):
    """The response is no event stream; `content_type` is None where it names no type.

    The other attributes are those of StatusError. `expected` are the media types that would
    have been taken.
    """

    retryable = False

    def __init__(
        self,
        content_type: str | None,
        body: bytes = b"",
        status: int = 200,
        headers: Headers | None = None,
        url: str = "",
        redirected: bool = False,
        expected: tuple[str, ...] = ("text/event-stream",),
    ) -> None:
        super().__init__("content type")
        self._keep(status, headers, body, url, redirected)
        self.args: tuple[Any, ...] = (
            *(content_type, body, status, self.headers, url, redirected, expected),
        )
        self.content_type = content_type
        self.expected = expected

    def __str__(self) -> str:
        expected = " or ".join(self.expected)
        if self.content_type is None:
            text = f"the response has no Content-Type; {expected} was expected"
        else:
            text = f"the response is {excerpt(self.content_type)}, not {expected}"
        return text + self._more()
