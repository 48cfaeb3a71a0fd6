"""The bytes of a response's body, one piece per read.

May import: _http, _settings, errors, _connection.
"""

from __future__ import annotations

import ssl
import time

from .._http.content import make_inflater
from .._http.refusal import ERROR_BODY
from .._settings import foreign
from ..errors import ConnectionLost, SSEWireError
from ._connection import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from typing_extensions import Self

    from .._headers import Headers
    from .._http.reader import ResponseReader
    from .._http.timeouts import Deadlines
    from ._connection import Handle, Wire
    from ._response import HTTPResponse


class ResponseBody:
    """The decoded bytes of a response, one piece per read."""

    def __init__(self, wire: Wire, reader: ResponseReader, first: list[bytes]) -> None:
        assert reader.head is not None
        self._wire = wire
        self._reader = reader
        self._received = b"".join(first)
        self._inflater: Any = None
        # Found out at the first step, so that a refused response keeps its status.
        self._headers: Headers | None = reader.head.headers
        # What the last read inflates to, in small steps; None in between.
        self._inflated: Iterator[bytes] | None = None
        # A step has begun and not been done.
        self._within = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        handle = self._wire.handle
        if self._within and handle.taken and not handle.aborted:
            handle.abort()
            raise ConnectionLost("an exception interrupted the reading")
        self._within = True
        # But for the time of waiting, in receive().
        handle.taken = True
        try:
            chunk = self._next()
        except StopIteration:
            self._wire.end(self._reader)
            self._within = False
            raise
        except SSEWireError:
            handle.abort()
            self._within = False
            raise
        except Interrupted:
            self._within = False
            raise StopIteration from None
        self._within = False
        return chunk

    def _next(self) -> bytes:
        reader = self._reader
        if self._headers is not None:
            # Where there is no body, as after HEAD, its encoding does not matter.
            if self._received or not reader.complete:
                self._inflater = make_inflater(self._headers)
            self._headers = None
        while True:
            if self._inflated is not None:
                for piece in self._inflated:
                    return piece
                self._inflated = None
            received, self._received = self._received, b""
            if received:
                if self._inflater is None:
                    return received
                self._inflated = self._inflater.feed(received)
                continue
            if reader.error is not None:
                raise reader.error
            if reader.complete:
                if self._inflater is not None:
                    self._inflater.close()
                raise StopIteration
            if self._wire.deadlines.idle is not None:
                self._wire.deadlines.start_idle(time.monotonic())
            try:
                data = self._wire.receive()
            except ConnectionLost as exc:
                if not isinstance(exc.__cause__, ssl.SSLEOFError) or reader._framing == "close":
                    raise
                # Without TLS's own end; but this body says itself where it ends.
                data = b""
            if data:
                pieces = reader.feed(data)
                received = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                if received and self._inflater is None:
                    return received
                self._received = received
            else:
                reader.close()

    def finish(self) -> None:
        """Close it, though what is left of it may still come and be of no interest."""
        self._wire.end(self._reader)

    def close(self) -> None:
        self._wire.handle.abort()


class ForeignBody:
    """The chunks of a transport's response: failures typed, deadlines kept as well as can be."""

    def __init__(self, response: HTTPResponse, deadlines: Deadlines, handle: Handle) -> None:
        self._chunks = response.chunks
        self._deadlines = deadlines
        self._handle = handle

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._handle.aborted:
            raise StopIteration
        # What an exception does to somebody else's iterator cannot be known: it may be
        # a generator, which would just end.
        self._handle.taken = True
        if self._deadlines.idle is not None:
            self._deadlines.start_idle(time.monotonic())
        try:
            chunk = next(self._chunks)
        except (StopIteration, SSEWireError):
            raise
        except Exception as exc:
            if self._handle.aborted:
                # What its library makes of being closed while it reads.
                raise StopIteration from None
            raise foreign(exc) from exc
        error = self._deadlines.expired(time.monotonic())
        if error is not None:
            raise error
        return chunk

    def close(self) -> None:
        self._handle.abort()


def error_body(response: HTTPResponse, deadlines: Deadlines) -> bytes:
    """Return the first KiB of a body that says why there are no events."""
    deadlines.start_error_body(time.monotonic())
    body = b""
    try:
        for chunk in response.chunks:
            body += bytes(chunk)[:ERROR_BODY]
            if len(body) >= ERROR_BODY:
                break
    except SSEWireError:
        pass  # The status is the news; what there is of the body will do.
    return body[:ERROR_BODY]
