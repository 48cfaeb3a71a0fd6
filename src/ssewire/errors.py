"""Every exception that ssewire raises on purpose.

    SSEWireError                      never raised itself
    ├── ProtocolError                 the peer's event stream is unacceptable
    │   ├── EventTooLarge             .limit .events
    │   └── EventDataError            .data; also ValueError: the data is not JSON
    ├── EncodeError                   .field; also ValueError: the caller's event cannot be written
    ├── StateError                    also RuntimeError: an object was used in the wrong order
    ├── RecordingError                also ValueError: a recorded stream cannot be replayed
    └── TransportError                could not get or keep a response; the original is the cause
        ├── ConnectFailed             .address .retryable
        ├── ConnectionLost            reset, or a body cut short
        ├── StreamTimeout             .kind .seconds; also TimeoutError
        ├── HTTPFormatError           the peer does not speak HTTP/1.1
        ├── RedirectError             .url
        ├── ContentDecodingError      .encoding .retryable
        ├── RetriesExhausted          .attempts
        ├── StatusError               .status .headers .body
        └── ContentTypeError          .content_type .body

Facts are attributes and the text is computed from them, so that both parsers
say the same. All of them survive pickling. At most 64 bytes of peer data
stand in any text. May import: _checks, _headers.
"""

from __future__ import annotations

from ._checks import excerpt, shortened

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._headers import Headers


class SSEWireError(Exception):
    """Base of all exceptions in this package."""


class ProtocolError(SSEWireError):
    """The peer's event stream is unacceptable."""


class EventTooLarge(ProtocolError):
    """An event grew past `max_event_size` before it ended.

    The parser raises this again at every `feed` until `reset`. `events` holds
    what was complete before, and is empty when the error is raised anew.
    """

    def __init__(self, limit: int, events: Sequence[Any] = ()) -> None:
        super().__init__(limit, events)
        self.limit = limit
        self.events: list[Any] = list(events)

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


class ConnectFailed(TransportError):
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


class ConnectionLost(TransportError):
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
    """A redirect that cannot or must not be followed; `url` is where it was met."""

    retryable = False

    def __init__(self, reason: str, url: str) -> None:
        super().__init__(reason)
        self.args: tuple[Any, ...] = (reason, url)
        self.url = url

    def __str__(self) -> str:
        # Less its query, where people put keys.
        return f"{self.reason} (at {self._where()})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.reason!r}, {self._where()!r})"

    def _where(self) -> str:
        return shortened(self.url.partition("#")[0].partition("?")[0])


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
        return f"gave up after {self.attempts} failed attempts"


class StatusError(TransportError):
    """The response has another status than was asked for; `body` is its first KiB."""

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        super().__init__("status")
        self.args: tuple[Any, ...] = (status, headers, body)
        self.status = status
        self.headers = headers
        self.body = body

    def __str__(self) -> str:
        shown = f": {excerpt(self.body)}" if self.body else ""
        return f"the server answered with status {self.status}{shown}"


class ContentTypeError(TransportError):
    """The response is no event stream; `content_type` is None where it names no type."""

    retryable = False

    def __init__(self, content_type: str | None, body: bytes = b"") -> None:
        super().__init__("content type")
        self.args: tuple[Any, ...] = (content_type, body)
        self.content_type = content_type
        self.body = body

    def __str__(self) -> str:
        if self.content_type is None:
            return "the response has no Content-Type; text/event-stream was expected"
        return f"the response is {excerpt(self.content_type)}, not text/event-stream"
