"""The asyncio Claude client against a scripted server: the scenarios of its twin, and its own."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from ssewire.claude import (
    AsyncMessageStream,
    Message,
    StreamClosed,
    StreamInterrupted,
    aio,
    client,
)
from ssewire.claude.aio import AsyncClaude
from ssewire.client import Timeouts
from ssewire.errors import StateError, StreamTimeout
from tests.claude import wire
from tests.claude.scenarios import (
    ASKED,
    BUSY,
    GOOD,
    SCENARIOS,
    SSE,
    TEXT,
    WAYS,
    Outcome,
    Scenario,
)
from tests.kit.scripted import LAST_CHUNK, Server, chunk

pytestmark = [pytest.mark.once, pytest.mark.sockets]

T = TypeVar("T")

HEL = {**wire.TEXT, "text": "Hel"}
BEGUN = wire.message_start() + wire.start(0, wire.TEXT)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own; it must leave no task behind."""

    async def main() -> T:
        try:
            return await asyncio.wait_for(coroutine, 10)
        finally:
            # What was cancelled or closed in the background is done in a few turns.
            for _ in range(5):
                await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, left

    return asyncio.run(main())


def make_client(server: Server, **options: Any) -> AsyncClaude:
    options = {"base_url": server.url, "api_key": "sk-test", "proxy": None, **options}
    return AsyncClaude(**options)


async def play(scenario: Scenario, way: str, server: Server) -> Outcome:
    """Play a scenario and say what its caller sees."""
    outcome = Outcome()
    options = dict(scenario.options)
    if scenario.timeouts is not None:
        options["timeouts"] = Timeouts(**scenario.timeouts)
    asked = {**ASKED, **scenario.params}
    async with make_client(server, **options) as client:
        client._sleep = outcome.slept.append
        client._random = lambda: 0.0
        try:
            if way == "whole":
                outcome.message = (await client.messages.create(**asked)).to_dict()
            elif way == "raw":
                async with await client.messages.create(stream=True, **asked) as events:
                    outcome.opened = True
                    try:
                        async for event in events:
                            outcome.types.append(event.type)
                            if event.type == "content_block_delta":
                                outcome.text += getattr(event.delta, "text", "")
                            elif event.type == "message_start":
                                outcome.text += texts_of(event)
                    finally:
                        outcome.left = dumped(events)
            else:
                async with client.messages.stream(**asked) as stream:
                    outcome.opened = True
                    try:
                        await read(stream, way, outcome)
                        outcome.message = (await stream.get_final_message()).to_dict()
                    finally:
                        outcome.request_id = stream.request_id
                        outcome.left = dumped(stream)
        except Exception as exc:
            outcome.error = exc
    return outcome


def texts_of(event: Any) -> str:
    """The text that a whole message brings at its start."""
    return "".join(block.get("text", "") for block in event.raw["message"]["content"])


def text_of(message: Message) -> str:
    text: str = message.to_dict()["content"][0]["text"]
    return text


async def read(stream: AsyncMessageStream, way: str, outcome: Outcome) -> None:
    if way == "text":
        async for text in stream.text_stream:
            outcome.text += text
        return
    async for event in stream:
        outcome.types.append(event.type)
        if event.type == "text":
            outcome.text += event.text
        elif event.type == "message_start":
            outcome.text += texts_of(event)


def dumped(stream: Any) -> dict[str, Any] | None:
    partial = stream.partial_message
    return None if partial is None else partial.to_dict()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=repr)
def test_scenario(scenario: Scenario, way: str) -> None:
    with scenario.server() as server:
        scenario.check(run(play(scenario, way, server)), server, way)


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


def test_messages_one_after_the_other_use_one_connection() -> None:
    async def main(server: Server) -> None:
        async with make_client(server) as client:
            for _ in range(3):
                assert text_of(await client.messages.create(**ASKED)) == TEXT

    with Server([[*GOOD, "request", *GOOD, "request", *GOOD]]) as server:
        run(main(server))
        assert server.connections == 1
        assert server.wait_closed()


