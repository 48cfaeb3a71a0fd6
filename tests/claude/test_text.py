# SPDX-License-Identifier: MIT
"""Text that grows: by pieces, by runs that a reader walks, and across cut characters."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest

from ssewire import StateError
from ssewire.claude import Accumulator, StreamInterrupted
from ssewire.claude._text import (
    GrowingText,
    has_surrogates,
    is_high_surrogate,
    join_surrogates,
)
from tests.claude.wire import END, TEXT, message_start, start, stop
from tests.claude.wire import text as text_delta
from tests.kit.memory import failing, needs_shortage

SMILE = "\U0001f600"
HIGH, LOW = "\ud83d", "\ude00"


def test_pieces_are_joined_in_their_order() -> None:
    text = GrowingText("a")
    for number in range(2000):
        text.add(f"{number},")
    assert text.get() == "a" + "".join(f"{number}," for number in range(2000))
    assert text.get() is text.get()


def test_a_piece_of_a_run_counts_once_it_was_handed_out() -> None:
    text = GrowingText("a")
    walker = text.start_run(["b", "c", "d"])
    assert text.get() == "a"
    assert next(walker) == "b"
    assert text.get() == "ab"
    assert next(walker) == "c"
    assert text.end_run() == 2
    assert text.get() == "abc"


def test_a_run_that_was_ended_gives_nothing_more() -> None:
    text = GrowingText()
    walker = text.start_run(["a", "b"])
    next(walker)
    text.end_run()
    assert list(walker) == []
    assert text.get() == "a"


def test_without_a_run_there_is_none_to_end() -> None:
    text = GrowingText("a")
    assert text.end_run() == 0
    list(text.start_run(["b"]))
    assert text.end_run() == 1
    text.end_run()
    assert text.get() == "ab"


def test_runs_and_pieces_in_any_order_make_the_text() -> None:
    rng = random.Random(7)
    for _ in range(200):
        text = GrowingText()
        expected = ""
        for number in range(rng.randrange(20)):
            pieces = [f"{number}.{n} " for n in range(rng.randrange(600))]
            if rng.random() < 0.3:
                for piece in pieces:
                    text.add(piece)
                expected += "".join(pieces)
            else:
                walker = text.start_run(list(pieces))
                taken = rng.randrange(len(pieces) + 1)
                for n in range(taken):
                    next(walker)
                    if rng.random() < 0.01:
                        assert text.get() == expected + "".join(pieces[: n + 1])
                assert text.end_run() == taken
                expected += "".join(pieces[:taken])
        assert text.get() == expected


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="PyPy has no sys.getsizeof")
def test_pieces_take_little_more_memory_than_the_text() -> None:
    text = GrowingText()
    for _ in range(100_000):
        text.add("word ")
    held = sum(sys.getsizeof(piece) for piece in [*(text._chunks or ()), *text._pieces])
    assert held < 1.2 * 500_000


@pytest.mark.parametrize("looked", [False, True])
def test_a_character_that_was_cut_between_two_pieces_is_one_again(looked: bool) -> None:
    text = GrowingText("a" + HIGH)
    if looked:
        assert text.get() == "a" + HIGH
    text.add(LOW + "b")
    assert text.get() == f"a{SMILE}b"


def test_halves_that_stand_alone_stay() -> None:
    text = GrowingText()
    for piece in (LOW, "a", HIGH, "b", HIGH):
        text.add(piece)
    # The last one may still find its other half, until the block ends.
    assert (text.get(), text.whole()) == (f"{LOW}a{HIGH}b", f"{LOW}a{HIGH}b{HIGH}")
    text.settle()
    assert text.get() == f"{LOW}a{HIGH}b{HIGH}"


def test_what_surrogates_are() -> None:
    assert [is_high_surrogate(text) for text in (HIGH, LOW, "")] == [True, False, False]
    assert [has_surrogates(text) for text in ("a" + HIGH, SMILE, "a")] == [True, False, False]
    assert join_surrogates(HIGH + LOW) == SMILE
    assert join_surrogates(LOW + HIGH) == LOW + HIGH


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="CPython appends in place")
def test_a_look_at_a_long_text_does_not_copy_it() -> None:
    import tracemalloc  # which PyPy does not have

    # CPython appends in place once it has seen some times that they are strings.
    small = GrowingText()
    for _ in range(100):
        small.add("z")
        small.get()
    text = GrowingText()
    text.add("x" * 2**21)
    text.get()
    tracemalloc.start()
    try:
        # What was there before is not counted: a copy of it would be.
        for _ in range(10):
            text.add("y" * 50)
            text.get()
        assert tracemalloc.get_traced_memory()[1] < 1.5 * 2**21
    finally:
        tracemalloc.stop()


@needs_shortage
@pytest.mark.parametrize("more", ["b" * 5000, "\u00e9" * 5000, "b" * 5000 + HIGH])
def test_a_text_that_a_shortage_of_memory_cost_is_refused_and_never_shorter(more: str) -> None:
    texts: list[GrowingText] = []

    def grow() -> str:
        return texts[-1].get()

    def begin() -> None:
        texts.append(GrowingText())
        texts[-1].add("a" * 100_000)
        texts[-1].get()
        texts[-1].add(more)

    begin()
    outcomes = set()
    for _, grown in failing(grow):
        if grown is not None:
            break
        text = texts[-1]
        try:
            assert text.whole() == "a" * 100_000 + more
            outcomes.add("whole")
        except StateError:
            outcomes.add("refused")
            text.add("c")
            for call in (text.get, text.whole, text.settle):
                with pytest.raises(StateError, match="memory"):
                    call()
        begin()
    assert "refused" in outcomes


def lost_in(accumulator: Accumulator) -> None:
    """Leave the text of the last block as a shortage of memory in a look at it does."""
    assert accumulator.message is not None
    block: Any = accumulator.message.content[-1]
    block._growing._joined = None


def test_a_message_whose_text_was_lost_is_never_complete() -> None:
    accumulator = Accumulator()
    accumulator.feed(message_start() + start(0, TEXT) + text_delta(0, "a"))
    lost_in(accumulator)
    assert accumulator.message is not None
    block: Any = accumulator.message.content[0]
    for read in (lambda: block.text, accumulator.message.to_dict, accumulator.message.to_param):
        with pytest.raises(StateError):
            read()
    with pytest.raises(StateError):
        accumulator.feed(stop(0) + END)
    assert not accumulator.finished
    assert isinstance(accumulator.error, StreamInterrupted)
    assert accumulator.error.partial_message is None
    assert accumulator.close() == []
