"""The sync client against the scripted server."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import logging
import os
import random
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from ssewire import SSEWireError, StateError, aio, client
from ssewire.client import (
    EventSource,
    EventStream,
    HTTPRequest,
    HTTPResponse,
    ReconnectPolicy,
    Timeouts,
    open_stream,
    request,
)
from ssewire.client._connection import Wire
from ssewire.errors import (
    ConnectFailed,
    ConnectionLost,
    HTTPFormatError,
    RetriesExhausted,
    StatusError,
    StreamTimeout,
    TransportError,
)
from tests.clients.scenarios import ABC, SCENARIOS, Outcome, Scenario, soak_script
from tests.kit.scripted import (
    CHUNKED,
    LAST_CHUNK,
    PATIENCE,
    Request,
    Server,
    chunk,
    head,
    trusting_context,
)


def run(scenario: Scenario, url: str) -> Outcome:
    """Let the sync client live through a scenario."""
    outcome = Outcome()
    options: dict[str, Any] = dict(scenario.options)
    if scenario.timeouts is not None:
        options["timeouts"] = Timeouts(**scenario.timeouts)
    if scenario.tls is not None and scenario.trusted:
        options["tls"] = trusting_context()
    stream: EventStream | EventSource
    try:
        if scenario.kind == "stream":
            stream = open_stream(url, **options)
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
        with stream:
            for item in stream:
                outcome.add(item, stream.last_event_id)
                if len(outcome.items) == scenario.take:
                    break
    except SSEWireError as exc:
        outcome.error = exc
    return outcome


@pytest.mark.parametrize("scenario", SCENARIOS, ids=repr)
def test_scenario(scenario: Scenario) -> None:
    with scenario.server() as server:
        outcome = run(scenario, scenario.url(server))
        scenario.check(outcome, server)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc to count in")


@needs_proc
@pytest.mark.parametrize("scenario", SCENARIOS[::4], ids=repr)
def test_no_descriptor_and_no_thread_is_left_behind(scenario: Scenario) -> None:
    before = descriptors(), threading.active_count()
    with scenario.server() as server:
        run(scenario, scenario.url(server))
    assert (descriptors(), threading.active_count()) == before


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
        ({"headers": {"X": "a\0"}}, ValueError),
        ({"headers": {"a b": "c"}}, ValueError),
        ({"headers": 5}, TypeError),
        ({"method": "GET /"}, ValueError),
        ({"body": "text", "method": "POST"}, TypeError),
        ({"timeouts": 5}, TypeError),
        ({"tls": True}, TypeError),
        ({"proxy": "socks5://h"}, ValueError),
        ({"proxy": 5}, TypeError),
        ({"max_redirects": -1}, ValueError),
        ({"tls": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}, ValueError),
        ({"transport": 5}, TypeError),
    ],
    ids=str,
)
def test_wrong_arguments_fail_before_any_socket_is_opened(
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
        ({"transport": coroutine_function}, TypeError),
    ],
    ids=str,
)
def test_wrong_arguments_of_a_source_fail_at_once(
    options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        EventSource("http://127.0.0.1:9/", **options)


def test_a_bad_proxy_in_the_environment_fails_before_any_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "socks5://h:1")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ValueError, match="proxies"):
        open_stream("http://127.0.0.1:9/")


def test_the_public_names_are_those_of_the_design() -> None:
    names = "request open_stream EventStream EventSource Timeouts Headers ReconnectPolicy"
    assert set(client.__all__) == {*names.split(), "HTTPRequest", "HTTPResponse", "Transport"}
    assert all(hasattr(client, name) for name in client.__all__)


# --- connecting


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_refused_connection_is_connect_failed_with_the_os_error() -> None:
    with pytest.raises(ConnectFailed) as caught:
        open_stream(f"http://127.0.0.1:{free_port()}/", proxy=None)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert caught.value.retryable


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 63 + "." + "b" * 63, "-"])
def test_an_unknown_host_is_connect_failed(host: str) -> None:
    with pytest.raises(ConnectFailed) as caught:
        request(f"http://{host}:9/", proxy=None)
    assert isinstance(caught.value.__cause__, OSError)


def test_the_next_address_is_tried_where_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", free_port()))
    with Server([[head(200, "Content-Length: 0")]]) as server:
        good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [refused, good])
        with request(server.url) as response:
            assert response.status == 200


def test_ipv6_is_connected_to_and_named_in_brackets() -> None:
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6))
        except OSError:
            pytest.skip("no IPv6 on loopback")
        port = listener.getsockname()[1]
        received: list[bytes] = []

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(4096))
                connection.sendall(head(204))

        thread = threading.Thread(target=serve)
        thread.start()
        with request(f"http://[::1]:{port}/") as response:
            assert response.status == 204
        thread.join()
        assert b"\r\nHost: [::1]:%d\r\n" % port in received[0]


# The kernel's own giving up is a TimeoutError, and since Python 3.10 a socket.timeout is one too.


class NeverConnected(socket.socket):
    def connect(self, address: Any) -> None:
        raise OSError(errno.ETIMEDOUT, "Connection timed out")


class GivenUpAfterTheHead(socket.socket):
    def recv(self, *args: Any) -> bytes:
        data = super().recv(*args)
        if b"event-stream" in data:
            return data
        self.shutdown(socket.SHUT_RD)
        if data:
            raise OSError(errno.ETIMEDOUT, "Connection timed out")
        return b""


@pytest.mark.parametrize("timeouts", [Timeouts(connect=None), Timeouts(connect=60.0)])
def test_a_connection_that_the_kernel_gives_up_is_connect_failed_and_no_timeout_of_ours(
    timeouts: Timeouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", NeverConnected)
    with pytest.raises(ConnectFailed, match="Connection timed out"):
        open_stream("http://127.0.0.1:9/", proxy=None, timeouts=timeouts)


def test_a_body_that_the_kernel_gives_up_is_connection_lost_and_no_clean_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Server([[head(), 0.05, b"data: a\n\n"]]) as server:
        with monkeypatch.context() as patched:
            patched.setattr(socket, "socket", GivenUpAfterTheHead)
            stream = open_stream(server.url, proxy=None)
        with stream, pytest.raises(ConnectionLost, match="Connection timed out"):
            list(stream)


@pytest.mark.parametrize("kind", ["connect", "total", "idle", "head"])
def test_a_timeout_longer_than_a_socket_can_wait_is_no_error(kind: str) -> None:
    with Server([[head(), b"data: a\n\n"]]) as server:
        stream = open_stream(server.url, timeouts=Timeouts(**{kind: 1e10}))
        with stream:
            assert [event.data for event in stream] == ["a"]


def test_a_delay_longer_than_a_lock_can_wait_is_no_error() -> None:
    delays: list[Any] = []
    policy = ReconnectPolicy(initial_delay=1e10, max_delay=1e10, jitter=0)
    with Server([[head(), b"data: a\n\n"]]) as server:
        waiting = threading.Event()

        def failed(error: SSEWireError, delay: float | None) -> None:
            delays.append(delay)
            waiting.set()

        source = EventSource(server.url, reconnect=policy, on_error=failed)
        thread, results = in_thread(lambda: [event.data for event in source])
        assert waiting.wait(5)
        source.close()
        thread.join(5)
        assert results == [["a"]]
    assert delays == [1e10]


# --- responses


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_an_answer_that_comes_before_the_body_is_through_is_read(tls: str | None) -> None:
    # More than the buffers of both sides hold; the server reads none of it.
    body = b"x" * 20_000_000
    options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
    # An interim answer is none.
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    script = ["deaf", early, 0.05, head(413, "Content-Length: 2") + b"no", PATIENCE]
    with Server([script], tls=tls) as server:
        with pytest.raises(StatusError) as caught:
            open_stream(
                server.url, method="POST", body=body, timeouts=Timeouts(head=5.0), **options
            )
        assert (caught.value.status, caught.value.body) == (413, b"no")


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_a_body_larger_than_what_sockets_hold_is_sent_whole_to_a_slow_reader(
    tls: str | None,
) -> None:
    body = random.Random(3).randbytes(3_000_000)
    options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
    with Server([[head(204)]], tls=tls, accept_delay=0.05) as server:
        request(server.url, method="POST", body=body, **options).close()
        assert server.requests[0].body == body


@pytest.mark.parametrize(
    "ending",
    [
        "reset",
        pytest.param(
            "fin",
            marks=pytest.mark.skipif(
                sys.version_info < (3, 10), reason="its ssl takes a bare FIN for a closing alert"
            ),
        ),
    ],
)
def test_a_tls_stream_until_close_that_is_cut_is_connection_lost(ending: str) -> None:
    with Server([[head(), ABC, 0.05, ending]], tls="127.0.0.1") as server:
        stream = open_stream(server.url, tls=trusting_context())
        with stream:
            assert [next(stream).data for _ in range(3)] == ["a", "b", "c"]
            with pytest.raises(ConnectionLost):
                next(stream)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_tls_body_that_is_whole_needs_no_closing_alert(framing: str) -> None:
    steps: list[Any] = [head(200, f"Content-Length: {len(ABC)}") + ABC, "fin"]
    if framing == "chunked":
        # Without the line that ends the trailers, of which there are none.
        steps = [head(200, CHUNKED) + chunk(ABC) + b"0\r\n", "fin"]
    with Server([steps], tls="127.0.0.1") as server:
        stream = open_stream(server.url, tls=trusting_context())
        with stream:
            assert [event.data for event in stream] == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["stream", "source"])
def test_last_event_id_after_close_in_another_thread_is_that_of_the_last_event_handed_out(
    kind: str,
) -> None:
    def script(request: Request) -> Iterator[bytes]:
        yield head()
        for first in itertools.count(0, 3):
            yield b"".join(b"id: %d\ndata: x\n\n" % (first + plus) for plus in range(3))

    chance = random.Random(4)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with Server([script]) as server:
            for _ in range(150):
                open_it: Any = open_stream if kind == "stream" else EventSource
                stream = open_it(server.url)
                timer = threading.Timer(0.002 + chance.random() * 0.003, stream.close)
                timer.start()
                last = ""
                for event in stream:
                    last = event.id
                timer.join()
                assert stream.last_event_id == last
    finally:
        sys.setswitchinterval(interval)


def test_a_source_whose_stream_is_closed_in_the_loop_goes_on_after_the_last_event_handed_out() -> (
    None
):
    def script(request: Request) -> list[Any]:
        last = int(request.last_event_id or 0)
        if last >= 4:
            return [head(204)]
        events = [b"id: %d\ndata: x\n\n" % number for number in range(last + 1, last + 4)]
        return [head() + b"retry: 7\n\n" + b"".join(events), "hold"]

    streams: list[EventStream] = []
    policy = ReconnectPolicy(initial_delay=0.01)
    with Server([script]) as server:
        source = EventSource(server.url, reconnect=policy, on_open=streams.append)
        seen = []
        for event in source:
            seen.append(event.id)
            streams[-1].close()
            assert (source.last_event_id, source.retry) == (event.id, 7)
        assert server.last_event_ids == [None, "1", "2", "3", "4"]
    assert seen == ["1", "2", "3", "4"]
    assert source.retry == 7


def test_request_checks_nothing_and_gives_the_body_in_chunks() -> None:
    script = [
        [head(404, "X-A: b", CHUNKED, content_type=None), chunk(b"ab"), chunk(b"c"), LAST_CHUNK]
    ]
    with Server(script) as server:
        with request(server.url + "/x", method="PUT", body=b"123", headers={"X": "é"}) as response:
            assert response.status == 404
            assert response.headers["x-a"] == "b"
            assert response.url == server.url + "/x"
            assert b"".join(response.chunks) == b"abc"
            assert next(response.chunks, None) is None
        sent = server.requests[0]
    assert (sent.method, sent.target, sent.body) == ("PUT", "/x", b"123")
    assert ("x", "é".encode()) in sent.fields
    assert sent.headers["accept"] == "text/event-stream"


def test_a_response_without_a_body_may_name_any_encoding() -> None:
    with Server([[head(200, "Content-Encoding: br", "Content-Length: 9")]]) as server:
        assert list(request(server.url, method="HEAD").chunks) == []


def test_a_stream_knows_its_response() -> None:
    with Server(
        [[head(302, "Location: /b")], [head(200, "X: y"), b"id: 5\nretry: 70\n\n"]]
    ) as server:
        with open_stream(server.url, last_event_id="4") as stream:
            assert (stream.status, stream.headers["X"], stream.url) == (200, "y", server.url + "/b")
            assert (stream.last_event_id, stream.retry) == ("4", None)
            assert list(stream) == []
            assert (stream.last_event_id, stream.retry) == ("5", 70)
        assert server.last_event_ids == ["4", "4"]


def test_secrets_do_not_follow_a_redirect_to_another_origin() -> None:
    with Server([[head(204)]]) as other, Server([[head(307, f"Location: {other.url}/")]]) as first:
        headers = {"Authorization": "s", "X-API-Key": "s", "Cookie": "s", "X-Other": "o"}
        request(first.url, headers=headers, method="POST", body=b"b").close()
        assert first.requests[0].headers["authorization"] == "s"
        there = other.requests[0]
    assert there.body == b"b"
    assert there.headers["x-other"] == "o"
    assert not {"authorization", "x-api-key", "cookie"} & set(there.headers)


def test_close_leaves_last_event_id_at_the_last_event_handed_out() -> None:
    events = b"".join(b"id: %d\ndata: x\n\n" % number for number in (1, 2, 3))
    response = HTTPResponse(200, {"Content-Type": "text/event-stream"}, [events])
    url = "http://localhost/"
    with open_stream(url, transport=lambda request: response) as stream:
        next(stream)
        stream.close()
        assert stream.last_event_id == "1"
    response = HTTPResponse(200, {"Content-Type": "text/event-stream"}, [events])
    source = EventSource(url, transport=lambda request: response)
    next(source)
    source.close()
    assert source.last_event_id == "1"
    assert list(source) == []
    assert source.last_event_id == "1"


def test_last_event_id_is_that_of_the_last_event_handed_out() -> None:
    script = [[head(), b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n"]]
    with Server(script) as server, open_stream(server.url, last_event_id="0") as stream:
        ids = [stream.last_event_id]
        ids += [stream.last_event_id for _ in stream]
    assert ids[:2] == ["0", "1"]
    assert stream.last_event_id == "3"


def test_an_event_is_handed_out_by_the_read_that_brought_its_last_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = []
    receive = Wire.receive

    def counting(self: Any) -> bytes:
        data = receive(self)
        reads.append(data)
        return data

    monkeypatch.setattr(Wire, "receive", counting)
    go = threading.Semaphore(0)

    def script(request: Request) -> Iterator[bytes]:
        yield head(200, CHUNKED)
        for number in range(3):
            go.acquire(timeout=5)
            # Up to the event's last byte, without the chunk's own line end.
            yield b"%x\r\ndata: %d\r\r" % (len(b"data: 0\r\r"), number)
            go.acquire(timeout=5)
            yield b"\r\n"

    with Server([script]) as server, open_stream(server.url) as stream:
        for number in range(3):
            before = len(reads)
            go.release()
            assert next(stream).data == str(number)
            # The last chunk's line end may have come by itself.
            assert len(reads) - before <= 1 + (number > 0)
            assert reads[-1].endswith(b"%d\r\r" % number)
            go.release()


def test_batches_are_the_events_of_each_read() -> None:
    go = threading.Semaphore(0)

    def script(request: Request) -> Iterator[bytes]:
        yield head()
        for data in (b"data: a\n\ndata: b\n\nda", b"ta: c\n\n", b":\n", b"data: d\n\n"):
            go.acquire(timeout=5)
            yield data

    with Server([script]) as server, open_stream(server.url) as stream:
        sizes = []
        go.release()
        for batch in stream.batches():
            sizes.append("".join(event.data for event in batch))
            go.release()
    assert [size for size in sizes if size] == ["ab", "c", "d"]


def test_batches_begin_with_what_is_left_of_the_last_read() -> None:
    script = [[head() + b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n"]]
    with Server(script) as server, open_stream(server.url) as stream:
        assert next(stream).data == "a"
        assert stream.last_event_id == "1"
        rest = [event.data for batch in stream.batches() for event in batch]
        assert rest == ["b", "c"]
        assert stream.last_event_id == "3"


def stop_at_once(stream: EventStream) -> None:
    for _ in stream:
        raise KeyboardInterrupt


def test_an_exception_in_the_loop_does_not_end_the_stream() -> None:
    with Server([[head(), ABC]]) as server, open_stream(server.url) as stream:
        with pytest.raises(KeyboardInterrupt):
            stop_at_once(stream)
        assert [event.data for event in stream] == ["b", "c"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
@pytest.mark.parametrize("kind", ["stream", "source"])
def test_a_ctrl_c_within_a_blocked_read_loses_nothing(kind: str) -> None:
    class Interrupted(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    old = signal.signal(signal.SIGALRM, interrupt)
    go = threading.Event()

    def script(request: Request) -> Iterator[bytes]:
        yield head(200, CHUNKED)
        yield chunk(b"data: a\n\n")
        go.wait(5)
        yield chunk(b"data: b\n\n") + LAST_CHUNK

    try:
        with Server([script, [head(204)]]) as server:
            open_it: Any = open_stream if kind == "stream" else EventSource
            with open_it(server.url) as stream:
                assert next(stream).data == "a"
                signal.setitimer(signal.ITIMER_REAL, 0.05)
                with pytest.raises(Interrupted):
                    next(stream)
                go.set()
                assert next(stream).data == "b"
            assert server.connections == 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


# --- from another thread


def in_thread(run: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Start `run` in a thread; its result, or its exception, comes in the list."""
    results: list[object] = []

    def target() -> None:
        try:
            results.append(run())
        except BaseException as exc:
            results.append(exc)

    thread = threading.Thread(target=target)
    thread.start()
    return thread, results


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
@pytest.mark.parametrize("kind", ["stream", "source"])
def test_close_from_another_thread_ends_a_blocked_iteration_at_once(
    kind: str, tls: str | None
) -> None:
    options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
    with Server([[head(), b"data: a\n\n", "hold"]], tls=tls) as server:
        open_it: Any = open_stream if kind == "stream" else EventSource
        stream = open_it(server.url, **options)
        started = threading.Event()

        def consume() -> list[str]:
            seen = []
            for event in stream:
                seen.append(event.data)
                started.set()
            return seen

        thread, results = in_thread(consume)
        assert started.wait(5)
        time.sleep(0.05)
        begin = time.monotonic()
        stream.close()
        thread.join(5)
        assert time.monotonic() - begin < 1
        assert results == [["a"]]
        assert server.wait_closed()
        stream.close()
        assert list(stream) == []


