# SPDX-License-Identifier: MIT
"""A feed that an exception of the caller's left halfway: refused until reset, and no ID ahead.

At every line of the Python parsers, and at every allocation of both.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Callable

import pytest

from ssewire import Comment, EventTooLarge, ServerSentEvent, StateError, parse
from ssewire._parser_py import Parser as PythonParser
from ssewire._standard import LineParser
from tests.clients.test_client_interrupts import InterruptAt, Interrupted, in_its_own_thread
from tests.kit.memory import failing, needs_shortage

if TYPE_CHECKING:
    from tests.conftest import MakeParser

pytestmark = pytest.mark.traced

FIRST = b"\xef\xbb\xbfid: 1\ndata: a\n\nevent: t\ndata: unfin"
# All ways of the parsers: whole blocks, lines, ids, types, retry, comments, several data lines,
# bytes that are not ASCII, an unfinished event.
DELTA = b"event: t\ndata: d\n\n"
CHUNKS = [
    b"ished\n\nid: 2\nevent: made up for this\ndata: b\n\nevent: t\ndata: c\n\n" + DELTA,
    b"ished\ndata: x\r\n\r\nid: 3\r\ndata: \xc3\xa9\r\ndata: \xff\r\n\r\n: c\r\nretry: 70000\r\n\r",
    b"ished" * 300 + b"\n" + b"data: \xe4\xbd\xa0\n" * 40 + b"\nid: 4\n\nid: 5\ndata: e\n\ndata",
    b" piece" * 1000,
    b"",
]
AFTER = b"data: after\n\n"


def begun(make_parser: Callable[..., Any]) -> Any:
    parser = make_parser(comments=True)
    parser.feed(FIRST)
    return parser


def check(parser: Any, chunk: bytes, expected: list[Any], made: Callable[..., Any]) -> str:
    """After an exception: nothing was taken, or the parser refuses until it is reset."""
    assert parser.last_event_id == "1"
    try:
        events = parser.feed(chunk)
    except StateError:
        with pytest.raises(StateError, match="halfway"):
            parser.feed(b"")
        assert parser.last_event_id == "1"
        parser.reset()
        assert parser.feed(b"\xef\xbb\xbf" + AFTER) == [ServerSentEvent("after", id="1")]
        # What was learnt in the feed that broke off is right all the same.
        again = made(comments=True, last_event_id="1").feed(CHUNKS[0])
        assert parser.feed(CHUNKS[0]) == again
        return "refused"
    assert events == expected
    return "whole"


@pytest.mark.parametrize("chunk", CHUNKS, ids=["blocks", "crlf", "lines", "piece", "empty"])
@pytest.mark.parametrize("made", [PythonParser, LineParser])
@in_its_own_thread
def test_interrupted_before_any_line_it_refuses_or_nothing_was_taken(
    made: Callable[..., Any], chunk: bytes
) -> None:
    expected = begun(made).feed(chunk)
    outcomes = set()
    for number in itertools.count(1):
        parser = begun(made)
        with InterruptAt(number) as interrupt:
            try:
                events = parser.feed(chunk)
            except Interrupted:
                events = None
        if events is not None:
            assert events == expected
            break
        outcomes.add(check(parser, chunk, expected, made))
    assert interrupt.left
    assert "refused" in outcomes


END = b"d\n: c\nid: 2\ndata: more"


def check_flush(parser: Any) -> None:
    """After an exception: nothing was taken, or the parser refuses until it is reset."""
    assert parser.last_event_id == "1"
    try:
        events = parser.flush()
    except StateError:
        for call in (parser.flush, lambda: parser.feed(b"")):
            with pytest.raises(StateError):
                call()
        assert parser.last_event_id == "1"
        parser.reset()
        assert parser.feed(AFTER) == [ServerSentEvent("after", id="1")]
    else:
        assert events == [ServerSentEvent("unfind\nmore", "t", "2")]


@pytest.mark.parametrize("made", [PythonParser, LineParser])
@in_its_own_thread
def test_interrupted_before_any_line_of_flush_it_refuses_or_nothing_was_taken(
    made: Callable[..., Any],
) -> None:
    for number in itertools.count(1):
        parser = begun(made)
        assert parser.feed(END) == [Comment(" c")]
        with InterruptAt(number) as interrupt:
            try:
                parser.flush()
            except Interrupted:
                pass
        if interrupt.left:
            break
        check_flush(parser)
    assert number > 20


@pytest.mark.parametrize("made", [PythonParser, LineParser])
@in_its_own_thread
def test_interrupted_in_reset_it_refuses_until_it_has_been_reset(made: Callable[..., Any]) -> None:
    for number in itertools.count(1):
        parser = begun(made)
        with InterruptAt(number) as interrupt:
            try:
                parser.reset()
            except Interrupted:
                pass
        if interrupt.left:
            break
        try:
            # Never the half of the event before joined to what comes.
            assert parser.feed(b"ished\n\n" + AFTER) in (
                [ServerSentEvent("unfinished", "t", "1"), ServerSentEvent("after", id="1")],
                [ServerSentEvent("after", id="1")],
            )
        except StateError:
            parser.reset()
            assert parser.feed(AFTER) == [ServerSentEvent("after", id="1")]


@needs_shortage
@pytest.mark.parametrize("chunk", CHUNKS[:4], ids=["blocks", "crlf", "lines", "piece"])
def test_without_memory_it_refuses_or_nothing_was_taken(
    make_parser: MakeParser, chunk: bytes
) -> None:
    # More than the parsers keep for the next events, so that each event allocates.
    keep = [ServerSentEvent("") for _ in range(600)]
    expected = begun(make_parser).feed(chunk)
    parsers = [begun(make_parser)]
    outcomes = set()
    for _, events in failing(lambda: parsers[-1].feed(chunk)):
        if events is not None:
            # The last one: no allocation failed any more, or one that could be done without.
            assert events == expected
            break
        outcomes.add(check(parsers[-1], chunk, expected, make_parser))
        parsers.append(begun(make_parser))
    assert len(parsers) > 1
    assert "refused" in outcomes
    del keep


@needs_shortage
@pytest.mark.parametrize("data", ["ascii", "\u00e9\u4f60"])
def test_without_memory_a_feed_of_one_event_refuses_and_keeps_the_id(
    make_parser: MakeParser, data: str
) -> None:
    keep = [ServerSentEvent("") for _ in range(600)]
    wire = f"event: t\ndata: {data}\n\n".encode()

    def made() -> Any:
        parser = make_parser(last_event_id="0")
        # Between events, and the next one begins like the last.
        assert len(parser.feed(b"id: 1\ndata: a\n\n" + wire)) == 2
        return parser

    parsers = [made()]
    outcomes = set()
    for _, events in failing(lambda: parsers[-1].feed(wire)):
        if events is not None:
            assert events == [ServerSentEvent(data, "t", "1")]
            break
        outcomes.add(check(parsers[-1], wire, [ServerSentEvent(data, "t", "1")], make_parser))
        parsers.append(made())
    assert len(parsers) > 2
    # Where the call itself found no memory, nothing was taken.
    assert "refused" in outcomes
    assert outcomes <= {"refused", "whole"}
    del keep


@needs_shortage
def test_without_memory_flush_refuses_or_nothing_was_taken(make_parser: MakeParser) -> None:
    keep = [ServerSentEvent("") for _ in range(600)]

    def made() -> Any:
        parser = begun(make_parser)
        parser.feed(END)
        return parser

    parsers = [made()]
    for _, events in failing(lambda: parsers[-1].flush()):
        if events is not None:
            assert events == [ServerSentEvent("unfind\nmore", "t", "2")]
            break
        check_flush(parsers[-1])
        parsers.append(made())
    assert len(parsers) > 1
    del keep


@needs_shortage
def test_without_memory_an_event_that_is_too_large_is_still_refused(
    make_parser: MakeParser,
) -> None:
    parsers: list[Any] = []

    def feed() -> Any:
        try:
            return parsers[-1].feed(b"id: 2\ndata: b\n\ndata: " + b"x" * 200)
        except EventTooLarge as exc:
            return exc

    parsers.append(make_parser(max_event_size=100, last_event_id="1"))
    for _, error in failing(feed):
        if error is not None:
            assert error.events == [ServerSentEvent("b", id="2")]
            break
        # Either nothing was taken, and it is too large again, or it refuses.
        with pytest.raises((StateError, EventTooLarge)):
            parsers[-1].feed(b"data: " + b"x" * 200)
        parsers.append(make_parser(max_event_size=100, last_event_id="1"))
    assert len(parsers) > 1


@needs_shortage
def test_a_parser_that_was_left_halfway_can_be_closed(make_parser: MakeParser) -> None:
    parser = begun(make_parser)
    next(failing(lambda: parser.feed(CHUNKS[0])))
    parser.close()
    with pytest.raises(StateError):
        parser.feed(AFTER)
    parser.reset()
    assert [event.data for event in parser.feed(AFTER)] == ["after"]
    assert parse(AFTER) == [ServerSentEvent("after")]
