# SPDX-License-Identifier: MIT
"""The compiled steps of a stream against the plain ones, which are their specification.

`python -m tests.claude.step_campaign N [SEED]` does the random part for longer. That
all behaves the same on either is for the other tests of streams, which run on both.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
import random
import re
import sys
import threading
import weakref
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any
from unittest.mock import Mock

import pytest

from ssewire import Parser
from ssewire._choice import IMPLEMENTATION
from ssewire.claude import AsyncMessageStream, MessageStream, RawMessageStream, StreamInterrupted
from ssewire.claude.blocks import TextBlock
from ssewire.claude.events import ContentBlockDeltaEvent, TextEvent
from ssewire.claude.stream._brought import run_events
from ssewire.claude.stream._place import STEP_CONTRACT
from tests.claude import wire
from tests.claude.conftest import compiled_steps
from tests.claude.step_campaign import KINDS, Pair, Stopped, campaign, shown
from tests.kit.memory import failing, needs_shortage

PIECES = ["one ", "", "two", " Zürich", "\U0001f600"]
TEXT = "".join(PIECES)
BEFORE = [wire.message_start(), wire.start(0, wire.TEXT)]
DELTAS = [wire.text(0, piece) for piece in PIECES]
CHUNKS = [*BEFORE, *DELTAS, wire.stop(0), wire.message_delta(), wire.STOP]

needs_compiled = pytest.mark.skipif(not compiled_steps(), reason="the extension was never built")


def compiled() -> Any:
    return import_module("ssewire.claude.stream._step_cy")


def test_the_compiled_steps_are_in_use_where_the_compiled_parser_is() -> None:
    assert bool(compiled_steps()) == (IMPLEMENTATION == "cython")


@needs_compiled
def test_contract_of_the_compiled_steps_is_that_of_the_plain_ones() -> None:
    assert compiled().CONTRACT == STEP_CONTRACT


@needs_compiled
@pytest.mark.parametrize("name", compiled_steps())
@pytest.mark.parametrize("cls", [MessageStream, RawMessageStream, AsyncMessageStream])
def test_a_stream_takes_a_compiled_step_in_the_place_of_each_plain_one(cls: Any, name: str) -> None:
    assert getattr(cls, name) is getattr(compiled(), name.lstrip("_"))
    assert hasattr(cls.__mro__[2], name) or (cls is AsyncMessageStream and name == "_endless")


@needs_compiled
def test_both_take_the_same_steps_through_random_messages() -> None:
    campaign(40, 1)


PLAIN = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}'
UNUSUAL: dict[str, list[Any]] = {
    "half a character": [
        *(wire.text(0, piece) for piece in ("\ud83d", "\ude00", "\ud83d", "x", "\ud83d", "é"))
    ],
    "an event named error": [wire.frame(PLAIN, "error")],
    "an event without a name": [wire.frame(PLAIN)],
    "a delta of an earlier block": [
        *(wire.start(1, wire.TEXT), wire.text(1, "b"), wire.text(0, "a"), wire.text(1, "c"))
    ],
    "an index that is taken": [wire.start(0, wire.TEXT), wire.text(0, "a"), wire.text(1, "b")],
    "a tool": [wire.start(1, wire.TOOL), wire.partial(1, '{"a":'), wire.partial(1, "1}")],
    "a delta of another kind": [wire.partial(0, "{}"), wire.partial(0, "{}"), wire.text(0, "a")],
    "a delta after the end": [wire.message_delta(), wire.STOP, wire.text(0, "late")],
    "a bytearray": [bytearray(DELTAS[0]), DELTAS[1]],
    "no bytes": [DELTAS[0], "text", DELTAS[1]],
    "nothing": [b"", b": comment\n\n", b"\n"],
    "too large an event": [DELTAS[0] + wire.text(0, "x" * 3000), DELTAS[1]],
    "a failure": [DELTAS[0], OSError("reset"), DELTAS[1]],
    "an exception of a handler's": [DELTAS[0], Stopped(), DELTAS[1]],
}


@needs_compiled
@pytest.mark.parametrize("kinds", KINDS, ids=[kinds[0].__name__ for kinds in KINDS])
@pytest.mark.parametrize("case", UNUSUAL)
def test_what_is_unusual_comes_to_the_same(case: str, kinds: Any) -> None:
    for seed in range(4):
        Pair(random.Random(seed), kinds, [*BEFORE, *UNUSUAL[case], *CHUNKS[-3:]]).read()


@needs_compiled
def test_pieces_are_made_one_chunk_when_they_are_many() -> None:
    kept = []
    for cls in KINDS[0]:
        stream: Any = cls([*BEFORE, *[wire.text(0, "x")] * 600, *CHUNKS[-3:]])
        for _ in zip(range(600), stream.text_stream):
            pass
        kept.append(len(stream.current_message_snapshot.content[0]._growing._pieces))
    assert kept[0] == kept[1] < 512


@needs_compiled
@pytest.mark.parametrize("kinds", KINDS, ids=[kinds[0].__name__ for kinds in KINDS])
def test_a_message_in_place_of_a_stream_comes_to_the_same(kinds: Any) -> None:
    data = json.dumps(wire.MESSAGE).encode()
    for seed in range(4):
        Pair(random.Random(seed), kinds, [data[:20], data[20:]]).read()


@needs_compiled
@pytest.mark.parametrize("derives", [True, False])
def test_events_made_by_c_hold_what_their_constructors_set(derives: bool) -> None:
    batch = Parser().feed(b"".join(CHUNKS))
    block = TextBlock({"type": "text", "text": ""})
    made = [
        function(batch, 2, block, 0, PIECES, derives)
        for function in (run_events, compiled().run_events)
    ]
    assert [shown(event) for event in made[1]] == [shown(event) for event in made[0]]
    for event in made[1]:
        for other in (pickle.loads(pickle.dumps(event)), copy.copy(event), copy.deepcopy(event)):
            assert shown(other) == shown(event)
    delta = made[1][0]
    assert type(delta) is ContentBlockDeltaEvent
    assert delta.raw["delta"] == {"type": "text_delta", "text": PIECES[0]}
    assert getattr(delta.delta, "text", None) == PIECES[0]
    if derives:
        assert type(made[1][1]) is TextEvent
        assert made[1][1].text == PIECES[0]


@needs_compiled
def test_too_few_wire_events_for_the_pieces_are_an_index_error() -> None:
    block = TextBlock({"type": "text", "text": ""})
    with pytest.raises(IndexError):
        compiled().run_events([], 0, block, 0, PIECES, True)


@needs_compiled
@pytest.mark.parametrize("name", ["more_events", "more_texts", "plan", "take_in"])
@pytest.mark.parametrize("what", [None, 5, object()])
def test_what_is_no_stream_is_a_type_error(name: str, what: object) -> None:
    with pytest.raises(TypeError, match="not a stream"):
        getattr(compiled(), name)(what)
    with pytest.raises(TypeError, match="not a stream"):
        compiled().endless(what, 0)


class Claiming:
    """Says that it is a stream, as mock objects of a spec do."""

    __slots__ = ()
    __class__ = MessageStream  # type: ignore[assignment]


@needs_compiled
@pytest.mark.parametrize("name", ["more_events", "more_texts", "plan", "take_in"])
def test_what_only_claims_to_be_a_stream_is_a_type_error(name: str) -> None:
    stream = MessageStream([])
    for what in (weakref.proxy(stream), Claiming(), Mock(spec=MessageStream)):
        assert isinstance(what, MessageStream)
        with pytest.raises(TypeError, match="not a stream"):
            getattr(compiled(), name)(what)
        with pytest.raises(TypeError, match="not a stream"):
            compiled().endless(what, 0)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("wrong", [None, object(), [], TextBlock({"type": "text", "text": ""})])
def test_a_block_whose_text_was_taken_from_it_is_an_attribute_error(wrong: object) -> None:
    for way in (iter, lambda stream: iter(stream.text_stream)):
        stream = MessageStream([*BEFORE, *DELTAS])
        loop = way(stream)
        for _ in range(2):
            next(loop)
        block: Any = stream.current_message_snapshot.content[0]
        block._growing = wrong
        with pytest.raises(AttributeError):
            list(loop)


class Mixin:
    _log = None


def hiding(cls: Any) -> list[Any]:
    """Return classes of a caller's that use names of a stream's slots for something else."""
    return [
        type("Attribute", (cls,), {"_log": "a logger", "_values": ()}),
        type("Slot", (cls,), {"__slots__": ("_batch", "_call")}),
        type("Mixed", (Mixin, cls), {}),
        type("Deeper", (type("Attribute", (cls,), {"_torn": 1}),), {"__slots__": ()}),
    ]


@pytest.mark.parametrize("number", range(4))
def test_a_class_that_hides_slots_reads_as_any_other(number: int) -> None:
    expected = [shown(event) for event in MessageStream(CHUNKS)]
    stream = hiding(MessageStream)[number](CHUNKS)
    assert [shown(event) for event in stream] == expected
    stream = hiding(MessageStream)[number](CHUNKS)
    assert [*stream.text_stream] == PIECES
    assert stream.get_final_text() == TEXT

    async def read() -> list[str]:
        async def source() -> AsyncIterator[bytes]:
            for chunk in CHUNKS:
                yield chunk

        stream = hiding(AsyncMessageStream)[number](source())
        return [shown(event) async for event in stream]

    assert asyncio.run(read()) == expected


@needs_compiled
def test_a_class_that_hides_no_slot_keeps_the_compiled_steps() -> None:
    class Own(MessageStream):
        hidden = None

    assert all(getattr(Own, name) is getattr(MessageStream, name) for name in compiled_steps())


@needs_compiled
def test_a_stream_without_init_is_an_attribute_error_as_in_python() -> None:
    stream = MessageStream.__new__(MessageStream)
    with pytest.raises(AttributeError):
        list(stream)
    with pytest.raises(AttributeError):
        list(stream.text_stream)


@pytest.mark.usefixtures("implementation")
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts references of CPython")
@pytest.mark.parametrize("way", ["events", "texts"])
def test_steps_keep_no_reference_to_what_they_handed_out(way: str) -> None:
    shared = [ContentBlockDeltaEvent, TextEvent, None, True, False, "text_delta", DELTAS[0]]

    def read() -> None:
        stream = MessageStream([*BEFORE, *DELTAS * 50, *CHUNKS[-3:]])
        for _ in stream if way == "events" else stream.text_stream:
            pass

    read()
    gc.collect()
    before = [sys.getrefcount(item) for item in shared]
    for _ in range(4):
        read()
    gc.collect()
    # 1,000 deltas; a few more for what others of the interpreter do meanwhile.
    for was, item in zip(before, shared):
        assert abs(sys.getrefcount(item) - was) < 100, item


@needs_shortage
@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("way", ["events", "texts"])
# From the second on, which json takes no part in: it crashes so on CPython 3.13.0.
@pytest.mark.parametrize("at", range(1, len(DELTAS)))
def test_where_memory_is_short_nothing_is_missing_without_a_word(way: str, at: int) -> None:
    def loop_over(stream: MessageStream) -> Any:
        return iter(stream if way == "events" else stream.text_stream)

    def begun() -> tuple[MessageStream, Any, list[str]]:
        stream = MessageStream(iter(CHUNKS))
        loop = loop_over(stream)
        seen: list[str] = []
        while len(seen) < at:
            take(next(loop), seen)
        return stream, loop, seen

    def take(item: Any, seen: list[str]) -> None:
        if way == "texts":
            seen.append(item)
        elif item.type == "text":
            seen.append(item.text)

    def step() -> Any:
        try:
            return next(loop)
        except StreamInterrupted:
            return None

    stream, loop, seen = begun()
    for _, item in failing(step):
        try:
            if item is not None:
                take(item, seen)
            # Another one: those of itertools are over where memory was short for their own.
            for item in loop_over(stream):
                take(item, seen)
            assert seen == PIECES
            assert stream.get_final_text() == TEXT
        except StreamInterrupted as exc:
            assert seen == PIECES[: len(seen)]
            said = "" if exc.partial_message is None else exc.partial_message.text
            assert TEXT.startswith(said)
            assert said.startswith("".join(seen))
        stream, loop, seen = begun()


made_of_pieces = re.compile(f"(?:{'|'.join(map(re.escape, filter(None, PIECES)))})*").fullmatch


@pytest.mark.usefixtures("implementation")
def test_threads_that_read_one_stream_at_once_do_no_harm() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(10):
            stream = MessageStream(iter([*BEFORE, *DELTAS * 20, *CHUNKS[-3:]]))
            seen: list[str] = []

            def read(stream: MessageStream = stream, seen: list[str] = seen) -> None:
                try:
                    seen.extend(stream.text_stream)
                except Exception:
                    pass  # What it raises is not said; that it goes on living is.

            threads = [threading.Thread(target=read) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            # Nor how much at once: what is read twice as the start brings all the text so far.
            assert all(made_of_pieces(item) for item in seen)
    finally:
        sys.setswitchinterval(interval)
