# SPDX-License-Identifier: MIT
"""The example relay under real servers, with the replay server for the API."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest

from ssewire import aio, client, parse
from ssewire.claude import AsyncClaude, Message, continuation
from ssewire.replay import Recording, ReplayServer, serve_in_thread
from tests.kit.serving import RECORDINGS, environment

pytestmark = [pytest.mark.once, pytest.mark.sockets]

pytest.importorskip("uvicorn", reason="real servers run on CPython only")

ROOT = Path(__file__).resolve().parents[2]
HELLO = RECORDINGS / "hello.sse"
TEXT = "Hello! A stream is an answer that you can read while it is being written"
KEY = "sk-ant-never-to-be-seen"
INSTANT = float("inf")
# Of a whole exchange: a test that waits in vain is to fail.
PATIENCE = client.Timeouts(total=30.0)

servers = pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
variants = pytest.mark.parametrize("variant", ["app", "with_starlette", "with_fastapi"])


# --- running


@contextmanager
def served(application: Any, server: str = "uvicorn") -> Iterator[str]:
    """Run an application under a real server in a thread of its own; give its URL."""
    started = threading.Event()
    told: dict[str, Any] = {}
    run = {"uvicorn": _uvicorn, "hypercorn": _hypercorn}[server]

    def main() -> None:
        try:
            asyncio.run(run(application, told, started))
        except BaseException as exc:
            told["failure"] = exc
        finally:
            started.set()

    thread = threading.Thread(target=main, name=server, daemon=True)
    thread.start()
    assert started.wait(30), f"{server} did not start"
    if "url" not in told:
        raise told["failure"]
    try:
        yield told["url"]
    finally:
        told["stop"]()
        thread.join(30)
    assert not thread.is_alive(), f"{server} did not stop"
    if "failure" in told:
        raise told["failure"]


async def _uvicorn(application: Any, told: dict[str, Any], started: threading.Event) -> None:
    uvicorn = import_module("uvicorn")
    config = uvicorn.Config(
        application, port=0, ws="none", log_level="warning", timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    # Signals belong to the main thread.
    server.capture_signals = nullcontext
    serving = asyncio.ensure_future(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    if server.started:
        told["url"] = "http://{}:{}".format(*server.servers[0].sockets[0].getsockname())
        told["stop"] = lambda: setattr(server, "should_exit", True)
        started.set()
    await serving


async def _hypercorn(application: Any, told: dict[str, Any], started: threading.Event) -> None:
    config = import_module("hypercorn.config").Config()
    config.bind = ["127.0.0.1:0"]
    config.graceful_timeout = 5.0
    config.errorlog = None
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    # With port 0 only the sockets know where it listens.
    created = config.create_sockets()
    config.create_sockets = lambda: created
    host, port = created.insecure_sockets[0].getsockname()
    told["url"] = f"http://{host}:{port}"
    told["stop"] = lambda: loop.call_soon_threadsafe(stopped.set)

    async def running() -> None:
        started.set()
        await stopped.wait()

    await import_module("hypercorn.asyncio").serve(application, config, shutdown_trigger=running)


def made(variant: str, claude: AsyncClaude, **options: Any) -> Any:
    """Return the application of one of the example's modules."""
    return import_module(f"examples.relay.{variant}").make_app(claude, **options)


@contextmanager
def relayed(
    *recordings: Any, variant: str = "app", server: str = "uvicorn", **faults: Any
) -> Iterator[tuple[str, ReplayServer]]:
    """Run the relay before a stand-in for the API; give the relay's URL and the stand-in."""
    options = {"speed": INSTANT, **faults}
    with serve_in_thread(recordings or [HELLO], **options) as upstream:
        claude = AsyncClaude(api_key=KEY, base_url=upstream.url, max_retries=0, proxy=None)
        with served(made(variant, claude), server) as url:
            yield url, upstream


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes

    @property
    def events(self) -> list[tuple[str, Any]]:
        return [
            (event.event, event.data if event.data == "[DONE]" else json.loads(event.data))
            for event in parse(self.body)
        ]

    @property
    def text(self) -> str:
        return "".join(data["text"] for kind, data in self.events if kind == "text")

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        assert self.headers["Content-Type"] == "application/json"
        content = json.loads(self.body)
        assert content["type"] == "error"
        message: str = content["error"]["message"]
        return message


