"""From chunks of bytes to events, and on to JSON: for loops over a parser.

The iterators are objects, not generators: an exception inside a loop body,
a Ctrl-C or a timeout does not end them. They own their source and close it
at its end, on error and on close. May import: errors, _limits, event, parser.
"""

from __future__ import annotations

from ._limits import MAX_EVENT_SIZE
from .errors import EventDataError, EventTooLarge
from .event import Comment
from .parser import Parser

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
    from types import TracebackType
    from typing import Any, Callable, Generic, Literal, TypeVar, Union, overload

    from typing_extensions import Buffer, Self

    from .event import ServerSentEvent

    Item = TypeVar("Item", bound=Union[ServerSentEvent, Comment])
    AnyItem = Union[ServerSentEvent, Comment]
else:
    # Only type checkers need the real ones, and theirs is most of an import's time.
    Generic = {None: object}
    Item = None

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
) -> list[AnyItem]: ...


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
def iter_events(chunks: Iterable[Buffer], parser: Parser[Item]) -> EventIterator[Item]: ...


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
    chunks: AsyncIterable[Buffer], parser: Parser[Item]
) -> AsyncEventIterator[Item]: ...


def aiter_events(chunks: AsyncIterable[Buffer], parser: Any = None) -> AsyncEventIterator[Any]:
    """Return an asynchronous iterator over the events of `chunks`; `iter_events` with `async`.

    It has `aclose()` and is an asynchronous context manager.
    """
    return AsyncEventIterator(chunks, Parser() if parser is None else parser)


class EventIterator(Generic[Item]):
    """The iterator that `iter_events` returns."""

    def __init__(self, chunks: Iterable[Buffer], parser: Parser[Item]) -> None:
        self._source = chunks
        self._chunks: Iterator[Buffer] = iter(chunks)
        self._parser = parser
        self._ready: Iterator[Item] = iter(())
        # Raised once what was complete before it has been handed out.
        self._error: EventTooLarge | None = None
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
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
        _close_all(self._chunks, self._source)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncEventIterator(Generic[Item]):
    """The asynchronous iterator that `aiter_events` returns."""

    def __init__(self, chunks: AsyncIterable[Buffer], parser: Parser[Item]) -> None:
        self._source = chunks
        self._chunks: AsyncIterator[Buffer] = chunks.__aiter__()
        self._parser = parser
        self._ready: Iterator[Item] = iter(())
        # Raised once what was complete before it has been handed out.
        self._error: EventTooLarge | None = None
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
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
        await _aclose_all(self._chunks, self._source)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def iter_json(events: Iterable[AnyItem], done: str | None = "[DONE]") -> JSONIterator:
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


def aiter_json(events: AsyncIterable[AnyItem], done: str | None = "[DONE]") -> AsyncJSONIterator:
    """Return an asynchronous iterator over decoded JSON; `iter_json` with `async`."""
    return AsyncJSONIterator(events, done)


class JSONIterator:
    """The iterator that `iter_json` returns."""

    def __init__(self, events: Iterable[AnyItem], done: str | None) -> None:
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
            _close_all(self._events, self._source)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncJSONIterator:
    """The asynchronous iterator that `aiter_json` returns."""

    def __init__(self, events: AsyncIterable[AnyItem], done: str | None) -> None:
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
            await _aclose_all(self._events, self._source)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _data_of(item: AnyItem) -> str:
    return "" if isinstance(item, Comment) else item.data


def _decode(data: str, loads: Callable[[str], Any]) -> Any:
    try:
        return loads(data)
    except (ValueError, RecursionError) as exc:
        raise EventDataError(data) from exc


def _close_all(iterator: object, source: object) -> None:
    """Close an iterator, and what it was made from if that is another object."""
    try:
        _call(iterator, "close")
    finally:
        if source is not iterator:
            _call(source, "close")


async def _aclose_all(iterator: object, source: object) -> None:
    """Close as `_close_all`, awaiting what wants to be awaited."""
    try:
        await _acall(iterator)
    finally:
        if source is not iterator:
            await _acall(source)


def _call(owner: object, name: str) -> Any:
    method = getattr(owner, name, None)
    return None if method is None else method()


async def _acall(owner: object) -> None:
    result = _call(owner, "aclose" if hasattr(owner, "aclose") else "close")
    if hasattr(result, "__await__"):
        await result
