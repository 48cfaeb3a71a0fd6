# SPDX-License-Identifier: MIT
"""Random responses for the reader of HTTP bodies, cut at random, against a literal reading.

`python -m tests.http.reader_campaign N [SEED]` does N of them, some five million in an hour. Each
is also read whole and byte by byte, which must give the same, damaged heads included.
"""

from __future__ import annotations

import random
import re
import sys
import time
from typing import Any, NamedTuple

from ssewire._http.reader import ResponseReader

SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(;[^\r\n\0]*)?\r\n")
# What mutations put anywhere.
NOISE = [
    *(b"\r", b"\n", b"\r\n", b"\r\r\n", b"\n\n", b"\0", b" ", b";", b"0", b"0\r\n", b"0\r\n\r\n"),
    *(b"f", b"A", b"-1", b"+2", b"0x3", b"_", b"5\r\n", b"g", b"\xe9", b"1" * 17, b"", b"\t", b":"),
]
DATA = [b"data: x\n\n", b"event: t\r\ndata: y\r\n\r\n", b"\r\n", b"0\r\n\r\n", b"x", b"a" * 300]
EXTENSIONS = [b"", b"", b"", b" ", b"\t ", b";a", b' ; a="b"', b";" + b"e" * 30, b";\xff"]
TRAILERS = [b"T: v\r\n", b"U:\r\n", b"anything\r\n", b": \0\r\n"]


class Response(NamedTuple):
    """One answer on the wire, and what its head says of its body."""

    method: str
    head: bytes
    body: bytes
    framing: str | int


class Reading(NamedTuple):
    """All that came of a response: the bytes, and how it ended."""

    body: bytes
    complete: bool  # before the connection ended
    fault: str  # the name of the error after it, "" without one
    leftover: bytes  # once it was complete