def test_the_last_chunk_may_come_after_the_stream_was_left() -> None:
    late = [SSE, chunk(wire.whole(wire.text_block(0, TEXT))), 0.05, LAST_CHUNK]

    async def main(server: Server) -> None:
        async with make_client(server) as client:
            await client.messages.create(**ASKED)
            while not any(shelf._kept for shelf in client._pool._shelves.values()):
                await asyncio.sleep(0.005)
            await client.messages.create(**ASKED)

    with Server([[*late, "request", *GOOD]]) as server:
        run(main(server))
        assert server.connections == 1
        assert server.wait_closed()


def test_a_last_chunk_that_never_comes_costs_the_connection_and_no_time() -> None:
    begin = time.monotonic()

    async def main(server: Server) -> None:
        async with make_client(server) as client:
            await client.messages.create(**ASKED)
            await client.messages.create(**ASKED)

    with Server([[SSE, chunk(wire.whole(wire.text_block(0, TEXT))), "hold"], GOOD]) as server:
        run(main(server))
        assert server.connections == 2
        assert server.wait_closed()
    assert time.monotonic() - begin < 5


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


def test_cancelling_a_reader_closes_the_connection_and_keeps_the_partial_message() -> None:
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


def test_close_from_another_task_ends_a_waiting_loop() -> None:
    script = [SSE, chunk(BEGUN + wire.text(0, "Hel")), "hold"]

    async def main(server: Server) -> None:
        async with make_client(server) as client, client.messages.stream(**ASKED) as stream:

            async def closer() -> None:
                await asyncio.sleep(0.02)
                await stream.close()

            task = asyncio.create_task(closer())
            assert [text async for text in stream.text_stream] == ["Hel"]
            await task
            with pytest.raises(StreamClosed) as caught:
                await stream.get_final_message()
            assert caught.value.partial_message is not None
            assert caught.value.partial_message.to_dict()["content"] == [HEL]

    with Server([script]) as server:
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


def test_a_stall_that_pings_do_not_hide_is_a_timeout() -> None:
    pings = [step for _ in range(200) for step in (chunk(wire.wire("ping")), 0.02)]

    async def main(server: Server) -> None:
        client = make_client(server, timeouts=Timeouts(stall=0.2))
        async with client, client.messages.stream(**ASKED) as stream:
            with pytest.raises(StreamInterrupted) as caught:
                await stream.until_done()
        assert isinstance(caught.value.__cause__, StreamTimeout)
        assert caught.value.__cause__.kind == "stall"
        assert caught.value.partial_message is not None

    with Server([[SSE, chunk(BEGUN), *pings]]) as server:
        run(main(server))


# --- wrong use


def test_a_manager_sends_its_request_but_once() -> None:
    async def main(server: Server) -> None:
        async with make_client(server) as client:
            manager = client.messages.stream(**ASKED)
            async with manager as stream:
                await stream.until_done()
            with pytest.raises(StateError, match="already"):
                await manager.__aenter__()

    with Server([GOOD]) as server:
        run(main(server))


def test_a_closed_client_refuses_requests() -> None:
    async def main(server: Server) -> None:
        client = make_client(server)
        await client.close()
        await client.close()
        with pytest.raises(StateError, match="closed"):
            await client.messages.create(**ASKED)
        with pytest.raises(StateError, match="closed"):
            async with client.messages.stream(**ASKED):
                pass

    with Server([GOOD]) as server:
        run(main(server))
        assert server.connections == 0


def test_a_coroutine_that_is_never_awaited_sends_nothing() -> None:
    async def main(server: Server) -> None:
        async with make_client(server) as client:
            client.messages.stream(**ASKED)

    with Server([BUSY]) as server:
        run(main(server))
        assert server.connections == 0


def test_an_asynchronous_transport_carries_the_requests() -> None:
    from ssewire.aio import HTTPRequest, HTTPResponse

    seen: list[HTTPRequest] = []

    async def body() -> Any:
        yield wire.whole(wire.text_block(0, TEXT))

    async def transport(request: HTTPRequest) -> HTTPResponse:
        seen.append(request)
        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, body())

    async def main() -> str:
        async with AsyncClaude(api_key="k", transport=transport) as client:
            return text_of(await client.messages.create(**ASKED))

    assert run(main()) == TEXT
    assert seen[0].headers["x-api-key"] == "k"
