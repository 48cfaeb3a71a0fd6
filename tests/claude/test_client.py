"""The blocking Claude client against a scripted server."""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import signal
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from ssewire.claude import (
    ClaudeError,
    ConfigurationError,
    MessageStream,
    StreamClosed,
    StreamInterrupted,
)
from ssewire.claude.aio import AsyncClaude
from ssewire.claude.client import Claude
from ssewire.client import HTTPRequest, HTTPResponse, Timeouts
from ssewire.errors import ConnectFailed, ConnectionLost, StateError, TransportError
from tests.claude import wire
from tests.claude.scenarios import (
    ASKED,
    BUSY,
    GOOD,
    HELLO,
    REQUEST_ID,
    SCENARIOS,
    SSE,
    TEXT,
    WAYS,
    Outcome,
    Scenario,
    in_band,
    message,
    problem,
    refusal,
)
from tests.claude.scenarios import stream as stream_of
from tests.kit.scripted import LAST_CHUNK, Request, Server, chunk, head, trusting_context

pytestmark = [pytest.mark.once, pytest.mark.sockets]


def make_client(server: Server, **options: Any) -> Claude:
    options = {"base_url": server.url, "api_key": "sk-test", "proxy": None, **options}
    return Claude(**options)


def play(scenario: Scenario, way: str, server: Server) -> Outcome:
    """Play a scenario and say what its caller sees."""
    outcome = Outcome()
    options = dict(scenario.options)
    if scenario.timeouts is not None:
        options["timeouts"] = Timeouts(**scenario.timeouts)
    asked = {**ASKED, **scenario.params}
    with make_client(server, **options) as client:
        client._sleep = outcome.slept.append
        client._random = lambda: 0.0
        try:
            if way == "whole":
                outcome.message = client.messages.create(**asked).to_dict()
            elif way == "raw":
                with client.messages.create(stream=True, **asked) as events:
                    outcome.opened = True
                    try:
                        for event in events:
                            outcome.types.append(event.type)
                            if event.type == "content_block_delta":
                                outcome.text += getattr(event.delta, "text", "")
                            elif event.type == "message_start":
                                outcome.text += texts_of(event)
                    finally:
                        outcome.left = dumped(events)
            else:
                with client.messages.stream(**asked) as stream:
                    outcome.opened = True
                    try:
                        read(stream, way, outcome)
                        outcome.message = stream.get_final_message().to_dict()
                    finally:
                        outcome.request_id = stream.request_id
                        outcome.left = dumped(stream)
        except Exception as exc:
            outcome.error = exc
    return outcome


def texts_of(event: Any) -> str:
    """The text that a whole message brings at its start."""
    return "".join(block.get("text", "") for block in event.raw["message"]["content"])


def read(stream: MessageStream, way: str, outcome: Outcome) -> None:
    if way == "text":
        for text in stream.text_stream:
            outcome.text += text
        return
    for event in stream:
        outcome.types.append(event.type)
        if event.type == "text":
            outcome.text += event.text
        elif event.type == "message_start":
            outcome.text += texts_of(event)


def dumped(stream: Any) -> dict[str, Any] | None:
    partial = stream.partial_message
    return None if partial is None else partial.to_dict()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=repr)
def test_scenario(scenario: Scenario, way: str) -> None:
    with scenario.server() as server:
        scenario.check(play(scenario, way, server), server, way)


def test_an_error_is_a_claude_error_whatever_went_wrong() -> None:
    wire_errors = [scenario.error for scenario in SCENARIOS if scenario.error is not None]
    assert all(issubclass(error, ClaudeError) for error in wire_errors)


# --- what is refused before anything is connected to


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "CUSTOM_HEADERS"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)


def refuse(request: HTTPRequest) -> HTTPResponse:
    raise AssertionError("this must not be sent")


