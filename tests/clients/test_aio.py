# SPDX-License-Identifier: MIT
"""What the asyncio client alone is asked: tasks, cancellation, back-pressure, its loop.

What both clients do is in test_both.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import gc
import inspect
import logging
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ssewire import StateError, aio, client
from ssewire._settings import READ_SIZE, _default_context, reason
from ssewire.aio import (
    EventSource,
    HTTPRequest,
    HTTPResponse,
    ReconnectPolicy,
    Timeouts,
    open_stream,
    request,
)
from ssewire.aio._connection import _BACKLOG, Connection
from ssewire.aio._dial import _NEXT_ADDRESS
from ssewire.errors import (
    ConnectFailed,
    ConnectionLost,
    EventTooLarge,
    RetriesExhausted,
    StreamTimeout,
    TransportError,
)
from ssewire.reconnect import RETRY_STATUSES
from tests.clients.both import Asyncio, addresses, collect, descriptors, needs_proc, silent_address
from tests.clients.scenarios import SCENARIOS, SILENCE, event, soak_script
from tests.kit.scripted import (
    AT_ONCE,
    CHUNKED,
    LAST_CHUNK,
    PATIENCE,
    Request,
    Server,
    chunk,
    head,
    trusting_context,
)

pytestmark = pytest.mark.sockets

ASYNCIO = Asyncio()
run = ASYNCIO.run


def test_both_clients_have_the_same_names_and_parameters() -> None:
    assert aio.__all__ == client.__all__
    for name in ("request", "open_stream", "EventSource", "HTTPResponse"):
        ours = inspect.signature(getattr(aio, name)).parameters
        theirs = inspect.signature(getattr(client, name)).parameters
        assert list(ours) == list(theirs)
        assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]
    for name in ("EventStream", "EventSource", "HTTPResponse"):
        ours_has = {n for n in dir(getattr(aio, name)) if not n.startswith("_")}
        theirs_has = {n for n in dir(getattr(client, name)) if not n.startswith("_")}
        assert theirs_has <= ours_has
        # Attributes in slots are seen on the class, others only on its objects.
        assert ours_has - theirs_has <= {"aclose", "chunks", "headers", "status", "url"}


def test_importing_ssewire_does_not_import_asyncio() -> None:
    program = "import sys, ssewire; print('asyncio' in sys.modules, 'ssewire.aio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout.split() == [b"False", b"False"]


# --- connecting


@pytest.mark.skipif(sys.platform != "linux", reason="needs a queue of connections that fills up")
def test_the_next_address_is_tried_beside_one_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listener, waiting, port = silent_address()

    async def main(url: str) -> int:
        async with request(url, proxy=None) as response:
            return response.status

    with listener, Server([[head(200, "Content-Length: 0")]]) as server:
        found = addresses(port, server.port)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
        begin = time.monotonic()
        assert run(main("http://h/")) == 200
        assert time.monotonic() - begin < AT_ONCE
    for connection in waiting:
        connection.close()


def test_connect_covers_the_name_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    found = threading.Event()

    def lookup(*args: object, **options: object) -> Any:
        found.wait(PATIENCE)
        return addresses(9)

    async def main() -> None:
        begin = time.monotonic()
        with pytest.raises(StreamTimeout, match="connect"):
            await request("http://h/", proxy=None, timeouts=Timeouts(connect=0.1))
        assert time.monotonic() - begin < AT_ONCE
        found.set()

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    run(main())


def test_reading_the_certificates_of_the_system_does_not_hold_up_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []
    create = ssl.create_default_context

    def creating() -> ssl.SSLContext:
        made.append(threading.get_ident())
        return create()

    async def main(url: str) -> None:
        for _ in range(2):
            with pytest.raises(ConnectFailed, match="certificate"):
                await request(url, proxy=None)

    monkeypatch.setattr(ssl, "create_default_context", creating)
    _default_context.cache_clear()
    with Server([["hold"]], tls="127.0.0.1") as server:
        run(main(server.url))
    (thread,) = made
    assert thread != threading.get_ident()


# --- responses


def test_a_stream_may_be_awaited_or_entered_but_once() -> None:
    async def main(url: str) -> list[str]:
        seen = []
        async with open_stream(url) as one:
            seen += await collect(one)
        async with await open_stream(url) as two:
            seen += await collect(two)
        opening = open_stream(url)
        seen += await collect(await opening)
        with pytest.raises(StateError):
            await opening
        return seen

    with Server([[head(), b"data: a\n\n"]]) as server:
        assert run(main(server.url)) == ["a"] * 3
        assert server.connections == 3


def test_a_gzip_bomb_does_not_hold_up_the_loop() -> None:
    scenario = next(s for s in SCENARIOS if s.name.startswith("a bomb"))

    async def main(url: str) -> int:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with request(url) as response:
            other = asyncio.ensure_future(turn())
            size = 0
            async for piece in response.chunks:
                assert len(piece) <= 64 * 1024
                size += len(piece)
                if size >= 2**24:
                    break
            other.cancel()
            await asyncio.wait({other})
        return turns

    with scenario.server() as server:
        # 256 steps of 64 KiB.
        assert run(main(server.url)) > 200


@pytest.mark.parametrize("function", [open_stream, request])
def test_what_is_dropped_unclosed_closes_its_socket_with_a_warning(function: Any) -> None:
    async def main(server: Server) -> None:
        opened = [await function(server.url)]

        def drop() -> None:
            opened.clear()
            gc.collect()  # Where nothing counts references, this alone drops it.

        with pytest.warns(ResourceWarning, match="unclosed"):
            drop()
        await asyncio.sleep(0.01)
        assert server.wait_closed()

    with Server([[head(), "hold"]]) as server:
        run(main(server))


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_an_answer_that_came_before_a_reset_is_read_although_sending_failed_first(
    tls: str | None,
) -> None:
    async def main(server: Server) -> int:
        options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
        opening = request(server.url, method="POST", body=b"x", **options)
        task = asyncio.ensure_future(opening.__aenter__())
        here = asyncio.get_running_loop()

        def asking() -> list[Any]:
            found = [one for one in gc.get_objects() if isinstance(one, Connection)]
            return [one for one in found if one.loop is here and one._asked is not None]

        while not asking():
            await asyncio.sleep(0.01)
        (connection,) = asking()
        answer.set()
        # The loop sees nothing of the answer before it sends more.
        assert server.wait_closed()
        connection._wire.write(b"more of it")
        async with await task as response:
            return response.status

    answer = threading.Event()

    def script(request: Request) -> Iterator[Any]:
        answer.wait(PATIENCE)
        yield head(413, "Content-Length: 2") + b"no"
        yield "reset"

    with Server([script], tls=tls) as server:
        assert run(main(server)) == 413


# --- back-pressure


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_a_consumer_that_stops_reading_stops_the_socket(
    tls: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = ASYNCIO.counting_reads(monkeypatch)
    sent = 0
    size = 12 * 2**20
    packet = b"data: " + b"x" * 16376 + b"\n\n"

    def script(request: Request) -> Iterator[bytes]:
        nonlocal sent
        yield head()
        while sent < size:
            sent += len(packet)
            yield packet

    async def main(server: Server) -> int:
        options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
        async with open_stream(server.url, **options) as stream:
            seen = len((await stream.__anext__()).data)
            # Long enough for all of it to come, did nobody stop it.
            await asyncio.sleep(0.4)
            received = sum(map(len, reads))
            # Two full reads at most; over TLS what asyncio has decrypted already comes on top.
            assert received <= (2 if tls is None else 8) * 64 * 1024 + len(head())
            await asyncio.sleep(0.1)
            assert sum(map(len, reads)) == received
            assert sent < size
            async for event in stream:
                seen += len(event.data)
        return seen

    with Server([script], tls=tls) as server:
        assert run(main(server)) == size // len(packet) * 16376


def test_a_stream_that_nobody_iterates_stops_the_socket_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = ASYNCIO.counting_reads(monkeypatch)

    async def main(url: str) -> None:
        async with open_stream(url), request(url):
            await asyncio.sleep(0.3)
            # One unfinished event, of which nothing could be handed out.
            assert sum(map(len, reads)) <= 2 * (2 * 64 * 1024 + len(head()))

    with Server([[head(), b"data: " + b"x" * 2**23]]) as server:
        run(main(server.url))
        assert server.wait_closed()


# --- time


def test_one_timer_serves_a_stream_however_many_reads_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timers = 0

    async def main(url: str) -> int:
        nonlocal timers
        loop = asyncio.get_running_loop()
        call_at = loop.call_at

        def counting(*args: Any, **options: Any) -> Any:
            nonlocal timers
            timers += 1
            return call_at(*args, **options)

        timeouts = Timeouts(idle=5, stall=6, total=7)
        async with open_stream(url, timeouts=timeouts) as stream:
            monkeypatch.setattr(loop, "call_at", counting)
            return len(await collect(stream))

    with Server([[head(), *[b"data: a\n\n", 0.001] * 50]]) as server:
        assert run(main(server.url)) == 50
    assert timers == 1


def test_silence_of_a_transport_times_out_too() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"data: a\n\n"
        await asyncio.sleep(60)

    async def transport(request: HTTPRequest) -> HTTPResponse:
        if request.url.endswith("silent"):
            await asyncio.sleep(60)
        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, chunks())

    async def main(url: str, **timeouts: float) -> str:
        with pytest.raises(StreamTimeout) as caught:
            async with open_stream(
                url, transport=transport, timeouts=Timeouts(**timeouts)
            ) as stream:
                await collect(stream)
        return caught.value.kind

    assert run(main("http://h/silent", head=0.05)) == "head"
    assert run(main("http://h/", idle=0.05)) == "idle"
    assert run(main("http://h/", stall=0.05)) == "stall"
    assert run(main("http://h/", total=0.05)) == "total"


# --- ending it from elsewhere


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def test_close_from_another_thread_goes_through_the_loop() -> None:
    async def main(url: str) -> list[str]:
        loop = asyncio.get_running_loop()
        async with open_stream(url) as stream:
            thread = threading.Timer(0.05, loop.call_soon_threadsafe, [stream.close])
            thread.start()
            seen = await collect(stream)
            thread.join()
        return seen

    with Server([[head(), b"data: a\n\n", "hold"]]) as server:
        assert run(main(server.url)) == ["a"]


@pytest.mark.parametrize(("name", "script", "how"), SILENCE, ids=[row[0] for row in SILENCE])
def test_a_source_can_be_cancelled_whatever_it_does(
    name: str, script: list[Any], how: dict[str, Any]
) -> None:
    async def main(server: Server) -> None:
        url = server.url.replace("http", how.get("scheme", "http"))
        policy = ReconnectPolicy(initial_delay=how.get("delay", 0.01))
        source = EventSource(url, reconnect=policy)
        task = asyncio.ensure_future(collect(source))
        while not server.connections:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.03)
        await cancelled(task)
        assert source.state != "closed"
        await source.close()
        assert source.state == "closed"
        assert server.wait_closed()

    with Server(script) as server:
        run(main(server))


@pytest.mark.parametrize("fields", [(), ("Content-Encoding: gzip",)], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", [open_stream, EventSource])
def test_two_tasks_cannot_wait_for_one_stream(kind: Any, fields: tuple[str, ...]) -> None:
    async def main(url: str) -> None:
        async with kind(url) as stream:
            task = asyncio.ensure_future(collect(stream))
            await asyncio.sleep(0.05)
            with pytest.raises(StateError, match="another task"):
                await stream.__anext__()
            await turns(2)
            assert not task.done()
            await stream.close()
            assert await task == []

    with Server([[head(200, *fields), "hold"]]) as server:
        run(main(server.url))


@needs_proc
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
@pytest.mark.parametrize("kind", [open_stream, EventSource])
def test_cancelling_at_any_turn_of_the_loop_leaves_nothing_behind(
    kind: Any, tls: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")
    chance = random.Random(4)

    async def consume(url: str, options: dict[str, Any]) -> None:
        stream = kind(url, **options)
        # Without `async with`: what a cancellation leaves open is closed as it is dropped.
        if kind is open_stream:
            stream = await stream
        async for _ in stream:
            pass

    async def main(server: Server) -> None:
        options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
        if kind is EventSource:
            options["reconnect"] = ReconnectPolicy(initial_delay=0.001)
        # The pool of threads for name lookups and the like is there from now on.
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        before, tasks = descriptors(), asyncio.all_tasks()
        for number in range(160):
            # By name, so that there are several addresses, every other time.
            host = "127.0.0.1" if number % 2 or tls else "localhost"
            url = server.url.replace("127.0.0.1", host)
            task = asyncio.ensure_future(consume(url, options))
            if number < 80:
                await turns(number // 2)
            else:
                await asyncio.sleep(chance.random() * 0.012)
            task.cancel()
            if number % 3 == 0:
                await turns(chance.randrange(3))
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionLost, TransportError):
                await task
            del task
        await turns(4)
        gc.collect()
        while asyncio.all_tasks() != tasks:
            # After a second cancellation a task may still be on its way.
            await asyncio.sleep(0.001)
        assert server.wait_closed()
        while descriptors() > before + server.open_connections:
            await asyncio.sleep(0.001)

    # A stream whose script has ended goes on to nothing; most of them never end.
    script = soak_script(3, 10**9) if kind is EventSource else [head(), *[event(1), 0.002] * 200]
    with Server([script], tls=tls) as server:
        run(main(server))


# --- sources


# --- proxies


# --- transports


@pytest.mark.parametrize("how", ["close", "cancel", "restart"])
def test_a_transports_stream_is_ended_from_outside_and_closed(how: str) -> None:
    closed: list[int] = []
    opened: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"id: 1\ndata: a\n\n"
            await asyncio.sleep(60)
        finally:
            closed.append(1)

    async def transport(request: HTTPRequest) -> HTTPResponse:
        opened.append(1)
        if len(opened) > 1:
            raise OSError
        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, chunks())

    async def main() -> None:
        policy = ReconnectPolicy(0.0, max_attempts=1)
        source = EventSource("http://h/", transport=transport, reconnect=policy)
        task = asyncio.ensure_future(collect(source))
        while source.last_event_id != "1":
            await asyncio.sleep(0)
        # By then it waits for the next one.
        await turns(5)
        if how == "close":
            await source.close()
            assert await task == ["a"]
        elif how == "restart":
            source.restart()
            with pytest.raises(RetriesExhausted):
                await task
        else:
            await cancelled(task)
            # Not by the cancellation of a wait, which takes nothing.
            assert closed == []
            await source.close()
        assert closed == [1]
        await source.close()

    run(main())


def test_a_response_of_chunks_that_cannot_be_awaited_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="asynchronous"):
        HTTPResponse(200, {}, [b""])  # type: ignore[arg-type]


# --- many, and often


def test_many_streams_at_once_each_get_their_own_events() -> None:
    number, length = 100, 20

    def script(request: Request) -> Iterator[bytes]:
        name = request.target.encode()
        yield head(200, CHUNKED)
        for step in range(length):
            data = b"data: %s-%d\n\n" % (name, step)
            cut = step % len(data)
            # Cut into two packets, so that a mixed-up buffer would show.
            yield chunk(data[:cut]) if cut else b""
            yield chunk(data[cut:])
        yield LAST_CHUNK

    async def one(url: str) -> list[str]:
        async with open_stream(url) as stream:
            return await collect(stream)

    async def main(url: str) -> list[list[str]]:
        return await asyncio.gather(*(one(f"{url}/{index}") for index in range(number)))

    with Server([script]) as server:
        seen = run(main(server.url))
    assert seen == [[f"/{index}-{step}" for step in range(length)] for index in range(number)]


# --- what a source must not forget


@pytest.mark.parametrize("late", range(4))
def test_a_cancellation_as_a_source_stops_does_not_make_it_go_on(late: int) -> None:
    async def main(server: Server) -> None:
        policy = ReconnectPolicy(initial_delay=0.0)
        async with EventSource(server.url, reconnect=policy, max_event_size=10) as source:
            task = asyncio.create_task(source.__anext__())
            while source._machine.state != "open":
                await asyncio.sleep(0)
            while not (source._stream is None or source._stream._source.ended):
                await asyncio.sleep(0)
            await turns(late)
            task.cancel()
            await asyncio.wait({task})
            # Either this or the next step says so; none connects again.
            with pytest.raises((EventTooLarge, StopAsyncIteration)):
                await source.__anext__()

    with Server([[head(), 0.05, b"data: far too large\n\n", "hold"]]) as server:
        run(main(server))
        assert server.connections == 1


def test_a_reset_without_words_is_told_in_those_of_the_system() -> None:
    """As asyncio raises it where a peer resets the connection in a TLS handshake."""
    assert reason(ConnectionResetError()) == os.strerror(errno.ECONNRESET)
    assert reason(ConnectionResetError("gone")) == "gone"


# --- what a source prepares


class Tokens:
    """A callable object whose call is awaited, as some wrap their token cache."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.calls = 0
        self.begun = asyncio.Event()

    async def __call__(self, request: HTTPRequest) -> HTTPRequest:
        self.calls += 1
        self.begun.set()
        await asyncio.sleep(self.seconds)
        return request.with_headers({"Authorization": f"Bearer {self.calls}"})


