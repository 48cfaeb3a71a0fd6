"""What the asyncio Claude client alone is asked: tasks and turns of its loop.

What both clients do is in test_both.
"""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from typing import Any

import pytest

from ssewire.claude import (
    StreamClosed,
    aio,
    client,
)
from tests.claude import wire
from tests.claude.both import claude
from tests.claude.scenarios import (
    ASKED,
    BUSY,
    GOOD,
    SSE,
    TEXT,
)
from tests.claude.test_both import text_of
from tests.clients.both import Asyncio
from tests.kit.scripted import LAST_CHUNK, chunk
from tests.kit.scripted import ClosingServer as Server

pytestmark = [pytest.mark.once, pytest.mark.sockets]

HEL = {**wire.TEXT, "text": "Hel"}
run = Asyncio().run
make_client = partial(claude, Asyncio())

BEGUN = wire.message_start() + wire.start(0, wire.TEXT)


def test_both_clients_have_the_same_names_and_parameters() -> None:
    def parameters(function: Any) -> list[tuple[str, Any]]:
        return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]

    assert [f"Async{name}" for name in client.__all__] == aio.__all__
    for blocking, asynchronous in (
        (client.Claude.__init__, aio.AsyncClaude.__init__),
        (client.Messages.stream, aio.AsyncMessages.stream),
        (client.Messages.create, aio.AsyncMessages.create),
    ):
        assert parameters(blocking) == parameters(asynchronous)


# --- connections


def test_the_last_chunk_may_come_after_the_stream_was_left() -> None:
    late = [SSE, chunk(wire.whole(wire.text_block(0, TEXT))), 0.05, LAST_CHUNK]

    async def main(server: Server) -> None:
        async with make_client(server) as client:
            await client.messages.create(**ASKED)
            while not any(corner.shelf for corner in client._pool._corners.values()):
                await asyncio.sleep(0.005)
            await client.messages.create(**ASKED)

    with Server([[*late, "request", *GOOD]]) as server:
        run(main(server))
        assert server.connections == 1
        assert server.wait_closed()


def test_a_thousand_messages_at_once_each_get_their_own_answer() -> None:
    def answer(request: Any) -> list[Any]:
        said = wire.text_block(0, f"to {request.headers['x-number']}")
        return [SSE, chunk(wire.whole(said)), LAST_CHUNK]

    async def main(server: Server) -> list[str]:
        async with make_client(server) as client:
            answers = await asyncio.gather(
                *(
                    client.messages.create(**ASKED, extra_headers={"x-number": str(number)})
                    for number in range(100)
                )
            )
            return [text_of(answer) for answer in answers]

    with Server([answer]) as server:
        assert run(main(server)) == [f"to {number}" for number in range(100)]
        assert server.wait_closed()


# --- ends from outside


def test_cancelling_a_reader_takes_nothing_and_closing_after_it_keeps_the_partial_message() -> None:
    script = [SSE, chunk(BEGUN + wire.text(0, "Hel")), "hold"]

    async def main(server: Server) -> None:
        async with make_client(server) as client, client.messages.stream(**ASKED) as stream:
            got = asyncio.Event()

            async def reader() -> None:
                async for _ in stream.text_stream:
                    got.set()

            task = asyncio.create_task(reader())
            await got.wait()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert stream.partial_message is not None
            assert stream.partial_message.to_dict()["content"] == [HEL]
            await stream.close()
            await stream.until_done()
            with pytest.raises(StreamClosed) as caught:
                await stream.get_final_message()
            assert (caught.value.partial_message, caught.value.status) == (
                stream.partial_message,
                200,
            )

    with Server([script]) as server:
        run(main(server))
        assert server.wait_closed()


@pytest.mark.parametrize("turns", range(14))
def test_cancelling_at_any_turn_of_the_loop_leaves_nothing_behind(turns: int) -> None:
    async def main(server: Server) -> None:
        async with make_client(server) as client:
            task = asyncio.create_task(client.messages.create(**ASKED))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with Server([[0.05, *GOOD]]) as server:
        run(main(server))
        assert server.wait_closed()


def test_close_within_a_pause_before_a_retry_ends_it_at_once() -> None:
    async def main(server: Server) -> None:
        async with make_client(server) as client, client.messages.stream(**ASKED) as stream:

            async def closer() -> None:
                await asyncio.sleep(0.05)
                await stream.close()

            task = asyncio.create_task(closer())
            await stream.until_done()
            await task
            assert stream.partial_message is None

    # The stream is entered, and breaks before its message began.
    with Server([[SSE, chunk(b": nothing yet\n\n"), "reset"], GOOD]) as server:
        run(main(server))
        assert len(server.requests) == 1
        assert server.wait_closed()


# --- wrong use


def test_a_coroutine_that_is_never_awaited_sends_nothing() -> None:
    async def main(server: Server) -> None:
        async with make_client(server) as client:
            client.messages.stream(**ASKED)

    with Server([BUSY]) as server:
        run(main(server))
        assert server.connections == 0
