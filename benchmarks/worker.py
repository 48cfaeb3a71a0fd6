"""One process of the comparison: makes its corpora once, then times what it is told to.

Two of them are needed because a process has one event class: the Python
parser is to be timed with Python events, the compiled one with compiled ones.
The lines of its standard input are ["count", candidate, corpus, chunks]; each
is answered by one line: [seconds, events], or [null, reason].
"""

from __future__ import annotations

import functools
import gc
import json
import sys
import time
from typing import Any, Callable

from . import parsers, shapes


@functools.cache
def corpus(name: str) -> shapes.Corpus:
    return shapes.CORPORA[name]()


@functools.lru_cache(maxsize=2)
def chunked(name: str, chunks: str) -> list[bytes]:
    return shapes.cut(corpus(name), chunks)


@functools.cache
def candidate(name: str) -> parsers.Candidate:
    if name == "ssewire py":
        from ssewire._parser_py import Parser

        return parsers.ours(Parser)
    if name == "ssewire cy":
        from ssewire._parser_cy import Parser as Compiled

        return parsers.ours(Compiled)
    return parsers.PEERS[name]()


@functools.lru_cache(maxsize=1)
def floor(name: str, chunks: str) -> Any:
    return parsers.floor(corpus(name).document, shapes.CHUNKS[chunks])


def check(name: str, corpus_name: str, chunks: str) -> str:
    """Return what is wrong with a candidate's events; "" if nothing is."""
    expected = corpus(corpus_name).expected
    try:
        found = candidate(name).events(chunked(corpus_name, chunks))
    except Exception as exc:  # whatever a peer raises is a finding
        return f"{type(exc).__name__}"
    if len(found) != len(expected):
        return f"{len(found)} events for {len(expected)}"
    for (data, event, last_id), wanted in zip(found, expected):
        if data != wanted[0]:
            return "data"
        if event != wanted[1]:
            return "event type"
        if last_id is not None and last_id != wanted[2]:
            return "id"
    return ""


# Seconds of one round. A process that has just been woken finds cold caches and a
# slow clock; what counts is its best pass within the round.
ROUND = 0.05


def best_pass(work: Callable[[], int]) -> tuple[float, int]:
    """Return the seconds of the fastest pass of a round, and its number of events."""
    best = float("inf")
    spent = 0.0
    count = 0
    while spent < ROUND:
        start = time.perf_counter()
        count = work()
        seconds = time.perf_counter() - start
        best = min(best, seconds)
        spent += seconds
    return best, count


def main() -> None:
    for line in sys.stdin:
        what, name, corpus_name, chunks = json.loads(line)
        answer: tuple[float | None, int | str]
        if what == "check":
            answer = None, check(name, corpus_name, chunks)
        elif name == "floor":
            answer = best_pass(floor(corpus_name, chunks).run)
        else:
            pieces = chunked(corpus_name, chunks)
            answer = best_pass(functools.partial(candidate(name).count, pieces))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    # What the peers' packages hold is no garbage of ours; do not let collections walk it.
    gc.freeze()
    main()