def test_close_from_another_thread_ends_a_blocked_body() -> None:
    with Server([[head(), b"abc", "hold"]]) as server:
        response = request(server.url)
        started = threading.Event()

        def consume() -> bytes:
            body = b""
            for piece in response.chunks:
                body += piece
                started.set()
            return body

        thread, results = in_thread(consume)
        assert started.wait(5)
        time.sleep(0.05)
        response.close()
        thread.join(5)
        assert results == [b"abc"]
        assert server.wait_closed()


@needs_proc
def test_sources_closed_and_restarted_at_random_times_leave_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")
    chance = random.Random(2)
    before = descriptors(), threading.active_count()
    with Server([soak_script(3, 10**9)]) as server:
        for _ in range(60):
            source = EventSource(server.url, reconnect=ReconnectPolicy(initial_delay=0.002))
            thread, results = in_thread(lambda source=source: [int(e.data) for e in source])  # type: ignore[misc]
            time.sleep(chance.random() * 0.02)
            if chance.randrange(2):
                source.restart()
                time.sleep(chance.random() * 0.02)
            source.close()
            thread.join(5)
            assert not thread.is_alive()
            (seen,) = results
            assert isinstance(seen, list), seen
            assert seen == list(range(1, len(seen) + 1))
        assert server.wait_closed()
    assert (descriptors(), threading.active_count()) == before


