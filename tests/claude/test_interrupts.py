# SPDX-License-Identifier: MIT
"""What the exceptions of signal handlers, other tasks and other threads do to Claude's streams."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from ssewire.claude import (
    AsyncClaude,
    Claude,
    ClaudeError,
    MessageStream,
    RawMessageStream,
    StreamInterrupted,
)
from ssewire.client import Timeouts
from ssewire.errors import StateError, StreamTimeout
from tests.claude import wire
from tests.claude.scenarios import ASKED, SSE
from tests.clients.test_client_interrupts import (
    InterruptAt,
    Interrupted,
    every,
    in_its_own_thread,
    within,
)
from tests.kit.scripted import CHUNKED, chunk, head
from tests.kit.scripted import ClosingServer as Server

pytestmark = pytest.mark.sockets

PIECES = [letter * 3 for letter in "abcdefgh"]
TEXT = "".join(PIECES)
CHUNKS = [
    wire.message_start() + wire.text_block(0)[: -len(wire.stop(0))],
    # Several in a chunk, and alone.
    b"".join(wire.text(0, piece) for piece in PIECES[:4]),
    *(wire.text(0, piece) for piece in PIECES[4:]),
    wire.stop(0) + wire.message_delta(),
    wire.wire("message_stop"),
]


def read(way: str, stream: Any, seen: list[Any]) -> None:
    """Read to the end in one of the ways; note what comes."""
    if way == "final":
        seen[:] = [stream.get_final_message().content[0]]
        return
    for item in stream.text_stream if way == "texts" else stream:
        seen += [item]


def texts_of(way: str, seen: list[Any]) -> str:
    if way == "raw":
        seen = [event.delta for event in seen if event.type == "content_block_delta"]
    elif way == "events":
        seen = [event for event in seen if event.type == "text"]
    return "".join(item if way == "texts" else item.text for item in seen)


@in_its_own_thread
@pytest.mark.parametrize("way", ["texts", "final", "events", "raw"])
def test_reading_interrupted_before_any_line_goes_on_whole_or_fails_but_never_lies(
    way: str,
) -> None:
    outcomes = set()
    for number in every(3):
        seen: list[Any] = []
        cls: Any = RawMessageStream if way == "raw" else MessageStream
        stream = cls(iter(CHUNKS))
        with InterruptAt(number) as interrupt, suppress(Interrupted, StreamInterrupted):
            read(way, stream, seen)
        if interrupt.left:
            break
        try:
            read(way, stream, seen)
            message = stream.partial_message
        except StreamInterrupted as error:
            outcomes.add("failed")
            partial: Any = error.partial_message
            assert partial is None or TEXT.startswith("".join(b.text for b in partial.content))
        else:
            outcomes.add("whole")
            assert (message.content[0].text, message.stop_reason) == (TEXT, "end_turn"), number
            assert texts_of(way, seen) == TEXT, number
        stream.close()
    assert interrupt.left, "the range does not reach the end"
    assert outcomes == {"whole", "failed"}


def answers(asked: Any) -> Iterator[Any]:
    """Ask for patience on each other connection, and answer on the others."""
    if asked.connection % 2 == 0:
        yield head(529, "Content-Length: 0", "retry-after-ms: 1")
        return
    while True:
        yield head(200, CHUNKED) + b"".join(chunk(piece) for piece in CHUNKS) + b"0\r\n\r\n"
        yield "request"


# A socket that an exception met as it changed hands is closed when it is collected.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
# A destructor is a place like any other, from which nothing comes out.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("what", ["stream", "client", "raise"])
def test_a_handler_may_close_or_raise_before_any_line_and_no_thread_hangs_after_it(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")

    def main(url: str) -> bool:
        for number in every(37):
            opened: list[Any] = []
            client = Claude(base_url=url, api_key="k", proxy=None)

            def close() -> None:
                for one in opened if what == "stream" else [client]:  # noqa: B023
                    one.close()

            act = None if what == "raise" else close
            seen: list[str] = []
            expected = suppress(Interrupted, ClaudeError, StateError)
            with (
                InterruptAt(number, act) as interrupt,
                expected,
                client.messages.stream(**ASKED) as stream,
            ):
                opened.append(stream)
                seen.extend(stream.text_stream)
            assert seen == PIECES[: len(seen)]

            def end() -> bool:
                close()
                client.close()  # noqa: B023
                return True

            assert within(5.0, end)
            if interrupt.left:
                assert seen == PIECES
                return True
        return False

    with Server([answers]) as server:
        assert within(60.0, lambda: main(server.url)), "the range does not reach the end"
        assert server.wait_closed()


def flowing(piece: str = "x", count: int = 300) -> list[Any]:
    """Return the script of a server that sends many texts in one packet, and no end."""
    start = wire.message_start() + wire.text_block(0)[: -len(wire.stop(0))]
    return [SSE + chunk(start + wire.text(0, piece) * count), "hold"]


def test_a_loop_over_texts_ends_soon_after_another_thread_closed_the_stream() -> None:
    with (
        Server([flowing()]) as server,
        Claude(base_url=server.url, api_key="k", proxy=None) as client,
        client.messages.stream(**ASKED) as stream,
    ):
        seen = 0
        for _ in stream.text_stream:
            seen += 1
            if seen == 20:
                closing = threading.Thread(target=stream.close)
                closing.start()
                closing.join()
        # Those that had been decoded ahead still come.
        assert seen <= 20 + 16


def test_a_second_task_that_reads_is_refused_and_the_first_goes_on() -> None:
    go = threading.Event()

    def script(request: Any) -> Any:
        yield SSE + chunk(CHUNKS[0])
        go.wait(5)
        yield chunk(b"".join(CHUNKS[1:])) + b"0\r\n\r\n"

    async def main(url: str) -> None:
        async with (
            AsyncClaude(base_url=url, api_key="k", proxy=None) as client,
            client.messages.stream(**ASKED) as stream,
        ):
            first = asyncio.ensure_future(stream.get_final_message())
            while not stream.partial_message:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            with pytest.raises(StateError, match="another task"):
                await stream.get_final_message()
            go.set()
            assert (await first).content[0].to_dict()["text"] == TEXT

    with Server([script]) as server:
        asyncio.run(main(server.url))


def test_a_wait_that_is_cancelled_takes_nothing_and_the_next_goes_on() -> None:
    go = threading.Event()

    def script(request: Any) -> Any:
        yield SSE
        for piece in CHUNKS:
            go.wait(5)
            go.clear()
            yield chunk(piece)
        go.wait(5)
        yield b"0\r\n\r\n"

    async def main(url: str) -> None:
        async with (
            AsyncClaude(base_url=url, api_key="k", proxy=None) as client,
            client.messages.stream(**ASKED) as stream,
        ):
            seen = []
            cancelled = 0
            texts = stream.text_stream
            while True:
                try:
                    seen.append(await asyncio.wait_for(texts.__anext__(), 0.02))
                except asyncio.TimeoutError:
                    cancelled += 1
                    go.set()
                except StopAsyncIteration:
                    break
            assert (seen, cancelled >= len(CHUNKS)) == (PIECES, True)
            assert await stream.get_final_text() == TEXT

    with Server([script]) as server:
        asyncio.run(main(server.url))
        assert server.connections == 1


def test_a_wait_for_another_attempt_that_is_cancelled_goes_on() -> None:
    async def main(url: str) -> None:
        async with AsyncClaude(base_url=url, api_key="k", proxy=None) as client:
            client._random = float  # type: ignore[method-assign] # 0.0: no chance
            async with client.messages.stream(**ASKED) as stream:
                cancelled = 0
                while True:
                    try:
                        event = await asyncio.wait_for(stream.__anext__(), 0.05)
                    except asyncio.TimeoutError:
                        cancelled += 1
                    else:
                        break
                assert (event.type, cancelled > 3) == ("message_start", True)
                assert await stream.get_final_text() == TEXT

    # The first has no message in it and is asked again after half a second.
    with Server([[SSE, chunk(wire.wire("ping")), b"0\r\n\r\n"],
                 [SSE, *[chunk(piece) for piece in CHUNKS], b"0\r\n\r\n"]]) as server:  # fmt: skip
        asyncio.run(main(server.url))
        assert server.connections == 2


def test_a_stream_closed_while_another_attempt_is_made_ends() -> None:
    async def main(url: str) -> None:
        async with (
            AsyncClaude(base_url=url, api_key="k", proxy=None) as client,
            client.messages.stream(**ASKED) as stream,
        ):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.__anext__(), 0.1)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.__anext__(), 0.1)
            await stream.close()
            with pytest.raises(ClaudeError, match="closed"):
                await stream.get_final_message()

    with Server([[SSE, b"0\r\n\r\n"], [SSE, "hold"]]) as server:
        asyncio.run(main(server.url))


def test_idle_time_runs_on_where_waits_are_cancelled() -> None:
    async def main(url: str) -> None:
        async with (
            AsyncClaude(
                base_url=url, api_key="k", proxy=None, timeouts=Timeouts(idle=0.3)
            ) as client,
            client.with_options(max_retries=0).messages.stream(**ASKED) as stream,
        ):

            async def poll() -> None:
                for _ in range(20):
                    with suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(stream.__anext__(), 0.05)

            with pytest.raises(StreamInterrupted) as caught:
                await poll()
            assert isinstance(caught.value.__cause__, StreamTimeout)

    with Server([[SSE, "hold"]]) as server:
        asyncio.run(main(server.url))
