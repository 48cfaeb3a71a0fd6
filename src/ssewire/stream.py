# SPDX-License-Identifier: MIT
"""From chunks of bytes to events, and on to JSON: for loops over a parser.

The iterators are objects, not generators: an exception inside a loop body,
a Ctrl-C or a timeout does not end them. They own their source and close it
at its end, on error and on close.
May import: _checks, _limits, _reading, _standard, _unfinished, errors, event, parser.
"""

from __future__ import annotations

from sys import exc_info

from ._checks import exact_str
from ._limits import MAX_EVENT_SIZE
from ._reading import AsyncReading, Reading
from ._standard import Generic, ItemT
from ._unfinished import dispatches, end_input
from .errors import EventDataError, EventTooLarge
from .event import Comment
from .parser import Parser

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Sequence
    from typing import Any, Callable, Literal, overload

    from typing_extensions import Buffer, Self

    from ._unfinished import Unfinished
    from .event import Item, ServerSentEvent
else:

    def overload(function):
        return function


__all__ = [
    "AsyncEventIterator",
    "AsyncJSONIterator",
    "EventIterator",
    "JSONIterator",
    "aiter_events",
    "aiter_json",
    "iter_events",
    "iter_json",
    "parse",
]


@overload
def parse(
    data: Buffer,
    *,
    last_event_id: str = "",
    max_event_size: int | None = MAX_EVENT_SIZE,
    comments: Literal[False] = False,
    default_event: str = "message",
) -> list[ServerSentEvent]: ...


@overload
def parse(
    data: Buffer,
    *,
    last_event_id: str = "",
    max_event_size: int | None = MAX_EVENT_SIZE,
    comments: bool,
    default_event: str = "message",
) -> list[Item]: ...


def parse(
    data: Buffer,
    *,
    last_event_id: str = "",
    max_event_size: int | None = MAX_EVENT_SIZE,
    comments: bool = False,
    default_event: str = "message",
) -> Any:
    """Return all events of one whole stream; an unfinished one at its end is dropped.

    Takes the options of `Parser`. Cost: linear in the length of the data.

    Raises:
        EventTooLarge: as `Parser.feed`, with the events before it on `.events`.
        TypeError: data is not a bytes-like object.
    """
    return Parser(
        last_event_id=last_event_id,
        max_event_size=max_event_size,
        comments=comments,
        default_event=default_event,
    ).feed(data)


@overload
def iter_events(
    chunks: Iterable[Buffer], parser: None = None, *, unfinished: Unfinished = "drop"
) -> EventIterator[ServerSentEvent]: ...


@overload
def iter_events(
    chunks: Iterable[Buffer], parser: Parser[ItemT], *, unfinished: Unfinished = "drop"
) -> EventIterator[ItemT]: ...


def iter_events(
    chunks: Iterable[Buffer], parser: Any = None, *, unfinished: Unfinished = "drop"
) -> EventIterator[Any]:
    """Return an iterator over the events of `chunks`.

    Each event is handed out before the next chunk is asked for. The iterator
    has `close()` and is a context manager; after a `break`, only `with` or
    `close()` closes the source. A parser that is passed in is reset at the
    end: its `last_event_id` and `retry` stay for the next connection, no half
    event does.

    An event that the source ends within is dropped, as the standard says; `dropped`
    is how many bytes of it there were, which the logger "ssewire" is told too (DEBUG).
    With `unfinished="dispatch"` it is handed out if it has data, unless the source has
    failed: see `Parser.flush`.

    What the source raises closes it. An exception of the caller's that comes
    out of it does not: after a KeyboardInterrupt, or what a signal handler
    raised, the next step asks the source again. Where something may have been
    lost, later steps raise StateError: there is no end that is none.
    Cost: that of the parser; a step that hands out an event already there is
    constant.

    Raises:
        TypeError, ValueError: an option that makes no sense.

    Raises (while iterating):
        EventTooLarge: after the events that were complete before.
        StateError: after an exception that something may have been lost by,
            and after the source has failed; until `close()`.
        Exception: whatever the source raises, unchanged.
    """
    return EventIterator(chunks, Parser() if parser is None else parser, unfinished)


@overload
def aiter_events(
    chunks: AsyncIterable[Buffer], parser: None = None, *, unfinished: Unfinished = "drop"
) -> AsyncEventIterator[ServerSentEvent]: ...


