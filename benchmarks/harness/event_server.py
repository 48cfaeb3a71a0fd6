# SPDX-License-Identifier: MIT
"""A server of event streams in another process, on loopback, for what measures clients.

Paced streams get one event of 120 bytes per packet: `/paced/N` with a pause between
events, `/rounds/KEY` whenever the one who asked for `/control/KEY/N` sends a byte, once
there are N such streams; `/bulk/N` gets them in chunks of 64 KiB. Below `/gzip` they come
compressed, each event flushed, so that it can be read at once. With keys there is a second
port, which is the same over TLS. What one client leaves open or half done is in nobody
else's way: each has a key of its own. May import: processes.
"""

from __future__ import annotations

import os
import random
import socket
import ssl
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Callable, NamedTuple
from urllib.parse import urlsplit

from .processes import raise_file_limit, serving_ports

# Bytes of an event's data; with its two line ends an event is 120 bytes long.
DATA = 97
# Events in one chunk of a bulk response: just under 64 KiB. So many differ, too.
BULK_EVENTS = 540
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: bench\r\nTransfer-Encoding: chunked\r\n"
)
END = b"0\r\n\r\n"
# Seconds between two events where nobody asks for them: several times what most need for one.
PAUSE = 0.0002
# Seconds for a request's head and for the streams that a control speaks of.
PATIENCE = 20.0
# gzip's header and checksum around the largest window.
GZIP = 16 + zlib.MAX_WBITS
_WORDS = ("Hello", "the", "stream", "of", "events", "is", "read", "as", "it", "comes", "now", "and")


def _texts() -> list[str]:
    chance = random.Random(1)
    made = (f"{n:03} {' '.join(chance.choices(_WORDS, k=DATA))}" for n in range(BULK_EVENTS))
    return [f"{text[: DATA - 1]}." for text in made]


# The data of a stream's events, over and over.
TEXTS = _texts()
EVENTS = [f"event: message\ndata: {text}\n\n".encode() for text in TEXTS]


class Streams(NamedTuple):
    """Where the server is."""

    plain: str
    tls: str = ""  # "": it has no keys


class _Coding:
    """The body of a stream, in chunks, compressed or not."""

    def __init__(self, gzip: bool) -> None:
        self._deflate = zlib.compressobj(wbits=GZIP) if gzip else None
        self._number = 0

    def head(self) -> bytes:
        coding = b"Content-Encoding: gzip\r\n" if self._deflate else b""
        return HEAD + coding + b"\r\n"

    def packet(self) -> bytes:
        """Return the next event as a chunk of its own."""
        event = EVENTS[self._number % BULK_EVENTS]
        self._number += 1
        return self.chunk(event)

    def chunk(self, data: bytes) -> bytes:
        if self._deflate:
            data = self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return b"%x\r\n%s\r\n" % (len(data), data)

    def end(self) -> bytes:
        if not self._deflate:
            return END
        data = self._deflate.flush()
        return b"%x\r\n%s\r\n" % (len(data), data) + END