SILENCE: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("waiting for the head", [["hold"]], {}),
    ("in a TLS handshake", [["deaf", "hold"]], {"scheme": "https"}),
    ("waiting for the next attempt", [["reset"]], {"delay": 60.0}),
    ("reading", [[head(), "hold"]], {}),
]


@pytest.mark.parametrize(("name", "script", "how"), SILENCE, ids=[row[0] for row in SILENCE])
def test_close_from_another_thread_ends_a_source_whatever_it_does(
    name: str, script: list[Any], how: dict[str, Any]
) -> None:
    with Server(script) as server:
        url = server.url.replace("http", how.get("scheme", "http"))
        policy = ReconnectPolicy(initial_delay=how.get("delay", 0.01))
        source = EventSource(url, reconnect=policy)
        thread, results = in_thread(lambda: list(source))
        deadline = time.monotonic() + 5
        while not server.connections and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.05)
        source.close()
        thread.join(5)
        assert results == [[]]
        assert source.state == "closed"
        assert server.wait_closed()


def test_close_returns_at_once_during_a_name_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    looking, found = threading.Event(), threading.Event()

    def lookup(*args: object, **options: object) -> Any:
        looking.set()
        found.wait(5)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 9))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    source = EventSource("http://h/", proxy=None)
    thread, results = in_thread(lambda: list(source))
    assert looking.wait(5)
    begin = time.monotonic()
    source.close()
    assert time.monotonic() - begin < 0.5
    found.set()
    thread.join(5)
    assert results == [[]]


