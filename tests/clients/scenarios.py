# SPDX-License-Identifier: MIT
"""What the callers of both clients see when servers do what servers do.

One list drives the sync and the asyncio client: a script for the server, what
the client is asked, and what comes of it. `follow` in test_both turns a scenario
into an `Outcome`, for each client; `check` compares.
"""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from ssewire import Comment
from ssewire.errors import (
    ConnectFailed,
    ConnectionLost,
    ContentDecodingError,
    ContentTypeError,
    EventTooLarge,
    HTTPFormatError,
    RedirectError,
    RetriesExhausted,
    StatusError,
    StreamTimeout,
)
from tests.kit.scripted import (
    CHUNKED,
    LAST_CHUNK,
    SOON,
    Connection,
    Request,
    Server,
    chunk,
    drip,
    head,
)

SSE = head()


class Outcome:
    """What a caller has seen."""

    def __init__(self) -> None:
        # (type, data, id) of each event, ("comment", text) of each comment.
        self.items: list[Any] = []
        self.error: BaseException | None = None
        # on_error's exceptions, by class name, and delays.
        self.reported: list[tuple[str, float | None]] = []
        self.opened = 0
        # last_event_id after each item, and at the end.
        self.ids: list[str] = []
        # Bytes of an unfinished event, as the stream or source says at the end.
        self.dropped = 0

    def add(self, item: Any, last_event_id: str) -> None:
        if isinstance(item, Comment):
            self.items.append(("comment", item.text))
        else:
            self.items.append((item.event, item.data, item.id))
        self.ids.append(last_event_id)


class Scenario:
    """One row: what the server does, what is asked, what comes of it.

    Args:
        name: what happens, in words.
        script: see `scripted`.
        kind: "stream" (open_stream, read to its end) or "source" (EventSource,
            with short delays, read to its end or to `take` events).
        items: the events, as data alone where nothing else matters; None is not checked.
        error: the class of what is raised at the end; None for an ordinary end.
        facts: attributes of that error.
        cause: the class of its cause.
        connections: how many the server sees; a range where that is a matter of time.
        dropped: bytes of an unfinished event at the end; None is not checked.
        ids: the Last-Event-ID of each request; None is not checked.
        tls: the host name of the server's certificate; None for plain HTTP.
        trusted: whether the client trusts that certificate.
        scheme: of the URL, where it is not the server's own.
        options: further arguments of the call.
    """

    def __init__(
        self,
        name: str,
        script: Sequence[Connection],
        kind: str = "stream",
        *,
        items: Sequence[Any] | None = (),
        error: type[BaseException] | None = None,
        facts: dict[str, Any] | None = None,
        cause: type[BaseException] | None = None,
        connections: int | range = 1,
        ids: Sequence[str | None] | None = None,
        take: int | None = None,
        tls: str | None = None,
        trusted: bool = True,
        scheme: str | None = None,
        accept_delay: float = 0.0,
        policy: dict[str, Any] | None = None,
        timeouts: dict[str, float] | None = None,
        reported: Sequence[str] | None = None,
        dropped: int | None = None,
        **options: Any,
    ) -> None:
        self.name = name
        self.script = script
        self.kind = kind
        self.items = items and [
            ("message", item, "") if isinstance(item, str) else item for item in items
        ]
        self.error = error
        self.facts = facts or {}
        self.cause = cause
        self.connections = connections
        self.ids = ids
        self.take = take
        self.tls = tls
        self.trusted = trusted
        self.scheme = scheme
        self.accept_delay = accept_delay
        self.policy = {"initial_delay": 0.01, "max_delay": 0.05, **(policy or {})}
        self.timeouts = timeouts
        self.reported = reported
        self.dropped = dropped
        self.options = options

    def server(self) -> Server:
        return Server(self.script, tls=self.tls, accept_delay=self.accept_delay)

    def url(self, server: Server) -> str:
        """Return the URL that the client is given."""
        return server.url.replace("http:", f"{self.scheme or 'http'}:") + "/"

    def check(self, outcome: Outcome, server: Server) -> None:
        """Fail unless the caller saw what this scenario says."""
        if self.error is None:
            assert outcome.error is None, outcome.error
        else:
            assert type(outcome.error) is self.error, repr(outcome.error)
        if self.items is not None:
            assert outcome.items == list(self.items)
        for name, value in self.facts.items():
            assert fact(outcome.error, name) == value, name
        if self.cause is not None:
            assert outcome.error is not None
            assert isinstance(outcome.error.__cause__, self.cause), outcome.error.__cause__
        if isinstance(self.connections, range):
            assert server.connections in self.connections
        else:
            assert server.connections == self.connections
        if self.ids is not None:
            assert server.last_event_ids == list(self.ids)
        if self.dropped is not None:
            assert outcome.dropped == self.dropped
        if self.reported is not None:
            assert [name for name, _ in outcome.reported] == list(self.reported)
        assert server.wait_closed(), "the client has left a connection open"

    def __repr__(self) -> str:
        return self.name


