# SPDX-License-Identifier: MIT
"""The program of docs/serving.md for many processes: real Redis, two workers, nginx before them.

Workers are killed and Redis is restarted while events come; each viewer is to see each event
once, in order.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import pytest

import ssewire
from ssewire import aio, client
from ssewire.reconnect import ReconnectPolicy

pytest.importorskip("redis", reason="real servers run on CPython only")

from tests.tools.test_relay import wait_until
from tests.tools.test_serving_docs import PROGRAMS, answers, free_port

REDIS = shutil.which("redis-server")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

pytestmark = [
    pytest.mark.once,
    pytest.mark.sockets,
    pytest.mark.skipif(
        REDIS is None or NGINX is None,
        reason="redis-server or nginx is missing (Debian: redis-server and nginx-light)",
    ),
]

# Of a whole exchange: a test that waits in vain is to fail.
PATIENCE = client.Timeouts(total=30.0)


class Process:
    """A server that can be killed and started again, where it was."""

    def __init__(self, command: list[str], port: int, folder: Path, **variables: str) -> None:
        self.port = port
        self._command = command
        self._folder = folder
        self._environment = {**os.environ, **variables}
        self._log = folder / f"{Path(command[0]).name}-{port}.log"

    def __enter__(self) -> Process:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, stdout=log, stderr=log
            )

    def wait(self) -> Process:
        """Wait until it answers."""
        wait_until(lambda: answers(self.port, self._process, self._log))
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(30)


class Service:
    """Redis, two workers, nginx."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        ports = [free_port() for _ in range(4)]
        self.redis_url = f"redis://127.0.0.1:{ports[0]}"
        assert REDIS is not None
        # As the page says: all is on disk before it counts.
        keeping = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self.redis = Process([REDIS, "--port", str(ports[0]), *keeping], ports[0], folder)
        # A fifth of the time for a worker to catch up with what a viewer has seen elsewhere.
        patient = "for _ in range(100)"
        assert patient in PROGRAMS["Redis"]
        program = PROGRAMS["Redis"].replace(patient, "for _ in range(20)")
        (folder / "news.py").write_text(program, "utf-8")
        package = str(Path(ssewire.__file__).resolve().parents[1])
        path = os.pathsep.join([package, *sys.path])
        worker = [sys.executable, "-m", "uvicorn", "--no-access-log", "news:app", "--port"]
        self.workers = [
            Process([*worker, str(port)], port, folder, REDIS_URL=self.redis_url, PYTHONPATH=path)
            for port in ports[1:3]
        ]
        self.nginx = Process(_nginx(folder, ports[1:]), ports[3], folder)
        self.url = f"http://127.0.0.1:{ports[3]}/events"
        # Redis first: a worker that cannot reach it does not start.
        stack.enter_context(self.redis).wait()
        for process in (*self.workers, self.nginx):
            stack.enter_context(process)
        for process in (*self.workers, self.nginx):
            process.wait()


