# SPDX-License-Identifier: MIT
"""The programs of docs/serving.md, each with its real framework, read as browsers read."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ssewire import aio, client
from ssewire.reconnect import ReconnectPolicy
from tests.kit.pages import DOCS, named_programs
from tests.kit.serving import environment

pytest.importorskip("uvicorn", reason="real servers run on CPython only")

from tests.tools.test_relay import served, wait_until

pytestmark = [pytest.mark.once, pytest.mark.sockets]

PROGRAMS = named_programs("serving.md")
# Those that serve three ticks and then 204, and how they are run.
UVICORN = ("plain", "FastAPI", "Starlette", "CORS")
PROCESSES = {
    "Django under ASGI": ["-m", "uvicorn", "--port", "{port}", "module:app"],
    "Django": ["-c", "from module import app; {serve}"],
    "Flask": ["-m", "flask", "--app", "module", "run", "--port", "{port}"],
    "aiohttp": ["module.py", "{port}"],
    "wsgiref": ["module.py", "{port}"],
}
# A server with threads for those that are only an application.
SERVE = (
    "from socketserver import ThreadingMixIn; from wsgiref.simple_server import *; "
    "S = type('S', (ThreadingMixIn, WSGIServer), {{'daemon_threads': True}}); "
    "make_server('127.0.0.1', {port}, app, server_class=S).serve_forever()"
)
TICKS = [("0", "tick 0"), ("1", "tick 1"), ("2", "tick 2")]
FAST = ReconnectPolicy(initial_delay=0.01, max_attempts=3)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def application(name: str, *replaced: tuple[str, str]) -> Any:
    """Run a program here, with pieces of it replaced; return its application."""
    text = PROGRAMS[name]
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    namespace: dict[str, Any] = {"__name__": "module"}
    exec(compile(text, "docs/serving.md", "exec"), namespace)
    return namespace["app"]


@contextmanager
def started(name: str, folder: Path) -> Iterator[str]:
    """Run a program in a process of its own, as the page says; give its URL."""
    port = free_port()
    (folder / "module.py").write_text(PROGRAMS[name], "utf-8")
    words = [word.format(port=port, serve=SERVE.format(port=port)) for word in PROCESSES[name]]
    log = folder / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [sys.executable, *words], cwd=folder, env=environment(), stdout=file, stderr=file
        ) as process,
    ):
        try:
            wait_until(lambda: answers(port, process, log))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)
    assert b"Traceback" not in log.read_bytes()


def answers(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text("utf-8")
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


async def follow(url: str) -> list[tuple[str, str]]:
    """Read as a browser's EventSource does: come back at the end, until told not to by 204."""
    timeouts = client.Timeouts(total=20)
    source = aio.EventSource(url, reconnect=FAST, timeouts=timeouts, proxy=None)
    return [(event.id, event.data) async for event in source]


def check(url: str) -> None:
    with client.open_stream(f"{url}/", proxy=None) as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-cache, no-transform"
        assert stream.headers["x-accel-buffering"] == "no"
    assert asyncio.run(asyncio.wait_for(follow(f"{url}/"), 30)) == TICKS
    # Who has seen some gets the others, and who has seen them all is told to stop.
    for last, status, count in [("1", 200, 1), ("2", 204, 0), ("nonsense", 200, 3)]:
        headers = {"last-event-id": last}
        with client.request(f"{url}/", headers=headers, proxy=None) as response:
            assert response.status == status
            assert b"".join(response.chunks).count(b"data:") == count


@pytest.mark.parametrize("name", UVICORN)
def test_an_application_of_the_page_serves_its_events_and_ends(name: str) -> None:
    with served(application(name)) as url:
        check(url)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_program_of_the_page_serves_its_events_and_ends(name: str, tmp_path: Path) -> None:
    with started(name, tmp_path) as url:
        check(url)


def test_every_program_of_the_page_is_run() -> None:
    in_pages = {"page", "ticket", "ticket page"}  # test_serving_pages
    with_redis = {"Redis", "nginx"}  # test_serving_redis
    assert set(PROGRAMS) == {*UVICORN, *PROCESSES, "broadcast"} | in_pages | with_redis


def test_the_broadcast_of_the_page_gives_an_event_to_all_and_to_who_comes_back() -> None:
    def publish(url: str, text: str) -> str:
        body = text.encode()
        with client.request(f"{url}/publish", method="POST", body=body, proxy=None) as response:
            return b"".join(response.chunks).decode()

    with served(application("broadcast")) as url, ExitStack() as viewers:
        opened = [
            viewers.enter_context(client.open_stream(f"{url}/news", proxy=None)) for _ in range(3)
        ]
        first = publish(url, "one")
        assert [next(viewer).json() for viewer in opened] == [{"text": "one"}] * 3
        second = publish(url, "two")
        headers = {"last-event-id": first}
        with client.open_stream(f"{url}/news", headers=headers, proxy=None) as back:
            event = next(back)
            assert (event.id, event.json()) == (second, {"text": "two"})
        with client.open_stream(
            f"{url}/news", headers={"last-event-id": "of old"}, proxy=None
        ) as late:
            assert next(late).event == "stream-missed"


def test_the_endpoint_of_the_guide_to_claude_is_nothing_that_a_browser_asks_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    page = (DOCS / "claude-streaming.md").read_text("utf-8")
    [text] = re.findall(
        r"^```python\n((?:(?!^```).)*^async def app.*?)^async def main",
        page,
        re.DOTALL | re.MULTILINE,
    )
    namespace: dict[str, Any] = {"__name__": "module"}
    exec(compile(text, "docs/claude-streaming.md", "exec"), namespace)

    async def plain(scope: Any, receive: Any, send: Any) -> None:
        # The page's server asks nothing of this kind.
        assert scope["type"] == "http"
        await namespace["app"](scope, receive, send)

    with served(plain) as url, client.request(f"{url}/", proxy=None) as response:
        assert response.status == 405
    asyncio.run(namespace["client"].close())