def test_a_missing_key_is_an_error_that_names_the_variables() -> None:
    client = Claude(transport=refuse)
    for ask in (client.messages.stream, client.messages.create):
        with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY") as caught:
            ask(**ASKED)
        assert "ANTHROPIC_AUTH_TOKEN" in str(caught.value)


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


def test_messages_that_are_not_json_fail_before_connecting() -> None:
    client = Claude(api_key="k", transport=refuse)
    for ask in (client.messages.stream, client.messages.create):
        with pytest.raises(TypeError, match=r"messages\[0\]\.content\[1\]\.data is of type bytes"):
            ask(
                model="m",
                max_tokens=1,
                messages=[{"role": "user", "content": [{"type": "text"}, {"data": b"x"}]}],
            )


def test_a_closed_client_refuses_requests() -> None:
    client = Claude(api_key="k", transport=refuse)
    client.close()
    client.close()
    with pytest.raises(StateError, match="closed"), client.messages.stream(**ASKED):
        pass


def test_a_request_is_sent_once() -> None:
    with Server([GOOD]) as server, make_client(server) as client:
        manager = client.messages.stream(**ASKED)
        with manager as stream:
            stream.until_done()
        with pytest.raises(StateError, match="sent already"), manager:
            pass
        assert len(server.requests) == 1


def test_with_options_changes_what_is_given_and_shares_the_connections() -> None:
    with Server([BUSY, GOOD, GOOD]) as server, make_client(server, max_retries=0) as client:
        client._sleep = lambda seconds: None
        changed = client.with_options(
            max_retries=1, timeout=5.0, default_headers={"x-more": "1", "x-api-key": "other"}
        )
        assert changed.messages.create(**ASKED).stop_reason == "end_turn"
        client.copy().messages.create(**ASKED)
        assert (client.max_retries, client.timeouts.idle) != (changed.max_retries, 5.0)
        assert changed.timeouts == Timeouts(connect=5.0, head=5.0, idle=5.0)
        sent = [(r.headers.get("x-more"), r.headers.get("x-api-key")) for r in server.requests]
        assert sent[:2] == [("1", "other")] * 2
        assert sent[2][0] is None
    for wrong, error in (
        ({"max_retries": -1}, ValueError),
        ({"timeout": "1"}, TypeError),
        ({"timeout": 1, "timeouts": 1}, TypeError),
        ({"default_headers": {"x": "a\nb"}}, ValueError),
    ):
        with pytest.raises(error):
            client.with_options(**wrong)


def test_a_message_knows_its_request_id_and_does_not_send_it() -> None:
    with Server([GOOD]) as server, make_client(server) as client:
        message = client.messages.create(**ASKED)
    assert message._request_id == REQUEST_ID
    assert REQUEST_ID not in message.to_json()


# --- what goes out


def test_a_request_is_what_the_api_asks_for() -> None:
    with Server([GOOD]) as server:
        with make_client(server) as client, client.messages.stream(**ASKED) as stream:
            stream.until_done()
        (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/v1/messages")
    assert json.loads(request.body) == {**ASKED, "stream": True}
    assert b" " not in request.body
    assert request.headers["x-api-key"] == "sk-test"
    assert request.headers["anthropic-version"] == "2026-10-21"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("ssewire/")
    assert "authorization" not in request.headers
    assert not any(name.startswith("x-stainless") for name in request.headers)


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


def test_a_stream_knows_its_response() -> None:
    with Server([GOOD]) as server, make_client(server) as client:
        with client.messages.stream(**ASKED) as stream:
            assert stream.response is not None
            assert stream.response.status == 200
            assert stream.response.headers["Request-Id"] == REQUEST_ID
            assert stream.response.url == f"{server.url}/v1/messages"
            assert stream.request_id == REQUEST_ID
            assert stream.partial_message is None
        with client.messages.create(stream=True, **ASKED) as raw:
            assert raw.request_id == REQUEST_ID


def test_a_retry_within_the_stream_brings_its_own_response() -> None:
    other = [SSE.replace(REQUEST_ID.encode(), b"req_second"), *GOOD[1:]]
    with Server([stream_of(in_band("overloaded_error")), other]) as server:
        client = make_client(server)
        client._sleep = lambda seconds: None
        with client, client.messages.stream(**ASKED) as stream:
            assert stream.request_id == REQUEST_ID
            assert next(iter(stream)).type == "message_start"
            assert stream.request_id == "req_second"


def test_timeouts_of_a_request_go_before_those_of_the_client() -> None:
    carried: list[HTTPRequest] = []

    def transport(request: HTTPRequest) -> HTTPResponse:
        carried.append(request)
        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, [HELLO])

    with Claude(api_key="k", transport=transport, timeouts=Timeouts(idle=5.0)) as client:
        assert client.timeouts == Timeouts(idle=5.0)
        for timeout in (2.5, Timeouts(total=9.0), None):
            client.messages.create(timeout=timeout, **ASKED)
        client.messages.create(**ASKED)
    assert [request.timeouts for request in carried] == [
        Timeouts(connect=2.5, head=2.5, idle=2.5),
        Timeouts(total=9.0),
        Timeouts(connect=None),
        Timeouts(idle=5.0),
    ]


