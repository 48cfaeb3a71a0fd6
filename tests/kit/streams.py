# SPDX-License-Identifier: MIT
"""Streams that nobody thought of, for comparing parsers: seeded ones and hypothesis strategies.

A run is a set of parser options and a list of steps. A step is a kind and
bytes: a kind of CHUNKS feeds the bytes as that type, "reset" and "close" call
the method. Steps are plain values, so that a run that shows a difference can be
printed, cut down and kept. May import: the standard library, hypothesis, tests.kit.trace.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from typing import Any, Callable

from hypothesis import strategies as st

from tests.kit.trace import attempt, attempt_flush, state

Step = tuple[str, bytes]
Options = dict[str, Any]

# Pieces of lines, the crooked ones included. Field names also come about from their letters.
PIECES = [
    *(b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r", b"\r\n\n", b":", b": ", b" "),
    *(
        b"\t",
        b"\0",
        b"d",
        b"a",
        b"t",
        b"i",
        b"e",
        b"data",
        b"data:",
        b"data: ",
        b"Data: ",
        b"xdata: ",
    ),
    *(b"event", b"event:", b"event: ", b"id", b"id:", b"id: ", b"retry", b"retry:", b"retry: "),
    *(b"\ndata: ", b"\r\ndata: ", b"\rdata:", b"\nevent: a\n", b"\nid: 7\n", b"event: a\ndata: "),
    *(b"5", b"042", b"-1", b"1_0", b"2147483648", b"99999999999999999999", b"x", b": ping\n\n"),
    *(b"abcdefghijklmno", b"abcdefghijklmnop", b"abcdefghijklmnopqrstuvwxyzabcdefg"),
    *(b"\xef", b"\xbb", b"\xbf", b"\xef\xbb", b"\xef\xbb\xbf", b"\xff", b"\x80", b"\x80" * 17),
    *(b"\xc3", b"\xa9", b"\xc3\xa9", b"\xc3\xa9" * 9, b"\xc4\x80", b"\xe4\xbd\xa0", b"\xe4\xbd"),
    *(b"\xf0\x9f\x98\x80", b"\xf0\x9f", b"\xf4\x90\x80\x80", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5"),
    # What str takes for line ends or digits and the standard does not.
    *(
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\xe2\x80\xa9",
        b"\x0b",
        b"\x0c",
        b"\x1c",
        b"\x1e",
        b"\xc2\xb2",
    ),
]
# Blocks as servers send them, whole, to be met in runs with something crooked between.
BLOCKS = [
    *(b'event: delta\ndata: {"t":"x"}\n\n', b"data: 1\n\n", b"data: \xc3\xa9\n\n", b"data:x\n\n"),
    *(b"id: 1\nevent: a\ndata: x\n\n", b"id: 2\ndata: y\n\n", b"event: b\nid: 3\ndata: z\n\n"),
    *(b"data: a\ndata: b\ndata: c\n\n", b"data: a\ndata:b\ndata\n\n", b"data\n\n", b"data: \n\n"),
    *(b"data: a\ndata: \xe4\xbd\xa0\n\n", b"data\ndata\n\n", b"data: x\nevent: late\n\n"),
    *(b"event: a\r\ndata: x\r\n\r\n", b"data: y\r\n\r\n", b"data: a\r\ndata: b\r\n\r\n"),
    *(b"data: x\r\r", b"event: a\rdata: x\r\r", b": ping\n\n", b": ping\r\n\r\n", b":\n", b"\n"),
    *(b"id: 4\n\n", b"id: a\0b\ndata: x\n\n", b"id\ndata: x\n\n", b"id: \xc3\ndata: x\n\n"),
    *(b"retry: 5\ndata: x\n\n", b"retry: 9\n\n", b"event: a\n\n", b"event\ndata: x\n\n"),
    *(b"retry: 2147483648\ndata: x\n\n", b"retry: 99999999999999999999\n\n", b"retry:007\r\n"),
    *(b"event: \xff\ndata: x\n\n", b"event:\ndata: x\n\n", b"event:  s\ndata:  x\n\n"),
    *(b"data: x\ndata", b"data: x", b"event: content_block_delta\n", b"data: x\n\r\n"),
]
LIMITS = [0, 1, 2, 5, 8, 13, 20, 40, 100]
IDS = ["", "7", "€5", "a b", "\ud800"]
TYPES = ["message", "", "update", "€"]


def random_stream(rng: random.Random) -> bytes:
    """Return a short stream: crooked pieces, usual blocks, or both."""
    kind = rng.randrange(4)
    if kind == 0:
        return b"".join(rng.choices(PIECES, k=rng.randrange(30)))
    if kind == 1:
        return b"".join(rng.choices(BLOCKS, k=rng.randrange(12)))
    parts = rng.choices(rng.sample(BLOCKS, 4), k=rng.randrange(1, 10))
    for _ in range(rng.randrange(5)):
        parts.insert(rng.randrange(len(parts)), rng.choice(PIECES))
    if rng.random() < 0.1:
        parts.insert(rng.randrange(len(parts)), counted_block(rng))
    return b"".join(parts)


def counted_block(rng: random.Random) -> bytes:
    """Return a block whose count or length lies around a bound of some implementation."""
    eol = rng.choice([b"\n", b"\n", b"\r\n", b"\r"])
    kind = rng.randrange(4)
    if kind == 0:
        line = rng.choice([b"data: l", b"data", b"data: \xc3\xa9", b"data:"]) + eol
        return line * rng.choice([2, 15, 16, 17, 31, 32, 33, 64, 65]) + eol
    if kind == 1:
        return (
            b"event: " + b"t" * rng.choice([119, 120, 121, 122, 300]) + eol + b"data: x" + eol * 2
        )
    if kind == 2:
        names = [b"event: t%d" % rng.randrange(40) for _ in range(rng.randrange(20, 40))]
        return b"".join(name + eol + b"data: x" + eol * 2 for name in names)
    value = rng.choice(
        [b"x", b"\xc3\xa9", b"\xe4\xbd\xa0", b"\xf0\x9f\x98\x80", b"{ \xe4\xbd\xa0 }"]
    )
    return b"data: " + value * rng.randrange(80) + eol * 2


def large_stream(rng: random.Random, size: int) -> bytes:
    """Return a stream of about `size` bytes with events larger than any window or kept buffer."""
    usual = rng.choice(BLOCKS)
    parts: list[bytes] = []
    length = 0
    while length < size:
        chance = rng.random()
        if chance < 0.02:
            parts.append(rng.choice(BLOCKS))
        elif chance < 0.03:
            parts.append(counted_block(rng))
        elif chance < 0.04:
            filler = rng.choice([b"x", b"\xc3\xa9", b"\xff", b"\xe4\xbd\xa0a", b"\r", b"\ndata: y"])
            length_of_event = rng.choice([2_000, 16_384, 20_000, 49_152, 70_000])
            parts.append(b"data: " + filler * (length_of_event // len(filler)) + b"\n\n")
        else:
            parts.append(usual)
        length += len(parts[-1])
    return b"".join(parts)


def random_options(rng: random.Random) -> Options:
    """Return options of a parser; mostly those of few users and tight limits."""
    options: Options = {"comments": rng.random() < 0.4}
    if rng.random() < 0.4:
        options["max_event_size"] = rng.choice([None, rng.choice(LIMITS), rng.randrange(60)])
    if rng.random() < 0.2:
        options["last_event_id"] = rng.choice(IDS)
    if rng.random() < 0.2:
        options["default_event"] = rng.choice(TYPES)
    return options


def random_cut(rng: random.Random, data: bytes) -> list[bytes]:
    """Return `data` in chunks, some of them empty; mostly a few, sometimes of a byte or two.

    Of some each chunk is an event, as most servers send them.
    """
    if rng.random() < 0.2:
        return cut(data, (found.end() for found in re.finditer(rb"\n\r?\n", data)))
    cuts = rng.choice([0, 0, 1, 2, 3, 6, 20, min(len(data), 500)])
    return cut(data, (rng.randrange(len(data) + 1) for _ in range(cuts)))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return `data` cut at `places`; at a place that is named twice lies an empty chunk."""
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:])]


