# SPDX-License-Identifier: MIT
"""What does a client cost per event and per open stream? `python -m benchmarks.clients`.

The server is another process. Paced streams get one 120-byte event per packet:
with asyncio the server waits until all clients have taken a round of events,
with blocking clients it pauses between events. Each figure is that of a process of
its own, the best of `--repeat`; CPU time is the process's own, user and system.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Callable

from .harness.event_server import BULK_EVENTS, DATA, address, server
from .harness.processes import machine, measure, raise_file_limit, resident
from .harness.targets import Target

# Rounds that fill caches and free lists before the clock starts.
WARM_UP = 5

# The most that was allowed: of each peer's CPU time per event, and memory per stream.
ASYNC_CPU = {"httpx2": 0.25, "httpx-sse": 0.25, "ry": 1.0}
ASYNC_MEMORY = {"httpx2": 0.25, "httpx-sse": 0.25, "ry": 0.125}
SYNC_PACED = {"httpx-sse": 0.5, "requests-sse": 0.75, "urllib": 1.1}
SYNC_BULK = {"httpx-sse": 1 / 3, "requests-sse": 1 / 3}


# --- asyncio clients


async def _ours(_: Any, url: str) -> AsyncIterator[Any]:
    from ssewire import aio

    async with aio.open_stream(url, proxy=None) as stream:
        yield stream


async def _httpx2(client: Any, url: str) -> AsyncIterator[Any]:
    async with client.stream("GET", url) as response:
        yield import_module("httpx2").EventSource(response)


async def _httpx_sse(client: Any, url: str) -> AsyncIterator[Any]:
    async with import_module("httpx_sse").aconnect_sse(client, "GET", url) as source:
        yield source.aiter_sse()


async def _ry(client: Any, url: str) -> AsyncIterator[Any]:
    response = await client.get(url)
    yield response.sse()


def _no_client() -> Any:
    return None


def _httpx_client(library: str) -> Callable[[], Any]:
    def make() -> Any:
        module = import_module(library)
        limits = module.Limits(max_connections=None, max_keepalive_connections=None)
        return module.AsyncClient(timeout=None, limits=limits, trust_env=False)

    return make


def _ry_client() -> Any:
    # It takes the proxies of the environment, which this server is not behind.
    return import_module("ry").Client()


# Name, what is made once, and an asynchronous generator that opens a stream and gives its events.
ASYNC: dict[str, tuple[Callable[[], Any], Any]] = {
    "ssewire": (_no_client, _ours),
    "httpx2": (_httpx_client("httpx2"), _httpx2),
    "httpx-sse": (_httpx_client("httpx"), _httpx_sse),
    "ry": (_ry_client, _ry),
}


async def measure_async(
    name: str, url: str, streams: int, rounds: int, held: Callable[[], int] = resident
) -> dict[str, float]:
    """Return the CPU microseconds per event and the KiB per open stream.

    Args:
        held: tells the bytes that the process holds.
    """
    make, opener = ASYNC[name]
    client = make()
    taken = 0
    round_over = asyncio.Event()

    async def consume(events: Any) -> None:
        nonlocal taken
        async for event in events:
            assert len(event.data) == DATA
            taken += 1
            if taken % streams == 0:
                round_over.set()

    async def opened(opening: Any) -> tuple[Any, asyncio.Task[None]]:
        return opening, asyncio.ensure_future(consume(await opening.__anext__()))

    # What is imported and made once does not belong to a stream.
    warm = opener(client, f"{url}/bulk/{BULK_EVENTS}")
    async for _ in await warm.__anext__():
        pass
    await warm.aclose()
    gc.collect()
    before = held()
    consumers = [await opened(opener(client, f"{url}/rounds")) for _ in range(streams)]
    taken = 0
    _, control = await asyncio.open_connection(*address(url))
    control.write(b"GET /control HTTP/1.1\r\n\r\n")

    async def take(rounds: int) -> None:
        for _ in range(rounds):
            round_over.clear()
            control.write(b"r")
            await round_over.wait()

    await take(WARM_UP)
    gc.collect()
    memory = (held() - before) / streams
    begin = time.process_time()
    await take(rounds)
    spent = time.process_time() - begin
    assert taken == streams * (WARM_UP + rounds), taken
    control.close()
    for _, task in consumers:
        task.cancel()
    await asyncio.gather(*(task for _, task in consumers), return_exceptions=True)
    for opening, _ in consumers:
        await opening.aclose()
    await _close(client)
    return {"cpu": spent / (streams * rounds) * 1e6, "memory": memory / 1024}


async def _close(client: Any) -> None:
    # ry's needs none.
    if hasattr(client, "aclose"):
        await client.aclose()


async def measure_async_bulk(name: str, url: str, count: int) -> dict[str, float]:
    """Return the CPU microseconds per event of one stream in bulk."""
    make, opener = ASYNC[name]
    client = make()
    opening = opener(client, f"{url}/bulk/{count}")
    events = await opening.__anext__()
    taken = 0
    begin = time.process_time()
    async for _ in events:
        taken += 1
    spent = time.process_time() - begin
    assert taken == count, taken
    await opening.aclose()
    await _close(client)
    return {"cpu": spent / count * 1e6}


# --- blocking clients


@contextmanager
def _sync_ours(url: str) -> Iterator[Any]:
    from ssewire import client

    with client.open_stream(url, proxy=None) as stream:
        yield stream


@contextmanager
def _sync_httpx_sse(url: str) -> Iterator[Any]:
    httpx = import_module("httpx")
    with (
        httpx.Client(timeout=None, trust_env=False) as client,
        import_module("httpx_sse").connect_sse(client, "GET", url) as source,
    ):
        yield source.iter_sse()


@contextmanager
def _sync_requests_sse(url: str) -> Iterator[Any]:
    with import_module("requests_sse").EventSource(url) as source:
        yield source


@contextmanager
def _sync_urllib(url: str) -> Iterator[Any]:
    """With our parser, as one would write it by hand: no limits, no typed failures."""
    from urllib.request import ProxyHandler, build_opener

    from ssewire import Parser

    def events(read: Any) -> Iterator[Any]:
        parser = Parser()
        while data := read(65536):
            yield from parser.feed(data)

    with build_opener(ProxyHandler({})).open(url) as response:
        yield events(response.read1)


SYNC: dict[str, Any] = {
    "ssewire": _sync_ours,
    "httpx-sse": _sync_httpx_sse,
    "requests-sse": _sync_requests_sse,
    "urllib": _sync_urllib,
}


def measure_sync(name: str, url: str, count: int) -> dict[str, float]:
    """Return the CPU microseconds per event after the first few."""
    with SYNC[name](url) as events:
        iterator = iter(events)
        for _ in range(WARM_UP):
            next(iterator)
        begin = time.process_time()
        # Not to the end, after which some connect again.
        for _ in range(count - 2 * WARM_UP):
            next(iterator)
        spent = time.process_time() - begin
    return {"cpu": spent / (count - 2 * WARM_UP) * 1e6}


# --- the whole


def versions(names: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the versions of what is installed, and why the others are not measured."""
    found, skipped = {}, {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError as exc:
            if name == "ssewire":
                found[name] = "(source)"
            else:
                skipped[name] = f"not installed ({exc})"
    return found, skipped


def compare(names: list[str], arguments: list[str], repeat: int) -> dict[str, dict[str, float]]:
    """Return the best figures of each client, measured in turns."""
    best: dict[str, dict[str, float]] = {}
    with server() as url:
        for _ in range(repeat):
            for name in names:
                figures = measure("clients", name, "--url", url, *arguments)
                kept = best.setdefault(name, figures)
                for key, figure in figures.items():
                    kept[key] = min(kept[key], figure)
    return best


def ratios(
    what: str, key: str, figures: dict[str, dict[str, float]], bounds: dict[str, float]
) -> Iterator[Target]:
    for peer, bound in bounds.items():
        if peer in figures:
            ratio = figures["ssewire"][key] / figures[peer][key]
            yield Target(f"{what}: times {peer}'s", ratio, bound, False)


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.clients", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="200 streams, one repeat")
    arguments.add_argument("--streams", type=int)
    arguments.add_argument("--repeat", type=int)
    arguments.add_argument("--json", type=Path, metavar="FILE")
    arguments.add_argument("--measure", metavar="CLIENT", help=argparse.SUPPRESS)
    arguments.add_argument("--url", help=argparse.SUPPRESS)
    arguments.add_argument("--path", help=argparse.SUPPRESS)
    arguments.add_argument("--count", type=int, help=argparse.SUPPRESS)
    args = arguments.parse_args()
    streams = args.streams or (200 if args.quick else 1000)
    repeat = args.repeat or (1 if args.quick else 3)
    events = 20_000 if args.quick else 50_000
    if args.measure and args.path:
        url = f"{args.url}/{args.path}/{args.count}"
        print(json.dumps(measure_sync(args.measure, url, args.count)))
    elif args.measure:
        raise_file_limit()
        rounds = max(events // streams, 10)
        print(json.dumps(asyncio.run(measure_async(args.measure, args.url, streams, rounds))))
    else:
        show(streams, repeat, args.quick, args.json)


def show(streams: int, repeat: int, quick: bool, output: Path | None) -> None:
    installed, skipped = versions(list({**ASYNC, **SYNC}))
    print(f"{machine()}; CPU per event, best of {repeat}")
    print("clients:", ", ".join(f"{name} {number}" for name, number in installed.items()))
    for name, why in skipped.items():
        print(f"skipped: {name}: {why}")
    found: list[Target] = []
    tables: dict[str, dict[str, dict[str, float]]] = {}

    several = ["--streams", str(streams), *(["--quick"] if quick else [])]
    title = f"asyncio, {streams} streams, one event per packet"
    figures = tables[title] = compare([n for n in ASYNC if n in installed], several, repeat)
    found += ratios("asyncio, CPU per event", "cpu", figures, ASYNC_CPU)
    found += ratios("asyncio, memory per stream", "memory", figures, ASYNC_MEMORY)

    blocking = [name for name in SYNC if name in installed]
    for path, count, bounds in (
        ("paced", 2_000 if quick else 6_000, SYNC_PACED),
        ("bulk", BULK_EVENTS * (40 if quick else 200), SYNC_BULK),
    ):
        title = "blocking, one event per packet" if path == "paced" else "blocking, in bulk"
        figures = tables[title] = compare(blocking, ["--path", path, "--count", str(count)], repeat)
        found += ratios(f"{title}, CPU per event", "cpu", figures, bounds)

    for title, figures in tables.items():
        print(f"\n{title}")
        for name, row in figures.items():
            memory = f"{row['memory']:9.1f} KiB per stream" if "memory" in row else ""
            print(f"  {name:<14}{row['cpu']:9.2f} us{memory}")
    print("\ntargets")
    for target in found:
        print(" ", target)
    if output:
        output.write_text(json.dumps({"machine": machine(), "tables": tables}, indent=1))


if __name__ == "__main__":
    main()