# --- secrets


def test_keys_are_in_no_repr_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "sk-hunter2"
    shown = ""
    with Server([BUSY, stream_of(in_band("api_error")), [SSE], []]) as server:
        options: dict[str, Any] = {"default_headers": {"Cookie": secret}, "max_retries": 3}
        client = make_client(server, api_key=secret, **options)
        client._sleep = lambda seconds: None
        shown += repr(client) + repr(client.messages) + repr(client._options)
        with client, pytest.raises(ClaudeError) as caught:
            client.messages.create(extra_headers={"Authorization": secret}, **ASKED)
    shown += "".join(traceback.format_exception(None, caught.value, None))
    shown += repr(caught.value.__dict__) + caplog.text
    assert "hunter2" not in shown
    assert "Hello" not in caplog.text
    assert [record.name for record in caplog.records] == ["ssewire"] * 3
    assert "status 529" in caplog.text or "OverloadedError 529" in caplog.text
    assert REQUEST_ID in caplog.text
    assert "0." in caplog.text


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


def test_a_redirect_to_another_origin_gets_no_key() -> None:
    with Server([GOOD]) as other:
        away = [head(307, f"Location: {other.url}/v1/messages", "Content-Length: 0")]
        with Server([away]) as server, make_client(server) as client:
            client.messages.create(**ASKED)
        assert "x-api-key" not in other.requests[0].headers


# --- connections


def kept(*answers: list[bytes]) -> list[Any]:
    """Return steps that answer one request after another on one connection."""
    # Each in one piece: what comes later than the next request costs the connection.
    steps: list[Any] = [b"".join(answers[0])]
    for answer in answers[1:]:
        steps += ["request", b"".join(answer)]
    return steps


def test_requests_one_after_the_other_use_one_connection() -> None:
    bad = refusal(400, problem("invalid_request_error"))
    whole = refusal(200, message([{"type": "text", "text": TEXT}], stop_reason="end_turn"))
    with Server([kept(GOOD, GOOD, bad, GOOD, BUSY, GOOD, whole, GOOD)]) as server:
        with make_client(server) as client:
            client._sleep = lambda seconds: None
            with client.messages.stream(**ASKED) as stream:
                assert "".join(stream.text_stream) == TEXT
            for event in client.messages.create(stream=True, **ASKED):
                assert event.type != "ping"
            with pytest.raises(ClaudeError):
                client.messages.create(**ASKED)
            with client.messages.stream(**ASKED) as stream:
                stream.get_final_message()
            for _ in range(3):
                client.messages.create(**ASKED)
        assert server.wait_closed()
        assert server.connections == 1
        assert len(server.requests) == 8


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

    with Server([script]) as server, make_client(server) as client:
        assert client.messages.create(**ASKED).content
        finished.set()
        assert sent.wait(5)
        time.sleep(0.02)  # it is on its way through this machine
        assert client.messages.create(**ASKED).content
        assert server.connections == 1


