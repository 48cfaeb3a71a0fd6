# SPDX-License-Identifier: MIT
"""What does an event cost where others read the bytes? `python -m benchmarks.embedding`.

Each source of docs/embedding.md reads the same chunked streams, once in large
chunks and once with one event per packet, and hands its chunks to the parser;
our own clients stand beside them. Each has a process of its own, the server is another.
Figures are microseconds of CPU time per event of 120 bytes, for library and parser
together. What is not installed is named.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from importlib import import_module
from typing import Any

from ssewire import aio, aiter_events, client, iter_events

from .harness import alone, candidates, processes
from .harness.event_server import BULK_EVENTS, DATA, server
from .harness.figures import RUNS, Sheet, in_turn, sheet_table

# Enough that opening a connection does not count.
WAYS = {
    "one event a packet": ("paced", 1000),
    "large chunks": ("bulk", 40 * BULK_EVENTS),
}


def _httpx(url: str, name: str = "httpx") -> Iterator[Any]:
    with import_module(name).stream("GET", url, verify=False, trust_env=False) as response:
        yield from iter_events(response.iter_bytes())


def _requests(url: str) -> Iterator[Any]:
    with import_module("requests").get(url, stream=True) as response:
        read = partial(response.raw.read1, 65536, decode_content=True)
        yield from iter_events(iter(read, b""))


def _urllib3(url: str) -> Iterator[Any]:
    with import_module("urllib3").request("GET", url, preload_content=False) as response:
        read = partial(response.read1, 65536, decode_content=True)
        yield from iter_events(iter(read, b""))


def _niquests(url: str) -> Iterator[Any]:
    with import_module("niquests").get(url, stream=True) as response:
        yield from iter_events(response.iter_content(-1))


def _urllib(url: str) -> Iterator[Any]:
    with import_module("urllib.request").urlopen(url) as response:
        yield from iter_events(iter(partial(response.read1, 65536), b""))


def _ours(url: str) -> Iterator[Any]:
    with client.open_stream(url, proxy=None) as stream:
        yield from stream


async def _httpx_async(url: str, name: str = "httpx") -> AsyncIterator[Any]:
    http = import_module(name).AsyncClient(verify=False, trust_env=False)
    async with http, http.stream("GET", url) as response:
        async for event in aiter_events(response.aiter_bytes()):
            yield event


async def _aiohttp(url: str) -> AsyncIterator[Any]:
    async with import_module("aiohttp").ClientSession() as session, session.get(url) as response:
        async for event in aiter_events(response.content.iter_any()):
            yield event


async def _ours_async(url: str) -> AsyncIterator[Any]:
    async with aio.open_stream(url, proxy=None) as stream:
        async for event in stream:
            yield event


SOURCES: dict[str, tuple[str, Any]] = {
    # name -> (package, what reads)
    "ssewire.client": ("ssewire", _ours),
    "urllib.request": ("urllib", _urllib),
    "urllib3": ("urllib3", _urllib3),
    "requests": ("requests", _requests),
    "niquests": ("niquests", _niquests),
    "httpx": ("httpx", _httpx),
    "httpx2": ("httpx2", partial(_httpx, name="httpx2")),
    "ssewire.aio": ("ssewire", _ours_async),
    "aiohttp": ("aiohttp", _aiohttp),
    "httpx, async": ("httpx", _httpx_async),
    "httpx2, async": ("httpx2", partial(_httpx_async, name="httpx2")),
}


def measured(name: str, url: str) -> dict[str, float]:
    """Return the CPU microseconds an event in each way, after checking what comes."""
    source = SOURCES[name][1]
    found = {}
    for way, (path, count) in WAYS.items():
        # What is imported and made once does not belong to an event.
        assert _count(source, f"{url}/{path}/{BULK_EVENTS}") == BULK_EVENTS
        begin = time.process_time()
        taken = _count(source, f"{url}/{path}/{count}")
        found[way] = (time.process_time() - begin) / taken * 1e6
        assert taken == count, f"{taken} events for {count}"
    return found


def _count(source: Any, url: str) -> int:
    events = source(url)
    if hasattr(events, "__aiter__"):

        async def run() -> int:
            count = 0
            async for event in events:
                assert len(event.data) == DATA
                count += 1
            return count

        return asyncio.run(run())
    count = 0
    for event in events:
        assert len(event.data) == DATA
        count += 1
    return count


def versions() -> tuple[dict[str, str], dict[str, str]]:
    """Return the versions of the libraries, and why others are not measured."""
    found, skipped = {}, {}
    for package in {package for package, _ in SOURCES.values()} - {"ssewire", "urllib"}:
        version = candidates.installed(package)
        if version is None:
            skipped[package] = "not installed"
        else:
            found[package] = version
    if "niquests" in skipped:
        skipped["niquests"] = "it puts a package of its own in the place of urllib3"
    return found, skipped


def sheets(runs: int, quick: bool) -> list[Sheet]:
    """Return what each library costs with our parser behind it."""
    _, skipped = versions()
    names = [name for name, (package, _) in SOURCES.items() if package not in skipped]
    with server() as url:
        cells = in_turn(
            names,
            runs,
            lambda name: alone.numbers(processes.measure("embedding", name, "--url", url)),
            "embedding",
        )
    about = (
        "CPU time of the client's process an event of 120 bytes, for an HTTP library and our "
        "compiled parser together, chunked over loopback from a server in another process: one "
        "event a packet, where system call and library are nearly all of it, and chunks of 64 KiB. "
        "Each is used as docs/embedding.md shows."
    )
    title = "HTTP libraries with our parser"
    return [Sheet(title, about, "µs", "python -m benchmarks.embedding", cells)]


def main() -> int:
    """Measure all that are installed and print a table."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.embedding", description=__doc__)
    arguments.add_argument("--measure", metavar="NAME", help=argparse.SUPPRESS)
    arguments.add_argument("--url", help=argparse.SUPPRESS)
    args = arguments.parse_args()
    if args.measure:
        alone.tell(measured(args.measure, args.url))
        return 0
    print(f"{processes.machine()}; {processes.load()}")
    for sheet in sheets(RUNS, False):
        print(f"\n{sheet.title}, {sheet.unit}\n{sheet_table(sheet)}")
    for name, why in versions()[1].items():
        print(f"not measured: {name}: {why}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
