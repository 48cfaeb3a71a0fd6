# SPDX-License-Identifier: MIT
"""What reading a message costs: linear in what comes, however it comes and whoever reads."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any, Callable

import pytest

from ssewire.claude import AsyncMessageStream, MessageStream, RawMessageStream
from tests.claude import wire
from tests.claude.interrupting import drive
from tests.kit.costs import assert_linear

HIGH, LOW = "\ud83d", "\ude00"
CITATION = {"type": "char_location", "cited_text": "x"}


def letters(count: int) -> bytes:
    return wire.whole(wire.text_block(0, *["word "] * count))


def halves(count: int) -> bytes:
    return wire.whole(wire.text_block(0, *[HIGH if n % 2 == 0 else LOW for n in range(count)]))


def turns(count: int) -> bytes:
    return wire.whole(
        wire.start(0, wire.TEXT),
        wire.start(1, wire.TEXT),
        *(wire.text(n % 2, "word" + HIGH) for n in range(count)),
        wire.stop(0),
        wire.stop(1),
    )


def late_text(count: int) -> bytes:
    """Many blocks that stay open, then text for the first of them."""
    return wire.whole(
        *(wire.start(n, {"type": "text", "text": "x"}) for n in range(count)),
        *(wire.text(0, "a") for _ in range(count)),
        *(wire.stop(n) for n in range(count)),
    )


def citations(count: int) -> bytes:
    parts = [wire.text(0, "a"), wire.delta(0, "citations_delta", citation=CITATION)]
    return wire.whole(wire.start(0, wire.TEXT), *parts * (count // 2), wire.stop(0))


def blocks(count: int) -> bytes:
    return wire.whole(*(wire.text_block(n, "a", HIGH) for n in range(count // 4)))


def pings(count: int) -> bytes:
    return wire.whole(wire.text_block(0, "a"), wire.wire("ping") * count)


def document(count: int) -> bytes:
    text = json.dumps({"lines": [f"line {n} \xe9" for n in range(count)]}, ensure_ascii=False)
    size = max(1, len(text) // count)
    return wire.whole(
        wire.text_block(0, *[text[at : at + size] for at in range(0, len(text), size)])
    )


def number(count: int) -> bytes:
    # With a fraction: int() refuses more than 4300 digits.
    return wire.whole(wire.text_block(0, "[1.", *["1"] * count, "]"))


def string(count: int) -> bytes:
    return wire.whole(wire.text_block(0, '"', *["ab"] * count, '"'))


TEXTS = [letters, halves, turns, late_text, citations, blocks, pings]
DOCUMENTS = [document, number, string]


def consume(items: Any) -> None:
    for _ in items:
        pass


def left_loops(stream: MessageStream) -> None:
    """Begin a loop for each item."""
    while next(iter(stream.text_stream), None) is not None:
        next(iter(stream), None)


def in_turn(stream: MessageStream) -> None:
    events, texts = iter(stream), iter(stream.text_stream)
    while next(events, None) is not None:
        next(texts, None)
        for _ in islice(stream, 1):
            pass


def snapshots(stream: MessageStream) -> int:
    size = 0
    for event in stream:
        if event.type == "text":
            size += len(event.snapshot)
    return size


READERS: dict[str, Callable[[MessageStream], Any]] = {
    "text_stream": lambda stream: consume(stream.text_stream),
    "events": consume,
    "until_done": lambda stream: stream.until_done(),
    "get_final_text": lambda stream: stream.get_final_text(),
    "get_final_message": lambda stream: stream.get_final_message(),
    "loops begun and left": left_loops,
    "readers in turn": in_turn,
    "snapshots": snapshots,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("shape", TEXTS)
def test_reading_costs_what_comes(shape: Callable[[int], bytes], reader: str) -> None:
    def make(count: int) -> Callable[[], object]:
        body = shape(count)
        read = READERS[reader]
        return lambda: read(MessageStream([body]))

    assert_linear(make, 250, 4000)


@pytest.mark.parametrize("shape", TEXTS)
def test_raw_and_asynchronous_reading_cost_what_comes(shape: Callable[[int], bytes]) -> None:
    def make(count: int) -> Callable[[], object]:
        body = shape(count)

        async def chunks() -> Any:
            yield body

        def read() -> None:
            consume(RawMessageStream([body]))
            drive(AsyncMessageStream(chunks()).get_final_text())

        return read

    assert_linear(make, 250, 4000)


@pytest.mark.parametrize("partial_strings", [False, True])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("shape", DOCUMENTS)
def test_json_costs_its_deltas(
    shape: Callable[[int], bytes], whole: bool, partial_strings: bool
) -> None:
    def make(count: int) -> Callable[[], object]:
        body = shape(count)

        def read() -> object:
            stream = MessageStream([body], partial_strings=partial_strings)
            if whole:
                return stream.get_final_json()
            consume(stream.json_stream)
            return None

        return read

    assert_linear(make, 250, 4000)


def test_json_read_in_turn_with_texts_costs_its_deltas() -> None:
    def make(count: int) -> Callable[[], object]:
        body = document(count)

        def read() -> None:
            stream = MessageStream([body])
            while next(stream.json_stream, None) is not None:
                next(stream.text_stream, None)

        return read

    assert_linear(make, 250, 4000)
