# SPDX-License-Identifier: MIT
"""What the blocking Claude client alone is asked: threads, signals, forks.

What both clients do is in test_both.
"""

from __future__ import annotations

import gc
import json
import os
import random
import threading
import time
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any, Callable

import pytest

from ssewire.claude import (
    ClaudeError,
    ConfigurationError,
    StreamClosed,
)
from ssewire.claude.aio import AsyncClaude
from ssewire.claude.client import Claude
from ssewire.client import HTTPRequest, HTTPResponse
from ssewire.errors import StateError
from tests.claude import wire
from tests.claude.scenarios import (
    ASKED,
    GOOD,
    HELLO,
    SCENARIOS,
    SSE,
    TEXT,
    kept,
)
from tests.claude.scenarios import stream as stream_of
from tests.kit.alarms import alarms, needs_alarms, ring_after
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Request, chunk, head
from tests.kit.scripted import ClosingServer as Server
from tests.kit.scripted import Server as PlainServer

pytestmark = [pytest.mark.once, pytest.mark.sockets]


def make_client(server: PlainServer, **options: Any) -> Claude:
    options = {"base_url": server.url, "api_key": "sk-test", "proxy": None, **options}
    return Claude(**options)


def test_an_error_is_a_claude_error_whatever_went_wrong() -> None:
    wire_errors = [scenario.error for scenario in SCENARIOS if scenario.error is not None]
    assert all(issubclass(error, ClaudeError) for error in wire_errors)


# --- what is refused before anything is connected to


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "CUSTOM_HEADERS"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"base_url": "ftp://h/"}, ConfigurationError, "only http and https"),
        ({"base_url": "api.anthropic.com"}, ConfigurationError, "only http and https"),
        ({"base_url": "https://"}, ConfigurationError, "no host"),
        ({"base_url": "https://me:hunter2@h/"}, ConfigurationError, "Authorization header"),
        ({"base_url": "https://h/?key=hunter2"}, ConfigurationError, "neither a query"),
        ({"base_url": 7}, TypeError, "base_url"),
        ({"api_key": "hunter2\n"}, ConfigurationError, "strip it"),
        ({"api_key": b"hunter2"}, TypeError, "api_key"),
        ({"api_key": "hunter2", "auth_token": "hunter2"}, ConfigurationError, "not both"),
        ({"auth_header": "cookie"}, ValueError, "auth_header"),
        ({"default_headers": [("a", "b")]}, TypeError, "default_headers"),
        ({"default_headers": {"a": 1}}, TypeError, "default_headers"),
        ({"betas": "one"}, TypeError, "betas"),
        ({"betas": [1]}, TypeError, "betas"),
        ({"anthropic_version": None}, TypeError, "anthropic_version"),
        ({"max_retries": -1}, ValueError, "max_retries"),
        ({"max_retries": True}, TypeError, "max_retries"),
        ({"max_retry_delay": float("nan")}, ValueError, "max_retry_delay"),
        ({"max_retry_delay": "1"}, TypeError, "max_retry_delay"),
        ({"timeouts": "1"}, TypeError, "timeout"),
        ({"timeouts": -1}, ValueError, "timeout"),
        ({"timeouts": 1, "timeout": 1}, TypeError, "another name"),
        ({"tls": 1}, TypeError, "tls"),
        ({"proxy": "socks5://h"}, ValueError, "proxies"),
        ({"transport": 1}, TypeError, "transport"),
        ({"max_event_size": -1}, ValueError, "max_event_size"),
        ({"max_event_size": "1"}, TypeError, "max_event_size"),
    ],
)
@pytest.mark.parametrize("client", [Claude, AsyncClaude])
def test_wrong_settings_fail_at_once_and_show_no_key(
    client: Any, changes: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text) as caught:
        client(**changes)
    assert "hunter2" not in str(caught.value)


# --- what goes out


