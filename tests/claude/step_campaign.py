# SPDX-License-Identifier: MIT
"""Streams of random messages, stepped through by the compiled steps and by the plain ones alike.

`python -m tests.claude.step_campaign N [SEED]` does so with N messages, blocking and
asynchronous. Two streams get the same chunks, and the same is done to both: a step of one of
several loops, a look, a failure of the source. What comes is compared after each, and with
it all that the streams hold.
"""

from __future__ import annotations

import copy
import random
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any

from ssewire.claude import (
    AsyncMessageStream,
    AsyncRawMessageStream,
    MessageStream,
    RawMessageStream,
)
from ssewire.claude._text import GrowingText
from ssewire.claude.stream._step import Stepping
from tests.claude import interleaving_campaign, wire
from tests.claude.conftest import compiled_steps
from tests.claude.interrupting import drive

THINKING = {"type": "thinking", "thinking": "", "signature": ""}
PIECES = ["a", "", "Zürich ", "\U0001f600", "\ud83d", "\ude00", "\ud83d\ude00", '{"a": [1', "]}"]
# What a stream holds that is to be compared as it is.
HELD = [
    *("_batch", "_closed", "_error", "_exhausted", "_inbox", "_next_run", "_position"),
    *("_progress", "_said", "_source_open", "_torn"),
]
# Parts of a stream that fit together by chance only.
ODD = [
    *(wire.start(index, block) for index in (0, 1, 2) for block in (wire.TEXT, wire.TOOL)),
    *(wire.stop(index) for index in (0, 1)),
    *(wire.text(index, piece) for index in (0, 1) for piece in PIECES),
    *(wire.partial(index, piece) for index in (0, 1) for piece in PIECES[-2:]),
    wire.start(1, THINKING),
    wire.start(0, {"type": "text", "text": "begun"}),
    wire.start(2, {"type": "connector_text"}),
    wire.delta(1, "thinking_delta", thinking="hm"),
    wire.delta(1, "signature_delta", signature="s"),
    wire.delta(0, "citations_delta", citation={"type": "char_location"}),
    wire.delta(0, "connector_text_delta", value="v"),
    wire.frame('{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}'),
    wire.frame(
        '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}', "error"
    ),
    wire.message_start(),
    wire.message_delta(),
    wire.STOP,
    wire.wire("ping"),
    wire.wire("error", error={"type": "overloaded_error", "message": "no"}),
    wire.frame("[DONE]"),
    wire.frame("{"),
    wire.frame("x" * 3000),
    b": nothing\n\n",
    b"\n",
]


def plain(cls: Any) -> Any:
    """Return a kind of stream that does without what is compiled."""
    methods = {
        name: next(vars(base)[name] for base in cls.__mro__[2:] if name in vars(base))
        for name in compiled_steps()
        if cls.__mro__[1] is Stepping and hasattr(cls.__mro__[2], name)
    }
    return type(cls.__name__, (cls,), {"__slots__": (), **methods})


KINDS: list[tuple[Any, Any]] = [
    (cls, plain(cls))
    for cls in (MessageStream, RawMessageStream, AsyncMessageStream, AsyncRawMessageStream)
]


class Stopped(BaseException):
    """What a handler raises that is no `Exception`."""


class Source:
    """The chunks of a stream; an exception among them is raised in its place."""

    def __init__(self, chunks: list[Any]) -> None:
        self._chunks = iter(chunks)
        self.closed = 0

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> Any:
        chunk = next(self._chunks)
        if isinstance(chunk, BaseException):
            raise copy.copy(chunk)
        return chunk

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None

    def close(self) -> None:
        self.closed += 1


def random_chunks(rng: random.Random) -> list[Any]:
    """Return a message in chunks: well-formed or not, mostly an event each."""
    if rng.random() < 0.5:
        data, _ = interleaving_campaign.body(rng)
        parts = [part + b"\n\n" for part in data.split(b"\n\n")[:-1]]
        while rng.random() < 0.3:
            at = rng.randrange(len(parts))
            parts[at:at] = [rng.choice(ODD) for _ in range(rng.randrange(1, 4))]
    else:
        parts = [wire.message_start(), wire.start(0, rng.choice([wire.TEXT, wire.TOOL]))]
        parts += [rng.choice(ODD) for _ in range(rng.randrange(12))]
        parts += [wire.text(0, rng.choice(PIECES)) for _ in range(rng.randrange(6))]
        parts += [wire.END] * rng.randrange(2)
    # Long enough that pieces are folded.
    if rng.random() < 0.02:
        parts[2:2] = [wire.text(0, "x")] * 600
    while rng.random() < 0.5 and len(parts) > 1:
        at = rng.randrange(len(parts) - 1)
        many = rng.randrange(2, 5)
        parts[at : at + many] = [b"".join(parts[at : at + many])]
    chunks: list[Any] = list(parts)
    while rng.random() < 0.4:
        at = rng.randrange(len(chunks))
        chunk = chunks[at]
        if not isinstance(chunk, bytes):
            continue
        half = rng.randrange(len(chunk) + 1)
        chunks[at : at + 1] = rng.choice(
            [
                [chunk[:half], chunk[half:]],
                [bytearray(chunk)],
                [memoryview(chunk)],
                [chunk, "no bytes"],
                [chunk, OSError("reset")],
                [Stopped(), chunk],
                [chunk, b""],
            ]
        )
    return chunks


