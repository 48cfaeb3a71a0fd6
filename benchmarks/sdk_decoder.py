"""What the SDKs spend in decoding with `sdk_decoder()` and with their own decoders.

`python -m benchmarks.sdk_decoder` runs each on the same chunks, called as the
SDKs call it, round by round in turn, after checking that both give the same
events; it says which targets are reached. Figures are nanoseconds per event
of the best round. Needs the packages `anthropic` and `openai`.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from importlib import import_module

from .harness import shapes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Any

_ROUNDS = 7
_CHUNKS = {"64 KiB": 64 * 1024, "1400 B": 1400, "one event": 0}

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


def _measure() -> dict[str, list[float]]:
    from ssewire import sdk_decoder

    found = {}
    for sdk, name in _CORPUS.items():
        theirs = import_module(f"{sdk}._streaming").SSEDecoder
        corpus = shapes.CORPORA[name]()
        for shape, size in _CHUNKS.items():
            document = corpus.document
            chunks = corpus.wire
            if size:
                chunks = [document[at : at + size] for at in range(0, len(document), size)]
            expected = [(event, data) for data, event, _ in corpus.expected]
            events = _fields(sdk_decoder, chunks)
            assert events == _fields(theirs, chunks)
            assert [(event or "message", data) for event, data, _, _ in events] == expected
            for kind, read in (("", _read), (" async", _aread)):
                best = [float("inf")] * 2
                for _ in range(_ROUNDS):
                    for number, make in enumerate((sdk_decoder, theirs)):
                        start = time.process_time()
                        read(make, chunks)
                        best[number] = min(best[number], time.process_time() - start)
                found[f"{sdk}{kind}, {shape}"] = [1e9 * each / len(expected) for each in best]
    return found


def _report(implementation: str, found: dict[str, list[float]]) -> bool:
    reached = True
    print(f"{implementation}:")
    for what, (mine, sdk) in found.items():
        line = f"  {what:<28} {mine:6.0f} ns, the SDK's own {sdk:6.0f}: {sdk / mine:5.1f} x"
        sdk_name, _, shape = what.partition(", ")
        target = _TARGETS.get((sdk_name, shape)) if implementation == "cython" else None
        if target is not None:
            fine = sdk / mine >= target
            reached = reached and fine
            line += f" (target {target:.0f}) {'reached' if fine else 'MISSED'}"
        print(line)
    return reached


def main() -> int:
    """Measure both implementations and print the report; 0 if all targets are reached."""
    if "--measure" in sys.argv:
        print(json.dumps(_measure()))
        return 0
    reached = True
    for implementation in ("cython", "python"):
        environment = {**os.environ, "SSEWIRE_PARSER": implementation}
        command = [sys.executable, "-m", "benchmarks.sdk_decoder", "--measure"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        reached = _report(implementation, json.loads(done.stdout)) and reached
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
