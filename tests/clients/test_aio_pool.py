# SPDX-License-Identifier: MIT
"""What only the pool of the asyncio client is asked; what both do is in test_both_pool."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from typing import Any

import pytest

from tests.clients.both import Asyncio
from tests.kit.scripted import Server, head

pytestmark = pytest.mark.sockets

ANSWER = [head(200, "Content-Length: 2"), b"ok"]
FOR_EVER: list[Any] = [*ANSWER, "request"] * 3 + ANSWER

ASYNCIO = Asyncio()
run = ASYNCIO.run
Client = ASYNCIO.pooled


def test_bytes_that_nobody_asked_for_end_an_idle_connection() -> None:
    late = [*ANSWER, 0.02, b"HTTP/1.1 408 Request Timeout\r\n\r\n", "hold"]

    async def main(server: Server) -> None:
        async with Client(server.url) as client:
            await client.ask()
            while server.open_connections:
                await asyncio.sleep(0.005)
            assert await client.ask() == b"ok"

    with Server([late, ANSWER]) as server:
        run(main(server))
        assert server.connections == 2


def test_one_client_may_serve_one_loop_after_another() -> None:
    with Server([FOR_EVER]) as server:
        client = Client(server.url)

        async def main() -> bytes:
            answer = await client.ask()
            client.pool.close()
            await asyncio.sleep(0)
            return answer

        assert [run(main()), run(main())] == [b"ok", b"ok"]
        assert server.connections == 2
        assert server.wait_closed()


# The server is a thread, which the child does without; 3.15 lets the warning stop the fork.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_leaves_its_parents_connections_alone() -> None:
    async def main(url: str) -> None:
        async with Client(url) as client:
            await client.ask()
            loop = asyncio.get_running_loop()
            (place,) = client.pool._corner(loop).shelf._kept
            key, kept = place.key, place.idle
            child = os.fork()
            if child == 0:
                # No more of Python's own shutdown than that: the loop is the parent's.
                try:
                    found = client.pool.take(loop, key)
                    client.pool.close()
                    os._exit(0 if found is None and not kept.wire.is_closing() else 1)
                finally:
                    os._exit(2)
            _, status = os.waitpid(child, 0)
            assert status == 0
            assert await client.ask() == b"ok"

    with Server([FOR_EVER]) as server:
        run(main(server.url))
        assert server.connections == 1


def test_a_socket_closed_by_the_loop_is_gone() -> None:
    async def main(url: str) -> int:
        async with Client(url) as client:
            await client.ask()
            shelf = client.pool._corner(asyncio.get_running_loop()).shelf
            (place,) = shelf._kept
            wire = place.idle.wire
        found: socket.socket = wire.get_extra_info("socket")
        return found.fileno()

    with Server([FOR_EVER]) as server:
        assert run(main(server.url)) == -1


def test_an_answer_that_nobody_asked_for_is_not_that_of_the_next_request() -> None:
    smuggled = [*ANSWER, 0.05, head(200, "Content-Length: 4") + b"evil", "request", *ANSWER]

    async def main(server: Server) -> None:
        async with Client(server.url) as client:
            await client.ask()
            # Blocks the loop: it has no chance to see what comes before the next request.
            time.sleep(0.15)
            assert await client.ask() == b"ok"

    with Server([smuggled, ANSWER]) as server:
        run(main(server))
        assert server.connections == 2


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_connections_of_loops_that_are_closed_are_forgotten() -> None:
    with Server([FOR_EVER]) as server:
        client = Client(server.url)
        for _ in range(5):
            assert run(client.ask()) == b"ok"
        assert len(client.pool._corners) == 1
        client.pool.close()
        assert not client.pool._corners
        gc.collect()
        assert server.wait_closed()
