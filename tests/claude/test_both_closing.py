# SPDX-License-Identifier: MIT
"""What ends a request of both Claude clients from outside, in whatever state: written once."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from ssewire.claude import ClaudeError, StreamClosed
from ssewire.errors import StateError
from tests.claude import wire
from tests.claude.both import claude
from tests.claude.scenarios import ASKED, GOOD, SSE, TEXT, problem, refusal
from tests.clients.both import BOTH, Both
from tests.kit.scripted import ClosingServer as Server
from tests.kit.scripted import chunk, head

pytestmark = [pytest.mark.once, pytest.mark.sockets]


@pytest.fixture(params=BOTH, ids=lambda both: both.name)
def both(request: pytest.FixtureRequest) -> Both:
    client: Both = request.param
    return client


START = wire.message_start() + wire.start(0, wire.TEXT) + wire.text(0, "Hé")

# Where a request is when it is ended; no message has begun.
BEFORE: dict[str, list[Any]] = {
    "waiting for the head": ["hold"],
    "within the head": [SSE[:20], "hold"],
    "in a pause before a retry": refusal(429, problem("rate_limit_error"), "retry-after: 30"),
    "within a refusal that is worth a retry": [head(503, "Content-Length: 50"), b"busy", "hold"],
    "within a refusal that is not": [head(400, "Content-Length: 50"), b"no", "hold"],
}
# create() reads on by itself.
WITHIN: dict[str, list[Any]] = {
    **BEFORE,
    "before the message": [SSE, "hold"],
    "within the message": [SSE, chunk(START), "hold"],
}


async def asked(both: Both, server: Server) -> None:
    """Wait until the server has a request, and whoever asked is likely to wait for it."""
    while not server.requests:
        await both.sleep(0.002)
    await both.sleep(0.05)


async def outcome(awaitable: Any) -> Any:
    """Return what comes of it, also if that is an error."""
    try:
        return await awaitable
    except (ClaudeError, StateError) as exc:
        return exc


async def entered(manager: Any) -> Any:
    async with manager as stream:
        return [event async for event in stream]


@pytest.mark.parametrize("script", BEFORE.values(), ids=BEFORE.keys())
def test_closing_a_manager_ends_the_wait_for_its_answer(both: Both, script: list[Any]) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            manager = client.messages.stream(**ASKED)
            task = both.beside(outcome(entered(manager)))
            await asked(both, server)
            await manager.close()
            assert type(await both.result(task)) is StreamClosed
            await manager.close()
            assert server.wait_closed()

    with Server([script, GOOD]) as server:
        both.run(main(server))
        assert len(server.requests) == 1


def test_a_manager_that_was_closed_cannot_be_entered(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            manager = client.messages.stream(**ASKED)
            await manager.close()
            assert type(await outcome(entered(manager))) is StreamClosed

    with Server([GOOD]) as server:
        both.run(main(server))
        assert server.connections == 0


def test_closing_a_manager_whose_stream_is_there_closes_that(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            manager = client.messages.stream(**ASKED)
            async with manager as stream:

                async def consume() -> list[str]:
                    return [text async for text in stream.text_stream]

                task = both.beside(consume())
                await asked(both, server)
                await manager.close()
                assert await both.result(task) == ["Hé"]
                assert stream.partial_message.content[0].text == "Hé"
                assert type(await outcome(stream.get_final_message())) is StreamClosed
            assert server.wait_closed()

    with Server([[SSE, chunk(START), "hold"]]) as server:
        both.run(main(server))


def test_closing_a_manager_whose_message_is_complete_changes_nothing(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            manager = client.messages.stream(**ASKED)
            async with manager as stream:
                await stream.until_done()
                await manager.close()
                assert await stream.get_final_text() == TEXT
            await manager.close()

    with Server([GOOD]) as server:
        both.run(main(server))


@pytest.mark.parametrize("script", WITHIN.values(), ids=WITHIN.keys())
def test_closing_a_client_with_its_streams_ends_create(both: Both, script: list[Any]) -> None:
    async def main(server: Server) -> None:
        client = claude(both, server)
        task = both.beside(outcome(client.messages.create(**ASKED)))
        await asked(both, server)
        await client.close(streams=True)
        error = await both.result(task)
        assert type(error) is StreamClosed
        partial = error.partial_message
        assert (partial is not None) is (script is WITHIN["within the message"])
        assert type(await outcome(client.messages.create(**ASKED))) is StateError
        await client.close(streams=True)
        assert server.wait_closed()

    with Server([script, GOOD]) as server:
        both.run(main(server))
        assert len(server.requests) == 1


def test_closing_a_client_with_its_streams_ends_all_of_them_and_those_of_its_copies(
    both: Both,
) -> None:
    async def main(server: Server) -> None:
        client = claude(both, server)
        other = client.with_options(max_retries=0)
        raw = await client.messages.create(stream=True, **ASKED)
        manager = other.messages.stream(**ASKED)
        stream = await manager.__aenter__()

        async def consume(events: Any) -> list[str]:
            return [event.type async for event in events]

        tasks = [both.beside(consume(raw)), both.beside(consume(stream))]
        while len(server.requests) < 2:
            await both.sleep(0.002)
        await both.sleep(0.05)
        await client.close(streams=True)
        types = ["message_start", "content_block_start", "content_block_delta"]
        assert await both.result(tasks[0]) == types
        assert await both.result(tasks[1]) == [*types, "text"]
        assert server.wait_closed()

    with Server([[SSE, chunk(START), "hold"]] * 2) as server:
        both.run(main(server))


async def close_under_way(both: Both, server: Server) -> None:
    """Close a client alone while it waits for a message, which comes all the same."""
    client = claude(both, server)
    task = both.beside(outcome(client.messages.create(**ASKED)))
    await asked(both, server)
    await client.close()
    assert (await both.result(task)).content[0].text == TEXT


def test_closing_a_client_alone_lets_what_is_under_way_go_on(both: Both) -> None:
    with Server([[0.2, *GOOD]]) as server:
        both.run(close_under_way(both, server))


def test_a_client_that_is_closed_waits_for_no_rest_of_what_is_under_way(both: Both) -> None:
    async def main(server: Server) -> None:
        await close_under_way(both, server)
        await both.sleep(0.05)
        assert server.wait_closed()

    with Server([[0.2, *GOOD[:-1], "hold"]]) as server:
        both.run(main(server))


def test_a_client_knows_none_of_the_streams_that_nobody_has_any_more(both: Both) -> None:
    async def main(server: Server) -> None:
        client = claude(both, server)
        inner = getattr(client, "_inner", client)
        for _ in range(3):
            await client.messages.create(**ASKED)
        gc.collect()
        assert not inner._live_calls()
        assert not inner._calls
        await client.close(streams=True)

    with Server([GOOD] * 3) as server:
        both.run(main(server))
