# SPDX-License-Identifier: MIT
"""Requests off the wire, without I/O; what they ask for is for `_rules` to judge.

Apart from `_http`, which reads responses: of a request's head only what this
server acts on is looked at. May import: _headers.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from .._headers import Headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Bytes of a request's head: several times what any client sends.
MAX_HEAD = 64 * 1024

# Bytes of a request's body: the API's own limit.
MAX_BODY = 32 * 2**20

# Bytes of a line that says how large a chunk is: extensions, which nobody sends, included.
_MAX_LINE = 1024


class Seen(NamedTuple):
    """A request as the server saw it: `method`, `target`, `headers`, `body`, `connection`.

    `target` is the path with its query, `headers` does not show keys in its repr, `body`
    is bytes, and `connection` the number of the connection, from 0.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def json(self) -> Any:
        """Return the body decoded from JSON, anew each time.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.body)


class Refused(Exception):
    """The request is answered with an error; never leaves this package.

    Args:
        kind: the error's type, as the API names it.
        fields: lines of the answer's head, beside those that each has.
    """

    def __init__(self, status: int, kind: str, message: str, *fields: str) -> None:
        self.status = status
        self.kind = kind
        self.message = message
        self.fields = fields


class RequestReader:
    """The requests of one connection, one after the other: bytes in, requests out.

    Args:
        connection: its number.
    """

    def __init__(self, connection: int) -> None:
        self._connection = connection
        self._received = bytearray()
        # Up to where the end of the head has been looked for.
        self._searched = 0
        # Of a request whose body is still to come.
        self._head: tuple[str, str, Headers] | None = None
        self._body_size = 0
        # What has come of a body in chunks; None where it is not in chunks.
        self._body: bytearray | None = None
        # What to write before more can be hoped for; for the caller to take, once.
        self.interim: bytes = b""
        # Of the last request: its answer has no body; the client understands chunks.
        self.head_only: bool = False
        self.chunks: bool = True
        # Whether the connection goes on after the answer. Not before the end of
        # the request is known.
        self.persistent: bool = False

    @property
    def waiting(self) -> int:
        """Bytes that have been received and not been read."""
        return len(self._received)

    def feed(self, data: bytes) -> None:
        """Take what has been received; `next` reads it."""
        self._received += data

    def next(self) -> Seen | None:
        """Return the next request, None if it is not complete.

        Raises:
            Refused: where it ends is unknown, or too far: what follows cannot be read.
        """
        if self._head is None:
            self._head = self._read_head()
        if self._head is None:
            return None
        body = self._read_body() if self._body is None else self._read_chunks(self._body)
        if body is None:
            return None
        method, target, headers = self._head
        self._head = self._body = None
        self.interim = b""
        self.persistent = self.chunks and "close" not in headers.get("Connection", "").lower()
        return Seen(method, target, headers, body, self._connection)

    def _read_body(self) -> bytes | None:
        """Take a body of a known size off what was received, None if it is not complete."""
        size = self._body_size
        if len(self._received) < size:
            return None
        body = bytes(self._received[:size])
        del self._received[:size]
        return body

    def _read_chunks(self, body: bytearray) -> bytes | None:
        """Move whole chunks into `body` (RFC 9112, section 7.1); return it once it is complete.

        A chunk's line is looked at again with each piece of the chunk: it is short. Trailers are
        dropped.
        """
        received = self._received
        while True:
            end = received.find(b"\r\n", 0, _MAX_LINE)
            if end < 0 and len(received) < _MAX_LINE:
                return None
            line = bytes(received[: max(end, 0)])
            match = re.fullmatch(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?", line)
            if match is None:
                raise Refused(400, "invalid_request_error", "the size of a chunk is not a number")
            size = int(match[1], 16)
            if len(body) + size > MAX_BODY:
                raise _too_large()
            start = end + 2
            if size == 0:
                # From the line end of its own on: there may be no trailer.
                end = received.find(b"\r\n\r\n", end)
                if end < 0 and len(received) <= MAX_HEAD:
                    return None
                if end < 0:
                    raise Refused(431, "invalid_request_error", "the trailer is too large")
                del received[: end + 4]
                return bytes(body)
            if len(received) < start + size + 2:
                return None
            if received[start + size : start + size + 2] != b"\r\n":
                raise Refused(400, "invalid_request_error", "a chunk is longer than its size")
            body += received[start : start + size]
            del received[: start + size + 2]

    def _read_head(self) -> tuple[str, str, Headers] | None:
        """Take a head off what was received, None if it is not complete."""
        self.persistent = self.head_only = False
        # An empty line before a request is ignored (RFC 9112, section 2.2).
        while self._received.startswith(b"\r\n"):
            del self._received[:2]
            self._searched = 0
        end = self._received.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._searched = len(self._received)
            if len(self._received) > MAX_HEAD:
                raise Refused(431, "invalid_request_error", "the head is too large")
            return None
        first, *rest = bytes(self._received[:end]).decode("latin-1").split("\r\n")
        del self._received[: end + 4]
        self._searched = 0
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise Refused(400, "invalid_request_error", "this is not HTTP/1.1")
        method, target, version = words
        # As a client sends it to a proxy, and every server takes it (RFC 9112, section 3.2.2).
        target = re.sub("^https?://[^/?]*/?", "/", target, flags=re.IGNORECASE)
        self.head_only = method == "HEAD"
        self.chunks = version != "HTTP/1.0"
        fields = [line.partition(":") for line in rest]
        headers = Headers([(name, value.strip()) for name, _, value in fields])
        self._body = bytearray() if _in_chunks(headers) else None
        self._body_size = 0 if self._body is not None else _body_size(headers)
        expects = headers.get("Expect", "").lower() == "100-continue"
        if expects and (self._body is not None or len(self._received) < self._body_size):
            self.interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        return method, target, headers


def _in_chunks(headers: Headers) -> bool:
    """Say whether the body comes in chunks."""
    coding = headers.get("Transfer-Encoding")
    if coding is None:
        return False
    if coding.lower() != "chunked" or "Content-Length" in headers:
        raise Refused(400, "invalid_request_error", "the length of the body is not clear")
    return True


def _too_large() -> Refused:
    return Refused(413, "request_too_large", "the request exceeds the maximum size")


def _body_size(headers: Headers) -> int:
    """Return how many bytes follow a head."""
    length = headers.get("Content-Length", "0")
    if not re.fullmatch("[0-9]{1,18}", length):
        raise Refused(400, "invalid_request_error", "the Content-Length is not a number")
    if int(length) > MAX_BODY:
        raise _too_large()
    return int(length)