def test_restart_hands_out_what_was_received_and_connects_at_once() -> None:
    script: list[Any] = [
        [head() + b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n", "hold"],
        [head(), b"id: 3\ndata: c\n\n", "hold"],
    ]
    policy = ReconnectPolicy(initial_delay=60.0)
    with Server(script) as server, EventSource(server.url, reconnect=policy) as source:
        assert next(source).data == "a"
        source.restart()
        assert [next(source).data, next(source).data] == ["b", "c"]
        assert server.last_event_ids == [None, "2"]


@pytest.mark.parametrize("name", ["waiting", "reading"])
def test_restart_from_another_thread_wakes_a_source(name: str) -> None:
    first: list[Any] = ["reset"] if name == "waiting" else [head(), "hold"]
    policy = ReconnectPolicy(initial_delay=60.0)
    with Server([first, [head(), b"data: a\n\n", "hold"]]) as server:
        source = EventSource(server.url, reconnect=policy)
        thread, results = in_thread(lambda: next(source))
        time.sleep(0.1)
        source.restart()
        thread.join(5)
        assert [event.data for event in results] == ["a"]  # type: ignore[attr-defined]
        source.close()
        assert server.wait_closed()
    with pytest.raises(StateError):
        source.restart()


# --- sources


def test_state_and_hooks_follow_the_connections() -> None:
    seen: list[Any] = []
    with Server([[head(), b"retry: 10\ndata: a\n\n"], [head(404)]]) as server:
        source = EventSource(
            server.url,
            on_open=lambda stream: seen.append(("open", stream.status, source.state)),
            on_error=lambda error, delay: seen.append((type(error).__name__, delay, source.state)),
            reconnect=ReconnectPolicy(jitter=0),
        )
        assert source.state == "connecting"
        assert next(source).data == "a"
        assert (source.state, source.retry) == ("open", 10)
        with pytest.raises(StatusError):
            next(source)
        assert source.state == "closed"
        assert list(source) == []
    assert seen == [
        ("open", 200, "open"),
        ("ConnectionLost", 0.01, "connecting"),
        ("StatusError", None, "closed"),
    ]


@pytest.mark.parametrize("hook", ["on_open", "on_error"])
def test_what_a_hook_raises_closes_the_source_and_propagates(hook: str) -> None:
    def fail(*args: object) -> None:
        raise ZeroDivisionError

    script: list[Any] = [[head(), "hold"]] if hook == "on_open" else [["reset"]]
    options: dict[str, Any] = {hook: fail}
    with Server(script) as server:
        source = EventSource(server.url, **options)
        with pytest.raises(ZeroDivisionError):
            next(source)
        assert source.state == "closed"
        assert list(source) == []
        assert server.wait_closed()


def test_a_hook_may_close_the_source() -> None:
    with Server([["reset"]]) as server:
        source = EventSource(server.url, on_error=lambda error, delay: source.close())
        assert list(source) == []
        assert server.connections == 1


def test_retry_after_is_waited_for() -> None:
    delays: list[Any] = []
    with Server([[head(503, "Retry-After: 7")]]) as server:

        def stop(error: SSEWireError, delay: float | None) -> None:
            delays.append(delay)
            source.close()

        source = EventSource(server.url, on_error=stop)
        assert list(source) == []
    assert delays == [7.0]


def test_failed_attempts_are_logged_as_warnings_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "ssewire")
    policy = ReconnectPolicy(initial_delay=0.0, max_attempts=2)
    with Server([[head(), b"data: a\n\n"], [head(503)]]) as server:
        source = EventSource(
            f"{server.url}/?key=hunter2", headers={"X-API-Key": "hunter2"}, reconnect=policy
        )
        with pytest.raises(RetriesExhausted):
            list(source)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING"]
    assert {record.name for record in caplog.records} == {"ssewire"}
    assert "status 503" in caplog.text
    assert "hunter2" not in caplog.text


