"""Connections kept for further requests.

May import: _http.
"""

from __future__ import annotations

import asyncio
import os
import select
import weakref

from .._http.idle import Shelf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, MutableMapping
    from typing import Any, Callable

    from ._connection import Connection

    _Shelves = MutableMapping[asyncio.AbstractEventLoop, Shelf["_Kept"]]

# Seconds that a new request waits for that: a new connection takes no less, with TLS far more.
_REST_SOON = 0.005


class Pool:
    """Connections that wait for further requests, for clients that make many to one server.

    Each belongs to the loop it was opened in, and each process has its own.
    """

    def __init__(self) -> None:
        self._shelves: _Shelves = weakref.WeakKeyDictionary()
        # Those that the last bytes of a response are still to come on.
        self.finishing: set[Connection] = set()
        # One object for all connections of a key; there are as many as servers.
        self.keys: dict[Hashable, Hashable] = {}
        self._process = os.getpid()

    def take(self, loop: asyncio.AbstractEventLoop, key: Hashable) -> asyncio.Transport | None:
        """Return the connection given last for `key`; None if there is none that may be used."""
        shelf = self._shelf(loop)
        while True:
            idle, old = shelf.take(key, loop.time())
            for one in old:
                one.close()
            if idle is None:
                return None
            if idle.usable():
                return idle.wire
            idle.close()

    async def soon(
        self, loop: asyncio.AbstractEventLoop, key: Hashable
    ) -> asyncio.Transport | None:
        """Do what `take` does; where there is none, wait for one that is as good as free."""
        wire = self.take(loop, key)
        if wire is None:
            ending = [
                connection.ending() for connection in self.finishing if connection.is_for(loop, key)
            ]
            if ending:
                await asyncio.wait(ending, timeout=_REST_SOON, return_when=asyncio.FIRST_COMPLETED)
                wire = self.take(loop, key)
        return wire

    def give(self, loop: asyncio.AbstractEventLoop, key: Hashable, wire: asyncio.Transport) -> None:
        """Keep a connection; those too many are closed."""
        if wire.is_closing():
            wire.abort()
            return
        shelf = self._shelf(loop)
        idle = _Kept(shelf, wire)
        wire.set_protocol(idle)
        for old in shelf.give(key, idle, loop.time()):
            old.close()

    def _shelf(self, loop: asyncio.AbstractEventLoop) -> Shelf[_Kept]:
        if self._process != os.getpid():
            # A forked child must neither write to its parent's connections nor end them.
            self._process = os.getpid()
            self._shelves = weakref.WeakKeyDictionary()
            self.finishing = set()
        # What they kept refers to them, so that nobody else would forget them.
        for closed in [loop for loop in self._shelves if loop.is_closed()]:
            del self._shelves[closed]
        shelf = self._shelves.get(loop)
        if shelf is None:
            shelf = self._shelves[loop] = Shelf(self._process)
        return shelf

    def close(self) -> None:
        """Close what is kept; what is another loop's once that runs on."""
        shelves, self._shelves = self._shelves, weakref.WeakKeyDictionary()
        finishing, self.finishing = self.finishing, set()
        if self._process != os.getpid():
            return
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        todo: list[tuple[asyncio.AbstractEventLoop, Callable[[], object]]] = [
            (loop, idle.close) for loop, shelf in shelves.items() for idle in shelf.clear()
        ]
        todo += [(connection.loop, connection.close) for connection in finishing]
        for loop, close in todo:
            if loop is here:
                close()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(close)


def _readable(connection: Any) -> bool:
    """Say whether there is something to read from a socket, without waiting."""
    if connection is None or connection.fileno() < 0:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([connection.fileno()], [], [], 0)[0])


class _Kept(asyncio.Protocol):
    """A connection that is idle: whatever happens to it makes it useless."""

    __slots__ = ("_shelf", "wire")

    def __init__(self, shelf: Shelf[_Kept], wire: asyncio.Transport) -> None:
        self._shelf = shelf
        self.wire: asyncio.Transport = wire

    def usable(self) -> bool:
        """Say whether a request may be sent on it."""
        # What the loop has not read yet: the end, or an answer that nobody has asked for and
        # that must not become that of the next request.
        return not self.wire.is_closing() and not _readable(self.wire.get_extra_info("socket"))

    def close(self) -> None:
        """Take it out of the pool and close it. Idempotent."""
        self._shelf.discard(self)
        self.wire.abort()

    def data_received(self, data: bytes) -> None:
        self.close()

    def eof_received(self) -> None:
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()