@overload
def aiter_events(
    chunks: AsyncIterable[Buffer], parser: Parser[ItemT], *, unfinished: Unfinished = "drop"
) -> AsyncEventIterator[ItemT]: ...


def aiter_events(
    chunks: AsyncIterable[Buffer], parser: Any = None, *, unfinished: Unfinished = "drop"
) -> AsyncEventIterator[Any]:
    """Return an asynchronous iterator over the events of `chunks`; `iter_events` with `async`.

    It has `aclose()` and is an asynchronous context manager. Cancelling a step, as
    `asyncio.wait_for` does, cancels what the source waits for and closes
    nothing; the next step asks it again. An asynchronous generator is finished
    by that, and the next step raises StateError.
    """
    return AsyncEventIterator(chunks, Parser() if parser is None else parser, unfinished)


class _Parsing(Generic[ItemT]):
    """What both iterators over events keep.

    `dropped` is how many bytes of an unfinished event there were when the source ended.
    """

    def _parse_with(self, parser: Parser[ItemT], unfinished: Unfinished) -> None:
        self._parser = parser
        self._dispatch = dispatches(unfinished)
        self.dropped: int = 0
        # What is complete, and how much of it has been handed out.
        self._ready: Sequence[ItemT] = ()
        self._given = 0
        # Raised once what was complete before it has been handed out.
        self._error: EventTooLarge | None = None

    def _over(self, whole: bool) -> None:
        items, self.dropped = end_input(self._parser, self._dispatch and whole)
        if items:
            # In this order, as in a step.
            self._ready = ()
            self._given = 0
            self._ready = items


class EventIterator(_Parsing[ItemT], Reading):
    """The iterator that `iter_events` returns."""

    def __init__(
        self, chunks: Iterable[Buffer], parser: Parser[ItemT], unfinished: Unfinished
    ) -> None:
        self._parse_with(parser, unfinished)
        Reading.__init__(self, "chunks", "bytes-like objects", chunks)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ItemT:
        while True:
            given = self._given
            if given < len(self._ready):
                try:
                    # No call in between, in which a signal could be handled.
                    self._given = given + 1
                    return self._ready[given]
                except BaseException:
                    self._given = given
                    raise
            if self._error is not None and not self._ended:
                self._release()
                try:
                    raise self._error
                finally:
                    # In one line, and the last: else it might be told twice, or not at all.
                    self._ended = exc_info()[1] is self._error
            if self._torn or self._ended:
                self._refuse(StopIteration)
            self._torn = True
            try:
                chunk = next(self._iterator)
            except BaseException as exc:
                self._stopped(exc)
                if self._given >= len(self._ready):
                    raise
                # The end has completed an event.
                continue
            self._doubtful = False
            try:
                events = self._parser.feed(chunk)
            except EventTooLarge as exc:
                complete: list[Any] = exc.events
                events = complete
                self._error = exc
            except BaseException:
                self._release()
                raise
            # In this order: a step that is left between two of these hands out nothing twice.
            self._ready = ()
            self._given = 0
            self._ready = events
            self._torn = False

    def _release(self) -> None:
        if not self._released:
            self._parser.reset()
        super()._release()

    def close(self) -> None:
        """Close the source, where it can be closed; events not yet handed out are dropped."""
        self._ready = ()
        super().close()


class AsyncEventIterator(_Parsing[ItemT], AsyncReading):
    """The asynchronous iterator that `aiter_events` returns."""

    def __init__(
        self, chunks: AsyncIterable[Buffer], parser: Parser[ItemT], unfinished: Unfinished
    ) -> None:
        self._parse_with(parser, unfinished)
        AsyncReading.__init__(self, "chunks", "bytes-like objects", chunks)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        while True:
            given = self._given
            if given < len(self._ready):
                try:
                    self._given = given + 1
                    return self._ready[given]
                except BaseException:
                    self._given = given
                    raise
            if self._error is not None and not self._ended:
                await self._release()
                try:
                    raise self._error
                finally:
                    # In one line, and the last: else it might be told twice, or not at all.
                    self._ended = exc_info()[1] is self._error
            if self._torn or self._ended:
                self._refuse(StopAsyncIteration)
            self._torn = True
            try:
                chunk = await self._iterator.__anext__()
            except BaseException as exc:
                await self._stopped(exc)
                if self._given >= len(self._ready):
                    raise
                continue
            self._doubtful = False
            try:
                events = self._parser.feed(chunk)
            except EventTooLarge as exc:
                complete: list[Any] = exc.events
                events = complete
                self._error = exc
            except BaseException:
                await self._release()
                raise
            self._ready = ()
            self._given = 0
            self._ready = events
            self._torn = False

    async def _release(self) -> None:
        if not self._released:
            self._parser.reset()
        await super()._release()

    async def aclose(self) -> None:
        """Close the source, where it can be closed; events not yet handed out are dropped."""
        self._ready = ()
        await super().aclose()