def test_asking_again_after_a_kept_connection_ended_is_one_of_the_retries() -> None:
    # The server reads the second request, and only then closes.
    with Server([kept(GOOD, []), GOOD]) as server:
        with make_client(server, max_retries=1) as client:
            for _ in range(2):
                assert client.messages.create(**ASKED).content[0].text == TEXT
        assert server.connections == 2
        assert len(server.requests) == 3
    with Server([kept(GOOD, []), GOOD]) as server:
        with make_client(server, max_retries=0) as client:
            assert client.messages.create(**ASKED).content[0].text == TEXT
            with pytest.raises(StreamInterrupted) as caught:
                client.messages.create(**ASKED)
            assert isinstance(caught.value.__cause__, ConnectionLost)
        assert len(server.requests) == 2


def test_a_stream_left_early_closes_its_connection() -> None:
    with Server([[SSE, chunk(HELLO[:600]), "hold"], GOOD]) as server, make_client(server) as client:
        with client.messages.stream(**ASKED) as stream:
            next(iter(stream))
        assert client.messages.create(**ASKED).content
        assert server.connections == 2


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


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_tls_streams_and_keeps_its_connection(tls: str | None) -> None:
    context = trusting_context() if tls else None
    with Server([kept(GOOD, GOOD)], tls=tls) as server, make_client(server, tls=context) as client:
        for _ in range(2):
            assert client.messages.create(**ASKED).content
        assert server.connections == 1


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


@pytest.mark.parametrize("way", ["text", "events", "raw"])
def test_close_from_another_thread_ends_a_blocked_iteration(way: str) -> None:
    with Server([[SSE, chunk(START), "hold"]]) as server, make_client(server) as client:
        if way == "raw":
            stream: Any = client.messages.create(stream=True, **ASKED)
        else:
            stream = client.messages.stream(**ASKED).__enter__()
        arrived = threading.Event()

        def consume() -> int:
            seen = 0
            for item in stream.text_stream if way == "text" else stream:
                seen += 1
                if item == "Hé" or getattr(item, "type", "") == "content_block_delta":
                    arrived.set()
            return seen

        thread, results = in_thread(consume)
        assert arrived.wait(5)
        time.sleep(0.05)  # into the wait for more
        stream.close()
        thread.join(5)
        assert results == [{"text": 1, "events": 4, "raw": 3}[way]]
        assert server.wait_closed()
        assert list(stream) == []
        assert stream.partial_message.content[0].text == "Hé"
        if way != "raw":
            with pytest.raises(StreamClosed) as caught:
                stream.get_final_message()
            assert caught.value.partial_message == stream.partial_message
            assert caught.value.request_id == REQUEST_ID


def test_close_from_another_thread_ends_the_pause_before_a_retry() -> None:
    asking = refusal(429, problem("rate_limit_error"), "retry-after: 30")
    script = [stream_of(in_band("overloaded_error")), asking]
    with Server(script) as server, make_client(server) as client:
        stream = client.messages.stream(**ASKED).__enter__()
        thread, results = in_thread(lambda: list(stream))
        while len(server.requests) < 2:
            time.sleep(0.005)
        time.sleep(0.05)
        stream.close()
        thread.join(5)
        assert results == [[]]
        assert len(server.requests) == 2


