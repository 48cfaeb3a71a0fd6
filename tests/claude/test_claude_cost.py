# SPDX-License-Identifier: MIT
"""What a stream costs grows with its size, not with its square, whatever the peer sends.

Each shape is work of size n; eight times n may take about eight times as long
(tests.kit.costs).
"""

from __future__ import annotations

import gc
import json
from typing import Any, Callable

import pytest

from ssewire import ServerSentEvent
from ssewire.claude import Accumulator, Usage
from ssewire.claude.partial_json import PartialJSON
from tests.claude.wire import (
    TEXT,
    TOOL,
    delta,
    frame,
    message_start,
    partial,
    start,
    stop,
    text,
    wire,
)
from tests.kit.costs import assert_linear

THOUGHT = {"type": "thinking", "thinking": ""}


def feeding(make: Callable[[int], list[bytes]], look: Any = None) -> Any:
    """Return work of size n: to feed these chunks, and to look at the message after each."""

    def prepare(n: int) -> Any:
        chunks = [message_start(), *make(n)]

        def work() -> None:
            accumulator = Accumulator()
            for chunk in chunks:
                events = accumulator.feed(chunk)
                if look is not None:
                    look(accumulator, events)
            accumulator.close()

        return work

    return prepare


def last(accumulator: Accumulator) -> Any:
    assert accumulator.message is not None
    return accumulator.message.content[-1] if accumulator.message.content else None


def snapshot_text(accumulator: Accumulator, events: Any) -> None:
    block = last(accumulator)
    if block is not None:
        _ = block.text


def snapshot_input(accumulator: Accumulator, events: Any) -> None:
    block = last(accumulator)
    if block is not None:
        _ = block.input, block.input_complete


def snapshot_citations(accumulator: Accumulator, events: Any) -> None:
    block = last(accumulator)
    if block is not None:
        _ = block.citations


def raw(accumulator: Accumulator, events: Any) -> None:
    for event in events:
        _ = event.raw


def digits(n: int) -> list[bytes]:
    return [start(0, TOOL), partial(0, '{"n":1')] + [partial(0, "1234567")] * n


SHAPES: dict[str, tuple[Callable[[int], list[bytes]], Any]] = {
    "starts with a taken index, the places behind it taken": (
        lambda n: [
            *(b"".join(start(i, TEXT) for i in range(n, 2 * n)),),
            b"".join([start(n, TEXT)] * n),
        ],
        None,
    ),
    "starts with one index": (lambda n: [b"".join([start(0, TEXT)] * n)], None),
    "starts with an index each": (
        lambda n: [b"".join(start(3 * i, TEXT) for i in range(n))],
        None,
    ),
    "a fragment and a stop, repeated": (
        lambda n: [start(0, TOOL), partial(0, '{"a":[1'), *([partial(0, ",1") + stop(0)] * n)],
        snapshot_input,
    ),
    "a fragment and a stop, repeated, after whole input": (
        lambda n: [start(0, TOOL), partial(0, "{}") + stop(0), *([partial(0, " ") + stop(0)] * n)],
        snapshot_input,
    ),
    "a fragment and a stop, repeated, for an unknown block": (
        lambda n: [
            start(0, {"type": "new_tool_use", "input": {}}),
            *([partial(0, '{"a":') + stop(0)] * n),
        ],
        lambda accumulator, events: (block := last(accumulator)) and block["type"],
    ),
    "tool input that is one long number": (digits, snapshot_input),
    "tool input that is one long fraction": (
        lambda n: [start(0, TOOL), partial(0, "1.5"), *([partial(0, "1234567")] * n)],
        snapshot_input,
    ),
    "citations": (
        lambda n: [start(0, TEXT)] + [delta(0, "citations_delta", citation={"a": 1})] * n,
        snapshot_citations,
    ),
    "deltas that end in half a surrogate pair": (
        lambda n: [start(0, TEXT)] + [text(0, "\ude00xxxxxxxxxxxxxxx\ud83d")] * n,
        snapshot_text,
    ),
    "half a pair before each stop": (
        lambda n: [start(0, TEXT)] + [text(0, "xxxxxxxxxxxxxxxx\ud83d") + stop(0)] * n,
        snapshot_text,
    ),
    "deltas that do not fit": (
        lambda n: [b"".join([start(0, THOUGHT), text(0, "x"), start(1, TOOL), text(1, "y")] * n)],
        None,
    ),
    "signatures that do not fit": (
        lambda n: [start(0, TEXT), b"".join([delta(0, "signature_delta", signature="s")] * n)],
        None,
    ),
    "text looked at": (lambda n: [start(0, TEXT)] + [text(0, "x" * 50)] * n, snapshot_text),
    "text of an unknown block looked at": (
        lambda n: [start(0, {"type": "connector_text", "text": ""})] + [text(0, "x" * 50)] * n,
        lambda accumulator, events: (block := last(accumulator)) and block.get("text"),
    ),
    "deltas without starts": (lambda n: [b"".join(text(i, "x") for i in range(n))], None),
    "message_delta events": (
        lambda n: [b"".join(wire("message_delta", delta={f"k{i}": i}) for i in range(n))],
        None,
    ),
    "raw of each event": (lambda n: [start(0, TEXT)] + [text(0, "x")] * n, raw),
    "errors after the end": (
        lambda n: [wire("message_stop")] + [frame('{"error":' * 3)] * n,
        None,
    ),
    "white space before a document": (lambda n: [b" "] * n + [b"{", *([b" "] * n)], None),
}


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize(("make", "look"), SHAPES.values(), ids=SHAPES.keys())
def test_accumulator_is_linear_for_hostile_streams(make: Any, look: Any) -> None:
    assert_linear(feeding(make, look), 100, 1000)


