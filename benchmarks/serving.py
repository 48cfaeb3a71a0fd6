# SPDX-License-Identifier: MIT
"""What does serving cost? `python -m benchmarks.serving`, beside the peers that are installed.

An event in process, where the server's `send` does nothing, and the memory of an idle viewer,
by tracemalloc: each candidate in a process of its own. An event through a real server. Then
what was asked of ours: an event to all viewers of a Broadcast, and one uvicorn worker with so
many idle viewers: its memory, what an event to all of them takes, and how soon it is gone when
it is told to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Callable

from ssewire.asgi import Broadcast, event_stream

from .harness import alone, candidates, serving_apps, viewed
from .harness.asking import Worker
from .harness.figures import Cell, Sheet, in_turn, sheet_table
from .harness.processes import ROOT, environment, machine, measure, raise_file_limit
from .harness.serving_apps import CANDIDATES
from .harness.targets import Target
from .harness.tracing import held, tracing
from .relay import announced, usage

# Seconds for one candidate in process; the slowest need two.
LIMIT = 30.0
# Of an event in process: so many a pass, the best of so many passes.
EVENTS, QUICK_EVENTS = 4_000, 1_000
ROUNDS = 3
CHECKED = 100
IDLE, QUICK_IDLE = 500, 100
# Viewers of a real server -> events for each of them.
THROUGH = {1: 12_000, 100: 300}
QUICK_THROUGH = {1: 500, 100: 20}
RUNS = 3
COMMAND = "python -m benchmarks.serving"
BROADCAST_ROUNDS = 7
VIEWERS = 10_000

# What was allowed: of sse-starlette's CPU, of StreamingResponse's with our encoder, of
# sse-starlette's memory; microseconds for each viewer of a Broadcast; seconds to stop.
OF_PEER, OF_PLAIN, OF_MEMORY, EACH, STOP = 0.8, 2.5, 0.5, 10.0, 1.0

OURS, RESPONSE, BODY = "ssewire event_stream", "ssewire EventResponse", "ssewire event_body"
PLAIN, PEER = "StreamingResponse + encode_event", "sse-starlette"
WAYS = {"at once": False, "one by one": True}

# What uvicorn gives an application, as far as the candidates read it.
SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "headers": [],
    "asgi": {"version": "3.0", "spec_version": "2.3"},
}

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


# --- in process -----------------------------------------------------------------


def source(item: serving_apps.Item, number: int, one_by_one: bool) -> serving_apps.Events:
    """Return what gives so many items, all at once or each in a turn of the loop of its own.

    The second is what a source that waits for a network does.
    """

    async def at_once() -> AsyncIterator[Any]:
        for each in range(number):
            yield item(each)

    async def turn_by_turn() -> AsyncIterator[Any]:
        for each in range(number):
            await asyncio.sleep(0)
            yield item(each)

    return turn_by_turn if one_by_one else at_once


class Client:
    """A server's side of a connection that takes everything at once."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.sent = 0
        self.body: list[bytes] | None = None  # kept where it is a list

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent += 1
        if self.body is not None:
            self.body.append(message.get("body", b""))

    def ask(self, application: Any) -> asyncio.Task[Any]:
        return asyncio.ensure_future(application(dict(SCOPE), self.receive, self.send))


async def costs(name: str, number: int) -> dict[str, Any]:
    """Return microseconds of CPU an event in each way, the best of some passes, and the fault."""
    application = CANDIDATES[name].application
    assert application is not None
    item = CANDIDATES[name].item()
    best = {}
    faults = []
    for way, one_by_one in WAYS.items():
        client = Client()
        client.body = []
        await client.ask(application(source(item, CHECKED, one_by_one)))
        faults.append(serving_apps.fault(b"".join(client.body), CHECKED))
        app = application(source(item, number, one_by_one))
        best[way] = float("inf")
        for _ in range(ROUNDS):
            gc.collect()
            begin = time.process_time()
            await Client().ask(app)
            best[way] = min(best[way], (time.process_time() - begin) / number * 1e6)
    return {"costs": best, "fault": next(filter(None, faults), "")}


