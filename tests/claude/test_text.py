"""Text that grows: by pieces, by runs that a reader walks, and across cut characters."""

from __future__ import annotations

import random
import sys

import pytest

from ssewire.claude._text import (
    GrowingText,
    has_surrogates,
    is_high_surrogate,
    join_surrogates,
)

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