@pytest.mark.parametrize("kind", ["coroutine function", "object", "partial", "future"])
def test_prepare_may_be_awaited(kind: str) -> None:
    async def main(url: str) -> None:
        tokens = Tokens()

        async def prepare(request: HTTPRequest) -> HTTPRequest:
            return await tokens(request)

        def future(request: HTTPRequest) -> asyncio.Future[HTTPRequest]:
            return asyncio.ensure_future(tokens(request))

        given: Any = {
            "coroutine function": prepare,
            "object": tokens,
            "partial": functools.partial(prepare),
            "future": future,
        }[kind]
        policy = ReconnectPolicy(initial_delay=0.01)
        async with EventSource(url, prepare=given, reconnect=policy) as source:
            assert await collect(source) == ["1", "2"]

    with Server([[head(), event(1)], [head(), event(2)], [head(204)]]) as server:
        run(main(server.url))
        given = [request.headers["authorization"] for request in server.requests]
        assert given == ["Bearer 1", "Bearer 2", "Bearer 3"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ZeroDivisionError(), ZeroDivisionError),
        (StateError("no token"), StateError),
        (StopAsyncIteration(), RuntimeError),
    ],
    ids=repr,
)
def test_what_an_awaited_prepare_raises_ends_the_source(
    error: Exception, expected: type[Exception]
) -> None:
    async def prepare(request: HTTPRequest) -> HTTPRequest:
        await asyncio.sleep(0)
        raise error

    async def main() -> None:
        source = EventSource("http://127.0.0.1:9/", prepare=prepare)
        with pytest.raises(expected):
            await source.__anext__()
        assert source.state == "closed"
        assert await collect(source) == []

    run(main())