def _nginx(folder: Path, ports: list[int]) -> list[str]:
    """Return the command of an nginx with the page's configuration, at other ports."""
    config = PROGRAMS["nginx"]
    for old, new in zip((8001, 8002, 8000), ports):
        config, count = re.subn(rf"(?<=[ :]){old}(?=[ ;])", str(new), config)
        assert count == 1
    config = config.replace("listen ", "listen 127.0.0.1:")
    paths = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;\n"
        f"events {{ worker_connections 256; }}\n"
        f"http {{ access_log off; {paths}\n{config}\n}}\n"
    )
    assert NGINX is not None
    return [NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with ExitStack() as stack:
        yield Service(tmp_path_factory.mktemp("news"), stack)


class Publisher:
    """Writes events to the stream, on and on, also while Redis is being restarted."""

    def __init__(self, url: str) -> None:
        self.written = 0
        self._redis = import_module("redis.asyncio").Redis.from_url(url, decode_responses=True)
        self._errors = import_module("redis.exceptions").RedisError

    async def __aenter__(self) -> Publisher:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._redis.aclose()

    async def publish(self, text: str, event_id: str = "*") -> str:
        event_id = await self._redis.xadd("news", {"data": text}, event_id, maxlen=10_000)
        self.written += 1
        return event_id

    async def run(self) -> None:
        while True:
            try:
                await self.publish(f"event {self.written}")
                await asyncio.sleep(0.005)
            except (self._errors, OSError):
                await asyncio.sleep(0.02)

    async def kept(self, after: str) -> list[tuple[str, str]]:
        """Return what the stream holds after an ID: what was taken, whatever we were told."""
        kept = await self._redis.xrange("news", f"({after}")
        return [(event_id, fields["data"]) for event_id, fields in kept]


async def view(url: str, last: str, seen: list[tuple[str, str, str]]) -> None:
    """Read as a browser does, on and on."""
    reconnect = ReconnectPolicy(initial_delay=0.02, max_delay=0.1)
    async with aio.EventSource(url, last_event_id=last, reconnect=reconnect, proxy=None) as source:
        async for event in source:
            seen += [(event.event, event.id, event.data)]


async def more(publisher: Publisher, count: int = 40) -> None:
    """Wait until that many more events are written."""
    until = publisher.written + count
    while publisher.written < until:
        await asyncio.sleep(0.01)


def test_killed_workers_and_a_restarted_redis_neither_lose_nor_double_an_event(
    service: Service,
) -> None:
    seen: list[list[tuple[str, str, str]]] = [[] for _ in range(12)]

    async def main() -> list[tuple[str, str]]:
        async with Publisher(service.redis_url) as publisher:
            first = await publisher.publish("the first")
            viewing = [asyncio.ensure_future(view(service.url, first, one)) for one in seen]
            publishing = asyncio.ensure_future(publisher.run())
            try:
                await disturb(service, publisher)
                publishing.cancel()
                await asyncio.wait([publishing])
                kept = await publisher.kept(first)
                while any(len(one) < len(kept) for one in seen):
                    assert not any(task.done() for task in viewing)
                    await asyncio.sleep(0.01)
                # What is doubled would come now.
                await asyncio.sleep(0.1)
            finally:
                for task in (*viewing, publishing):
                    task.cancel()
                await asyncio.wait([*viewing, publishing])
        return kept

    kept = asyncio.run(asyncio.wait_for(main(), 60))
    assert len(kept) >= 200
    expected = [("message", *event) for event in kept]
    for one in seen:
        assert one == expected


async def disturb(service: Service, publisher: Publisher) -> None:
    """Kill each worker once, with signals that it cannot see, and restart Redis in between."""
    blocking = asyncio.get_running_loop().run_in_executor
    left, right = service.workers
    await more(publisher)
    left.stop(signal.SIGKILL)
    await more(publisher)
    await blocking(None, service.redis.stop)
    await asyncio.sleep(0.1)
    service.redis.start()
    await more(publisher)
    left.start()
    await blocking(None, left.wait)
    right.stop(signal.SIGKILL)
    await more(publisher)
    right.start()
    await blocking(None, right.wait)
    await more(publisher)


def test_a_viewer_of_nothing_yet_is_told_where_it_is(service: Service) -> None:
    async def main() -> None:
        async with Publisher(service.redis_url) as publisher:
            before = await publisher.publish("before")
            newest = await publisher.publish("before it came")
        for worker in service.workers:
            url = f"http://127.0.0.1:{worker.port}/events"
            # Who has the event knows that the worker has it.
            with client.open_stream(
                url, headers={"last-event-id": before}, timeouts=PATIENCE, proxy=None
            ) as stream:
                assert next(stream).id == newest
            with client.request(url, proxy=None) as response:
                assert next(response.chunks) == f"id: {newest}\n\n".encode()

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_viewer_who_is_ahead_of_a_worker_goes_on_once_it_has_caught_up(
    service: Service,
) -> None:
    async def main() -> None:
        async with Publisher(service.redis_url) as publisher:
            before, number = (await publisher.publish("before")).split("-")
            ahead = f"{before}-{int(number) + 1}"
            headers = {"last-event-id": ahead}
            async with await aio.open_stream(service.url, headers=headers, proxy=None) as stream:
                # As if another worker had read it already, and told the viewer.
                await publisher.publish("seen elsewhere", ahead)
                await publisher.publish("next")
                event = await stream.__anext__()
                assert (event.event, event.data) == ("message", "next")

    asyncio.run(asyncio.wait_for(main(), 30))


def test_while_no_worker_answers_a_browser_is_told_to_come_back(service: Service) -> None:
    try:
        for worker in service.workers:
            worker.stop()
        with client.request(service.url, proxy=None) as response:
            assert response.status == 200
            assert response.headers["content-type"] == "text/event-stream"
            assert b"".join(response.chunks) == b"retry: 3000\n\n"
        # What was not published is not said to be.
        url = service.url.replace("/events", "/publish")
        with client.request(url, method="POST", body=b"x", proxy=None) as response:
            assert response.status == 502
    finally:
        for worker in service.workers:
            worker.start()
        for worker in service.workers:
            worker.wait()


def post(service: Service, text: str) -> str:
    """Publish an event by the program's own endpoint; return its ID."""
    url = service.url.replace("/events", "/publish")
    body = text.encode()
    with client.request(url, method="POST", body=body, timeouts=PATIENCE, proxy=None) as response:
        assert response.status == 200
        event_id: str = json.loads(b"".join(response.chunks))
    return event_id


def test_a_viewer_whose_event_is_kept_no_longer_is_told_so(service: Service) -> None:
    post(service, "what is kept")
    # Trimmed, of no stream, of a stream that Redis has lost, of no use.
    for last in ("1-1", "nonsense", "99999999999999999999-0", "9" * 5000):
        headers = {"last-event-id": last}
        with client.open_stream(
            service.url, headers=headers, timeouts=PATIENCE, proxy=None
        ) as stream:
            told = next(stream)
            assert told.event == "stream-missed"
            assert told.json() == {"last_event_id": last}
            assert next(stream).event == "message"


def test_an_event_that_is_posted_to_one_worker_reaches_the_viewers_of_both(
    service: Service,
) -> None:
    headers = {"last-event-id": post(service, "before")}
    with ExitStack() as viewers:
        streams = []
        for worker in service.workers:
            url = f"http://127.0.0.1:{worker.port}/events"
            stream = client.open_stream(url, headers=headers, timeouts=PATIENCE, proxy=None)
            streams.append(viewers.enter_context(stream))
        post(service, "to all")
        for stream in streams:
            assert next(stream).data == "to all"
