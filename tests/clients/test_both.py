# SPDX-License-Identifier: MIT
"""What the blocking and the asyncio client both do, against the scripted server: written once."""

from __future__ import annotations

import contextlib
import gc
import gzip
import logging
import os
import random
import re
import socket
import ssl
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from ssewire import ServerSentEvent, SSEWireError, StateError
from ssewire.client import HTTPRequest, ReconnectPolicy, Timeouts
from ssewire.errors import (
    ConnectFailed,
    ConnectionLost,
    ContentDecodingError,
    HTTPFormatError,
    RetriesExhausted,
    StatusError,
    StreamTimeout,
    TransportError,
)
from tests.clients.both import (
    Both,
    addresses,
    back_to,
    collect,
    descriptors,
    needs_proc,
    read,
    silent_address,
    sockets_to,
    step,
)
from tests.clients.scenarios import (
    ABC,
    SCENARIOS,
    SILENCE,
    UNFINISHED,
    Outcome,
    Scenario,
    event,
    soak_script,
)
from tests.kit.scripted import (
    AT_ONCE,
    CHUNKED,
    LAST_CHUNK,
    PATIENCE,
    SOON,
    Request,
    Server,
    chunk,
    head,
    trusting_context,
)

pytestmark = pytest.mark.sockets

KINDS = ("stream", "source")


def opening(both: Both, kind: str, url: str, **options: Any) -> Any:
    """Return a stream or a source, to be entered."""
    return (both.open_stream if kind == "stream" else both.source)(url, **options)


async def opened(both: Both, kind: str, url: str, **options: Any) -> Any:
    """Return a stream that is open, or a source."""
    found = opening(both, kind, url, **options)
    return await found if kind == "stream" else found


async def follow(both: Both, scenario: Scenario, url: str) -> Outcome:
    """Let a client live through a scenario."""
    outcome = Outcome()
    options: dict[str, Any] = dict(scenario.options)
    if scenario.timeouts is not None:
        options["timeouts"] = Timeouts(**scenario.timeouts)
    if scenario.tls is not None and scenario.trusted:
        options["tls"] = trusting_context()
    if scenario.kind == "source":

        def on_open(stream: Any) -> None:
            outcome.opened += 1

        def on_error(error: SSEWireError, delay: float | None) -> None:
            outcome.reported.append((type(error).__name__, delay))

        options["reconnect"] = ReconnectPolicy(**scenario.policy)
        options.update(on_open=on_open, on_error=on_error)
    try:
        stream = await opened(both, scenario.kind, url, **options)
        async with stream:
            try:
                async for item in stream:
                    outcome.add(item, stream.last_event_id)
                    if len(outcome.items) == scenario.take:
                        break
            finally:
                outcome.dropped = stream.dropped
    except SSEWireError as exc:
        outcome.error = exc
    return outcome


@pytest.mark.parametrize("scenario", SCENARIOS, ids=repr)
def test_scenario(both: Both, scenario: Scenario) -> None:
    with scenario.server() as server:
        outcome = both.run(follow(both, scenario, scenario.url(server)))
        scenario.check(outcome, server)


@needs_proc
@pytest.mark.parametrize("scenario", SCENARIOS[::4], ids=repr)
def test_no_descriptor_task_or_thread_is_left_behind(both: Both, scenario: Scenario) -> None:
    threads = threading.active_count()

    async def main() -> None:
        # What other tests left to the collector would go in between.
        gc.collect()
        # While the loop runs: its end would hide what is left.
        before = descriptors(), both.tasks()
        with scenario.server() as server:
            await follow(both, scenario, scenario.url(server))
        assert (descriptors(), both.tasks()) == before

    both.run(main())
    assert threading.active_count() == threads


# --- arguments


class Forbidden:
    """Stands for the socket module's functions where no socket may be opened."""

    def __call__(self, *args: object, **options: object) -> Any:
        raise AssertionError("a socket was opened")


