"""From chunks of bytes to events, and on to JSON: for loops over a parser.

The iterators are objects, not generators: an exception inside a loop body,
a Ctrl-C or a timeout does not end them. They own their source and close it
at its end, on error and on close. May import: _closing, errors,
_limits, event, parser.
"""

from __future__ import annotations

from ._closing import AsyncCloseable, Closeable, aclose_all, close_all
from ._limits import MAX_EVENT_SIZE
from .errors import EventDataError, EventTooLarge
from .event import Comment
from .parser import Parser

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
    from typing import Any, Callable, Generic, Literal, TypeVar, overload

    from typing_extensions import Buffer, Self

    from .event import Item, ServerSentEvent

    ItemT = TypeVar("ItemT", bound=Item)
else:
    # Importing typing is most of what importing the package would cost, and only type checkers
    # need it: at run time `Generic[ItemT]` below is an item of this dict, plain `object`.
    Generic = {None: object}
    ItemT = None

    def overload(function):
        return function


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

    Takes the options of `Parser`.

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
    chunks: Iterable[Buffer], parser: None = None
) -> EventIterator[ServerSentEvent]: ...


@overload
def iter_events(chunks: Iterable[Buffer], parser: Parser[ItemT]) -> EventIterator[ItemT]: ...


def iter_events(chunks: Iterable[Buffer], parser: Any = None) -> EventIterator[Any]:
    """Return an iterator over the events of `chunks`.

    Each event is handed out before the next chunk is asked for. The iterator
    has `close()` and is a context manager; after a `break`, only `with` or
    `close()` closes the source. A parser that is passed in is reset at the
    end: its `last_event_id` and `retry` stay for the next connection, no half
    event does.

    Raises (while iterating):
        EventTooLarge: after the events that were complete before.
        Exception: whatever the source raises, unchanged.
    """
    return EventIterator(chunks, Parser() if parser is None else parser)


@overload
def aiter_events(
    chunks: AsyncIterable[Buffer], parser: None = None
) -> AsyncEventIterator[ServerSentEvent]: ...


@overload
def aiter_events(
    chunks: AsyncIterable[Buffer], parser: Parser[ItemT]
) -> AsyncEventIterator[ItemT]: ...


def aiter_events(chunks: AsyncIterable[Buffer], parser: Any = None) -> AsyncEventIterator[Any]:
    """Return an asynchronous iterator over the events of `chunks`; `iter_events` with `async`.

    It has `aclose()` and is an asynchronous context manager.
    """
    return AsyncEventIterator(chunks, Parser() if parser is None else parser)


class EventIterator(Closeable, Generic[ItemT]):
    """The iterator that `iter_events` returns."""

    def __init__(self, chunks: Iterable[Buffer], parser: Parser[ItemT]) -> None:
        self._source = chunks
        self._chunks: Iterator[Buffer] = iter(chunks)
        self._parser = parser
        self._ready: Iterator[ItemT] = iter(())
        # Raised once what was complete before it has been handed out.
        self._error: EventTooLarge | None = None
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ItemT:
        while True:
            for event in self._ready:
                return event
            if self._closed:
                raise StopIteration
            if self._error is not None:
                error = self._error
                self.close()
                raise error
            try:
                chunk = next(self._chunks)
            except BaseException:
                # The source's end (StopIteration) and its failures alike.
                self.close()
                raise
            try:
                self._ready = iter(self._parser.feed(chunk))
            except EventTooLarge as exc:
                self._ready = iter(exc.events)
                self._error = exc
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Close the source, where it can be closed; events not yet handed out are dropped."""
        if self._closed:
            return
        self._closed = True
        self._ready = iter(())
        self._parser.reset()
        close_all(self._chunks, self._source)


class AsyncEventIterator(AsyncCloseable, Generic[ItemT]):
    """The asynchronous iterator that `aiter_events` returns."""

    def __init__(self, chunks: AsyncIterable[Buffer], parser: Parser[ItemT]) -> None:
        self._source = chunks
        self._chunks: AsyncIterator[Buffer] = chunks.__aiter__()
        self._parser = parser
        self._ready: Iterator[ItemT] = iter(())
        # Raised once what was complete before it has been handed out.
        self._error: EventTooLarge | None = None
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        while True:
            for event in self._ready:
                return event
            if self._closed:
                raise StopAsyncIteration
            if self._error is not None:
                error = self._error
                await self.aclose()
                raise error
            try:
                chunk = await self._chunks.__anext__()
            except BaseException:
                # The source's end (StopAsyncIteration), its failures, and cancellation alike.
                await self.aclose()
                raise
            try:
                self._ready = iter(self._parser.feed(chunk))
            except EventTooLarge as exc:
                self._ready = iter(exc.events)
                self._error = exc
            except BaseException:
                await self.aclose()
                raise

    async def aclose(self) -> None:
        """Close the source, where it can be closed; events not yet handed out are dropped."""
        if self._closed:
            return
        self._closed = True
        self._ready = iter(())
        self._parser.reset()
        await aclose_all(self._chunks, self._source)


def iter_json(events: Iterable[Item], done: str | None = "[DONE]") -> JSONIterator:
    """Return an iterator over the decoded JSON of each event that has data.

    It ends before the event whose data, less white space around it, is
    `done` (None: never), and then closes `events` where it can be closed, as
    do its `close()` and `with`. Comments and events with empty data are
    passed over.

    Raises (while iterating):
        EventDataError: data that is not JSON; the next step goes on after it.
        Exception: whatever `events` raises, unchanged.
    """
    return JSONIterator(events, done)


def aiter_json(events: AsyncIterable[Item], done: str | None = "[DONE]") -> AsyncJSONIterator:
    """Return an asynchronous iterator over decoded JSON; `iter_json` with `async`."""
    return AsyncJSONIterator(events, done)


class JSONIterator(Closeable):
    """The iterator that `iter_json` returns."""

    def __init__(self, events: Iterable[Item], done: str | None) -> None:
        from json import loads  # not at import: the parser's users may not need it

        self._loads: Callable[[str], Any] = loads
        self._source = events
        self._events = iter(events)
        self._done = done
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._closed:
            raise StopIteration
        try:
            data = ""
            while not data:
                data = _data_of(next(self._events))
        except BaseException:
            self.close()
            raise
        if data.strip() == self._done:
            self.close()
            raise StopIteration
        return _decode(data, self._loads)

    def close(self) -> None:
        """Close the events' iterator, where it can be closed."""
        if not self._closed:
            self._closed = True
            close_all(self._events, self._source)


class AsyncJSONIterator(AsyncCloseable):
    """The asynchronous iterator that `aiter_json` returns."""

    def __init__(self, events: AsyncIterable[Item], done: str | None) -> None:
        from json import loads  # not at import: the parser's users may not need it

        self._loads: Callable[[str], Any] = loads
        self._source = events
        self._events = events.__aiter__()
        self._done = done
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._closed:
            raise StopAsyncIteration
        try:
            data = ""
            while not data:
                data = _data_of(await self._events.__anext__())
        except BaseException:
            await self.aclose()
            raise
        if data.strip() == self._done:
            await self.aclose()
            raise StopAsyncIteration
        return _decode(data, self._loads)

    async def aclose(self) -> None:
        """Close the events' iterator, where it can be closed."""
        if not self._closed:
            self._closed = True
            await aclose_all(self._events, self._source)


def _data_of(item: Item) -> str:
    return "" if isinstance(item, Comment) else item.data


def _decode(data: str, loads: Callable[[str], Any]) -> Any:
    try:
        return loads(data)
    except (ValueError, RecursionError) as exc:
        raise EventDataError(data) from exc
