# SPDX-License-Identifier: MIT
"""An exception of the caller's world in the accumulator: it goes on whole, or says it does not.

A signal handler's exception can come before any line, a MemoryError or a RecursionError in
any call. After it a message is never said to be complete when something of it is missing.
"""

from __future__ import annotations

import json
import pickle
import sys
from typing import Any

import pytest

from ssewire import Parser, StateError
from ssewire.claude import Accumulator, ClaudeError, StreamInterrupted
from tests.claude.interrupting import Interrupts
from tests.claude.wire import (
    STOP,
    TEXT,
    TOOL,
    message_delta,
    message_start,
    partial,
    start,
    stop,
    text,
    tool_block,
    wire,
)
from tests.clients.test_client_interrupts import in_its_own_thread

pytestmark = [
    pytest.mark.usefixtures("implementation"),
    pytest.mark.skipif(
        sys.implementation.name != "cpython", reason="tracing tells each line on CPython only"
    ),
]

BODY = b"".join(
    [
        message_start(),
        start(0, TEXT),
        text(0, "Hel"),
        text(0, "lo \ud83d"),
        text(0, "\ude00"),
        stop(0),
        tool_block(1, '{"a":', "1}"),
        text(1, "odd"),
        start(1, {"type": "thinking", "thinking": ""}),
        wire("content_block_delta", index=1, delta={"type": "thinking_delta", "thinking": "hm"}),
        stop(1),
        message_delta(),
        STOP,
    ]
)


class Interrupted(BaseException):
    """What a signal handler raises."""


def chunks(way: str) -> list[Any]:
    if way == "feed_event":
        return list(Parser().feed(BODY))
    size = {"feed": len(BODY), "feed in pieces": 300}[way]
    return [BODY[at : at + size] for at in range(0, len(BODY), size)]


def drive(accumulator: Accumulator, items: list[Any], way: str) -> list[str]:
    """Feed what is left of `items`; an item is taken off before it is fed."""
    types: list[str] = []
    feed: Any = accumulator.feed_event if way == "feed_event" else accumulator.feed
    while items:
        item = items[0]
        types += [event.type for event in feed(item)]
        del items[0]
    types += [event.type for event in accumulator.close()]
    return types


@in_its_own_thread
@pytest.mark.parametrize("way", ["feed", "feed in pieces", "feed_event"])
def test_exception_at_any_line_leaves_a_whole_message_or_an_error(way: str) -> None:
    drive(Accumulator(), chunks(way), way)  # the first one's lines are more: what it imports
    whole = Accumulator()
    items = chunks(way)
    with Interrupts(Interrupted) as counted:
        drive(whole, items, way)
    assert whole.message is not None
    expected = whole.message.to_dict()
    assert whole.finished
    outcomes = {"whole": 0, "refused": 0}
    for place in range(1, counted.lines + 1):
        accumulator = Accumulator()
        items = chunks(way)
        with pytest.raises(Interrupted), Interrupts(Interrupted, place):
            drive(accumulator, items, way)
        # As the caller would who knows nothing: on from the item that was under way.
        if accumulator.error is not None:
            assert not accumulator.finished
        try:
            drive(accumulator, items, way)
        except StateError:
            assert isinstance(accumulator.error, StreamInterrupted)
            assert not accumulator.finished
            assert accumulator.error.partial_message is not None or accumulator.message is None
            with pytest.raises(StateError):
                accumulator.feed(b"")
            assert accumulator.close() == []
            pickle.dumps(accumulator.error)
            outcomes["refused"] += 1
            continue
        if accumulator.finished:
            assert accumulator.error is None
            assert accumulator.message is not None
            assert accumulator.message.to_dict() == expected, place
            outcomes["whole"] += 1
        else:
            assert isinstance(accumulator.error, ClaudeError), place
    assert outcomes["whole"] > 0 < outcomes["refused"]


@in_its_own_thread
def test_exception_in_close_does_not_make_a_message_of_a_beginning() -> None:
    body = BODY[: -len(STOP)] + STOP[:-2]  # the last event lacks its blank line
    whole = Accumulator()
    whole.feed(body)
    with Interrupts(Interrupted) as counted:
        whole.close()
    assert whole.finished
    for place in range(1, counted.lines + 1):
        accumulator = Accumulator()
        accumulator.feed(body)
        with pytest.raises(Interrupted), Interrupts(Interrupted, place):
            accumulator.close()
        if accumulator.error is None:
            accumulator.close()
            assert accumulator.finished
        assert accumulator.finished is (accumulator.error is None)
        assert accumulator.finished is False or accumulator.message == whole.message


def test_full_stack_is_no_fault_of_the_content() -> None:
    def deeper(n: int) -> None:
        if n:
            deeper(n - 1)
        else:
            accumulator.feed(BODY)

    outcomes = set()
    for depth in range(sys.getrecursionlimit() - 200, sys.getrecursionlimit()):
        accumulator = Accumulator()
        try:
            deeper(depth)
        except RecursionError:
            if accumulator.error is None:
                accumulator.feed(BODY)  # nothing had been taken
                assert accumulator.finished
                outcomes.add("whole")
            else:
                assert not accumulator.finished
                outcomes.add("refused")
        else:
            assert accumulator.finished
            assert accumulator.error is None
            assert accumulator.message is not None
            assert accumulator.message.content[1].to_dict()["input"] == {"a": 1}
    assert outcomes


@in_its_own_thread
def test_second_exception_while_the_first_is_noted_still_refuses() -> None:
    for place in range(1, 40):
        accumulator = Accumulator()
        accumulator.feed(message_start() + start(0, TEXT))
        accumulator._busy = True  # as an exception in the clause that notes one leaves it
        with pytest.raises((Interrupted, StateError)), Interrupts(Interrupted, place):
            accumulator.feed(text(0, "a"))
        with pytest.raises(StateError):
            accumulator.feed(text(0, "a"))
        assert isinstance(accumulator.error, StreamInterrupted)
        assert not accumulator.finished


PIECES = ['{"path": "a', "b", 'c", "list": [1, ', '2, {"deep": "x', 'y"}], "n": 12', "34}"]


def looks(at: int, place: int, partial_strings: bool) -> tuple[list[str], bool]:
    """Return the tool's input after each piece, and whether the look at one was interrupted.

    A look after the piece `at` is, at the line `place`; another one follows it.
    """
    accumulator = Accumulator(partial_strings=partial_strings)
    accumulator.feed(message_start() + start(0, TOOL))
    assert accumulator.message is not None
    block: Any = accumulator.message.content[0]
    seen = []
    interrupted = False
    for number, piece in enumerate(PIECES):
        accumulator.feed(partial(0, piece))
        if number == at:
            try:
                with Interrupts(Interrupted, place):
                    _ = block.input
            except Interrupted:
                interrupted = True
        if number != 1:
            seen.append(json.dumps(block.input))
    accumulator.feed(stop(0))
    assert block.input == json.loads("".join(PIECES))
    assert block.input_complete
    return seen, interrupted


@in_its_own_thread
@pytest.mark.parametrize("partial_strings", [False, True])
@pytest.mark.parametrize("at", range(len(PIECES)))
def test_a_look_at_a_tools_input_that_was_interrupted_at_any_line_spoils_no_later_one(
    at: int, partial_strings: bool
) -> None:
    expected, _ = looks(-1, 0, partial_strings)
    place = 1
    while True:
        seen, interrupted = looks(at, place, partial_strings)
        assert seen == expected
        if not interrupted:
            break
        place += 1
    assert place > 3
