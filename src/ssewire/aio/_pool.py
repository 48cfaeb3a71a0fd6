"""Connections kept for further requests.

May import: _settings.
"""

from __future__ import annotations

import asyncio
import os
import select
import weakref

from .._settings import POOL_IDLE, POOL_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, MutableMapping
    from typing import Any, Callable

    from ._connection import Connection

    _KeptByLoop = MutableMapping[asyncio.AbstractEventLoop, dict[Hashable, list["_Kept"]]]

# Seconds that a new request waits for that: a new connection takes no less, with TLS far more.
_REST_SOON = 0.005


class Pool:
    """Connections that wait for further requests, for clients that make many to one server.

    Each belongs to the loop it was opened in, and each process has its own.
    """

    def __init__(self) -> None:
        self._kept: _KeptByLoop = weakref.WeakKeyDictionary()
        # Those that the last bytes of a response are still to come on.
        self.finishing: set[Connection] = set()
        # One object for all connections of a key; there are as many as servers.
        self.keys: dict[Hashable, Hashable] = {}
        self._process = os.getpid()

    def take(self, loop: asyncio.AbstractEventLoop, key: Hashable) -> asyncio.Transport | None:
        """Return the connection given last for `key`; None if there is none that may be used."""
        if self._process != os.getpid():
            # A forked child must neither write to its parent's connections nor end them.
            self._kept = weakref.WeakKeyDictionary()
            self.finishing = set()
            self._process = os.getpid()
        self._forget_closed_loops()
        kept = self._kept.get(loop, {}).get(key, [])
        while kept:
            idle = kept[-1]
            if idle.usable():
                return idle.release()
            idle.close()
        return None

    async def soon(
        self, loop: asyncio.AbstractEventLoop, key: Hashable
    ) -> asyncio.Transport | None:
        """Do what `take` does; where there is none, wait for one that is as good as free."""
        transport = self.take(loop, key)
        if transport is None:
            ending = [
                connection.ending()
                for connection in self.finishing
                if connection._loop is loop and connection._key == key
            ]
            if ending:
                await asyncio.wait(ending, timeout=_REST_SOON, return_when=asyncio.FIRST_COMPLETED)
                transport = self.take(loop, key)
        return transport

    def give(
        self, loop: asyncio.AbstractEventLoop, key: Hashable, transport: asyncio.Transport
    ) -> None:
        """Keep a connection, or close it if there are enough."""
        self._forget_closed_loops()
        kept = self._kept.setdefault(loop, {}).setdefault(key, [])
        if transport.is_closing() or len(kept) >= POOL_SIZE:
            transport.abort()
        else:
            transport.set_protocol(_Kept(kept, transport, loop))

    def _forget_closed_loops(self) -> None:
        # What they kept refers to them, so that nobody else would.
        for loop in [loop for loop in self._kept if loop.is_closed()]:
            del self._kept[loop]

    def close(self) -> None:
        """Close what is kept; what is another loop's once that runs on."""
        kept_by_loop, self._kept = self._kept, weakref.WeakKeyDictionary()
        finishing, self.finishing = self.finishing, set()
        if self._process != os.getpid():
            return
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        todo: list[tuple[asyncio.AbstractEventLoop, Callable[[], object]]] = [
            (loop, idle.close)
            for loop, by_key in kept_by_loop.items()
            for kept in by_key.values()
            for idle in kept
        ]
        todo += [(connection._loop, connection.close) for connection in finishing]
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

    __slots__ = ("_kept", "_loop", "_transport", "_until")

    def __init__(
        self, kept: list[_Kept], transport: asyncio.Transport, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._kept = kept
        self._transport = transport
        self._loop = loop
        self._until = loop.time() + POOL_IDLE
        kept.append(self)

    def usable(self) -> bool:
        """Say whether a request may be sent on it."""
        if self._transport.is_closing() or self._loop.time() >= self._until:
            return False
        # What the loop has not read yet: the end, or an answer that nobody has asked for and
        # that must not become that of the next request.
        return not _readable(self._transport.get_extra_info("socket"))

    def release(self) -> asyncio.Transport:
        """Take it out of the pool."""
        self._kept.remove(self)
        return self._transport

    def close(self) -> None:
        """Take it out of the pool and close it. Idempotent."""
        if self in self._kept:
            self._kept.remove(self)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self.close()

    def eof_received(self) -> None:
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()
