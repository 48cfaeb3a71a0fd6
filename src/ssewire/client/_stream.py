# SPDX-License-Identifier: MIT
"""The events of one response.

May import: _checks, _closing, _standard, _unfinished, errors, event.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Iterator
from typing import Any

from .._checks import shown_stream
from .._closing import Closeable
from .._standard import Generic, ItemT
from .._unfinished import end_input
from ..errors import EventTooLarge, SSEWireError
from ..event import Comment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from typing_extensions import Self

    from .._headers import Headers
    from .._http.timeouts import Deadlines
    from ..parser import Parser
    from ._connection import Handle
    from ._response import HTTPResponse


# Exhausted, and so the same for all.
NOTHING: Iterator[Any] = iter(())


class EventStream(Closeable, Generic[ItemT]):
    """The events of one response: an iterator, and a context manager that closes it.

    It ends (StopIteration) where the body ends as HTTP says it should, and
    after `close()`. `open_stream` makes it. `dropped` is how many bytes of an
    unfinished event there were when the body ended, and that was not by `close()`.

    Raises (while iterating):
        ConnectionLost: the body broke off.
        StreamTimeout: a timeout ran out.
        EventTooLarge: after the events that were complete before.
        TransportError: what else can go wrong with a connection.
    """

    __slots__ = (
        "__weakref__",
        "_chunks",
        "_closed",
        "_deadlines",
        "_dispatch",
        "_error",
        "_given_id",
        "_handle",
        "_heard",
        "_parser",
        "_progress",
        "_ready",
        "_response",
        "dropped",
        "headers",
        "status",
        "url",
    )

    def __init__(
        self,
        response: HTTPResponse,
        parser: Parser[ItemT],
        deadlines: Deadlines,
        handle: Handle,
        dispatch: bool = False,
    ) -> None:
        self.status: int = response.status
        self.headers: Headers = response.headers
        self.url: str = response.url
        self._response = response
        self._chunks = response.chunks
        self._parser = parser
        self._deadlines = deadlines
        self._handle = handle
        self._dispatch = dispatch
        self.dropped: int = 0
        # Bytes of the body have come.
        self._heard = False
        # Received, not handed out. The list's own iterator: one object per read.
        self._ready: Iterator[Any] = NOTHING
        # The last event ID as of what was handed out; only the iterating thread sets it.
        self._given_id: str = parser.last_event_id
        # An event has come since `stall` was started; its clock runs only in a wait for more.
        self._progress = True
        # Raised once what was complete before it has been handed out.
        self._error: BaseException | None = None
        self._closed = False
        # The head is through; an interruption up to here left no stream.
        handle.taken = False

    @property
    def last_event_id(self) -> str:
        """The last event ID as of the last event that was handed out."""
        return self._given_id

    @property
    def retry(self) -> int | None:
        """The server's reconnection time in milliseconds, if it sent one."""
        return self._parser.retry

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ItemT:
        while True:
            given_id = self._given_id
            # No call between taking an item and returning it: from Python 3.10 on
            # that is where the exceptions of signal handlers come.
            try:
                for item in self._ready:
                    if item.__class__ is not Comment:
                        self._given_id = item.id
                    return item  # type: ignore[no-any-return]
            except BaseException:
                # The item may be lost: its ID was not the last, and what follows it is not handed
                # out. No call here either, at which another exception could come.
                self._given_id = given_id
                self._ready = NOTHING
                self._handle.taken = True
                raise
            self._refill()

    def _pass_chunks_through(self, make: Callable[[Iterator[Any]], Iterator[Any]]) -> None:
        """Have what is read come through an iterator that `make` makes of ours.

        No generator: Ctrl-C would end that, and the stream with it.
        """
        self._chunks = make(self._chunks)

    def batches(self) -> Batches[ItemT]:
        """Return an iterator over the list of events of each read; it may be empty.

        For those who want to know what came together, or handle it so.
        """
        return Batches(self)

    def _next_batch(self) -> list[ItemT]:
        if not operator.length_hint(self._ready):
            self._refill()
        before = self._given_id
        given_id = self._parser.last_event_id
        # As in __next__.
        try:
            batch = [*self._ready]
            # The end of the body may have brought it.
            if batch or not self._closed:
                self._given_id = given_id
            return batch
        except BaseException:
            self._given_id = before
            self._ready = NOTHING
            self._handle.taken = True
            raise

    def _refill(self) -> None:
        """Make ready what the next read of the body completes; StopIteration is its end."""
        handle = self._handle
        if handle.taken:
            # The last read was left by an exception when it had taken bytes from the
            # connection: which events they were is not known any more.
            self._error = handle.lost()
            handle.taken = False
        if self._error is not None:
            error = self._error
            self._shut()
            self._error = None
            raise error
        if self._closed:
            raise StopIteration
        # All that was parsed has been handed out.
        self._given_id = self._parser.last_event_id
        progress, self._progress = self._progress, False
        timed = self._deadlines.stall is not None
        if timed:
            self._deadlines.start_stall(time.monotonic(), progress)
        try:
            # Not next(), which begins a new interpreter loop (benchmarks/clients.py, "paced").
            chunk = self._chunks.__next__()
        except (StopIteration, SSEWireError) as exc:
            items = self._end_input(exc)
            self._shut()
            if items:
                self._ready = iter(items)
            handle.taken = False
            if items:
                return
            raise
        finally:
            if timed:
                self._deadlines.stop_stall(time.monotonic())
        # Set by now: next() does so when it has taken bytes.
        handle.taken = True
        if self._closed:
            handle.taken = False
            raise StopIteration
        self._heard = True
        try:
            items = self._parser.feed(chunk)
        except EventTooLarge as exc:
            complete: list[Any] = exc.events
            items = complete
            self._error = exc
        except BaseException:
            self._shut()
            raise
        # Nearly always the last one is an event, and there need be no loop.
        if items and (
            items[-1].__class__ is not Comment
            or any(item.__class__ is not Comment for item in items)
        ):
            self._progress = True
        self._ready = iter(items)
        handle.taken = False
        if self._closed:
            self._ready = NOTHING
            raise StopIteration

    def _end_input(self, exc: Exception) -> list[ItemT]:
        """Return what the end of the body completes."""
        whole = isinstance(exc, StopIteration)
        if self._closed or (whole and self._handle.aborted):
            # Somebody else ended it, not the server.
            return []
        dispatch = self._dispatch and whole
        items, self.dropped = end_input(self._parser, dispatch)
        return items

    def close(self) -> None:
        """End the iteration, also a blocked one in another thread; what is ready is dropped."""
        self._handle.taken = False
        self._shut()

    def _shut(self) -> None:
        self._closed = True
        self._ready = NOTHING
        self._response.close()
        # Again, should an exception have left an earlier call halfway.
        self._handle.abort()

    def __repr__(self) -> str:
        return shown_stream(self, "closed" if self._closed else "open")


class Batches(Generic[ItemT]):
    """The iterator that `EventStream.batches` returns."""

    __slots__ = ("_stream",)

    def __init__(self, stream: EventStream[ItemT]) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[ItemT]:
        return self._stream._next_batch()
