# SPDX-License-Identifier: MIT
"""docs/embedding.md and docs/client-authors.md: every program, with the real packages.

A program of the first is named by its heading. It runs in this process with a
URL (or a path) as its argument, against real servers; what it prints and what
it raises is what a user would see. Both parsers run under each.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import platform
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

import ssewire
from ssewire import EventTooLarge, ServerSentEvent, aio, client
from ssewire.errors import ContentTypeError, StatusError, TransportError
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head

if TYPE_CHECKING:
    from tests.conftest import MakeParser

pytestmark = [pytest.mark.once, pytest.mark.sockets]

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "embedding.md").read_text("utf-8")


def programs(text: str) -> dict[str, str]:
    """Return each Python program of a page by the heading that it stands under."""
    found: dict[str, str] = {}
    for prose, program in re.findall(r"(.*?)^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        *_, heading = re.findall(r"^##+ (.*)$", prose, re.MULTILINE)
        assert heading not in found
        found[heading] = program
    return found


PROGRAMS = programs(TEXT)
TRANSPORTS = [name for name in PROGRAMS if name.endswith("transport")]
SDKS = "The anthropic and openai SDKs"
SOURCES = [name for name in PROGRAMS if name not in (*TRANSPORTS, SDKS)]
HTTP = [name for name in SOURCES if name not in ("WebSocket", "A file")]
# What these print is what the others do, but they neither get chunked bodies nor see statuses.
PLAIN = ["asyncio streams"]
FRAMED = [name for name in HTTP if name not in PLAIN]

# Programs whose library neither asks for nor undoes a Content-Encoding.
NOT_INFLATING = ["urllib.request", *PLAIN]

# Where packages are that would change others if they were installed: niquests replaces urllib3.
APART = Path(sys.prefix) / "apart"

# An event larger than this is too large in these tests.
LIMIT = 300

# The exception, by its name with or without its module's, that a program ends with where
# the connection breaks in the middle of a chunk; of the cause where it is a transport.
BROKEN = {
    "httpx": "RemoteProtocolError",
    "httpx2": "RemoteProtocolError",
    "requests": "urllib3.exceptions.ProtocolError",
    "urllib3": "urllib3.exceptions.ProtocolError",
    "niquests": "ChunkedEncodingError",
    "aiohttp": "ClientPayloadError",
    "urllib.request": "http.client.IncompleteRead",
    "trio and anyio": "RemoteProtocolError",
}
# The same for a body that is shorter than its Content-Length.
SHORT = {**BROKEN, "urllib.request": None}
RESET = {
    **BROKEN,
    "httpx": "httpx.ReadError",
    "httpx2": "httpx2.ReadError",
    "urllib.request": "ConnectionResetError",
    "asyncio streams": "ConnectionResetError",
    "trio and anyio": "httpx.ReadError",
}
# What silence ends with, where the program's timeout is set to less than a second.
SILENT = {
    "httpx": "httpx.ReadTimeout",
    "httpx2": "httpx2.ReadTimeout",
    "requests": "urllib3.exceptions.ReadTimeoutError",
    "urllib3": "urllib3.exceptions.ReadTimeoutError",
    "niquests": "niquests.exceptions.ConnectionError",
    "aiohttp": "SocketTimeoutError",
    "urllib.request": "timeout" if sys.version_info < (3, 10) else "TimeoutError",
    "asyncio streams": "TimeoutError",
    "trio and anyio": "httpx.ReadTimeout",
}
REFUSED = {
    "httpx": "HTTPStatusError",
    "httpx2": "HTTPStatusError",
    "requests": "requests.exceptions.HTTPError",
    "urllib3": "SystemExit",
    "niquests": "niquests.exceptions.HTTPError",
    "aiohttp": "ClientResponseError",
    "urllib.request": "urllib.error.HTTPError",
    "asyncio streams": "SystemExit",
    "trio and anyio": "HTTPStatusError",
}

BODY = (
    "\ufeff: hello\r\n\r\ndata: Grüße\r\n\r\n"
    "event: a\ndata: 日本\ndata: 語\n\nid: 1\rdata: x\u2028y\r\r"
).encode()
EVENTS = ["message Grüße", "a 日本\n語", "message x\u2028y"]


class Seen:
    """What a program printed, and the exception that it ended with."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.error: BaseException | None = None
        # Set by the first line.
        self.started = threading.Event()

    def print(self, *values: object) -> None:
        self.lines.append(" ".join(map(str, values)))
        self.started.set()

    @property
    def error_name(self) -> str | None:
        return None if self.error is None else name_of(self.error)


