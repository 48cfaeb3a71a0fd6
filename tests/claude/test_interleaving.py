# SPDX-License-Identifier: MIT
"""Readers that take turns: a slice of `interleaving_campaign`, and what it was made for."""

from __future__ import annotations

from typing import Any

import pytest

from ssewire.claude import MessageStream
from tests.claude import wire
from tests.claude.interleaving_campaign import campaign

pytestmark = pytest.mark.usefixtures("implementation")

LETTERS = "abcdef"
BODY = wire.whole(wire.text_block(0, *LETTERS))


# Two minutes and more on PyPy, which does the same.
@pytest.mark.once
@pytest.mark.parametrize("asynchronous", [False, True])
def test_readers_that_take_turns_at_random_lose_and_double_nothing(asynchronous: bool) -> None:
    assert campaign(4000, 1, asynchronous) > 100


@pytest.mark.parametrize("at", LETTERS[:-1])
@pytest.mark.parametrize("often", [1, 2, 3])
def test_next_within_a_loop_takes_what_is_next_and_the_loop_goes_on_after_it(
    at: str, often: int
) -> None:
    stream = MessageStream([BODY])
    seen: list[Any] = []
    for event in stream:
        seen.append(event)
        if event.type == "text" and event.text == at:
            seen += [next(stream) for _ in range(often)]
    expected = list(MessageStream([BODY]))
    assert [(event.type, event.to_sse()) for event in seen] == [
        (event.type, event.to_sse()) for event in expected
    ]
    assert [event.text for event in seen if event.type == "text"] == list(LETTERS)


def test_two_loops_in_turn_lose_no_citation() -> None:
    citation = {"type": "char_location", "cited_text": "x"}
    body = wire.whole(
        wire.start(0, wire.TEXT),
        *(wire.text(0, letter) + wire.delta(0, "citations_delta", citation=citation)
          for letter in LETTERS),
        wire.stop(0),
    )  # fmt: skip
    stream = MessageStream([body])
    loops = [iter(stream), iter(stream)]
    seen: list[str] = []
    while True:
        for loop in loops:
            for event in loop:
                seen.append(event.type)
                break
            else:
                assert seen == [event.type for event in MessageStream([body])]
                assert seen.count("citation") == seen.count("text") == len(LETTERS)
                return