async def memory(name: str, viewers: int) -> float:
    """Return KiB for each idle viewer."""
    make = CANDIDATES[name].application
    assert make is not None
    item = CANDIDATES[name].item()

    async def idle() -> AsyncIterator[Any]:
        yield item(0)
        await asyncio.Event().wait()

    application = make(idle)
    client = Client()
    tasks = [client.ask(application)]
    await asyncio.sleep(0.1)
    with tracing():
        before = held()
        tasks += [client.ask(application) for _ in range(viewers)]
        while client.sent < 2 * len(tasks):
            await asyncio.sleep(0.01)
        taken = held() - before
    client.gone.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    return taken / viewers / 1024


# --- through a server -------------------------------------------------------------


def through(name: str, viewers: Mapping[int, int]) -> dict[str, Any]:
    """Return microseconds of the server's CPU an event for so many viewers, and the fault.

    Args:
        viewers: how many at once -> events for each.

    Raises:
        NoAnswer: the server is gone, or its events do not come.
    """
    variables = environment(os.environ.get("SSEWIRE_PARSER", "auto"))
    server = Worker([sys.executable, "-m", "benchmarks.harness.viewed", name], variables)
    found = {}
    faults = []
    try:
        port = server.ask("listen")
        # What the first viewer alone takes belongs to no event.
        asyncio.run(viewed.seconds(server, port, 1, 2))
        for together, number in viewers.items():
            taken, fault = asyncio.run(viewed.seconds(server, port, together, number))
            found[f"{together} viewer{'s' * (together > 1)}"] = taken * 1e6
            faults.append(fault)
    finally:
        server.close()
    return {"costs": found, "fault": next(filter(None, faults), "")}


# --- what is published ------------------------------------------------------------


def versions() -> tuple[dict[str, str], dict[str, str]]:
    """Return the versions of what is measured, and why candidates are not."""
    packages = [each for candidate in CANDIDATES.values() for each in candidate.packages]
    found = {}
    for each in dict.fromkeys([*packages, "uvicorn", "httptools", "uvloop"]):
        version = candidates.installed(each)
        if version is not None:
            found[each] = version
    skipped = {name: f"{absent[0]} is not installed" for name, absent in _absent()}
    if "uvicorn" not in found:
        skipped["through a server"] = "uvicorn is not installed"
    return found, skipped


def _absent() -> list[tuple[str, list[str]]]:
    every = {name: serving_apps.missing(each.packages) for name, each in CANDIDATES.items()}
    return [(name, absent) for name, absent in every.items() if absent]


def sheets(runs: int, quick: bool) -> list[Sheet]:
    """Return what serving costs: an event in process, an idle viewer, an event through a server."""
    raise_file_limit()
    absent = dict(_absent())
    names = [name for name in CANDIDATES if name not in absent]
    asgi = [name for name in names if CANDIDATES[name].application]
    number, idle = (QUICK_EVENTS, QUICK_IDLE) if quick else (EVENTS, IDLE)
    viewers = QUICK_THROUGH if quick else THROUGH
    has_server = not serving_apps.missing(("uvicorn",))
    return [
        Sheet(
            "Serving: an event in process",
            "CPU time of the response from an item of its source to the server's `send`, which "
            "does nothing here: what the package itself takes, without any server. The source "
            "gives all items at once, or each in a turn of the event loop of its own, as what "
            "waits for a network does. Making the item that a package takes is part of it. What "
            "each sends was parsed and compared.",
            "µs",
            COMMAND,
            _checked(asgi, runs, lambda name: _in_process("costs", name, number), "serving"),
        ),
        Sheet(
            "Serving: an idle viewer",
            "Memory that Python takes for a response that has sent one event and waits for the "
            "next, by tracemalloc, as the mean of many at once. What the server takes for the "
            "connection is not in it.",
            "KiB",
            COMMAND,
            in_turn(
                asgi,
                runs,
                lambda name: of_viewer(name, idle),
                "viewers",
            ),
        ),
        Sheet(
            "Serving: an event through a real server",
            "CPU time of the server's process for an event to one viewer, with one viewer and with "
            "many at once, whose source gives each event in a turn of the event loop of its own. "
            "The server is one uvicorn worker with httptools on uvloop, whose own part is in all "
            "of these figures; for aiohttp-sse it is aiohttp's own, on uvloop too. The viewers "
            "are in another process; all that they read was parsed and compared.",
            "µs",
            COMMAND,
            _checked(
                [n for n in names if CANDIDATES[n].handler or has_server],
                runs,
                lambda name: through(name, viewers),
                "servers",
            ),
        ),
    ]


