# SPDX-License-Identifier: MIT
"""MessageStream and its asynchronous twin: order, places in the stream, ends."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Awaitable, Iterator
from itertools import islice
from typing import Any, Callable, TypeVar

import pytest

from ssewire import StateError
from ssewire.claude import (
    AsyncMessageStream,
    ContentBlockStopEvent,
    InputJSONEvent,
    MalformedEvent,
    Message,
    MessageStopEvent,
    MessageStream,
    OverloadedError,
    StreamClosed,
    StreamInterrupted,
    StreamTruncated,
    TextEvent,
)
from tests.claude.wire import (
    MESSAGE,
    STOP,
    TEXT,
    TOOL,
    as_dict,
    bytewise,
    delta,
    frame,
    message_delta,
    message_start,
    partial,
    start,
    stop,
    text,
    text_block,
    tool_block,
    whole,
    wire,
)

pytestmark = pytest.mark.usefixtures("implementation")

T = TypeVar("T")
BODY = whole(text_block(0, "a", "b", "c"), tool_block(1, '{"x":', "1}"), text_block(2, "d"))
OVERLOADED = wire("error", error={"type": "overloaded_error", "message": "Overloaded"})


class Source:
    """Chunks, synchronous or not, that know whether they were closed and what was asked."""

    def __init__(self, *chunks: bytes, error: BaseException | None = None) -> None:
        self._chunks = list(chunks)
        self._error = error
        self.closed = 0
        self.asked = 0

    def _next(self) -> bytes | None:
        self.asked += 1
        if self._chunks:
            return self._chunks.pop(0)
        if self._error is not None:
            raise self._error
        return None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self._next()
        if chunk is None:
            raise StopIteration
        return chunk

    def close(self) -> None:
        self.closed += 1


class AsyncSource(Source):
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)
        chunk = self._next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        self.closed += 1


def run(main: Callable[[], Awaitable[T]]) -> T:
    async def call() -> T:
        return await main()

    return asyncio.run(call())


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def test_iterating_gives_wire_events_without_pings_and_derived_events() -> None:
    citation = {"type": "char_location", "cited_text": "x"}
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    compaction = {"type": "compaction", "content": None}
    body = whole(
        wire("ping"),
        start(0, thinking),
        delta(0, "thinking_delta", thinking="t"),
        delta(0, "signature_delta", signature="s"),
        stop(0),
        start(1, TEXT),
        text(1, ""),
        delta(1, "citations_delta", citation=citation),
        delta(1, "odd_delta"),
        partial(1, " "),
        stop(1),
        tool_block(2, "", "{}"),
        start(3, compaction),
        delta(3, "compaction_delta", content="c"),
        stop(3),
        wire("vendor"),
    )
    seen = [(e.type, getattr(e, "index", None)) for e in MessageStream([body])]
    assert seen == [
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("thinking", 0),
        ("content_block_delta", 0),
        ("signature", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("text", 1),
        ("content_block_delta", 1),
        ("citation", 1),
        ("content_block_delta", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("input_json", 2),
        ("content_block_delta", 2),
        ("input_json", 2),
        ("content_block_stop", 2),
        ("content_block_start", 3),
        ("content_block_delta", 3),
        ("compaction", 3),
        ("content_block_stop", 3),
        ("vendor", None),
        ("message_delta", None),
        ("message_stop", None),
    ]


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_snapshots_are_exact_for_the_event_just_handed_out(size: int) -> None:
    seen: list[Any] = []
    with MessageStream(pieces(BODY, size)) as stream:
        for event in stream:
            if isinstance(event, TextEvent):
                block = stream.current_message_snapshot.content[-1]
                seen.append((event.text, event.snapshot))
                assert block["text"] == event.snapshot
            elif isinstance(event, InputJSONEvent):
                seen.append((event.partial_json, dict(event.snapshot)))
    assert seen == [
        ("a", "a"),
        ("b", "ab"),
        ("c", "abc"),
        ('{"x":', {}),
        ("1}", {"x": 1}),
        ("d", "d"),
    ]


@pytest.mark.parametrize("size", [1, 64, 10_000])
def test_live_message_follows_text_stream_exactly(size: int) -> None:
    with MessageStream(pieces(BODY, size)) as stream:
        texts = iter(stream.text_stream)
        so_far = ""
        for piece in texts:
            so_far += piece
            message = stream.current_message_snapshot
            assert "".join(b["text"] for b in message.content if b.type == "text") == so_far
            partial_message = stream.partial_message
            assert partial_message is not None
            assert partial_message.to_dict() == message.to_dict()
    assert so_far == "abcd"


def test_events_carry_the_finished_block_and_the_final_message() -> None:
    stream = MessageStream([BODY])
    events = list(stream)
    blocks = [e.content_block for e in events if isinstance(e, ContentBlockStopEvent)]
    last = events[-1]
    assert isinstance(last, MessageStopEvent)
    assert last.message is stream.get_final_message()
    assert blocks == last.message.content
    assert blocks[1]["input"] == {"x": 1}


@pytest.mark.parametrize("size", [5, 10_000])
@pytest.mark.parametrize("stop_after", range(28))
def test_leaving_one_loop_and_going_on_in_another_continues(size: int, stop_after: int) -> None:
    expected = list(MessageStream([BODY]))
    stream = MessageStream(pieces(BODY, size))
    seen: list[Any] = []
    for event in stream:
        seen.append(event)
        if len(seen) >= stop_after:
            break
    seen.append(next(stream, None))
    seen += [*stream]
    assert [e.type for e in seen if e] == [e.type for e in expected]
    assert stream.get_final_message() == MessageStream([BODY]).get_final_message()


@pytest.mark.parametrize("size", [5, 10_000])
@pytest.mark.parametrize("taken", range(5))
def test_going_from_texts_to_events_continues_at_the_next_delta(size: int, taken: int) -> None:
    stream = MessageStream(pieces(BODY, size))
    texts = iter(stream.text_stream)
    seen = [next(texts) for _ in range(taken)]
    assert seen == ["a", "b", "c", "d"][:taken]
    events = [e.text for e in stream if isinstance(e, TextEvent)]
    assert seen + events == ["a", "b", "c", "d"]
    assert list(texts) == []
    assert stream.get_final_text() == "abcd"


@pytest.mark.parametrize("size", [5, 10_000])
@pytest.mark.parametrize("taken", range(28))
def test_going_from_events_to_texts_loses_no_text(size: int, taken: int) -> None:
    stream = MessageStream(pieces(BODY, size))
    seen = [e.text for e in islice(stream, taken) if isinstance(e, TextEvent)]
    assert [*seen, *stream.text_stream] == ["a", "b", "c", "d"]
    assert stream.get_final_text() == "abcd"


def test_interleaved_readers_share_one_place() -> None:
    stream = MessageStream([BODY])
    first, second = iter(stream), iter(stream)
    texts = stream.text_stream
    seen: list[Any] = [next(first).type, next(second).type, next(first).type, next(texts)]
    seen += [next(second).type, next(second).type, next(first).type]
    assert seen == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "a",
        "content_block_delta",
        "text",
        "content_block_delta",
    ]
    assert list(texts) == ["c", "d"]


def test_abandoned_text_iterator_hands_out_nothing_stale() -> None:
    stream = MessageStream([BODY])
    old = iter(stream.text_stream)
    assert next(old) == "a"
    stream.until_done()
    assert list(old) == []


def test_text_stream_begun_anew_goes_on() -> None:
    stream = MessageStream([BODY])
    for piece in stream.text_stream:
        assert piece == "a"
        break
    assert list(stream.text_stream) == ["b", "c", "d"]


@pytest.mark.parametrize("deltas", [255, 256, 257, 258, 1000])
def test_long_runs_of_text_are_whole_at_every_reader(deltas: int) -> None:
    body = whole(text_block(0, *[f"{n} " for n in range(deltas)]))
    expected = [f"{n} " for n in range(deltas)]
    assert list(MessageStream([body]).text_stream) == expected
    assert [e.text for e in MessageStream([body]) if isinstance(e, TextEvent)] == expected
    stream = MessageStream([body])
    seen: list[str] = []
    while len(seen) < deltas:
        seen += islice(stream.text_stream, 1)
        seen += [e.text for e in islice(stream, 3) if isinstance(e, TextEvent)]
    assert seen == expected


def test_text_stream_gives_one_str_for_each_delta_and_text_of_starts() -> None:
    body = (
        message_start(content=[{"type": "text", "text": "m"}])
        + start(1, {"type": "text", "text": "s"})
        + text(1, "a")
        + text(1, "")
        + stop(1)
        + message_delta()
        + STOP
    )
    stream = MessageStream([body])
    assert list(stream.text_stream) == ["m", "s", "a", ""]
    assert stream.get_final_text() == "msa"


@pytest.mark.parametrize("size", [3, 10_000])
def test_text_stream_never_hands_out_half_a_pair(size: int) -> None:
    deltas = [text(0, piece) for piece in ("x\ud83d", "\ude00", "\ud83d", "")]
    body = whole(start(0, TEXT), *deltas, stop(0), text_block(1, "\u00e9"))
    stream = MessageStream(pieces(body, size))
    seen = list(stream.text_stream)
    assert "".join(seen) == "x\U0001f600\ud83d\u00e9" == stream.get_final_text()
    assert seen[1] == "\U0001f600"


def test_error_comes_after_all_before_it_and_again_at_each_later_read() -> None:
    body = message_start() + start(0, TEXT) + text(0, "a") + OVERLOADED + text(0, "never")
    source = Source(body)
    stream = MessageStream(source, request_id="req_1")
    types: list[str] = []
    with pytest.raises(OverloadedError) as caught:
        types.extend(e.type for e in stream)
    assert types == ["message_start", "content_block_start", "content_block_delta", "text"]
    assert caught.value.partial_message is not None
    assert caught.value.partial_message.content[0]["text"] == "a"
    assert caught.value.request_id == "req_1" == stream.request_id
    for read in (lambda: next(stream), lambda: list(stream.text_stream), stream.get_final_message):
        with pytest.raises(OverloadedError) as again:
            read()
        assert again.value is caught.value
    assert source.closed == 1


def test_malformed_event_in_the_same_chunk_comes_after_its_predecessors() -> None:
    stream = MessageStream([message_start() + start(0, TEXT) + text(0, "a") + frame("{")])
    texts = iter(stream.text_stream)
    assert next(texts) == "a"
    with pytest.raises(MalformedEvent):
        next(texts)


def test_source_that_fails_is_an_interruption_with_its_cause() -> None:
    cause = ConnectionResetError("gone")
    source = Source(message_start() + text_block(0, "a"), error=cause)
    stream = MessageStream(source)
    with pytest.raises(StreamInterrupted) as caught:
        stream.get_final_message()
    assert caught.value.__cause__ is cause
    assert caught.value.partial_message is not None
    assert caught.value.partial_message.content[0]["text"] == "a"
    assert source.closed == 1
    assert as_dict(stream.partial_message) == as_dict(caught.value.partial_message)


def test_source_that_fails_after_message_stop_is_never_asked() -> None:
    source = Source(BODY, error=ConnectionResetError())
    assert MessageStream(source).get_final_text() == "abcd"
    assert source.asked == 1
    assert source.closed == 1


def take_all(texts: Iterator[str], seen: list[str]) -> None:
    while True:
        seen.append(next(texts))


def test_interrupt_inside_the_source_ends_nothing() -> None:
    class Interrupted(Source):
        def _next(self) -> bytes | None:
            if self.asked == 1:
                self.asked += 1
                raise KeyboardInterrupt
            return super()._next()

    half = len(BODY) // 2
    stream = MessageStream(Interrupted(BODY[:half], BODY[half:]))
    texts = stream.text_stream
    seen: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        take_all(texts, seen)
    assert "".join(seen + list(texts)) == "abcd"


def test_truncated_stream_gives_its_text_first() -> None:
    stream = MessageStream([message_start() + start(0, TEXT) + text(0, "a")])
    texts = iter(stream.text_stream)
    assert next(texts) == "a"
    with pytest.raises(StreamTruncated):
        next(texts)


def test_close_ends_loops_and_final_message_says_so() -> None:
    source = Source(*pieces(BODY, 200))
    stream = MessageStream(source)
    for _ in stream.text_stream:
        stream.close()
    assert source.closed == 1
    assert list(stream) == []
    with pytest.raises(StreamClosed) as caught:
        stream.get_final_message()
    assert caught.value.partial_message is not None
    assert caught.value.partial_message.content[0]["text"] == "a"
    assert str(caught.value).endswith("; partial_message has what came")
    assert "partial_message" not in str(StreamClosed())


def test_close_after_the_end_keeps_the_message() -> None:
    source = Source(BODY)
    with MessageStream(source) as stream:
        stream.until_done()
    assert stream.get_final_text() == "abcd"
    assert source.closed == 1


def test_with_closes_the_source_after_break() -> None:
    source = Source(*pieces(BODY, 50))
    with MessageStream(source) as stream:
        for _ in stream:
            break
    assert source.closed == 1


def test_no_chunk_is_asked_for_before_what_is_at_hand_is_out() -> None:
    source = Source(message_start() + start(0, TEXT) + text(0, "a"), text(0, "b"), STOP)
    texts = iter(MessageStream(source).text_stream)
    assert next(texts) == "a"
    assert source.asked == 1
    assert next(texts) == "b"
    assert source.asked == 2


def test_snapshot_before_the_message_is_a_state_error_and_partial_is_none() -> None:
    stream = MessageStream([BODY])
    assert stream.partial_message is None
    with pytest.raises(StateError):
        _ = stream.current_message_snapshot


def test_partial_message_never_changes_again() -> None:
    stream = MessageStream([BODY])
    kept: list[tuple[Message, Any]] = []
    for _ in stream:
        message = stream.partial_message
        assert message is not None
        kept.append((message, message.to_dict()))
    for message, then in kept:
        assert message.to_dict() == then
    assert kept[0][1] == MESSAGE


def test_partial_message_of_a_tool_call_has_the_partial_input() -> None:
    parts = start(0, TOOL) + partial(0, '{"a": [1, "b"') + partial(0, ', "c')
    stream = MessageStream([message_start() + parts], partial_strings=True)
    with pytest.raises(StreamTruncated) as caught:
        stream.until_done()
    assert caught.value.partial_message is not None
    assert caught.value.partial_message.content[0]["input"] == {"a": [1, "b", "c"]}
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is StreamTruncated
    assert again.partial_message == caught.value.partial_message


def test_chunk_that_is_text_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        list(MessageStream(["data: x\n\n"]))  # type: ignore[list-item]


def test_size_limit_is_the_streams_to_set() -> None:
    with pytest.raises(MalformedEvent):
        list(MessageStream([BODY], max_event_size=50))


# --- the asynchronous twin


async def chunks_of(body: bytes, size: int = 50) -> AsyncIterator[bytes]:
    for piece in pieces(body, size):
        await asyncio.sleep(0)
        yield piece


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_async_events_and_texts_are_those_of_the_sync_stream(size: int) -> None:
    async def main() -> tuple[list[str], list[str], Message, str]:
        async with AsyncMessageStream(chunks_of(BODY, size)) as stream:
            types: list[str] = [event.type async for event in stream]
        async with AsyncMessageStream(chunks_of(BODY, size)) as stream:
            texts = [piece async for piece in stream.text_stream]
            return types, texts, await stream.get_final_message(), await stream.get_final_text()

    types, texts, message, final_text = run(main)
    assert types == [e.type for e in MessageStream([BODY])]
    assert texts == ["a", "b", "c", "d"]
    assert final_text == "abcd"
    assert message == MessageStream(bytewise(BODY)).get_final_message()


@pytest.mark.parametrize("size", [7, 10_000])
def test_async_readers_share_one_place(size: int) -> None:
    async def main() -> list[str]:
        stream = AsyncMessageStream(chunks_of(BODY, size))
        seen = []
        async for event in stream:
            if event.type == "text":
                seen.append(event.text)
                break
        async for piece in stream.text_stream:
            seen.append(piece)
            assert stream.current_message_snapshot.content[0]["text"] == "".join(seen)
            break
        return [*seen, *[e.text async for e in stream if isinstance(e, TextEvent)]]

    assert run(main) == ["a", "b", "c", "d"]


def test_async_errors_close_the_source_and_come_again() -> None:
    async def main() -> int:
        source = AsyncSource(message_start() + text_block(0, "a"), error=ConnectionResetError())
        stream = AsyncMessageStream(source)
        for _ in range(2):
            with pytest.raises(StreamInterrupted) as caught:
                await stream.get_final_message()
            assert isinstance(caught.value.__cause__, ConnectionResetError)
        broken = AsyncMessageStream(AsyncSource(message_start() + OVERLOADED))
        with pytest.raises(OverloadedError):
            await broken.until_done()
        return source.closed

    assert run(main) == 1


def test_async_close_ends_loops_and_final_message_says_so() -> None:
    async def main() -> None:
        source = AsyncSource(*pieces(BODY, 300))
        async with AsyncMessageStream(source) as stream:
            async for _ in stream.text_stream:
                break
        assert source.closed == 1
        assert [event async for event in stream] == []
        with pytest.raises(StreamClosed):
            await stream.get_final_message()

    run(main)


def test_cancelled_wait_ends_nothing() -> None:
    async def main() -> str:
        gate = asyncio.Event()

        class Gated(AsyncSource):
            async def __anext__(self) -> bytes:
                if self.asked:
                    await gate.wait()
                return await super().__anext__()

        half = len(BODY) // 2
        stream = AsyncMessageStream(Gated(BODY[:half], BODY[half:]))
        seen = []

        async def read() -> None:
            async for piece in stream.text_stream:
                seen.append(piece)  # noqa: PERF401 - what came before the timeout must stay

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(read(), 0.05)
        gate.set()
        await read()
        assert "".join(seen) == "abcd"
        return await stream.get_final_text()

    assert run(main) == "abcd"
