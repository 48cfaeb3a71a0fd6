# SPDX-License-Identifier: MIT
"""What a peer said before it reset the connection, read although sending to it failed first.

Who refuses a large request answers and closes, and what goes on being sent to it makes the kernel
reset the connection. asyncio then gives up a socket whose last bytes, the answer, nobody has read.
They are still there until it is closed, which is after `connection_lost` was called.
May import: _settings.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from .._settings import READ_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Reads at most: an answer that refuses a request is short, and the loop must not be held up.
_READS = 16


def hear(wire: asyncio.BaseTransport, protocol: Any) -> None:
    """Give a protocol what its wire's socket has received; for its `connection_lost`."""
    found: Any = wire.get_extra_info("socket")
    # uvloop has closed it by now.
    if found is None or found.fileno() < 0:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(found.fileno())) as rest:
        rest.setblocking(False)
        for _ in range(_READS):
            data = rest.recv(READ_SIZE)
            if not data:
                break
            _feed(protocol, data)


def hear_tls(plain: asyncio.Transport) -> None:
    """Have asyncio's TLS over a wire do so too, when that wire is lost."""
    protocol: Any = plain.get_protocol()
    lost = protocol.connection_lost

    def connection_lost(exc: Exception | None) -> None:
        if exc is not None:
            hear(plain, protocol)
        lost(exc)

    # uvloop's is written in C, and has no room for it.
    with suppress(AttributeError):
        protocol.connection_lost = connection_lost


def _feed(protocol: Any, data: bytes) -> None:
    if not isinstance(protocol, asyncio.BufferedProtocol):
        protocol.data_received(data)
        return
    while data:
        view = memoryview(protocol.get_buffer(len(data))).cast("B")
        size = min(len(view), len(data))
        view[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]
