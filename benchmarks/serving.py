# SPDX-License-Identifier: MIT
"""What does serving cost? `python -m benchmarks.serving`, with starlette, sse-starlette, uvicorn.

An event in process, where the server's `send` does nothing: ours, Starlette's
StreamingResponse with our encoder, sse-starlette. The memory of an idle viewer, by tracemalloc,
each in a process of its own. An event to all viewers of a Broadcast. And one uvicorn worker
with so many idle viewers: its memory, what an event to all of them takes, and how soon it is
gone when it is told to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any, Callable

from ssewire import encode_event
from ssewire.asgi import HEADERS, Broadcast, EventResponse, event_body, event_stream

from .harness.processes import ROOT, environment, machine, measure, raise_file_limit
from .harness.targets import Target
from .relay import announced, usage

EVENTS = 20_000
ROUNDS = 7
IDLE = 2_000
VIEWERS = 10_000
PEERS = ("starlette", "sse_starlette", "uvicorn")

# A delta of Claude's, as relays pass on.
DATA = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello, you"}}'

# What was allowed: of sse-starlette's CPU, of StreamingResponse's with our encoder, of
# sse-starlette's memory; microseconds for each viewer of a Broadcast; seconds to stop.
OF_PEER, OF_PLAIN, OF_MEMORY, EACH, STOP = 0.8, 2.5, 0.5, 10.0, 1.0

OURS, RESPONSE, BODY = "event_stream", "EventResponse", "event_body"
PLAIN, PEER = "StreamingResponse", "sse-starlette"

SCOPE = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.3"}}

APPLICATION = """
from ssewire.asgi import Broadcast, event_stream
feed = Broadcast()
viewers = event_stream(feed)
async def app(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/publish":
        feed.publish({"hello": "you"})
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
    else:
        await viewers(scope, receive, send)
"""


def applications(events: Callable[[str], AsyncIterator[Any]]) -> dict[str, Callable[[], Any]]:
    """Return what makes a response of each, of a source of items of its own kind."""
    from sse_starlette import EventSourceResponse
    from starlette.responses import StreamingResponse

    return {
        OURS: lambda: event_stream(events("event")),
        RESPONSE: lambda: EventResponse(events("event")),
        BODY: lambda: StreamingResponse(event_body(events("event")), headers=HEADERS),
        PLAIN: lambda: StreamingResponse(events("bytes"), headers=HEADERS),
        PEER: lambda: EventSourceResponse(events("dict")),
    }


def item(kind: str, number: int) -> Any:
    from ssewire import ServerSentEvent

    if kind == "event":
        return ServerSentEvent(DATA, "delta", str(number))
    if kind == "bytes":
        return encode_event(DATA, event="delta", id=str(number))
    return {"data": DATA, "event": "delta", "id": str(number)}


async def at_once(kind: str) -> AsyncIterator[Any]:
    for number in range(EVENTS):
        yield item(kind, number)


async def one_by_one(kind: str) -> AsyncIterator[Any]:
    """Yield each in a turn of the loop of its own, as what waits for a network does."""
    for number in range(EVENTS):
        await asyncio.sleep(0)
        yield item(kind, number)


async def idle(kind: str) -> AsyncIterator[Any]:
    yield item(kind, 0)
    await asyncio.Event().wait()


class Client:
    """A server's side of a connection that takes everything at once."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.sent = 0

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent += 1

    def ask(self, application: Any) -> asyncio.Task[Any]:
        return asyncio.ensure_future(application(dict(SCOPE), self.receive, self.send))


async def costs(source: Callable[[str], AsyncIterator[Any]]) -> dict[str, float]:
    """Return microseconds of CPU an event, the best of some rounds in turn."""
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, application in applications(source).items():
            gc.collect()
            begin = time.process_time()
            await Client().ask(application())
            took = (time.process_time() - begin) / EVENTS * 1e6
            best[name] = min(took, best.get(name, took))
    return best


async def memory(name: str) -> float:
    """Return bytes for each idle viewer."""
    application = applications(idle)[name]
    client = Client()
    tasks = [client.ask(application())]
    await asyncio.sleep(0.1)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tasks += [client.ask(application()) for _ in range(IDLE)]
    while client.sent < 2 * len(tasks):
        await asyncio.sleep(0.01)
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] - before
    client.gone.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    return taken / IDLE


async def broadcast() -> float:
    """Return microseconds of CPU for each viewer of an event."""
    feed, client = Broadcast(), Client()
    tasks = [client.ask(event_stream(feed)) for _ in range(VIEWERS)]
    while client.sent < VIEWERS:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        wanted = client.sent + VIEWERS
        begin = time.process_time()
        feed.publish({"hello": "you"})
        while client.sent < wanted:
            await asyncio.sleep(0)
        best = min(best, (time.process_time() - begin) / VIEWERS * 1e6)
    feed.close()
    await asyncio.gather(*tasks)
    return best


