# SPDX-License-Identifier: MIT
"""An exception of the caller's world at every line and every await of reading a message.

After it a stream goes on whole or fails with a typed error: it never claims to be
complete where something is missing, and never runs on without an end. How exceptions
are made and what is checked is in `interrupting`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from ssewire.claude import (
    AsyncMessageStream,
    MessageStream,
    StreamInterrupted,
    StreamTruncated,
    accumulator,
)
from tests.claude import wire
from tests.claude.interrupting import (
    CHUNKS,
    PIECES,
    TEXT,
    VALUE,
    WAYS,
    Interrupted,
    Interrupts,
    Stop,
    drive,
    every,
    in_thread,
)

pytestmark = [
    pytest.mark.traced,
    # A destructor is a place like any other, from which nothing comes out.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# Of the lines of each way one in so many, and how often each outcome then comes at least. PyPy
# takes some fifty milliseconds for a message under a trace, and runs the same code: a sample does.
SINGLES, PAIRS, LEAST_SINGLES, LEAST_PAIRS = 11, 151, 50, 10
if sys.implementation.name == "pypy":
    SINGLES, PAIRS, LEAST_SINGLES, LEAST_PAIRS = 101, 601, 2, 2
GAPS = (1, 2, 3, 5, 9, 14, 30)


@pytest.mark.parametrize("twin", ["blocking", "asyncio"])
@pytest.mark.parametrize("way", WAYS)
def test_reading_interrupted_at_any_line_goes_on_whole_or_fails(
    way: str, twin: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")
    counts = in_thread(every, way, twin, SINGLES, ())
    assert counts["whole"] > LEAST_SINGLES
    assert counts["failed"] > LEAST_SINGLES


@pytest.mark.parametrize("twin", ["blocking", "asyncio"])
@pytest.mark.parametrize("way", WAYS)
def test_reading_interrupted_twice_goes_on_whole_or_fails(
    way: str, twin: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")
    counts = in_thread(every, way, twin, PAIRS, GAPS)
    assert counts["whole"] > LEAST_PAIRS
    assert counts["failed"] > LEAST_PAIRS


@pytest.mark.parametrize("way", ["texts", "events", "json"])
def test_a_loop_that_an_error_ended_tells_it_again_when_it_is_gone_on_with(way: str) -> None:
    def chunks() -> Any:
        yield from CHUNKS[:2]
        raise ConnectionResetError

    stream = MessageStream(chunks())
    sources: dict[str, Any] = {"texts": stream.text_stream, "json": stream.json_stream}
    loop = iter(sources.get(way, stream))
    for _ in range(2):
        # On PyPy it went round and round.
        with pytest.raises(StreamInterrupted):
            list(loop)


@pytest.mark.parametrize("kind", [Interrupted, MemoryError, KeyboardInterrupt, Stop, TypeError])
@pytest.mark.parametrize("place", range(len(CHUNKS)))
def test_a_feed_that_raises_fails_the_stream_and_what_came_before_it_stays(
    place: int, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = []
    parser = vars(accumulator)["Parser"]

    class Failing:
        pending = 0

        def __init__(self, **options: Any) -> None:
            self._parser = parser(**options)

        def feed(self, data: Any) -> Any:
            feeds.append(data)
            if len(feeds) == place + 1:
                raise kind
            return self._parser.feed(data)

    monkeypatch.setattr(accumulator, "Parser", Failing)
    stream = MessageStream(iter(CHUNKS))
    texts = iter(stream.text_stream)
    seen: list[str] = []
    with pytest.raises(kind):
        seen += texts
    said = stream.partial_message
    with pytest.raises(StreamInterrupted) as caught:
        seen += texts
    assert caught.value.partial_message == said == stream.partial_message
    assert TEXT.startswith("".join(seen))
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("way", ["text_stream", "json_stream", "events"])
def test_an_iterator_that_is_kept_goes_on_after_an_exception_in_the_source(way: str) -> None:
    class Source:
        def __init__(self) -> None:
            self.chunks = iter(CHUNKS)
            self.asked = 0

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> bytes:
            self.asked += 1
            if self.asked % 2:
                raise KeyboardInterrupt
            return next(self.chunks)

    stream = MessageStream(Source())
    loop: Any = iter(stream if way == "events" else getattr(stream, way))
    seen: list[Any] = []
    interrupted = 0
    while True:
        try:
            for item in loop:
                seen += (item,)
        except KeyboardInterrupt:
            interrupted += 1
        else:
            break
    assert interrupted >= len(CHUNKS)
    if way == "text_stream":
        assert seen == PIECES
    elif way == "json_stream":
        assert seen[-1] == VALUE
    assert stream.get_final_json() == VALUE


@pytest.mark.parametrize("way", ["text_stream", "json_stream", "events"])
def test_a_wait_cancelled_at_every_await_takes_nothing(way: str) -> None:
    async def main() -> None:
        turn = asyncio.Event()

        class Source:
            def __init__(self) -> None:
                self.chunks = iter(CHUNKS)

            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> bytes:
                await turn.wait()
                turn.clear()
                for piece in self.chunks:
                    return piece
                raise StopAsyncIteration

        stream = AsyncMessageStream(Source())
        items: Any = stream if way == "events" else getattr(stream, way)
        seen: list[Any] = []
        cancelled = 0

        async def read() -> None:
            async for item in items:
                seen.append(item)  # noqa: PERF401 - what came before stays

        while True:
            task = asyncio.ensure_future(read())
            for _ in range(4):
                await asyncio.sleep(0)
            if task.done():
                break
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            cancelled += 1
            turn.set()
        assert cancelled == len(CHUNKS)
        if way == "text_stream":
            assert seen == PIECES
        elif way == "events":
            types = [event.type for event in MessageStream(iter(CHUNKS))]
            assert [event.type for event in seen] == types
        assert await stream.get_final_json() == VALUE

    asyncio.run(main())


def test_a_generator_that_a_cancelled_wait_ended_is_a_truncated_stream() -> None:
    async def main() -> None:
        async def chunks() -> Any:
            yield CHUNKS[0] + CHUNKS[1]
            await asyncio.sleep(60)
            yield b"never"

        stream = AsyncMessageStream(chunks())
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(stream.until_done(), 0.02)
        with pytest.raises(StreamTruncated) as caught:
            await stream.until_done()
        partial = caught.value.partial_message
        assert partial is not None
        assert partial.content[0]["text"] == "".join(PIECES[:4])

    asyncio.run(main())


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), TimeoutError("no"), Interrupted()])
@pytest.mark.parametrize("twin", ["blocking", "asyncio"])
def test_a_failing_transport_ends_a_message_that_lacks_its_message_stop_only(
    twin: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    sent = wire.message_start() + wire.text_block(0, "a") + wire.message_delta()
    stream: Any
    if twin == "blocking":

        def chunks() -> Any:
            yield sent
            raise error

        stream = MessageStream(chunks())
        message = stream.get_final_message()
    else:

        async def achunks() -> Any:
            yield sent
            raise error

        stream = AsyncMessageStream(achunks())
        message = drive(stream.get_final_message())
    assert (message.content[0].text, message.stop_reason) == ("a", "end_turn")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "message_stop" in caplog.text


@pytest.mark.parametrize(
    "sent",
    [
        wire.message_start() + wire.text_block(0, "a"),
        wire.message_start() + wire.start(0, wire.TEXT) + wire.text(0, "a") + wire.message_delta(),
        # One of two blocks is open.
        wire.message_start()
        + wire.start(0, wire.TEXT)
        + wire.text(0, "a")
        + wire.tool_block(1, "{}")
        + wire.message_delta("tool_use"),
        wire.message_start() + wire.text_block(0, "a") + wire.message_delta(None),
    ],
)
def test_a_failing_transport_before_that_interrupts_and_the_message_goes_on(sent: bytes) -> None:
    def chunks() -> Any:
        yield sent
        raise ConnectionResetError

    stream = MessageStream(chunks())
    with pytest.raises(StreamInterrupted):
        stream.until_done()
    # As the guide's own loop does, whatever the message had said.
    turns = stream.continuation()
    assert [turn["role"] for turn in turns] == ["assistant", "user"]
    assert turns[0]["content"] == [{"type": "text", "text": "a"}]


def _texts_left_at(line: int, first: str, then: str) -> list[str] | None:
    """Return the texts that two readers get, the first interrupted at a line; None past its end."""
    letters = (wire.text(0, letter) for letter in "abcd")
    ends = (wire.stop(0) + wire.message_delta(), wire.wire("message_stop"))
    chunks = [wire.message_start() + wire.start(0, wire.TEXT), *letters, *ends]
    stream = MessageStream(iter(chunks))
    seen: list[str] = []

    def read(way: str) -> None:
        items: Iterable[Any] = stream.text_stream if way == "texts" else stream
        for item in items:
            if isinstance(item, str):
                seen.append(item)
            elif item.type == "text":
                seen.append(item.text)

    with Interrupts(Interrupted, line) as interrupts:
        try:
            read(first)
        except (Interrupted, StreamInterrupted):
            pass
    if interrupts.left:
        return None
    try:
        read(then)
    except StreamInterrupted:
        return []  # It says that something may be missing.
    return seen


@pytest.mark.parametrize("first", ["texts", "events"])
def test_what_an_exception_keeps_from_one_reader_goes_to_the_next_of_another_kind(
    first: str,
) -> None:
    then = "events" if first == "texts" else "texts"

    def check() -> int:
        whole = 0
        for line in range(1, 1000):
            seen = _texts_left_at(line, first, then)
            if seen is None:
                break
            assert seen in ([], list("abcd")), (line, seen)
            whole += bool(seen)
        return whole

    assert in_thread(check) > 50
