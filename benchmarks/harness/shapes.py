# SPDX-License-Identifier: MIT
"""Seeded event streams with the events expected of them, and ways to cut them.

The same name, count and seed give the same bytes on every Python, so that
processes can each make their own. Each shape says which branch of a parser or
which complexity trap it probes. Tested by tests/project/test_benchmark_shapes.py.
May import: the standard library.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterator
from typing import Any, Callable, NamedTuple

# data, event type, last event ID at dispatch
Expected = tuple[str, str, str]
# The wire text of an event, with what stands before it, and the event; None if it completes none.
Piece = tuple[str, "Expected | None"]

_ASCII = [
    *("the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "and", "then", "goes"),
    *("back", "to", "sleep", "under", "a", "tree"),
]
_CJK = [
    *("日本語", "东京", "안녕하세요", "Привет", "мир", "🎉", "👩\u200d👩\u200d👧", "naïve"),
    *("今天", "天气", "很好", "данные", "потока", "中文", "café"),
]


class Corpus(NamedTuple):
    """The bytes of one stream, the same in pieces of one event each, and the events expected."""

    name: str
    document: bytes
    # What follows the last event is a piece too.
    wire: list[bytes]
    expected: list[Expected]


# --- the shapes ---------------------------------------------------------------


def claude(
    count: int, rng: random.Random, words: list[str] = _ASCII, eol: str = "\n"
) -> Iterator[Piece]:
    """Claude's text deltas, about 120 bytes each: an `event` and a `data` line.

    Probes the usual case of an LLM stream: the same two lines over and over,
    ASCII, one event type at a time. A few events of other types open and close it.
    """

    def event(fields: dict[str, object]) -> Piece:
        name = str(fields["type"])
        data = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        return f"event: {name}{eol}data: {data}{eol}{eol}", (data, name, "")

    message = {"id": "msg_01", "role": "assistant", "model": "claude", "content": []}
    yield event({"type": "message_start", "message": message})
    block = {"type": "text", "text": ""}
    yield event({"type": "content_block_start", "index": 0, "content_block": block})
    yield event({"type": "ping"})
    for _ in range(count):
        delta = {"type": "text_delta", "text": " " + rng.choice(words)}
        yield event({"type": "content_block_delta", "index": 0, "delta": delta})
    yield event({"type": "content_block_stop", "index": 0})
    yield event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    yield event({"type": "message_stop"})


def openai(count: int, rng: random.Random) -> Iterator[Piece]:
    """JSON in `data` lines only, about 160 bytes each, ending with [DONE].

    Probes events of one line without a type: the least work per event and the
    most per byte among the LLM streams.
    """
    for _ in range(count):
        data = (
            '{"id":"chatcmpl-8","object":"chat.completion.chunk","created":1700000000,'
            f'"choices":[{{"index":0,"delta":{{"content":" {rng.choice(_ASCII)}"}},'
            '"finish_reason":null}]}'
        )
        yield f"data: {data}\n\n", (data, "message", "")
    yield "data: [DONE]\n\n", ("[DONE]", "message", "")


def cjk(count: int, rng: random.Random) -> Iterator[Piece]:
    """`claude` with Chinese, Japanese, Korean, Cyrillic and emoji words.

    Probes UTF-8 decoding: strings of one, two and four bytes a character, and
    sequences cut by chunk ends.
    """
    return claude(count, rng, _CJK)


def crlf(count: int, rng: random.Random) -> Iterator[Piece]:
    """`claude` with CR LF line ends, as sse-starlette sends by default.

    Probes the branch for CR, and at small chunks a CR and its LF in two of them.
    """
    return claude(count, rng, eol="\r\n")


def small(count: int, rng: random.Random) -> Iterator[Piece]:
    """`data: N`: events of hardly any bytes.

    Probes the cost per event as against the cost per byte.
    """
    for number in range(count):
        yield f"data: {number}\n\n", (str(number), "message", "")


def multiline(count: int, rng: random.Random) -> Iterator[Piece]:
    """An `id`, an `event` and 8 `data` lines per event.

    Probes the cost per line, the joining of data, and an ID that changes with each event.
    """
    for number in range(count):
        lines = [f"{rng.choice(_ASCII)} line {line} of {number}" for line in range(8)]
        wire = "".join(f"data: {line}\n" for line in lines)
        yield (
            f"id: {number}\nevent: update\n{wire}\n",
            ("\n".join(lines), "update", str(number)),
        )


def ids(count: int, rng: random.Random) -> Iterator[Piece]:
    """An `id` on some events only, now and then an empty one, which resets it.

    Probes that the ID persists, and shortcuts that expect each event to look
    like the one before.
    """
    current = ""
    for number in range(count):
        line = ""
        if rng.random() < 0.4:
            current = "" if rng.random() < 0.1 else f"{number}-{rng.randrange(1 << 32):08x}"
            line = f"id: {current}\n"
        data = f"{rng.choice(_ASCII)} {number}"
        yield f"{line}data: {data}\n\n", (data, "message", current)


def mixed_types(count: int, rng: random.Random) -> Iterator[Piece]:
    """Three hundred event types in random order, some events without one.

    Probes caches of event types that are small, or that one type at a time fits.
    """
    names = [f"{rng.choice(_ASCII)}.{rng.choice(_ASCII)}.{number}" for number in range(300)]
    for number in range(count):
        data = f'{{"number":{number},"word":"{rng.choice(_ASCII)}"}}'
        if rng.random() < 0.1:
            yield f"data: {data}\n\n", (data, "message", "")
        else:
            name = rng.choice(names)
            yield f"event: {name}\ndata: {data}\n\n", (data, name, "")


def one_huge_line(count: int, rng: random.Random) -> Iterator[Piece]:
    """One event of one line of `count` bytes, then a small one.

    Probes lines that are scanned or copied anew with each chunk (quadratic),
    and room that is not given back.
    """
    data = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz:= ", k=count - 1)) + "."
    yield f"data: {data}\n\n", (data, "message", "")
    yield "data: small\n\n", ("small", "message", "")


def many_data_lines(count: int, rng: random.Random) -> Iterator[Piece]:
    """One event of `count` data lines, then a small one.

    Probes joining by `data = data + line` (quadratic).
    """
    parts = [f"{rng.choice(_ASCII)} {number}" for number in range(count)]
    wire = "".join(f"data: {part}\n" for part in parts)
    yield f"event: many\n{wire}\n", ("\n".join(parts), "many", "")
    yield "data: small\n\n", ("small", "message", "")


def drip_fed(count: int, rng: random.Random) -> Iterator[Piece]:
    """Events of one line of some KiB, of all scripts, LF and CR LF in turn.

    In 16-byte chunks nearly every one holds a piece of a line and nothing
    else, as from a slow peer. Probes work that is done anew for each piece,
    and cuts in CR LF and in characters.
    """
    for number in range(count):
        eol = "\r\n" if number % 2 else "\n"
        data = " ".join(rng.choices(_ASCII + _CJK, k=600))
        yield f"event: part{eol}data: {data}{eol}{eol}", (data, "part", "")


def keep_alive(count: int, rng: random.Random) -> Iterator[Piece]:
    """Ten keep-alive comments, in blocks of their own, before each event.

    Probes the cost of an idle stream: lines and blank lines that give nothing.
    """
    for number in range(count):
        pings = f": ping {rng.randrange(1000)}\n\n" * 10
        yield f"{pings}data: {number}\n\n", (str(number), "message", "")
    # After the last event the stream is idle.
    yield ": ping\n\n" * 10, None


SHAPES: dict[str, tuple[Callable[[int, random.Random], Iterator[Piece]], int]] = {
    # shape -> what makes it, and of which count unless told otherwise
    "claude": (claude, 20_000),
    "openai": (openai, 20_000),
    "cjk": (cjk, 20_000),
    "small": (small, 40_000),
    "multiline": (multiline, 8_000),
    "crlf": (crlf, 20_000),
    "ids": (ids, 20_000),
    "mixed_types": (mixed_types, 20_000),
    # Sizes at which the quadratic peers still take seconds, not minutes.
    "one_huge_line": (one_huge_line, 512 * 1024),
    "many_data_lines": (many_data_lines, 20_000),
    "drip_fed": (drip_fed, 150),
    "keep_alive": (keep_alive, 4_000),
}
# In bytes.
CHUNKS = {
    # What a fast connection's read gives.
    "64k": 64 * 1024,
    # One packet.
    "1400": 1400,
    # One event each, whatever its size: what a server that flushes each event gives.
    "event": 0,
    # No event in one piece.
    "16": 16,
}


@functools.cache
def build(name: str, count: int | None = None, seed: int = 0) -> Corpus:
    """Return the corpus of shape `name`, of its usual count unless told otherwise."""
    make, usual_count = SHAPES[name]
    rng = random.Random(f"{name} {seed}")
    wire = []
    expected = []
    for text, event in make(usual_count if count is None else count, rng):
        wire.append(text.encode())
        if event is not None:
            expected.append(event)
    return Corpus(name, b"".join(wire), wire, expected)


def _usual(name: str) -> Callable[[], Corpus]:
    return lambda: build(name)


# Those that comparisons use.
CORPORA = {name: _usual(name) for name in SHAPES}


def described(name: str) -> dict[str, Any]:
    """Return what the files of figures say of a corpus."""
    corpus = CORPORA[name]()
    about = (SHAPES[name][0].__doc__ or "").partition("\n\n")[0].replace("\n    ", " ")
    return {"events": len(corpus.expected), "bytes": len(corpus.document), "about": about}


def cut(corpus: Corpus, chunks: str) -> list[bytes]:
    """Return the corpus in chunks of the kind that `CHUNKS` names."""
    size = CHUNKS[chunks]
    if not size:
        return corpus.wire
    return [corpus.document[at : at + size] for at in range(0, len(corpus.document), size)]
