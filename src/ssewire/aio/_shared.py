# SPDX-License-Identifier: MIT
"""What all connections of a loop share: the buffer they receive into, and whom they wake.

May import: _settings, _wake.
"""

from __future__ import annotations

import asyncio
import weakref
from contextlib import suppress

from .._settings import READ_SIZE
from ._wake import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# By loop: all its connections receive into the same buffer, because each read
# is used up before the next one begins.
_buffers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = (
    weakref.WeakKeyDictionary()
)

# By the ID of the loop, which a turn refers to: so it cannot be the ID of another one.
_turns: weakref.WeakValueDictionary[int, Turn] = weakref.WeakValueDictionary()


def shared_buffer(loop: asyncio.AbstractEventLoop) -> memoryview:
    """Return the buffer of a loop."""
    view = _buffers.get(loop)
    if view is None:
        view = _buffers[loop] = memoryview(bytearray(READ_SIZE))
    return view


def share_with_tls(loop: asyncio.AbstractEventLoop, plain: asyncio.Transport) -> None:
    """Have asyncio's TLS over a wire receive into the buffer of the loop too.

    From CPython 3.11 on each `asyncio.sslproto.SSLProtocol` has one of its own, of 256 KiB, for as
    long as the stream is open: some 300 KiB a stream are 50 without it (benchmarks/clients.py;
    tests/clients/test_aio_shared.py holds it). No public way leads to it. Where the attributes
    are not those of CPython 3.11 to 3.15, nothing happens.

    `SSLProtocol.get_buffer` lends the buffer for one read, and `buffer_updated` copies what came
    into OpenSSL's memory before anything else. asyncio's selector loops call one right after
    the other: between two reads nobody uses the buffer, and what was encrypted has been copied
    when the decrypted bytes are put into the same. Other loops may do otherwise: left alone.
    """
    if not isinstance(loop, asyncio.SelectorEventLoop):
        return
    protocol: Any = plain.get_protocol()
    ours = shared_buffer(loop)
    own = getattr(protocol, "_ssl_buffer", None)
    view = getattr(protocol, "_ssl_buffer_view", None)
    size = getattr(protocol, "max_size", None)
    if (
        isinstance(own, bytearray)
        and isinstance(view, memoryview)
        and view.obj is own
        and isinstance(size, int)
        and size >= len(ours)
    ):
        # First the size: a buffer that is smaller is replaced at the next read. And what has no
        # room for other values keeps all of them.
        with suppress(AttributeError):
            protocol.max_size = len(ours)
            protocol._ssl_buffer = ours.obj
            protocol._ssl_buffer_view = ours


def shared_turn(loop: asyncio.AbstractEventLoop) -> Turn:
    """Return what wakes the tasks of a loop; it lasts as long as a connection has it."""
    turn = _turns.get(id(loop))
    if turn is None:
        turn = _turns[id(loop)] = Turn(loop)
    return turn
