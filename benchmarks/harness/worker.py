# SPDX-License-Identifier: MIT
"""One candidate's process: makes its inputs once, then does what it is told.

The argument names the candidate; requests are as the functions of `REQUESTS` take them.
May import: asking, candidates, messages, readers, rounds, shapes, tables, tracing.
"""

from __future__ import annotations

import base64
import functools
import gc
import sys
import time
from typing import Any, Callable

from . import candidates, messages, readers, shapes, tracing
from .asking import answer
from .rounds import best_pass
from .tables import KIB

# Seconds of one round: what counts is the best pass within it.
ROUND_SECONDS = 0.05


@functools.lru_cache(maxsize=1)
def corpus(name: str) -> shapes.Corpus:
    shapes.build.cache_clear()
    return shapes.CORPORA[name]()


@functools.lru_cache(maxsize=1)
def chunked(name: str, chunks: str) -> list[bytes]:
    return shapes.cut(corpus(name), chunks)


@functools.cache
def candidate() -> candidates.Candidate:
    name = sys.argv[1]
    if name == "ssewire py":
        from ssewire._parser_py import Parser

        found = candidates.ours(Parser)
    elif name == "ssewire cy":
        from ssewire._parser_cy import Parser as Compiled

        found = candidates.ours(Compiled)
    else:
        found = {**candidates.PEERS, **candidates.CLIENTS}[name]()
    # What the packages hold is no garbage of ours; do not let collections walk it.
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()
    return found


@functools.lru_cache(maxsize=1)
def floor(name: str, chunks: str) -> Any:
    return candidates.floor(corpus(name).document, chunked(name, chunks))


def count_floor(name: str, chunks: str) -> int:
    """Make all events of a corpus, by the same loop as those of a parser."""
    floor(name, chunks).rewind()
    feed = floor(name, chunks).feed
    total = 0
    for chunk in chunked(name, chunks):
        total += len(feed(chunk))
    return total


def check(corpus_name: str, chunks: str) -> str:
    """Return what is wrong with the events of a corpus; "" if nothing is."""
    expected = corpus(corpus_name).expected
    pieces = chunked(corpus_name, chunks)
    tells = frozenset({"id"})
    if sys.argv[1] == "floor":
        made = floor(corpus_name, chunks)
        made.rewind()
        found = [event for piece in pieces for event in made.feed(piece)]
    else:
        found = candidate().read(pieces).events
        tells = candidate().tells
    if len(found) != len(expected):
        return f"{len(found)} events for {len(expected)}"
    for event, (data, event_type, last_id) in zip(found, expected):
        if event.data != data:
            return "data"
        if event.event != event_type:
            return "event type"
        if event.id != last_id and "id" in tells:
            return "id"
    return ""


def count(corpus_name: str, chunks: str) -> tuple[float, int]:
    """Return the CPU seconds and events of a corpus: the fastest pass of a round."""
    if sys.argv[1] == "floor":
        floor(corpus_name, chunks)  # is made now, not in the first pass
        work = functools.partial(count_floor, corpus_name, chunks)
    else:
        work = functools.partial(candidate().count, chunked(corpus_name, chunks))
    # CPU time: the slowest passes are longer than a busy machine leaves them alone. Those of
    # JavaScript, a few milliseconds each, are taken by the clock on the wall: the time of
    # their process would count the compiler's threads.
    return best_pass(work, ROUND_SECONDS, time.process_time)


def grow(kind: str, size: int) -> tuple[float, int]:
    """Return the seconds and events of one event of a size."""
    return best_pass(functools.partial(candidate().count, one_event(kind, size)), ROUND_SECONDS)


def peak(kind: str, size: int) -> tuple[int, int]:
    """Return the most bytes that Python had taken while a stream passed, and its events."""
    if kind == "stream":
        chunks = shapes.cut(shapes.build("claude", size), "64k")
    else:
        chunks = one_event(kind, size)
    candidate().count(one_event("line", KIB))  # what a first use takes
    return tracing.peak(functools.partial(candidate().count, chunks))


def one_event(kind: str, size: int) -> list[bytes]:
    """Return one event: a line of `size` bytes in 1 KiB chunks, or `size` data lines in 16 KiB.

    The same bytes object over and over, so that the input takes no memory.
    """
    if kind == "line":
        return [b"data: ", *[b"x" * KIB] * (size // KIB), b"\n\n"]
    return [*[b"data: abcdefghi\n" * 1000] * (size // 1000), b"\n"]


def read(wire: str, sizes: list[list[int]]) -> list[Any]:
    """Return what comes of base64 bytes, cut into chunks of each list of sizes.

    Either [events, state, tells] or the name of what was raised.
    """
    body = base64.b64decode(wire)
    found: list[Any] = []
    for lengths in sizes:
        chunks = []
        at = 0
        for length in lengths:
            chunks.append(body[at : at + length])
            at += length
        try:
            events, state = candidate().read(chunks)
        except Exception as exc:  # whatever a peer raises is a finding
            found.append(type(exc).__name__)
        else:
            found.append([events, state, sorted(candidate().tells)])
    return found


def deltas(kind: str, number: int) -> tuple[float, int]:
    """Return the seconds that a Claude message of so many deltas takes, and 1 if it is right."""
    body = (messages.text_stream if kind == "text" else messages.tool_stream)(number)
    work: Callable[[], Any]
    if sys.argv[1] == "anthropic":
        client = readers.sdk_client(body)
        work = functools.partial(readers.sdk_text if kind == "text" else readers.sdk_tool, client)
    else:
        work = functools.partial(readers.ours_text if kind == "text" else readers.ours_tool, body)
    read: list[Any] = []

    def once() -> int:
        read[:] = [work()]
        return 1

    seconds, _ = best_pass(once, ROUND_SECONDS)
    if kind == "text":
        right = read[0] == messages.text_of(number)
    else:
        right = read[0].content[0].input == messages.tool_input(number)
    return seconds, int(right)


REQUESTS: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (check, count, grow, peak, read, deltas)
}


if __name__ == "__main__":
    answer(REQUESTS)
