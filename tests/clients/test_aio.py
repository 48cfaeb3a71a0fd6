"""The asyncio client against the scripted server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import logging
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ssewire import SSEWireError, StateError, aio, client
from ssewire._settings import READ_SIZE
from ssewire.aio import (
    EventSource,
    EventStream,
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
    HTTPFormatError,
    RetriesExhausted,
    StatusError,
    StreamTimeout,
    TransportError,
)
from ssewire.reconnect import RETRY_STATUSES
from tests.clients.scenarios import ABC, SCENARIOS, SOON, Outcome, Scenario, event, soak_script
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Request, Server, chunk, head, trusting_context

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own; it must leave no task behind."""

    async def main() -> T:
        try:
            return await asyncio.wait_for(coroutine, 30)
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, left

    return asyncio.run(main())


async def collect(stream: Any) -> list[str]:
    """Return the data of what is left of a stream."""
    return [event.data async for event in stream]


async def follow(scenario: Scenario, url: str) -> Outcome:
    """Let the asyncio client live through a scenario."""
    outcome = Outcome()
    options: dict[str, Any] = dict(scenario.options)
    if scenario.timeouts is not None:
        options["timeouts"] = Timeouts(**scenario.timeouts)
    if scenario.tls is not None and scenario.trusted:
        options["tls"] = trusting_context()
    stream: Any
    try:
        if scenario.kind == "stream":
            stream = await open_stream(url, **options)
        else:

            def opened(stream: EventStream) -> None:
                outcome.opened += 1

            def failed(error: SSEWireError, delay: float | None) -> None:
                outcome.reported.append((type(error).__name__, delay))

            stream = EventSource(
                url,
                reconnect=ReconnectPolicy(**scenario.policy),
                on_open=opened,
                on_error=failed,
                **options,
            )
        async with stream:
            async for item in stream:
                outcome.add(item, stream.last_event_id)
                if len(outcome.items) == scenario.take:
                    break
    except SSEWireError as exc:
        outcome.error = exc
    return outcome


@pytest.mark.parametrize("scenario", SCENARIOS, ids=repr)
def test_scenario(scenario: Scenario) -> None:
    with scenario.server() as server:
        outcome = run(follow(scenario, scenario.url(server)))
        scenario.check(outcome, server)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc to count in")


@needs_proc
@pytest.mark.parametrize("scenario", SCENARIOS[::4], ids=repr)
def test_no_descriptor_task_or_thread_is_left_behind_while_the_loop_runs(
    scenario: Scenario,
) -> None:
    threads = threading.active_count()

    async def main() -> None:
        before = descriptors(), asyncio.all_tasks()
        with scenario.server() as server:
            await follow(scenario, scenario.url(server))
        assert (descriptors(), asyncio.all_tasks()) == before

    run(main())
    assert threading.active_count() == threads


# --- arguments


class Forbidden:
    """Stands for the socket module's functions where no socket may be opened."""

    def __call__(self, *args: object, **options: object) -> Any:
        raise AssertionError("a socket was opened")


@pytest.mark.parametrize("function", [request, open_stream, EventSource])
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"url": "ftp://h/"}, ValueError),
        ({"url": "http://user:pw@h/"}, ValueError),
        ({"url": b"http://h/"}, TypeError),
        ({"headers": {"X": "a\r\nb"}}, ValueError),
        ({"headers": 5}, TypeError),
        ({"method": "GET /"}, ValueError),
        ({"body": "text", "method": "POST"}, TypeError),
        ({"timeouts": 5}, TypeError),
        ({"tls": True}, TypeError),
        ({"proxy": "socks5://h"}, ValueError),
        ({"proxy": 5}, TypeError),
        ({"max_redirects": -1}, ValueError),
        ({"transport": 5}, TypeError),
    ],
    ids=str,
)
def test_wrong_arguments_fail_at_the_call_before_anything_is_awaited(
    function: Any, options: dict[str, Any], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Forbidden())
    monkeypatch.setattr(socket, "socket", Forbidden())
    with pytest.raises(error):
        function(**{"url": "http://127.0.0.1:9/", **options})


async def coroutine_function(*args: object) -> None:
    raise AssertionError("never awaited")


