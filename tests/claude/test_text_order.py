# SPDX-License-Identifier: MIT
"""The order of text: what text_stream gives, joined, is get_final_text(), whatever the deltas do.

The model: text comes in turns, each of one block; halves of a character are joined
within a turn, until the block stops; turns are joined as they came.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from ssewire.claude import AsyncMessageStream, MessageStream, TextEvent
from tests.claude import wire
from tests.claude.interrupting import drive

pytestmark = pytest.mark.usefixtures("implementation")

HIGH, LOW, BOTH = "\ud83d", "\ude00", "\U0001f600"
THINKING: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}


def begin(*indices: int) -> bytes:
    return wire.message_start() + b"".join(wire.start(index, wire.TEXT) for index in indices)


class Chunks:
    """One chunk, or many, for the asynchronous twin."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


def texts(body: bytes, size: int) -> str:
    """Return the text of a stream, the same from each reader of both twins."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    stream = MessageStream(iter(pieces))
    seen = list(stream.text_stream)
    said = "".join(seen)
    assert said == stream.get_final_text()
    assert MessageStream(iter(pieces)).get_final_text() == said
    by_events = MessageStream(iter(pieces))
    assert [event.type for event in by_events]
    assert by_events.get_final_text() == said
    for piece in seen[:-1]:
        # No half that its block goes on with.
        assert not piece.endswith(HIGH) or len(piece) == 1
    asynchronous = AsyncMessageStream(Chunks(pieces))

    async def collect() -> list[str]:
        return [text async for text in asynchronous.text_stream]

    assert drive(collect()) == seen
    assert drive(asynchronous.get_final_text()) == said
    return said


@pytest.mark.parametrize("size", [1, 50, 100_000])
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param(
            [wire.start(0, wire.TEXT), wire.text(0, "a" + HIGH)], "a" + HIGH, id="at the end"
        ),
        pytest.param([wire.text_block(0, "a", HIGH)], "a" + HIGH, id="at the block's stop"),
        pytest.param(
            [wire.text_block(0, HIGH), wire.text_block(1, LOW)], HIGH + LOW, id="in two blocks"
        ),
        pytest.param(
            [wire.start(0, wire.TEXT), wire.text(0, HIGH), wire.start(1, wire.TOOL), wire.stop(1),
             wire.text(0, LOW), wire.stop(0)],
            BOTH,
            id="parted by another block's stop",
        ),
        pytest.param(
            [wire.start(0, wire.TEXT), wire.text(0, HIGH), wire.start(1, THINKING),
             wire.delta(1, "thinking_delta", thinking="hm"), wire.stop(1),
             wire.text(0, LOW + "!"), wire.stop(0)],
            BOTH + "!",
            id="parted by a thinking block",
        ),
        pytest.param(
            [wire.start(0, wire.TEXT), wire.text(0, HIGH), wire.text(0, ""), wire.text(0, LOW)],
            BOTH,
            id="parted by nothing",
        ),
        pytest.param(
            [wire.start(0, {"type": "text", "text": "s" + HIGH}), wire.text(0, LOW)],
            "s" + BOTH,
            id="begun at the start",
        ),
        pytest.param(
            [wire.start(0, wire.TEXT), wire.start(1, wire.TEXT), wire.text(0, "a"),
             wire.text(1, "b"), wire.text(0, "c"), wire.text(1, "d"), wire.stop(0), wire.stop(1)],
            "abcd",
            id="blocks take turns",
        ),
        pytest.param(
            [wire.start(0, wire.TEXT), wire.start(1, wire.TEXT), wire.text(0, "a" + HIGH),
             wire.text(1, "b" + HIGH), wire.text(0, LOW + "c"), wire.text(1, LOW),
             wire.stop(0), wire.stop(1)],
            "a" + HIGH + "b" + HIGH + LOW + "c" + LOW,
            id="halves in turns",
        ),
        pytest.param(
            [wire.start(0, wire.TEXT), wire.text(0, "a"), wire.start(1, wire.TOOL),
             wire.text(0, "b"), wire.stop(0), wire.stop(1)],
            "ab",
            id="a block goes on while another is open",
        ),
        pytest.param(
            [wire.text_block(0, "a" + HIGH), wire.text(0, LOW)],
            "a" + HIGH + LOW,
            id="parted by its own block's stop",
        ),
        pytest.param(
            [wire.start(0, {"type": "connector_text", "text": ""}), wire.text(0, "not text"),
             wire.stop(0), wire.text_block(1, "text")],
            "text",
            id="blocks of unknown kind",
        ),
    ],
)  # fmt: skip
def test_text_comes_in_one_order(parts: list[bytes], expected: str, size: int) -> None:
    assert texts(wire.whole(*parts), size) == expected


def test_message_text_of_blocks_that_take_turns_stays_block_by_block() -> None:
    body = wire.whole(
        wire.start(0, wire.TEXT), wire.start(1, wire.TEXT), wire.text(0, "a"), wire.text(1, "b"),
        wire.text(0, "c"), wire.stop(0), wire.stop(1),
    )  # fmt: skip
    stream = MessageStream([body])
    assert stream.get_final_text() == "abc"
    assert [block["text"] for block in stream.get_final_message().content] == ["ac", "b"]


def test_half_that_a_reader_of_texts_left_comes_with_the_next_text_event() -> None:
    stream = MessageStream([wire.whole(wire.text_block(0, "a" + HIGH, LOW + "b", "c"))])
    assert next(stream.text_stream) == "a"
    rest = [event.text for event in stream if isinstance(event, TextEvent)]
    assert rest == [BOTH + "b", "c"]


def test_a_half_comes_before_the_error_that_ends_the_stream() -> None:
    stream = MessageStream([begin(0) + wire.text(0, "a" + HIGH)])
    loop = iter(stream.text_stream)
    assert [next(loop), next(loop)] == ["a", HIGH]
    with pytest.raises(Exception, match="before the message was complete"):
        next(loop)


def random_body(rng: random.Random) -> tuple[bytes, str]:
    """Return a message with blocks that overlap, and its text by the model."""
    parts: list[bytes] = []
    turns: list[list[str]] = []
    voice: int | None = None
    kinds: list[str] = []
    opened: list[int] = []

    def say(index: int, piece: str) -> None:
        nonlocal voice
        if not piece:
            return
        if index != voice:
            turns.append([])
        voice = index
        turns[-1].append(piece)

    for _ in range(rng.randrange(1, 40)):
        operation = rng.choice(["start", "text", "text", "text", "text", "stop", "other"])
        if operation == "start" or not opened:
            index = len(kinds)
            kind = rng.choice(["text", "text", "thinking", "tool"])
            kinds.append(kind)
            opened.append(index)
            first = rng.choice(["", "", "s", "s" + HIGH])
            block = {"text": {"type": "text", "text": first}, "thinking": THINKING,
                     "tool": wire.TOOL}[kind]  # fmt: skip
            parts.append(wire.start(index, block))
            if kind == "text":
                say(index, first)
        elif operation == "stop":
            index = opened.pop(rng.randrange(len(opened)))
            parts.append(wire.stop(index))
            if index == voice:
                voice = None
        else:
            index = opened[-1] if rng.random() < 0.7 else rng.choice(opened)
            if rng.random() < 0.05:
                # Also for one that has stopped.
                index = rng.randrange(len(kinds))
            if kinds[index] == "text":
                piece = rng.choice(["a", "b", "", HIGH, LOW, "x" + HIGH, LOW + "y", "\xe9", BOTH])
                parts.append(wire.text(index, piece))
                say(index, piece)
            elif kinds[index] == "thinking":
                parts.append(wire.delta(index, "thinking_delta", thinking=HIGH))
            else:
                parts.append(wire.partial(index, ""))
    text = "".join(joined("".join(turn)) for turn in turns)
    return wire.whole(*parts), text


def joined(text: str) -> str:
    return text.replace(HIGH + LOW, BOTH)


@pytest.mark.parametrize("seed", range(80))
def test_text_of_blocks_that_overlap_at_random_is_that_of_the_model(seed: int) -> None:
    body, expected = random_body(random.Random(seed))
    for size in (7, 200, 100_000):
        assert texts(body, size) == expected