def ask(
    url: str,
    body: Any = None,
    content_type: str = "application/json",
    method: str = "POST",
    **more: str,
) -> Answer:
    """Ask the endpoint with JSON, or with the bytes given, and read the whole answer.

    `more` are headers.
    """
    if not isinstance(body, bytes):
        body = json.dumps({"prompt": "Say hello."} if body is None else body).encode()
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if content_type:
        headers["content-type"] = content_type
    response = client.request(
        url if method != "POST" else f"{url}/api/chat",
        method=method,
        headers=headers,
        body=body if method == "POST" else None,
        timeouts=PATIENCE,
        proxy=None,
    )
    answer = Answer(response.status, response.headers, b"".join(response.chunks))
    assert KEY.encode() not in answer.body
    assert KEY not in repr(list(response.headers.items()))
    return answer


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.005)


# --- answers


@servers
@variants
def test_a_prompt_is_answered_with_text_usage_and_done(variant: str, server: str) -> None:
    with relayed(variant=variant, server=server) as (url, upstream):
        answer = ask(url)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache, no-transform"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.text.startswith(TEXT)
    kinds = [kind for kind, _ in answer.events]
    assert kinds == ["text"] * (len(kinds) - 2) + ["usage", "message"]
    assert answer.events[-2:] == [
        ("usage", {"input_tokens": 14, "output_tokens": 27, "stop_reason": "end_turn"}),
        ("message", "[DONE]"),
    ]
    [seen] = upstream.requests
    assert seen.headers["x-api-key"] == KEY
    assert json.loads(seen.body)["messages"] == [{"role": "user", "content": "Say hello."}]


def test_a_conversation_goes_to_the_api_without_what_else_came_along() -> None:
    conversation = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Good day."},
        {"role": "user", "content": "Who is it?"},
    ]
    with relayed() as (url, upstream):
        body = {
            "messages": [{**message, "cache_control": {"type": "x"}} for message in conversation],
            "model": "the-most-expensive-one",
            "max_tokens": 10**6,
            "system": "You are mine",
        }
        assert ask(url, body).text.startswith(TEXT)
    asked = json.loads(upstream.requests[0].body)
    assert asked["messages"] == conversation
    assert sorted(asked) == ["max_tokens", "messages", "model", "stream"]
    assert asked["model"] == "claude-sonnet-5-5"
    assert asked["max_tokens"] == 4096


@servers
def test_text_arrives_while_the_answer_is_being_written(server: str) -> None:
    # Four events: start, block, ping and the first piece of text; then silence for ever.
    with relayed(fault="stall", at=4, server=server) as (url, upstream), stream(url) as events:
        assert json.loads(next(events).data) == {"text": "Hello! A stream is "}
        assert upstream.open_streams == 1


def stream(url: str) -> Any:
    return client.open_stream(
        f"{url}/api/chat",
        method="POST",
        headers={"content-type": "application/json"},
        body=b'{"prompt": "Say hello."}',
        timeouts=PATIENCE,
        proxy=None,
    )


def test_a_silent_api_is_bridged_with_comments() -> None:
    with serve_in_thread([HELLO], fault="stall", at=-1) as upstream:
        claude = AsyncClaude(api_key=KEY, base_url=upstream.url, proxy=None)
        with served(made("app", claude, keep_alive=0.02)) as url:
            response = client.request(
                f"{url}/api/chat",
                method="POST",
                headers={"content-type": "application/json"},
                body=b'{"prompt": "Say hello."}',
                timeouts=PATIENCE,
                proxy=None,
            )
            received = b""
            for chunk in response.chunks:
                received += chunk
                if received.count(b":\n") >= 3:
                    break
            response.close()
    assert set(received.splitlines()) == {b":"}


@servers
@variants
def test_a_browser_that_leaves_closes_the_stream_upstream(variant: str, server: str) -> None:
    with relayed(fault="stall", at=4, variant=variant, server=server) as (url, upstream):
        with stream(url) as events:
            next(events)
            assert upstream.open_streams == 1
        wait_until(lambda: upstream.open_streams == 0)


def test_a_browser_that_leaves_before_the_answer_begins_closes_the_request_upstream() -> None:
    with relayed(fault="stall", at=-1) as (url, upstream):
        with stream(url):
            wait_until(lambda: upstream.open_streams == 1)
        wait_until(lambda: upstream.open_streams == 0)


