# SPDX-License-Identifier: MIT
"""One response read off the wire, without I/O: bytes in, the pieces of its body out.

`ResponseReader` takes the bytes of one connection in any pieces. Every byte
is looked at a bounded number of times. May import: _checks, errors, _chunk,
heads.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .._checks import not_bytes
from ..errors import ConnectionLost, HTTPFormatError, TransportError
from ._chunk import feed_one_chunk
from .heads import BLANKS, MAX_HEAD, MAX_HEADERS, body_framing, parse_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .heads import Framing, ResponseHead

# A chunk's size line with its extensions, which nobody uses for anything long.
MAX_CHUNK_LINE = 4096

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n\0]*)?")

_LF = 10

# Size lines up to this length, line end included, take the short way: eight digits
# and no extension to speak of.
_USUAL_SIZE_LINE = 10

# Shared by all readers that have their head; nobody adds to it.
_NO_LINES: list[bytes] = []


class ResponseReader:
    """Read one response: feed bytes, get those of the body.

    Args:
        method: of the request; HEAD has no body.
        tunnel: this is the answer to CONNECT; what follows a 2xx head is not HTTP.
    """

    __slots__ = (
        "_chunk_left",
        "_framing",
        "_head_pos",
        "_line",
        "_lines",
        "_method",
        "_searched",
        "_state",
        "_trailer_size",
        "begun",
        "error",
        "head",
        "leftover",
        "tunnel",
    )

    def __init__(self, method: str = "GET", *, tunnel: bool = False) -> None:
        self._method = method
        # What follows a 2xx head is not HTTP.
        self.tunnel: bool = tunnel
        # Whether any byte of the response has come.
        self.begun: bool = False
        # The response's head, once it is complete.
        self.head: ResponseHead | None = None
        # Why nothing more comes out. To be raised once the pieces before it are used.
        self.error: TransportError | None = None
        # What came after the response, for whoever keeps the connection.
        self.leftover: bytes = b""
        # "head", "body", "size", "chunk", "crlf", "trailer", "done" or "failed".
        self._state = "head"
        # The bytes of the head; of a chunk's size line or trailer line if cut.
        self._line = bytearray()
        # Where the current line of the head begins, and up to where no LF stands.
        self._head_pos = 0
        self._searched = 0
        # The lines of the head so far, without their ends.
        self._lines: list[bytes] = []
        # Bytes of trailers so far.
        self._trailer_size = 0
        self._framing: Framing = "none"
        # Bytes of the chunk, or of the body with a length, still to come.
        self._chunk_left = 0

    @property
    def complete(self) -> bool:
        """Whether the response has ended as it should."""
        return self._state == "done"

    @property
    def until_close(self) -> bool:
        """Whether the body ends where the connection does, for want of any other sign."""
        return self._framing == "close"

    @property
    def persistent(self) -> bool:
        """Whether the connection goes on after the response, by what its head says."""
        if self.head is None or self.until_close or self.head.odd:
            return False
        if self.head.version < 11 and self._framing == "chunked":
            # Somebody on the way speaks HTTP/1.0 and may not have understood (RFC 9112, 6.1).
            return False
        options = ",".join(self.head.headers.get_all("Connection")).lower()
        tokens = [token.strip(BLANKS) for token in options.split(",")]
        return "close" not in tokens and (self.head.version >= 11 or "keep-alive" in tokens)

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent on the connection."""
        return self.complete and not self.leftover and self.persistent

    # A method of either implementation.
    feed_one_chunk = feed_one_chunk

    def feed(self, data: Buffer) -> list[bytes]:
        """Return the pieces of the body that are in `data`. Never raises on content.

        Look at `complete` and `error` after having used them.

        Raises:
            TypeError: data is not a bytes-like object.
        """
        if type(data) is not bytes:
            try:
                data = memoryview(data).tobytes()
            except TypeError:
                raise not_bytes(data) from None
        pieces: list[bytes] = []
        try:
            if self._state == "head":
                data = self._feed_head(data)
            if self._state == "body":
                self._feed_body(data, pieces)
            elif self._state in ("done", "failed"):
                self.leftover += data
            elif self._state != "head":
                self._feed_chunks(data, pieces)
        except HTTPFormatError as exc:
            self._fail(exc)
        return pieces

    def close(self) -> None:
        """Note the end of the connection. `error` is set if the response was not complete."""
        if self._state in ("done", "failed"):
            return
        if self._state == "head":
            nothing = not self._line
            self._fail(
                ConnectionLost(
                    "the connection was closed without a response"
                    if nothing
                    else "the connection was closed within the response head"
                )
            )
        elif self.until_close or self._state == "trailer":
            # Trailers are of no use here, and with the last chunk the body is whole.
            self._state = "done"
        else:
            self._fail(ConnectionLost("the connection was closed before the end of the body"))

    def _fail(self, error: TransportError) -> None:
        self._state = "failed"
        self.error = error
        self._line = bytearray()
        self._lines = []

    def _feed_head(self, data: bytes) -> bytes:
        """Collect the head; return what follows it."""
        buffer = self._line
        buffer += data
        self.begun = bool(buffer)
        while True:
            # A server that speaks something else may never send a line end.
            start = bytes(buffer[self._head_pos : self._head_pos + 5])
            if not self._lines and not b"HTTP/".startswith(start):
                raise HTTPFormatError("the response does not begin with HTTP/")
            end = buffer.find(_LF, self._searched)
            if (len(buffer) if end < 0 else end + 1) > MAX_HEAD:
                raise HTTPFormatError(f"a response head larger than {MAX_HEAD} bytes")
            if end < 0:
                self._searched = len(buffer)
                return b""
            line = bytes(buffer[self._head_pos : end])
            self._head_pos = self._searched = end + 1
            if line.endswith(b"\r"):
                line = line[:-1]
            if line:
                self._lines.append(line)
                if len(self._lines) - 1 > MAX_HEADERS:
                    raise HTTPFormatError(f"more than {MAX_HEADERS} header fields")
                continue
            head = parse_head(self._lines)
            if head.status >= 200:
                rest = bytes(buffer[self._head_pos :])
                self._line = bytearray()
                self._lines = _NO_LINES
                self._begin_body(head)
                return rest
            if head.status == 101:
                raise HTTPFormatError("the server changed protocols without being asked")
            self._lines = []

    def _begin_body(self, head: ResponseHead) -> None:
        if self.tunnel and head.status < 300:
            self._framing = "none"
        else:
            self._framing = body_framing(self._method, head.status, head.headers)
        self.head = head
        if self._framing == "none" or self._framing == 0:
            self._state = "done"
        elif self._framing == "chunked":
            self._state = "size"
        else:
            self._state = "body"
            if self._framing != "close":
                self._chunk_left = self._framing

    def _feed_body(self, data: bytes, pieces: list[bytes]) -> None:
        """Take bytes of a body without chunks."""
        if self._framing != "close":
            left = self._chunk_left
            if len(data) >= left:
                self._state = "done"
                self.leftover = data[left:]
                data = data[:left]
            self._chunk_left = left - len(data)
        if data:
            pieces.append(data)

    def _feed_chunks(self, data: bytes, pieces: list[bytes]) -> None:
        """Take bytes of a chunked body."""
        pos = 0
        size = len(data)
        state = self._state
        # Chunks that are whole in `data`, nearly all of them, take this short way;
        # whatever else there is goes through the states below.
        while state == "size" and pos < size and not self._line:
            end = data.find(b"\r\n", pos, pos + _USUAL_SIZE_LINE)
            length = _usual_size(data[pos:end]) if end > 0 else 0
            stop = end + 2 + length
            if not length or not data.startswith(b"\r\n", stop):
                break
            pieces.append(data[end + 2 : stop])
            pos = stop + 2
        while pos < size:
            if state == "chunk":
                end = pos + self._chunk_left
                if end > size:
                    self._chunk_left = end - size
                    pieces.append(data[pos:])
                    break
                pieces.append(data[pos:end])
                pos = end
                # A chunk's end is nearly always in the packet of its last byte.
                if data.startswith(b"\r\n", pos):
                    pos += 2
                    state = "size"
                else:
                    state = "crlf"
            elif state == "crlf":
                part = data[pos : pos + 2 - len(self._line)]
                pos += len(part)
                self._line += part
                if not b"\r\n".startswith(bytes(self._line)):
                    raise HTTPFormatError("a chunk without a line end after it")
                if len(self._line) == 2:
                    self._line = bytearray()
                    state = "size"
            else:
                end = data.find(_LF, pos)
                line = data[pos : size if end < 0 else end]
                length = len(self._line) + len(line)
                if state == "size" and length > MAX_CHUNK_LINE:
                    raise HTTPFormatError(f"a chunk size line longer than {MAX_CHUNK_LINE} bytes")
                if state == "trailer" and self._trailer_size + length > MAX_HEAD:
                    raise HTTPFormatError(f"trailers larger than {MAX_HEAD} bytes")
                if end < 0:
                    self._line += line
                    break
                pos = end + 1
                if self._line:
                    line = bytes(self._line) + line
                    self._line = bytearray()
                # Unlike in heads: where chunks end, readers that take LF and those that do
                # not would see two bodies (RFC 9112, 7.1).
                if not line.endswith(b"\r"):
                    raise HTTPFormatError("a line among the chunks that does not end in CR LF")
                line = line[:-1]
                if state == "size":
                    match = _CHUNK_SIZE.fullmatch(line)
                    if match is None:
                        raise HTTPFormatError("a chunk size that is not a number")
                    self._chunk_left = int(match[1], 16)
                    state = "chunk" if self._chunk_left else "trailer"
                elif line:
                    self._trailer_size += length + 1
                else:
                    state = "done"
                    self.leftover = data[pos:]
                    break
        self._state = state


class SilentReader(ResponseReader):
    """Read where nothing may come yet: whatever does is an HTTPFormatError, and the end the end.

    Args:
        why: the text of that error.
    """

    __slots__ = ("_why",)

    def __init__(self, why: str) -> None:
        super().__init__()
        self._why = why

    def feed(self, data: Buffer) -> list[bytes]:
        """Refuse what has come."""
        self._fail(HTTPFormatError(self._why))
        return []


@lru_cache(256)
def _usual_size(line: bytes) -> int:
    """Return the size that a chunk's size line gives; 0 if that is none, or needs a closer look."""
    match = _CHUNK_SIZE.fullmatch(line)
    return 0 if match is None else int(match[1], 16)