def test_close_from_another_thread_ends_a_retry_that_gets_no_answer() -> None:
    script: list[Any] = [stream_of(in_band("overloaded_error")), ["hold"]]
    with Server(script) as server, make_client(server) as client:
        client._sleep = lambda seconds: None
        stream = client.messages.stream(**ASKED).__enter__()
        thread, results = in_thread(lambda: list(stream.text_stream))
        while len(server.requests) < 2:
            time.sleep(0.005)
        stream.close()
        thread.join(5)
        assert results == [[]]
        assert server.wait_closed()


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


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
@pytest.mark.parametrize("way", ["text", "events"])
def test_ctrl_c_leaves_the_partial_message_and_loses_nothing(way: str) -> None:
    go = threading.Event()

    def script(request: Request) -> Iterator[Any]:
        yield SSE + chunk(START)
        go.wait(5)
        yield chunk(wire.text(0, "llo") + wire.stop(0) + wire.END) + LAST_CHUNK

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Server([script]) as server, make_client(server) as client:
            stream = client.messages.stream(**ASKED).__enter__()
            items: Any = iter(stream.text_stream if way == "text" else stream)
            item: Any = ""
            while item != "Hé" and getattr(item, "type", "") != "text":
                item = next(items)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                next(items)
            assert stream.partial_message is not None
            assert stream.partial_message.content[0].text == "Hé"  # type: ignore[union-attr]
            go.set()
            assert stream.get_final_text() == "Héllo"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_what_the_caller_raises_closes_the_connection() -> None:
    with Server([[SSE, chunk(START), "hold"]]) as server, make_client(server) as client:
        with pytest.raises(ZeroDivisionError), client.messages.stream(**ASKED) as stream:
            [1 / 0 for _ in stream.text_stream]
        assert server.wait_closed()
        assert stream.partial_message is not None
        assert stream.continuation()[0]["content"] == [{"type": "text", "text": "Hé"}]


def test_a_server_that_is_not_there_is_a_stream_interrupted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    slept: list[float] = []
    with Claude(api_key="k", base_url=url, proxy=None) as client:
        client._sleep = slept.append
        with pytest.raises(StreamInterrupted) as caught:
            client.messages.create(**ASKED)
    assert isinstance(caught.value.__cause__, ConnectFailed)
    assert len(slept) == 2


def test_a_certificate_that_does_not_verify_is_not_retried() -> None:
    with Server([GOOD], tls="127.0.0.1") as server, make_client(server) as client:
        client._sleep = lambda seconds: pytest.fail("a retry")
        with pytest.raises(StreamInterrupted) as caught:
            client.messages.create(**ASKED)
    assert isinstance(caught.value.__cause__, ConnectFailed)


# --- transports of the caller's


def test_a_transport_carries_requests_and_retries() -> None:
    carried: list[HTTPRequest] = []
    closed: list[int] = []

    def transport(request: HTTPRequest) -> HTTPResponse:
        carried.append(request)
        number = len(carried)
        if number == 1:
            raise OSError("broken")
        if number == 2:
            return HTTPResponse(503, {}, [b"later"], close=lambda: closed.append(number))
        fields = {"Content-Type": "text/event-stream", "request-id": "req_t"}
        body = [HELLO[:100]] if number == 3 else [HELLO[:500], HELLO[500:]]
        return HTTPResponse(200, fields, body, close=lambda: closed.append(number))

    with Claude(api_key="k", transport=transport, max_retries=3) as client:
        client._sleep = lambda seconds: None
        with client.messages.stream(**ASKED) as stream:
            assert "".join(stream.text_stream) == TEXT
            assert stream.request_id == "req_t"
    assert len(carried) == 4
    assert closed == [2, 3, 4]
    assert {request.url for request in carried} == {"https://api.anthropic.com/v1/messages"}


def test_what_a_transport_raises_is_the_cause_of_the_cause() -> None:
    def transport(request: HTTPRequest) -> HTTPResponse:
        raise OSError("broken")

    client = Claude(api_key="k", transport=transport, max_retries=0)
    with client, pytest.raises(StreamInterrupted) as caught:
        client.messages.create(**ASKED)
    assert type(caught.value.__cause__) is TransportError
    assert isinstance(caught.value.__cause__.__cause__, OSError)


def test_leaving_no_client_closed_warns_of_no_socket() -> None:
    with Server([GOOD]) as server:
        client = make_client(server)
        client.messages.create(**ASKED)
        del client
        gc.collect()
        assert server.wait_closed()