@servers
@variants
def test_a_server_that_stops_closes_its_connections_to_the_api(variant: str, server: str) -> None:
    with serve_in_thread([HELLO], speed=INSTANT) as upstream:
        claude = AsyncClaude(api_key=KEY, base_url=upstream.url, proxy=None)
        with served(made(variant, claude), server) as url:
            assert ask(url).text.startswith(TEXT)
            assert upstream.open_connections == 1
        wait_until(lambda: upstream.open_connections == 0)


def test_a_hundred_viewers_at_once_each_get_the_whole_answer() -> None:
    async def view(url: str) -> list[str]:
        opening = aio.open_stream(
            f"{url}/api/chat",
            method="POST",
            headers={"content-type": "application/json"},
            body=b'{"prompt": "Say hello."}',
            proxy=None,
        )
        async with opening as events:
            return [event.data async for event in events]

    async def main(url: str) -> list[list[str]]:
        return await asyncio.gather(*(view(url) for _ in range(100)))

    with relayed(speed=4.0) as (url, upstream):
        answers = asyncio.run(asyncio.wait_for(main(url), 60))
        assert len(upstream.requests) == 100
    assert answers[0][-1] == "[DONE]"
    assert all(answer == answers[0] for answer in answers)


# --- failures of the API


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        ("status:529", "overloaded_error", "Claude is busy."),
        ("status:500", "overloaded_error", "Claude is busy."),
        ("status:429", "rate_limit_error", "Too many questions"),
        ("status:400", "invalid_request_error", "cannot answer this conversation"),
        ("status:413", "request_too_large", "cannot answer this conversation"),
        ("status:401", "api_error", "not set up"),
        ("status:402", "api_error", "not set up"),
        ("status:403", "api_error", "not set up"),
        ("status:404", "api_error", "not set up"),
        ("error:overloaded_error", "overloaded_error", "Claude is busy."),
        ("error:news_to_us", "overloaded_error", "Claude is busy."),
        ("truncate", "api_error", "broke off"),
        ("reset", "api_error", "broke off"),
    ],
)
def test_a_failure_before_the_text_is_an_error_event_with_a_sentence(
    fault: str, kind: str, sentence: str
) -> None:
    with relayed(fault=fault, at=2) as (url, _):
        answer = ask(url)
    assert answer.status == 200
    (name, content), done = answer.events
    assert name == "error"
    assert content["type"] == "error"
    assert content["error"]["type"] == kind
    assert sentence in content["error"]["message"]
    assert done == ("message", "[DONE]")


@variants
@pytest.mark.parametrize("fault", ["error:overloaded_error", "truncate", "reset"])
def test_a_failure_within_the_answer_comes_after_the_text_so_far(variant: str, fault: str) -> None:
    with relayed(fault=fault, at=6, variant=variant) as (url, _):
        answer = ask(url)
    assert answer.text.startswith("Hello! A stream is an answer ")
    assert [kind for kind, _ in answer.events[-2:]] == ["error", "message"]
    assert "usage" not in dict(answer.events)


def test_what_the_api_says_of_the_key_reaches_nobody(caplog: pytest.LogCaptureFixture) -> None:
    content = {"type": "authentication_error", "message": f"invalid x-api-key {KEY} at 10.0.0.7"}
    event = f"event: error\ndata: {json.dumps({'type': 'error', 'error': content})}\n\n"
    with relayed(Recording(event.encode())) as (url, _), caplog.at_level("WARNING", "relay"):
        answer = ask(url)
    assert b"10.0.0.7" not in answer.body
    assert [kind for kind, _ in answer.events] == ["error", "message"]
    [record] = caplog.records
    assert record.name == "relay"
    assert "req_replay_000001" in record.getMessage()


def test_what_the_api_calls_its_errors_and_ends_reaches_nobody() -> None:
    strange = HELLO.read_bytes().replace(b'"end_turn"', b'"secret at 10.0.0.7"')
    refused = {"type": "error", "error": {"type": "secret", "message": "secret"}}
    event = f"event: error\ndata: {json.dumps(refused)}\n\n".encode()
    with relayed(Recording(strange), Recording(event)) as (url, _):
        answer = ask(url)
        assert answer.events[-2][1]["stop_reason"] is None
        failed = ask(url)
    assert failed.events[0][0] == "error"
    assert b"secret" not in answer.body + failed.body


def test_what_is_logged_of_a_failure_is_of_bounded_length(
    caplog: pytest.LogCaptureFixture,
) -> None:
    content = {"type": "api_error", "message": "\x1b[2J" + "x" * 100_000}
    event = f"event: error\ndata: {json.dumps({'type': 'error', 'error': content})}\n\n"
    with relayed(Recording(event.encode())) as (url, _), caplog.at_level("WARNING", "relay"):
        ask(url)
    [record] = caplog.records
    assert len(record.getMessage()) < 1000
    assert record.getMessage().isprintable()


