# SPDX-License-Identifier: MIT
"""The paths whose instructions are counted, each over input of its own that is the same each time.

A path's function makes the input and returns what takes it once and gives a count to
check. No path looks at a clock, at chance, or at anything outside its process.
May import: shapes, messages, readers, ssewire.
"""

from __future__ import annotations

import json
from typing import Any, Callable, NamedTuple

from . import shapes
from .messages import text_events, tool_events
from .readers import ours_events, ours_text, ours_tool_snapshots

# Takes the input once; returns how many units of work that were.
Work = Callable[[], int]


class Path(NamedTuple):
    """What is counted, per `unit`: `passes` times and twice as often, compiled and not.

    So many passes take the compiled path some 15 million instructions, the Python one as
    many: below a second under valgrind, and far more than the little that is not the path.
    """

    make: Callable[[], Work]
    unit: str
    compiled: int
    python: int


# --- bytes to events

EVENTS = 400


def _parser(shape: str, cut: str) -> Callable[[], Work]:
    def make() -> Work:
        from ssewire import Parser

        corpus = shapes.build(shape, EVENTS)
        pieces = shapes.cut(corpus, cut)

        def work() -> int:
            feed = Parser().feed
            return sum([len(feed(piece)) for piece in pieces])

        return work

    return make


def _http() -> Work:
    """One chunk of HTTP and one event a read, as the asyncio client takes them."""
    from ssewire import Parser
    from ssewire._http.reader import ResponseReader

    head = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n"
    )
    wire = [b"%x\r\n%b\r\n" % (len(each), each) for each in shapes.build("claude", EVENTS).wire]
    room = bytearray(64 * 1024)
    view = memoryview(room)

    def work() -> int:
        reader, feed, events = ResponseReader(), Parser().feed, 0
        reader.feed(head)
        for each in wire:
            view[: len(each)] = each
            data = reader.feed_one_chunk(view, len(each))
            assert data is not None
            events += len(feed(data))
        return events

    return work


def _json_events() -> Work:
    from ssewire import iter_events, iter_json

    wire = shapes.build("openai", EVENTS).wire
    return lambda: sum([1 for _ in iter_json(iter_events(wire))])


def _encoder() -> Work:
    from ssewire import encode, parse

    events = parse(shapes.build("claude", EVENTS).document)
    return lambda: len([encode(each) for each in events])


# --- Claude

DELTAS = 400


def _delta() -> Work:
    from ssewire.claude._delta import DeltaDecoder

    payloads = [
        json.dumps(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": f" word {number} and"},
            },
            ensure_ascii=False,
        )
        for number in range(DELTAS)
    ]
    decode = DeltaDecoder().decode
    return lambda: sum([decode(each) is not None for each in payloads])


def _partial_json() -> Work:
    from ssewire.claude.partial_json import PartialJSON

    text = json.dumps({"lines": [f"line {n} of some text" for n in range(200)], "done": True})
    # Cut to a whole number of fragments: the value is looked at while it is unfinished.
    fragments = [text[at : at + 12] for at in range(0, 12 * DELTAS, 12)]

    def work() -> int:
        parser = PartialJSON()
        feed, seen = parser.feed, 0
        for fragment in fragments:
            feed(fragment)
            seen += parser.value is not None
        return seen

    return work


def _message(
    read: Callable[[Any], Any], write: Callable[[int], list[bytes]], bulk: bool = False
) -> Callable[[], Work]:
    def make() -> Work:
        events = write(DELTAS)
        deltas = sum([b"content_block_delta" in each for each in events])
        body = b"".join(events) if bulk else events

        def work() -> int:
            assert read(body)
            return deltas

        return work

    return make


# --- what has nothing of ours in it


def _interpreter() -> Work:
    """What Python code does: names, attributes, calls, slices, dicts."""

    class Seen:
        def __init__(self) -> None:
            self.sizes: dict[int, int] = {}

        def add(self, line: str) -> None:
            size = len(line)
            self.sizes[size] = self.sizes.get(size, 0) + 1

    lines = [f"event: number {number % 30}" for number in range(EVENTS)]

    def work() -> int:
        seen = Seen()
        for line in lines:
            name, _, value = line.partition(":")
            if name == "event" and value[:1] == " ":
                seen.add(value[1:])
        return sum(seen.sizes.values())

    return work


def _library() -> Work:
    """What C code does: str, list and dict made from text."""
    text = json.dumps([{"number": number, "text": "some words"} for number in range(EVENTS)])
    return lambda: len(json.loads(text))


# By the implementation that is set against it where the numbers that are kept are of elsewhere.
CALIBRATION = {
    "python": Path(_interpreter, "line", 20, 20),
    "cython": Path(_library, "object", 20, 20),
}

PATHS = {
    "parser, one event a feed": Path(_parser("claude", "event"), "event", 60, 8),
    "parser, 64 KiB a feed": Path(_parser("claude", "64k"), "event", 100, 30),
    "parser, 64 KiB a feed, cjk": Path(_parser("cjk", "64k"), "event", 60, 20),
    "parser, 16 bytes a feed": Path(_parser("claude", "16"), "event", 20, 2),
    "HTTP chunk and parser": Path(_http, "event", 30, 4),
    "JSON of events": Path(_json_events, "event", 6, 4),
    "encoder": Path(_encoder, "event", 8, 8),
    "delta decoder": Path(_delta, "delta", 100, 20),
    "partial JSON, value each 12 characters": Path(_partial_json, "fragment", 40, 4),
    "message, text, one event a chunk": Path(_message(ours_text, text_events), "delta", 15, 3),
    "message, text, in bulk": Path(_message(ours_text, text_events, bulk=True), "delta", 40, 10),
    "message, events, one event a chunk": Path(_message(ours_events, text_events), "delta", 10, 3),
    "message, events, in bulk": Path(_message(ours_events, text_events, bulk=True), "delta", 20, 6),
    "message, tool snapshots, one event a chunk": Path(
        _message(ours_tool_snapshots, tool_events), "delta", 6, 2
    ),
}
