# SPDX-License-Identifier: MIT
"""The line parser, which is the standard's text, behaves as the parser with shortcuts does.

It is a class of its own that any user of the parser could have been given, so it is held
against the Python parser, and against the literal reading, which shares no code with either.
"""

from __future__ import annotations

import random
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ssewire._parser_py import Parser
from ssewire._standard import LineParser
from tests.kit.chunkings import chunkings
from tests.kit.comparing import feed_and_compare
from tests.kit.literal import history
from tests.kit.streams import (
    cut_down,
    large_stream,
    play,
    random_options,
    random_steps,
    random_stream,
)
from tests.kit.surface import surface
from tests.parser.test_corpus import CASES, Case
from tests.parser.test_twins import seen_of

SOURCES = Path(__file__).resolve().parents[2] / "src" / "ssewire"
# Where the steps of a Claude stream are in Python.
STEPS = ("_blocking", "_brought", "_endless", "_place", "_reader")


@pytest.mark.parametrize("name", CASES)
def test_a_corpus_case_gives_what_the_parser_gives_at_every_chunking(name: str) -> None:
    case = Case(name)
    options: dict[str, Any] = {"comments": True, **case.options}
    for chunks in chunkings(case.wire):
        lines, blocks = (seen_of(cls, options, chunks) for cls in (LineParser, Parser))
        if lines != blocks:
            assert lines == blocks, chunks


@pytest.mark.parametrize("name", CASES)
def test_a_corpus_case_gives_each_item_as_soon_as_its_bytes_are_in(name: str) -> None:
    case = Case(name)
    expected = history(case.wire, comments=True, **case.options)
    for chunks in chunkings(case.wire):
        feed_and_compare(LineParser(comments=True, **case.options), chunks, expected)


@pytest.mark.parametrize("seed", range(4))
def test_random_runs_give_what_the_parser_gives_at_every_step(seed: int) -> None:
    rng = random.Random(seed)
    for number in range(500):
        stream = large_stream(rng, 60_000) if number % 250 == 249 else random_stream(rng)
        options = random_options(rng)

        def differ(steps: list[Any], options: dict[str, Any] = options) -> bool:
            return play(LineParser(**options), steps) != play(Parser(**options), steps)

        steps = random_steps(rng, stream)
        if differ(steps):
            steps = cut_down(differ, steps)
            lines, blocks = (play(cls(**options), steps) for cls in (LineParser, Parser))
            assert lines == blocks, (options, steps)


def test_the_line_parser_can_be_seen_and_used_as_the_parser() -> None:
    lines, blocks = surface(LineParser), surface(Parser)
    for name in ("names", "protocols", "signature", "methods"):
        assert lines[name] == blocks[name]
    assert [item.data for item in LineParser[Any]().feed(bytearray(b"data: x\n\n"))] == ["x"]


@pytest.mark.parametrize("cls", [LineParser, Parser])
def test_every_base_has_slots_so_that_a_parser_has_no_dict(cls: type) -> None:
    assert all("__slots__" in base.__dict__ for base in cls.__mro__[:-1])
    assert not hasattr(cls(), "__dict__")


@pytest.mark.skipif(not SOURCES.is_dir(), reason="needs the source tree")
@pytest.mark.parametrize(
    ("file", "modules"),
    [
        ("_parser_cy.pyx", ("_standard", "_parser_py", "event")),
        ("_event_cy.pxi", ("event",)),
        ("_http/_chunk_cy.pyx", ("_http._chunk_py",)),
        ("aio/_wake_cy.pyx", ("aio._wake_py",)),
        ("claude/_delta_cy.pyx", ("claude._delta_py", "claude._scanstring")),
        ("claude/_delta.h", ("claude._delta_py",)),
        ("claude/_string.h", ("claude._partial_json_py", "claude._scanstring")),
        ("claude/_partial_json_cy.pyx", ("claude._partial_json_py",)),
        (
            "claude/stream/_step_cy.pyx",
            (
                *(f"claude.stream.{name}" for name in STEPS),
                *("claude.events", "claude._text", "claude.accumulator"),
            ),
        ),
    ],
)
def test_what_the_compiled_sources_call_their_twins_exists(
    file: str, modules: tuple[str, ...]
) -> None:
    text = (SOURCES / file).read_text("utf-8")
    twins = re.findall(r"\btwin: ([\w.]*\w)", text)
    assert twins
    loaded = [import_module(f"ssewire.{name}") for name in modules]
    for twin in twins:
        assert any(_has(module, twin) for module in loaded), twin


def _has(found: Any, path: str) -> bool:
    for name in path.split("."):
        if name in getattr(found, "__slots__", ()):
            return True
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True
