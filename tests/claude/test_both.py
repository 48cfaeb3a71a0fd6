# SPDX-License-Identifier: MIT
"""What the blocking and the asyncio Claude client both do, on a scripted server: written once."""

from __future__ import annotations

import json
import logging
import socket
import threading
import traceback
from typing import Any

import pytest

from ssewire.claude import ClaudeError, ConfigurationError, StreamClosed, StreamInterrupted
from ssewire.client import Timeouts
from ssewire.errors import (
    ConnectFailed,
    ConnectionLost,
    RedirectError,
    StateError,
    StreamTimeout,
    TransportError,
)
from tests.claude import wire
from tests.claude.both import claude, without_pauses
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
    kept,
    message,
    problem,
    refusal,
)
from tests.claude.scenarios import stream as stream_of
from tests.clients.both import BOTH, Both, step
from tests.kit.scripted import ClosingServer as Server
from tests.kit.scripted import Server as KeepingServer
from tests.kit.scripted import chunk, head, trusting_context
from tests.kit.secrets import secrets_in_frames

pytestmark = [pytest.mark.once, pytest.mark.sockets]


@pytest.fixture(params=BOTH, ids=lambda both: both.name)
def both(request: pytest.FixtureRequest) -> Both:
    client: Both = request.param
    return client


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "CUSTOM_HEADERS"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)


async def play(both: Both, scenario: Scenario, way: str, server: Server) -> Outcome:
    """Play a scenario and say what its caller sees."""
    outcome = Outcome()
    options = dict(scenario.options)
    if scenario.timeouts is not None:
        options["timeouts"] = Timeouts(**scenario.timeouts)
    asked = {**ASKED, **scenario.params}
    async with claude(both, server, **options) as client:
        without_pauses(client, outcome.slept.append)
        try:
            if way == "whole":
                outcome.message = (await client.messages.create(**asked)).to_dict()
            elif way == "raw":
                async with await client.messages.create(stream=True, **asked) as events:
                    outcome.opened = True
                    try:
                        async for event in events:
                            outcome.types.append(event.type)
                            if event.type == "content_block_delta":
                                outcome.text += getattr(event.delta, "text", "")
                            elif event.type == "message_start":
                                outcome.text += texts_of(event)
                    finally:
                        outcome.left = dumped(events)
            else:
                async with client.messages.stream(**asked) as stream:
                    outcome.opened = True
                    try:
                        await read(stream, way, outcome)
                        outcome.message = (await stream.get_final_message()).to_dict()
                    finally:
                        outcome.request_id = stream.request_id
                        outcome.left = dumped(stream)
        except Exception as exc:
            outcome.error = exc
    return outcome


def texts_of(event: Any) -> str:
    """The text that a whole message brings at its start."""
    return "".join(block.get("text", "") for block in event.raw["message"]["content"])


def text_of(message: Any) -> str:
    text: str = message.to_dict()["content"][0]["text"]
    return text


async def read(stream: Any, way: str, outcome: Outcome) -> None:
    if way == "text":
        async for text in stream.text_stream:
            outcome.text += text
        return
    async for event in stream:
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
def test_scenario(both: Both, scenario: Scenario, way: str) -> None:
    with scenario.server() as server:
        scenario.check(both.run(play(both, scenario, way, server)), server, way)


# --- what is refused before anything is connected to


def never(both: Both) -> Any:
    """Return a transport that must not be asked."""

    def carry(request: Any) -> Any:
        raise AssertionError("this must not be sent")

    return both.transport(carry)


async def ask(client: Any, way: str, **asked: Any) -> None:
    if way == "stream":
        async with client.messages.stream(**asked):
            pass
    else:
        await client.messages.create(**asked)


ASKS = pytest.mark.parametrize("way", ["stream", "create"])


@ASKS
def test_a_missing_key_is_an_error_that_names_the_variables(both: Both, way: str) -> None:
    async def main() -> None:
        client = claude(both, transport=never(both))
        with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY") as caught:
            await ask(client, way, **ASKED)
        assert "ANTHROPIC_AUTH_TOKEN" in str(caught.value)

    both.run(main())


