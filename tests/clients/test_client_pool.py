# SPDX-License-Identifier: MIT
"""What only the pool of the blocking client is asked; what both do is in test_both_pool."""

from __future__ import annotations

import gc
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ssewire import client as blocking
from ssewire._http.request import HTTPRequest
from ssewire._http.timeouts import Timeouts
from ssewire._settings import Settings
from ssewire.client._connection import Handle
from ssewire.client._exchange import respond
from ssewire.errors import ConnectionLost
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head, trusting_context

pytestmark = pytest.mark.sockets

ANSWER = [head(200, "Content-Length: 2"), b"ok"]
FOR_EVER: list[Any] = [*ANSWER, "request"] * 30 + ANSWER


class Client:
    """What a client makes of a pool."""

    def __init__(self, url: str, tls: Any = None) -> None:
        self.pool = blocking.Pool()
        self._url = url
        self._settings = Settings(tls, None, 10, None, self.pool)

    def open(self, body: bytes | None = None, **timeouts: float) -> blocking.HTTPResponse:
        method = "GET" if body is None else "POST"
        request = HTTPRequest(self._url, method=method, body=body, timeouts=Timeouts(**timeouts))
        return respond(request, self._settings, Handle())

    def ask(self, body: bytes | None = None) -> bytes:
        with self.open(body) as response:
            return b"".join(bytes(chunk) for chunk in response.chunks)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.pool.close()


def test_a_request_is_repeated_once_and_on_a_connection_of_its_own() -> None:
    # Two connections are kept; both break while they are asked again, and the new one ends.
    both = threading.Barrier(2, timeout=5)

    def first(request: Any) -> Any:
        both.wait()
        yield from [*ANSWER, "asked", "reset"]

    with Server([first, first, []]) as server, Client(server.url) as client:
        threads = [threading.Thread(target=client.ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        with pytest.raises(ConnectionLost):
            client.ask(bytes(32 << 20))
        assert len(server.requests) == 3
        assert server.connections == 3


def test_bytes_that_nobody_asked_for_make_an_idle_connection_useless() -> None:
    kept = threading.Event()
    sent = threading.Event()

    def late(request: Any) -> Any:
        yield from ANSWER
        kept.wait(5)
        yield b"HTTP/1.1 408 Request Timeout\r\n\r\n"
        sent.set()
        yield "request"
        yield head(200, "Content-Length: 5") + b"wrong"

    with Server([late, ANSWER]) as server, Client(server.url) as client:
        assert client.ask() == b"ok"
        kept.set()
        assert sent.wait(5)
        time.sleep(0.02)  # they are on their way through this machine
        assert client.ask() == b"ok"
        assert server.connections == 2


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_a_response_finished_before_its_last_chunk_leaves_its_connection(tls: str | None) -> None:
    seen = threading.Event()
    done = threading.Event()

    def script(request: Any) -> Any:
        yield head(200, CHUNKED) + chunk(b"ok")
        seen.wait(5)
        yield LAST_CHUNK
        done.set()
        yield "request"
        yield from ANSWER

    with Server([script], tls=tls) as server:
        with Client(server.url, trusting_context() if tls else None) as client:
            response = client.open()
            assert next(response.chunks) == b"ok"
            response.chunks.finish()  # type: ignore[attr-defined]
            seen.set()
            assert done.wait(5)
            time.sleep(0.02)
            assert client.ask() == b"ok"
        assert server.connections == 1


def test_a_response_finished_long_before_its_end_costs_its_connection() -> None:
    script: list[Any] = [[head(200, CHUNKED), chunk(b"ok"), "hold"], ANSWER]
    with Server(script) as server, Client(server.url) as client:
        response = client.open()
        assert next(response.chunks) == b"ok"
        response.chunks.finish()  # type: ignore[attr-defined]
        assert client.ask() == b"ok"
        assert server.connections == 2


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent, on connections that stay."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def test_threads_that_share_a_pool_never_share_a_connection() -> None:
    wrong: list[bytes] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    with server, Client(f"http://127.0.0.1:{server.server_port}/") as client:

        def run(name: int) -> None:
            for number in range(30):
                question = b"%d of %d" % (number, name)
                if client.ask(question) != question:
                    wrong.append(question)

        threads = [threading.Thread(target=run, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        client.pool.close()
        server.shutdown()
    serving.join(5)
    assert wrong == []


def test_what_is_given_to_a_closed_pool_is_closed() -> None:
    with Server([FOR_EVER]) as server, Client(server.url) as client:
        client.pool.close()
        assert client.ask() == b"ok"
        assert server.wait_closed()


def test_a_pool_that_is_gone_leaves_no_socket() -> None:
    with Server([[*ANSWER, "hold"]]) as server:
        client = Client(server.url)
        assert client.ask() == b"ok"
        del client
        assert server.wait_closed()


# The server is a thread, which the child does without; 3.15 lets the warning stop the fork.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_leaves_its_parents_connections_alone() -> None:
    with Server([FOR_EVER]) as server, Client(server.url) as client:
        assert client.ask() == b"ok"
        child = os.fork()
        if child == 0:
            # No more of Python's own shutdown than that.
            try:
                os._exit(0 if client.ask() == b"ok" else 1)
            finally:
                os._exit(2)
        _, status = os.waitpid(child, 0)
        assert status == 0
        assert server.connections == 2
        assert client.ask() == b"ok"
        assert server.connections == 2


def test_a_client_that_is_dropped_unclosed_closes_its_idle_connections_without_a_word() -> None:
    with Server([[*ANSWER, "hold"]]) as server:
        client = Client(server.url)
        assert client.ask() == b"ok"
        del client
        gc.collect()
        assert server.wait_closed()
