# SPDX-License-Identifier: MIT
"""A server of event streams in another process, on loopback, for what measures clients.

Paced streams get one event of 120 bytes per packet: `/paced/N` with a pause between
events, `/rounds` whenever the one who asked for `/control` sends a byte; `/bulk/N` gets
them in chunks of 64 KiB. May import: processes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from .processes import ROOT, raise_file_limit

# Bytes of an event's data; with its two line ends an event is 120 bytes long.
DATA = 97
EVENT = b"event: message\ndata: " + b"x" * DATA + b"\n\n"
PACKET = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: bench\r\nTransfer-Encoding: chunked\r\n\r\n"
)
# Events in one chunk of a bulk response, and the chunk: just under 64 KiB.
BULK_EVENTS = 540
BULK = b"%x\r\n%s\r\n" % (len(EVENT) * BULK_EVENTS, EVENT * BULK_EVENTS)
# Seconds between two events for a blocking client: several times what the slowest needs.
PAUSE = 0.0003


def serve() -> None:
    """Serve on a free port, which is printed; end with the standard input."""
    raise_file_limit()
    streams: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while b"\r\n\r\n" not in request:
            data = connection.recv(65536)
            if not data:
                break
            request += data
        target = request.partition(b" ")[2].partition(b" ")[0]
        if target == b"/rounds":
            connection.sendall(HEAD)
            streams.append(connection)
        elif target == b"/control":
            # A byte asks for one event on each stream; the first may have come with the head.
            asked = len(request.partition(b"\r\n\r\n")[2])
            arguments = (connection, streams, asked)
            threading.Thread(target=_rounds, args=arguments, daemon=True).start()
            streams = []
        elif target:
            count = int(target.rpartition(b"/")[2])
            work = _bulk if target.startswith(b"/bulk/") else _paced
            threading.Thread(target=work, args=(connection, count), daemon=True).start()


def _rounds(control: socket.socket, streams: list[socket.socket], asked: int) -> None:
    with ExitStack() as stack:
        stack.enter_context(control)
        for stream in streams:
            stack.enter_context(stream)
        while asked or control.recv(1):
            asked = 0
            for stream in streams:
                stream.sendall(PACKET)


def _paced(connection: socket.socket, count: int) -> None:
    # Clients leave before the end.
    with connection, suppress(OSError):
        connection.sendall(HEAD)
        for _ in range(count):
            time.sleep(PAUSE)
            connection.sendall(PACKET)
        connection.sendall(b"0\r\n\r\n")


def _bulk(connection: socket.socket, count: int) -> None:
    with connection, suppress(OSError):
        connection.sendall(HEAD)
        for _ in range(count // BULK_EVENTS):
            connection.sendall(BULK)
        connection.sendall(b"0\r\n\r\n")


@contextmanager
def server() -> Iterator[str]:
    """Run the server in another process; give its URL."""
    command = [sys.executable, "-m", "benchmarks.harness.event_server"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(10)


def address(url: str) -> tuple[str, int]:
    host, _, port = url.rpartition("/")[2].partition(":")
    return host, int(port)


if __name__ == "__main__":
    serve()
