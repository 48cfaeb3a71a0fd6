"""The buffer that all connections of a loop receive into. May import: _settings."""

from __future__ import annotations

import weakref

from .._settings import READ_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

# By loop: all its connections receive into the same buffer, because each read
# is used up before the next one begins.
_buffers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = (
    weakref.WeakKeyDictionary()
)


def shared_buffer(loop: asyncio.AbstractEventLoop) -> memoryview:
    """Return the buffer of a loop."""
    view = _buffers.get(loop)
    if view is None:
        view = _buffers[loop] = memoryview(bytearray(READ_SIZE))
    return view
