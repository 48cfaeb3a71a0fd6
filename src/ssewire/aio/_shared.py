# SPDX-License-Identifier: MIT
"""What all connections of a loop share: the buffer they receive into, and whom they wake.

May import: _settings, _wake.
"""

from __future__ import annotations

import weakref

from .._settings import READ_SIZE
from ._wake import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

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


def shared_turn(loop: asyncio.AbstractEventLoop) -> Turn:
    """Return what wakes the tasks of a loop; it lasts as long as a connection has it."""
    turn = _turns.get(id(loop))
    if turn is None:
        turn = _turns[id(loop)] = Turn(loop)
    return turn
