# SPDX-License-Identifier: MIT
"""What the sync client alone is asked: threads, signals, sockets that break.

What both clients do is in test_both.
"""

from __future__ import annotations

import errno
import itertools
import random
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ssewire.client import EventSource, Timeouts, open_stream
from ssewire.errors import ConnectFailed, ConnectionLost
from tests.clients.scenarios import ABC
from tests.kit.alarms import alarms, needs_alarms, ring_after
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Request, Server, chunk, head, trusting_context

pytestmark = pytest.mark.sockets


async def coroutine_function(*args: object) -> None:
    raise AssertionError("never awaited")


def test_a_transport_that_would_have_to_be_awaited_is_a_type_error_at_once() -> None:
    transport: Any = coroutine_function
    with pytest.raises(TypeError):
        EventSource("http://127.0.0.1:9/", transport=transport)


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


def test_a_tls_stream_until_close_that_is_cut_without_an_alert_is_connection_lost() -> None:
    # asyncio's own TLS does not tell the two apart.
    with Server([[head(), ABC, 0.05, "fin"]], tls="127.0.0.1") as server:
        stream = open_stream(server.url, tls=trusting_context())
        with stream:
            assert [next(stream).data for _ in range(3)] == ["a", "b", "c"]
            with pytest.raises(ConnectionLost):
                next(stream)


def test_over_tls_what_came_in_several_records_is_handed_out_before_more_is_waited_for() -> None:
    sent = threading.Event()

    def script(request: Request) -> Iterator[Any]:
        yield head(200, CHUNKED)
        yield chunk(b"data: 1\n\n")
        # Longer than a record may be.
        yield chunk(b"data: " + b"x" * 40_000 + b"\n\n")
        yield chunk(b"data: 2\n\n")
        sent.set()
        yield "hold"

    options: dict[str, Any] = {"tls": trusting_context(), "timeouts": Timeouts(idle=10.0)}
    with Server([script], tls="127.0.0.1") as server, open_stream(server.url, **options) as stream:
        assert sent.wait(10)
        assert [len(next(stream).data) for _ in range(3)] == [1, 40_000, 1]


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


@needs_alarms
@pytest.mark.parametrize("kind", ["stream", "source"])
def test_a_ctrl_c_within_a_blocked_read_loses_nothing(kind: str) -> None:
    class Interrupted(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    go = threading.Event()

    def script(request: Request) -> Iterator[bytes]:
        yield head(200, CHUNKED)
        yield chunk(b"data: a\n\n")
        go.wait(5)
        yield chunk(b"data: b\n\n") + LAST_CHUNK

    with Server([script, [head(204)]]) as server, alarms(interrupt):
        open_it: Any = open_stream if kind == "stream" else EventSource
        with open_it(server.url) as stream:
            assert next(stream).data == "a"
            ring_after(0.05)
            with pytest.raises(Interrupted):
                next(stream)
            go.set()
            assert next(stream).data == "b"
        assert server.connections == 1