def _in_process(kind: str, name: str, number: int) -> Any:
    return measure("serving", kind, name, str(number), limit=LIMIT)


def of_viewer(name: str, viewers: int) -> dict[str, float]:
    """Return the KiB of an idle viewer, of so many."""
    return alone.numbers({"a viewer": _in_process("memory", name, viewers)})


def _checked(
    names: Iterable[str], runs: int, once: Callable[[str], Any], title: str
) -> dict[str, dict[str, Cell]]:
    """Return the figures of `once`, whose answer also has a fault that marks all of them."""
    faults: dict[str, str] = {}

    def figures(name: str) -> Mapping[str, float]:
        costs, fault = alone.part(once(name), "costs", "fault")
        if fault:
            faults[name] = str(fault)
        return alone.numbers(costs)

    cells = in_turn(names, runs, figures, title)
    for name, fault in faults.items():
        for column, cell in cells[name].items():
            if cell.runs:
                cells[name][column] = cell._replace(fault=fault)
    return cells


# --- what was asked of ours -------------------------------------------------------


async def broadcast() -> float:
    """Return microseconds of CPU for each viewer of an event."""
    feed, client = Broadcast(), Client()
    tasks = [client.ask(event_stream(feed)) for _ in range(VIEWERS)]
    while client.sent < VIEWERS:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    best = float("inf")
    for _ in range(BROADCAST_ROUNDS):
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
        return asyncio.run(costs(arguments[0], int(arguments[1])))
    if kind == "memory":
        return asyncio.run(memory(arguments[0], int(arguments[1])))
    if kind == "broadcast":
        return asyncio.run(broadcast())
    return asyncio.run(worker(int(arguments[0])))


def main() -> int:
    arguments = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    arguments.add_argument("--runs", type=int, default=RUNS, help="default: %(default)s")
    arguments.add_argument("--quick", action="store_true", help="fewer events, one run, no targets")
    arguments.add_argument("--viewers", type=int, default=VIEWERS, help="of the uvicorn worker")
    arguments.add_argument("--measure", nargs="*", help=argparse.SUPPRESS)
    args = arguments.parse_args()
    if args.measure:
        alone.tell(measured(*args.measure))
        return 0
    print(machine())
    for name, why in versions()[1].items():
        print(f"skipped: {name}: {why}")
    found = sheets(1 if args.quick else args.runs, args.quick)
    for sheet in found:
        print(f"\n{sheet.title}, {sheet.unit}\n\n{sheet_table(sheet)}")
    if not args.quick:
        show(found, args.viewers)
    return 0


def show(found: list[Sheet], viewers: int) -> None:
    """Print what was asked of ours, and what is reached."""
    costs, memory = found[0].cells, found[1].cells
    targets = []
    for way in WAYS:
        for name in (OURS, RESPONSE, BODY):
            for of, bound in ((PEER, OF_PEER), (PLAIN, OF_PLAIN)):
                share = _share(costs, name, of, way)
                if share is not None:
                    targets.append(Target(f"{name}, {way}: of {of}", share, bound, False))
    for name in (OURS, RESPONSE):
        share = _share(memory, name, PEER, "a viewer")
        if share is not None:
            targets.append(Target(f"{name}, memory: of {PEER}", share, OF_MEMORY, False))
    each = measure("serving", "broadcast")
    targets.append(Target(f"Broadcast to {VIEWERS}: us for each", each, EACH, False))
    if not serving_apps.missing(("uvicorn",)):
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


def _share(
    cells: Mapping[str, Mapping[str, Cell]], name: str, of: str, column: str
) -> float | None:
    """Return what one takes of another's; None where one of them has no figure."""
    ours, theirs = (cells.get(each, {}).get(column, Cell()) for each in (name, of))
    return ours.median / theirs.median if ours.runs and theirs.runs else None


if __name__ == "__main__":
    raise SystemExit(main())