class AsyncCall:
    async def __call__(self, *args: object) -> None:
        raise AssertionError("never awaited")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"on_open": coroutine_function}, TypeError),
        ({"on_error": AsyncCall()}, TypeError),
        ({"on_error": 5}, TypeError),
        ({"reconnect": 5}, TypeError),
        ({"last_event_id": "a\nb"}, ValueError),
        ({"last_event_id": "a\ud800"}, ValueError),
        ({"last_event_id": 5}, TypeError),
        ({"max_event_size": -1}, ValueError),
    ],
    ids=str,
)
def test_wrong_arguments_of_a_source_fail_at_once(
    options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        EventSource("http://127.0.0.1:9/", **options)


@pytest.mark.parametrize("options", [{"last_event_id": "a\nb"}, {"max_event_size": -1}], ids=str)
def test_wrong_parser_options_of_a_stream_fail_at_the_call(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must not"):
        open_stream("http://127.0.0.1:9/", **options)


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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_refused_connection_is_connect_failed_with_the_os_error() -> None:
    async def main() -> None:
        with pytest.raises(ConnectFailed) as caught:
            await open_stream(f"http://127.0.0.1:{free_port()}/", proxy=None)
        assert isinstance(caught.value.__cause__, ConnectionRefusedError)
        assert caught.value.retryable

    run(main())


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 63 + "." + "b" * 63, "-"])
def test_an_unknown_host_is_connect_failed(host: str) -> None:
    async def main() -> None:
        with pytest.raises(ConnectFailed) as caught:
            await request(f"http://{host}:9/", proxy=None)
        assert isinstance(caught.value.__cause__, (OSError, UnicodeError))

    run(main())


def addresses(*ports: int) -> Any:
    """Return what getaddrinfo gives for a host with these ports of 127.0.0.1 as its addresses."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]


def test_the_next_address_is_tried_where_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(url: str) -> int:
        async with request(url, proxy=None) as response:
            return response.status

    with Server([[head(200, "Content-Length: 0")]]) as server:
        found = addresses(free_port(), server.port)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
        assert run(main("http://h/")) == 200
        assert server.wait_closed()


def silent_address() -> tuple[socket.socket, list[socket.socket], int]:
    """Return a listener with a full queue, so that connecting to its port gets no answer."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    waiting = []
    for _ in range(3):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(("127.0.0.1", port))
    return listener, waiting, port


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
        assert time.monotonic() - begin < 2
    for connection in waiting:
        connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a queue of connections that fills up")
def test_connect_times_out_where_nobody_answers() -> None:
    listener, waiting, port = silent_address()

    async def main() -> None:
        with pytest.raises(StreamTimeout) as caught:
            await request(f"http://127.0.0.1:{port}/", timeouts=Timeouts(connect=0.1))
        assert (caught.value.kind, caught.value.seconds) == ("connect", 0.1)

    with listener:
        run(main())
    for connection in waiting:
        connection.close()


def test_connect_covers_the_name_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    found = threading.Event()

    def lookup(*args: object, **options: object) -> Any:
        found.wait(5)
        return addresses(9)

    async def main() -> None:
        begin = time.monotonic()
        with pytest.raises(StreamTimeout, match="connect"):
            await request("http://h/", proxy=None, timeouts=Timeouts(connect=0.1))
        assert time.monotonic() - begin < 1
        found.set()

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    run(main())


# --- responses


def test_request_checks_nothing_and_gives_the_body_in_chunks() -> None:
    script = [
        [head(404, "X-A: b", CHUNKED, content_type=None), chunk(b"ab"), chunk(b"c"), LAST_CHUNK]
    ]

    async def main(url: str) -> None:
        async with request(url, method="PUT", body=b"123", headers={"X": "é"}) as response:
            assert response.status == 404
            assert response.headers["x-a"] == "b"
            assert response.url == url
            assert b"".join([bytes(piece) async for piece in response.chunks]) == b"abc"
            assert [piece async for piece in response.chunks] == []

    with Server(script) as server:
        run(main(server.url + "/x"))
        sent = server.requests[0]
    assert (sent.method, sent.target, sent.body) == ("PUT", "/x", b"123")
    assert ("x", "é".encode()) in sent.fields
    assert sent.headers["accept"] == "text/event-stream"


