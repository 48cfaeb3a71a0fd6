# SPDX-License-Identifier: MIT
"""The short way of a read that is one chunk, as where each event is a packet of its own.

This is the specification of _chunk_cy. What is not exactly that is left to `reader`, which
decides everything. May import: nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Bumped with any change of behaviour. The compiled twin repeats the number as a literal.
CHUNK_CONTRACT = 1

# Size lines up to eight digits take the short way, without extensions.
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")


def feed_one_chunk(reader: Any, buffer: memoryview, size: int) -> bytes | None:
    """Take the first bytes of a buffer if they are just one chunk of the body; return its data.

    None if they are not, and have to be fed. After a chunk more is to come, and all is well.
    It is a method of ResponseReader, compiled because a frame more is a twentieth of an event.
    """
    if reader._state == "size" and not reader._line:
        return one_chunk(buffer, size)
    return None


def one_chunk(buffer: memoryview, size: int) -> bytes | None:
    """Return the data of the one chunk that the first `size` bytes of a buffer are, whole.

    None if they are anything else, or the last chunk.
    """
    data = bytes(buffer[:size])
    end = data.find(b"\r\n", 0, 10)
    length = _size_of(data[:end]) if end > 0 else 0
    if not length or len(data) != end + length + 4 or data[-2:] != b"\r\n":
        return None
    return data[end + 2 : -2]


# Few lengths come again and again; int() of the digits costs more than to look there.
@lru_cache(256)
def _size_of(line: bytes) -> int:
    return int(line, 16) if _SIZE.fullmatch(line) else 0
