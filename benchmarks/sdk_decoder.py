# SPDX-License-Identifier: MIT
"""What do the SDKs spend in decoding, and with ours? `python -m benchmarks.sdk_decoder`.

`sdk_decoder()` and the SDK's own decoder run on the same chunks, called as the
SDKs call them, round by round in turn, after checking that both give the same
events; it says which targets are reached. Figures are nanoseconds per event
of the best round. Needs the packages `anthropic` and `openai`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from importlib import import_module
from typing import Any, Callable

from .harness import processes, shapes
from .harness.rounds import best
from .harness.targets import verdict

_ROUNDS = 7
# Title -> the name that shapes.py has for it.
_CHUNKS = {"64 KiB": "64k", "1400 B": "1400", "one event": "event"}

# Times less than the SDK's own decoder, at least. Where each chunk is one event, the
# call of feed is most of it.
_TARGETS = {
    ("anthropic", "64 KiB"): 20.0,
    ("anthropic", "1400 B"): 20.0,
    ("anthropic", "one event"): 12.0,
    ("openai", "64 KiB"): 10.0,
    ("openai", "1400 B"): 10.0,
    ("openai", "one event"): 8.0,
}
_CORPUS = {"anthropic": "claude", "openai": "openai"}


def _read(make: Callable[[], Any], chunks: list[bytes]) -> None:
    # What the SDKs read of each event before they build their own.
    for event in make().iter_bytes(iter(chunks)):
        event.event  # noqa: B018
        event.data  # noqa: B018


def _aread(make: Callable[[], Any], chunks: list[bytes]) -> None:
    async def arriving() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def run() -> None:
        async for event in make().aiter_bytes(arriving()):
            event.event  # noqa: B018
            event.data  # noqa: B018

    asyncio.run(run())


def _fields(make: Callable[[], Any], chunks: list[bytes]) -> list[tuple[Any, ...]]:
    events = make().iter_bytes(iter(chunks))
    return [(e.event, e.data, e.id or None, e.retry) for e in events]


def measured() -> dict[str, list[float]]:
    from ssewire import sdk_decoder

    found = {}
    for sdk, name in _CORPUS.items():
        theirs = import_module(f"{sdk}._streaming").SSEDecoder
        corpus = shapes.CORPORA[name]()
        for title, size in _CHUNKS.items():
            chunks = shapes.cut(corpus, size)
            expected = [(event, data) for data, event, _ in corpus.expected]
            events = _fields(sdk_decoder, chunks)
            assert events == _fields(theirs, chunks)
            assert [(event or "message", data) for event, data, _, _ in events] == expected
            for kind, read in (("", _read), (" async", _aread)):
                seconds = best(
                    _ROUNDS,
                    partial(read, sdk_decoder, chunks),
                    partial(read, theirs, chunks),
                    clock=time.process_time,
                )
                found[f"{sdk}{kind}, {title}"] = [1e9 * each / len(expected) for each in seconds]
    return found


def report(implementation: str, found: dict[str, list[float]]) -> bool:
    reached = True
    print(f"{implementation}:")
    for what, (mine, sdk) in found.items():
        line = f"  {what:<28} {mine:6.0f} ns, the SDK's own {sdk:6.0f}: {sdk / mine:5.1f} x"
        sdk_name, _, title = what.partition(", ")
        target = _TARGETS.get((sdk_name, title)) if implementation == "cython" else None
        if target is not None:
            fine = sdk / mine >= target
            reached = reached and fine
            line += f" (target {target:.0f}) {verdict(fine)}"
        print(line)
    return reached


if __name__ == "__main__":
    raise SystemExit(processes.main_of_both("sdk_decoder", measured, report))
