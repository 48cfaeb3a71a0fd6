# SPDX-License-Identifier: MIT
"""The bytes of a response, for a framework that sends them itself.

The source runs in a task of its own, of which the body that the framework holds
is not a part, so that dropping the body ends it.
May import: _closing, _serving, _running.
"""

from __future__ import annotations

import asyncio

from .._closing import AsyncCloseable
from .._serving import COMMENT, ERROR_EVENT, KEEP_ALIVE, Options
from ._running import Running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable
    from typing import Any, Callable, Union

    from typing_extensions import Self

    from .._serving import Item

    Source = Union[AsyncIterable[Item], Iterable[Item]]


def event_body(
    events: Source,
    keep_alive: float | None = KEEP_ALIVE,
    *,
    error_event: str | None = ERROR_EVENT,
    on_close: Callable[[], object] | None = None,
) -> EventBody:
    """Return the bytes of a response with these events, for StreamingResponse and the like.

    Send it with `HEADERS`.

    Args:
        events: as for `event_stream`, for one response.
        keep_alive, error_event, on_close: as for `event_stream`.

    The source is closed at its end, on errors, and when the iteration is closed, cancelled or
    dropped. The iteration ends when the server stops. What the source raises is logged under
    `ssewire`. Twice the cost of `event_stream`, for each event changes tasks.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
    """
    return EventBody(
        events, Options(keep_alive=keep_alive, error_event=error_event, on_close=on_close)
    )


class EventBody(AsyncCloseable):
    """The bytes of a response, an asynchronous iterator; `event_body` makes it.

    Closing it, cancelling the task that waits for it and dropping it all close the source.
    """

    __slots__ = ("__weakref__", "_handing")

    def __init__(self, events: Any, options: Options) -> None:
        self._handing = _Handing(events, options)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        handing = self._handing
        if not handing.given:
            try:
                await handing.wait()
            except asyncio.CancelledError:
                await self.aclose()
                raise
            if not handing.given:
                await handing.closed()
                raise StopAsyncIteration
        return handing.take()

    async def aclose(self) -> None:
        """Close the source, also one that is being waited for; the iteration then ends."""
        self._handing.leave()
        await self._handing.closed()

    def __del__(self) -> None:
        # A framework that was cancelled while it sent never asks again. Not set where
        # __init__ failed.
        handing: _Handing | None = getattr(self, "_handing", None)
        if handing is not None:
            handing.abandon()


# Bytes that the source may be ahead of what was taken. Waiting for each event to be taken costs
# a change of tasks more; what comes at once is handed over at once, as one piece.
_AHEAD = 16 * 1024


class _Handing(Running):
    """Hands over the bytes of what was given since it was last asked."""

    __slots__ = ("_demand", "_news", "_since", "_size", "_timer", "given")

    def __init__(self, events: Any, options: Options) -> None:
        super().__init__(events, options)
        # What was given, and nobody has taken yet, and its size.
        self.given: list[bytes] = []
        self._size = 0
        # Done when there is something to take, or nothing any more; None while nobody waits.
        self._news: asyncio.Future[None] | None = None
        # Done when that has been taken; None while the source need not wait for it.
        self._demand: asyncio.Future[None] | None = None
        # When something was last asked for.
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self) -> None:
        """Wait until something is given, a comment where that is long in coming, or the end."""
        task = self._task
        if task is None:
            if self._ended:
                return
            task = self.start()
            task.add_done_callback(self._wake)
        self._since = self._loop.time()
        if self._timer is None:
            self._plan()
        while not self.given:
            if task.done():
                self._stop_looking()
                return
            news = self._news = self._loop.create_future()
            await news

    def take(self) -> bytes:
        """Return what was given."""
        given = self.given
        data = given[0] if len(given) == 1 else b"".join(given)
        given.clear()
        self._size = 0
        if self._demand is not None and not self._demand.done():
            self._demand.set_result(None)
        return data

    def leave(self) -> None:
        """End for a consumer who wants no more."""
        self.end(silent=True)
        self.given.clear()
        self._stop_looking()

    def abandon(self) -> None:
        """End from a destructor, which may run in any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed() and self._task and not self._task.done():
            loop.call_soon_threadsafe(self.leave)

    async def _deliver(self, data: bytes) -> None:
        self.given.append(data)
        self._size += len(data)
        self._wake()
        if self._size >= _AHEAD:
            taken = self._demand = self._loop.create_future()
            await taken
            self._demand = None

    async def _deliver_end(self, data: bytes, hurried: bool) -> None:
        # Nobody is waited for: who takes it finds that the task is done.
        if data:
            self.given.append(data)

    def _wake(self, _: object = None) -> None:
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)

    # --- silence

    def _plan(self) -> None:
        if self._options.keep_alive is not None:
            self._timer = self._loop.call_at(self._since + self._options.keep_alive, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._ended:
            return
        now = self._loop.time()
        keep_alive = self._options.keep_alive
        if self._news is None:
            # Nobody waits: the next who does plans again.
            return
        if now - self._since >= keep_alive and not self.given:
            self._since = now
            if self._wire.between_lines:
                self.given.append(COMMENT)
                self._wake()
        self._plan()

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