class _Server:
    def __init__(self) -> None:
        # Of each key and coding the streams that wait for their control.
        self._waiting: dict[tuple[str, bool], list[socket.socket]] = {}

    def listen(self, context: ssl.SSLContext | None = None) -> int:
        """Serve from a thread; return the port."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        threading.Thread(target=self._accept, args=(listener, context), daemon=True).start()
        return int(listener.getsockname()[1])

    def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            connection, _ = listener.accept()
            # A client that gives up, or does not trust us, costs itself only.
            with suppress(OSError, ValueError, IndexError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(PATIENCE)
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            data = connection.recv(65536)
            if not data:
                return
            request += data
        connection.settimeout(None)
        parts = request.split(b" ")[1].decode("ascii").split("/")[1:]
        gzip = parts[0] == "gzip"
        kind, argument, number = [*parts[gzip:], "", ""][:3]
        work: Callable[..., None]
        if kind == "rounds":
            connection.sendall(_Coding(gzip).head())
            self._waiting.setdefault((argument, gzip), []).append(connection)
            return
        if kind == "control":
            # A byte asks for one event on each stream; the first may have come with the head.
            asked = len(request.partition(b"\r\n\r\n")[2])
            work, arguments = self._rounds, (connection, (argument, gzip), int(number or 0), asked)
        else:
            work = {"paced": _paced, "bulk": _bulk}.get(kind, _unknown)
            arguments = (connection, _Coding(gzip), int(argument or 0))  # type: ignore[assignment]
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _rounds(
        self, control: socket.socket, key: tuple[str, bool], count: int, asked: int
    ) -> None:
        until = time.monotonic() + PATIENCE
        while len(self._waiting.get(key, ())) < count and time.monotonic() < until:
            time.sleep(0.001)
        with ExitStack() as stack:
            stack.enter_context(control)
            streams = self._waiting.pop(key, [])
            for stream in streams:
                stack.enter_context(stream)
            # All of them are at the same place, so they get the same bytes.
            coding = _Coding(key[1])
            with suppress(OSError):
                while asked or control.recv(1):
                    asked = 0
                    packet = coding.packet()
                    for stream in streams:
                        stream.sendall(packet)


def _paced(connection: socket.socket, coding: _Coding, count: int) -> None:
    _stay_on({_core()})  # this thread only
    # Clients leave before the end.
    with connection, suppress(OSError):
        connection.sendall(coding.head())
        for _ in range(count):
            time.sleep(PAUSE)
            connection.sendall(coding.packet())
        connection.sendall(coding.end())


def _bulk(connection: socket.socket, coding: _Coding, count: int) -> None:
    chunk = b"".join(EVENTS)
    with connection, suppress(OSError):
        connection.sendall(coding.head())
        for _ in range(count // BULK_EVENTS):
            connection.sendall(coding.chunk(chunk))
        connection.sendall(coding.end())


def _unknown(connection: socket.socket, coding: _Coding, count: int) -> None:
    with connection, suppress(OSError):
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


def _core() -> int:
    """Return the core on which single streams are paced; -1 where none can be chosen."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else -1


def _stay_on(cores: set[int]) -> None:
    if cores != {-1}:
        os.sched_setaffinity(0, cores)


@contextmanager
def on_its_core() -> Iterator[None]:
    """Start processes on the core on which the server paces single streams.

    Where the system is free to choose, an event costs its client up to three times as much
    when both have a core of their own as when they share one, and it chooses by chance.
    """
    before = os.sched_getaffinity(0) if _core() >= 0 else {-1}
    _stay_on({_core()})
    try:
        yield
    finally:
        _stay_on(before)


def serve(keys: Path | None) -> None:
    """Serve on free ports, which are printed; end with the standard input."""
    raise_file_limit()
    server = _Server()
    ports = [server.listen()]
    if keys is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / "server.pem")
        ports.append(server.listen(context))
    print(*ports, flush=True)
    sys.stdin.read()
    # Its threads wait for clients.
    os._exit(0)


def make_keys(folder: Path) -> Path:
    """Make keys for this server in a folder; return the file of the authority that vouches for it.

    Raises:
        ModuleNotFoundError: there is no trustme.
    """
    authority = import_module("trustme").CA()
    pair = authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem
    pair.write_to_path(folder / "server.pem")
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@contextmanager
def serving(keys: Path | None = None) -> Iterator[Streams]:
    """Run the server in another process; tell where.

    Args:
        keys: the folder in which `make_keys` made them; None: no TLS.
    """
    with serving_ports("event_server", *([] if keys is None else [str(keys)])) as ports:
        schemes = ("http", "https")
        yield Streams(*(f"{s}://127.0.0.1:{port}" for s, port in zip(schemes, ports)))


@contextmanager
def server() -> Iterator[str]:
    """Run the server in another process, without TLS; give its URL."""
    with serving() as streams:
        yield streams.plain


def address(url: str) -> tuple[str, int]:
    """Return the host and port of a URL of this server."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


if __name__ == "__main__":
    serve(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