# --- proxies


def test_plain_http_goes_through_a_proxy_by_its_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server([[head(), ABC]]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//us:pw@"))
        monkeypatch.setenv("no_proxy", "")
        with open_stream("http://nowhere.invalid:81/x?y") as stream:
            assert [event.data for event in stream] == ["a", "b", "c"]
        sent = proxy.requests[0]
    assert sent.target == "http://nowhere.invalid:81/x?y"
    assert sent.headers["host"] == "nowhere.invalid:81"
    assert sent.headers["proxy-authorization"] == "Basic dXM6cHc="


def test_https_goes_through_a_tunnel_that_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server([["tunnel"]]) as proxy, Server([[head(), ABC]], tls="127.0.0.1") as server:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        headers = {"Authorization": "secret"}
        with open_stream(server.url, tls=trusting_context(), headers=headers) as stream:
            assert [event.data for event in stream] == ["a", "b", "c"]
        assert proxy.requests[0].method == "CONNECT"
        assert proxy.requests[0].target == f"127.0.0.1:{server.port}"
        assert "authorization" not in proxy.requests[0].headers
        assert server.requests[0].headers["authorization"] == "secret"


def test_no_proxy_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server([[head(204)]]) as server:
        assert request(server.url).status == 204


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
    with Server(script) as proxy:
        with pytest.raises(error) as caught:
            request("https://h/", proxy=proxy.url, timeouts=Timeouts(connect=0.2))
        assert caught.value.retryable is retryable
        assert proxy.wait_closed()


# --- transports


def test_a_transport_carries_the_request_and_its_errors_are_wrapped() -> None:
    carried: list[Any] = []

    def transport(request: HTTPRequest) -> HTTPResponse:
        carried.append(request)
        if len(carried) == 1:
            return HTTPResponse(302, {"Location": "/b"}, [])
        if len(carried) == 2:
            return HTTPResponse(200, {"Content-Type": "text/event-stream"}, [ABC[:9], ABC[9:]])
        raise OSError("no more")

    source = EventSource(
        "http://h/a", transport=transport, reconnect=ReconnectPolicy(0.0, max_attempts=1)
    )
    with source:
        assert [next(source).data for _ in range(3)] == ["a", "b", "c"]
        with pytest.raises(RetriesExhausted) as caught:
            next(source)
    cause = caught.value.__cause__
    assert type(cause) is TransportError
    assert isinstance(cause.__cause__, OSError)
    assert [request.url for request in carried] == ["http://h/a", "http://h/b", "http://h/a"]


def test_a_transports_broken_body_is_a_transport_error_and_is_closed() -> None:
    closed = []

    def chunks() -> Iterator[bytes]:
        yield b"data: a\n\n"
        raise OSError("broken")

    def transport(request: HTTPRequest) -> HTTPResponse:
        return HTTPResponse(
            200,
            [("content-type", "text/event-stream")],
            chunks(),
            close=lambda: closed.append(1),
        )

    stream = open_stream("http://h/", transport=transport)
    assert next(stream).data == "a"
    with pytest.raises(TransportError) as caught:
        next(stream)
    assert isinstance(caught.value.__cause__, OSError)
    assert list(stream) == []
    assert closed == [1]


@pytest.mark.parametrize("status", [200, 204, 401])
def test_a_transports_response_that_cannot_be_closed_changes_no_outcome(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    def close() -> None:
        raise RuntimeError("the password is 1234")

    def transport(request: HTTPRequest) -> HTTPResponse:
        headers = {"Content-Type": "text/event-stream"}
        return HTTPResponse(status, headers, [b"data: a\n\n"], close=close)

    policy = ReconnectPolicy(max_attempts=1)
    with EventSource("http://h/", transport=transport, reconnect=policy) as source:
        if status == 401:
            with pytest.raises(StatusError):
                list(source)
        elif status == 204:
            assert list(source) == []
        else:
            assert next(source).data == "a"
    assert "could not be closed: RuntimeError" in caplog.text
    assert "1234" not in caplog.text


@pytest.mark.parametrize("kind", ["idle", "stall", "total"])
def test_a_transport_that_is_silent_between_two_chunks_times_out(kind: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"data: a\n\n"
        time.sleep(0.15)
        yield b": b\n"

    def transport(request: HTTPRequest) -> HTTPResponse:
        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, chunks())

    timeouts = Timeouts(**{kind: 0.1})
    with open_stream("http://h/", transport=transport, timeouts=timeouts) as stream:
        assert next(stream).data == "a"
        with pytest.raises(StreamTimeout, match=kind):
            next(stream)


@pytest.mark.parametrize("hook", ["on_open", "on_error"])
def test_a_hook_that_raises_stop_iteration_is_no_end_of_the_events(hook: str) -> None:
    def stop(*_: object) -> None:
        next(iter(()))

    def transport(request: HTTPRequest) -> HTTPResponse:
        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, [])

    hooks: dict[str, Any] = {hook: stop}
    with EventSource("http://h/", transport=transport, **hooks) as source:
        with pytest.raises(RuntimeError, match="StopIteration"):
            next(source)
        assert source.state == "closed"


def test_a_certificate_is_checked_for_a_name_without_the_dot_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lookup = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return lookup("127.0.0.1" if name == "localhost." else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    response = [head(), b"data: a\n\n"]
    with Server([response, response], tls="localhost") as server:
        url = f"https://localhost.:{server.port}/"
        with open_stream(url, tls=trusting_context(), proxy=None) as stream:
            assert next(stream).data == "a"

        async def main() -> None:
            opening = aio.open_stream(url, tls=trusting_context(), proxy=None)
            async with opening as stream:
                assert (await stream.__anext__()).data == "a"

        asyncio.run(main())


def test_a_transport_that_returns_something_else_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="HTTPResponse"):
        open_stream("http://h/", transport=lambda request: None)  # type: ignore[arg-type,return-value]


# --- soak


def test_two_thousand_reconnects_with_faults_lose_no_event_and_repeat_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Thousands of warnings, each kept with its traceback, would be most of the time.
    caplog.set_level(logging.CRITICAL, "ssewire")
    last = 2100
    before = threading.active_count()
    with Server([soak_script(1, last)]) as server:
        policy = ReconnectPolicy(initial_delay=0.0)
        with EventSource(server.url, reconnect=policy) as source:
            seen = [int(event.data) for event in source]
        connections = server.connections
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= last
    assert connections > 2000
    assert threading.active_count() == before
