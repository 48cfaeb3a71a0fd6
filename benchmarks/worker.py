"""One process of the comparison: makes its corpora once, then times what it is told to.

Two of them are needed because a process has one event class: the Python
parser is to be timed with Python events, the compiled one with compiled ones.
The lines of its standard input are ["count", candidate, corpus, chunks]; each
is answered by one line: [seconds, events], or [null, reason].
"""

from __future__ import annotations

import functools
import json
import sys
import time
from typing import Any

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


def main() -> None:
    for line in sys.stdin:
        what, name, corpus_name, chunks = json.loads(line)
        answer: list[Any]
        if what == "check":
            answer = [None, check(name, corpus_name, chunks)]
        elif name == "floor":
            made = floor(corpus_name, chunks)
            start = time.perf_counter()
            count = made.run()
            answer = [time.perf_counter() - start, count]
        else:
            pieces = chunked(corpus_name, chunks)
            work = candidate(name).count
            start = time.perf_counter()
            count = work(pieces)
            answer = [time.perf_counter() - start, count]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
