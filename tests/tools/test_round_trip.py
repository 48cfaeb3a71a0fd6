# SPDX-License-Identifier: MIT
"""What was parsed and is written again parses to the same events in a row: all three ways.

Types with NUL, IDs that are reset, retry, comments: the whole corpus, streams made of crooked
pieces, and events made up.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire import (
    Comment,
    EventTooLarge,
    ServerSentEvent,
    encode,
    encode_event,
    parse,
)
from ssewire.asgi import event_body
from ssewire.cli._main import main
from tests.kit.streams import BLOCKS, PIECES
from tests.parser.test_corpus import CASES, Case

ONE_LINE = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"))
EVENTS = st.lists(
    st.builds(
        ServerSentEvent,
        data=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r")),
        event=st.sampled_from(["message", "a\0b", "\0", " "]) | ONE_LINE.filter(bool),
        id=st.sampled_from(["", "", "7"]) | ONE_LINE.filter(lambda text: "\0" not in text),
        retry=st.none() | st.integers(0, 2**31 - 1),
    ),
    max_size=6,
)
WIRES = st.lists(st.sampled_from([*PIECES, *BLOCKS, b"id\n", b"id: 8\n", b"\n\n"])).map(b"".join)


def by_encode(items: list[Any]) -> bytes:
    known = ""
    wire = b""
    for item in items:
        wire += encode(item, last_event_id=known)
        known = known if isinstance(item, Comment) else item.id
    return wire


def by_asgi(items: list[Any]) -> bytes:
    async def source() -> AsyncIterator[Any]:
        for item in items:
            yield item

    async def collect() -> bytes:
        return b"".join([piece async for piece in event_body(source(), keep_alive=None)])

    return asyncio.run(collect())


@pytest.fixture
def parse_raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    file = tmp_path / "stream.sse"

    def run(wire: bytes, *options: str) -> bytes:
        file.write_bytes(wire)
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["parse", "--raw", *options, str(file)]) in (0, 1)
        out.flush()
        written: Any = out.buffer
        return bytes(written.getvalue())

    return run


@pytest.mark.parametrize("way", [by_encode, by_asgi])
@pytest.mark.parametrize("comments", [False, True], ids=["events", "comments"])
def test_the_corpus_comes_back_in_sequence(
    way: Callable[[list[Any]], bytes], comments: bool
) -> None:
    for name in CASES:
        options = {**Case(name).options, "comments": comments}
        try:
            items = parse(Case(name).wire, **options)
        except EventTooLarge as exc:
            items = exc.events
        options["max_event_size"] = None
        # What the ID was before is for who connects to say, and types are written by their names.
        options.pop("last_event_id", None)
        if options.get("default_event"):
            del options["default_event"]
        assert parse(way(items), **options) == items, name


def test_the_corpus_comes_back_through_parse_raw(parse_raw: Callable[..., bytes]) -> None:
    for name in CASES:
        wire = Case(name).wire
        items = parse(wire, comments=True)
        assert parse(parse_raw(wire, "--comments"), comments=True) == items, name
        assert parse(parse_raw(wire)) == parse(wire), name


@pytest.mark.parametrize("way", [by_encode, by_asgi])
@settings(max_examples=60)
@given(events=EVENTS)
def test_events_made_up_come_back_in_sequence(
    way: Callable[[list[Any]], bytes], events: list[ServerSentEvent]
) -> None:
    assert parse(way(events)) == events


@pytest.mark.parametrize("way", [by_encode, by_asgi])
@settings(max_examples=100)
@given(wire=WIRES)
def test_what_crooked_streams_give_comes_back_in_sequence(
    way: Callable[[list[Any]], bytes], wire: bytes
) -> None:
    items = parse(wire, comments=True)
    assert parse(way(items), comments=True) == items


def test_parse_raw_writes_a_type_with_nul_and_the_reset_of_an_id(
    parse_raw: Callable[..., bytes],
) -> None:
    wire = b"id: 7\nevent: a\0b\ndata: x\n\nid\nretry: 5\ndata: y\n\ndata: z\n\n"
    written = parse_raw(wire)
    assert written == (b"event: a\0b\nid: 7\ndata: x\n\nid: \nretry: 5\ndata: y\n\ndata: z\n\n")
    assert parse(written) == parse(wire)
    # A reader that has an ID already is told as well.
    assert [e.id for e in parse(written, last_event_id="6")] == ["7", "", ""]


def test_an_id_that_is_inherited_is_not_reset() -> None:
    wire = b"id: 7\ndata: x\n\ndata: y\n\n: c\n\ndata: z\n\n"
    items = parse(wire, comments=True)
    for way in (by_encode, by_asgi):
        assert b"id: \n" not in way(items)
        assert parse(way(items), comments=True) == items


def test_items_that_say_nothing_of_the_id_leave_it_as_it_is() -> None:
    first, last = ServerSentEvent("a", id="7"), ServerSentEvent("z", id="7")
    items = [first, "text", Comment("c"), encode_event("bytes"), last]
    assert [event.id for event in parse(by_asgi(items))] == ["7"] * 4


@pytest.mark.parametrize("pieces", [[b"id: 9\ndata: x\n\n"], [b"i", b"d: 9\nda", b"ta: x\n\n"]])
def test_an_id_that_bytes_have_set_is_reset_too(pieces: list[bytes]) -> None:
    items = [*pieces, ServerSentEvent("y"), ServerSentEvent("z")]
    assert [event.id for event in parse(by_asgi(items))] == ["9", "", ""]
    assert by_asgi(items).count(b"id: \n") == 1


def test_an_event_is_encoded_alone_as_ever() -> None:
    assert encode(ServerSentEvent("x")) == encode(ServerSentEvent("x"), last_event_id="")
    assert encode(ServerSentEvent("x"), last_event_id="7") == b"id: \ndata: x\n\n"
    assert encode(ServerSentEvent("x", id="7"), last_event_id="7") == b"id: 7\ndata: x\n\n"
    assert encode(Comment(" c"), last_event_id="7") == b": c\n"
    wrong: Any = 7
    with pytest.raises(TypeError, match="last_event_id"):
        encode(ServerSentEvent("x"), last_event_id=wrong)