def test_a_transport_error_of_an_awaited_prepare_is_a_failed_attempt() -> None:
    async def prepare(request: HTTPRequest) -> HTTPRequest:
        await asyncio.sleep(0)
        raise TransportError("no token")

    async def main() -> None:
        policy = ReconnectPolicy(initial_delay=0.01, max_attempts=2)
        source = EventSource("http://127.0.0.1:9/", prepare=prepare, reconnect=policy)
        with pytest.raises(RetriesExhausted) as caught:
            await source.__anext__()
        assert str(caught.value.__cause__) == "no token"

    run(main())


@pytest.mark.parametrize("what", ["close", "restart"])
def test_a_prepare_that_is_awaited_is_ended_by_close_and_restart(what: str) -> None:
    async def main(url: str) -> None:
        tokens = Tokens(60.0)
        source = EventSource(url, prepare=tokens)
        task = asyncio.ensure_future(collect(source))
        await tokens.begun.wait()
        tokens.seconds = 0.0
        if what == "restart":
            source.restart()
            while tokens.calls < 2 or source.last_event_id != "1":
                await asyncio.sleep(0.002)
        source.close()
        assert await task == (["1"] if what == "restart" else [])

    with Server([[head(), event(1), "hold"]]) as server:
        run(main(server.url))
        assert server.connections == (1 if what == "restart" else 0)


def test_a_step_that_is_cancelled_in_prepare_leaves_the_source_able_to_go_on() -> None:
    async def main(url: str) -> None:
        tokens = Tokens(0.15)
        async with EventSource(url, prepare=tokens) as source:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(source.__anext__(), 0.01)
            assert (await source.__anext__()).data == "1"

    with Server([[head(), event(1), "hold"]]) as server:
        run(main(server.url))
        assert server.connections == 1


# --- documentation

DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "clients.md"


def test_the_documentation_names_the_statuses_and_limits_of_the_code() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    numbers = {int(number) for number in re.findall(r"\b\d{3}\b", text)} | set(range(520, 525))
    assert set(RETRY_STATUSES) <= numbers
    assert _BACKLOG + READ_SIZE == 128 * 1024
    assert _NEXT_ADDRESS == 0.25