@variants
def test_an_answer_that_broke_off_goes_on_by_the_librarys_own_continuation(variant: str) -> None:
    conversation = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Good "},
    ]
    with relayed(variant=variant) as (url, upstream):
        assert ask(url, {"messages": conversation}).text.startswith(TEXT)
        [seen] = upstream.requests
    begun = Message({"role": "assistant", "content": [{"type": "text", "text": "Good "}]})
    assert json.loads(seen.body)["messages"] == [conversation[0], *continuation(begun)]


def test_an_event_that_is_not_of_the_protocol_says_nothing_of_itself() -> None:
    with relayed(Recording(b"data: {secret\n\n")) as (url, _):
        answer = ask(url)
    assert b"secret" not in answer.body
    assert "broke off" in answer.events[0][1]["error"]["message"]


def test_an_api_that_cannot_be_reached_is_an_error_event() -> None:
    with serve_in_thread([HELLO]) as upstream:
        gone = upstream.url
    claude = AsyncClaude(api_key=KEY, base_url=gone, max_retries=0, proxy=None)
    with served(made("app", claude)) as url:
        answer = ask(url)
    assert "broke off" in answer.events[0][1]["error"]["message"]
    assert gone.encode() not in answer.body


def test_a_mistake_in_the_relay_itself_is_an_error_event(caplog: pytest.LogCaptureFixture) -> None:
    claude = AsyncClaude(api_key=KEY)
    asyncio.run(claude.close())
    with served(made("app", claude)) as url:
        answer = ask(url)
    assert "in this server" in answer.events[0][1]["error"]["message"]
    assert answer.events[-1] == ("message", "[DONE]")
    assert "the client is closed" in caplog.text


