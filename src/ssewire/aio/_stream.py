# SPDX-License-Identifier: MIT
"""The events of one response.

May import: _checks, _standard, _unfinished, errors, event, _body, _connection, _tasks.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Iterator
from typing import Any

from .._checks import shown_stream
from .._standard import Generic, ItemT
from .._unfinished import end_input
from ..errors import EventTooLarge, SSEWireError, StateError
from ..event import Comment, ServerSentEvent
from ._body import ResponseBody
from ._connection import Connection
from ._tasks import EitherCloseable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Self

    from .._headers import Headers
    from ..parser import Parser
    from ._body import ForeignBody
    from ._response import HTTPResponse
    from ._tasks import Closing

# Exhausted, and so the same for all.
_NOTHING: Iterator[Any] = iter(())


class EventStream(EitherCloseable, Generic[ItemT]):
    """The events of one response: an asynchronous iterator and context manager.

    It ends where the body ends as HTTP says it should, and after `close()`.
    `open_stream` makes it. One task at a time may wait for it. Cancelling a wait
    takes nothing, so that `asyncio.wait_for` may be around any step: iterate on,
    or close. What is dropped unclosed closes itself, with a ResourceWarning.
    `dropped` is how many bytes of an unfinished event there were when the body
    ended, and that was not by `close()`.

    Raises (while iterating):
        ConnectionLost: the body broke off.
        StreamTimeout: a timeout ran out.
        EventTooLarge: after the events that were complete before.
        StateError: another task is waiting for it.
        TransportError: what else can go wrong with a connection.
    """

    __slots__ = (
        "__weakref__",
        "_batches",
        "_dispatch",
        "_ended",
        "_given_id",
        "_parser",
        "_progress",
        "_ready",
        "_skipped",
        "_source",
        "dropped",
        "headers",
        "status",
        "url",
    )

    def __init__(
        self,
        response: HTTPResponse,
        parser: Parser[ItemT],
        source: Connection | Parsed[ItemT],
        dispatch: bool = False,
    ) -> None:
        self.status: int = response.status
        self.headers: Headers = response.headers
        self.url: str = response.url
        self._source = source
        self._parser = parser
        # Received and taken from the source, not handed out: the rest of one
        # read's items, and the reads after it.
        self._ready: Iterator[Any] = _NOTHING
        self._batches: Iterator[list[ItemT]] = _NOTHING
        # The ID of the last event handed out; counts while more of them are ready.
        self._given_id: str = parser.last_event_id
        # Some were dropped by close(): the parser's last event ID is theirs.
        self._skipped = False
        self._dispatch = dispatch
        self.dropped: int = 0
        # The parser has been told of the end, or is not to be.
        self._ended = False
        # An event was handed out since `stall` was started.
        self._progress = True

    @property
    def last_event_id(self) -> str:
        """The last event ID as of the last event that was handed out."""
        return self._given_id if self._skipped or self._waits() else self._parser.last_event_id

    def _waits(self) -> bool:
        """Return whether something received has not been handed out."""
        return bool(
            operator.length_hint(self._ready)
            or operator.length_hint(self._batches)
            or self._source.received
        )

    @property
    def retry(self) -> int | None:
        """The server's reconnection time in milliseconds, if it sent one."""
        return self._parser.retry

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        while True:
            for item in self._ready:
                if item.__class__ is not Comment:
                    self._given_id = item.id
                    self._progress = True
                return item  # type: ignore[no-any-return]
            for batch in self._batches:
                self._ready = iter(batch)
                break
            else:
                source = self._source
                if not source.received and not source.ended:
                    # As in `_refill`, whose coroutine an event that comes alone need not pay for.
                    waiting: Any = source.wait(self._progress)
                    self._progress = False
                    try:
                        await waiting
                    except BaseException:
                        source.stop_waiting(waiting)
                        raise
                if len(source.received) == 1:
                    self._ready = iter(source.received.pop())
                else:
                    self._batches = iter(await self._refill())

    def batches(self) -> Batches[ItemT]:
        """Return an asynchronous iterator over the list of events of each read.

        For those who want to know what came together, or handle it so.
        """
        return Batches(self)

    async def _next_batch(self) -> list[ItemT]:
        batch = list(self._ready)
        self._ready = _NOTHING
        while not batch:
            batch = next(self._batches, batch)
            if not batch:
                self._batches = iter(await self._refill())
        for item in reversed(batch):
            if isinstance(item, ServerSentEvent):
                self._given_id = item.id
                self._progress = True
                break
        return batch

    async def _refill(self) -> list[list[ItemT]]:
        """Return what each read since the last call has completed; wait if that is nothing."""
        source = self._source
        while not source.received:
            if source.ended:
                await source.close()
                # Not before: a cancellation there must not lose it.
                items = self._end_input()
                if items:
                    return [items]
                error, source.error = source.error, None
                if error is not None:
                    raise error
                raise StopAsyncIteration
            waiting: Any = source.wait(self._progress)
            self._progress = False
            try:
                await waiting
            except BaseException:
                # Cancelled, which has taken nothing: the next wait goes on where this one was.
                source.stop_waiting(waiting)
                raise
        batches, source.received = source.received, []
        return batches

    def _end_input(self) -> list[ItemT]:
        """Return what the end of the body completes."""
        if self._ended:
            # The second time; or somebody else ended it, not the server.
            return []
        self._ended = True
        dispatch = self._dispatch and self._source.error is None
        items, self.dropped = end_input(self._parser, dispatch)
        return items

    @property
    def _heard(self) -> bool:
        """Whether bytes of the body have come."""
        return self._source.heard

    def close(self) -> Closing:
        """End the iteration, also of a task that waits; what is ready is dropped.

        Done at once; awaiting it returns when the socket is closed.
        """
        self._skipped = self._skipped or self._waits()
        self._ended = True
        self._ready = _NOTHING
        self._batches = _NOTHING
        source = self._source
        closing = source.close()
        source.received = []
        source.error = None
        return closing

    def _stop(self) -> None:
        """End it; what is ready stays."""
        self._ended = True
        self._source.close()

    def __repr__(self) -> str:
        return shown_stream(self, "closed" if self._source.ended else "open")

    def __del__(self) -> None:
        # Not set where __init__ failed.
        source = getattr(self, "_source", None)
        if source is not None:
            source.abandon(self)


