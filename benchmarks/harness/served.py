# SPDX-License-Identifier: MIT
"""A server on loopback that sends a stream in given pieces, each an HTTP chunk of its own.

For clients whose parser cannot be had without them: an HTTP client hands on each chunk of a
chunked body by itself, however many of them came in one packet.
May import: the standard library.
"""

from __future__ import annotations

import socket
import threading
from typing import Callable

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def serving_chunks() -> tuple[str, Callable[[list[bytes]], None]]:
    """Serve for as long as this process lives, on a thread of its own.

    Returns:
        The URL, and what sets the pieces of the next responses; none of them may be empty.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    body: list[bytes] = []

    def serve(chunks: list[bytes]) -> None:
        pieces = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
        body[:] = [HEAD, *pieces, b"0\r\n\r\n"]

    def connections() -> None:
        while True:
            connection = listening.accept()[0]
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            request = b""
            while True:
                try:
                    received = connection.recv(65536)
                except OSError:
                    return
                if not received:
                    return
                request += received
                if request.endswith(b"\r\n\r\n"):
                    request = b""
                    try:
                        connection.sendall(b"".join(body))
                    except OSError:
                        return

    threading.Thread(target=connections, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/", serve
