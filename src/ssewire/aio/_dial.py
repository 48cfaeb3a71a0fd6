# SPDX-License-Identifier: MIT
"""A socket connected to the address of a host that answers first.

May import: _settings, _tasks.
"""

from __future__ import annotations

import asyncio
import socket
from itertools import zip_longest

from .._settings import keep_alive
from ._tasks import dispose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Seconds after which the next address of a host is tried beside the one that has
# not answered (RFC 8305 recommends 250 ms).
_NEXT_ADDRESS = 0.25

# asyncio's own limit for a TLS handshake, in seconds, moved out of the way (a
# year): the `connect` timeout alone decides.
HANDSHAKE = 365 * 86400.0


async def connected_socket(loop: asyncio.AbstractEventLoop, host: str, port: int) -> socket.socket:
    """Return a socket connected to the address of the host that answers first.

    `loop.create_connection` would do the same, but when it is cancelled
    while it tries several addresses it leaves tasks and sockets behind.
    """
    rest = await _addresses(loop, host, port)
    attempts: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException | None = None
    won: socket.socket | None = None
    try:
        while rest or attempts:
            if rest:
                attempts.add(loop.create_task(_attempt(loop, rest.pop(0))))
            done, _ = await asyncio.wait(
                attempts,
                timeout=_NEXT_ADDRESS if rest else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                attempts.remove(task)
                failure = task.exception()
                if failure is None:
                    won = task.result()
                    return won
        assert failure is not None
        raise failure
    finally:
        # A reference cycle otherwise, through its traceback.
        failure = None
        if attempts:
            for task in attempts:
                task.cancel()
                task.add_done_callback(lambda task: dispose(task, socket.socket.close))
            try:
                await asyncio.wait(attempts)
            except BaseException:
                # Cancelled: nobody gets it.
                if won is not None:
                    won.close()
                raise


async def _addresses(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[Any]:
    """Return what getaddrinfo knows of a host, its families taking turns (RFC 8305)."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        # No need to bother the thread of the name lookups.
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    first = [info for info in found if info[0] == found[0][0]]
    others = [info for info in found if info[0] != found[0][0]]
    turns = zip_longest(first, others)
    return [info for turn in turns for info in turn if info is not None]


async def _attempt(loop: asyncio.AbstractEventLoop, info: Any) -> socket.socket:
    family, kind, protocol, _, address = info
    new = socket.socket(family, kind, protocol)
    try:
        new.setblocking(False)
        keep_alive(new)
        await loop.sock_connect(new, address)
    except BaseException:
        new.close()
        raise
    return new