def fact(error: Any, name: str) -> Any:
    """Return an attribute of an error, or of what it carries."""
    if name == "why":
        return error.headers["X-Why"]
    if name == "path":
        return "/" + error.location.split("/")[-1]
    return getattr(error, name)


def event(number: int, *, with_id: bool = True) -> bytes:
    return b"id: %d\ndata: %d\n\n" % (number, number) if with_id else b"data: %d\n\n" % number


def item(number: int) -> tuple[str, str, str]:
    return ("message", str(number), str(number))


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data)


def damaged(compressed: bytes) -> bytes:
    """Return gzip data with a wrong checksum: all that it holds comes before that."""
    return compressed[:-8] + bytes(8)


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


JSON = "application/json"
ANSWER = b'{"text": "' + b"x" * 20_000 + b'"}'
ABC = b"data: a\n\ndata: b\r\n\r\ndata: c\r\r"
UNFINISHED = b"data: a\n\ndata: b\nid: 2"
# Of its second event: the data so far, and the line that has not ended.
UNFINISHED_SIZE = len(b"b\n") + len(b"id: 2")
BOMB = gzip.compress(b"data: " + bytes(30_000_000), 1)

STREAMS = [
    Scenario("a body to the end of the connection", [[SSE, ABC]], items="abc"),
    Scenario("a body in single bytes", [[*drip(SSE + ABC)]], items="abc"),
    Scenario(
        "a body with a length",
        [[head(200, f"Content-Length: {len(ABC)}"), ABC, "hold"]],
        items="abc",
    ),
    Scenario(
        "chunks with cuts everywhere",
        [
            [
                head(200, CHUNKED),
                *drip(chunk(*(ABC[i : i + 1] for i in range(len(ABC)))) + LAST_CHUNK),
            ]
        ],
        items="abc",
    ),
    Scenario(
        "chunks with extensions and trailers",
        [[head(200, CHUNKED), b"9;x=y\r\ndata: a\n\n\r\n0\r\nTrailer: v\r\n\r\n", "hold"]],
        items="a",
    ),
    Scenario(
        "chunks in one packet with the head",
        [[head(200, CHUNKED) + chunk(b"data: a\n", b"\ndata: b", b"\n\n") + LAST_CHUNK]],
        items="ab",
    ),
    Scenario(
        "an unfinished event at the end is dropped and said to be",
        [[SSE, UNFINISHED]],
        items="a",
        dropped=UNFINISHED_SIZE,
    ),
    *[
        Scenario(
            f"an unfinished event at the end of {framing} is handed out where that is asked for",
            [[*steps]],
            items=["a", ("message", "b", "2")],
            dropped=0,
            unfinished="dispatch",
        )
        for framing, steps in [
            ("the connection", (SSE, UNFINISHED)),
            ("chunks", (head(200, CHUNKED), chunk(UNFINISHED) + LAST_CHUNK)),
            ("a length", (head(200, f"Content-Length: {len(UNFINISHED)}"), UNFINISHED, "hold")),
            ("gzip", (head(200, "Content-Encoding: gzip"), gzipped(UNFINISHED))),
            ("a body with the head", (head(200, CHUNKED) + chunk(UNFINISHED) + LAST_CHUNK,)),
        ]
    ],
    *[
        Scenario(
            f"an event that is cut by {how} is never handed out",
            [[*steps]],
            items="a",
            error=error,
            dropped=UNFINISHED_SIZE,
            unfinished="dispatch",
        )
        for how, steps, error in [
            ("a length", (head(200, "Content-Length: 99"), UNFINISHED), ConnectionLost),
            ("a chunk missing", (head(200, CHUNKED), chunk(UNFINISHED)), ConnectionLost),
            ("a bad chunk", (head(200, CHUNKED), chunk(UNFINISHED) + b"xy\r\n"), HTTPFormatError),
        ]
    ],
    Scenario(
        "a body that is no event is dropped whatever becomes of unfinished ones",
        [[SSE, b'{"message": "no"}']],
        dropped=len(b'{"message": "no"}'),
        unfinished="dispatch",
    ),
    Scenario(
        "comments that are handed out do not put off a stall",
        [[SSE, *([b":\n", SOON / 5] * 60), "hold"]],
        items=None,
        error=StreamTimeout,
        facts={"kind": "stall"},
        timeouts={"stall": SOON},
        comments=True,
    ),
    Scenario("an empty stream", [[head(200, "Content-Length: 0")]]),
    Scenario(
        "interim responses first",
        [[b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n", SSE, ABC]],
        items="abc",
    ),
    Scenario(
        "comments where asked for",
        [[SSE, b": hi\n\ndata: a\n:x\n\n"]],
        items=[("comment", " hi"), ("comment", "x"), ("message", "a", "")],
        comments=True,
    ),
    Scenario(
        "the media type in any case and with parameters",
        [[head(200, content_type="Text/EVENT-stream; charset=latin-1"), "data: é\n\n".encode()]],
        items="é",
    ),
    Scenario(
        "a header field per event type and id",
        [[SSE, b"event: x\nid: 1\ndata: a\n\n"]],
        items=[("x", "a", "1")],
        ids=[None],
    ),
    # Compression, although identity was asked for.
    Scenario("gzip", [[head(200, "Content-Encoding: gzip"), gzipped(ABC)]], items="abc"),
    Scenario(
        "gzip in single bytes and chunks",
        [
            [
                head(200, "Content-Encoding: gzip", CHUNKED),
                *[chunk(bytes([byte])) for byte in gzipped(ABC)],
                LAST_CHUNK,
            ]
        ],
        items="abc",
    ),
    Scenario(
        "deflate", [[head(200, "Content-Encoding: deflate"), zlib.compress(ABC)]], items="abc"
    ),
    Scenario(
        "raw deflate", [[head(200, "Content-Encoding: deflate"), raw_deflate(ABC)]], items="abc"
    ),
    Scenario(
        "gzip cut short",
        [[head(200, "Content-Encoding: gzip"), gzipped(ABC + bytes(99))[:-9]]],
        items="abc",
        error=ContentDecodingError,
    ),
    Scenario(
        "gzip damaged",
        [[head(200, "Content-Encoding: gzip"), b"this is not gzip"]],
        error=ContentDecodingError,
        cause=zlib.error,
    ),
    Scenario(
        "the events before the damage in the same read",
        [[head(200, "Content-Encoding: gzip"), damaged(gzipped(ABC * 2000))]],
        items="abc" * 2000,
        error=ContentDecodingError,
        cause=zlib.error,
    ),
    *[
        Scenario(
            f"a content coding of {name}",
            [[head(200, f"Content-Encoding: {name}"), b"\x1f\x8bdata: a\n\n"]],
            error=ContentDecodingError,
            facts={"encoding": name, "retryable": False},
        )
        for name in ("br", "zstd", "compress", "gzip, gzip")
    ],
    *[
        Scenario(
            f"{name!r} is no content coding and changes nothing",
            [[head(200, f"Content-Encoding: {name}"), ABC]],
            items="abc",
        )
        for name in ("none", "identity, identity", "UTF-8", "")
    ],
    Scenario(
        "a bomb stops at the size limit",
        [[head(200, "Content-Encoding: gzip"), BOMB, "hold"]],
        error=EventTooLarge,
        facts={"limit": 100_000},
        max_event_size=100_000,
    ),
    Scenario(
        "the events before one that is too large",
        [[SSE, b"data: a\n\ndata: " + b"x" * 100 + b"\n\n", "hold"]],
        items="a",
        error=EventTooLarge,
        max_event_size=50,
    ),
    # Endings.
    Scenario("closed without a word", [[]], error=ConnectionLost),
    Scenario("reset without a word", [["reset"]], error=ConnectionLost),
    Scenario("closed within the head", [[b"HTTP/1.1 200 OK\r\nX: y\r\n"]], error=ConnectionLost),
    Scenario("closed within the status line", [[b"HTTP/1.1 20"]], error=ConnectionLost),
    Scenario(
        "half closed after the body",
        [[SSE, ABC, "fin"]],
        items="abc",
    ),
    Scenario(
        "half closed within a chunk",
        [[head(200, CHUNKED), chunk(ABC), b"5\r\nda", "fin"]],
        items="abc",
        error=ConnectionLost,
    ),
    Scenario(
        "a body cut short of its length",
        [[head(200, "Content-Length: 1000"), ABC]],
        items="abc",
        error=ConnectionLost,
    ),
    Scenario(
        "a body cut short of its last chunk",
        [[head(200, CHUNKED), chunk(ABC)]],
        items="abc",
        error=ConnectionLost,
    ),
    Scenario(
        "a body cut within a chunk's size",
        [[head(200, CHUNKED), chunk(ABC), b"5"]],
        items="abc",
        error=ConnectionLost,
    ),
    Scenario(
        "a body whose trailers are cut is whole",
        [[head(200, CHUNKED), chunk(ABC), b"0\r\n"]],
        items="abc",
    ),
    Scenario(
        "reset in mid-stream",
        [[head(200, CHUNKED), chunk(ABC), SOON, "reset"]],
        items="abc",
        error=ConnectionLost,
        cause=OSError,
    ),
    Scenario(
        "a chunk size that is no number",
        [[head(200, CHUNKED), chunk(ABC), b"xyz\r\n", "hold"]],
        items="abc",
        error=HTTPFormatError,
    ),
    # Heads.
    Scenario(
        "a head of garbage", [[b"220 smtp.example.com ESMTP\r\n", "hold"]], error=HTTPFormatError
    ),
    Scenario(
        "a head without end",
        [[b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 30_000, "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "a header of a mebibyte",
        [[b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**20 + b"\r\n\r\n", "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "a head of 64 KiB in fields of 1 KiB",
        [[b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"x" * 1024 + b"\r\n") * 64 + b"\r\n", "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "a folded header field is one with a space",
        [[b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Type:\r\n\ttext/event-stream\r\n\r\n", ABC]],
        items="abc",
    ),
    Scenario(
        "a fold before any field",
        [[b"HTTP/1.1 200 OK\r\n X: y\r\nContent-Type: text/event-stream\r\n\r\n", "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "a line of blanks in a head, which some take for its end",
        [[b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n \r\nX: y\r\n\r\n", "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "a header line without a colon",
        [[b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nbroken\r\nY: z\r\n\r\n", "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "two lengths that differ",
        [[head(200, "Content-Length: 3", "Content-Length: 27"), ABC, "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "a length together with chunks",
        [[head(200, "Content-Length: 27", CHUNKED), chunk(ABC) + LAST_CHUNK, "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "an unknown transfer encoding",
        [[head(200, "Transfer-Encoding: gzip"), "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "a transfer encoding of identity is read to the close",
        [[head(200, "Transfer-Encoding: identity"), ABC]],
        items="abc",
    ),
    Scenario(
        "identity together with a length",
        [[head(200, "Transfer-Encoding: identity", "Content-Length: 27"), ABC, "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "chunked in two fields is chunked once",
        [[head(200, CHUNKED, CHUNKED), chunk(ABC) + LAST_CHUNK, "hold"]],
        items="abc",
    ),
    Scenario(
        "chunked twice in one field is chunked once",
        [[head(200, CHUNKED + ", chunked"), chunk(ABC) + LAST_CHUNK, "hold"]],
        items="abc",
    ),
    Scenario(
        "chunked with something after it",
        [[head(200, CHUNKED + ", gzip"), chunk(ABC) + LAST_CHUNK, "hold"]],
        error=HTTPFormatError,
    ),
    Scenario(
        "a chunk's size line that ends in LF alone",
        [[head(200, CHUNKED), chunk(ABC), b"1\nx\r\n", "hold"]],
        items="abc",
        error=HTTPFormatError,
    ),
    Scenario(
        "a trailer that ends in LF alone",
        [[head(200, CHUNKED), chunk(ABC), b"0\r\nX: y\n\r\n", "hold"]],
        items="abc",
        error=HTTPFormatError,
    ),
    Scenario(
        "a change of protocols that nobody asked for",
        [[b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "hold"]],
        error=HTTPFormatError,
    ),
    # Statuses.
    Scenario(
        "a refusal keeps status, headers and the first 64 KiB",
        [
            [
                head(401, "X-Why: key", CHUNKED, content_type="application/json"),
                chunk(b"x" * 70_000),
                "hold",
            ]
        ],
        error=StatusError,
        facts={"status": 401, "body": b"x" * 65536},
    ),
    Scenario(
        "JSON in place of a stream is kept whole, its head too",
        [
            [
                head(200, "X-Why: key", f"Content-Length: {len(ANSWER)}", content_type=JSON),
                ANSWER,
                "hold",
            ]
        ],
        error=ContentTypeError,
        facts={"status": 200, "content_type": JSON, "body": ANSWER, "why": "key"},
    ),
    Scenario(
        "a short refusal, compressed",
        [[head(403, "Content-Encoding: gzip"), gzipped(b"no")]],
        error=StatusError,
        facts={"status": 403, "body": b"no"},
    ),
    Scenario(
        "a refusal whose body is cut",
        [[head(500, "Content-Length: 99"), b"oh"]],
        error=StatusError,
        facts={"status": 500, "body": b"oh"},
    ),
    Scenario(
        "a refusal whose body never ends",
        [[head(403), b"no", "hold"]],
        error=StatusError,
        facts={"status": 403, "body": b"no"},
    ),
    Scenario(
        "status 204 for a single stream",
        [[head(204)]],
        error=StatusError,
        facts={"status": 204, "body": b""},
    ),
    Scenario("status 206", [[head(206), ABC]], error=StatusError, facts={"status": 206}),
    Scenario(
        "another media type",
        [[head(200, "Content-Length: 6", content_type="text/html"), b"<html>"]],
        error=ContentTypeError,
        facts={"content_type": "text/html", "body": b"<html>"},
    ),
    Scenario(
        "no media type",
        [[head(200, "Content-Length: 0", content_type=None)]],
        error=ContentTypeError,
        facts={"content_type": None},
    ),
    Scenario(
        "a list of media types, whose last one counts",
        [[head(200, content_type="application/json, text/event-stream; charset=utf-8"), ABC]],
        items="abc",
    ),
    Scenario(
        "two fields of media types, whose last one counts",
        [[head(200, "Content-Type: text/event-stream", content_type="application/json"), ABC]],
        items="abc",
    ),
    Scenario(
        "a list of media types with another one last",
        [[head(200, "Content-Length: 0", content_type="text/event-stream, text/html")]],
        error=ContentTypeError,
        facts={"content_type": "text/event-stream, text/html"},
    ),
    *[
        Scenario(
            f"{given or 'no media type'} where {allowed} is allowed",
            [[head(200, content_type=given), ABC]],
            kind,
            items="abc",
            media_types=allowed,
            take=3,
        )
        for given, allowed in (
            (None, None),
            ("text/plain; charset=utf-8", None),
            ("text/plain", ("text/event-stream", "Text/Plain")),
        )
        for kind in ("stream", "source")
    ],
    Scenario(
        "another media type than those that are allowed",
        [[head(200, "Content-Length: 0", content_type="text/event-stream")]],
        error=ContentTypeError,
        facts={"expected": ("text/plain",)},
        media_types=("text/plain",),
    ),
    Scenario(
        "another status where any media type is allowed",
        [[head(404, "Content-Length: 0", content_type=None)]],
        error=StatusError,
        facts={"status": 404, "location": None},
        media_types=None,
    ),
    # Redirects.
    *[
        Scenario(
            f"a redirect with status {status}",
            [[head(status, "Location: /there", "Content-Length: 0")], [SSE, ABC]],
            items="abc",
            connections=2,
        )
        for status in (301, 302, 303, 307, 308)
    ],
    Scenario(
        "a redirect with an endless body",
        [[head(302, "Location: @URL@/there"), b"x" * 100_000, "hold"], [SSE, ABC]],
        items="abc",
        connections=2,
    ),
    Scenario(
        "a refusal after a redirect says where it was",
        [[head(307, "Location: /there", "Content-Length: 0")], [head(401, "Content-Length: 0")]],
        error=StatusError,
        facts={"status": 401, "redirected": True, "path": "/there"},
        connections=2,
    ),
    Scenario(
        "a page of HTML after a redirect says where it was",
        [
            [head(302, "Location: /login", "Content-Length: 0")],
            [head(200, "Content-Length: 6", content_type="text/html"), b"<html>"],
        ],
        error=ContentTypeError,
        facts={"body": b"<html>", "redirected": True, "path": "/login"},
        connections=2,
    ),
    Scenario(
        "a status that is no redirect to follow, with a Location",
        [[head(300, "Location: /there", "Content-Length: 0")]],
        error=StatusError,
        facts={"status": 300, "location": "/there", "redirected": False},
    ),
    Scenario("a redirect without a Location", [[head(302)]], error=RedirectError),
    Scenario("a redirect with an empty Location", [[head(302, "Location:")]], error=RedirectError),
    Scenario("a redirect loop", [[head(302, "Location: /")]], error=RedirectError, connections=1),
    Scenario(
        "a redirect loop over two URLs",
        [[head(302, "Location: /b")], [head(302, "Location: /")]],
        error=RedirectError,
        connections=2,
    ),
    Scenario(
        "too many redirects",
        [lambda request: [head(302, f"Location: /{request.connection + 1}")]],
        error=RedirectError,
        connections=4,
        max_redirects=3,
    ),
    Scenario(
        "a redirect to another scheme",
        [[head(302, "Location: file:///etc/passwd")]],
        error=RedirectError,
        facts={"location": "file:///etc/passwd"},
    ),
    Scenario(
        "a redirect from https to http",
        [[head(302, "Location: http://127.0.0.1:1/")]],
        error=RedirectError,
        tls="127.0.0.1",
    ),
    # TLS.
    Scenario("TLS", [[SSE, ABC]], items="abc", tls="127.0.0.1"),
    Scenario(
        "TLS in single bytes",
        [[*drip(head(200, CHUNKED) + chunk(ABC) + LAST_CHUNK)]],
        items="abc",
        tls="127.0.0.1",
    ),
    Scenario(
        "TLS cut without a closing alert, within a chunk",
        [[head(200, CHUNKED), chunk(ABC), SOON, "reset"]],
        items="abc",
        error=ConnectionLost,
        tls="127.0.0.1",
    ),
    Scenario(
        "a certificate that nobody trusts",
        [[SSE]],
        error=ConnectFailed,
        facts={"retryable": False},
        tls="127.0.0.1",
        trusted=False,
    ),
    Scenario(
        "a certificate for another host",
        [[SSE]],
        error=ConnectFailed,
        facts={"retryable": False},
        tls="other.example",
    ),
    # Silence.
    Scenario(
        "silence instead of a head",
        [["hold"]],
        error=StreamTimeout,
        facts={"kind": "head", "seconds": SOON},
        timeouts={"head": SOON},
    ),
    Scenario(
        "a slow accept",
        [[SSE, ABC]],
        accept_delay=4 * SOON,
        error=StreamTimeout,
        facts={"kind": "head"},
        timeouts={"head": SOON},
    ),
    Scenario(
        "a head in drops that never ends",
        [[b"HTTP/1.1 200 OK\r\nX: ", *[b"x", 0.02] * 100]],
        error=StreamTimeout,
        facts={"kind": "head"},
        timeouts={"head": SOON},
    ),
    Scenario(
        "silence in mid-stream",
        [[SSE, ABC, "hold"]],
        items="abc",
        error=StreamTimeout,
        facts={"kind": "idle"},
        timeouts={"idle": SOON},
    ),
    Scenario(
        "comments keep a stream from being idle",
        [[SSE, *[b":\n", SOON / 3] * 9, b"data: a\n\n"]],
        items="a",
        timeouts={"idle": 2 * SOON},
    ),
    Scenario(
        "comments do not keep a stream from stalling",
        [[SSE, b"data: a\n\n", *[b":\n", 0.02] * 100]],
        items="a",
        error=StreamTimeout,
        facts={"kind": "stall"},
        timeouts={"idle": 10.0, "stall": SOON},
    ),
    Scenario(
        "comments asked for do not keep a stream from stalling either",
        [[SSE, *[b":\n", 0.02] * 100]],
        items=None,
        error=StreamTimeout,
        facts={"kind": "stall"},
        timeouts={"stall": SOON},
        comments=True,
    ),
    Scenario(
        "the whole takes too long",
        [[SSE, *[b":\n", 0.02] * 100]],
        error=StreamTimeout,
        facts={"kind": "total"},
        timeouts={"total": SOON},
    ),
    Scenario(
        "redirects do not give total another start",
        [lambda request: [SOON / 4, head(302, f"Location: /{request.connection + 1}")]],
        error=StreamTimeout,
        facts={"kind": "total"},
        timeouts={"total": SOON},
        connections=range(2, 5),
        max_redirects=1000,
    ),
    Scenario(
        "a TLS handshake that never comes",
        [["deaf", "hold"]],
        error=StreamTimeout,
        facts={"kind": "connect"},
        timeouts={"connect": SOON},
        scheme="https",
    ),
    Scenario(
        "an answer that is not TLS",
        [["deaf", b"HTTP/1.1 400 Bad Request\r\n\r\n"]],
        error=ConnectFailed,
        scheme="https",
    ),
    # Requests.
    Scenario(
        "a POST with a body that says what it got",
        [lambda request: [SSE, b"data: " + request.method.encode() + request.body + b"\n\n"]],
        items=["POSThello"],
        method="POST",
        body=b"hello",
    ),
]

SOURCES = [
    Scenario(
        "a source goes on where it was, and 204 ends it",
        [[SSE, event(1), event(2)], [SSE, event(3)], [head(204)]],
        "source",
        items=[item(1), item(2), item(3)],
        connections=3,
        ids=[None, "2", "3"],
        reported=["ConnectionLost", "ConnectionLost"],
    ),
    Scenario(
        "a source never glues half an event to the next connection",
        [[SSE, event(1), b"id: 2\ndata: ha"], [SSE, b"lf\n\n", event(2)], [head(204)]],
        "source",
        items=[item(1), item(2)],
        connections=3,
        ids=[None, "1", "2"],
    ),
    Scenario(
        "a source hands out what a connection ends within where that is asked for, and goes on",
        [[SSE, event(1) + b"id: 2\ndata: 2"], [SSE, event(3)], [head(204)]],
        "source",
        items=[item(1), item(2), item(3)],
        connections=3,
        ids=[None, "2", "3"],
        dropped=0,
        unfinished="dispatch",
    ),
    Scenario(
        "a source does not hand out what was cut, and asks for it again",
        [[head(200, CHUNKED), chunk(event(1) + b"id: 2\ndata: ha")], [SSE, event(2)], [head(204)]],
        "source",
        items=[item(1), item(2)],
        connections=3,
        ids=[None, "1", "2"],
        unfinished="dispatch",
    ),
    Scenario(
        "a source says what its last connection ended within",
        [[SSE, event(1) + b"data: half"], [head(204)]],
        "source",
        items=[item(1)],
        connections=2,
        dropped=len(b"data: half"),
    ),
    Scenario(
        "connections that were up for long are no failed attempts though they brought no event",
        [*[[SSE, b":\n", SOON]] * 4, [SSE, b":\n", SOON, "reset"], [head(204)]],
        "source",
        connections=6,
        policy={"healthy_after": SOON / 3, "max_attempts": 2},
        reported=["ConnectionLost"] * 5,
    ),
    Scenario(
        "connections that were up for long without a byte are failed attempts",
        [[SSE, SOON]],
        "source",
        error=RetriesExhausted,
        connections=2,
        policy={"healthy_after": SOON / 3, "max_attempts": 2},
    ),
    Scenario(
        "what the caller judges worth it is tried again",
        [
            [head(401)],
            [head(404)],
            [head(200, content_type="text/html"), b"<p>We are back soon"],
            [head(302)],
            [SSE, event(1)],
            [head(204)],
        ],
        "source",
        items=[item(1)],
        connections=6,
        policy={"should_retry": lambda error: True},
        reported=[
            *("StatusError", "StatusError", "ContentTypeError", "RedirectError", "ConnectionLost"),
        ],
    ),
    Scenario(
        "what the caller judges hopeless is not",
        [[SSE, event(1)], [head(503)]],
        "source",
        items=[item(1)],
        error=StatusError,
        facts={"status": 503},
        connections=2,
        policy={"should_retry": lambda error: False},
    ),
    Scenario(
        "what the caller does not judge is left to the rules",
        [["reset"], [SSE, event(1)], [head(404)]],
        "source",
        items=[item(1)],
        error=StatusError,
        facts={"status": 404},
        connections=3,
        policy={"should_retry": lambda error: None},
    ),
    Scenario(
        "an initial ID is sent until another comes",
        [[SSE], ["reset"], [SSE, event(8)], [head(204)]],
        "source",
        items=[item(8)],
        connections=4,
        ids=["7", "7", "7", "8"],
        last_event_id="7",
    ),
    Scenario(
        "an ID beyond ASCII goes out as UTF-8",
        [[SSE, "id: €5\ndata: a\n\n".encode()], [head(204)]],
        "source",
        items=[("message", "a", "€5")],
        connections=2,
        ids=[None, "€5"],
    ),
    Scenario(
        "an ID header of the caller is the initial ID",
        [[SSE, event(8)], [head(204)]],
        "source",
        items=[item(8)],
        connections=2,
        ids=["7", "8"],
        headers={"last-event-id": "7"},
    ),
    Scenario(
        "an empty id resets the last event ID",
        [[SSE, event(1), b"id\ndata: a\n\n"], [head(204)]],
        "source",
        items=[item(1), ("message", "a", "")],
        connections=2,
        ids=[None, None],
    ),
    Scenario(
        "an id without data counts",
        [[SSE, event(1), b"id: 9\n\n"], [head(204)]],
        "source",
        items=[item(1)],
        connections=2,
        ids=[None, "9"],
    ),
    Scenario(
        "all that can pass is tried again",
        [
            [],
            ["reset"],
            [head(503, "Content-Length: 0")],
            [head(429, "Retry-After: 0")],
            [b"garbage\r\n"],
            [head(200, CHUNKED), chunk(event(1)), b"zz\r\n"],
            [head(200, "Content-Length: 99"), event(2)],
            [head(200, "Content-Encoding: gzip"), gzipped(event(3) * 2)[:-4]],
            [head(204)],
        ],
        "source",
        items=[item(1), item(2), item(3), item(3)],
        connections=9,
        ids=[None, None, None, None, None, None, "1", "2", "3"],
        reported=[
            "ConnectionLost",
            "ConnectionLost",
            "StatusError",
            "StatusError",
            "HTTPFormatError",
            "HTTPFormatError",
            "ConnectionLost",
            "ContentDecodingError",
        ],
    ),
    Scenario(
        "silence is tried again",
        [["hold"], [SSE, event(1), "hold"], [SSE, b":\n", "hold"], [head(204)]],
        "source",
        items=[item(1)],
        connections=4,
        ids=[None, None, "1", "1"],
        timeouts={"head": SOON, "idle": SOON},
        reported=["StreamTimeout"] * 3,
    ),
    Scenario(
        "attempts run out",
        [[SSE, event(1)], [SSE], [head(503)], []],
        "source",
        items=[item(1)],
        error=RetriesExhausted,
        facts={"attempts": 3},
        cause=ConnectionLost,
        connections=4,
        policy={"max_attempts": 3},
        reported=["ConnectionLost", "ConnectionLost", "StatusError", "RetriesExhausted"],
    ),
    Scenario(
        "a status that will not pass stops a source",
        [[SSE, event(1)], [head(404, "Content-Length: 4"), b"gone"]],
        "source",
        items=[item(1)],
        error=StatusError,
        facts={"status": 404, "body": b"gone"},
        connections=2,
    ),
    Scenario(
        "another media type stops a source",
        [[head(200, content_type="text/plain")]],
        "source",
        error=ContentTypeError,
    ),
    Scenario("a bad redirect stops a source", [[head(302)]], "source", error=RedirectError),
    Scenario(
        "a source asks the first URL again after a redirect",
        [
            lambda request: (
                [head(302, "Location: /b")]
                if request.target == "/"
                else [SSE, event(request.connection)]
            ),
        ],
        "source",
        items=[item(1), item(3)],
        take=2,
        connections=4,
        ids=[None, None, "1", "1"],
    ),
    Scenario(
        "a certificate that nobody trusts stops a source",
        [[SSE]],
        "source",
        error=ConnectFailed,
        tls="127.0.0.1",
        trusted=False,
    ),
    Scenario(
        "an event that is too large stops a source after those before it",
        [[SSE, event(1) + b"data: " + b"x" * 99, "hold"]],
        "source",
        items=[item(1)],
        error=EventTooLarge,
        max_event_size=50,
    ),
    Scenario(
        "a POST is not repeated after its end",
        [[SSE, event(1)]],
        "source",
        items=[item(1)],
        method="POST",
        body=b"x",
    ),
    Scenario(
        "a POST is not repeated after a failure",
        [[head(503)]],
        "source",
        error=StatusError,
        method="POST",
        body=b"x",
    ),
    Scenario(
        "a POST is repeated with its body where the caller says so",
        [lambda request: [SSE, event(request.connection + 1)] if request.body == b"x" else []],
        "source",
        items=[item(1), item(2)],
        take=2,
        connections=2,
        ids=[None, "1"],
        method="POST",
        body=b"x",
        policy={"retry_unsafe_methods": True},
    ),
    Scenario(
        "a source over TLS",
        [[SSE, event(1)], ["reset"], [SSE, event(2)], [head(204)]],
        "source",
        items=[item(1), item(2)],
        connections=4,
        ids=[None, "1", "1", "2"],
        tls="127.0.0.1",
    ),
]

SCENARIOS = STREAMS + SOURCES

# What a source may be doing when it is ended from outside: the server's script, how it is asked.
SILENCE: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("waiting for the head", [["hold"]], {}),
    ("in a TLS handshake", [["deaf", "hold"]], {"scheme": "https"}),
    ("waiting for the next attempt", [["reset"]], {"delay": 60.0}),
    ("reading", [[head(), "hold"]], {}),
    ("reading what is compressed", [[head(200, "Content-Encoding: gzip"), "hold"]], {}),
]


def soak_script(
    seed: int, last: int, refusals: Sequence[int] = (503,)
) -> Callable[[Request], Iterator[Any]]:
    """Return a server that numbers its events, obeys Last-Event-ID, and breaks at random.

    Args:
        refusals: the statuses that it refuses requests with.
    """
    chance = random.Random(seed)

    def script(request: Request) -> Iterator[Any]:
        number = int(request.last_event_id or "0")
        if number >= last:
            yield head(204)
            return
        fault = chance.randrange(8)
        if fault == 0:
            return
        if fault == 1:
            yield "reset"
        if fault == 2:
            yield head(chance.choice(refusals), "Content-Length: 0")
            return
        if fault == 3:
            yield b"HTTP/1.1 200 OK\r\nContent-Ty"
            return
        chunked = bool(chance.randrange(2))
        data = b"".join(event(number + step) for step in range(1, chance.randrange(2, 5)))
        if fault == 4:
            data = data[: chance.randrange(len(data))]
        wire = head(200, CHUNKED) + chunk(data) if chunked else head() + data
        if fault == 5:
            wire += b"5\r\nda" if chunked else b"id: 999999\ndata: never"
        elif fault == 6:
            wire = wire[: chance.randrange(len(wire))]
        elif chunked:
            wire += LAST_CHUNK
        cut = chance.randrange(len(wire) + 1)
        yield wire[:cut]
        yield wire[cut:]
        if fault == 7:
            yield "reset"

    return script