class Batches(Generic[ItemT]):
    """The asynchronous iterator that `EventStream.batches` returns."""

    __slots__ = ("_stream",)

    def __init__(self, stream: EventStream[ItemT]) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[ItemT]:
        return await self._stream._next_batch()


class Parsed(Generic[ItemT]):
    """A source of events like a connection with a parser, over any chunks of bytes."""

    __slots__ = ("_body", "_parser", "ended", "error", "heard", "received")

    def __init__(self, body: ResponseBody | ForeignBody, parser: Parser[ItemT]) -> None:
        self._body = body
        self._parser = parser
        self.received: list[list[ItemT]] = []
        self.ended: bool = False
        self.error: SSEWireError | None = None
        self.heard: bool = False

    async def wait(self, progress: bool) -> None:
        """Read one chunk."""
        deadlines = self._body.deadlines
        loop = asyncio.get_running_loop()
        deadlines.start_stall(loop.time(), progress)
        try:
            chunk = await self._body.__anext__()
            self.heard = True
            items = self._parser.feed(chunk)
        except StateError:
            raise
        except StopAsyncIteration:
            self.ended = True
            return
        except EventTooLarge as exc:
            complete: list[Any] = exc.events
            items = complete
            self.ended = True
            self.error = exc
        except SSEWireError as exc:
            self.ended = True
            self.error = exc
            return
        except (asyncio.CancelledError, GeneratorExit):
            # Of the wait for the chunk, which has taken nothing.
            raise
        except BaseException:
            self.ended = True
            raise
        finally:
            deadlines.stop_stall(loop.time())
        if items:
            self.received.append(items)

    def stop_waiting(self, waiting: object) -> None:
        """Note that the wait was cancelled, as the body has already."""

    def close(self) -> Closing:
        self.ended = True
        return self._body.close()

    def abandon(self, owner: object) -> None:
        """Close the body, as the destructor of `owner`, with a warning."""
        self._body.abandon(owner)


def parsed(response: HTTPResponse, parser: Parser[ItemT], dispatch: bool) -> EventStream[ItemT]:
    """Return the events of a response; `dispatch` the unfinished one at its end too."""
    body: Any = response.chunks
    connection = body.release() if isinstance(body, ResponseBody) else None
    if connection is None:
        return EventStream(response, parser, Parsed(body, parser), dispatch)
    stream = EventStream(response, parser, connection, dispatch)
    connection.attach(parser)
    return stream