def shown(value: object) -> str:
    """Return the name of a case, the same in each process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@pytest.mark.parametrize("function", ["request", "open_stream", "EventSource"])
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
        ({"timeouts": "5"}, TypeError),
        ({"timeout": True}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": 5, "timeouts": Timeouts()}, TypeError),
        ({"timeout": None, "timeouts": None}, TypeError),
        ({"tls": True}, TypeError),
        ({"proxy": "socks5://h"}, ValueError),
        ({"proxy": 5}, TypeError),
        ({"max_redirects": -1}, ValueError),
        ({"tls": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}, ValueError),
        ({"transport": 5}, TypeError),
    ],
    ids=shown,
)
def test_wrong_arguments_fail_at_the_call_before_any_socket_is_opened(
    both: Both,
    function: str,
    options: dict[str, Any],
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Forbidden())
    monkeypatch.setattr(socket, "socket", Forbidden())
    with pytest.raises(error):
        # Of asyncio's nothing is awaited: they fail when they are called.
        getattr(both.module, function)(**{"url": "http://127.0.0.1:9/", **options})


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
        ({"prepare": 5}, TypeError),
    ],
    ids=shown,
)
def test_wrong_arguments_of_a_source_fail_at_once(
    both: Both, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        both.module.EventSource("http://127.0.0.1:9/", **options)


@pytest.mark.parametrize("options", [{"last_event_id": "a\nb"}, {"max_event_size": -1}], ids=str)
def test_wrong_parser_options_of_a_stream_fail_at_the_call(
    both: Both, options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="must not"):
        both.module.open_stream("http://127.0.0.1:9/", **options)


@pytest.mark.parametrize("function", ["request", "open_stream", "EventSource"])
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("http_proxy", "socks5://h:1"),
        ("ALL_PROXY", "socks5h://user:hunter2@h:1"),
        ("all_proxy", "socks4://h"),
        ("HTTP_PROXY", "https://h:1"),
        ("http_proxy", "http://h:port"),
    ],
)
def test_a_bad_proxy_in_the_environment_fails_before_any_socket_and_is_named(
    both: Both, function: str, variable: str, value: str, no_proxies: pytest.MonkeyPatch
) -> None:
    no_proxies.setenv(variable, value)
    no_proxies.setattr(socket, "socket", Forbidden())
    with pytest.raises(ValueError, match=f"{variable} cannot be used: .*proxy=None") as caught:
        getattr(both.module, function)("http://127.0.0.1:9/")
    assert "hunter2" not in str(caught.value)


def test_a_bad_proxy_in_the_environment_does_not_matter_where_it_is_not_used(
    both: Both, no_proxies: pytest.MonkeyPatch
) -> None:
    no_proxies.setenv("ALL_PROXY", "socks5://h:1")

    async def main(url: str, **options: Any) -> list[str]:
        async with both.open_stream(url, **options) as stream:
            return await collect(stream)

    with Server([[head(), ABC]]) as server:
        assert both.run(main(server.url, proxy=None)) == ["a", "b", "c"]
        no_proxies.setenv("no_proxy", "127.0.0.1")
        assert both.run(main(server.url)) == ["a", "b", "c"]
        no_proxies.setenv("no_proxy", "")
        # The server is its own proxy here; in lower case it wins over ALL_PROXY and HTTP_PROXY.
        no_proxies.setenv("http_proxy", server.url)
        no_proxies.setenv("HTTP_PROXY", "socks5://h:1")
        assert both.run(main("http://h.invalid/")) == ["a", "b", "c"]
        assert server.requests[-1].target == "http://h.invalid/"


def test_a_proxy_of_the_environment_that_fails_is_named(
    both: Both, deaf_port: int, no_proxies: pytest.MonkeyPatch
) -> None:
    no_proxies.setenv("HTTPS_PROXY", f"http://user:hunter2@127.0.0.1:{deaf_port}")

    async def main() -> None:
        with pytest.raises(ConnectFailed) as caught:
            await both.request("https://h.invalid/")
        assert str(caught.value) == (
            f"could not connect to 127.0.0.1:{deaf_port}: Connection refused "
            "(the proxy of HTTPS_PROXY)"
        )
        assert isinstance(caught.value.__cause__, ConnectionRefusedError)

    both.run(main())


def test_the_public_names_are_those_of_the_design(both: Both) -> None:
    names = "request open_stream EventStream EventSource Timeouts Headers ReconnectPolicy"
    names += " HTTPRequest HTTPResponse Transport basic_auth"
    assert set(both.module.__all__) == {*names.split()}
    assert all(hasattr(both.module, name) for name in both.module.__all__)


@pytest.mark.parametrize("name", ["EventSource", "EventStream"])
def test_the_classes_can_be_subscripted_for_type_checkers(both: Both, name: str) -> None:
    cls = getattr(both.module, name)
    assert cls[ServerSentEvent].__origin__ is cls


# --- connecting


def test_a_refused_connection_is_connect_failed_with_the_os_error(
    both: Both, deaf_port: int
) -> None:
    async def main() -> None:
        with pytest.raises(ConnectFailed) as caught:
            await both.open_stream(f"http://127.0.0.1:{deaf_port}/", proxy=None)
        assert isinstance(caught.value.__cause__, ConnectionRefusedError)
        assert caught.value.retryable
        assert str(caught.value) == (
            f"could not connect to 127.0.0.1:{deaf_port}: Connection refused"
        )

    both.run(main())


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 63 + "." + "b" * 63, "-"])
def test_an_unknown_host_is_connect_failed(both: Both, host: str) -> None:
    async def main() -> None:
        with pytest.raises(ConnectFailed) as caught:
            await both.request(f"http://{host}:9/", proxy=None)
        # The loop itself encodes a name, in its own way.
        allowed = (OSError,) if both.name == "blocking" else (OSError, UnicodeError)
        assert isinstance(caught.value.__cause__, allowed)
        said = str(caught.value)
        assert said.startswith(f"could not connect to {host[:60]}")
        assert said.endswith(f": {caught.value.reason}")
        assert caught.value.reason

    both.run(main())


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (OSError("cannot resolve h"), "the transport raised OSError: cannot resolve h"),
        (ValueError(), "the transport raised ValueError"),
        (
            RuntimeError(
                "url: /v1?key=hunter2 (Caused by '[Errno 111] Connection refused')\x1b[2J"
            ),
            "the transport raised RuntimeError: url: /v1?... (Caused by '[Errno 111] Connection",
        ),
        (KeyError("x" * 5_000_000), "the transport raised KeyError: 'xxx"),
    ],
)
def test_what_a_transport_raised_is_in_the_text(both: Both, raised: Exception, said: str) -> None:
    def carry(request: Any) -> Any:
        raise raised

    async def main() -> None:
        with pytest.raises(TransportError) as caught:
            await both.request("http://h/", transport=both.transport(carry))
        assert caught.value.__cause__ is raised
        assert str(caught.value).startswith(said)
        assert len(str(caught.value)) < 400

    both.run(main())


KEY = "hunter2"


def variables(error: BaseException | None) -> Iterator[tuple[str, str, str]]:
    """Yield what a traceback shows of this package's variables: function, name, repr."""
    while error is not None:
        traceback = error.__traceback__
        while traceback is not None:
            frame = traceback.tb_frame
            if f"{os.sep}src{os.sep}ssewire{os.sep}" in frame.f_code.co_filename or (
                "site-packages" in frame.f_code.co_filename
            ):
                for name, value in frame.f_locals.items():
                    yield frame.f_code.co_name, name, repr(value)
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "script",
    [
        None,
        ["reset"],
        [b"HTTP/1.1 200 OK\r\n"],
        [b"garbage\r\n", "hold"],
        ["hold"],
        [head(401, "Content-Length: 0")],
        [head(200, "Content-Length: 0", content_type="text/html")],
        [head(302)],
        [head(200, "Content-Encoding: br"), b"x"],
    ],
    ids=shown,
)
def test_no_variable_in_a_traceback_shows_a_credential(
    both: Both, kind: str, script: list[Any] | None, deaf_port: int, no_proxies: pytest.MonkeyPatch
) -> None:
    def start(url: str) -> Any:
        # The only frame that may: it is the caller's.
        options: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {KEY}", "X-Auth-Token": KEY},
            "timeouts": Timeouts(head=SOON, idle=SOON),
            "proxy": f"http://user:{KEY}@127.0.0.1:{url.rsplit(':', 1)[1]}",
        }
        if kind == "source":
            options["reconnect"] = ReconnectPolicy(initial_delay=0.0, max_attempts=1)
        return opening(both, kind, "http://h.invalid/", **options)

    async def main(url: str) -> None:
        async with start(url) as stream:
            async for _ in stream:
                pass

    with contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{deaf_port}"
        if script is not None:
            url = stack.enter_context(Server([script])).url
        with pytest.raises(TransportError) as caught:
            both.run(main(url))
    seen = list(variables(caught.value))
    assert len(seen) > 5
    assert not [(function, name) for function, name, value in seen if KEY in value]


