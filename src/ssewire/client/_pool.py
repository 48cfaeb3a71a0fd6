# SPDX-License-Identifier: MIT
"""Connections kept for further requests.

May import: _http, _settings.
"""

from __future__ import annotations

import os
import ssl
import time

from .._http.idle import Shelf
from .._settings import READ_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Hashable

    from .._http.reader import ResponseReader

# Reads that the rest of a response may take that nobody wanted to wait for: a last
# chunk and the end of TLS records are one or two; more of it is not worth having.
_REST_READS = 4

# Seconds to wait for it: it follows at once if it comes at all, and a new
# connection would take longer.
_REST_PATIENCE = 0.005


class Pool:
    """Connections that wait for further requests, for clients that make many to one server.

    Threads may share it; each process has its own.
    """

    def __init__(self) -> None:
        # No lock: a signal handler that closes could meet it in the hands of its own thread.
        self._shelf: Shelf[_Kept] = Shelf(os.getpid())
        self._closed = False

    def take(self, key: Hashable) -> socket.socket | None:
        """Return the connection given last for `key`; None if there is none that may be used."""
        self._leave_parent()
        while True:
            idle, old = self._shelf.take(key, time.monotonic())
            _close_all(old)
            if idle is None:
                return None
            if idle.usable():
                return idle.socket
            idle.socket.close()

    def give(self, key: Hashable, new: socket.socket, reader: ResponseReader) -> None:
        """Keep a connection, or close it if it cannot be used; those too many are closed.

        The rest of its response may still come: that is looked at by `take`.
        """
        self._leave_parent()
        newest = _Kept(new, reader)
        closing = [newest]
        if reader.reusable or (reader.persistent and not reader.complete and not reader.error):
            closing = self._shelf.give(key, newest, time.monotonic())
            # After it is kept, as close() looks at what is kept after it set this.
            if self._closed:
                closing += self._shelf.clear()
        _close_all(closing)

    def close(self) -> None:
        """Close what is kept, and what is given later on."""
        self._leave_parent()
        self._closed = True
        _close_all(self._shelf.clear())

    def __del__(self) -> None:
        # What is idle is nobody's: a client that is not closed leaves no socket to warn of.
        self.close()

    def _leave_parent(self) -> None:
        """In a forked child, close its copies of the parent's sockets, which ends nothing."""
        process = os.getpid()
        if self._shelf.forked(process):
            _close_all(self._shelf.leave_parent(process))


def _close_all(closing: list[_Kept]) -> None:
    for idle in closing:
        idle.socket.close()


class _Kept:
    """A connection that is idle, but for the rest of its response."""

    __slots__ = ("reader", "socket")

    def __init__(self, kept: socket.socket, reader: ResponseReader) -> None:
        self.socket: socket.socket = kept
        self.reader: ResponseReader = reader

    def usable(self) -> bool:
        """Say whether a request may be sent on it: nothing has come but the end of the response."""
        try:
            for _ in range(_REST_READS):
                self.socket.settimeout(0 if self.reader.complete else _REST_PATIENCE)
                data = self.socket.recv(READ_SIZE)
                if not data:
                    return False
                self.reader.feed(data)
        except (BlockingIOError, ssl.SSLWantReadError):
            return self.reader.reusable
        except OSError:
            pass
        return False
