# SPDX-License-Identifier: MIT
"""A message as it comes: events, text and the final message over any chunks of bytes.

Deciding is in `_reader`; `_blocking` and `_asyncio` wait for bytes.
May import: _asyncio, _blocking, _reader.
"""

from __future__ import annotations

from ._blocking import JSONStream, MessageStream, RawMessageStream, TextStream
from ._reader import StreamResponse

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from ._asyncio import (
        AsyncJSONStream,
        AsyncMessageStream,
        AsyncRawMessageStream,
        AsyncTextStream,
    )

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

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        # For those who wait in tasks; the others do without it.
        if name in __all__:
            from . import _asyncio

            return getattr(_asyncio, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
