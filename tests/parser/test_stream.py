# SPDX-License-Identifier: MIT
"""parse, iter_events, iter_json and their asynchronous twins: order, ownership, errors.

Each scenario runs on the synchronous functions and, through `Driver`, on the
asynchronous ones.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ssewire import (
    Comment,
    EventDataError,
    EventTooLarge,
    Parser,
    ServerSentEvent,
    StateError,
    aiter_events,
    aiter_json,
    iter_events,
    iter_json,
    parse,
)

if TYPE_CHECKING:
    from tests.conftest import MakeParser

A, B, C = (ServerSentEvent(data) for data in "abc")
WIRE = [b"data: a\n\nda", b"ta: b\n\n", b"", b"data: c\r\n\r", b"data: half"]


class Source:
    """Chunks from a list; an exception in it is raised in its place. Knows what was asked of it."""

    def __init__(self, items: list[Any]) -> None:
        self.items = list(items)
        self.taken = 0
        self.closed = 0

    def take(self) -> Any:
        assert not self.closed, "read after close"
        self.taken += 1
        item = self.items.pop(0)
        if isinstance(item, BaseException):
            raise item
        return item


class SyncSource(Source):
    def __iter__(self) -> SyncSource:
        return self

    def __next__(self) -> Any:
        if not self.items:
            raise StopIteration
        return self.take()

    def close(self) -> None:
        self.closed += 1


class AsyncSource(Source):
    def __aiter__(self) -> AsyncSource:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        if not self.items:
            raise StopAsyncIteration
        return self.take()

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1


class Driver:
    """The synchronous or the asynchronous functions behind one face."""

    def __init__(self, is_async: bool) -> None:
        self.is_async = is_async
        self.loop = asyncio.new_event_loop() if is_async else None
        self.source = AsyncSource if is_async else SyncSource
        self.iter_events: Any = aiter_events if is_async else iter_events
        self.iter_json: Any = aiter_json if is_async else iter_json

    def _run(self, step: Coroutine[Any, Any, Any]) -> Any:
        assert self.loop is not None
        try:
            return self.loop.run_until_complete(step)
        except StopAsyncIteration as exc:
            raise StopIteration from exc

    def next(self, iterator: Any) -> Any:
        return self._run(iterator.__anext__()) if self.is_async else next(iterator)

    def close(self, iterator: Any) -> None:
        if self.is_async:
            self._run(iterator.aclose())
        else:
            iterator.close()

    def enter(self, iterator: Any) -> Any:
        return self._run(iterator.__aenter__()) if self.is_async else iterator.__enter__()

    def leave(self, iterator: Any) -> Any:
        nothing = (None, None, None)
        if self.is_async:
            return self._run(iterator.__aexit__(*nothing))
        return iterator.__exit__(*nothing)

    def all(self, iterator: Any) -> list[Any]:
        items = []
        while True:
            try:
                items.append(self.next(iterator))
            except StopIteration:
                return items


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    driver = Driver(request.param)
    yield driver
    if driver.loop is not None:
        driver.loop.close()


# parse


def test_parse_gives_all_events_of_one_bytes_object_and_drops_an_unfinished_one() -> None:
    assert parse(b"".join(WIRE)) == [A, B, C]
    assert parse(bytearray(b"data: a\n\n")) == [A]
    assert parse(b"") == []


def test_parse_takes_the_options_of_a_parser() -> None:
    wire = b": hi\ndata: a\n\n"
    assert parse(wire, comments=True, default_event="", last_event_id="7") == [
        Comment(" hi"),
        ServerSentEvent("a", "", "7"),
    ]
    with pytest.raises(EventTooLarge) as caught:
        parse(b"data: a\n\ndata: bb\n\n", max_event_size=7)
    assert caught.value.events == [A]
    assert list(inspect.signature(parse).parameters) == [
        *("data", "last_event_id", "max_event_size", "comments", "default_event")
    ]


def test_parse_of_a_str_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not str"):
        parse("data: a\n\n")  # type: ignore[call-overload]


# iter_events and aiter_events


def test_the_events_of_all_chunks_come_in_order(driver: Driver) -> None:
    assert driver.all(driver.iter_events(driver.source(WIRE))) == [A, B, C]


def test_each_event_is_out_before_the_next_chunk_is_asked_for(driver: Driver) -> None:
    source = driver.source(WIRE)
    events = driver.iter_events(source)
    assert source.taken == 0
    assert (driver.next(events), source.taken) == (A, 1)
    assert (driver.next(events), source.taken) == (B, 2)
    assert (driver.next(events), source.taken) == (C, 4)


def test_the_source_is_closed_at_its_end_and_the_end_stays(driver: Driver) -> None:
    source = driver.source(WIRE)
    events = driver.iter_events(source)
    driver.all(events)
    assert source.closed == 1
    for _ in range(2):
        with pytest.raises(StopIteration):
            driver.next(events)
    driver.close(events)
    assert source.closed == 1


def test_an_error_of_the_source_comes_through_unchanged_and_closes_it(driver: Driver) -> None:
    error = OSError("reset")
    source = driver.source([b"data: a\n\n", error, b"data: b\n\n"])
    events = driver.iter_events(source)
    assert driver.next(events) == A
    with pytest.raises(OSError, match="reset") as caught:
        driver.next(events)
    assert caught.value is error
    assert source.closed == 1
    # What was to come is missing: that is no end.
    for _ in range(2):
        with pytest.raises(StateError):
            driver.next(events)
    driver.close(events)
    with pytest.raises(StopIteration):
        driver.next(events)
    assert source.closed == 1


def test_a_chunk_of_a_wrong_type_is_a_type_error_and_closes_the_source(driver: Driver) -> None:
    source = driver.source([b"data: a\n\n", "text"])
    events = driver.iter_events(source)
    assert driver.next(events) == A
    with pytest.raises(TypeError, match="not str"):
        driver.next(events)
    assert source.closed == 1


def test_close_closes_the_source_and_drops_what_was_not_handed_out(driver: Driver) -> None:
    source = driver.source([b"data: a\n\ndata: b\n\n", b"data: c\n\n"])
    events = driver.iter_events(source)
    assert driver.next(events) == A
    driver.close(events)
    driver.close(events)
    assert source.closed == 1
    with pytest.raises(StopIteration):
        driver.next(events)


def test_close_before_the_first_event_closes_the_source(driver: Driver) -> None:
    source = driver.source(WIRE)
    driver.close(driver.iter_events(source))
    assert (source.closed, source.taken) == (1, 0)


def test_leaving_the_context_closes_the_source(driver: Driver) -> None:
    source = driver.source(WIRE)
    events = driver.iter_events(source)
    assert driver.enter(events) is events
    assert driver.next(events) == A
    assert not driver.leave(events)
    assert source.closed == 1


def test_a_break_inside_with_closes_the_source() -> None:
    source = SyncSource(WIRE)
    with iter_events(source) as events:
        for event in events:
            assert event == A
            break
    assert source.closed == 1


def test_a_break_inside_async_with_closes_the_source() -> None:
    source = AsyncSource(WIRE)

    async def run() -> None:
        async with aiter_events(source) as events:
            async for event in events:
                assert event == A
                break

    asyncio.run(run())
    assert source.closed == 1


def test_an_exception_in_the_body_of_with_closes_the_source_and_propagates(driver: Driver) -> None:
    source = driver.source(WIRE)

    def sync() -> None:
        with driver.iter_events(source) as events:
            next(events)
            raise ZeroDivisionError

    async def asynchronous() -> None:
        async with driver.iter_events(source) as events:
            await events.__anext__()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        driver._run(asynchronous()) if driver.is_async else sync()
    assert source.closed == 1


def test_an_exception_in_a_loop_body_does_not_end_the_iterator(driver: Driver) -> None:
    events = driver.iter_events(driver.source(WIRE))
    seen = []

    def sync() -> None:
        for event in events:
            seen.append(event)
            raise ZeroDivisionError

    async def asynchronous() -> None:
        async for event in events:
            seen.append(event)
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            driver._run(asynchronous()) if driver.is_async else sync()
    assert driver.all(events) == [C]
    assert seen == [A, B]


def test_iterators_are_objects_and_no_generators(driver: Driver) -> None:
    for iterator in (driver.iter_events(driver.source([])), driver.iter_json(driver.source([]))):
        assert not inspect.isgenerator(iterator)
        assert not inspect.isasyncgen(iterator)
        assert not hasattr(iterator, "throw")
        assert not hasattr(iterator, "athrow")


def test_a_generator_as_source_is_closed_after_a_break(driver: Driver) -> None:
    steps = []

    def chunks() -> Iterator[bytes]:
        try:
            yield from WIRE
        finally:
            steps.append("closed")

    async def async_chunks() -> AsyncIterator[bytes]:
        try:
            for chunk in WIRE:
                yield chunk
        finally:
            steps.append("closed")

    events = driver.iter_events(async_chunks() if driver.is_async else chunks())
    assert driver.next(events) == A
    assert steps == []
    driver.close(events)
    assert steps == ["closed"]


def test_a_source_that_cannot_be_closed_is_just_left() -> None:
    assert list(iter_events(WIRE)) == [A, B, C]
    with iter_events(iter(WIRE)) as events:
        assert next(events) == A


def test_an_iterable_with_close_is_closed_though_its_iterator_has_none(driver: Driver) -> None:
    class Response:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            return iter(WIRE)

        def __aiter__(self) -> Any:
            inner = AsyncSource(WIRE)

            class Chunks:
                def __aiter__(self) -> Chunks:
                    return self

                def __anext__(self) -> Any:
                    return inner.__anext__()

            return Chunks()

        def close(self) -> None:
            self.closed += 1

        async def aclose(self) -> None:
            self.closed += 1

    response = Response()
    assert driver.all(driver.iter_events(response)) == [A, B, C]
    assert response.closed == 1


def test_events_before_the_limit_are_handed_out_before_the_error(driver: Driver) -> None:
    source = driver.source([b"data: a\n\ndata: b\n\ndata: cccccc", b"data: never\n\n"])
    events = driver.iter_events(source, Parser(max_event_size=8))
    assert driver.next(events) == A
    assert driver.next(events) == B
    with pytest.raises(EventTooLarge) as caught:
        driver.next(events)
    assert caught.value.limit == 8
    assert (source.closed, source.taken) == (1, 1)
    with pytest.raises(StopIteration):
        driver.next(events)


def test_a_parser_that_is_passed_in_sets_the_options(
    driver: Driver, make_parser: MakeParser
) -> None:
    parser = make_parser(comments=True, default_event="", last_event_id="7")
    source = driver.source([b": hi\nda", b"ta: a\n\n"])
    assert driver.all(driver.iter_events(source, parser)) == [
        Comment(" hi"),
        ServerSentEvent("a", "", "7"),
    ]


@pytest.mark.parametrize("end", ["end", "close", "error", "too_large"])
def test_a_parser_that_is_passed_in_keeps_id_and_retry_and_no_half_event(
    driver: Driver, make_parser: MakeParser, end: str
) -> None:
    parser = make_parser(max_event_size=30)
    wire = [b"id: 1\nretry: 5\ndata: a\n\n", b"id: 2\ndata: half"]
    if end == "error":
        wire.append(OSError())  # type: ignore[arg-type]
    if end == "too_large":
        wire.append(b"x" * 31)
    events = driver.iter_events(driver.source(wire), parser)
    assert driver.next(events) == ServerSentEvent("a", id="1", retry=5)
    if end == "close":
        driver.close(events)
    elif end == "end":
        assert driver.all(events) == []
    else:
        with pytest.raises((OSError, EventTooLarge)):
            driver.next(events)
    assert (parser.last_event_id, parser.retry, parser.pending) == ("1", 5, 0)
    later = driver.iter_events(driver.source([b"\xef\xbb\xbfdata: b\n\n"]), parser)
    assert driver.all(later) == [ServerSentEvent("b", id="1")]


def test_an_unfinished_event_at_the_end_is_dropped_and_said_to_be(
    driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ssewire")
    events = driver.iter_events(driver.source(WIRE))
    assert (driver.all(events), events.dropped) == ([A, B, C], len(b"data: half"))
    text = "10 bytes of an unfinished event were dropped at the end of the stream"
    assert [(record.levelname, record.message) for record in caplog.records] == [("DEBUG", text)]
    events = driver.iter_events(driver.source(WIRE[:-1]))
    assert (driver.all(events), events.dropped) == ([A, B, C], 0)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("last", [b"data: x", b"data: x\n", b"data: x\r", b"data: x\nid: 3"])
def test_an_unfinished_event_is_handed_out_at_the_end_where_that_is_asked_for(
    driver: Driver, make_parser: MakeParser, last: bytes
) -> None:
    parser = make_parser(last_event_id="2")
    source = driver.source([b"data: a\n\n", last])
    events = driver.iter_events(source, parser, unfinished="dispatch")
    number = "3" if b"id" in last else "2"
    assert driver.all(events) == [ServerSentEvent("a", id="2"), ServerSentEvent("x", id=number)]
    assert (events.dropped, source.closed) == (0, 1)
    assert driver.all(events) == []
    # The parser is ready for the next connection.
    assert (parser.last_event_id, parser.pending) == (number, 0)
    later = driver.iter_events(driver.source([b"\xef\xbb\xbfdata: b\n\n"]), parser)
    assert driver.all(later) == [ServerSentEvent("b", id=number)]


def test_what_is_no_event_is_dropped_also_where_unfinished_ones_are_asked_for(
    driver: Driver,
) -> None:
    text = b'{"message": "no"}'
    events = driver.iter_events(driver.source([text]), unfinished="dispatch")
    assert (driver.all(events), events.dropped) == ([], len(text))


def test_what_a_failure_cuts_is_never_handed_out(driver: Driver) -> None:
    for failure in (OSError(), ValueError()):
        source = driver.source([b"data: a\n\ndata: ha", failure])
        events = driver.iter_events(source, unfinished="dispatch")
        assert driver.next(events) == A
        with pytest.raises(type(failure)):
            driver.next(events)
        assert events.dropped == len(b"data: ha")
        with pytest.raises(StateError):
            driver.next(events)


@pytest.mark.parametrize(
    ("unfinished", "error"), [("flush", ValueError), (True, TypeError), (None, TypeError)]
)
def test_another_way_with_unfinished_events_is_refused(
    driver: Driver, unfinished: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="unfinished must be"):
        driver.iter_events([], unfinished=unfinished)


def test_closing_in_the_middle_drops_nothing_that_the_end_would(driver: Driver) -> None:
    events = driver.iter_events(driver.source(WIRE), unfinished="dispatch")
    assert driver.next(events) == A
    driver.close(events)
    assert (driver.all(events), events.dropped) == ([], 0)


def test_a_closed_parser_that_is_passed_in_is_a_state_error(driver: Driver) -> None:
    parser = Parser()
    parser.close()
    source = driver.source(WIRE)
    with pytest.raises(StateError):
        driver.all(driver.iter_events(source, parser))
    assert source.closed == 1


def test_what_is_not_iterable_is_refused_at_once(driver: Driver) -> None:
    with pytest.raises((TypeError, AttributeError)):
        driver.iter_events(5)


# iter_json and aiter_json


def events_of(*texts: str) -> list[ServerSentEvent]:
    return [ServerSentEvent(text) for text in texts]


def test_json_of_each_event_comes_until_the_sentinel_which_closes_the_source(
    driver: Driver,
) -> None:
    source = driver.source(events_of('{"a": 1}', "[2]", "null", "[DONE]", "[3]"))
    assert driver.all(driver.iter_json(source)) == [{"a": 1}, [2], None]
    assert (source.closed, source.taken) == (1, 4)


def test_json_ends_with_the_source_when_no_sentinel_comes(driver: Driver) -> None:
    source = driver.source(events_of("1", "2"))
    assert driver.all(driver.iter_json(source)) == [1, 2]
    assert source.closed == 1


def test_another_sentinel_or_none_may_be_given(driver: Driver) -> None:
    texts = events_of("1", '"end"', "3")
    assert driver.all(driver.iter_json(driver.source(texts), done='"end"')) == [1]
    assert driver.all(driver.iter_json(driver.source(texts), done=None)) == [1, "end", 3]
    with pytest.raises(EventDataError):
        driver.all(driver.iter_json(driver.source(events_of("[DONE]")), done=None))


def test_comments_and_events_without_data_are_passed_over(driver: Driver) -> None:
    items = [Comment("hi"), *events_of("", "1"), Comment("ho"), *events_of("", "2")]
    assert driver.all(driver.iter_json(driver.source(items))) == [1, 2]


def test_data_that_is_not_json_is_an_error_with_its_cause_and_the_next_step_goes_on(
    driver: Driver,
) -> None:
    source = driver.source(events_of("1", "{oops", "3"))
    values = driver.iter_json(source)
    assert driver.next(values) == 1
    with pytest.raises(EventDataError) as caught:
        driver.next(values)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value.__cause__, json.JSONDecodeError)
    assert caught.value.data == "{oops"
    assert source.closed == 0
    assert driver.all(values) == [3]
    assert source.closed == 1


def test_json_nested_too_deep_is_an_error_of_ours_too(driver: Driver) -> None:
    values = driver.iter_json(driver.source(events_of("[" * 200_000, "2")))
    with pytest.raises(EventDataError):
        driver.next(values)
    assert driver.all(values) == [2]


def test_closing_json_closes_the_events_and_their_source(driver: Driver) -> None:
    source = driver.source([b"data: 1\n\n", b"data: 2\n\n"])
    values = driver.iter_json(driver.iter_events(source))
    assert driver.enter(values) is values
    assert driver.next(values) == 1
    driver.leave(values)
    assert source.closed == 1
    with pytest.raises(StopIteration):
        driver.next(values)


def test_an_error_of_the_source_comes_through_json_and_closes_it(driver: Driver) -> None:
    source = driver.source([b"data: 1\n\n", OSError("reset")])
    values = driver.iter_json(driver.iter_events(source))
    assert driver.next(values) == 1
    with pytest.raises(OSError, match="reset"):
        driver.next(values)
    assert source.closed == 1


def test_the_sentinel_of_a_byte_stream_stops_before_the_connection_ends(driver: Driver) -> None:
    source = driver.source([b'data: {"n": 1}\n\ndata: [DONE]\n\n', b"data: never read"])
    assert driver.all(driver.iter_json(driver.iter_events(source))) == [{"n": 1}]
    assert (source.closed, source.taken) == (1, 1)


def test_anything_iterable_will_do_as_events() -> None:
    assert list(iter_json(events_of("1", "2"))) == [1, 2]