def left(walker: Any) -> list[str]:
    """Return what an iterator over a list or tuple will give, without taking it."""
    return [shown(item) for item in copy.copy(walker)]


def shown(item: Any) -> str:
    """Return what an event, a text or a value is."""
    if not hasattr(item, "to_sse"):
        return repr(item)
    slots = [name for cls in type(item).__mro__ for name in getattr(cls, "__slots__", ())]
    values = [
        block_id(value) if name == "_block" else repr(value)
        for name, value in ((name, getattr(item, name, None)) for name in slots)
    ]
    return f"{type(item).__name__} {dict(zip(slots, values))}"


def block_id(block: Any) -> str:
    if block is None:
        return "None"
    growing = getattr(block, "_growing", None)
    pieces = len(growing._pieces) if type(growing) is GrowingText else None
    return f"{type(block).__name__} {block.to_dict()} {pieces}"


def state(stream: Any) -> dict[str, Any]:
    """Return all that a stream holds."""
    accumulator = stream._accumulator
    spoken, half, json = stream._spoken, stream._half, stream._json
    message = accumulator.message
    return {
        **{name: repr(getattr(stream, name)) for name in HELD},
        **{name: repr(getattr(accumulator, name)) for name in ("_ended", "_fatal", "_finished")},
        "ready": [left(walker) for walker in (stream._ready, stream._texts, stream._values)],
        "running": block_id(stream._running),
        "voice": block_id(stream._voice),
        "spoken": None if spoken is None else (block_id(spoken[0]), spoken[1]),
        "half": None if half is None else half.half,
        "order": None if stream._order is None else stream._order.get(),
        "json": None if json is None else (json.pending, json.torn),
        "message": None if message is None else message.to_dict(),
        "snapshot": repr(stream.partial_message),
        "source": stream._source.closed,
        "repr": repr(stream),
    }


class Pair:
    """Two streams over the same chunks, to which the same is done.

    Args:
        kinds: the classes of the two.
        chunks: what they read.
    """

    def __init__(self, rng: random.Random, kinds: tuple[Any, Any], chunks: list[Any]) -> None:
        self.rng = rng
        options = {
            "max_event_size": rng.choice([None, 2000]),
            "partial_strings": rng.random() < 0.5,
        }
        self.streams = [cls(Source(chunks), **options) for cls in kinds]
        # As a client's streams have them.
        self.watched: list[list[int]] = [[], []]
        said, watch = rng.random() < 0.2, rng.random() < 0.2
        for stream, watched in zip(self.streams, self.watched):
            stream._said = bytearray() if said else None
            stream._watch = partial(watched.append, 1) if watch else None
        self.asynchronous = hasattr(kinds[0], "__anext__")
        self.derives = kinds[0]._derives
        self.loops: list[tuple[Any, Any]] = []

    def _iterators(self) -> tuple[Any, Any]:
        """Return a new reader of one kind for each."""
        kind = self.rng.choice(["events", "texts", "texts", "values"] if self.derives else ["raw"])
        looped = self.rng.random() < 0.7

        def one(stream: Any) -> Any:
            found = stream
            if kind == "texts":
                found = stream.text_stream
            elif kind == "values":
                found = stream.json_stream
            return iter(found) if looped and not self.asynchronous else found

        return one(self.streams[0]), one(self.streams[1])

    def operate(self) -> bool:
        """Do the same to both; say whether something came.

        Raises:
            AssertionError: not the same came of it.
        """
        rng = self.rng
        chance = rng.random()
        if chance < 0.01:
            self._same([outcome(self._do, stream.close) for stream in self.streams])
        if not self.loops or chance < 0.2:
            self.loops.append(self._iterators())
        loop = rng.choice(self.loops[-3:])
        going = True
        for _ in range(rng.choice([1, 1, 2, 9])):
            came = [outcome(self._step, iterator) for iterator in loop]
            self._same(came)
            self._same([state(stream) for stream in self.streams])
            self._same(self.watched)
            going = going and came[0] != "the end"
        return going

    def read(self) -> None:
        """Operate until nothing more comes.

        Raises:
            AssertionError: as `operate`.
        """
        idle = 0
        while idle < 3:
            idle = 0 if self.operate() else idle + 1

    def _step(self, iterator: Any) -> str:
        if self.asynchronous:
            try:
                return shown(drive(iterator.__anext__()))
            except StopAsyncIteration:
                return "the end"
        for item in [next(iterator, None)]:
            return "the end" if item is None else shown(item)
        raise AssertionError

    def _do(self, call: Any) -> Any:
        result = call()
        return drive(result) if isinstance(result, Coroutine) else result

    def _same(self, found: list[Any]) -> None:
        assert found[0] == found[1], found


def outcome(call: Any, argument: Any) -> str:
    """Return what a call gives or raises."""
    try:
        return str(call(argument))
    except (Exception, Stopped) as exc:
        return f"{type(exc).__name__}: {exc}, of {exc.__cause__!r}"


def campaign(count: int, seed: int) -> None:
    """Step through `count` random messages.

    Raises:
        AssertionError: the two streams differ.
    """
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        pair = Pair(rng, rng.choice(KINDS), random_chunks(rng))
        try:
            pair.read()
        except AssertionError as exc:
            raise AssertionError(f"message {number} of seed {seed}: {exc}") from exc


if __name__ == "__main__":
    runs = int(sys.argv[1])
    chosen = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"{runs} messages, seed {chosen}")
    campaign(runs, chosen)
    print("no difference")
