"""A message as it comes: events, text and the final message over any chunks of bytes.

Deciding is in `_reader`; `_blocking` and `_asyncio` wait for bytes.
May import: _asyncio, _blocking, _reader.
"""

from __future__ import annotations

from ._asyncio import AsyncJSONStream, AsyncMessageStream, AsyncRawMessageStream, AsyncTextStream
from ._blocking import JSONStream, MessageStream, RawMessageStream, TextStream
from ._reader import StreamResponse

__all__ = [
    "AsyncJSONStream",
    "AsyncMessageStream",
    "AsyncRawMessageStream",
    "AsyncTextStream",
    "JSONStream",
    "MessageStream",
    "RawMessageStream",
    "StreamResponse",
    "TextStream",
]