def test_a_response_without_a_body_may_name_any_encoding() -> None:
    async def main(url: str) -> list[Any]:
        return [piece async for piece in (await request(url, method="HEAD")).chunks]

    with Server([[head(200, "Content-Encoding: br", "Content-Length: 9")]]) as server:
        assert run(main(server.url)) == []


def test_a_stream_knows_its_response() -> None:
    async def main(url: str) -> None:
        async with open_stream(url, last_event_id="4") as stream:
            assert (stream.status, stream.headers["X"], stream.url) == (200, "y", url + "/b")
            assert await collect(stream) == []
            assert (stream.last_event_id, stream.retry) == ("5", 70)

    with Server(
        [[head(302, "Location: /b")], [head(200, "X: y"), b"id: 5\nretry: 70\n\n"]]
    ) as server:
        run(main(server.url))
        assert server.last_event_ids == ["4", "4"]


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


def test_last_event_id_is_that_of_the_last_event_handed_out() -> None:
    script = [[head(), b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n"]]

    async def main(url: str) -> list[str]:
        async with open_stream(url, last_event_id="0") as stream:
            ids = [stream.last_event_id]
            ids += [stream.last_event_id async for _ in stream]
        return [*ids, stream.last_event_id]

    with Server(script) as server:
        ids = run(main(server.url))
    assert (ids[:2], ids[-1]) == (["0", "1"], "3")


@pytest.mark.parametrize("kind", [open_stream, EventSource])
def test_closing_with_events_left_keeps_the_id_of_the_last_one_handed_out(kind: Any) -> None:
    async def main(url: str) -> str:
        async with kind(url) as stream:
            assert (await stream.__anext__()).data == "1"
        assert await collect(stream) == []
        last: str = stream.last_event_id
        return last

    with Server([[head() + event(1) + event(2) + event(3), "hold"]]) as server:
        assert run(main(server.url)) == "1"


def counting_reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return a list that grows by what each read brings."""
    reads: list[bytes] = []
    updated = Connection.buffer_updated

    def counting(self: Any, nbytes: int) -> None:
        reads.append(bytes(self._view[:nbytes]))
        updated(self, nbytes)

    monkeypatch.setattr(Connection, "buffer_updated", counting)
    return reads


def test_an_event_is_handed_out_by_the_read_that_brought_its_last_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = counting_reads(monkeypatch)
    go = threading.Semaphore(0)

    def script(request: Request) -> Iterator[bytes]:
        yield head(200, CHUNKED)
        for number in range(3):
            go.acquire(timeout=5)
            # Up to the event's last byte, without the chunk's own line end.
            yield b"%x\r\ndata: %d\r\r" % (len(b"data: 0\r\r"), number)
            go.acquire(timeout=5)
            yield b"\r\n"

    async def main(url: str) -> None:
        async with open_stream(url) as stream:
            for number in range(3):
                before = len(reads)
                go.release()
                assert (await stream.__anext__()).data == str(number)
                # The last chunk's line end may have come by itself.
                assert len(reads) - before <= 1 + (number > 0)
                assert reads[-1].endswith(b"%d\r\r" % number)
                go.release()

    with Server([script]) as server:
        run(main(server.url))


def test_the_first_event_needs_no_read_of_its_own_where_it_came_with_the_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = counting_reads(monkeypatch)

    async def main(url: str) -> None:
        async with open_stream(url) as stream:
            assert (await stream.__anext__()).data == "a"
            assert len(reads) == 1

    with Server([[head() + b"data: a\n\n", "hold"]]) as server:
        run(main(server.url))


def test_batches_are_the_events_of_each_read() -> None:
    go = threading.Semaphore(0)

    def script(request: Request) -> Iterator[bytes]:
        yield head()
        for data in (b"data: a\n\ndata: b\n\nda", b"ta: c\n\n", b":\n", b"data: d\n\n"):
            go.acquire(timeout=5)
            yield data

    async def main(url: str) -> list[str]:
        batches = []
        async with open_stream(url) as stream:
            go.release()
            async for batch in stream.batches():
                batches.append("".join(event.data for event in batch))
                go.release()
                if len(batches) == 2:
                    # Nobody wakes up for the comment.
                    go.release()
        return batches

    with Server([script]) as server:
        assert run(main(server.url)) == ["ab", "c", "d"]


def test_batches_begin_with_what_is_left_of_the_last_read() -> None:
    script = [[head() + b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n", "hold"]]

    async def main(url: str) -> None:
        async with open_stream(url) as stream:
            assert (await stream.__anext__()).data == "a"
            assert stream.last_event_id == "1"
            batch = await stream.batches().__anext__()
            assert [event.data for event in batch] == ["b", "c"]
            assert stream.last_event_id == "3"

    with Server(script) as server:
        run(main(server.url))


def test_an_exception_in_the_loop_does_not_end_the_stream() -> None:
    async def stop_at_once(stream: EventStream) -> None:
        async for _ in stream:
            raise KeyError

    async def main(url: str) -> list[str]:
        async with open_stream(url) as stream:
            with pytest.raises(KeyError):
                await stop_at_once(stream)
            return await collect(stream)

    with Server([[head(), ABC]]) as server:
        assert run(main(server.url)) == ["b", "c"]


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


# --- back-pressure


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_a_consumer_that_stops_reading_stops_the_socket(
    tls: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = counting_reads(monkeypatch)
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
    reads = counting_reads(monkeypatch)

    async def main(url: str) -> None:
        async with open_stream(url), request(url):
            await asyncio.sleep(0.3)
            # One unfinished event, of which nothing could be handed out.
            assert sum(map(len, reads)) <= 2 * (2 * 64 * 1024 + len(head()))

    with Server([[head(), b"data: " + b"x" * 2**23]]) as server:
        run(main(server.url))
        assert server.wait_closed()


# --- time


def test_a_consumer_that_takes_its_time_does_not_time_out_a_good_stream() -> None:
    async def main(url: str) -> list[str]:
        seen = []
        async with open_stream(url, timeouts=Timeouts(idle=SOON, stall=SOON)) as stream:
            async for received in stream:
                seen.append(received.data)
                await asyncio.sleep(1.5 * SOON)
        return seen

    with Server([[head(), event(1), SOON / 2, event(2), SOON, event(3)]]) as server:
        assert run(main(server.url)) == ["1", "2", "3"]


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


@pytest.mark.parametrize("kind", [open_stream, EventSource])
def test_close_from_another_task_ends_a_waiting_iteration_at_once(kind: Any) -> None:
    async def main(server: Server) -> None:
        stream = kind(server.url)
        if kind is open_stream:
            stream = await stream
        task = asyncio.ensure_future(collect(stream))
        await asyncio.sleep(0.05)
        begin = time.monotonic()
        await stream.close()
        assert await task == ["a"]
        assert time.monotonic() - begin < 1
        await stream.aclose()
        assert await collect(stream) == []
        assert server.wait_closed()

    with Server([[head(), b"data: a\n\n", "hold"]]) as server:
        run(main(server))


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


def test_closing_a_response_ends_its_waiting_body() -> None:
    async def main(url: str) -> bytes:
        response = await request(url)
        asyncio.get_running_loop().call_later(0.05, response.close)
        return b"".join([bytes(piece) async for piece in response.chunks])

    with Server([[head(), b"abc", "hold"]]) as server:
        assert run(main(server.url)) == b"abc"
        assert server.wait_closed()


SILENCE: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("waiting for the head", [["hold"]], {}),
    ("in a TLS handshake", [["deaf", "hold"]], {"scheme": "https"}),
    ("waiting for the next attempt", [["reset"]], {"delay": 60.0}),
    ("reading", [[head(), "hold"]], {}),
    ("reading what is compressed", [[head(200, "Content-Encoding: gzip"), "hold"]], {}),
]


@pytest.mark.parametrize("how_to_end", ["close", "cancel"])
@pytest.mark.parametrize(("name", "script", "how"), SILENCE, ids=[row[0] for row in SILENCE])
def test_a_source_ends_whatever_it_does(
    name: str, script: list[Any], how: dict[str, Any], how_to_end: str
) -> None:
    async def main(server: Server) -> None:
        url = server.url.replace("http", how.get("scheme", "http"))
        policy = ReconnectPolicy(initial_delay=how.get("delay", 0.01))
        source = EventSource(url, reconnect=policy)
        task = asyncio.ensure_future(collect(source))
        while not server.connections:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.03)
        if how_to_end == "close":
            await source.close()
            assert await task == []
        else:
            await cancelled(task)
            assert source.state != "closed"
            await source.close()
        assert source.state == "closed"
        assert server.wait_closed()

    with Server(script) as server:
        run(main(server))


def test_close_during_a_name_lookup_ends_a_source_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looking, found = threading.Event(), threading.Event()

    def lookup(*args: object, **options: object) -> Any:
        looking.set()
        found.wait(5)
        return addresses(9)

    async def main() -> None:
        source = EventSource("http://h/", proxy=None)
        task = asyncio.ensure_future(collect(source))
        while not looking.is_set():
            await asyncio.sleep(0.005)
        source.close()
        begin = time.monotonic()
        assert await task == []
        assert time.monotonic() - begin < 0.5
        found.set()

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    run(main())


def test_restart_hands_out_what_was_received_and_connects_at_once() -> None:
    script: list[Any] = [
        [head() + b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n", "hold"],
        [head(), b"id: 3\ndata: c\n\n", "hold"],
    ]

    async def main(url: str) -> None:
        async with EventSource(url, reconnect=ReconnectPolicy(initial_delay=60.0)) as source:
            assert (await source.__anext__()).data == "a"
            source.restart()
            assert [(await source.__anext__()).data for _ in "bc"] == ["b", "c"]
        with pytest.raises(StateError):
            source.restart()

    with Server(script) as server:
        run(main(server.url))
        assert server.last_event_ids == [None, "2"]


@pytest.mark.parametrize("name", ["waiting", "reading", "opening"])
def test_restart_from_another_task_wakes_a_source(name: str) -> None:
    firsts: dict[str, list[Any]] = {
        "waiting": ["reset"],
        "reading": [head(), "hold"],
        "opening": ["hold"],
    }
    first = firsts[name]

    async def main(server: Server) -> None:
        async with EventSource(server.url, reconnect=ReconnectPolicy(initial_delay=60.0)) as source:
            asyncio.get_running_loop().call_later(0.1, source.restart)
            assert (await source.__anext__()).data == "a"

    with Server([first, [head(), b"data: a\n\n", "hold"]]) as server:
        run(main(server))
        assert server.wait_closed()


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


def test_a_source_whose_waiting_task_was_cancelled_goes_on_where_it_was() -> None:
    async def main(server: Server) -> None:
        async with EventSource(server.url) as source:
            assert (await source.__anext__()).data == "1"
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(source.__anext__(), 0.05)
            await turns(1)
            assert server.wait_closed()
            assert (await source.__anext__()).data == "2"

    with Server([[head(), event(1), "hold"], [head(), event(2), "hold"]]) as server:
        run(main(server))
        assert server.last_event_ids == [None, "1"]


def test_a_stream_whose_waiting_task_was_cancelled_has_ended() -> None:
    async def main(server: Server) -> None:
        stream = await open_stream(server.url)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(collect(stream), 0.05)
        await turns(1)
        assert server.wait_closed()
        assert await collect(stream) == []

    with Server([[head(), "hold"]]) as server:
        run(main(server))


@needs_proc
@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
@pytest.mark.parametrize("kind", [open_stream, EventSource])
def test_cancelling_at_any_turn_of_the_loop_leaves_nothing_behind(
    kind: Any, tls: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")
    chance = random.Random(4)

    async def consume(url: str, options: dict[str, Any]) -> None:
        stream = kind(url, **options)
        # Without `async with`, which would close what a cancellation left open.
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
        await turns(4)
        while asyncio.all_tasks() != tasks:
            # After a second cancellation a task may still be on its way.
            await asyncio.sleep(0.001)
        assert server.wait_closed()
        gc.collect()
        while descriptors() > before + server.open_connections:
            await asyncio.sleep(0.001)

    # A stream whose script has ended goes on to nothing; most of them never end.
    script = soak_script(3, 10**9) if kind is EventSource else [head(), *[event(1), 0.002] * 200]
    with Server([script], tls=tls) as server:
        run(main(server))


@needs_proc
def test_sources_closed_and_restarted_at_random_times_leave_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")
    chance = random.Random(2)

    async def main(server: Server) -> None:
        before = descriptors()
        for _ in range(60):
            source = EventSource(server.url, reconnect=ReconnectPolicy(initial_delay=0.002))
            task = asyncio.ensure_future(collect(source))
            await asyncio.sleep(chance.random() * 0.02)
            if chance.randrange(2):
                source.restart()
                await asyncio.sleep(chance.random() * 0.02)
            source.close()
            seen = [int(data) for data in await task]
            assert seen == list(range(1, len(seen) + 1))
        assert server.wait_closed()
        assert descriptors() == before

    with Server([soak_script(3, 10**9)]) as server:
        run(main(server))


# --- sources


def test_state_and_hooks_follow_the_connections() -> None:
    seen: list[Any] = []

    async def main(url: str) -> None:
        source = EventSource(
            url,
            on_open=lambda stream: seen.append(("open", stream.status, source.state)),
            on_error=lambda error, delay: seen.append((type(error).__name__, delay, source.state)),
            reconnect=ReconnectPolicy(jitter=0),
        )
        assert source.state == "connecting"
        assert (await source.__anext__()).data == "a"
        assert (source.state, source.retry) == ("open", 10)
        with pytest.raises(StatusError):
            await source.__anext__()
        assert source.state == "closed"
        assert await collect(source) == []

    with Server([[head(), b"retry: 10\ndata: a\n\n"], [head(404)]]) as server:
        run(main(server.url))
    assert seen == [
        ("open", 200, "open"),
        ("ConnectionLost", 0.01, "connecting"),
        ("StatusError", None, "closed"),
    ]


@pytest.mark.parametrize("hook", ["on_open", "on_error"])
def test_what_a_hook_raises_closes_the_source_and_propagates(hook: str) -> None:
    def fail(*args: object) -> None:
        raise ZeroDivisionError

    async def main(server: Server) -> None:
        options: dict[str, Any] = {hook: fail}
        source = EventSource(server.url, **options)
        with pytest.raises(ZeroDivisionError):
            await source.__anext__()
        assert source.state == "closed"
        assert await collect(source) == []
        assert server.wait_closed()

    script: list[Any] = [[head(), "hold"]] if hook == "on_open" else [["reset"]]
    with Server(script) as server:
        run(main(server))


def test_a_hook_may_close_the_source() -> None:
    async def main(url: str) -> list[str]:
        source = EventSource(url, on_error=lambda error, delay: source.close())
        return await collect(source)

    with Server([["reset"]]) as server:
        assert run(main(server.url)) == []
        assert server.connections == 1


def test_retry_after_is_waited_for() -> None:
    delays: list[Any] = []

    async def main(url: str) -> None:
        def stop(error: SSEWireError, delay: float | None) -> None:
            delays.append(delay)
            source.close()

        source = EventSource(url, on_error=stop)
        assert await collect(source) == []

    with Server([[head(503, "Retry-After: 7")]]) as server:
        run(main(server.url))
    assert delays == [7.0]


def test_failed_attempts_are_logged_as_warnings_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "ssewire")

    async def main(url: str) -> None:
        policy = ReconnectPolicy(initial_delay=0.0, max_attempts=2)
        source = EventSource(
            f"{url}/?key=hunter2", headers={"X-API-Key": "hunter2"}, reconnect=policy
        )
        with pytest.raises(RetriesExhausted):
            await collect(source)

    with Server([[head(), b"data: a\n\n"], [head(503)]]) as server:
        run(main(server.url))
    records = [record for record in caplog.records if record.name == "ssewire"]
    assert [record.levelname for record in records] == ["INFO", "WARNING", "WARNING"]
    assert "status 503" in caplog.text
    assert "hunter2" not in caplog.text


# --- proxies


def test_plain_http_goes_through_a_proxy_by_its_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> list[str]:
        async with open_stream("http://nowhere.invalid:81/x?y") as stream:
            return await collect(stream)

    with Server([[head(), ABC]]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//us:pw@"))
        monkeypatch.setenv("no_proxy", "")
        assert run(main()) == ["a", "b", "c"]
        sent = proxy.requests[0]
    assert sent.target == "http://nowhere.invalid:81/x?y"
    assert sent.headers["host"] == "nowhere.invalid:81"
    assert sent.headers["proxy-authorization"] == "Basic dXM6cHc="


def test_https_goes_through_a_tunnel_that_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(url: str) -> list[str]:
        headers = {"Authorization": "secret"}
        async with open_stream(url, tls=trusting_context(), headers=headers) as stream:
            return await collect(stream)

    with Server([["tunnel"]]) as proxy, Server([[head(), ABC]], tls="127.0.0.1") as server:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        assert run(main(server.url)) == ["a", "b", "c"]
        assert proxy.requests[0].method == "CONNECT"
        assert proxy.requests[0].target == f"127.0.0.1:{server.port}"
        assert "authorization" not in proxy.requests[0].headers
        assert server.requests[0].headers["authorization"] == "secret"


@pytest.mark.parametrize(
    ("script", "error", "retryable"),
    [
        ([[head(407)]], ConnectFailed, False),
        ([[head(503)]], ConnectFailed, True),
        ([["reset"]], ConnectFailed, True),
        ([[b"garbage\r\n"]], ConnectFailed, True),
        ([[b"HTTP/1.1 200 OK\r\n\r\nearly"]], HTTPFormatError, True),
        ([["hold"]], StreamTimeout, True),
    ],
)
def test_a_proxy_that_opens_no_tunnel(
    script: list[Any], error: type[TransportError], retryable: bool
) -> None:
    async def main(url: str) -> None:
        with pytest.raises(error) as caught:
            await request("https://h/", proxy=url, timeouts=Timeouts(connect=0.2))
        assert caught.value.retryable is retryable

    with Server(script) as proxy:
        run(main(proxy.url))
        assert proxy.wait_closed()


# --- transports


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for piece in chunks:
        yield piece


def test_a_transport_carries_the_request_and_its_errors_are_wrapped() -> None:
    carried: list[Any] = []

    async def transport(request: HTTPRequest) -> HTTPResponse:
        carried.append(request)
        if len(carried) == 1:
            return HTTPResponse(302, {"Location": "/b"}, pieces())
        if len(carried) == 2:
            return HTTPResponse(
                200, {"Content-Type": "text/event-stream"}, pieces(ABC[:9], ABC[9:])
            )
        raise OSError("no more")

    async def main() -> None:
        source = EventSource(
            "http://h/a", transport=transport, reconnect=ReconnectPolicy(0.0, max_attempts=1)
        )
        async with source:
            assert [(await source.__anext__()).data for _ in range(3)] == ["a", "b", "c"]
            with pytest.raises(RetriesExhausted) as caught:
                await source.__anext__()
        cause = caught.value.__cause__
        assert type(cause) is TransportError
        assert isinstance(cause.__cause__, OSError)

    run(main())
    assert [request.url for request in carried] == ["http://h/a", "http://h/b", "http://h/a"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_transports_broken_body_is_a_transport_error_and_is_closed(asynchronous: bool) -> None:
    closed = []

    async def chunks() -> AsyncIterator[bytes]:
        yield b"data: a\n\n"
        raise OSError("broken")

    async def aclose() -> None:
        await asyncio.sleep(0)
        closed.append(1)

    def close() -> object:
        return aclose() if asynchronous else closed.append(1)  # type: ignore[func-returns-value]

    async def transport(request: HTTPRequest) -> HTTPResponse:
        return HTTPResponse(200, [("content-type", "text/event-stream")], chunks(), close=close)

    async def main() -> None:
        stream = await open_stream("http://h/", transport=transport)
        assert (await stream.__anext__()).data == "a"
        with pytest.raises(TransportError) as caught:
            await stream.__anext__()
        assert isinstance(caught.value.__cause__, OSError)
        assert await collect(stream) == []

    run(main())
    assert closed == [1]


@pytest.mark.parametrize("status", [200, 204, 401])
def test_a_transports_response_that_cannot_be_closed_changes_no_outcome(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"data: a\n\n"

    async def close() -> None:
        raise RuntimeError("the password is 1234")

    async def transport(request: HTTPRequest) -> HTTPResponse:
        headers = {"Content-Type": "text/event-stream"}
        return HTTPResponse(status, headers, chunks(), close=close)

    async def main() -> None:
        policy = ReconnectPolicy(max_attempts=1)
        async with EventSource("http://h/", transport=transport, reconnect=policy) as source:
            if status == 401:
                with pytest.raises(StatusError):
                    await source.__anext__()
            elif status == 204:
                assert await collect(source) == []
            else:
                assert (await source.__anext__()).data == "a"

    run(main())
    assert "could not be closed: RuntimeError" in caplog.text
    assert "1234" not in caplog.text


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration])
def test_a_hook_that_raises_what_ends_iterations_is_no_end_of_the_events(
    error: type[Exception],
) -> None:
    def stop(stream: object) -> None:
        raise error

    async def main(server: Server) -> None:
        async with EventSource(server.url, on_open=stop, proxy=None) as source:
            with pytest.raises(RuntimeError, match=error.__name__):
                await source.__anext__()
            assert source.state == "closed"

    with Server([[head(), "hold"]]) as server:
        run(main(server))


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
        await asyncio.sleep(0.02)
        if how == "close":
            await source.close()
            assert await task == ["a"]
        elif how == "restart":
            source.restart()
            with pytest.raises(RetriesExhausted):
                await task
        else:
            await cancelled(task)
        assert closed == [1]
        await source.close()

    run(main())


@pytest.mark.parametrize("transport", [lambda request: None, lambda request: object()])
def test_a_transport_that_returns_something_else_is_a_type_error(transport: Any) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="HTTPResponse"):
            await open_stream("http://h/", transport=transport)

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


def test_two_thousand_reconnects_with_faults_lose_no_event_and_repeat_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Thousands of warnings, each kept with its traceback, would be most of the time.
    caplog.set_level(logging.CRITICAL, "ssewire")
    last = 2100

    async def main(url: str) -> list[int]:
        policy = ReconnectPolicy(initial_delay=0.0)
        async with EventSource(url, reconnect=policy) as source:
            return [int(event.data) async for event in source]

    before = threading.active_count()
    with Server([soak_script(1, last)]) as server:
        seen = run(main(server.url))
        connections = server.connections
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= last
    assert connections > 2000
    assert threading.active_count() == before


# --- what a source must not forget


def test_a_source_goes_on_after_the_last_event_given_where_on_open_closed_its_stream() -> None:
    def numbered(request: Request) -> list[Any]:
        first = int(request.last_event_id or "0") + 1
        return [head(), b"".join(event(first + offset) for offset in range(3)), "hold"]

    streams: list[EventStream] = []

    async def main(url: str) -> list[str]:
        policy = ReconnectPolicy(initial_delay=0.0)
        async with EventSource(url, reconnect=policy, on_open=streams.append) as source:
            seen = []
            for _ in range(4):
                seen.append((await source.__anext__()).id)
                streams[-1].close()
            assert source.last_event_id == "4"
            return seen

    with Server([numbered]) as server:
        assert run(main(server.url)) == ["1", "2", "3", "4"]
        assert server.last_event_ids == [None, "1", "2", "3"]


@pytest.mark.parametrize("steps", [["hold"], [head(), "hold"]], ids=["head", "events"])
def test_a_request_that_may_not_be_repeated_is_not_repeated_after_a_cancellation(
    steps: list[Any],
) -> None:
    async def main(server: Server) -> None:
        async with EventSource(server.url, method="POST", body=b"buy") as source:
            task = asyncio.create_task(source.__anext__())
            while not server.requests:
                await asyncio.sleep(0.005)
            await cancelled(task)
            assert source.state == "closed"
            with pytest.raises(StopAsyncIteration):
                await source.__anext__()

    with Server([steps]) as server:
        run(main(server))
        assert len(server.requests) == 1


def test_a_wait_for_the_next_attempt_goes_on_where_it_was_cancelled() -> None:
    async def main(url: str) -> str:
        policy = ReconnectPolicy(initial_delay=0.3, jitter=0.0)
        async with EventSource(url, reconnect=policy) as source:
            assert (await source.__anext__()).id == "1"
            for _ in range(50):
                try:
                    return str((await asyncio.wait_for(source.__anext__(), 0.1)).id)
                except asyncio.TimeoutError:
                    pass
        raise AssertionError("it never connected again")

    with Server([[head(), event(1)], [head(), event(2), "hold"]]) as server:
        assert run(main(server.url)) == "2"


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


# --- documentation

DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "clients.md"


def test_the_documentation_names_the_statuses_and_limits_of_the_code() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    numbers = {int(number) for number in re.findall(r"\b\d{3}\b", text)} | set(range(520, 525))
    assert set(RETRY_STATUSES) <= numbers
    assert _BACKLOG + READ_SIZE == 128 * 1024
    assert _NEXT_ADDRESS == 0.25