def name_of(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__name__}"


def matches(name: str | None, expected: str | None) -> bool:
    if name is None or expected is None:
        return name is expected
    return f".{name}".endswith(f".{expected}")


def need(name: str) -> None:
    """Skip the test where the program's package cannot be; elsewhere its absence is an error."""
    package = name.split()[0]
    if package == "niquests":
        if APART.is_dir() and str(APART) not in sys.path:
            # Last, so that only what is nowhere else comes from there.
            sys.path.append(str(APART))
        pytest.importorskip("niquests", reason="it would replace urllib3 and is kept apart")
    elif package == "httpx2" and sys.version_info < (3, 10):
        pytest.skip("httpx2 comes with the SDKs, which need Python 3.10")
    elif platform.python_implementation() != "CPython":
        pytest.importorskip({"A": "io", "WebSocket": "websockets"}.get(package, package))


Run = Callable[..., Seen]


@pytest.fixture
def run(make_parser: MakeParser, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a program with an argument, on the parser under test and with a small limit."""

    def parser(**options: Any) -> Any:
        return make_parser(**{**options, "max_event_size": LIMIT})

    for module in ("ssewire", "ssewire.stream", "ssewire.client._open", "ssewire.aio._open"):
        monkeypatch.setattr(f"{module}.Parser", parser)
    # Proxies of the environment are no business of tests on loopback.
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)

    def run(name: str, argument: str, seen: Seen | None = None, *, silence: float = 60) -> Seen:
        if not name.startswith("trio"):
            return run_program(name, argument, seen, silence)
        # httpx leaves a generator of its own to the garbage collector, as the page says.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            seen = run_program(name, argument, seen, silence)
            drop_frames(seen.error)
            gc.collect()
        return seen

    def run_program(name: str, argument: str, seen: Seen | None, silence: float) -> Seen:
        need(name)
        seen = seen or Seen()
        program = re.sub(r"\b60\b", str(silence), PROGRAMS[name])
        monkeypatch.setattr(sys, "argv", ["program", argument])
        try:
            exec(
                compile(program, f"docs/embedding.md, {name}", "exec"),
                {"__name__": "__main__", "print": seen.print},
            )
        except BaseException as exc:
            if isinstance(exc, (KeyboardInterrupt, pytest.fail.Exception)):
                raise
            seen.error = unwrapped(exc)
        return seen

    return run


def drop_frames(error: BaseException | None) -> None:
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def unwrapped(error: BaseException) -> BaseException:
    # trio and anyio put what their own tasks raise into groups; ours is the only one.
    while hasattr(error, "exceptions") and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def framed(name: str, body: bytes, size: int) -> list[bytes]:
    """Return a response in pieces: chunked where the program speaks HTTP/1.1."""
    if name in PLAIN:
        return [head(), *pieces(body, size)]
    return [head(200, CHUNKED), *(chunk(piece) for piece in pieces(body, size)), LAST_CHUNK]


def test_the_page_has_a_program_for_each_source_and_the_tables_here_name_them_all() -> None:
    assert set(SOURCES) == {*RESET, "WebSocket", "A file"}
    assert set(SILENT) == set(REFUSED) == set(HTTP)
    assert set(BROKEN) == set(FRAMED)
    assert len(TRANSPORTS) == 7
    assert {name.split()[0] for name in TRANSPORTS} < set(FRAMED)


# --- sources


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("name", HTTP)
def test_an_ordinary_stream_gives_its_events_whatever_its_chunks(
    run: Run, name: str, size: int
) -> None:
    with Server([framed(name, BODY, size)]) as server:
        seen = run(name, server.url)
    assert seen.error is None
    assert seen.lines == EVENTS


@pytest.mark.parametrize("name", FRAMED)
@pytest.mark.parametrize("framing", ["length", "until close"])
def test_an_ordinary_stream_gives_its_events_whatever_its_framing(
    run: Run, name: str, framing: str
) -> None:
    fields = [f"Content-Length: {len(BODY)}"] if framing == "length" else []
    with Server([[head(200, *fields), *pieces(BODY, 5)]]) as server:
        seen = run(name, server.url)
    assert (seen.lines, seen.error) == (EVENTS, None)


@pytest.mark.parametrize("name", [*HTTP, *TRANSPORTS])
@pytest.mark.parametrize("framing", ["chunked", "length", "until close"])
def test_an_event_is_out_before_the_server_goes_on(run: Run, name: str, framing: str) -> None:
    seen = Seen()
    first, last = b"data: first\n\n", b"data: last\n\n"
    waited = []

    def script(request: object) -> Iterator[bytes]:
        if framing == "chunked" and name not in PLAIN:
            yield head(200, CHUNKED)
            yield chunk(first)
            waited.append(seen.started.wait(5))
            yield chunk(last) + LAST_CHUNK
            return
        fields = [f"Content-Length: {len(first + last)}"] if framing == "length" else []
        yield head(200, *fields)
        yield first
        waited.append(seen.started.wait(5))
        yield last

    with Server([script]) as server:
        run(name, server.url, seen)
    assert (seen.lines, seen.error) == (["message first", "message last"], None)
    assert waited == [True]


@pytest.mark.parametrize("name", [n for n in HTTP + TRANSPORTS if n not in NOT_INFLATING])
def test_a_compressed_stream_gives_its_events_even_byte_by_byte(run: Run, name: str) -> None:
    packed = gzip.compress(BODY)
    parts = [chunk(piece) for piece in pieces(packed, 1)]
    with Server([[head(200, CHUNKED, "Content-Encoding: gzip"), *parts, LAST_CHUNK]]) as server:
        seen = run(name, server.url)
    assert (seen.lines, seen.error) == (EVENTS, None)


@pytest.mark.parametrize("name", NOT_INFLATING)
def test_a_compressed_stream_gives_nothing_where_the_page_says_no(run: Run, name: str) -> None:
    with Server([[head(200, "Content-Encoding: gzip"), gzip.compress(BODY)]]) as server:
        seen = run(name, server.url)
    assert (seen.lines, seen.error) == ([], None)


@pytest.mark.parametrize("name", FRAMED)
def test_a_chunked_body_that_breaks_in_mid_event_ends_with_the_librarys_exception(
    run: Run, name: str
) -> None:
    seen = Seen()
    script = break_after(seen, head(200, CHUNKED) + chunk(b"data: a\n\n"), b"20\r\ndata: half")
    with Server([script]) as server:
        run(name, server.url, seen)
    assert seen.lines == ["message a"]
    assert matches(seen.error_name, BROKEN[name]), seen.error_name


def break_after(seen: Seen, first: bytes, last: bytes) -> Any:
    """Return a script that sends `last` once the program has seen an event of `first`."""

    def script(request: object) -> Iterator[bytes]:
        yield first
        seen.started.wait(5)
        yield last

    return script


@pytest.mark.parametrize("name", FRAMED)
def test_a_body_shorter_than_its_length_ends_as_the_page_says(run: Run, name: str) -> None:
    seen = Seen()
    script = break_after(seen, head(200, "Content-Length: 99") + b"data: a\n\n", b"data: half")
    with Server([script]) as server:
        run(name, server.url, seen)
    assert seen.lines == ["message a"]
    assert matches(seen.error_name, SHORT[name]), seen.error_name


@pytest.mark.parametrize("name", HTTP)
def test_a_body_that_ends_with_its_connection_ends_without_its_unfinished_event(
    run: Run, name: str
) -> None:
    with Server([[head(), b"data: a\n\ndata: half"]]) as server:
        seen = run(name, server.url)
    assert (seen.lines, seen.error) == (["message a"], None)


@pytest.mark.parametrize("name", HTTP)
def test_a_connection_that_is_reset_ends_with_the_librarys_exception(run: Run, name: str) -> None:
    seen = Seen()
    first = (
        [head(), b"data: a\n\n"] if name in PLAIN else [head(200, CHUNKED), chunk(b"data: a\n\n")]
    )

    def script(request: object) -> Iterator[Any]:
        yield from first
        seen.started.wait(5)
        yield "reset"

    with Server([script]) as server:
        run(name, server.url, seen)
    assert seen.lines == ["message a"]
    assert matches(seen.error_name, RESET[name]), seen.error_name


@pytest.mark.parametrize("name", HTTP)
def test_silence_ends_with_the_librarys_timeout(run: Run, name: str) -> None:
    with Server([[head(), b"data: a\n\n", "hold"]]) as server:
        seen = run(name, server.url, silence=0.3)
        assert server.wait_closed()
    assert seen.lines == ["message a"]
    assert matches(seen.error_name, SILENT[name]), seen.error_name


@pytest.mark.parametrize("name", HTTP)
def test_a_status_that_is_an_error_gives_no_events(run: Run, name: str) -> None:
    with Server([[head(503, "Content-Length: 9"), b"data: a\n\n"]]) as server:
        seen = run(name, server.url)
    assert seen.lines == []
    assert matches(seen.error_name, REFUSED[name]), seen.error_name
    if isinstance(seen.error, HTTPError):
        seen.error.close()


@pytest.mark.parametrize("name", [*HTTP, *TRANSPORTS])
def test_an_event_that_is_too_large_ends_the_program_and_closes_the_connection(
    run: Run, name: str
) -> None:
    large = b"data: a\n\ndata: " + b"x" * LIMIT
    start = head() + large if name in PLAIN else head(200, CHUNKED) + chunk(large)
    with Server([[start, "hold"]]) as server:
        seen = run(name, server.url)
        assert server.wait_closed()
    assert isinstance(seen.error, EventTooLarge)
    assert seen.error.limit == LIMIT
    if name in PLAIN:
        assert seen.error.events == [ServerSentEvent("a")]
    else:
        assert seen.lines == ["message a"]


@pytest.mark.parametrize("name", [*HTTP, *TRANSPORTS])
def test_bad_utf8_becomes_replacement_characters(run: Run, name: str) -> None:
    with Server([framed(name, b"data: a\xff\n\ndata: \xe6\x97\n\n", 3)]) as server:
        seen = run(name, server.url)
    assert (seen.lines, seen.error) == (["message a\ufffd", "message \ufffd"], None)


# --- a WebSocket and a file


@contextmanager
def gateway(messages: list[str | bytes], broken: bool = False) -> Iterator[str]:
    """Serve the messages to each client; then close, or break the connection."""
    serve = import_module("websockets.sync.server").serve

    def handler(connection: Any) -> None:
        for message in messages:
            connection.send(message)
        if broken:
            connection.socket.shutdown(2)

    with serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_messages_of_text_give_the_events_whatever_their_size(run: Run, size: int) -> None:
    need("WebSocket")
    text = BODY.decode()
    with gateway([text[at : at + size] for at in range(0, len(text), size)]) as url:
        seen = run("WebSocket", url)
    assert (seen.lines, seen.error) == (EVENTS, None)


def test_binary_messages_give_the_events_with_bad_utf8_replaced(run: Run) -> None:
    need("WebSocket")
    with gateway([b"data: a\xff\n\nda", "ta: b\n\n"]) as url:
        seen = run("WebSocket", url)
    assert (seen.lines, seen.error) == (["message a\ufffd", "message b"], None)


def test_a_websocket_that_breaks_ends_with_the_librarys_exception(run: Run) -> None:
    need("WebSocket")
    with gateway(["data: a\n\ndata: half"], broken=True) as url:
        seen = run("WebSocket", url)
    assert seen.lines == ["message a"]
    assert matches(seen.error_name, "websockets.exceptions.ConnectionClosedError")


def test_a_message_that_is_too_large_ends_the_program(run: Run) -> None:
    need("WebSocket")
    with gateway(["data: a\n\n", "data: " + "x" * LIMIT]) as url:
        seen = run("WebSocket", url)
    assert seen.lines == ["message a"]
    assert isinstance(seen.error, EventTooLarge)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (BODY, EVENTS),
        (b"data: a\xff\n\n", ["message a\ufffd"]),
        (b"data: a\n\ndata: cut", ["message a"]),
        (b"data: a\n\n" * 20_000, ["message a"] * 20_000),
        (b"", []),
    ],
    ids=["ordinary", "bad UTF-8", "cut off", "several reads", "empty"],
)
def test_a_file_gives_its_events(run: Run, tmp_path: Path, body: bytes, lines: list[str]) -> None:
    path = tmp_path / "stream.sse"
    path.write_bytes(body)
    seen = run("A file", str(path))
    assert (seen.lines, seen.error) == (lines, None)


def test_a_file_with_an_event_that_is_too_large_gives_those_before_it(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "stream.sse"
    path.write_bytes(b"data: a\n\ndata: " + b"x" * LIMIT)
    seen = run("A file", str(path))
    assert seen.lines == ["message a"]
    assert isinstance(seen.error, EventTooLarge)


# --- transports


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_transport_carries_an_ordinary_stream(run: Run, name: str, size: int) -> None:
    with Server([framed(name, BODY, size)]) as server:
        seen = run(name, server.url)
        (request,) = server.requests
    assert (seen.lines, seen.error) == (EVENTS, None)
    assert request.headers["accept"] == "text/event-stream"
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("name", TRANSPORTS)
@pytest.mark.parametrize("way", ["chunk", "length", "reset"])
def test_a_connection_that_breaks_is_a_transport_error_with_the_librarys_as_its_cause(
    run: Run, name: str, way: str
) -> None:
    seen = Seen()
    event = b"data: a\n\n"

    def script(request: object) -> Iterator[Any]:
        if way == "length":
            yield head(200, "Content-Length: 99") + event
        else:
            yield head(200, CHUNKED) + chunk(event)
        seen.started.wait(5)
        yield {"chunk": b"20\r\ndata: half", "length": b"data: half", "reset": "reset"}[way]

    with Server([script]) as server:
        run(name, server.url, seen)
    assert seen.lines == ["message a"]
    assert type(seen.error) is TransportError
    assert seen.error.__cause__ is not None
    tables: dict[str, dict[str, Any]] = {"chunk": BROKEN, "length": SHORT, "reset": RESET}
    assert matches(name_of(seen.error.__cause__), tables[way][name.split()[0]])


@pytest.mark.parametrize("name", TRANSPORTS)
def test_nobody_listening_is_a_transport_error_with_the_librarys_as_its_cause(
    run: Run, name: str
) -> None:
    with Server([[]]) as server:
        url = server.url
    seen = run(name, url)
    assert type(seen.error) is TransportError
    assert seen.error.__cause__ is not None
    assert name_of(seen.error.__cause__).split(".")[0].startswith(name.split()[0][:6])


@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_status_and_a_media_type_are_refused_as_without_a_transport(run: Run, name: str) -> None:
    with Server([[head(503, "Content-Length: 4"), b"busy"]]) as server:
        seen = run(name, server.url)
        assert server.wait_closed() or name.startswith("aio")
    assert isinstance(seen.error, StatusError)
    assert (seen.error.status, seen.error.body) == (503, b"busy")
    script = [head(200, "Content-Length: 2", content_type="text/html"), b"hi"]
    with Server([script]) as server:
        seen = run(name, server.url)
    assert isinstance(seen.error, ContentTypeError)
    assert (seen.error.content_type, seen.error.body) == ("text/html", b"hi")


@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_transport_leaves_redirects_to_us_so_that_secrets_stay_at_home(
    run: Run, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(monkeypatch, headers={"Authorization": "secret", "X-Api-Key": "secret"})
    with Server([[head(), b"data: a\n\n"]]) as elsewhere:
        with Server(
            [[head(307, f"Location: {elsewhere.url}/there", "Content-Length: 0")]]
        ) as server:
            seen = run(name, server.url)
            assert server.requests[0].headers["authorization"] == "secret"
        (request,) = elsewhere.requests
    assert (seen.lines, seen.error) == (["message a"], None)
    assert request.target == "/there"
    assert not {"authorization", "x-api-key"} & set(request.headers)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_transport_carries_method_body_and_bytes_beyond_ascii(
    run: Run, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Content-Type": "application/json", "X-Name": "Grüße"}
    ask(monkeypatch, method="POST", body=b'{"a": 1}', headers=headers, last_event_id="€5")
    with Server([[head(), b"data: a\n\n"]]) as server:
        seen = run(name, server.url)
        (request,) = server.requests
    assert (seen.lines, seen.error) == (["message a"], None)
    assert (request.method, request.body) == ("POST", b'{"a": 1}')
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-name"] == "Grüße"
    assert request.last_event_id == "€5"
    names = [name for name, _ in request.fields]
    assert names.count("host") == names.count("content-length") == 1


@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_source_reconnects_through_a_transport_with_the_last_event_id(
    run: Run, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = client.ReconnectPolicy(initial_delay=0.0, jitter=0.0)
    for module in (client, aio):
        source = module.EventSource
        monkeypatch.setattr(
            module, "open_stream", lambda url, s=source, **o: s(url, reconnect=quick, **o)
        )
    script = [
        [head(200, CHUNKED), chunk("id: €5\ndata: a\n\n".encode()), LAST_CHUNK],
        [head(200, CHUNKED), chunk(b"id: 6\ndata: b\n\n"), LAST_CHUNK],
        [head(204)],
    ]
    with Server([*script]) as server:
        seen = run(name, server.url)
        ids = server.last_event_ids
    assert seen.error is None
    assert seen.lines == ["message a", "message b"]
    assert ids == [None, "€5", "6"]


def ask(monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """Have programs ask for more than a URL."""
    for module in (client, aio):
        opener = module.open_stream
        monkeypatch.setattr(
            module, "open_stream", lambda url, o=opener, **options: o(url, **options, **more)
        )


# --- what else the pages say


def test_the_program_with_the_sdk_gives_the_text_of_a_stream_that_crashes_the_sdk_alone(
    run: Run,
) -> None:
    if sys.version_info < (3, 10) or platform.python_implementation() != "CPython":
        pytest.skip("openai 3.54 needs CPython 3.10")
    deltas = [
        {"choices": [{"index": 0, "delta": {"content": text}}]} for text in ("Grüße", " aus Bern")
    ]
    events = [f"data: {json.dumps(delta)}\n\n".encode() for delta in deltas]
    body = b"retry: 1000\n\n" + b"".join(events) + b"data: [DONE]\n\n"
    with Server([framed(SDKS, body, 7)]) as server:
        seen = run(SDKS, server.url)
    assert (seen.lines, seen.error) == (["Grüße", " aus Bern"], None)


def httpx_by_64(url: str) -> Iterator[bytes]:
    with import_module("httpx").stream("GET", url) as response:
        yield from response.iter_bytes(64)


def requests_by_content(url: str) -> Iterator[bytes]:
    with import_module("requests").get(url, stream=True) as response:
        yield from response.iter_content(None)


def urllib3_stream(url: str) -> Iterator[bytes]:
    with import_module("urllib3").request("GET", url, preload_content=False) as response:
        yield from response.stream()


def urllib_read(url: str) -> Iterator[bytes]:
    with urlopen(url) as response:
        yield from iter(partial(response.read, 64), b"")


@pytest.mark.parametrize(
    ("package", "chunks"),
    [
        ("httpx", httpx_by_64),
        ("requests", requests_by_content),
        ("urllib3", urllib3_stream),
        ("urllib.request", urllib_read),
    ],
)
def test_what_the_page_advises_against_holds_an_event_back(
    package: str, chunks: Callable[[str], Iterator[bytes]]
) -> None:
    need(package)
    out = threading.Event()
    waited = []

    def script(request: object) -> Iterator[bytes]:
        yield head() + b"data: a\n\n"
        waited.append(out.wait(0.3))
        yield b"data: b\n\n"

    received = []
    with Server([script]) as server:
        for each in chunks(server.url):
            out.set()
            received.append(each)
    assert waited == [False]
    assert b"".join(received) == b"data: a\n\ndata: b\n\n"


def test_iter_content_of_requests_reads_one_byte_at_a_time_unless_told_otherwise() -> None:
    need("requests")
    get = import_module("requests").get
    with Server([[head(), b"data: a\n\n"]]) as server, get(server.url, stream=True) as response:
        assert list(response.iter_content()) == [bytes([byte]) for byte in b"data: a\n\n"]


def test_read1_of_niquests_ends_before_a_compressed_body_does() -> None:
    need("niquests")
    get = import_module("niquests").get
    parts = [chunk(piece) for piece in pieces(gzip.compress(BODY), 1)]
    script = [head(200, CHUNKED, "Content-Encoding: gzip"), *parts, LAST_CHUNK]
    with Server([script]) as server, get(server.url, stream=True) as response:
        assert response.raw.read1(65536, decode_content=True) == b""


def test_aiohttp_drops_what_has_arrived_when_a_connection_breaks_and_our_client_does_not() -> None:
    need("aiohttp")
    aiohttp = import_module("aiohttp")

    async def slowly(chunks: Any, gone: Callable[[], bool]) -> tuple[int, bool]:
        count = 0
        try:
            async for each in chunks:
                count += 1 if hasattr(each, "data") else each.count(b"\n\n")
                while not gone():
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.05)
        except (aiohttp.ClientPayloadError, TransportError):
            return count, True
        return count, False

    async def theirs(server: Server) -> tuple[int, bool]:
        async with aiohttp.ClientSession() as session, session.get(server.url) as response:
            return await slowly(response.content.iter_any(), lambda: not server.open_connections)

    async def ours(server: Server) -> tuple[int, bool]:
        async with aio.open_stream(server.url) as stream:
            return await slowly(stream, lambda: not server.open_connections)

    found = []
    for read in (theirs, ours):
        script = [head(200, CHUNKED), chunk(b"data: 1\n\n"), 0.1, chunk(b"data: 2\n\n"), b"9\r\nd"]
        with Server([script]) as server:
            found.append(asyncio.run(read(server)))
    assert found == [(1, True), (2, True)]


def test_the_limit_that_the_page_names_is_the_default() -> None:
    assert f"`max_event_size` ({ssewire.stream.MAX_EVENT_SIZE // 2**20} MiB)" in TEXT  # type: ignore[attr-defined]


# --- docs/client-authors.md

AUTHORS = (Path(__file__).resolve().parents[2] / "docs" / "client-authors.md").read_text("utf-8")


def test_the_programs_for_client_authors_print_what_they_say(
    make_parser: MakeParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ssewire.Parser", make_parser)
    text = AUTHORS[: AUTHORS.index("## Vendoring")]
    found = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(found) == 2
    for program in found:
        seen = Seen()
        exec(
            compile(program, "docs/client-authors.md", "exec"),
            {"__name__": "__main__", "print": seen.print},
        )
        said = re.findall(r"^ *print\(.*\)  # (.+)$", program, re.M)
        assert said
        assert seen.lines == said


def test_the_version_that_client_authors_are_told_to_depend_on_is_this_one() -> None:
    major, minor = ssewire.__version__.split(".")[:2]
    assert f"ssewire>={major}.{minor},<{major}.{int(minor) + 1}" in AUTHORS
