"""Connections kept for further requests.

May import: _settings.
"""

from __future__ import annotations

import os
import ssl
import threading
import time

from .._settings import POOL_IDLE, POOL_SIZE, READ_SIZE

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
        self._lock = threading.Lock()
        # Those given last stand last.
        self._kept: dict[Hashable, list[_Kept]] = {}
        self._closed = False
        self._process = os.getpid()

    def take(self, key: Hashable) -> socket.socket | None:
        """Return the connection given last for `key`; None if there is none that may be used."""
        self._leave_parent()
        while True:
            with self._lock:
                kept = self._kept.get(key)
                if not kept:
                    return None
                idle = kept.pop()
            if idle.usable():
                return idle.socket
            idle.socket.close()

    def give(self, key: Hashable, new: socket.socket, reader: ResponseReader) -> None:
        """Keep a connection, or close it if it cannot be used or there are enough.

        The rest of its response may still come: that is looked at by `take`.
        """
        self._leave_parent()
        newest = _Kept(new, reader)
        closing = [newest]
        if reader.reusable or (reader.persistent and not reader.complete and not reader.error):
            with self._lock:
                if not self._closed:
                    now = time.monotonic()
                    kept = [*self._kept.get(key, ()), newest]
                    fresh = [idle for idle in kept if idle.until > now][-POOL_SIZE:]
                    closing = [idle for idle in kept if idle not in fresh]
                    self._kept[key] = fresh
        for idle in closing:
            idle.socket.close()

    def close(self) -> None:
        """Close what is kept, and what is given later on."""
        self._leave_parent()
        with self._lock:
            self._closed = True
            kept_by_key, self._kept = self._kept, {}
        for kept in kept_by_key.values():
            for idle in kept:
                idle.socket.close()

    def __del__(self) -> None:
        # What is idle is nobody's: a client that is not closed leaves no socket to warn of.
        self.close()

    def _leave_parent(self) -> None:
        """In a forked child, close its copies of the parent's sockets, which ends nothing.

        Without a lock: another thread may have held it when the process was forked.
        """
        if self._process != os.getpid():
            kept_by_key, self._kept = self._kept, {}
            self._lock = threading.Lock()
            self._process = os.getpid()
            for kept in kept_by_key.values():
                for idle in kept:
                    idle.socket.close()


class _Kept:
    """A connection that is idle, but for the rest of its response."""

    __slots__ = ("reader", "socket", "until")

    def __init__(self, kept: socket.socket, reader: ResponseReader) -> None:
        self.socket = kept
        self.reader = reader
        self.until: float = time.monotonic() + POOL_IDLE

    def usable(self) -> bool:
        """Say whether a request may be sent on it: nothing has come but the end of the response."""
        if self.until <= time.monotonic():
            return False
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
