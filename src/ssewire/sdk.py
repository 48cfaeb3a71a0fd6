# SPDX-License-Identifier: MIT
"""Decode the event streams of the anthropic and openai SDKs with our parser.

Both SDKs ask `client._make_sse_decoder()` for a new decoder per stream, give
it the chunks of a response and read `.event`, `.data` and `.json()` of what
it yields. The SDK opens and closes the response; nothing here does.
May import: _limits, errors, parser.
"""

from __future__ import annotations

from ._limits import MAX_EVENT_SIZE
from .errors import EventTooLarge
from .parser import Parser

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
    from typing import Any, Callable

    from typing_extensions import Buffer

    from .event import ServerSentEvent

__all__ = ["SDKDecoder", "UntypedEvent", "sdk_decoder"]


def sdk_decoder(*, max_event_size: int | None = MAX_EVENT_SIZE) -> SDKDecoder:
    """Return a decoder that fits the hook of the anthropic and openai SDKs.

    `client._make_sse_decoder = sdk_decoder` is all it takes, for sync and
    async clients alike; a subclass that overrides the method also covers
    `with_options()`, which makes a new client.

    Args:
        max_event_size: as for `Parser`: bytes that one unfinished event may hold.
    """
    return SDKDecoder(max_event_size)


class SDKDecoder:
    """What `sdk_decoder` returns. It holds no stream: each call of a method is one.

    Only blocks with data come out, so `retry:` alone or a comment after an
    `id:` is no event, and bad UTF-8 becomes U+FFFD instead of an exception.
    """

    __slots__ = ("_max_event_size",)

    def __init__(self, max_event_size: int | None = MAX_EVENT_SIZE) -> None:
        self._max_event_size = max_event_size

    # Any: the SDKs' annotations name an event class of their own, which only they can import.
    def iter_bytes(self, iterator: Iterable[Buffer]) -> Iterator[Any]:
        """Generate the events of `iterator`'s chunks, each with .event .data .id .retry .json().

        Untyped events have `.event` None, all others are `ServerSentEvent`.

        Raises (while iterating):
            EventTooLarge: after the events that were complete before.
            Exception: whatever `iterator` raises, unchanged.
        """
        feed = Parser(max_event_size=self._max_event_size, default_event="").feed
        for chunk in iterator:
            try:
                events = feed(chunk)
            except EventTooLarge as exc:
                complete: list[Any] = exc.events
                for event in complete:
                    yield event if event.event else _untyped(event)
                raise
            for event in events:
                yield event if event.event else _untyped(event)

    async def aiter_bytes(self, iterator: AsyncIterable[Buffer]) -> AsyncIterator[Any]:
        """Generate events as `iter_bytes` does, from chunks that are awaited."""
        # Not shared with the other: a call for each chunk would take a third as long again
        # where each is one event (benchmarks/sdk_decoder.py).
        feed = Parser(max_event_size=self._max_event_size, default_event="").feed
        async for chunk in iterator:
            try:
                events = feed(chunk)
            except EventTooLarge as exc:
                complete: list[Any] = exc.events
                for event in complete:
                    yield event if event.event else _untyped(event)
                raise
            for event in events:
                yield event if event.event else _untyped(event)


class UntypedEvent:
    """An event that names no type, as the SDKs want it: its `event` is None.

    The anthropic SDK passes such events over. `data`, `id`, `retry` and
    `json` are as in `ServerSentEvent`, which cannot say None.
    """

    __slots__ = ("data", "id", "retry")

    data: str
    id: str
    retry: int | None
    # Of the class, which saves one of four assignments per event.
    event: None = None

    def json(self, loads: Callable[[str], Any] | None = None) -> Any:
        """Return `loads(data)`; `json.loads` unless another decoder is given.

        Raises: what `loads` raises for data that it refuses.
        """
        if loads is None:
            import json  # not at import: the parser's users may not need it

            loads = json.loads
        return loads(self.data)

    def __repr__(self) -> str:
        return f"UntypedEvent(data={self.data!r}, id={self.id!r}, retry={self.retry!r})"


def _untyped(event: ServerSentEvent) -> UntypedEvent:
    # No __init__: it would take as long again (benchmarks/sdk_decoder.py, openai).
    untyped = UntypedEvent()
    untyped.data = event.data
    untyped.id = event.id
    untyped.retry = event.retry
    return untyped