def random_steps(rng: random.Random, data: bytes) -> list[Step]:
    """Return `data` as steps: chunks of several types, rarely a reset or close between them."""
    kinds = [*CHUNKS] if rng.random() < 0.2 else ["bytes"]
    steps = [(rng.choice(kinds), chunk) for chunk in random_cut(rng, data)]
    if rng.random() < 0.05:
        steps.insert(rng.randrange(len(steps) + 1), ("reset", b""))
        if rng.random() < 0.3:
            steps.insert(rng.randrange(len(steps) + 1), ("close", b""))
    if rng.random() < 0.2:
        steps.append(("flush", b""))
    return steps


def _strided(data: bytes) -> memoryview:
    """Return a view of `data` that is not contiguous."""
    return memoryview(b"".join(bytes([byte, 0x0A]) for byte in data))[::2]


# The types that a chunk may have, by the name of the step.
CHUNKS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "strided": _strided,
}


def play(parser: Any, steps: Iterable[Step]) -> list[tuple[Any, ...]]:
    """Carry out `steps` and return all that was seen, for comparison with another parser."""
    seen = []
    for kind, data in steps:
        if kind in CHUNKS:
            chunk = CHUNKS[kind](data)
            seen.append(attempt(parser, chunk))
            if kind == "bytearray":
                # Whoever kept a pointer into the chunk now reads this.
                chunk[:] = b"\n" * len(chunk)
        elif kind == "flush":
            seen.append(attempt_flush(parser))
        else:
            getattr(parser, kind)()
            seen.append((kind, state(parser)))
    return seen


def cut_down(fails: Callable[[list[Step]], bool], steps: list[Step]) -> list[Step]:
    """Return a shorter run that still fails: without steps, then without bytes."""
    changed = True
    while changed:
        changed = False
        for at in reversed(range(len(steps))):
            shorter = steps[:at] + steps[at + 1 :]
            if fails(shorter):
                steps, changed = shorter, True
        for at, (kind, data) in enumerate(steps):
            for width in (4096, 64, 8, 1):
                start = 0
                while start < len(data):
                    less = data[:start] + data[start + width :]
                    shorter = [*steps[:at], (kind, less), *steps[at + 1 :]]
                    if fails(shorter):
                        steps, data, changed = shorter, less, True
                    else:
                        start += width
    return steps


streams = st.lists(st.sampled_from(PIECES + BLOCKS) | st.binary(max_size=3), max_size=25).map(
    b"".join
)

options: st.SearchStrategy[Options] = st.fixed_dictionaries(
    {"comments": st.booleans()},
    optional={
        "max_event_size": st.none() | st.sampled_from(LIMITS) | st.integers(0, 60),
        "last_event_id": st.sampled_from(IDS),
        "default_event": st.sampled_from(TYPES),
    },
)


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    """A stream as steps, with now and then a reset or close between them."""
    places = draw(st.lists(st.integers(0, 200), max_size=8))
    result: list[Step] = []
    for chunk in cut(draw(streams), places):
        kind = draw(st.sampled_from([*CHUNKS, "reset", "close", "flush"]) | st.just("bytes"))
        if kind not in CHUNKS:
            result.append((kind, b""))
            kind = "bytes"
        result.append((kind, chunk))
    return result