async def worker(viewers: int) -> dict[str, float]:
    """Return what a worker of uvicorn's takes for so many idle viewers."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "application.py"), "w", encoding="utf-8") as file:
            file.write(APPLICATION)
        variables = environment(os.environ.get("SSEWIRE_PARSER", "auto"))
        variables["PYTHONPATH"] = os.pathsep.join([folder, variables["PYTHONPATH"]])
        command = [sys.executable, "-m", "uvicorn", "--port", "0", "--no-access-log"]
        command += ["--backlog", "10000", "application:app"]
        with subprocess.Popen(
            command, cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            try:
                return await views(announced(process.stderr), process, viewers)
            finally:
                process.kill()


async def views(url: str, process: Any, viewers: int) -> dict[str, float]:
    host, port = url[7:].split(":")
    opened = []

    async def view() -> None:
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        opened.append((reader, writer))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")

    async def publish() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /publish HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await reader.read()
        writer.close()
        await asyncio.gather(*(reader.readuntil(b"}\n\n") for reader, _ in opened[:viewers]))

    await view()
    await publish()
    before = usage(process.pid)
    for first in range(1, viewers, 100):
        await asyncio.gather(*(view() for _ in range(first, min(viewers, first + 100))))
    open_ = usage(process.pid)
    events = 5
    for _ in range(events):
        await publish()
    after = usage(process.pid)
    begin = time.perf_counter()
    process.send_signal(signal.SIGINT)
    # Their ends are read, as browsers do: what nobody reads, servers wait for.
    await asyncio.gather(*(reader.read() for reader, _ in opened))
    await asyncio.get_running_loop().run_in_executor(None, process.wait)
    found = {"stop": time.perf_counter() - begin}
    for _, writer in opened:
        writer.close()
    if before and open_ and after:
        found["memory"] = (open_[0] - before[0]) / viewers
        found["each"] = (after[1] - open_[1]) / viewers / events * 1e6
    return found


def measured(kind: str, *arguments: str) -> Any:
    """Measure in this process what `measure()` of the harness asks for."""
    raise_file_limit()
    if kind == "costs":
        return asyncio.run(costs(at_once if arguments[0] == "at once" else one_by_one))
    if kind == "memory":
        return asyncio.run(memory(arguments[0]))
    if kind == "broadcast":
        return asyncio.run(broadcast())
    return asyncio.run(worker(int(arguments[0])))


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    arguments.add_argument("--viewers", type=int, default=VIEWERS, help="of the uvicorn worker")
    arguments.add_argument("--measure", nargs="*", help=argparse.SUPPRESS)
    args = arguments.parse_args()
    missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
    if missing:
        print(f"skipped: {', '.join(missing)} must be installed")
        return 0
    if args.measure:
        import json

        print(json.dumps(measured(*args.measure)))
        return 0
    return show(args.viewers)


def show(viewers: int) -> int:
    print(machine())
    targets = []
    for how in ("at once", "one by one"):
        found = measure("serving", "costs", how)
        print(f"\nan event, of a source that gives them {how}, microseconds of CPU")
        for name, cost in found.items():
            of_peer, of_plain = cost / found[PEER], cost / found[PLAIN]
            print(f"  {name:<20}{cost:6.2f}  {of_peer:.2f} of {PEER}  {of_plain:.2f} of {PLAIN}")
        for name in (OURS, RESPONSE, BODY):
            cost = found[name]
            targets += [
                Target(f"{name}, {how}: of {PEER}", cost / found[PEER], OF_PEER, False),
                Target(f"{name}, {how}: of {PLAIN}", cost / found[PLAIN], OF_PLAIN, False),
            ]
    print("\nan idle viewer, bytes without the server's own")
    taken = {
        name: measure("serving", "memory", name) for name in (OURS, RESPONSE, BODY, PLAIN, PEER)
    }
    for name, size in taken.items():
        print(f"  {name:<20}{size:7.0f}  {size / taken[PEER]:.2f} of {PEER}")
    for name in (OURS, RESPONSE):
        part = taken[name] / taken[PEER]
        targets.append(Target(f"{name}, memory: of {PEER}", part, OF_MEMORY, False))
    each = measure("serving", "broadcast")
    targets.append(Target(f"Broadcast to {VIEWERS}: us for each", each, EACH, False))
    held = measure("serving", "worker", str(viewers))
    if "memory" in held:
        print(f"\none uvicorn worker with {viewers} idle viewers, the server's own included")
        print(f"  {held['memory'] / 1024:.1f} KiB for each")
        print(f"  an event to all: {held['each']:.1f} us for each")
    # What was asked for is for 100.
    few = measure("serving", "worker", "100")
    targets.append(Target("uvicorn with 100 streams: s to stop", few["stop"], STOP, False))
    print(f"  gone {held['stop']:.2f} s after Ctrl-C; with 100 viewers {few['stop']:.2f} s")
    print("\ntargets")
    for target in targets:
        print(" ", target)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
