# SPDX-License-Identifier: MIT
"""Every wire case, at every chunking, with the state seen after every feed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ssewire import EventTooLarge
from tests.kit.chunkings import chunkings
from tests.kit.comparing import as_literal, feed_and_compare
from tests.kit.literal import CommentLine, Event, Item, history

if TYPE_CHECKING:
    from tests.conftest import MakeParser

FOLDER = Path(__file__).resolve().parents[1] / "corpus"
CASES = sorted(path.stem for path in FOLDER.glob("*.sse"))
RULES = json.loads((FOLDER / "rules.json").read_text("utf-8"))["rules"]


class Case:
    """One wire case: bytes, options and what has to come of them."""

    def __init__(self, name: str) -> None:
        self.wire = (FOLDER / f"{name}.sse").read_bytes()
        expected = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        self.options: dict[str, Any] = expected.pop("options", {})
        self.events = [Event(**event) for event in expected.pop("events")]
        self.comments = expected.pop("comments", None)
        self.error = expected.pop("error", None)
        self.last_event_id = expected.pop("last_event_id")
        self.retry = expected.pop("retry")
        assert not expected, f"unknown keys {list(expected)}"


@pytest.mark.parametrize("name", CASES)
def test_a_literal_reading_of_the_standard_gives_what_the_case_expects(name: str) -> None:
    case = Case(name)
    seen = history(case.wire, comments=True, **case.options)
    assert [item for item in seen.items if isinstance(item, Event)] == case.events
    assert seen.moments[-1].last_event_id == case.last_event_id
    assert seen.moments[-1].retry == case.retry
    assert seen.moments[-1].refused == (case.error is not None)
    if case.comments is not None:
        assert [item.text for item in seen.items if isinstance(item, CommentLine)] == case.comments


@pytest.mark.parametrize("name", CASES)
def test_a_case_gives_the_expected_events_at_every_chunking(
    make_parser: MakeParser, name: str
) -> None:
    case = Case(name)
    for chunks in chunkings(case.wire):
        parser = make_parser(**case.options)
        events: list[Item] = []
        error = None
        for chunk in chunks:
            try:
                events += map(as_literal, parser.feed(chunk))
            except EventTooLarge as exc:
                events += map(as_literal, exc.events)
                error = {"type": "EventTooLarge", "limit": exc.limit}
        parser.close()
        assert events == case.events, chunks
        assert (parser.last_event_id, parser.retry) == (case.last_event_id, case.retry), chunks
        assert (error, parser.pending) == (case.error, 0), chunks


@pytest.mark.parametrize("comments", [False, True], ids=["without_comments", "with_comments"])
@pytest.mark.parametrize("name", CASES)
def test_a_case_gives_each_item_as_soon_as_its_bytes_are_in(
    make_parser: MakeParser, name: str, comments: bool
) -> None:
    case = Case(name)
    expected = history(case.wire, comments=comments, **case.options)
    for chunks in chunkings(case.wire):
        parser = make_parser(comments=comments, **case.options)
        feed_and_compare(parser, chunks, expected)


@pytest.mark.parametrize("name", [name for name in CASES if Case(name).comments is not None])
def test_a_case_gives_the_expected_comments_when_they_are_asked_for(
    make_parser: MakeParser, name: str
) -> None:
    case = Case(name)
    for chunks in chunkings(case.wire):
        parser = make_parser(comments=True, **case.options)
        items: list[Item] = []
        for chunk in chunks:
            try:
                items += map(as_literal, parser.feed(chunk))
            except EventTooLarge as exc:
                items += map(as_literal, exc.events)
        assert [item.text for item in items if isinstance(item, CommentLine)] == case.comments
        assert [item for item in items if isinstance(item, Event)] == case.events


def test_the_corpus_has_a_case_for_every_rule_and_each_case_has_both_its_files() -> None:
    assert {name.partition("__")[0] for name in CASES} == set(RULES)
    assert sorted(path.stem for path in FOLDER.glob("*__*.json")) == CASES


def test_every_chunking_joins_to_the_bytes_that_were_cut() -> None:
    for name in CASES:
        wire = Case(name).wire
        for chunks in chunkings(wire):
            assert b"".join(chunks) == wire
    small = list(chunkings(b"data: \xc3\xa9\r\n\r\n"))
    assert [b"data: \xc3", b"\xa9\r\n\r\n"] in small
    assert [b"data: \xc3\xa9\r\n\r", b"\n"] in small
    assert any(b"" in chunks for chunks in small)
