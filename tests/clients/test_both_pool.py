# SPDX-License-Identifier: MIT
"""Connections that carry one request after another: what both clients do, written once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ssewire._http.idle import POOL_SIZE
from ssewire.errors import ConnectionLost, HTTPFormatError, StreamTimeout
from tests.clients.both import Both
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head, trusting_context

pytestmark = pytest.mark.sockets

ANSWER = [head(200, "Content-Length: 2"), b"ok"]
FOR_EVER: list[Any] = [*ANSWER, "request"] * 30 + ANSWER


def asked(
    both: Both, script: list[Any], times: int, tls: str | None = None, **options: Any
) -> Server:
    """Ask so many times, one after the other, and return the server with what it saw."""

    async def main(url: str) -> list[bytes]:
        async with both.pooled(url, trusting_context() if tls else None) as client:
            return [await client.ask(**options) for _ in range(times)]

    with Server(script, tls=tls) as server:
        assert both.run(main(server.url)) == [b"ok"] * times
        assert server.wait_closed()
    return server


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
@pytest.mark.parametrize(
    "answer",
    [ANSWER, [head(200, CHUNKED), chunk(b"o"), chunk(b"k"), LAST_CHUNK]],
    ids=["length", "chunked"],
)
def test_requests_one_after_the_other_use_one_connection(
    both: Both, answer: Any, tls: str | None
) -> None:
    server = asked(both, [[*answer, "request", *answer, "request", *answer]], 3, tls)
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
def test_a_connection_that_cannot_carry_another_request_is_not_kept(
    both: Both, answer: Any
) -> None:
    assert asked(both, [answer], 2).connections == 2


def test_requests_without_a_pool_ask_for_their_connection_to_be_closed(both: Both) -> None:
    async def main(url: str) -> None:
        async with both.request(url) as response:
            assert b"".join([bytes(piece) async for piece in response.chunks]) == b"ok"

    with Server([ANSWER]) as server:
        both.run(main(server.url))
        assert server.requests[0].headers["connection"] == "close"
        assert server.wait_closed()


def test_a_connection_that_the_server_closed_while_it_was_idle_is_replaced(both: Both) -> None:
    async def main(server: Server) -> None:
        async with both.pooled(server.url) as client:
            for _ in range(3):
                assert await client.ask() == b"ok"
                while server.open_connections:
                    await both.sleep(0.002)

    with Server([ANSWER]) as server:
        both.run(main(server))
        assert server.connections == 3


@pytest.mark.parametrize("end", [[], ["reset"]], ids=["ends", "is reset"])
@pytest.mark.parametrize("body", [None, b"question"], ids=["GET", "POST"])
def test_a_request_that_was_read_before_its_kept_connection_ended_is_not_sent_again(
    both: Both, body: bytes | None, end: list[str]
) -> None:
    async def main(url: str) -> None:
        async with both.pooled(url) as client:
            await client.ask()
            with pytest.raises(ConnectionLost):
                await client.ask(body)
            assert await client.ask() == b"ok"

    with Server([[*ANSWER, "request", *end], ANSWER]) as server:
        both.run(main(server.url))
        assert [request.body for request in server.requests] == [b"", body or b"", b""]
        assert server.connections == 2


def test_a_request_that_could_not_be_sent_on_a_kept_connection_is_sent_on_a_new_one(
    both: Both,
) -> None:
    # Far more than the sockets' buffers hold: when the connection breaks, some is still here.
    body = bytes(32 << 20)

    async def main(url: str) -> None:
        async with both.pooled(url) as client:
            await client.ask()
            assert await client.ask(body) == b"ok"

    with Server([[*ANSWER, "asked", "reset"], ANSWER]) as server:
        both.run(main(server.url))
        assert [len(request.body) for request in server.requests] == [0, len(body)]
        assert server.connections == 2


@pytest.mark.parametrize(
    ("second", "error"),
    [(b"HTTP/1.1 2", ConnectionLost), (b"what?\r\n", HTTPFormatError)],
    ids=["cut within its head", "not http"],
)
def test_a_broken_answer_on_a_kept_connection_is_an_error_and_not_asked_for_again(
    both: Both, second: bytes, error: type[Exception]
) -> None:
    async def main(url: str) -> None:
        async with both.pooled(url) as client:
            await client.ask()
            with pytest.raises(error):
                await client.ask()

    with Server([[*ANSWER, "request", second]]) as server:
        both.run(main(server.url))
        assert server.connections == 1


def test_a_response_left_early_closes_its_connection(both: Both) -> None:
    async def main(url: str) -> None:
        async with both.pooled(url) as client:
            async with await client.open():
                pass
            assert await client.ask() == b"ok"

    with Server([[head(200, "Content-Length: 9"), b"o", "hold"], ANSWER]) as server:
        both.run(main(server.url))
        assert server.connections == 2


def test_requests_at_the_same_time_use_connections_of_their_own_and_leave_some_idle(
    both: Both,
) -> None:
    many = POOL_SIZE + 5
    all_there = threading.Barrier(many, timeout=10)

    def script(request: Any) -> Any:
        all_there.wait()
        yield from FOR_EVER

    async def main(server: Server) -> None:
        async with both.pooled(server.url) as client:
            for task in [both.beside(client.ask()) for _ in range(many)]:
                assert await both.result(task) == b"ok"
            while server.open_connections > POOL_SIZE:
                await both.sleep(0.002)
            for _ in range(POOL_SIZE):
                assert await client.ask() == b"ok"
            assert server.open_connections == POOL_SIZE
            assert server.connections == many

    with Server([script]) as server:
        both.run(main(server))
        assert server.wait_closed()


def test_a_timeout_closes_a_kept_connection_and_is_not_asked_again(both: Both) -> None:
    async def main(url: str) -> None:
        async with both.pooled(url) as client:
            await client.ask()
            with pytest.raises(StreamTimeout):
                await client.open(head=0.05)

    with Server([[*ANSWER, "request", "hold"]]) as server:
        both.run(main(server.url))
        assert server.connections == 1
        assert len(server.requests) == 2
        assert server.wait_closed()


def test_a_connection_idle_for_too_long_is_not_used(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.never_idle(monkeypatch)
    assert asked(both, [FOR_EVER], 2).connections == 2


@pytest.mark.parametrize("after", ["reset", 5.0], ids=["reset", "silence"])
def test_a_request_still_being_sent_when_the_answer_is_complete_spoils_the_connection(
    both: Both, after: Any
) -> None:
    # Far more than the sockets' buffers hold; the server reads none of it.
    body = bytes(32 << 20)
    refused = [head(413, "Content-Length: 2"), b"no", 0.1, after]

    async def main(url: str) -> None:
        async with both.pooled(url) as client:
            async with await client.open(body) as response:
                assert response.status == 413
                if after != "reset":
                    assert b"".join([bytes(p) async for p in response.chunks]) == b"no"
            assert await client.ask() == b"ok"

    with Server([["deaf", *refused], ANSWER]) as server:
        both.run(main(server.url))
        assert server.connections == 2


def test_a_connection_whose_answer_began_before_the_request_was_through_is_kept_when_both_are(
    both: Both,
) -> None:
    body = bytes(20 << 20)
    early = ["deaf", head(200, CHUNKED) + chunk(b"o"), "request", chunk(b"k") + LAST_CHUNK]

    async def main(url: str) -> None:
        async with both.pooled(url) as client:
            assert await client.ask(body) == b"ok"
            assert await client.ask() == b"ok"

    with Server([[*early, "request", *ANSWER]]) as server:
        both.run(main(server.url))
        assert [len(request.body) for request in server.requests] == [len(body), 0]
        assert server.connections == 1


def test_idle_connections_of_another_server_are_closed_once_they_are_too_old(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(first: Server, second: Server) -> None:
        async with both.pooled(first.url) as client:
            assert await client.ask() == b"ok"
            assert first.open_connections == 1
            await both.sleep(0.06)
            client._url = second.url
            assert await client.ask() == b"ok"
            assert first.wait_closed()

    monkeypatch.setattr("ssewire._http.idle.POOL_IDLE", 0.05)
    with Server([FOR_EVER]) as first, Server([FOR_EVER]) as second:
        both.run(main(first, second))


def test_a_post_is_sent_once_however_many_connections_were_kept(both: Both) -> None:
    many = 5
    all_there = threading.Barrier(many, timeout=10)

    def first(request: Any) -> Any:
        all_there.wait()
        yield from [*ANSWER, "request"]

    async def main(server: Server) -> None:
        async with both.pooled(server.url) as client:
            for task in [both.beside(client.ask()) for _ in range(many)]:
                await both.result(task)
            with pytest.raises(ConnectionLost):
                await client.ask(b"question")

    with Server([first] * many + [["reset"]]) as server:
        both.run(main(server))
        assert [request.body for request in server.requests].count(b"question") == 1
