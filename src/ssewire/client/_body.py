# SPDX-License-Identifier: MIT
"""The bytes of a response's body, one piece per read.

May import: _http, _settings, errors, _connection.
"""

from __future__ import annotations

import ssl
import time

from .._http.content import Body
from .._http.refusal import ERROR_BODY
from .._settings import foreign
from ..errors import ConnectionLost, SSEWireError
from ._connection import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from .._http.reader import ResponseReader
    from .._http.timeouts import Deadlines
    from ._connection import Handle, Wire
    from ._response import HTTPResponse


class ResponseBody:
    """The decoded bytes of a response over a socket of ours."""

    __slots__ = ("_content", "_direct", "_reader", "_received", "_wire", "_within")

    def __init__(self, wire: Wire, reader: ResponseReader, first: list[bytes]) -> None:
        assert reader.head is not None
        self._wire = wire
        self._reader = reader
        # Of the body, and not decoded yet.
        self._received = b"".join(first)
        self._content = Body(reader.head.headers)
        # Nothing is to be decoded, nor left of what came with the head.
        self._direct = False
        # A step has begun and not been done.
        self._within = False

    @property
    def deadlines(self) -> Deadlines:
        """When to give up on it."""
        return self._wire.deadlines

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        wire = self._wire
        handle = wire.handle
        if self._within and handle.taken and not handle.aborted:
            handle.abort()
            raise handle.lost()
        self._within = True
        # But for the time of waiting, in receive().
        handle.taken = True
        reader = self._reader
        try:
            # Where each event is a packet, a read is one event's: it is done in this frame, as
            # calls are most of what it costs (benchmarks/clients.py, "paced").
            while True:
                if not self._direct:
                    chunk = self._decoded()
                    if chunk:
                        break
                if reader.error is not None:
                    raise reader.error
                if reader.complete:
                    self._content.close()
                    raise StopIteration
                if wire.deadlines.idle is not None:
                    wire.deadlines.start_idle(time.monotonic())
                try:
                    data = wire.receive()
                except ConnectionLost as exc:
                    if not _is_cut(exc.__cause__) or reader.until_close:
                        raise
                    # Without TLS's own end; but this body says itself where it ends.
                    data = b""
                if not data:
                    reader.close()
                    continue
                pieces = reader.feed(data)
                chunk = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                if not self._direct:
                    self._received = chunk
                elif chunk:
                    break
        except StopIteration:
            wire.end(reader)
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

    def _decoded(self) -> bytes:
        """Return some of the body that needs no read; b"" where there is none."""
        received, content = self._received, self._content
        if not content.begun:
            content = self._content = content.begin(self._reader.complete and not received)
        if content.plain:
            self._direct = True
            self._received = b""
            return received
        if received:
            # What was fed before has all been taken, else there would not be more.
            content.feed(received)
            self._received = b""
        return content.take() or b""

    def finish(self) -> None:
        """Close it, though what is left of it may still come and be of no interest."""
        self._wire.end(self._reader)

    def close(self) -> None:
        self._wire.handle.abort()


def _is_cut(exc: BaseException | None) -> bool:
    """Say whether TLS's own end was missing, in the words of old and new builds of CPython."""
    return isinstance(exc, ssl.SSLEOFError) or (
        isinstance(exc, ssl.SSLError) and exc.reason == "UNEXPECTED_EOF_WHILE_READING"
    )


class ForeignBody:
    """The chunks of a transport's response: failures typed, deadlines kept as well as can be."""

    __slots__ = ("_chunks", "_handle", "deadlines")

    def __init__(self, response: HTTPResponse, deadlines: Deadlines, handle: Handle) -> None:
        self._chunks = response.chunks
        self._handle = handle
        self.deadlines: Deadlines = deadlines

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._handle.aborted:
            raise StopIteration
        # What an exception does to somebody else's iterator cannot be known: it may be
        # a generator, which would just end.
        self._handle.taken = True
        if self.deadlines.idle is not None:
            self.deadlines.start_idle(time.monotonic())
        try:
            chunk = next(self._chunks)
        except (StopIteration, SSEWireError):
            raise
        except Exception as exc:
            if self._handle.aborted:
                # What its library makes of being closed while it reads.
                raise StopIteration from None
            raise foreign(exc) from exc
        error = self.deadlines.expired(time.monotonic())
        if error is not None:
            raise error
        return chunk

    def finish(self) -> None:
        """Close it: whether its connection can go on is its library's business."""
        self.close()

    def close(self) -> None:
        self._handle.abort()


def error_body(body: ResponseBody | ForeignBody, limit: int = ERROR_BODY) -> bytes:
    """Return the beginning of a body that says why a response was refused."""
    body.deadlines.start_error_body(time.monotonic())
    said = bytearray()
    try:
        for chunk in body:
            said += bytes(chunk)[:limit]
            if len(said) >= limit:
                break
    except SSEWireError:
        pass  # The status is the news; what there is of the body will do.
    return bytes(said[:limit])
