# SPDX-License-Identifier: MIT
"""One source on its way to one client, in one task of its own.

From its first event to its closing it runs in that task, so that timeouts and
cancel scopes in it work; it is asked for an event when the one before has been
delivered. It is cancelled once, when nobody wants more, and then has time to
close. May import: _broadcast, _closing, _servers, _serving, _threaded.
"""

from __future__ import annotations

import asyncio
import logging

from .._closing import aclose_all
from .._serving import Wire, is_source, no_source
from ._broadcast import Viewer
from ._servers import streams_of
from ._threaded import InThread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._serving import Options

log = logging.getLogger("ssewire")

# Seconds that a source has for closing once it was cancelled: a transaction that is rolled back,
# a connection that says goodbye. Then it is left to itself, so that the server can go on.
CLOSING = 10.0

# After so many events in a row the loop gets a turn: a source and a server that never wait would
# keep it from all else, also from hearing that the client has left.
_IN_A_ROW = 64

# Those that were left to themselves: the loop alone does not keep them.
_left: set[asyncio.Task[None]] = set()


def source_of(events: Any) -> Any:
    """Return an asynchronous iterable for what may be a blocking one.

    Raises:
        TypeError: neither.
    """
    if hasattr(events, "__aiter__"):
        return events
    if not is_source(events):
        raise no_source("an iterable or asynchronous iterable", events)
    return InThread(events)


class Running:
    """Runs a source; how its bytes are delivered is for a subclass to say."""

    __slots__ = (
        *("_cancellable", "_ended", "_events", "_iterator", "_loop", "_on_close", "_options"),
        *("_silent", "_task", "_wire"),
    )

    def __init__(self, events: Any, options: Options) -> None:
        self._events: Any = source_of(events)
        self._iterator: Any = self._events
        self._options = options
        self._on_close = options.on_close
        self._wire = Wire()
        # Any: there is one whenever it is used.
        self._loop: Any = None
        self._task: asyncio.Task[None] | None = None
        # Nobody wants more.
        self._ended = False
        # Nor is there anybody who could be told.
        self._silent = False
        # Whether the task may be cancelled: not while the source is being closed.
        self._cancellable = False

    def start(self) -> asyncio.Task[None]:
        self._loop = asyncio.get_running_loop()
        self._cancellable = True
        if isinstance(self._events, Viewer):
            self._events.on_gone = self.end
        # Before the task: an eager one may be over when it is made.
        streams_of(self._loop).add(self)
        task: asyncio.Task[None] = self._loop.create_task(self._run())
        self._task = task
        return task

    def end(self, silent: bool = False) -> None:
        """Have the source closed. Done once, and then left to close in peace."""
        self._silent = self._silent or silent
        if self._ended:
            return
        self._ended = True
        if self._cancellable and self._task is not None:
            self._task.cancel()

    async def closed(self) -> None:
        """Wait until the source is closed, or for as long as it has for that."""
        task = self._task
        if task is not None and not task.done():
            if task is asyncio.current_task():
                # The source itself asks: it is closed when it gives its next item.
                return
            _left.add(task)
            task.add_done_callback(_left.discard)
            await asyncio.wait({task}, timeout=CLOSING)
            if not task.done():
                log.warning("the source of an event stream is still closing, and is left to it")
                return
        # The task has done so, unless there was none, or it was cancelled before its first
        # step: by a client that had gone before it was answered.
        self._forget()
        await self._close_quietly()

    async def _deliver(self, data: bytes) -> None:
        raise NotImplementedError

    async def _deliver_end(self, data: bytes, hurried: bool) -> None:
        """Deliver the last bytes, which may be none, and that they are the last.

        Args:
            hurried: whether there is not much time for it, as when the server stops.
        """
        raise NotImplementedError

    async def _run(self) -> None:
        try:
            last, hurried = await self._give_and_close()
            if not self._silent:
                self._cancellable = not self._ended
                await self._deliver_end(b"" if self._wire.within else last, hurried)
        finally:
            self._forget()

    async def _give_and_close(self) -> tuple[bytes, bool]:
        """Deliver all that the source gives; return what there is to be said at its end."""
        try:
            try:
                await self._give()
            finally:
                self._cancellable = False
                if self._undelivered():
                    # What comes out of the closing is the source's: the server is told of its own.
                    await self._close_quietly()
                else:
                    await self._close()
        except asyncio.CancelledError:
            if not self._ended:
                # Something that the source waited for was cancelled, which is no proper end; or
                # the loop is about to close, and waits for us.
                log.warning("the source of an event stream was cancelled")
                return self._options.error_event, True
        except Exception:
            if self._undelivered():
                self._silent = True
                raise
            log.exception("the source of an event stream failed")
            if not self._ended:
                return self._options.error_event, False
        return b"", self._ended

    def _forget(self) -> None:
        if self._loop is not None:
            streams_of(self._loop).discard(self)

    def _undelivered(self) -> bool:
        """Whether an exception came out of the delivering."""
        return False

    async def _give(self) -> None:
        self._iterator = iterator = self._events.__aiter__()
        encode = self._wire.encode
        deliver = self._deliver
        number = 0
        async for item in iterator:
            if self._ended:
                # It was cancelled, and went on all the same.
                return
            data = encode(item)
            if data:
                await deliver(data)
                if self._ended:
                    return
            number += 1
            if not number % _IN_A_ROW:
                await asyncio.sleep(0)

    async def _close(self) -> None:
        events, self._events = self._events, None
        iterator, self._iterator = self._iterator, None
        on_close, self._on_close = self._on_close, None
        try:
            if events is not None:
                await aclose_all(iterator, events)
        finally:
            if on_close is not None:
                try:
                    result: Any = on_close()
                    if hasattr(result, "__await__"):
                        await result
                except Exception:
                    log.exception("on_close of an event stream failed")

    async def _close_quietly(self) -> None:
        try:
            await self._close()
        except Exception:
            log.exception("the source of an event stream could not be closed")