def random_response(rng: random.Random) -> Response:
    """Return a response; of one in three the bytes of the body are damaged."""
    method, status = "GET", b"200 OK"
    framing: str | int = rng.choice(("chunked", "chunked", "chunked", "length", "close", "none"))
    fields = [b"Content-Type: text/event-stream", b"X: 1"][: rng.randrange(3)]
    body = b"".join(rng.choices(DATA, k=rng.randrange(5)))
    if framing == "length":
        framing = max(0, len(body) + rng.choice((0, 0, 0, -1, -3, 1, 9)))
        fields.append(b"Content-Length: %d" % framing)
    elif framing == "chunked":
        fields.append(rng.choice((b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED")))
        body = _chunks(rng, body)
    elif framing == "none":
        method, status = rng.choice((("HEAD", status), ("GET", b"204 No"), ("GET", b"304 Not")))
        fields.append(rng.choice((b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Y: 2")))
    rng.shuffle(fields)
    eol = rng.choice((b"\r\n", b"\r\n", b"\n"))
    head = eol.join([b"HTTP/1.1 " + status, *fields, b"", b""])
    if rng.random() < 0.1:
        head = b"HTTP/1.1 100 Continue\r\n\r\n" + head
    while rng.random() < 0.35:
        body = _damaged(rng, body)
    return Response(method, head, body, framing)


def _chunks(rng: random.Random, body: bytes) -> bytes:
    parts = []
    while body:
        size = rng.choice((1, 2, 9, 16, 17, 200, len(body)))
        piece, body = body[:size], body[size:]
        written = rng.choice((b"%x", b"%x", b"%X", b"%04x")) % len(piece)
        parts.append(written + rng.choice(EXTENSIONS) + b"\r\n" + piece + b"\r\n")
    if rng.random() < 0.9:
        parts.append(rng.choice((b"0", b"0", b"000")) + rng.choice(EXTENSIONS) + b"\r\n")
        parts += rng.choices(TRAILERS, k=rng.choice((0, 0, 0, 1, 2)))
        parts.append(b"\r\n")
    return b"".join([*parts, rng.choice((b"", b"", b"HTTP/1.1 200 OK\r\n"))])


def _damaged(rng: random.Random, raw: bytes) -> bytes:
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + rng.choice(NOISE) + raw[at + rng.randrange(3) :]


def literal(response: Response) -> Reading:
    """Read a response whose head is in order, all of it at once and without any shortcut."""
    body, framing = response.body, response.framing
    if framing == "chunked":
        return _literal_chunks(body)
    if framing == "close":
        return Reading(body, False, "", b"")
    size = 0 if framing == "none" else int(framing)
    if len(body) < size:
        return Reading(body, False, "ConnectionLost", b"")
    return Reading(body[:size], True, "", body[size:])


def _literal_chunks(body: bytes) -> Reading:
    data = b""
    pos = 0
    while True:
        line = SIZE_LINE.match(body, pos)
        if line is None:
            # No line that ends in LF is a size: it is wrong, or only not complete.
            fault = "HTTPFormatError" if b"\n" in body[pos:] else "ConnectionLost"
            return Reading(data, False, fault, b"")
        size = int(line[1], 16)
        pos = line.end()
        if not size:
            break
        data += body[pos : pos + size]
        pos += size
        if pos >= len(body) or body[pos:] == b"\r":
            return Reading(data, False, "ConnectionLost", b"")
        if body[pos : pos + 2] != b"\r\n":
            return Reading(data, False, "HTTPFormatError", b"")
        pos += 2
    while True:
        end = body.find(b"\n", pos)
        if end < 0:
            # Of trailers nothing is missed.
            return Reading(data, False, "", b"")
        if body[end - 1 : end] != b"\r" or end == pos:
            return Reading(data, False, "HTTPFormatError", b"")
        if end == pos + 1:
            return Reading(data, True, "", body[end + 1 :])
        pos = end + 1


def read(method: str, raw: bytes, sizes: list[int], rng: random.Random | None = None) -> Reading:
    """Return what the reader makes of `raw` in pieces of the sizes, over and over."""
    reader = ResponseReader(method)
    pieces: list[bytes] = []
    at = number = 0
    while at < len(raw):
        size = sizes[number % len(sizes)]
        chunk = raw[at : at + size]
        pieces += reader.feed(bytearray(chunk) if rng and rng.random() < 0.1 else chunk)
        at += size
        number += 1
    assert all(pieces), "an empty piece"
    complete = reader.complete
    leftover = reader.leftover if complete else b""
    reader.close()
    fault = type(reader.error).__name__ if reader.error is not None else ""
    return Reading(b"".join(pieces), complete, fault, leftover)


def check(rng: random.Random, response: Response) -> None:
    """Compare the reader at several cuts with the literal reading.

    Raises:
        AssertionError: they differ.
    """
    expected = literal(response)
    raw = response.head + response.body
    whole = [len(raw) or 1]
    # Between head and body, inside of either, or anywhere.
    cuts = [rng.choice(((1, 2, 3), (1, 5, 40), (len(response.head), 7), (64,))) for _ in range(2)]
    shuffled = [rng.sample(sizes, len(sizes)) for sizes in cuts]
    for sizes in (whole, [1], [len(response.head), len(raw)], *shuffled):
        _same(response.method, raw, sizes, read(response.method, raw, sizes, rng), expected)
    # A head that is damaged the literal reading knows nothing of; every cut must agree.
    broken = _damaged(rng, response.head) + response.body
    expected = read(response.method, broken, [len(broken)])
    for sizes in ([1], shuffled[0]):
        _same(response.method, broken, sizes, read(response.method, broken, sizes), expected)


def _same(method: str, raw: bytes, sizes: list[int], found: Any, expected: Any) -> None:
    assert found == expected, f"{method} {raw!r} in pieces of {sizes}: {found}, expected {expected}"


def campaign(count: int, seed: int) -> int:
    """Check `count` random responses; return how many of them were read to their end.

    Raises:
        AssertionError: as `check`.
    """
    rng = random.Random(seed)
    complete = 0
    for _ in range(count):
        response = random_response(rng)
        check(rng, response)
        complete += literal(response).complete
    return complete


if __name__ == "__main__":
    runs = int(sys.argv[1])
    chosen = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    started = time.perf_counter()
    ended = campaign(runs, chosen)
    seconds = time.perf_counter() - started
    print(f"{runs} responses, {ended} complete, seed {chosen}, {seconds:.0f} s: no difference")
