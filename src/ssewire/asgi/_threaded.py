# SPDX-License-Identifier: MIT
"""A blocking source as an asynchronous one. May import: _source_thread."""

from __future__ import annotations

import asyncio

from .._source_thread import Ended, SourceThread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from typing_extensions import Self

# Seconds that closing waits for a source that may be at an item. One that blocks takes as long
# as it takes, in its own thread, and nobody waits for it.
_PATIENCE = 0.2


class InThread:
    """The items of a blocking iterable, which runs in a thread of its own."""

    __slots__ = ("_ended", "_given", "_loop", "_thread")

    def __init__(self, events: Iterable[Any]) -> None:
        self._thread = SourceThread(events, self._hand)
        self._loop: asyncio.AbstractEventLoop | None = None
        # Done when there is an item, or an end.
        self._given: asyncio.Future[Any] | None = None
        self._ended: asyncio.Future[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._ended = self._loop.create_future()
        self._given = self._loop.create_future()
        self._thread.ask()
        item = await self._given
        if type(item) is not Ended:
            return item
        if item.error is not None:
            raise item.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Have the source closed; wait for it where that is a matter of moments."""
        self._thread.close()
        if self._ended is not None and not self._ended.done():
            await asyncio.wait({self._ended}, timeout=_PATIENCE)

    def _hand(self, item: Any) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._take, item)
        except RuntimeError:
            # The loop was closed, and nobody is there any more.
            pass

    def _take(self, item: Any) -> None:
        if type(item) is Ended and self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if self._given is not None and not self._given.done():
            self._given.set_result(item)
