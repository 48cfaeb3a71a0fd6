# SPDX-License-Identifier: MIT
"""Connections kept for further requests.

May import: _http, _tasks.
"""

from __future__ import annotations

import asyncio
import os
import select

from .._http.idle import Shelf
from ._tasks import call_in, warn_unclosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from ._connection import Connection

# Seconds that a new request waits for that: a new connection takes no less, with TLS far more.
_REST_SOON = 0.005


class Pool:
    """Connections that wait for further requests, for clients that make many to one server.

    Each belongs to the loop it was opened in, and each process has its own. Loops of several
    threads may share a pool: what is a loop's stands in a structure of its own, which no other
    thread touches.

    Args:
        owner: what a warning calls it.
    """

    def __init__(self, owner: str = "Pool") -> None:
        self._owner = owner
        # By the identity of the loop, which is referred to for as long. Each access is one call
        # into C, and so none meets another thread's halfway.
        self._corners: dict[int, _Corner] = {}
        self.closed: bool = False
        self._process = os.getpid()

    def take(self, loop: asyncio.AbstractEventLoop, key: Hashable) -> asyncio.Transport | None:
        """Return the connection given last for `key`; None if there is none that may be used."""
        return self._corner(loop).take(key)

    async def soon(
        self, loop: asyncio.AbstractEventLoop, key: Hashable
    ) -> asyncio.Transport | None:
        """Do what `take` does; where there is none, wait for one that is as good as free."""
        corner = self._corner(loop)
        wire = corner.take(key)
        if wire is None:
            ending = [
                connection.ending() for connection in corner.finishing if connection.is_for(key)
            ]
            if ending:
                await asyncio.wait(ending, timeout=_REST_SOON, return_when=asyncio.FIRST_COMPLETED)
                wire = corner.take(key)
        return wire

    def give(self, loop: asyncio.AbstractEventLoop, key: Hashable, wire: asyncio.Transport) -> None:
        """Keep a connection, or close it where the pool is closed; those too many are closed."""
        if self.closed or wire.is_closing():
            wire.abort()
        else:
            self._corner(loop).give(key, wire)

    def finish(self, connection: Connection) -> None:
        """Note a connection that the last bytes of a response are still to come on."""
        self._corner(connection.loop).finishing.add(connection)

    def finished(self, connection: Connection) -> None:
        """Note that they have come, or never will."""
        self._corner(connection.loop).finishing.discard(connection)

    def key_for(self, loop: asyncio.AbstractEventLoop, key: Hashable) -> Hashable:
        """Return one object for all connections of a key; there are as many as servers."""
        return self._corner(loop).keys.setdefault(key, key)

    def _corner(self, loop: asyncio.AbstractEventLoop) -> _Corner:
        if self._process != os.getpid():
            # A forked child must neither write to its parent's connections nor end them.
            self._process = os.getpid()
            self._corners = {}
        corner = self._corners.get(id(loop))
        if corner is None:
            self._forget_closed_loops()
            corner = self._corners[id(loop)] = _Corner(loop, self._process)
        return corner

    def _forget_closed_loops(self) -> None:
        # What they kept refers to them, so that nobody else would forget them.
        for number, corner in list(self._corners.items()):
            if corner.loop.is_closed():
                self._corners.pop(number, None)

    def close(self) -> None:
        """Close what is kept, and what is given later on; what is another loop's as that runs."""
        self.closed = True
        if self._process != os.getpid():
            return
        self._forget_closed_loops()
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        for corner in list(self._corners.values()):
            if corner.loop is here:
                corner.close()
            else:
                call_in(corner.loop, corner.close)

    def __del__(self) -> None:
        # Streams refer to it: nothing is left but what is idle, in loops that go on without it.
        if self._process != os.getpid():
            return
        corners = list(self._corners.values())
        unclosed = any(corner.shelf and not corner.loop.is_closed() for corner in corners)
        self.close()
        if unclosed:
            warn_unclosed(self)

    def __repr__(self) -> str:
        return f"<{self._owner} with connections that are kept>"


class _Corner:
    """What a pool keeps for one loop, and only that loop's thread looks at."""

    __slots__ = ("finishing", "keys", "loop", "shelf")

    def __init__(self, loop: asyncio.AbstractEventLoop, process: int) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.shelf: Shelf[_Kept] = Shelf(process)
        # Those that the last bytes of a response are still to come on.
        self.finishing: set[Connection] = set()
        self.keys: dict[Hashable, Hashable] = {}

    def take(self, key: Hashable) -> asyncio.Transport | None:
        while True:
            idle, old = self.shelf.take(key, self.loop.time())
            for one in old:
                one.close()
            if idle is None:
                return None
            if idle.usable():
                return idle.wire
            idle.close()

    def give(self, key: Hashable, wire: asyncio.Transport) -> None:
        idle = _Kept(self.shelf, wire)
        wire.set_protocol(idle)
        for old in self.shelf.give(key, idle, self.loop.time()):
            old.close()

    def close(self) -> None:
        for idle in self.shelf.clear():
            idle.close()
        for connection in list(self.finishing):
            connection.close()


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
