# SPDX-License-Identifier: MIT
"""What the asyncio Claude client alone is asked: tasks and turns of its loop.

What both clients do is in test_both.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
import warnings
from functools import partial
from typing import Any

import pytest

from ssewire.aio._connection import Connection
from ssewire.aio._tasks import awaited
from ssewire.claude import (
    StreamClosed,
    aio,
    client,
)
from tests.claude import wire
from tests.claude.both import claude, without_pauses
from tests.claude.scenarios import (
    ASKED,
    BUSY,
    GOOD,
    SSE,
    TEXT,
)
from tests.claude.scenarios import kept as kept_open
from tests.claude.test_both import text_of
from tests.clients.both import LOOPS, Asyncio, sockets_to
from tests.kit.limits import LIMIT, PAUSE, WAYS, by_wait_for, patiently
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


# --- waits that are cancelled, and what is dropped


@pytest.fixture(params=LOOPS, ids=lambda loop: loop.name)
def loop(request: pytest.FixtureRequest) -> Any:
    """A loop of either kind."""
    return request.param


ENDING = wire.stop(0) + wire.message_delta() + wire.wire("message_stop")
SLOWLY = [
    piece
    for part in (BEGUN, *(wire.text(0, f"{n} ") for n in range(3)), ENDING)
    for piece in (chunk(part[:20]), PAUSE, chunk(part[20:]))
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("breaks", [False, True])
def test_a_cancelled_step_takes_nothing_of_a_message(loop: Any, way: Any, breaks: bool) -> None:
    async def main(server: Server) -> None:
        async with make_client(server) as client, client.messages.stream(**ASKED) as stream:
            without_pauses(client)
            texts = stream.text_stream
            assert await patiently(way, texts.__anext__, 3) == ["0 ", "1 ", "2 "]
            (message,) = await patiently(way, stream.get_final_message)
            assert text_of(message) == "0 1 2 "

    # Broken off before the message begins: another attempt is made, which takes its time too.
    again: list[list[Any]] = [
        [SSE, PAUSE, chunk(b": hello\n\n"), "reset"],
        [PAUSE, SSE, *SLOWLY, LAST_CHUNK],
    ]
    with Server(again if breaks else again[1:]) as server:
        loop.run(main(server))
        assert len(server.requests) == 1 + breaks
        assert server.wait_closed()


@pytest.mark.parametrize("way", WAYS)
def test_cancelling_the_opening_of_a_message_closes_it(loop: Any, way: Any) -> None:
    async def main(server: Server) -> None:
        async with make_client(server) as client:
            while not server.requests:
                assert await way(lambda: client.messages.create(**ASKED), PAUSE) == []

            async def entered() -> None:
                async with client.messages.stream(**ASKED):
                    raise AssertionError

            while len(server.requests) < 2:
                assert await way(entered, PAUSE) == []
            await asyncio.sleep(0.01)
            assert server.wait_closed()

    with Server([["hold"]]) as server:
        loop.run(main(server))


def again_and_held(server: Server) -> Any:
    """Return a client, and a stream of it that makes another attempt that gets no answer."""

    async def opened() -> Any:
        client = make_client(server)
        without_pauses(client)
        stream = await client.messages.create(**ASKED, stream=True)
        while len(server.requests) < 2:
            assert await by_wait_for(stream.__anext__, LIMIT) == []
        return client, stream

    return opened()


BROKEN: list[Any] = [[SSE, chunk(b": nothing yet\n\n"), "reset"], ["hold"]]


def test_awaiting_the_closing_of_a_stream_that_asks_again_waits_for_its_socket(loop: Any) -> None:
    async def main(server: Server) -> None:
        client, stream = await again_and_held(server)
        await stream.close()
        left = sockets_to(server.port)
        assert left == []
        await client.close()

    with Server(BROKEN) as server:
        loop.run(main(server))


def test_a_stream_that_is_dropped_as_it_asks_again_ends_that_with_a_warning(loop: Any) -> None:
    async def main(server: Server) -> None:
        kept = [*await again_and_held(server)]

        def drop() -> None:
            kept.pop()
            gc.collect()  # Where nothing counts references, this alone drops it.

        with pytest.warns(ResourceWarning, match="unclosed <.*AsyncRawMessageStream"):
            drop()
        await asyncio.sleep(0.01)
        assert server.wait_closed()
        await kept[0].close()

    with Server(BROKEN) as server:
        loop.run(main(server))


@pytest.mark.parametrize("streams", [False, True])
def test_a_client_that_is_dropped_closes_its_connections_with_a_warning(
    loop: Any, streams: bool
) -> None:
    async def main(server: Server) -> None:
        kept = [make_client(server)]
        await kept[0].messages.create(**ASKED)
        if streams:
            # A copy shares the connections, and what it streams goes on without it.
            kept.append(await kept[0].copy().messages.create(**ASKED, stream=True))

        def drop() -> None:
            del kept[0]
            gc.collect()

        if streams:
            drop()
            async for _ in kept[0]:
                pass
        with pytest.warns(ResourceWarning, match="unclosed <AsyncClaude"):
            drop()
        await asyncio.sleep(0.01)
        assert server.wait_closed()

    with Server([kept_open(GOOD, GOOD, GOOD)]) as server:
        loop.run(main(server))


def test_a_client_that_is_dropped_closes_its_connections_where_the_warning_is_an_error() -> None:
    raised: list[object] = []

    async def main(server: Server) -> None:
        client = make_client(server)
        await client.messages.create(**ASKED)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            del client
            gc.collect()
        await asyncio.sleep(0.01)
        assert server.wait_closed()

    hook, sys.unraisablehook = sys.unraisablehook, lambda args: raised.append(args.exc_type)
    try:
        with Server([kept_open(GOOD, GOOD)]) as server:
            asyncio.run(main(server))
    finally:
        sys.unraisablehook = hook
    assert raised == [ResourceWarning]


def test_a_client_that_has_nothing_open_is_dropped_without_a_word() -> None:
    async def main(server: Server) -> None:
        make_client(server)
        async with make_client(server) as client:
            await client.messages.create(**ASKED)
            stream = await client.messages.create(**ASKED, stream=True)
        # What is through after its client was closed is kept for nobody.
        async for _ in stream:
            pass
        del client, stream
        gc.collect()
        await asyncio.sleep(0.01)
        assert server.wait_closed()

    with Server([[*GOOD, "request", *GOOD, "hold"]]) as server:
        run(main(server))


# --- loops of several threads


def test_one_client_may_serve_the_loops_of_several_threads_at_once() -> None:
    errors: list[BaseException] = []

    def thread(client: Any) -> None:
        async def ask() -> None:
            for _ in range(5):
                assert text_of(await client.messages.create(**ASKED)) == TEXT

        async def main() -> None:
            await asyncio.gather(*(ask() for _ in range(3)))

        try:
            for _ in range(3):
                run(main())
        except BaseException as exc:
            errors.append(exc)

    interval = sys.getswitchinterval()
    # Threads change places within the fewest steps, where one may find another's half done.
    sys.setswitchinterval(1e-6)
    try:
        with warnings.catch_warnings(), Server([[*GOOD, "request"] * 20 + GOOD]) as server:
            # asyncio's, of idle connections whose loops were closed.
            warnings.simplefilter("ignore", ResourceWarning)
            client = make_client(server)
            threads = [threading.Thread(target=thread, args=(client,)) for _ in range(4)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            run(client.close())
            del client
            gc.collect()
    finally:
        sys.setswitchinterval(interval)
    assert errors == []


def test_who_waits_for_a_connection_wakes_also_where_it_cannot_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Full(Exception):
        """What could go wrong with keeping it."""

    def give(*args: Any) -> None:
        raise Full

    async def main(server: Server) -> None:
        async with make_client(server) as client:
            stream = await client.messages.create(**ASKED, stream=True)
            connection = stream._chunks._connection
            waiter = connection.wait()
            with monkeypatch.context() as patched:
                patched.setattr(Connection, "_let_go", give)
                with pytest.raises(Full):
                    connection._end(None)
            await asyncio.wait_for(awaited(waiter), 5)
            connection._wire.abort()

    with Server([[SSE, chunk(BEGUN), "hold"]]) as server:
        run(main(server))
