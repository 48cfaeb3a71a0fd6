# SPDX-License-Identifier: MIT
"""What streams, sources and iterators give; read by four checkers, not run.

mypy refuses every expression here that is Any, and pyright every one that is unknown, so that what
is not asserted is typed all the same.
"""

# mypy: disallow-any-expr
# pyright: strict

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from typing_extensions import assert_type

from ssewire import (
    Comment,
    EventTooLarge,
    Parser,
    ServerSentEvent,
    aiter_events,
    iter_events,
    parse,
)
from ssewire.aio import EventSource as AsyncSource
from ssewire.aio import EventStream as AsyncStream
from ssewire.aio import open_stream as aopen
from ssewire.client import (
    EventSource,
    EventStream,
    HTTPRequest,
    HTTPResponse,
    ReconnectPolicy,
    Timeouts,
    open_stream,
    request,
)

Item = ServerSentEvent | Comment
URL = "https://example.com/events"


def parser(data: bytes, chunks: Iterator[bytes], comments: bool) -> None:
    assert_type(Parser().feed(data), list[ServerSentEvent])
    assert_type(Parser(comments=True).feed(data), list[Item])
    assert_type(Parser(comments=comments).flush(), list[Item])
    assert_type(parse(data), list[ServerSentEvent])
    assert_type(parse(data, comments=True), list[Item])
    assert_type(parse(data, comments=comments), list[Item])
    for event in iter_events(chunks):
        assert_type(event, ServerSentEvent)
    for item in iter_events(chunks, Parser(comments=True), unfinished="dispatch"):
        assert_type(item, Item)
    with iter_events(chunks) as events:
        assert_type(next(events), ServerSentEvent)
        assert_type(events.dropped, int)
    try:
        Parser(max_event_size=1).feed(data)
    except EventTooLarge as exc:
        assert_type(exc.events, list[Item])


async def asynchronous_parser(chunks: AsyncIterator[bytes]) -> None:
    async for event in aiter_events(chunks):
        assert_type(event, ServerSentEvent)
    async for item in aiter_events(chunks, Parser(comments=True)):
        assert_type(item, Item)
    async with aiter_events(chunks) as events:
        assert_type(await events.__anext__(), ServerSentEvent)


def response() -> None:
    with request(URL, method="HEAD") as answer:
        assert_type(answer, HTTPResponse)
        assert_type(answer.status, int)
        for chunk in answer.chunks:
            assert_type(bytes(chunk), bytes)


def streams(comments: bool, transport: TransportOf) -> None:
    with open_stream(URL, timeouts=5, headers={"Authorization": "..."}) as stream:
        assert_type(stream, EventStream[ServerSentEvent])
        for event in stream:
            assert_type(event, ServerSentEvent)
            assert_type(event.data, str)
            assert_type(event.retry, "int | None")
        for batch in stream.batches():
            assert_type(batch, list[ServerSentEvent])
        assert_type(stream.last_event_id, str)
        assert_type(stream.headers.get("x"), "str | None")
        keep(stream)
    with open_stream(URL, comments=True, media_types=None) as stream_of_both:
        assert_type(stream_of_both, EventStream[Item])
        for item in stream_of_both:
            assert_type(item, Item)
            if isinstance(item, Comment):
                assert_type(item.text, str)
            else:
                assert_type(item.event, str)
        for batch_of_both in stream_of_both.batches():
            assert_type(batch_of_both, list[Item])
    assert_type(open_stream(URL, comments=comments), EventStream[Item])
    assert_type(open_stream(URL, comments=False, transport=transport), EventStream[ServerSentEvent])


def sources(comments: bool) -> None:
    def opened(stream: EventStream) -> None:
        assert_type(stream.status, int)
        assert_type(next(stream), ServerSentEvent)

    def failed(error: Exception, delay: float | None) -> None: ...

    def prepare(request: HTTPRequest) -> HTTPRequest:
        return request.with_headers({"Authorization": "..."})

    policy = ReconnectPolicy(max_attempts=3, should_retry=lambda error: None)
    with EventSource(
        URL, reconnect=policy, on_open=opened, on_error=failed, prepare=prepare
    ) as source:
        assert_type(source, EventSource[ServerSentEvent])
        for event in source:
            assert_type(event, ServerSentEvent)
        assert_type(source.last_event_id, str)
        follow(source)
    with EventSource(URL, comments=True, on_open=counted, timeouts=Timeouts(idle=30)) as both:
        assert_type(both, EventSource[Item])
        assert_type(next(both), Item)
    assert_type(EventSource(URL, comments=comments), EventSource[Item])
    assert_type(EventSource(URL, comments=False), EventSource[ServerSentEvent])


async def asynchronous_streams(comments: bool) -> None:
    async with aopen(URL) as stream:
        assert_type(stream, AsyncStream[ServerSentEvent])
        async for event in stream:
            assert_type(event, ServerSentEvent)
        async for batch in stream.batches():
            assert_type(batch, list[ServerSentEvent])
    both = await aopen(URL, comments=True, method="POST", body=b"{}")
    assert_type(both, AsyncStream[Item])
    async for item in both:
        assert_type(item, Item)
    async for batch_of_both in both.batches():
        assert_type(batch_of_both, list[Item])
    await both.close()
    assert_type(await aopen(URL, comments=comments), AsyncStream[Item])


async def asynchronous_sources() -> None:
    async def prepare(request: HTTPRequest) -> HTTPRequest:
        return request.with_url(URL + "?cursor=1")

    def opened(stream: AsyncStream) -> None:
        assert_type(stream.status, int)

    async with AsyncSource(URL, prepare=prepare, on_open=opened) as source:
        assert_type(source, AsyncSource[ServerSentEvent])
        async for event in source:
            assert_type(event, ServerSentEvent)
    async with AsyncSource(URL, comments=True) as both:
        assert_type(both, AsyncSource[Item])
        async for item in both:
            assert_type(item, Item)


class TransportOf:
    """Stands in for another HTTP library."""

    def __call__(self, request: HTTPRequest) -> HTTPResponse:
        raise NotImplementedError


def keep(stream: EventStream) -> None:
    """An annotation that does not say what comes means events."""
    assert_type(stream, EventStream[ServerSentEvent])


def follow(source: EventSource[Item]) -> None:
    """Who takes both takes events."""


def counted(stream: EventStream[Item]) -> None: ...


def slips() -> None:
    """What checkers are for."""
    # ty takes any keyword where a TypedDict is unpacked.
    open_stream(URL, comment=True)  # type: ignore[call-overload] # pyright: ignore # pyrefly: ignore
    EventSource(URL, timeouts="5")  # type: ignore[call-overload] # pyright: ignore # ty: ignore # pyrefly: ignore
    keep(open_stream(URL, comments=True))  # type: ignore[arg-type] # pyright: ignore # ty: ignore # pyrefly: ignore
