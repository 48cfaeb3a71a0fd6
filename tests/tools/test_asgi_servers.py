# SPDX-License-Identifier: MIT
"""Streams under real ASGI servers and frameworks: how they end, whoever ends them.

Clients that leave at any byte, do not read, or send garbage; servers that are told to stop, which
must neither wait for streams nor complain of them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ssewire import aio, parse
from ssewire.asgi import HEADERS, event_body, event_stream, last_event_id
from tests.tools.test_asgi import Serving, Source

pytest.importorskip("starlette", reason="real servers run on CPython only")
from ssewire.asgi import EventResponse  # which is there where starlette is

# Against servers of others, whose processes take a second each to start.
pytestmark = [pytest.mark.once, pytest.mark.sockets]

servers = pytest.mark.parametrize("name", ["uvicorn", "hypercorn"])

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def closed(sources: list[Source], count: int) -> None:
    """Wait until so many sources have been made and closed."""
    while len(sources) < count or not all(source.closed for source in sources):
        await asyncio.sleep(0.002)


def run(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 30))


@servers
@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
def test_a_client_that_leaves_at_any_byte_leaves_nothing_behind(name: str, reset: bool) -> None:
    sources: list[Source] = []

    def source(scope: Any) -> Source:
        sources.append(Source(3, hold=True))
        return sources[-1]

    async def main() -> None:
        # With comments: who leaves in silence is noticed at the latest at the next.
        async with Serving(name, event_stream(source, keep_alive=0.05)) as server:
            host, port = server.url[7:-1].split(":")
            for at in range(0, 300, 17):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(REQUEST)
                got = b""
                while len(got) < at:
                    got += await reader.read(at - len(got))
                if reset:
                    writer.transport.abort()
                else:
                    writer.close()
            await closed(sources, len(range(0, 300, 17)) - 1)
            await closed(sources, len(sources))
            assert all(each.closed == 1 and len(each.tasks) == 1 for each in sources)

    run(main())


@servers
@pytest.mark.parametrize("served", ["stream", "endpoint"])
@pytest.mark.parametrize(
    "garbage", [b"\0\xff" * 40, REQUEST[:20], REQUEST * 3], ids=["bytes", "half", "pipelined"]
)
def test_a_client_that_sends_garbage_gets_its_events_and_holds_nothing(
    name: str, garbage: bytes, served: str
) -> None:
    sources: list[Source] = []

    def source(scope: Any = None) -> Source:
        sources.append(Source(2, hold=True))
        return sources[-1]

    async def main() -> None:
        async with Serving(name, application(served, source, keep_alive=0.05)) as server:
            host, port = server.url[7:-1].split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(REQUEST)
            await reader.readuntil(b"event 2")
            writer.write(garbage)
            # The server may refuse it, or not look at it before the stream is over.
            await asyncio.sleep(0.02)
            writer.transport.abort()
            await closed(sources, 1)

    run(main())


@servers
def test_a_client_that_stops_reading_is_let_go_after_send_timeout(name: str) -> None:
    closings = []

    async def source(scope: Any) -> AsyncIterator[str]:
        try:
            while True:
                yield "x" * 100_000
        finally:
            closings.append(True)

    async def main() -> None:
        application = event_stream(source, send_timeout=0.2)
        async with Serving(name, application) as server:
            host, port = server.url[7:-1].split(":")
            with socket.create_connection((host, int(port))) as client:
                client.sendall(REQUEST)
                while not closings:
                    await asyncio.sleep(0.01)

    run(main())


@pytest.mark.parametrize("served", ["stream", "endpoint"])
def test_a_client_that_reads_nothing_does_not_keep_a_server_from_stopping(served: str) -> None:
    closings = []

    async def source(scope: Any = None) -> AsyncIterator[str]:
        try:
            while True:
                yield "x" * 100_000
        finally:
            closings.append(True)

    async def main() -> None:
        with ExitStack() as stack:
            async with Serving("uvicorn", application(served, source)) as server:
                host, port = server.url[7:-1].split(":")
                client = stack.enter_context(socket.create_connection((host, int(port))))
                client.sendall(REQUEST)
                # Until it waits for the client.
                await asyncio.sleep(0.1)
            assert closings == [True]

    run(main())


@servers
@pytest.mark.parametrize("served", ["stream", "body", "response"])
def test_streams_end_when_the_server_stops(name: str, served: str) -> None:
    sources: list[Source] = []

    def source(scope: Any = None) -> Source:
        sources.append(Source(1, hold=True))
        return sources[-1]

    async def main() -> None:
        async with Serving(name, application(served, source)) as server:
            streams = [await aio.open_stream(server.url, proxy=None) for _ in range(20)]
            for stream in streams:
                await stream.__anext__()
        # It has stopped. Each stream has an end, and is not cut off: that would raise.
        for stream in streams:
            assert [event async for event in stream] == []

    run(main())
    assert len(sources) == 20
    assert all(each.closed == 1 and len(each.tasks) == 1 for each in sources)


def application(served: str, source: Any, **options: Any) -> Any:
    """Return an application for a source: ours, or Starlette's, also behind a middleware."""
    if served == "stream":
        return event_stream(source, **options)
    responses = import_module("starlette.responses")
    middleware = import_module("starlette.middleware")
    base = import_module("starlette.middleware.base")

    async def passing(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    async def endpoint(request: Any) -> Any:
        if served != "body":
            return EventResponse(source(), **options)
        return responses.StreamingResponse(event_body(source()), headers=HEADERS)

    behind = middleware.Middleware(base.BaseHTTPMiddleware, dispatch=passing)
    routing = import_module("starlette.routing")
    return import_module("starlette.applications").Starlette(
        routes=[routing.Route("/", endpoint)],
        middleware=[] if served == "endpoint" else [behind],
    )


@servers
def test_a_client_that_leaves_a_response_behind_a_middleware_closes_its_source(name: str) -> None:
    sources: list[Source] = []

    def source(scope: Any = None) -> Source:
        sources.append(Source(1, hold=True))
        return sources[-1]

    async def main() -> None:
        async with Serving(name, application("response", source)) as server:
            async with aio.open_stream(server.url, proxy=None) as stream:
                await stream.__anext__()
            await closed(sources, 1)

    run(main())
    assert (sources[0].closed, len(sources[0].tasks)) == (1, 1)


# --- frameworks


async def ask(application: Any, path: str = "/", **options: Any) -> tuple[Any, bytes]:
    """Return the head and the body that a real server sends for an application."""
    async with Serving("uvicorn", application) as server:
        response = await aio.request(server.url + path[1:], proxy=None, **options)
        return response, b"".join([chunk async for chunk in response.chunks])


def test_fastapi_returns_a_response_with_all_that_goes_with_one() -> None:
    fastapi = import_module("fastapi")
    app = fastapi.FastAPI()
    done: list[str] = []

    async def endpoint(tasks: Any, response: Any) -> Any:
        response.headers["x-dependency"] = "yes"
        tasks.add_task(done.append, "later")
        found = EventResponse([{"n": 1}, "two"], status_code=201, headers={"x-own": "1"})
        found.set_cookie("a", "b")
        found.headers["x-late"] = "2"
        return found

    # What FastAPI is to give it.
    endpoint.__annotations__ = {"tasks": fastapi.BackgroundTasks, "response": fastapi.Response}
    app.get("/")(endpoint)
    head, body = run(ask(app))
    assert head.status == 201
    assert head.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert head.headers["cache-control"] == "no-cache, no-transform"
    assert (head.headers["x-own"], head.headers["x-late"]) == ("1", "2")
    assert head.headers["set-cookie"].startswith("a=b")
    assert "content-length" not in head.headers
    assert [event.data for event in parse(body)] == ['{"n":1}', "two"]
    assert done == ["later"]


def test_a_route_of_starlettes_takes_a_stream_as_it_is() -> None:
    routing = import_module("starlette.routing")
    stream = event_stream(lambda scope: [scope["path_params"]["name"]])
    app = import_module("starlette.applications").Starlette(
        routes=[routing.Route("/{name}", stream), routing.Mount("/under", stream)]
    )
    _, body = run(ask(app, "/seven"))
    assert body == b"data: seven\n\n"


def test_a_request_of_starlettes_has_the_last_event_id_too() -> None:
    requests = import_module("starlette.requests")
    scope = {"type": "http", "headers": [(b"last-event-id", b"7")]}
    assert last_event_id(requests.Request(scope)) == "7"


@pytest.mark.parametrize("served", ["async", "blocking"])
def test_django_streams_under_asgi(served: str) -> None:
    pytest.importorskip("django")
    http = import_module("django.http")
    asgi = import_module("django.core.handlers.asgi")

    async def source() -> AsyncIterator[str]:
        yield "one"

    async def view(request: Any) -> Any:
        events: Any = source() if served == "async" else iter(["one"])
        return http.StreamingHttpResponse(event_body(events), headers=HEADERS)

    configure_django(view)
    _, body = run(ask(asgi.ASGIHandler()))
    assert body == b"data: one\n\n"


def configure_django(view: Any) -> None:
    """Have this process' Django answer with a view, whatever it answered with before."""
    conf = import_module("django.conf")
    if not conf.settings.configured:
        conf.settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="none")
    urls: Any = import_module("django.urls")
    module: Any = sys.modules[__name__]
    module.urlpatterns = [urls.path("", view)]
    import_module("django").setup()
    urls.clear_url_caches()


