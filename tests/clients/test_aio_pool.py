"""Connections of the asyncio client that carry one request after another."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from ssewire import aio
from ssewire._http.request import HTTPRequest
from ssewire._http.timeouts import Timeouts
from ssewire._settings import POOL_SIZE, Settings
from ssewire.aio._exchange import respond
from ssewire.errors import ConnectionLost
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head, trusting_context

T = TypeVar("T")

ANSWER = [head(200, "Content-Length: 2"), b"ok"]
FOR_EVER: list[Any] = [*ANSWER, "request"] * 3 + ANSWER


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    async def main() -> T:
        return await asyncio.wait_for(coroutine, 10)

    return asyncio.run(main())


class Client:
    """What a client makes of a pool."""

    def __init__(self, url: str, tls: Any = None) -> None:
        self.pool = aio.Pool()
        self._url = url
        self._settings = Settings(tls, None, 10, None, self.pool)

    async def open(self, body: bytes | None = None, **timeouts: float) -> aio.HTTPResponse:
        method = "GET" if body is None else "POST"
        request = HTTPRequest(self._url, method=method, body=body, timeouts=Timeouts(**timeouts))
        return await respond(request, self._settings)

    async def ask(self, body: bytes | None = None) -> bytes:
        async with await self.open(body) as response:
            return b"".join([bytes(chunk) async for chunk in response.chunks])

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.pool.close()
        await asyncio.sleep(0)


def asked(script: list[Any], times: int, tls: str | None = None, **options: Any) -> Server:
    """Ask so many times, one after the other, and return the server with what it saw."""

    async def main(url: str) -> list[bytes]:
        async with Client(url, trusting_context() if tls else None) as client:
            return [await client.ask(**options) for _ in range(times)]

    with Server(script, tls=tls) as server:
        assert run(main(server.url)) == [b"ok"] * times
        assert server.wait_closed()
    return server


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
@pytest.mark.parametrize(
    "answer",
    [ANSWER, [head(200, CHUNKED), chunk(b"o"), chunk(b"k"), LAST_CHUNK]],
    ids=["length", "chunked"],
)
def test_requests_one_after_the_other_use_one_connection(answer: Any, tls: str | None) -> None:
    server = asked([[*answer, "request", *answer, "request", *answer]], 3, tls)
    assert server.connections == 1
    assert [request.headers.get("connection") for request in server.requests] == [None] * 3


@pytest.mark.parametrize(
    "answer",
    [
        [head(200, "Content-Length: 2", "Connection: close"), b"ok"],
        [head(200), b"ok"],
        [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok"],
        [head(200, "Content-Length: 2"), b"ok and more"],
    ],
    ids=["connection: close", "until close", "http/1.0", "bytes too many"],
)
def test_a_connection_that_cannot_carry_another_request_is_not_kept(answer: Any) -> None:
    assert asked([answer], 2).connections == 2


def test_a_connection_that_the_server_closed_while_it_was_idle_is_replaced() -> None:
    assert asked([ANSWER], 3).connections == 3


def test_a_connection_that_ends_instead_of_an_answer_is_replaced() -> None:
    # The server reads the second request, and only then closes.
    server = asked([[*ANSWER, "request"], ANSWER], 2, body=b"question")
    assert server.connections == 2
    assert [request.body for request in server.requests] == [b"question"] * 3


def test_a_connection_that_is_reset_instead_of_an_answer_is_replaced() -> None:
    assert asked([[*ANSWER, "request", "reset"], ANSWER], 2).connections == 2


def test_an_answer_cut_within_its_head_is_an_error_although_the_connection_was_kept() -> None:
    async def main(url: str) -> None:
        async with Client(url) as client:
            await client.ask()
            with pytest.raises(ConnectionLost):
                await client.ask()

    with Server([[*ANSWER, "request", b"HTTP/1.1 2"]]) as server:
        run(main(server.url))
        assert server.connections == 1


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


def test_a_response_left_early_closes_its_connection() -> None:
    async def main(url: str) -> None:
        async with Client(url) as client:
            async with await client.open():
                pass
            assert await client.ask() == b"ok"

    with Server([[head(200, "Content-Length: 9"), b"o", "hold"], ANSWER]) as server:
        run(main(server.url))
        assert server.connections == 2


def test_requests_at_the_same_time_use_connections_of_their_own_and_leave_some_idle() -> None:
    many = POOL_SIZE + 5

    async def main(server: Server) -> None:
        async with Client(server.url) as client:
            await asyncio.gather(*(client.ask() for _ in range(many)))
            while server.open_connections > POOL_SIZE:
                await asyncio.sleep(0.005)
            await asyncio.gather(*(client.ask() for _ in range(POOL_SIZE)))
            assert server.connections == many

    with Server([[0.1, *FOR_EVER]]) as server:
        run(main(server))
        assert server.wait_closed()


def test_a_timeout_closes_a_kept_connection_and_is_not_asked_again() -> None:
    async def main(url: str) -> None:
        async with Client(url) as client:
            await client.ask()
            with pytest.raises(TimeoutError):
                await client.open(head=0.05)

    with Server([[*ANSWER, "request", "hold"]]) as server:
        run(main(server.url))
        assert server.connections == 1
        assert len(server.requests) == 2
        assert server.wait_closed()


def test_a_connection_idle_for_too_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aio._pool, "POOL_IDLE", 0.0)
    assert asked([FOR_EVER], 2).connections == 2


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_leaves_its_parents_connections_alone() -> None:
    async def main(url: str) -> None:
        async with Client(url) as client:
            await client.ask()
            loop = asyncio.get_running_loop()
            ((key, (kept,)),) = client.pool._kept[loop].items()
            child = os.fork()
            if child == 0:
                # No more of Python's own shutdown than that: the loop is the parent's.
                try:
                    found = client.pool.take(loop, key)
                    client.pool.close()
                    os._exit(0 if found is None and not kept._transport.is_closing() else 1)
                finally:
                    os._exit(2)
            _, status = os.waitpid(child, 0)
            assert status == 0
            assert await client.ask() == b"ok"

    with Server([FOR_EVER]) as server:
        run(main(server.url))
        assert server.connections == 1


def test_a_request_still_being_sent_when_the_answer_is_complete_spoils_the_connection() -> None:
    # Far more than the sockets' buffers hold.
    body = bytes(32 << 20)
    # And then it does not read any of it.
    refused = [head(413, "Content-Length: 2"), b"no", 5.0]

    async def main(url: str) -> None:
        async with Client(url) as client:
            async with await client.open(body) as response:
                assert response.status == 413
                async for _ in response.chunks:
                    pass
            assert await client.ask() == b"ok"

    with Server([["deaf", *refused], ANSWER]) as server:
        run(main(server.url))
        assert server.connections == 2


def test_a_socket_closed_by_the_loop_is_gone() -> None:
    async def main(url: str) -> int:
        async with Client(url) as client:
            await client.ask()
            ((_, (kept,)),) = client.pool._kept[asyncio.get_running_loop()].items()
            transport = kept._transport
        found: socket.socket = transport.get_extra_info("socket")
        return found.fileno()

    with Server([FOR_EVER]) as server:
        assert run(main(server.url)) == -1


def test_a_post_is_sent_once_more_at_most_however_many_connections_were_kept() -> None:
    async def main(server: Server) -> None:
        async with Client(server.url) as client:
            await asyncio.gather(*(client.ask() for _ in range(5)))
            with pytest.raises(ConnectionLost):
                await client.ask(b"question")

    with Server([[0.05, *ANSWER, "request"]] * 5 + [["reset"]]) as server:
        run(main(server))
        assert [request.body for request in server.requests].count(b"question") == 2


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
        assert len(client.pool._kept) == 1
        client.pool.close()
        gc.collect()