@servers
def test_without_a_key_the_server_does_not_start(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("ANTHROPIC_"):
            monkeypatch.delenv(name)
    done = subprocess.run(
        [sys.executable, "-m", server, *_bind(server), "examples.relay.app:app"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Hypercorn ends with status 0 all the same.
    assert done.returncode != 0 or server == "hypercorn"
    assert "ANTHROPIC_API_KEY" in done.stderr
    assert "unning on" not in done.stderr


# --- requests that are refused

BAD = {
    "nothing": (b"", "not JSON"),
    "text": (b"hello", "not JSON"),
    "half": (b'{"prompt": "hel', "not JSON"),
    "not UTF-8": (b'{"prompt": "\xff\xfe"}', "not JSON"),
    "nested": (b"[" * 100_000, "not JSON"),
    "list": (b"[]", "not a JSON object"),
    "number": (b"17", "not a JSON object"),
    "empty": (b"{}", "no messages"),
    "no messages": (b'{"messages": []}', "no messages"),
    "messages are text": (b'{"messages": "hello"}', "no messages"),
    "both": (b'{"prompt": "a", "messages": [{"role": "user", "content": "b"}]}', "not both"),
    "no prompt": (b'{"prompt": " "}', "not empty"),
    "half a character": (rb'{"prompt": "cut \ud83d"}', "half a character"),
    "prompt is a list": (b'{"prompt": ["a"]}', "is text"),
    "message is text": (b'{"messages": ["hello"]}', "a role"),
    "role": (b'{"messages": [{"role": "system", "content": "a"}]}', "a role"),
    "role is a list": (b'{"messages": [{"role": [], "content": "a"}]}', "a role"),
    "no content": (b'{"messages": [{"role": "user"}]}', "is text"),
    "nothing asked": (b'{"messages": [{"role": "assistant", "content": "a"}]}', "first message"),
    "blocks": (
        b'{"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}',
        "is text",
    ),
}


@variants
def test_a_body_that_asks_nothing_is_refused_with_a_sentence(variant: str) -> None:
    with relayed(variant=variant) as (url, upstream):
        for name, (body, sentence) in BAD.items():
            answer = ask(url, body)
            assert answer.status == 400, name
            assert sentence in answer.error, name
        assert not upstream.requests


@servers
@variants
@pytest.mark.parametrize("size", [256 * 1024 + 1, 4 * 2**20])
def test_a_body_that_is_too_large_is_refused_with_the_limit(
    variant: str, server: str, size: int
) -> None:
    body = json.dumps({"prompt": ""}).encode()
    body = body[:-2] + b"x" * (size - len(body)) + body[-2:]
    assert len(body) == size
    with relayed(variant=variant, server=server) as (url, upstream):
        answer = ask(url, body)
        assert answer.status == 413
        assert "256 KiB" in answer.error
        assert not upstream.requests
        # One byte less is a question.
        assert ask(url, body[: 256 * 1024 - 2] + body[-2:]).status == 200


def test_a_body_without_end_is_cut_off() -> None:
    # The application is asked itself: what a server does with the rest is its own affair.
    taken = 0
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 2**20
        return {"type": "http.request", "body": bytes(2**20), "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/chat",
        "headers": [(b"content-type", b"application/json")],
    }
    asyncio.run(made("app", AsyncClaude(api_key=KEY))(scope, receive, send))
    assert sent[0]["status"] == 413
    assert taken <= 17 * 2**20


@variants
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_what_a_page_of_another_site_could_send_is_refused(variant: str, content_type: str) -> None:
    with relayed(variant=variant) as (url, upstream):
        answer = ask(url, content_type=content_type)
        assert answer.status == 415
        assert "application/json" in answer.error
        assert ask(url, content_type="Application/JSON; charset=utf-8").status == 200
        assert len(upstream.requests) == 1


ELSEWHERE = {
    "another site": {"origin": "https://other.example"},
    "another port": {"origin": "http://127.0.0.1:1"},
    "a frame without an origin": {"origin": "null"},
    "not even a URL": {"origin": "other.example"},
    "a page of a site beside it": {"sec_fetch_site": "same-site"},
    "a page of another site": {"sec_fetch_site": "cross-site"},
    "a link in the address bar": {"sec_fetch_site": "none"},
}


@variants
def test_what_comes_from_a_page_of_another_site_is_refused(variant: str) -> None:
    with relayed(variant=variant) as (url, upstream):
        for name, headers in ELSEWHERE.items():
            answer = ask(url, **headers)
            assert answer.status == 403, name
            assert "own page" in answer.error
            assert "access-control-allow-origin" not in answer.headers
        assert not upstream.requests
        assert ask(url, origin=url, sec_fetch_site="same-origin").status == 200


@variants
def test_what_comes_under_a_name_that_is_not_the_servers_is_refused(variant: str) -> None:
    with relayed(variant=variant) as (url, upstream):
        port = url.rpartition(":")[2]
        for host in (f"rebound.example:{port}", "0x7f000001", "127.0.0.1.rebound.example"):
            # The page of a name that points here is of one origin with it.
            headers = {"host": host, "origin": f"http://{host}", "sec_fetch_site": "same-origin"}
            assert ask(url, **headers).status == 421, host
            assert ask(f"{url}/", method="GET", host=host).status == 421, host
        assert not upstream.requests
        for host in (f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}", "192.0.2.7"):
            assert ask(url, host=host, origin=f"http://{host}").status == 200, host


@variants
def test_a_name_that_is_listed_is_the_servers_own(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_HOSTS", "Chat.example, chat.example:8443")
    with relayed(variant=variant) as (url, _):
        assert ask(url, host="chat.example", origin="https://chat.example").status == 200
        # A proxy in between that says its own name for the host.
        assert ask(url, host="127.0.0.1:8000", origin="https://chat.example").status == 200
        assert ask(url, host="chat.example:8443", origin="https://chat.example:8443").status == 200
        assert ask(url, host="chat.example:9", origin="https://chat.example:9").status == 421
        assert ask(url, host="chat.example", origin="https://other.example").status == 403


@variants
def test_a_browser_that_asks_whether_it_may_is_not_told_so(variant: str) -> None:
    with relayed(variant=variant) as (url, _):
        response = client.request(
            f"{url}/api/chat",
            method="OPTIONS",
            headers={"origin": "https://other.example", "access-control-request-method": "POST"},
            timeouts=PATIENCE,
            proxy=None,
        )
        assert response.status == 405
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
        response.close()


@servers
def test_a_browser_that_leaves_within_its_request_disturbs_nobody(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    socket = import_module("socket")
    with relayed(server=server) as (url, upstream):
        host, port = url[7:].split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                b"POST /api/chat HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                b'content-length: 100\r\n\r\n{"prompt": "'
            )
        assert ask(url).status == 200
        assert len(upstream.requests) == 1
    assert not caplog.records


# --- the page and the rest


@servers
@variants
def test_the_page_needs_nothing_from_elsewhere(variant: str, server: str) -> None:
    folder = ROOT / "examples" / "relay" / "page"
    types = {"html": "text/html", "css": "text/css", "js": "text/javascript", "txt": "text/plain"}
    with relayed(variant=variant, server=server) as (url, _):
        for path in sorted(folder.iterdir()):
            name = "" if path.name == "index.html" else path.name
            file = ask(f"{url}/{name}", method="GET")
            assert file.status == 200
            assert (
                file.headers["Content-Type"] == f"{types[path.name.split('.')[-1]]}; charset=utf-8"
            )
            assert "script-src 'self';" in file.headers["Content-Security-Policy"]
            assert file.headers["X-Content-Type-Options"] == "nosniff"
            assert file.body == path.read_bytes()
        assert ask(f"{url}/app.py", method="GET").status == 404
    ours = b"".join((folder / name).read_bytes() for name in ("index.html", "page.css", "page.js"))
    assert not re.findall(rb"https?://|@import|url\(", ours)
    # What it loads lies beside it.
    loaded = re.findall(rb"""(?:src|href)="([^"]*)\"""", (folder / "index.html").read_bytes())
    assert sorted(loaded) == [b"data:,", b"markdown-it.min.js", b"page.css", b"page.js"]


def test_the_library_of_the_page_comes_with_its_licence() -> None:
    folder = ROOT / "examples" / "relay" / "page"
    version = re.match(r"/\*! (markdown-it [\d.]+) ", (folder / "markdown-it.min.js").read_text())
    assert version
    assert f"== {version[1]}\n" in (folder / "markdown-it.LICENSE.txt").read_text("utf-8")


@servers
def test_other_requests_are_refused_with_a_sentence(server: str) -> None:
    with relayed(server=server) as (url, upstream):
        assert ask(f"{url}/", method="HEAD")[0::2] == (200, b"")
        for path, method, status in [
            ("/favicon.ico", "GET", 404),
            ("/api/../app.py", "GET", 404),
            ("/api/chat", "GET", 405),
            ("/", "PUT", 405),
        ]:
            answer = ask(f"{url}{path}", method=method)
            assert answer.status == status, path
            assert answer.error.endswith("."), path
        assert not upstream.requests


def test_a_relay_under_a_path_of_its_own_finds_its_page_and_endpoint() -> None:
    Mount = import_module("starlette.routing").Mount
    Starlette = import_module("starlette.applications").Starlette
    with serve_in_thread([HELLO], speed=INSTANT) as upstream:
        claude = AsyncClaude(api_key=KEY, base_url=upstream.url, proxy=None)

        @asynccontextmanager
        async def lifespan(_: Any) -> AsyncIterator[None]:
            async with claude:
                yield

        routes = [Mount("/chat", app=made("app", claude))]
        application = Starlette(routes=routes, lifespan=lifespan)
        with served(application) as url:
            assert ask(f"{url}/chat/", method="GET").status == 200
            assert ask(f"{url}/chat").text.startswith(TEXT)


# --- as the README says


def _bind(server: str) -> list[str]:
    return ["--port", "0"] if server == "uvicorn" else ["--bind", "127.0.0.1:0"]


@pytest.mark.parametrize(
    "command",
    [
        "-m examples.relay --port 0",
        "-m uvicorn --port 0 examples.relay.app:app",
        "-m hypercorn --bind 127.0.0.1:0 examples.relay.app:app",
        "-m uvicorn --port 0 examples.relay.with_fastapi:app",
        "-m uvicorn --port 0 examples.relay.with_starlette:app",
    ],
)
def test_a_command_of_the_readme_serves_on_loopback(command: str) -> None:
    words = command.split()
    readme = (ROOT / "examples" / "relay" / "README.md").read_text("utf-8")
    assert words[1] in readme
    assert words[-1] in readme or words[1] == "examples.relay"
    with serve_in_thread([HELLO], speed=INSTANT) as upstream:
        variables = environment(ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=upstream.url)
        with subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            said = ""
            try:
                for line in process.stderr:
                    said += line
                    found = re.search(r"unning on (http://127\.0\.0\.1:\d+)", line)
                    if found:
                        break
                else:
                    pytest.fail(said)
                assert ask(found[1]).text.startswith(TEXT)
            finally:
                process.send_signal(signal.SIGINT)
                said += process.communicate(timeout=30)[1]
        assert "Traceback" not in said
        assert KEY not in said