def test_the_next_address_is_tried_where_one_refuses(
    both: Both, deaf_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(url: str) -> int:
        async with both.request(url, proxy=None) as response:
            status: int = response.status
            return status

    with Server([[head(200, "Content-Length: 0")]]) as server:
        found = addresses(deaf_port, server.port)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
        assert both.run(main("http://h/")) == 200
        assert server.wait_closed()


def test_ipv6_is_connected_to_and_named_in_brackets(both: Both) -> None:
    async def main(url: str) -> None:
        async with both.request(url) as response:
            assert response.status == 204

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
        both.run(main(f"http://[::1]:{port}/"))
        thread.join()
        assert b"\r\nHost: [::1]:%d\r\n" % port in received[0]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a queue of connections that fills up")
def test_connect_times_out_where_nobody_answers(both: Both) -> None:
    listener, waiting, port = silent_address()

    async def main() -> None:
        with pytest.raises(StreamTimeout) as caught:
            await both.request(f"http://127.0.0.1:{port}/", timeouts=Timeouts(connect=0.1))
        assert (caught.value.kind, caught.value.seconds) == ("connect", 0.1)

    with listener:
        both.run(main())
    for connection in waiting:
        connection.close()


@pytest.mark.parametrize("kind", ["connect", "total", "idle", "head"])
def test_a_timeout_longer_than_a_socket_can_wait_is_no_error(both: Both, kind: str) -> None:
    async def main(url: str) -> list[str]:
        async with both.open_stream(url, timeouts=Timeouts(**{kind: 1e10})) as stream:
            return await collect(stream)

    with Server([[head(), b"data: a\n\n"]]) as server:
        assert both.run(main(server.url)) == ["a"]


def test_a_delay_longer_than_a_lock_can_wait_is_no_error(both: Both) -> None:
    delays: list[Any] = []

    async def main(url: str) -> None:
        policy = ReconnectPolicy(initial_delay=1e10, max_delay=1e10, jitter=0)
        source = both.source(
            url, reconnect=policy, on_error=lambda error, delay: delays.append(delay)
        )
        task = both.beside(collect(source))
        while not delays:
            await both.sleep(0.002)
        source.close()
        assert await both.result(task) == ["a"]

    with Server([[head(), b"data: a\n\n"]]) as server:
        both.run(main(server.url))
    assert delays == [1e10]


def test_a_certificate_is_checked_for_a_name_without_the_dot_at_its_end(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return lookup("127.0.0.1" if name == "localhost." else host, *args, **options)

    async def main(url: str) -> None:
        async with both.open_stream(url, tls=trusting_context(), proxy=None) as stream:
            assert (await step(stream)).data == "a"

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with Server([[head(), b"data: a\n\n"]], tls="localhost") as server:
        both.run(main(f"https://localhost.:{server.port}/"))


def test_a_connection_that_ends_before_its_tls_handshake_brought_no_bytes(both: Both) -> None:
    async def main(url: str) -> None:
        with pytest.raises(ConnectFailed) as caught:
            await both.open_stream(url, tls=trusting_context(), proxy=None)
        assert "bytes before" not in str(caught.value)

    with Server([["deaf"]]) as server:
        both.run(main(server.url.replace("http:", "https:")))


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts memory as CPython does")
def test_a_request_is_not_held_any_more_while_its_answer_is_waited_for(both: Both) -> None:
    body = bytes(4_000_000)
    through = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        buffer = bytearray(65536)
        left = len(body)
        with connection:
            while left > 0:
                left -= connection.recv_into(buffer)
            through.wait(PATIENCE)

    async def main() -> int:
        async def ask() -> None:
            with pytest.raises(ConnectionLost):
                await both.open_stream(url, method="POST", body=body, proxy=None)

        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        import tracemalloc  # which PyPy does not have

        tracemalloc.start()
        task = both.beside(ask())
        await both.sleep(0.1)
        for _ in range(100):
            await both.sleep(0.02)
            held, _ = tracemalloc.get_traced_memory()
            if held < 1_000_000:
                break
        tracemalloc.stop()
        through.set()
        await both.result(task)
        return held

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        assert both.run(main()) < 1_000_000
        thread.join(PATIENCE)


# --- responses


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_an_answer_that_comes_before_the_body_is_through_is_read(
    both: Both, tls: str | None
) -> None:
    # More than the buffers of both sides hold; the server reads none of it.
    body = b"x" * 20_000_000
    options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
    # An interim answer is none.
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    script = ["deaf", early, 0.05, head(413, "Content-Length: 2") + b"no", PATIENCE]

    async def main(url: str) -> None:
        with pytest.raises(StatusError) as caught:
            await both.open_stream(
                url, method="POST", body=body, timeouts=Timeouts(head=5.0), **options
            )
        assert (caught.value.status, caught.value.body) == (413, b"no")

    with Server([script], tls=tls) as server:
        both.run(main(server.url))


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_a_stream_that_begins_before_the_body_is_through_does_not_end_the_sending(
    both: Both, tls: str | None
) -> None:
    # More than the buffers of both sides hold.
    body = b"x" * 20_000_000
    options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
    script = ["deaf", head() + b"data: early\n\n", "request", b"data: late\n\n"]

    async def main(url: str) -> None:
        async with both.open_stream(
            url, method="POST", body=body, timeouts=Timeouts(idle=5.0), proxy=None, **options
        ) as stream:
            assert (await step(stream)).data == "early"
            assert await collect(stream) == ["late"]

    with Server([script], tls=tls) as server:
        both.run(main(server.url))
        assert [len(request.body) for request in server.requests] == [len(body)]


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_a_body_larger_than_what_sockets_hold_is_sent_whole_to_a_slow_reader(
    both: Both, tls: str | None
) -> None:
    body = random.Random(3).randbytes(3_000_000)
    options: dict[str, Any] = {"tls": trusting_context()} if tls else {}

    async def main(url: str) -> None:
        async with both.request(url, method="POST", body=body, **options):
            pass

    with Server([[head(204)]], tls=tls, accept_delay=0.05) as server:
        both.run(main(server.url))
        assert server.requests[0].body == body


def test_a_tls_stream_until_close_that_is_reset_is_connection_lost(both: Both) -> None:
    async def main(url: str) -> None:
        async with both.open_stream(url, tls=trusting_context()) as stream:
            assert [(await step(stream)).data for _ in range(3)] == ["a", "b", "c"]
            with pytest.raises(ConnectionLost):
                await step(stream)

    with Server([[head(), ABC, 0.05, "reset"]], tls="127.0.0.1") as server:
        both.run(main(server.url))


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_tls_body_that_is_whole_needs_no_closing_alert(both: Both, framing: str) -> None:
    steps: list[Any] = [head(200, f"Content-Length: {len(ABC)}") + ABC, "fin"]
    if framing == "chunked":
        # Without the line that ends the trailers, of which there are none.
        steps = [head(200, CHUNKED) + chunk(ABC) + b"0\r\n", "fin"]

    async def main(url: str) -> list[str]:
        async with both.open_stream(url, tls=trusting_context()) as stream:
            return await collect(stream)

    with Server([steps], tls="127.0.0.1") as server:
        assert both.run(main(server.url)) == ["a", "b", "c"]


def test_request_checks_nothing_and_gives_the_body_in_chunks(both: Both) -> None:
    script = [
        [head(404, "X-A: b", CHUNKED, content_type=None), chunk(b"ab"), chunk(b"c"), LAST_CHUNK]
    ]

    async def main(url: str) -> None:
        async with both.request(url, method="PUT", body=b"123", headers={"X": "é"}) as response:
            assert response.status == 404
            assert response.headers["x-a"] == "b"
            assert response.url == url
            assert await read(response) == b"abc"
            assert [piece async for piece in response.chunks] == []

    with Server(script) as server:
        both.run(main(server.url + "/x"))
        sent = server.requests[0]
    assert (sent.method, sent.target, sent.body) == ("PUT", "/x", b"123")
    assert ("x", "é".encode()) in sent.fields
    assert sent.headers["accept"] == "text/event-stream"


def test_a_response_without_a_body_may_name_any_encoding(both: Both) -> None:
    async def main(url: str) -> list[Any]:
        return [piece async for piece in (await both.request(url, method="HEAD")).chunks]

    with Server([[head(200, "Content-Encoding: br", "Content-Length: 9")]]) as server:
        assert both.run(main(server.url)) == []


def test_a_stream_knows_its_response(both: Both) -> None:
    async def main(url: str) -> None:
        async with both.open_stream(url, last_event_id="4") as stream:
            assert (stream.status, stream.headers["X"], stream.url) == (200, "y", url + "/b")
            if both.name == "blocking":
                # asyncio's has read on meanwhile.
                assert (stream.last_event_id, stream.retry) == ("4", None)
            assert await collect(stream) == []
            assert (stream.last_event_id, stream.retry) == ("5", 70)

    with Server(
        [[head(302, "Location: /b")], [head(200, "X: y"), b"id: 5\nretry: 70\n\n"]]
    ) as server:
        both.run(main(server.url))
        assert server.last_event_ids == ["4", "4"]


def test_secrets_do_not_follow_a_redirect_to_another_origin(both: Both) -> None:
    headers = dict.fromkeys(("Authorization", "X-API-Key", "Cookie", "X-Auth-Token"), "s")
    headers["X-Other"] = "o"

    async def main(url: str) -> None:
        async with both.request(url, headers=headers, method="POST", body=b"b"):
            pass

    with Server([[head(204)]]) as other, Server([[head(307, f"Location: {other.url}/")]]) as first:
        both.run(main(first.url))
        assert first.requests[0].headers["authorization"] == "s"
        there = other.requests[0]
    assert there.body == b"b"
    assert there.headers["x-other"] == "o"
    assert not {"authorization", "x-api-key", "cookie", "x-auth-token"} & set(there.headers)


def test_last_event_id_is_that_of_the_last_event_handed_out(both: Both) -> None:
    script = [[head(), b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n"]]

    async def main(url: str) -> list[str]:
        async with both.open_stream(url, last_event_id="0") as stream:
            ids = [stream.last_event_id]
            ids += [stream.last_event_id async for _ in stream]
        return [*ids, stream.last_event_id]

    with Server(script) as server:
        ids = both.run(main(server.url))
    assert (ids[:2], ids[-1]) == (["0", "1"], "3")


@pytest.mark.parametrize("kind", KINDS)
def test_closing_with_events_left_keeps_the_id_of_the_last_one_handed_out(
    both: Both, kind: str
) -> None:
    async def main(url: str) -> str:
        async with opening(both, kind, url) as stream:
            assert (await step(stream)).data == "1"
        assert await collect(stream) == []
        last: str = stream.last_event_id
        return last

    with Server([[head() + event(1) + event(2) + event(3), "hold"]]) as server:
        assert both.run(main(server.url)) == "1"


@pytest.mark.parametrize("kind", KINDS)
def test_close_of_what_a_transport_carries_leaves_last_event_id_at_the_last_event_handed_out(
    both: Both, kind: str
) -> None:
    events = b"".join(b"id: %d\ndata: x\n\n" % number for number in (1, 2, 3))

    async def main() -> None:
        response = both.response(200, {"Content-Type": "text/event-stream"}, [events])
        transport = both.transport(lambda request: response)
        stream = await opened(both, kind, "http://localhost/", transport=transport)
        await step(stream)
        await stream.close()
        assert stream.last_event_id == "1"
        assert await collect(stream) == []
        assert stream.last_event_id == "1"

    both.run(main())


def test_a_source_goes_on_after_the_last_event_given_where_its_stream_was_closed(
    both: Both,
) -> None:
    def script(request: Request) -> list[Any]:
        last = int(request.last_event_id or 0)
        if last >= 4:
            return [head(204)]
        events = [b"id: %d\ndata: x\n\n" % number for number in range(last + 1, last + 4)]
        return [head() + b"retry: 7\n\n" + b"".join(events), "hold"]

    streams: list[Any] = []

    async def main(url: str) -> list[str]:
        policy = ReconnectPolicy(initial_delay=0.01)
        source = both.source(url, reconnect=policy, on_open=streams.append)
        seen = []
        async for received in source:
            seen.append(received.id)
            streams[-1].close()
            assert (source.last_event_id, source.retry) == (received.id, 7)
        assert source.retry == 7
        return seen

    with Server([script]) as server:
        assert both.run(main(server.url)) == ["1", "2", "3", "4"]
        assert server.last_event_ids == [None, "1", "2", "3", "4"]


def test_an_event_is_handed_out_by_the_read_that_brought_its_last_byte(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = both.counting_reads(monkeypatch)
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
        async with both.open_stream(url) as stream:
            for number in range(3):
                before = len(reads)
                go.release()
                assert (await step(stream)).data == str(number)
                # The last chunk's line end may have come by itself.
                assert len(reads) - before <= 1 + (number > 0)
                assert reads[-1].endswith(b"%d\r\r" % number)
                go.release()

    with Server([script]) as server:
        both.run(main(server.url))


def test_the_first_event_needs_no_read_of_its_own_where_it_came_with_the_head(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = both.counting_reads(monkeypatch)

    async def main(url: str) -> None:
        async with both.open_stream(url) as stream:
            assert (await step(stream)).data == "a"
            assert len(reads) == 1

    with Server([[head() + b"data: a\n\n", "hold"]]) as server:
        both.run(main(server.url))


def test_batches_are_the_events_of_each_read(both: Both) -> None:
    go = threading.Semaphore(0)

    def script(request: Request) -> Iterator[bytes]:
        yield head()
        for data in (b"data: a\n\ndata: b\n\nda", b"ta: c\n\n", b":\n", b"data: d\n\n"):
            go.acquire(timeout=5)
            yield data

    async def main(url: str) -> list[str]:
        batches = []
        async with both.open_stream(url) as stream:
            go.release()
            async for batch in stream.batches():
                batches.append("".join(received.data for received in batch))
                go.release()
                if len(batches) == 2 and both.name == "asyncio":
                    # Nobody wakes up for the comment; the blocking client has an empty batch.
                    go.release()
        return batches

    with Server([script]) as server:
        batches = both.run(main(server.url))
    if both.name == "blocking":
        batches = [batch for batch in batches if batch]
    assert batches == ["ab", "c", "d"]


def test_batches_begin_with_what_is_left_of_the_last_read(both: Both) -> None:
    script = [[head() + b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n", "hold"]]

    async def main(url: str) -> None:
        async with both.open_stream(url) as stream:
            assert (await step(stream)).data == "a"
            assert stream.last_event_id == "1"
            batch = await step(stream.batches())
            assert [received.data for received in batch] == ["b", "c"]
            assert stream.last_event_id == "3"

    with Server(script) as server:
        both.run(main(server.url))


@pytest.mark.parametrize("raised", [KeyboardInterrupt, KeyError])
def test_an_exception_in_the_loop_does_not_end_the_stream(
    both: Both, raised: type[BaseException]
) -> None:
    async def stop_at_once(stream: Any) -> None:
        async for _ in stream:
            raise raised

    async def main(url: str) -> list[str]:
        async with both.open_stream(url) as stream:
            with pytest.raises(raised):
                await stop_at_once(stream)
            return await collect(stream)

    with Server([[head(), ABC]]) as server:
        assert both.run(main(server.url)) == ["b", "c"]


def test_a_consumer_that_takes_its_time_does_not_time_out_a_good_stream(both: Both) -> None:
    async def main(url: str) -> list[str]:
        seen = []
        async with both.open_stream(url, timeouts=Timeouts(idle=SOON, stall=SOON)) as stream:
            async for received in stream:
                seen.append(received.data)
                await both.sleep(1.5 * SOON)
        return seen

    with Server([[head(), event(1), SOON / 2, event(2), SOON, event(3)]]) as server:
        assert both.run(main(server.url)) == ["1", "2", "3"]


# --- ended from elsewhere


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
@pytest.mark.parametrize("kind", KINDS)
def test_close_from_elsewhere_ends_a_waiting_iteration_at_once(
    both: Both, kind: str, tls: str | None
) -> None:
    options: dict[str, Any] = {"tls": trusting_context()} if tls else {}

    async def main(server: Server) -> None:
        stream = await opened(both, kind, server.url, **options)
        started = threading.Event()

        async def consume() -> list[str]:
            seen = []
            async for received in stream:
                seen.append(received.data)
                started.set()
            return seen

        task = both.beside(consume())
        while not started.is_set():
            await both.sleep(0.002)
        await both.sleep(0.05)
        begin = time.monotonic()
        await stream.close()
        assert await both.result(task) == ["a"]
        assert time.monotonic() - begin < AT_ONCE
        await stream.close()
        assert await collect(stream) == []
        assert server.wait_closed()

    with Server([[head(), b"data: a\n\n", "hold"]], tls=tls) as server:
        both.run(main(server))


def test_close_from_elsewhere_ends_a_waiting_body(both: Both) -> None:
    async def main(server: Server) -> None:
        response = await both.request(server.url)
        started = threading.Event()

        async def consume() -> bytes:
            body = b""
            async for piece in response.chunks:
                body += bytes(piece)
                started.set()
            return body

        task = both.beside(consume())
        while not started.is_set():
            await both.sleep(0.002)
        await both.sleep(0.05)
        response.close()
        assert await both.result(task) == b"abc"
        assert server.wait_closed()

    with Server([[head(), b"abc", "hold"]]) as server:
        both.run(main(server))


@pytest.mark.parametrize(("name", "script", "how"), SILENCE, ids=[row[0] for row in SILENCE])
def test_close_from_elsewhere_ends_a_source_whatever_it_does(
    both: Both, name: str, script: list[Any], how: dict[str, Any]
) -> None:
    async def main(server: Server) -> None:
        url = server.url.replace("http", how.get("scheme", "http"))
        policy = ReconnectPolicy(initial_delay=how.get("delay", 0.01))
        source = both.source(url, reconnect=policy)
        task = both.beside(collect(source))
        while not server.connections:
            await both.sleep(0.005)
        await both.sleep(0.05)
        await source.close()
        assert await both.result(task) == []
        assert source.state == "closed"
        assert server.wait_closed()

    with Server(script) as server:
        both.run(main(server))


def test_close_returns_at_once_during_a_name_lookup(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, found = threading.Event(), threading.Event()

    def lookup(*args: object, **options: object) -> Any:
        looking.set()
        found.wait(PATIENCE)
        return addresses(9)

    async def main() -> None:
        source = both.source("http://h/", proxy=None)
        task = both.beside(collect(source))
        while not looking.is_set():
            await both.sleep(0.005)
        begin = time.monotonic()
        source.close()
        if both.name == "blocking":
            # A lookup cannot be interrupted: who waits for it fails once it is there.
            assert time.monotonic() - begin < AT_ONCE
            found.set()
        assert await both.result(task) == []
        assert time.monotonic() - begin < AT_ONCE
        found.set()

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    both.run(main())


def test_restart_hands_out_what_was_received_and_connects_at_once(both: Both) -> None:
    script: list[Any] = [
        [head() + b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n", "hold"],
        [head(), b"id: 3\ndata: c\n\n", "hold"],
    ]

    async def main(url: str) -> None:
        async with both.source(url, reconnect=ReconnectPolicy(initial_delay=60.0)) as source:
            assert (await step(source)).data == "a"
            source.restart()
            assert [(await step(source)).data for _ in "bc"] == ["b", "c"]
        with pytest.raises(StateError):
            source.restart()

    with Server(script) as server:
        both.run(main(server.url))
        assert server.last_event_ids == [None, "2"]


@pytest.mark.parametrize("name", ["waiting", "reading", "opening"])
def test_restart_from_elsewhere_wakes_a_source(both: Both, name: str) -> None:
    firsts: dict[str, list[Any]] = {
        "waiting": ["reset"],
        "reading": [head(), "hold"],
        "opening": ["hold"],
    }

    async def main(server: Server) -> None:
        source = both.source(server.url, reconnect=ReconnectPolicy(initial_delay=60.0))
        task = both.beside(step(source))
        await both.sleep(0.1)
        source.restart()
        assert (await both.result(task)).data == "a"
        await source.close()
        assert server.wait_closed()

    with Server([firsts[name], [head(), b"data: a\n\n", "hold"]]) as server:
        both.run(main(server))


@needs_proc
def test_sources_closed_and_restarted_at_random_times_leave_nothing_behind(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")
    chance = random.Random(2)
    threads = threading.active_count()

    async def main(server: Server) -> None:
        gc.collect()
        before = descriptors()
        for _ in range(60):
            source = both.source(server.url, reconnect=ReconnectPolicy(initial_delay=0.002))
            task = both.beside(collect(source))
            await both.sleep(chance.random() * 0.02)
            if chance.randrange(2):
                source.restart()
                await both.sleep(chance.random() * 0.02)
            source.close()
            seen = [int(data) for data in await both.result(task)]
            assert seen == list(range(1, len(seen) + 1))
        assert server.wait_closed()
        assert await back_to(both, before), (descriptors(), before)

    with Server([soak_script(3, 10**9)]) as server:
        both.run(main(server))
    assert threading.active_count() == threads


# --- sources


def test_state_and_hooks_follow_the_connections(both: Both) -> None:
    seen: list[Any] = []

    async def main(url: str) -> None:
        source: Any = both.source(
            url,
            on_open=lambda stream: seen.append(("open", stream.status, source.state)),
            on_error=lambda error, delay: seen.append((type(error).__name__, delay, source.state)),
            reconnect=ReconnectPolicy(jitter=0),
        )
        assert source.state == "connecting"
        assert (await step(source)).data == "a"
        assert (source.state, source.retry) == ("open", 10)
        with pytest.raises(StatusError):
            await step(source)
        assert source.state == "closed"
        assert await collect(source) == []

    with Server([[head(), b"retry: 10\ndata: a\n\n"], [head(404)]]) as server:
        both.run(main(server.url))
    assert seen == [
        ("open", 200, "open"),
        ("ConnectionLost", 0.25, "connecting"),
        ("StatusError", None, "closed"),
    ]


@pytest.mark.parametrize("hook", ["on_open", "on_error"])
def test_what_a_hook_raises_closes_the_source_and_propagates(both: Both, hook: str) -> None:
    def fail(*args: object) -> None:
        raise ZeroDivisionError

    async def main(server: Server) -> None:
        options: dict[str, Any] = {hook: fail}
        source = both.source(server.url, **options)
        with pytest.raises(ZeroDivisionError):
            await step(source)
        assert source.state == "closed"
        assert await collect(source) == []
        assert server.wait_closed()

    script: list[Any] = [[head(), "hold"]] if hook == "on_open" else [["reset"]]
    with Server(script) as server:
        both.run(main(server))


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration])
@pytest.mark.parametrize("hook", ["on_open", "on_error"])
def test_a_hook_that_raises_what_ends_iterations_is_no_end_of_the_events(
    both: Both, hook: str, error: type[Exception]
) -> None:
    def stop(*_: object) -> None:
        raise error

    async def main() -> None:
        response = both.response(200, {"Content-Type": "text/event-stream"})
        options: dict[str, Any] = {"transport": both.transport(lambda request: response)}
        options[hook] = stop
        async with both.source("http://h/", **options) as source:
            # What ends the other client's iterations is an error like any other.
            other = error is StopAsyncIteration and both.name == "blocking"
            with pytest.raises(error if other else RuntimeError) as caught:
                await step(source)
            assert other or error.__name__ in str(caught.value)
            assert source.state == "closed"

    both.run(main())


def test_a_hook_may_close_the_source(both: Both) -> None:
    async def main(url: str) -> list[str]:
        source: Any = both.source(url, on_error=lambda error, delay: source.close())
        return await collect(source)

    with Server([["reset"]]) as server:
        assert both.run(main(server.url)) == []
        assert server.connections == 1


def test_retry_after_is_waited_for(both: Both) -> None:
    delays: list[Any] = []

    async def main(url: str) -> None:
        def stop(error: SSEWireError, delay: float | None) -> None:
            delays.append(delay)
            source.close()

        source = both.source(url, on_error=stop)
        assert await collect(source) == []

    with Server([[head(503, "Retry-After: 7")]]) as server:
        both.run(main(server.url))
    assert delays == [7.0]


def test_failed_attempts_are_logged_as_warnings_without_secrets(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ssewire")

    async def main(url: str) -> None:
        policy = ReconnectPolicy(initial_delay=0.0, max_attempts=2)
        source = both.source(
            f"{url}/?key=hunter2", headers={"X-API-Key": "hunter2"}, reconnect=policy
        )
        with pytest.raises(RetriesExhausted):
            await collect(source)

    with Server([[head(), b"data: a\n\n"], [head(503)]]) as server:
        both.run(main(server.url))
    # The loop has a log of its own.
    records = [record for record in caplog.records if record.name != "asyncio"]
    assert [record.levelname for record in records] == ["INFO", "WARNING", "WARNING"]
    assert {record.name for record in records} == {"ssewire"}
    assert "status 503" in caplog.text
    assert "hunter2" not in caplog.text


# --- proxies


def test_plain_http_goes_through_a_proxy_by_its_whole_url(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> list[str]:
        async with both.open_stream("http://nowhere.invalid:81/x?y") as stream:
            return await collect(stream)

    with Server([[head(), ABC]]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//us:pw@"))
        monkeypatch.setenv("no_proxy", "")
        assert both.run(main()) == ["a", "b", "c"]
        sent = proxy.requests[0]
    assert sent.target == "http://nowhere.invalid:81/x?y"
    assert sent.headers["host"] == "nowhere.invalid:81"
    assert sent.headers["proxy-authorization"] == "Basic dXM6cHc="


def test_what_is_for_a_proxy_stays_at_a_redirect_through_the_same_one(both: Both) -> None:
    headers = {"Proxy-Authorization": "Basic dXM6cHc=", "Authorization": "secret"}

    async def main(proxy: str) -> list[str]:
        async with both.open_stream("http://a.invalid/", headers=headers, proxy=proxy) as stream:
            return await collect(stream)

    moved = head(307, "Location: http://b.invalid/", "Content-Length: 0")
    with Server([[moved], [head(), ABC]]) as proxy:
        assert both.run(main(proxy.url)) == ["a", "b", "c"]
        first, second = proxy.requests
    assert (first.target, second.target) == ("http://a.invalid/", "http://b.invalid/")
    assert first.headers["proxy-authorization"] == second.headers["proxy-authorization"]
    assert first.headers["authorization"] == "secret"
    assert "authorization" not in second.headers


def test_https_goes_through_a_tunnel_that_sees_no_secrets(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(url: str) -> list[str]:
        headers = {"Authorization": "secret"}
        async with both.open_stream(url, tls=trusting_context(), headers=headers) as stream:
            return await collect(stream)

    with Server([["tunnel"]]) as proxy, Server([[head(), ABC]], tls="127.0.0.1") as server:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        assert both.run(main(server.url)) == ["a", "b", "c"]
        assert proxy.requests[0].method == "CONNECT"
        assert proxy.requests[0].target == f"127.0.0.1:{server.port}"
        assert "authorization" not in proxy.requests[0].headers
        assert server.requests[0].headers["authorization"] == "secret"


def test_no_proxy_is_obeyed(both: Both, deaf_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(url: str) -> int:
        async with both.request(url) as response:
            status: int = response.status
            return status

    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{deaf_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server([[head(204)]]) as server:
        assert both.run(main(server.url)) == 204


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
    both: Both, script: list[Any], error: type[TransportError], retryable: bool
) -> None:
    async def main(url: str) -> None:
        with pytest.raises(error) as caught:
            await both.request("https://h/", proxy=url, timeouts=Timeouts(connect=0.2))
        assert caught.value.retryable is retryable

    with Server(script) as proxy:
        both.run(main(proxy.url))
        assert proxy.wait_closed()


# --- transports


def test_a_transport_carries_the_request_and_its_errors_are_wrapped(both: Both) -> None:
    carried: list[Any] = []

    def carry(request: Any) -> Any:
        carried.append(request)
        if len(carried) == 1:
            return both.response(302, {"Location": "/b"})
        if len(carried) == 2:
            return both.response(200, {"Content-Type": "text/event-stream"}, [ABC[:9], ABC[9:]])
        raise OSError("no more")

    async def main() -> None:
        source = both.source(
            "http://h/a",
            transport=both.transport(carry),
            reconnect=ReconnectPolicy(0.0, max_attempts=1),
        )
        async with source:
            assert [(await step(source)).data for _ in range(3)] == ["a", "b", "c"]
            with pytest.raises(RetriesExhausted) as caught:
                await step(source)
        cause = caught.value.__cause__
        assert type(cause) is TransportError
        assert isinstance(cause.__cause__, OSError)

    both.run(main())
    assert [request.url for request in carried] == ["http://h/a", "http://h/b", "http://h/a"]


def test_a_transports_broken_body_is_a_transport_error_and_is_closed(both: Both) -> None:
    closed: list[int] = []

    async def main(close: Any) -> None:
        def carry(request: Any) -> Any:
            headers = [("content-type", "text/event-stream")]
            return both.response(200, headers, [b"data: a\n\n", OSError("broken")], close=close)

        stream = await both.open_stream("http://h/", transport=both.transport(carry))
        assert (await step(stream)).data == "a"
        with pytest.raises(TransportError) as caught:
            await step(stream)
        assert isinstance(caught.value.__cause__, OSError)
        assert await collect(stream) == []

    for number, close in enumerate(both.ways_to_close(lambda: closed.append(1))):
        both.run(main(close))
        assert len(closed) == number + 1


@pytest.mark.parametrize("status", [200, 204, 401])
def test_a_transports_response_that_cannot_be_closed_changes_no_outcome(
    both: Both, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("the password is 1234")

    async def main(close: Any) -> None:
        def carry(request: Any) -> Any:
            headers = {"Content-Type": "text/event-stream"}
            return both.response(status, headers, [b"data: a\n\n"], close=close)

        policy = ReconnectPolicy(max_attempts=1)
        transport = both.transport(carry)
        async with both.source("http://h/", transport=transport, reconnect=policy) as source:
            if status == 401:
                with pytest.raises(StatusError):
                    await step(source)
            elif status == 204:
                assert await collect(source) == []
            else:
                assert (await step(source)).data == "a"

    for close in both.ways_to_close(fail):
        caplog.clear()
        both.run(main(close))
        assert "could not be closed: RuntimeError" in caplog.text
        assert "1234" not in caplog.text


@pytest.mark.parametrize("kind", ["idle", "stall", "total"])
def test_a_transport_that_is_silent_between_two_chunks_times_out(both: Both, kind: str) -> None:
    def carry(request: Any) -> Any:
        steps = [b"data: a\n\n", 0.15, b": b\n"]
        return both.response(200, {"Content-Type": "text/event-stream"}, steps)

    async def main() -> None:
        options: dict[str, Any] = {"transport": both.transport(carry)}
        options["timeouts"] = Timeouts(**{kind: 0.1})
        async with both.open_stream("http://h/", **options) as stream:
            assert (await step(stream)).data == "a"
            with pytest.raises(StreamTimeout, match=kind):
                await step(stream)

    both.run(main())


def test_the_body_of_a_refusal_is_taken_from_any_bytes_a_transport_gives(both: Both) -> None:
    # Not contiguous, which a bytearray does not take as it is.
    every_second = memoryview(b"n-o-t- -h-e-r-e-")[::2]

    async def main() -> None:
        transport = both.transport(lambda _: both.response(404, {}, [every_second, bytes(70_000)]))
        with pytest.raises(StatusError) as caught:
            await both.open_stream("http://h/", transport=transport)
        assert caught.value.body == b"not here".ljust(65536, b"\0")

    both.run(main())


@pytest.mark.parametrize("returned", [None, "text"])
@pytest.mark.parametrize("plain", [True, False])
def test_a_transport_that_returns_something_else_is_a_type_error(
    both: Both, returned: object, plain: bool
) -> None:
    def carry(request: object) -> object:
        return returned

    async def main() -> None:
        # asyncio's is to return an awaitable; a plain function is an easy mistake.
        transport: Any = carry if plain else both.transport(carry)
        with pytest.raises(TypeError, match="HTTPResponse"):
            await both.open_stream("http://h/", transport=transport)

    both.run(main())


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_a_body_that_cannot_be_decoded_says_so_at_every_step_and_never_looks_whole(
    both: Both, encoding: str
) -> None:
    body = gzip.compress(b"hello world")[:-4]
    answer = head(200, f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}") + body

    async def main(url: str) -> None:
        response = await both.request(url)
        if encoding == "gzip":
            assert await step(response.chunks) == b"hello world"
        for _ in range(3):
            with pytest.raises(ContentDecodingError):
                await step(response.chunks)

    with Server([[answer]]) as server:
        both.run(main(server.url))


def test_a_source_that_has_stopped_does_not_go_on_after_an_exception_in_the_log(
    both: Both,
) -> None:
    class Interrupting(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise LookupError(record.getMessage())

    async def main(url: str) -> None:
        source = both.source(url)
        with pytest.raises(LookupError, match="stopped"):
            await step(source)
        with pytest.raises(StopAsyncIteration):
            await step(source)
        assert source.state == "closed"

    log = logging.getLogger("ssewire")
    interrupting = Interrupting()
    log.addFilter(interrupting)
    try:
        with Server([[head(404)]]) as server:
            both.run(main(server.url))
            assert server.connections == 1
    finally:
        log.removeFilter(interrupting)


# --- what a person is shown


def test_streams_and_sources_show_where_they_are_and_no_query(both: Both) -> None:
    async def main(url: str) -> None:
        where = f"'{url}/path'"
        async with both.open_stream(f"{url}/path?key=secret") as stream:
            inner = getattr(stream, "_inner", stream)
            assert repr(inner) == f"<EventStream open, 200 from {where}, last_event_id=''>"
            await step(stream)
            await stream.close()
            assert repr(inner) == f"<EventStream closed, 200 from {where}, last_event_id='\\x1b'>"
        async with both.request(f"{url}/path?key=secret") as response:
            assert repr(getattr(response, "_inner", response)) == f"<HTTPResponse 200 from {where}>"
        source = both.source(f"{url}/path?key=secret", last_event_id="x" * 500)
        told = repr(getattr(source, "_inner", source))
        assert told == f"<EventSource connecting, {where}, last_event_id='{'x' * 64}'...>"
        await source.close()

    body = b"id: \x1b\ndata: secret\n\n"
    with Server([[head(200), body, "hold"]] * 2) as server:
        both.run(main(server.url))


# --- what a source prepares


def test_prepare_makes_the_request_of_each_connection(both: Both) -> None:
    prepared: list[tuple[str, str | None]] = []

    def prepare(request: HTTPRequest) -> HTTPRequest:
        prepared.append((request.url, request.headers.get("Last-Event-ID")))
        return request.with_headers({"Authorization": f"Bearer {len(prepared)}"}).with_url(
            f"{request.url}?after={request.headers.get('Last-Event-ID', '')}"
        )

    async def main(url: str) -> list[str]:
        source = both.source(
            f"{url}/events", prepare=prepare, reconnect=ReconnectPolicy(0.01, max_delay=0.02)
        )
        async with source:
            return await collect(source)

    with Server([[head(), event(1)], ["reset"], [head(401)], [head(204)]]) as server:
        with pytest.raises(StatusError):
            both.run(main(server.url))
        assert [request.target for request in server.requests] == [
            *("/events?after=", "/events?after=1", "/events?after=1")
        ]
        authorizations = [request.headers["authorization"] for request in server.requests]
        assert authorizations == ["Bearer 1", "Bearer 2", "Bearer 3"]
        # Each time the source's own request, not what was made of it before.
        url = f"{server.url}/events"
        assert prepared == [(url, None), (url, "1"), (url, "1")]


def test_a_post_that_prepare_makes_of_a_get_is_sent_once(both: Both) -> None:
    def prepare(request: HTTPRequest) -> HTTPRequest:
        return request.with_method("POST", b"order")

    async def main(url: str) -> None:
        policy = ReconnectPolicy(initial_delay=0.0)
        source = both.source(url, prepare=prepare, reconnect=policy)
        assert (await step(source)).data == "a"
        with pytest.raises(StopAsyncIteration):
            await step(source)
        assert source.state == "closed"

    with Server([[head(), b"data: a\n\n"]] * 2) as server:
        both.run(main(server.url))
        assert [request.method for request in server.requests] == ["POST"]


def test_prepare_may_go_on_by_get_where_a_post_was_cut(both: Both) -> None:
    def prepare(request: HTTPRequest) -> HTTPRequest:
        if "Last-Event-ID" not in request.headers:
            return request
        return request.with_method("GET")

    async def main(url: str) -> list[str]:
        source = both.source(
            url,
            method="POST",
            body=b"{}",
            headers={"Content-Type": "application/json"},
            prepare=prepare,
            reconnect=ReconnectPolicy(0.01, retry_unsafe_methods=True),
        )
        async with source:
            return await collect(source)

    with Server([[head(200, CHUNKED), chunk(event(1))], [head(), event(2)], [head(204)]]) as server:
        assert both.run(main(server.url)) == ["1", "2"]
        seen = [
            (request.method, request.body, request.headers.get("content-type"))
            for request in server.requests
        ]
        assert seen == [("POST", b"{}", "application/json"), *[("GET", b"", None)] * 2]
        assert server.last_event_ids == [None, "1", "2"]


def raising(error: BaseException) -> Any:
    def prepare(request: HTTPRequest) -> HTTPRequest:
        raise error

    return prepare


def changing_in_place(request: HTTPRequest) -> HTTPRequest:
    request.headers = {"A": "b\r\nC: d"}  # type: ignore[assignment]
    return request


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (raising(ZeroDivisionError()), ZeroDivisionError),
        (raising(StateError("no token")), StateError),
        (raising(KeyboardInterrupt()), KeyboardInterrupt),
        # What would end the iteration without a word.
        (raising(StopIteration()), RuntimeError),
        (raising(StopAsyncIteration()), (RuntimeError, StopAsyncIteration)),
        (lambda request: None, TypeError),
        (lambda request: request.url, TypeError),
        (lambda request: request.with_headers({"A": "b\nC: d"}), ValueError),
        (lambda request: request.with_url("ftp://h/"), ValueError),
        (lambda request: request.with_url("http://user:pass@h/"), ValueError),
        (changing_in_place, ValueError),
    ],
    ids=shown,
)
def test_what_prepare_raises_ends_the_source(both: Both, prepare: Any, expected: Any) -> None:
    told: list[Any] = []

    async def main(url: str) -> None:
        source = both.source(url, prepare=prepare, on_error=lambda *args: told.append(args))
        with pytest.raises(expected):
            await step(source)
        assert source.state == "closed"
        assert await collect(source) == []

    with Server([[head(), event(1)]]) as server:
        both.run(main(server.url))
        assert server.connections == 0
    assert not told


def test_a_transport_error_of_prepare_is_a_failed_attempt(both: Both) -> None:
    told: list[tuple[str, float | None]] = []
    failures = [ConnectFailed("tokens.example:443", "refused"), TransportError("no token")]

    def prepare(request: HTTPRequest) -> HTTPRequest:
        if failures:
            raise failures.pop(0)
        return request

    def on_error(error: SSEWireError, delay: float | None) -> None:
        told.append((str(error), delay))

    async def main(url: str, prepare: Any) -> list[str]:
        policy = ReconnectPolicy(0.01, jitter=0, max_attempts=3)
        source = both.source(url, prepare=prepare, on_error=on_error, reconnect=policy)
        async with source:
            return await collect(source)

    with Server([[head(), event(1)], [head(204)]]) as server:
        assert both.run(main(server.url, prepare)) == ["1"]
        assert server.connections == 2
        assert told[:2] == [
            ("could not connect to tokens.example:443: refused", 0.01),
            ("no token", 0.02),
        ]
        with pytest.raises(RetriesExhausted) as caught:
            both.run(main(server.url, raising(TransportError("still none"))))
        assert str(caught.value.__cause__) == "still none"
        assert server.connections == 2


@pytest.mark.parametrize("what", ["close", "restart"])
def test_what_ends_or_restarts_a_source_in_prepare_counts_before_the_request_is_sent(
    both: Both, what: str
) -> None:
    calls: list[None] = []

    async def main(url: str) -> None:
        def prepare(request: HTTPRequest) -> HTTPRequest:
            calls.append(None)
            if len(calls) == 1:
                getattr(source, what)()
            return request

        source = both.source(url, prepare=prepare)
        if what == "close":
            assert await collect(source) == []
        else:
            assert (await step(source)).data == "1"
            await source.close()

    with Server([[head(), event(1), "hold"]]) as server:
        both.run(main(server.url))
        assert server.wait_closed()
        assert (server.connections, len(calls)) == ((0, 1) if what == "close" else (1, 2))


# --- the clock of reconnections


def delays_of(both: Both, script: Any, count: int, **policy: Any) -> list[tuple[str, float | None]]:
    """Return what `on_error` is told of so many ends, the last of which closes the source."""
    told: list[tuple[str, float | None]] = []

    async def main(url: str) -> None:
        def on_error(error: SSEWireError, delay: float | None) -> None:
            told.append((type(error).__name__, delay))
            if len(told) == count:
                source.close()

        source = both.source(url, on_error=on_error, reconnect=ReconnectPolicy(**policy))
        async with source:
            await collect(source)

    with Server(script) as server:
        both.run(main(server.url))
    return told


def test_a_server_that_wants_no_pause_is_asked_some_times_a_second_at_most(both: Both) -> None:
    wanting = [head(), b"retry: 0\n" + event(1)]
    policy = {"initial_delay": 0.01, "max_delay": 0.02, "jitter": 0}
    told = delays_of(both, [wanting, ["reset"], []], 4, **policy)
    # After progress a quarter of a second; after failures the initial delay, and growing.
    assert told == [("ConnectionLost", delay) for delay in (0.25, 0.01, 0.02, 0.02)]


def test_the_servers_time_is_waited_for_whatever_our_cap_is(both: Both) -> None:
    wanting = [head(), b"retry: 300000\n" + event(1)]
    assert delays_of(both, [wanting], 1, jitter=0) == [("ConnectionLost", 300.0)]
    wanting = [head(), b"retry: 9999999999\n" + event(1)]
    assert delays_of(both, [wanting], 1) == [("ConnectionLost", 3600.0)]


@pytest.mark.parametrize(("answer", "expected"), [("yes", TypeError), (None, ZeroDivisionError)])
def test_what_should_retry_raises_ends_the_source(both: Both, answer: Any, expected: Any) -> None:
    def should_retry(error: SSEWireError) -> Any:
        if answer is None:
            raise ZeroDivisionError
        return answer

    async def main(url: str) -> None:
        source = both.source(url, reconnect=ReconnectPolicy(should_retry=should_retry))
        with pytest.raises(expected):
            await step(source)
        assert source.state == "closed"
        assert await collect(source) == []

    with Server([[head(503)]]) as server:
        both.run(main(server.url))
        assert server.connections == 1


# --- the end of a stream


def test_an_event_of_the_end_is_in_the_last_batch_and_its_id_counts(both: Both) -> None:
    async def main(url: str) -> tuple[list[Any], str]:
        async with both.open_stream(url, unfinished="dispatch") as stream:
            batches = [[item.data for item in batch] async for batch in stream.batches()]
            return [batch for batch in batches if batch], stream.last_event_id

    with Server([[head(), UNFINISHED]]) as server:
        assert both.run(main(server.url)) == ([["a"], ["b"]], "2")


@pytest.mark.parametrize("kind", KINDS)
def test_closing_within_an_event_hands_nothing_out_and_drops_nothing(both: Both, kind: str) -> None:
    async def main(url: str) -> None:
        stream = await opened(both, kind, url, unfinished="dispatch")
        assert (await step(stream)).data == "1"
        task = both.beside(collect(stream))
        await both.sleep(0.02)
        stream.close()
        assert await both.result(task) == []
        assert (stream.dropped, stream.last_event_id) == (0, "1")

    with Server([[head(), event(1) + b"id: 2\ndata: half", "hold"]]) as server:
        both.run(main(server.url))


def test_what_the_end_of_a_stream_drops_is_in_the_log(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ssewire")

    async def main(url: str) -> list[str]:
        async with both.open_stream(url) as stream:
            return await collect(stream)

    with Server([[head(), UNFINISHED]]) as server:
        assert both.run(main(server.url)) == ["a"]
    text = "7 bytes of an unfinished event were dropped at the end of the stream"
    assert ("DEBUG", text) in [(record.levelname, record.message) for record in caplog.records]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("unfinished", "error"), [("flush", ValueError), (None, TypeError), (True, TypeError)]
)
def test_another_way_with_unfinished_events_is_refused_at_the_call(
    both: Both, kind: str, unfinished: Any, error: type[Exception]
) -> None:
    function = both.module.open_stream if kind == "stream" else both.module.EventSource
    with pytest.raises(error, match="unfinished must be"):
        function("http://127.0.0.1:9/", unfinished=unfinished)


# --- timeouts


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Timeouts(connect=10.0)),
        ({"timeouts": 5}, Timeouts(connect=5, head=5, idle=5)),
        ({"timeout": 30.5}, Timeouts(connect=10, head=30.5, idle=30.5)),
        ({"timeout": Timeouts(stall=1)}, Timeouts(stall=1)),
        ({"timeouts": None}, Timeouts(connect=None)),
        ({"timeout": None}, Timeouts(connect=None)),
    ],
    ids=repr,
)
def test_a_number_of_seconds_is_for_the_head_and_each_wait_for_bytes(
    both: Both, given: dict[str, Any], expected: Timeouts
) -> None:
    seen: list[Timeouts] = []

    def carry(request: HTTPRequest) -> Any:
        seen.append(request.timeouts)
        return both.response(200, {"Content-Type": "text/event-stream"}, [event(1)])

    async def main() -> None:
        transport = both.transport(carry)
        async with both.request("http://h/", transport=transport, **given):
            pass
        async with both.open_stream("http://h/", transport=transport, **given):
            pass
        async with both.source("http://h/", transport=transport, **given) as source:
            await step(source)

    both.run(main())
    assert seen == [expected] * 3


def test_a_stall_does_not_run_on_while_the_consumer_holds_a_comment(both: Both) -> None:
    held = threading.Event()
    deflating = zlib.compressobj(wbits=31)
    zipped = [
        deflating.compress(data) + deflating.flush(zlib.Z_SYNC_FLUSH)
        for data in (b":\n", b"data: a\n\n")
    ]

    def plain(request: Request) -> Iterator[Any]:
        yield head() + b":\n"
        held.wait(PATIENCE)
        yield b"data: a\n\n"

    def gzipped(request: Request) -> Iterator[Any]:
        yield head(200, "Content-Encoding: gzip") + zipped[0]
        held.wait(PATIENCE)
        yield zipped[1]

    def carry(request: HTTPRequest) -> Any:
        body = [b":\n", b"data: a\n\n"]
        return both.response(200, {"Content-Type": "text/event-stream"}, body)

    async def main(url: str) -> None:
        options: dict[str, Any] = {"timeouts": Timeouts(stall=1.0), "comments": True}
        streams = [await both.open_stream(url, **options) for _ in range(2)]
        streams.append(
            await both.open_stream("http://h/", transport=both.transport(carry), **options)
        )
        for stream in streams:
            assert (await step(stream)).text == ""
        await both.sleep(1.05)
        held.set()
        for stream in streams:
            assert (await step(stream)).data == "a"
            await stream.close()

    with Server([plain, gzipped]) as server:
        both.run(main(server.url))


# --- soak


def test_two_thousand_reconnects_with_faults_lose_no_event_and_repeat_none(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    # Thousands of warnings, each kept with its traceback, would be most of the time.
    caplog.set_level(logging.CRITICAL, "ssewire")
    last = 2100
    prepared: list[str | None] = []

    def prepare(request: HTTPRequest) -> HTTPRequest:
        prepared.append(request.headers.get("Last-Event-ID"))
        if len(prepared) % 50 == 0:
            raise TransportError("no token")
        return request.with_headers({"Authorization": f"Bearer {len(prepared)}"})

    def should_retry(error: SSEWireError) -> bool | None:
        return True if isinstance(error, StatusError) else None

    async def main(url: str) -> list[int]:
        policy = ReconnectPolicy(initial_delay=0.0, should_retry=should_retry)
        async with both.source(url, reconnect=policy, prepare=prepare) as source:
            return [int(received.data) async for received in source]

    before = threading.active_count()
    with Server([soak_script(1, last, (503, 401, 404))]) as server:
        seen = both.run(main(server.url))
        connections = server.connections
        # Each request is the one that was prepared for it, and the last event's.
        for request in server.requests:
            number = int(request.headers["authorization"].partition(" ")[2])
            assert request.last_event_id == prepared[number - 1]
    assert connections == len(prepared) - len(prepared) // 50
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= last
    assert connections > 2000
    assert threading.active_count() == before


# --- peers that are gone


@needs_proc
@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="the system has other names")
@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_tcp_finds_out_on_every_connection_whether_its_peer_is_gone(
    both: Both, tls: str | None
) -> None:
    async def main(server: Server) -> None:
        options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
        async with both.open_stream(server.url, **options) as stream:
            assert (await step(stream)).data == "1"
            (ours,) = sockets_to(server.port)
            with ours:
                found = [
                    ours.getsockopt(level, name)
                    for level, name in (
                        (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                    )
                ]
            assert found == [1, 60, 15, 4]

    with Server([[head(), event(1), "hold"]], tls=tls) as server:
        both.run(main(server))