def nested(n: int) -> str:
    return "[" + ",".join(["[" * 100 + "]" * 100] * (n // 20)) + "]"


def message_of(n: int) -> Any:
    accumulator = Accumulator()
    accumulator.feed(message_start(vendor=json.loads(nested(n))))
    accumulator.feed(start(0, TEXT) + b"".join([text(0, "word ")] * n))
    blocks = b"".join(start(i + 1, {**TOOL, "id": str(i)}) for i in range(n // 4))
    accumulator.feed(blocks + b"".join(start(i, THOUGHT) for i in range(n // 4)))
    assert accumulator.message is not None
    return accumulator


CALLS: dict[str, Callable[[Any], Any]] = {
    "to_dict": lambda a: a.message.to_dict(),
    "to_json": lambda a: a.message.to_json(),
    "to_param": lambda a: a.message.to_param(),
    "repr": lambda a: repr(a.message),
    "==": lambda a: a.message == a.message,
    "partial_message": lambda a: a._partial(),
    "text": lambda a: a.message.text,
    "attributes": lambda a: (a.message.vendor, a.message.content[0].text),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_calls_on_a_message_are_linear_in_its_size(call: Any) -> None:
    def prepare(n: int) -> Any:
        accumulator = message_of(n)
        return lambda: call(accumulator)

    # Larger ones measure the levels of the memory, and the garbage collector's walks.
    gc.disable()
    try:
        assert_linear(prepare, 100, 500)
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "document",
    [
        lambda n: ["1"] * n,
        lambda n: ["1."] + ["1"] * n,
        lambda n: ["1e"] + ["0"] * n,
        lambda n: ['{"a":'] + ["12345678"] * n,
        lambda n: ['["'] + ["abc"] * n,
        lambda n: ['["'] + ["\\ud83d"] * n,
        lambda n: ['["'] + ["\ud83d"] * n,
        lambda n: ["["] + ["[],"] * n,
        lambda n: ["{"] + ['"a":1,'] * n,
        lambda n: ["[" * 100 + "]" * 100 + " "] + [" "] * n,
    ],
)
@pytest.mark.parametrize("mode", ["A", "B"])
def test_partial_json_read_after_each_fragment_is_linear(document: Any, mode: str) -> None:
    def prepare(n: int) -> Any:
        fragments = document(n)

        def work() -> None:
            parser = PartialJSON(mode)
            for fragment in fragments:
                parser.feed(fragment)
                _ = parser.value, parser.complete

        return work

    # Numbers: beyond the length to which unfinished ones are shown at each look.
    size = 8000 if document(2)[-1].isdigit() else 500
    assert_linear(prepare, size, 8000)


def test_sums_of_usages_are_linear_in_their_size() -> None:
    def prepare(n: int) -> Any:
        one = Usage({f"k{i}": i for i in range(n)})
        return lambda: one + one

    assert_linear(prepare, 500, 4000)


@pytest.mark.usefixtures("implementation")
def test_feed_event_is_linear() -> None:
    def prepare(n: int) -> Any:
        data = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}'
        events = [ServerSentEvent(data)] * n

        def work() -> None:
            accumulator = Accumulator()
            accumulator.feed(message_start() + start(0, TEXT))
            for event in events:
                accumulator.feed_event(event)

        return work

    assert_linear(prepare, 500, 4000)