def iter_json(events: Iterable[Item], done: str | None = "[DONE]") -> JSONIterator:
    """Return an iterator over the decoded JSON of each event that has data.

    It ends before the event whose data, less white space around it, is
    `done` (None: never), and then closes `events` where it can be closed, as
    do its `close()` and `with`. Comments and events with empty data are
    passed over. Exceptions in the middle of a step: as for `iter_events`.
    Cost: linear in the length of the data.

    Raises (while iterating):
        EventDataError: data that is not JSON; the next step goes on after it.
        StateError: as for `iter_events`.
        Exception: whatever `events` raises, unchanged.

    Raises:
        TypeError: done is neither a str nor None.
    """
    return JSONIterator(events, done)


def aiter_json(events: AsyncIterable[Item], done: str | None = "[DONE]") -> AsyncJSONIterator:
    """Return an asynchronous iterator over decoded JSON; `iter_json` with `async`."""
    return AsyncJSONIterator(events, done)


class _Decoding:
    """The event that was read and has not been handed out, as JSON or as an error."""

    def __init__(self, done: str | None) -> None:
        from json import loads  # not at import: the parser's users may not need it

        self._loads: Callable[[str], Any] = loads
        self._done = done if done is None else exact_str("done", done, "a str or None")
        # None where there is none.
        self._data: str | None = None

    def keep(self, item: Item) -> None:
        self._data = None if isinstance(item, Comment) else item.data or None

    def is_done(self) -> bool:
        return self._data is not None and self._data.strip() == self._done

    def has_some(self) -> bool:
        return self._data is not None

    def give(self) -> Any:
        """Return the value, or raise EventDataError: either way it has been handed out."""
        data = self._data
        assert data is not None
        value: Any = None
        error: EventDataError | None = None
        try:
            value = self._loads(data)
        except (ValueError, RecursionError) as exc:
            error = EventDataError(data)
            error.__cause__ = exc
        if error is not None:
            try:
                raise error
            finally:
                # As in EventIterator, and so below.
                self._data = None if exc_info()[1] is error else data
        try:
            self._data = None
            return value
        except BaseException:
            self._data = data
            raise


class JSONIterator(Reading):
    """The iterator that `iter_json` returns."""

    def __init__(self, events: Iterable[Item], done: str | None) -> None:
        self._decoding = _Decoding(done)
        super().__init__("events", "events", events)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while True:
            if self._decoding.is_done() and not self._ended:
                self._ended = True
                self._release()
            if self._torn or self._ended:
                self._refuse(StopIteration)
            if self._decoding.has_some():
                return self._decoding.give()
            self._torn = True
            try:
                item = next(self._iterator)
            except BaseException as exc:
                self._stopped(exc)
                raise
            self._doubtful = False
            self._decoding.keep(item)
            self._torn = False


class AsyncJSONIterator(AsyncReading):
    """The asynchronous iterator that `aiter_json` returns."""

    def __init__(self, events: AsyncIterable[Item], done: str | None) -> None:
        self._decoding = _Decoding(done)
        super().__init__("events", "events", events)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while True:
            if self._decoding.is_done() and not self._ended:
                self._ended = True
                await self._release()
            if self._torn or self._ended:
                self._refuse(StopAsyncIteration)
            if self._decoding.has_some():
                return self._decoding.give()
            self._torn = True
            try:
                item = await self._iterator.__anext__()
            except BaseException as exc:
                await self._stopped(exc)
                raise
            self._doubtful = False
            self._decoding.keep(item)
            self._torn = False
