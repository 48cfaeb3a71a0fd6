# SPDX-License-Identifier: MIT
"""What a forked child may do to its parent's connections with the sync client: nothing."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Callable

import pytest

from ssewire.claude import Claude
from ssewire.client import EventSource, ReconnectPolicy, open_stream, request
from tests.claude import wire
from tests.claude.scenarios import ASKED
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head, trusting_context

pytestmark = [
    pytest.mark.sockets,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    # The server of the test is a thread, which the child does not have and does not miss.
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


def in_child(function: Callable[[], object]) -> None:
    """Run it in a forked child, which must not fail."""
    child = os.fork()
    if child == 0:
        # No more of Python's own shutdown than that.
        try:
            function()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
@pytest.mark.parametrize("kind", ["stream", "source", "response"])
def test_a_forked_child_that_closes_does_not_end_its_parents_connection(
    kind: str, tls: str | None
) -> None:
    go = threading.Event()

    def script(asked: Any) -> Any:
        yield head(200, CHUNKED) + chunk(b"data: 1\n\n")
        go.wait(5)
        yield chunk(b"data: 2\n\n") + LAST_CHUNK

    options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
    if kind == "source":
        options["reconnect"] = ReconnectPolicy(initial_delay=0.0)
    make: Any = {"stream": open_stream, "source": EventSource, "response": request}[kind]
    with Server([script, [head(204)]], tls=tls) as server:
        with make(server.url, proxy=None, **options) as opened:
            pieces = opened.chunks if kind == "response" else opened
            seen = [next(pieces)]
            in_child(opened.close)
            go.set()
            seen += pieces
        assert len(seen) == 2


def test_a_child_forked_while_another_thread_reads_may_close_what_that_reads() -> None:
    forked = threading.Event()

    def script(asked: Any) -> Any:
        yield head() + b"data: 1\n\n"
        forked.wait(5)
        yield b"data: 2\n\n"

    with Server([script]) as server, open_stream(server.url, proxy=None) as stream:
        assert next(stream).data == "1"

        def fork() -> None:
            # While the other thread reads: in the child nobody does.
            while stream._handle._busy is None:
                time.sleep(0.001)
            in_child(stream.close)
            forked.set()

        thread = threading.Thread(target=fork)
        thread.start()
        assert [event.data for event in stream] == ["2"]
        thread.join()


def test_a_forked_child_that_ends_its_parents_claude_stream_neither_ends_nor_keeps_it() -> None:
    go = threading.Event()
    body = wire.whole(wire.text_block(0, "one", "two"))

    def script(asked: Any) -> Any:
        yield head(200, CHUNKED) + chunk(body[:-20])
        go.wait(5)
        yield chunk(body[-20:]) + LAST_CHUNK
        yield "request"
        yield head(200, CHUNKED) + chunk(body) + LAST_CHUNK

    def close_all() -> None:
        stream.close()
        client.close()

    with Server([script]) as server, Claude(base_url=server.url, api_key="k", proxy=None) as client:
        with client.messages.stream(**ASKED) as stream:
            next(stream)
            in_child(close_all)
            go.set()
            assert stream.get_final_text() == "onetwo"
        with client.messages.stream(**ASKED) as stream:
            assert stream.get_final_text() == "onetwo"
        assert server.connections == 1