@ASKS
def test_messages_that_are_not_json_fail_before_connecting(both: Both, way: str) -> None:
    content = [{"type": "text"}, {"data": b"x"}]

    async def main() -> None:
        client = claude(both, api_key="k", transport=never(both))
        with pytest.raises(TypeError, match=r"messages\[0\]\.content\[1\]\.data is of type bytes"):
            await ask(
                client,
                way,
                model="m",
                max_tokens=1,
                messages=[{"role": "user", "content": content}],
            )

    both.run(main())


@ASKS
def test_a_closed_client_refuses_requests(both: Both, way: str) -> None:
    async def main(server: Server) -> None:
        client = claude(both, server)
        await client.close()
        await client.close()
        with pytest.raises(StateError, match="closed"):
            await ask(client, way, **ASKED)

    with Server([GOOD]) as server:
        both.run(main(server))
        assert server.connections == 0


def test_a_manager_sends_its_request_but_once(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            manager = client.messages.stream(**ASKED)
            async with manager as stream:
                await stream.until_done()
            with pytest.raises(StateError, match="sent already"):
                async with manager:
                    pass

    with Server([GOOD]) as server:
        both.run(main(server))
        assert len(server.requests) == 1


def test_without_retries_a_request_whose_kept_connection_ends_is_sent_once(both: Both) -> None:
    async def main(server: KeepingServer) -> None:
        async with claude(both, server, max_retries=0) as client:
            await client.messages.create(**ASKED)
            with pytest.raises(StreamInterrupted):
                await client.messages.create(**ASKED)

    # The second request is read, and nothing said.
    with KeepingServer([[*kept(GOOD), "request"]]) as server:
        both.run(main(server))
        assert (len(server.requests), server.connections) == (2, 1)


def test_with_options_changes_what_is_given_and_shares_the_connections(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server, max_retries=0) as client:
            without_pauses(client)
            changed = client.with_options(
                max_retries=1, timeout=5.0, default_headers={"x-more": "1", "x-api-key": "other"}
            )
            without_pauses(changed)
            assert (await changed.messages.create(**ASKED)).stop_reason == "end_turn"
            await client.copy().messages.create(**ASKED)
            assert (client.max_retries, client.timeouts.idle) != (changed.max_retries, 5.0)
            assert changed.timeouts == Timeouts(connect=5.0, head=5.0, idle=5.0)
            for wrong, error in (
                ({"max_retries": -1}, ValueError),
                ({"timeout": "1"}, TypeError),
                ({"timeout": 1, "timeouts": 1}, TypeError),
                ({"default_headers": {"x": "a\nb"}}, ValueError),
            ):
                with pytest.raises(error):
                    client.with_options(**wrong)

    with Server([BUSY, GOOD, GOOD]) as server:
        both.run(main(server))
        sent = [(r.headers.get("x-more"), r.headers.get("x-api-key")) for r in server.requests]
        assert sent[:2] == [("1", "other")] * 2
        assert sent[2][0] is None


def test_a_message_knows_its_request_id_and_does_not_send_it(both: Both) -> None:
    async def main(server: Server) -> Any:
        async with claude(both, server) as client:
            return await client.messages.create(**ASKED)

    with Server([GOOD]) as server:
        answer = both.run(main(server))
    assert answer._request_id == REQUEST_ID
    assert REQUEST_ID not in answer.to_json()


# --- what goes out


def test_a_request_is_what_the_api_asks_for(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client, client.messages.stream(**ASKED) as stream:
            await stream.until_done()

    with Server([GOOD]) as server:
        both.run(main(server))
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


def test_a_stream_knows_its_response(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            async with client.messages.stream(**ASKED) as stream:
                assert stream.response is not None
                assert stream.response.status == 200
                assert stream.response.headers["Request-Id"] == REQUEST_ID
                assert stream.response.url == f"{server.url}/v1/messages"
                assert stream.request_id == REQUEST_ID
                assert stream.partial_message is None
            async with await client.messages.create(stream=True, **ASKED) as raw:
                assert raw.request_id == REQUEST_ID

    with Server([GOOD]) as server:
        both.run(main(server))


def test_a_retry_within_the_stream_brings_its_own_response(both: Both) -> None:
    other = [SSE.replace(REQUEST_ID.encode(), b"req_second"), *GOOD[1:]]

    async def main(server: Server) -> None:
        client = claude(both, server)
        without_pauses(client)
        async with client, client.messages.stream(**ASKED) as stream:
            assert stream.request_id == REQUEST_ID
            assert (await step(stream)).type == "message_start"
            assert stream.request_id == "req_second"

    with Server([stream_of(in_band("overloaded_error")), other]) as server:
        both.run(main(server))


def test_timeouts_of_a_request_go_before_those_of_the_client(both: Both) -> None:
    carried: list[Any] = []

    def carry(request: Any) -> Any:
        carried.append(request)
        return both.response(200, {"Content-Type": "text/event-stream"}, [HELLO])

    async def main() -> None:
        options: dict[str, Any] = {"transport": both.transport(carry)}
        async with claude(both, api_key="k", timeouts=Timeouts(idle=5.0), **options) as client:
            assert client.timeouts == Timeouts(idle=5.0)
            for timeout in (2.5, Timeouts(total=9.0), None):
                await client.messages.create(timeout=timeout, **ASKED)
            await client.messages.create(**ASKED)

    both.run(main())
    assert [request.timeouts for request in carried] == [
        Timeouts(connect=2.5, head=2.5, idle=2.5),
        Timeouts(total=9.0),
        Timeouts(connect=None),
        Timeouts(idle=5.0),
    ]


# --- secrets


def test_keys_are_in_no_repr_no_log_and_no_error(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "sk-hunter2"

    async def main(server: Server) -> str:
        options: dict[str, Any] = {"default_headers": {"Cookie": secret}, "max_retries": 3}
        client = claude(both, server, api_key=secret, **options)
        without_pauses(client)
        inner = getattr(client, "_inner", client)
        shown = repr(inner) + repr(inner.messages) + repr(inner._options)
        async with client:
            with pytest.raises(ClaudeError) as caught:
                await client.messages.create(extra_headers={"Authorization": secret}, **ASKED)
        shown += "".join(traceback.format_exception(None, caught.value, None))
        return shown + repr(caught.value.__dict__)

    with Server([BUSY, stream_of(in_band("api_error")), [SSE], []]) as server:
        shown = both.run(main(server)) + caplog.text
    assert "hunter2" not in shown
    assert "Hello" not in caplog.text
    records = [record for record in caplog.records if record.name != "asyncio"]
    warned = [record.name for record in records if record.levelno >= logging.WARNING]
    assert warned == ["ssewire"] * 3
    assert "status 529" in caplog.text or "OverloadedError 529" in caplog.text
    assert REQUEST_ID in caplog.text
    assert "0." in caplog.text


FAILING: dict[str, list[Any]] = {
    "refused": [BUSY],
    "no head": [["hold"]],
    "no HTTP": [[b"what?\r\n\r\n"]],
    "reset": [["reset"]],
    "silent": [[SSE, "hold"]],
    "cut": [[SSE, chunk(wire.message_start())]],
    "error in the stream": [stream_of(in_band("invalid_request_error"))],
    "no JSON": [stream_of(wire.frame("{"))],
}


@pytest.mark.parametrize("script", FAILING.values(), ids=FAILING.keys())
def test_a_failed_request_shows_no_key_in_the_variables_of_its_frames(
    both: Both, script: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-hunter2")

    async def main(server: Server) -> None:
        options: dict[str, Any] = {"api_key": None, "timeouts": Timeouts(head=0.1, idle=0.1)}
        async with claude(both, server, max_retries=0, **options) as client:
            with pytest.raises(ClaudeError) as caught:
                await client.messages.create(**ASKED)
        assert secrets_in_frames(caught.value, "hunter2") == []

    with Server(script) as server:
        both.run(main(server))


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "ftp://a.example"},
        {"auth_header": "cookie"},
        {"timeouts": -1.0},
        {"anthropic_version": "a\n"},
        {"betas": [1]},
        {"max_retries": -1},
        {"proxy": "socks5://a.example"},
    ],
)
def test_settings_that_make_no_sense_show_no_key_of_the_environment(
    both: Both, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-hunter2")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "Cookie: hunter2")
    with pytest.raises((ValueError, TypeError)) as caught:
        claude(both, **options)
    assert secrets_in_frames(caught.value, "hunter2") == []


@pytest.mark.parametrize(
    "variables",
    [
        {"ANTHROPIC_CUSTOM_HEADERS": "X-Api-Key: hunter2\rx"},
        {"all_proxy": "socks5://u:hunter2@h:1"},
        {"https_proxy": "http://u:hunter2@h:x"},
    ],
    ids=str,
)
def test_a_variable_that_cannot_be_used_shows_no_secret_that_is_in_it(
    both: Both, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=r"proxy|header") as caught:
        claude(both, proxy="env")
    assert "hunter2" not in str(caught.value)
    assert secrets_in_frames(caught.value, "hunter2") == []


def test_a_key_of_the_environment_that_cannot_be_sent_is_not_shown(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-hunter2\n")
    with pytest.raises(ConfigurationError, match="strip it") as caught:
        claude(both)
    assert secrets_in_frames(caught.value, "hunter2") == []


def test_a_redirect_to_another_origin_gets_neither_key_nor_prompt_and_is_named(
    both: Both,
) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            with pytest.raises(StreamInterrupted) as caught:
                await client.messages.create(**ASKED)
        cause = caught.value.__cause__
        assert isinstance(cause, RedirectError)
        assert cause.location == f"{other.url}/v1/messages"
        assert "another origin" in str(cause)

    with Server([GOOD]) as other:
        away = [head(307, f"Location: {other.url}/v1/messages", "Content-Length: 0")]
        with Server([away]) as server:
            both.run(main(server))
            assert server.connections == 1
        assert other.connections == 0


# --- connections


def test_requests_one_after_the_other_use_one_connection(both: Both) -> None:
    bad = refusal(400, problem("invalid_request_error"))
    whole = refusal(200, message([{"type": "text", "text": TEXT}], stop_reason="end_turn"))

    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            without_pauses(client)
            async with client.messages.stream(**ASKED) as stream:
                assert "".join([text async for text in stream.text_stream]) == TEXT
            async for event in await client.messages.create(stream=True, **ASKED):
                assert event.type != "ping"
            with pytest.raises(ClaudeError):
                await client.messages.create(**ASKED)
            async with client.messages.stream(**ASKED) as stream:
                await stream.get_final_message()
            for _ in range(3):
                assert text_of(await client.messages.create(**ASKED)) == TEXT

    with Server([kept(GOOD, GOOD, bad, GOOD, BUSY, GOOD, whole, GOOD)]) as server:
        both.run(main(server))
        assert server.wait_closed()
        assert server.connections == 1
        assert len(server.requests) == 8


def test_asking_again_after_a_kept_connection_ended_is_one_of_the_retries(both: Both) -> None:
    async def main(server: Server, max_retries: int) -> None:
        async with claude(both, server, max_retries=max_retries) as client:
            for _ in range(2):
                assert text_of(await client.messages.create(**ASKED)) == TEXT

    # The server reads the second request, and only then closes.
    with Server([kept(GOOD, []), GOOD]) as server:
        both.run(main(server, 1))
        assert server.connections == 2
        assert len(server.requests) == 3
    with Server([kept(GOOD, []), GOOD]) as server:
        with pytest.raises(StreamInterrupted) as caught:
            both.run(main(server, 0))
        assert isinstance(caught.value.__cause__, ConnectionLost)
        assert len(server.requests) == 2


def test_a_stream_left_early_closes_its_connection(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            async with client.messages.stream(**ASKED) as stream:
                await step(stream)
            assert (await client.messages.create(**ASKED)).content

    with Server([[SSE, chunk(HELLO[:600]), "hold"], GOOD]) as server:
        both.run(main(server))
        assert server.connections == 2


@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_tls_streams_and_keeps_its_connection(both: Both, tls: str | None) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server, tls=trusting_context() if tls else None) as client:
            for _ in range(2):
                assert (await client.messages.create(**ASKED)).content

    with Server([kept(GOOD, GOOD)], tls=tls) as server:
        both.run(main(server))
        assert server.connections == 1


def test_a_last_chunk_that_never_comes_costs_the_connection_and_no_time(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            await client.messages.create(**ASKED)
            await client.messages.create(**ASKED)

    # The server holds its connection for longer than a test may take.
    with Server([[SSE, chunk(wire.whole(wire.text_block(0, TEXT))), "hold"], GOOD]) as server:
        both.run(main(server))
        assert server.connections == 2
        assert server.wait_closed()


# --- ends that come from outside


START = wire.message_start() + wire.start(0, wire.TEXT) + wire.text(0, "Hé")


@pytest.mark.parametrize("way", ["text", "events", "raw"])
def test_close_from_elsewhere_ends_a_waiting_iteration(both: Both, way: str) -> None:
    async def main(server: Server) -> None:
        client = claude(both, server)
        manager = None
        if way == "raw":
            stream = await client.messages.create(stream=True, **ASKED)
        else:
            manager = client.messages.stream(**ASKED)
            stream = await manager.__aenter__()
        arrived = threading.Event()

        async def consume() -> int:
            seen = 0
            async for item in stream.text_stream if way == "text" else stream:
                seen += 1
                if item == "Hé" or getattr(item, "type", "") == "content_block_delta":
                    arrived.set()
            return seen

        task = both.beside(consume())
        while not arrived.is_set():
            await both.sleep(0.002)
        await both.sleep(0.05)  # into the wait for more
        await stream.close()
        assert await both.result(task) == {"text": 1, "events": 4, "raw": 3}[way]
        assert server.wait_closed()
        assert [item async for item in stream] == []
        assert stream.partial_message.content[0].text == "Hé"
        if way != "raw":
            with pytest.raises(StreamClosed) as caught:
                await stream.get_final_message()
            assert caught.value.partial_message == stream.partial_message
            assert caught.value.request_id == REQUEST_ID
        await client.close()

    with Server([[SSE, chunk(START), "hold"]]) as server:
        both.run(main(server))


def test_close_from_elsewhere_ends_the_pause_before_a_retry(both: Both) -> None:
    asking = refusal(429, problem("rate_limit_error"), "retry-after: 30")

    async def main(server: Server) -> None:
        async with claude(both, server) as client, client.messages.stream(**ASKED) as stream:

            async def consume() -> list[Any]:
                return [event async for event in stream]

            task = both.beside(consume())
            while len(server.requests) < 2:
                await both.sleep(0.005)
            await both.sleep(0.05)
            await stream.close()
            assert await both.result(task) == []
            assert stream.partial_message is None

    with Server([stream_of(in_band("overloaded_error")), asking]) as server:
        both.run(main(server))
        assert len(server.requests) == 2
        assert server.wait_closed()


def test_close_from_elsewhere_ends_a_retry_that_gets_no_answer(both: Both) -> None:
    async def main(server: Server) -> None:
        client = claude(both, server)
        without_pauses(client)
        async with client, client.messages.stream(**ASKED) as stream:

            async def consume() -> list[Any]:
                return [text async for text in stream.text_stream]

            task = both.beside(consume())
            while len(server.requests) < 2:
                await both.sleep(0.005)
            await stream.close()
            assert await both.result(task) == []
            assert server.wait_closed()

    with Server([stream_of(in_band("overloaded_error")), ["hold"]]) as server:
        both.run(main(server))


def test_a_stall_that_pings_do_not_hide_is_a_timeout(both: Both) -> None:
    pings = [part for _ in range(200) for part in (chunk(wire.wire("ping")), 0.02)]

    async def main(server: Server) -> None:
        client = claude(both, server, timeouts=Timeouts(stall=0.2))
        async with client, client.messages.stream(**ASKED) as stream:
            with pytest.raises(StreamInterrupted) as caught:
                await stream.until_done()
        assert isinstance(caught.value.__cause__, StreamTimeout)
        assert caught.value.__cause__.kind == "stall"
        assert caught.value.partial_message is not None

    with Server([[SSE, chunk(START), *pings]]) as server:
        both.run(main(server))


def test_what_the_caller_raises_closes_the_connection(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            streams = []

            async def consume() -> None:
                async with client.messages.stream(**ASKED) as stream:
                    streams.append(stream)
                    async for _ in stream.text_stream:
                        raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await consume()
            assert server.wait_closed()
            (stream,) = streams
            assert stream.partial_message is not None
            assert stream.continuation()[0]["content"] == [{"type": "text", "text": "Hé"}]

    with Server([[SSE, chunk(START), "hold"]]) as server:
        both.run(main(server))


def test_a_server_that_is_not_there_is_a_stream_interrupted(both: Both) -> None:
    slept: list[float] = []

    async def main(url: str) -> None:
        async with claude(both, api_key="k", base_url=url, proxy=None) as client:
            without_pauses(client, slept.append)
            with pytest.raises(StreamInterrupted) as caught:
                await client.messages.create(**ASKED)
        assert isinstance(caught.value.__cause__, ConnectFailed)

    with socket.socket() as bound:
        # Nobody listens, and nobody else gets the port.
        bound.bind(("127.0.0.1", 0))
        both.run(main(f"http://127.0.0.1:{bound.getsockname()[1]}"))
    assert len(slept) == 2


def test_a_certificate_that_does_not_verify_is_not_retried(both: Both) -> None:
    async def main(server: Server) -> None:
        async with claude(both, server) as client:
            without_pauses(client, lambda seconds: pytest.fail("a retry"))
            with pytest.raises(StreamInterrupted) as caught:
                await client.messages.create(**ASKED)
        assert isinstance(caught.value.__cause__, ConnectFailed)

    with Server([GOOD], tls="127.0.0.1") as server:
        both.run(main(server))


# --- transports of the caller's


def test_a_transport_carries_requests_and_retries(both: Both) -> None:
    carried: list[Any] = []
    closed: list[int] = []

    def carry(request: Any) -> Any:
        carried.append(request)
        number = len(carried)
        if number == 1:
            raise OSError("broken")
        if number == 2:
            return both.response(503, {}, [b"later"], close=lambda: closed.append(number))
        fields = {"Content-Type": "text/event-stream", "request-id": "req_t"}
        body = [HELLO[:100]] if number == 3 else [HELLO[:500], HELLO[500:]]
        return both.response(200, fields, body, close=lambda: closed.append(number))

    async def main() -> None:
        options: dict[str, Any] = {"transport": both.transport(carry), "max_retries": 3}
        async with claude(both, api_key="k", **options) as client:
            without_pauses(client)
            async with client.messages.stream(**ASKED) as stream:
                assert "".join([text async for text in stream.text_stream]) == TEXT
                assert stream.request_id == "req_t"

    both.run(main())
    assert len(carried) == 4
    assert closed == [2, 3, 4]
    assert {request.url for request in carried} == {"https://api.anthropic.com/v1/messages"}
    assert carried[0].headers["x-api-key"] == "k"


def test_what_a_transport_raises_is_the_cause_of_the_cause(both: Both) -> None:
    def carry(request: Any) -> Any:
        raise OSError("broken")

    async def main() -> None:
        options: dict[str, Any] = {"transport": both.transport(carry), "max_retries": 0}
        async with claude(both, api_key="k", **options) as client:
            with pytest.raises(StreamInterrupted) as caught:
                await client.messages.create(**ASKED)
        assert type(caught.value.__cause__) is TransportError
        assert isinstance(caught.value.__cause__.__cause__, OSError)

    both.run(main())
