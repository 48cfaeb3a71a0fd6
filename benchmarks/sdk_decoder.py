# SPDX-License-Identifier: MIT
"""What do the SDKs spend in decoding, and with ours? `python -m benchmarks.sdk_decoder`.

`sdk_decoder()` and the SDK's own decoder run on the same chunks, called as the
SDKs call them, round by round in turn, after checking that both give the same
events; it says which targets are reached. Figures are nanoseconds per event
of the best round. Needs the packages `anthropic` and `openai`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from importlib import import_module
from typing import Any, Callable

from .harness import alone, candidates, processes, shapes
from .harness.figures import Sheet, in_turn
from .harness.rounds import best
from .harness.targets import verdict

_ROUNDS = 7
# Passes of a process that measures one decoder.
_LEAST = 3
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


def versions() -> tuple[dict[str, str], dict[str, str]]:
    """Return the versions of the SDKs, and which are not there."""
    found, skipped = {}, {}
    for sdk in _CORPUS:
        version = candidates.installed(sdk)
        if version is None:
            skipped[sdk] = "not installed"
        else:
            found[sdk] = version
    return found, skipped


def sheets(runs: int, quick: bool) -> list[Sheet]:
    """Return what decoding costs each SDK by its own decoder and by ours."""
    there, _ = versions()
    found = []
    for sdk in there:

        def once(name: str, sdk: str = sdk) -> dict[str, float]:
            decoder, _, implementation = name.partition(", ")
            chosen = "python" if implementation == "Python" else "cython"
            options = [sdk, "ours" if decoder == "sdk_decoder" else "own"]
            told = processes.measure("sdk_decoder", *options, implementation=chosen)
            return alone.numbers(told)

        names = [f"the {sdk} SDK's own", "sdk_decoder", "sdk_decoder, Python"]
        about = (
            "CPU time an event of decoding alone, which is a part of what the SDK does with a "
            "stream: by its own decoder, by `sdk_decoder()`, and by the same in Python. All give "
            "the events that the bytes stand for, which is checked before."
        )
        title = f"Decoders in the {sdk} SDK"
        cells = in_turn(names, runs, once, title)
        found.append(Sheet(title, about, "ns", "python -m benchmarks --only embedding", cells))
    return found


def one_decoder(sdk: str, which: str) -> dict[str, float]:
    """Return the nanoseconds an event of one decoder, for each kind of chunks."""
    if which == "ours":
        from ssewire import sdk_decoder as make
    else:
        make = import_module(f"{sdk}._streaming").SSEDecoder
    corpus = shapes.CORPORA[_CORPUS[sdk]]()
    expected = [(event, data) for data, event, _ in corpus.expected]
    found = {}
    for title, size in reversed(_CHUNKS.items()):
        chunks = shapes.cut(corpus, size)
        assert [
            (event or "message", data) for event, data, _, _ in _fields(make, chunks)
        ] == expected
        (seconds,) = best(_LEAST, partial(_read, make, chunks), clock=time.process_time)
        found[f"{title} a chunk" if title == "one event" else f"{title} chunks"] = (
            1e9 * seconds / len(expected)
        )
    return found


def main() -> int:
    # A process that measures one decoder, or that of `main_of_both`.
    if "--measure" in sys.argv and len(sys.argv) > 2:
        alone.tell(one_decoder(*sys.argv[-2:]))
        return 0
    return processes.main_of_both("sdk_decoder", measured, report)


if __name__ == "__main__":
    raise SystemExit(main())
