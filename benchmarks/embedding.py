# SPDX-License-Identifier: MIT
"""What does an event cost where others read the bytes? `python -m benchmarks.embedding`.

Each source of docs/embedding.md reads the same chunked streams, once in large
chunks and once with one event per packet, and hands its chunks to the parser;
our own clients stand beside them. All take turns in one process, the server is
another; the best of 7 rounds counts. Figures are microseconds of CPU time per
event of 120 bytes, for library and parser together. What is not installed is named.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from importlib import import_module
from typing import Any

from ssewire import IMPLEMENTATION, aio, aiter_events, client, iter_events

from .harness import progress
from .harness.event_server import BULK_EVENTS, server

_ROUNDS = 7
# Enough that opening a connection does not count.
_BULK = 40 * BULK_EVENTS
_PACED = 1000


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
    "urllib.request": ("urllib.request", _urllib),
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


def _count(source: Any, url: str) -> int:
    events = source(url)
    if hasattr(events, "__aiter__"):

        async def run() -> int:
            count = 0
            async for _ in events:
                count += 1
            return count

        return asyncio.run(run())
    return sum(1 for _ in events)


def main() -> int:
    """Measure all that are installed and print a table."""
    sources, missing = {}, []
    for name, (package, source) in SOURCES.items():
        try:
            import_module(package)
        except ModuleNotFoundError:
            missing.append(name)
        else:
            sources[name] = source
    ways = {"bulk": _BULK, "paced": _PACED}
    best = {(name, way): float("inf") for name in sources for way in ways}
    with server() as url:
        for name, way in progress.shown("embedding", list(best) * _ROUNDS):
            start = time.process_time()
            count = _count(sources[name], f"{url}/{way}/{ways[way]}")
            spent = time.process_time() - start
            assert count == ways[way], (name, count)
            best[name, way] = min(best[name, way], spent / count * 1e6)
    print(f"parser: {IMPLEMENTATION}\n")
    print("| source | large chunks | one event per packet |\n|---|---|---|")
    for name in sources:
        print(f"| {name} | {best[name, 'bulk']:.2f} us | {best[name, 'paced']:.1f} us |")
    if missing:
        print(f"\nnot installed: {', '.join(missing)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