# --- Ctrl-C

STREAMS = 100

PROGRAM = """
import asyncio
from ssewire.asgi import event_stream

async def events(scope):
    yield "hello"
    await asyncio.Event().wait()

app = event_stream(events)
"""

COMMANDS = {
    "uvicorn": "uvicorn --port {port} program:app",
    "uvicorn --reload": "uvicorn --reload --port {port} program:app",
    "uvicorn --workers": "uvicorn --workers 2 --port {port} program:app",
    "hypercorn": "hypercorn --bind 127.0.0.1:{port} program:app",
    "hypercorn --reload": "hypercorn --reload --bind 127.0.0.1:{port} program:app",
    "granian": "granian --interface asgi --port {port} program:app",
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def started(command: str, folder: Path) -> Iterator[tuple[int, Any]]:
    """Run a server as a terminal would; give its port and process."""
    port = free_port()
    words = command.format(port=port).split()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
        )
    try:
        for _ in range(1000):
            assert process.poll() is None, (folder / "log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
        yield port, process
    finally:
        with ExitStack() as stack:
            stack.callback(process.wait)
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def greeted(stack: ExitStack, port: int, count: int) -> list[socket.socket]:
    """Return so many clients that a PROGRAM has said hello to."""
    clients = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        clients.append(stack.enter_context(closing(client)))
        client.sendall(REQUEST)
    for client in clients:
        received = b""
        while b"hello" not in received:
            received += client.recv(4096)
    return clients


@pytest.mark.once
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a POSIX terminal sends it")
@pytest.mark.parametrize("server", COMMANDS)
def test_a_server_with_open_streams_is_gone_after_ctrl_c(server: str, tmp_path: Path) -> None:
    pytest.importorskip(server.partition(" ")[0])
    (tmp_path / "program.py").write_text(PROGRAM)

    def said() -> str:
        return (tmp_path / "log").read_text()

    with started(COMMANDS[server], tmp_path) as (port, process), ExitStack() as stack:
        clients = greeted(stack, port, STREAMS)
        # A worker of uvicorn's that still begins has a traceback of its own.
        while server == "uvicorn --workers" and said().count("startup complete") < 2:
            time.sleep(0.02)
        # To the whole group, as a terminal does.
        os.killpg(process.pid, signal.SIGINT)
        # It takes 0.1 to 0.7 s, and without us 3 s (hypercorn) or for ever.
        process.wait(20)
        for client in clients:
            rest = b""
            while True:
                piece = client.recv(4096)
                if not piece:
                    break
                rest += piece
            # The last chunk: an end, and no connection that broke.
            assert rest == b"0\r\n\r\n"
    assert "Traceback" not in said(), said()
    assert "ancel" not in said(), said()