def test_a_program_for_the_official_sdk_needs_only_another_import(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ssewire.claude import Claude as Anthropic

    with Server([GOOD]) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
        client = Anthropic(timeout=20.0, max_retries=5)
        shown = ""
        with client.messages.stream(**ASKED) as stream:
            for text in stream.text_stream:
                shown += text
        message = stream.get_final_message()
        events = client.messages.create(stream=True, **ASKED)
        types = [event.type for event in events]
        whole = client.beta.messages.create(betas=["x"], **ASKED)
        client.close()
        assert server.requests[2].headers["anthropic-beta"] == "x"
    assert shown == TEXT == stream.get_final_text() == message.content[0].text  # type: ignore[union-attr]
    assert types[:2] == ["message_start", "content_block_start"]
    assert types[-2:] == ["message_delta", "message_stop"]
    assert "ping" not in types
    assert whole == message


# --- secrets


def test_a_key_over_plain_http_to_another_host_warns_once_at_the_callers_line() -> None:
    def transport(request: HTTPRequest) -> HTTPResponse:
        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, [HELLO])

    with Claude(api_key="hunter2", base_url="http://relay:4000", transport=transport) as client:
        with pytest.warns(UserWarning, match="without encryption") as caught:
            client.messages.create(**ASKED)
        assert caught[0].filename == __file__
        assert "hunter2" not in str(caught[0].message)
        client.messages.create(**ASKED)
    for local in ("http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "https://relay"):
        with Claude(api_key="k", base_url=local, transport=transport) as client:
            client.messages.create(**ASKED)


@pytest.mark.parametrize(
    ("url", "variable", "proxy", "warned"),
    [
        ("http://localhost:1", "http_proxy", "http://u:pw@corp.example:3128", True),
        ("http://127.0.0.1:1", "ALL_PROXY", "http://corp.example:3128", True),
        ("http://127.0.0.1:1", "http_proxy", "http://127.0.0.1:3128", False),
        ("https://relay", "https_proxy", "http://corp.example:3128", False),
    ],
)
def test_a_key_that_a_proxy_sees_warns_though_the_server_is_on_this_machine(
    url: str, variable: str, proxy: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv(variable, proxy)
    with (
        Claude(api_key="hunter2", base_url=url) as client,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        for _ in range(2):
            client._options.build(dict(ASKED), client._settings.proxy_in_use)
    assert len(caught) == warned
    for warning in caught:
        text = str(warning.message)
        assert f"by the proxy corp.example:3128 of {variable};" in text
        assert "pw" not in text
        assert "hunter2" not in text


# --- connections


def test_a_last_chunk_that_comes_after_the_message_does_not_cost_the_connection() -> None:
    finished = threading.Event()
    sent = threading.Event()

    def script(request: Request) -> Iterator[Any]:
        yield SSE + chunk(HELLO)
        finished.wait(5)
        yield LAST_CHUNK
        sent.set()
        yield "request"
        yield b"".join(GOOD)

    with PlainServer([script]) as server, make_client(server) as client:
        assert client.messages.create(**ASKED).content
        finished.set()
        assert sent.wait(5)
        time.sleep(0.02)  # it is on its way through this machine
        assert client.messages.create(**ASKED).content
        assert server.connections == 1


def test_threads_share_a_client() -> None:
    def script(request: Request) -> Iterator[Any]:
        # Each answer is what was asked.
        asked = json.loads(request.body)["messages"][0]["content"]
        yield from stream_of(wire.whole(wire.text_block(0, asked)))

    wrong: list[str] = []
    with Server([script]) as server, make_client(server) as client:

        def run(name: int) -> None:
            for number in range(10):
                question = f"{number} of {name}"
                asked = {**ASKED, "messages": [{"role": "user", "content": question}]}
                with client.messages.stream(**asked) as stream:
                    if stream.get_final_text() != question:
                        wrong.append(question)

        threads = [threading.Thread(target=run, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(server.requests) == 80
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_uses_a_connection_of_its_own() -> None:
    with Server([kept(*[GOOD] * 4)]) as server, make_client(server) as client:
        client.messages.create(**ASKED)
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if client.messages.create(**ASKED).content else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        client.messages.create(**ASKED)
        assert server.connections == 2


# --- ends that come from outside


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


START = wire.message_start() + wire.start(0, wire.TEXT) + wire.text(0, "Hé")


def test_a_transport_that_blocks_is_not_waited_for_and_its_answer_is_closed() -> None:
    asked, go, closed = threading.Event(), threading.Event(), threading.Event()

    def carry(request: HTTPRequest) -> HTTPResponse:
        asked.set()
        assert go.wait(30)
        return HTTPResponse(
            200, {"Content-Type": "text/event-stream"}, iter([HELLO]), close=closed.set
        )

    with Claude(api_key="k", transport=carry) as client:
        manager = client.messages.stream(**ASKED)
        errors: list[ClaudeError] = []

        def enter() -> None:
            try:
                manager.__enter__()
            except ClaudeError as exc:
                errors.append(exc)

        thread = threading.Thread(target=enter)
        thread.start()
        assert asked.wait(30)
        manager.close()
        go.set()
        thread.join(30)
        assert [type(error) for error in errors] == [StreamClosed]
        assert closed.is_set()


def test_requests_ended_at_random_times_end_alike_and_leave_no_socket() -> None:
    rng = random.Random(5)
    held = [SSE, chunk(HELLO[:200]), "hold"]
    scripts: list[Any] = [["hold"], [SSE[:20], "hold"], held, GOOD, [0.003, *GOOD]]
    with Server([rng.choice(scripts) for _ in range(200)]) as server:
        for number in range(100):
            client = make_client(server, max_retries=0)
            manager = client.messages.stream(**ASKED)
            end = manager.close if number % 2 else partial(client.close, streams=True)
            timer = threading.Timer(rng.random() * 0.008, end)
            timer.start()
            try:
                with manager as stream:
                    for _ in stream:
                        pass
                    stream.get_final_message()
            except (StreamClosed, StateError):
                pass
            timer.join()
            client.close(streams=True)
            assert server.wait_closed()


def test_a_pause_of_centuries_is_waited_for_and_ends_when_the_stream_is_closed() -> None:
    # A response that has no message in it, and asks for a time that no clock's call takes.
    patience = head(200, CHUNKED, "retry-after: 100000000000") + LAST_CHUNK
    with (
        Server([[patience]]) as server,
        make_client(server, max_retry_delay=1e12) as client,
        client.messages.stream(**ASKED) as stream,
    ):
        closing = threading.Timer(0.1, stream.close)
        closing.start()
        assert list(stream) == []
        closing.join()
        assert len(server.requests) == 1


def test_streams_closed_at_random_times_raise_nothing() -> None:
    data = chunk(START) + chunk(*(wire.text(0, "ab") for _ in range(400)))

    def script(request: Request) -> Iterator[Any]:
        yield SSE
        for at in range(0, len(data), 3000):
            yield data[at : at + 3000]
        yield "hold"

    pauses = random.Random(7)
    with Server([script]) as server, make_client(server) as client:
        for number in range(60):
            with client.messages.stream(**ASKED) as stream:
                reader = stream.text_stream if number % 2 else stream
                thread, results = in_thread(lambda reader=reader: list(reader))  # type: ignore[misc]
                time.sleep(pauses.random() * 0.01)
                stream.close()
                thread.join(5)
                assert isinstance(results[0], list), results[0]
        assert server.wait_closed()


@needs_alarms
@pytest.mark.parametrize("way", ["text", "events"])
def test_ctrl_c_leaves_the_partial_message_and_loses_nothing(way: str) -> None:
    go = threading.Event()

    def script(request: Request) -> Iterator[Any]:
        yield SSE + chunk(START)
        go.wait(5)
        yield chunk(wire.text(0, "llo") + wire.stop(0) + wire.END) + LAST_CHUNK

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with Server([script]) as server, make_client(server) as client, alarms(interrupt):
        stream = client.messages.stream(**ASKED).__enter__()
        items: Any = iter(stream.text_stream if way == "text" else stream)
        item: Any = ""
        while item != "Hé" and getattr(item, "type", "") != "text":
            item = next(items)
        ring_after(0.05)
        with pytest.raises(KeyboardInterrupt):
            next(items)
        assert stream.partial_message is not None
        assert stream.partial_message.content[0].text == "Hé"  # type: ignore[union-attr]
        go.set()
        assert stream.get_final_text() == "Héllo"


# --- transports of the caller's


def test_leaving_no_client_closed_warns_of_no_socket() -> None:
    with Server([GOOD]) as server:
        client = make_client(server)
        client.messages.create(**ASKED)
        del client
        gc.collect()
        assert server.wait_closed()
