# SPDX-License-Identifier: MIT
"""Encoding: the exact bytes, what is refused, and round trips through the parser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire import (
    Comment,
    EncodeError,
    ServerSentEvent,
    encode,
    encode_comment,
    encode_event,
    parse,
)
from tests.kit.literal import CommentLine, history

if TYPE_CHECKING:
    from tests.conftest import MakeParser


@pytest.mark.parametrize(
    ("arguments", "wire"),
    [
        ({"data": "x"}, b"data: x\n\n"),
        ({"data": ""}, b"data: \n\n"),
        ({"data": " x "}, b"data:  x \n\n"),
        ({"data": "\u00e9\U0001f600"}, b"data: \xc3\xa9\xf0\x9f\x98\x80\n\n"),
        ({"data": "a\0b"}, b"data: a\0b\n\n"),
        ({"data": "a\nb"}, b"data: a\ndata: b\n\n"),
        ({"data": "a\rb\r\nc\n"}, b"data: a\ndata: b\ndata: c\ndata: \n\n"),
        ({"data": "\n"}, b"data: \ndata: \n\n"),
        ({"data": "a\n\rb"}, b"data: a\ndata: \ndata: b\n\n"),
        (
            {"data": "a\x0b\x0c\x1c\x1d\x1e\x85\u2028b"},
            "data: a\x0b\x0c\x1c\x1d\x1e\x85\u2028b\n\n",
        ),
        (
            {"data": "x", "event": "e", "id": "i", "retry": 5},
            b"event: e\nid: i\nretry: 5\ndata: x\n\n",
        ),
        ({"data": "x", "event": "message"}, b"event: message\ndata: x\n\n"),
        ({"data": "x", "event": ""}, b"event: \ndata: x\n\n"),
        ({"data": "x", "id": ""}, b"id: \ndata: x\n\n"),
        ({"data": "x", "event": " e", "id": ": "}, b"event:  e\nid: : \ndata: x\n\n"),
        ({"data": "x", "retry": 0}, b"retry: 0\ndata: x\n\n"),
        ({"data": "x", "retry": 2**31 - 1}, b"retry: 2147483647\ndata: x\n\n"),
    ],
)
def test_an_event_is_written_as_these_bytes(arguments: dict[str, Any], wire: bytes | str) -> None:
    expected = wire.encode() if isinstance(wire, str) else wire
    assert encode_event(**arguments) == expected


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("", b":\n"),
        (" ping", b": ping\n"),
        ("ping", b":ping\n"),
        ("a\nb", b":a\n:b\n"),
        ("a\rdata: x\r\n\r\ndata: y", b":a\n:data: x\n:\n:data: y\n"),
        ("\u00e9\u2028", ":\u00e9\u2028\n".encode()),
    ],
)
def test_a_comment_is_written_as_these_bytes(text: str, wire: bytes) -> None:
    assert encode_comment(text) == wire
    assert encode(Comment(text)) == wire
    assert parse(wire + b"data: z\n\n") == [ServerSentEvent("z")]


def test_a_comment_without_text_is_a_keep_alive() -> None:
    assert encode_comment() == b":\n"


@pytest.mark.parametrize("bad", ["\r", "\n", "a\nb", "a\r\nb", "7\n\ndata: forged"])
@pytest.mark.parametrize("field", ["event", "id"])
def test_a_line_end_in_event_or_id_is_refused(field: str, bad: str) -> None:
    arguments: dict[str, Any] = {field: bad}
    with pytest.raises(EncodeError) as caught:
        encode_event("x", **arguments)
    assert caught.value.field == field
    assert isinstance(caught.value, ValueError)
    with pytest.raises(EncodeError):
        encode(ServerSentEvent("x", **arguments))


@pytest.mark.parametrize("bad", ["\0", "a\0b"])
def test_nul_is_refused_in_an_id_and_written_in_a_type(bad: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_event("x", id=bad)
    assert caught.value.field == "id"
    with pytest.raises(EncodeError):
        encode(ServerSentEvent("x", id=bad))
    # Readers ignore an ID with NUL; a type may hold it.
    event = ServerSentEvent("x", event=bad)
    assert parse(encode(event)) == [event]


@pytest.mark.parametrize("bad", ["\ud800", "a\udfffb", "x\udc80"])
@pytest.mark.parametrize("field", ["data", "event", "id"])
def test_a_lone_surrogate_is_refused_in_any_field(field: str, bad: str) -> None:
    arguments: dict[str, Any] = {"data": "x", field: bad}
    with pytest.raises(EncodeError) as caught:
        encode_event(**arguments)
    assert caught.value.field == field
    with pytest.raises(EncodeError):
        encode(ServerSentEvent(**arguments))


def test_a_lone_surrogate_in_a_comment_is_refused() -> None:
    with pytest.raises(EncodeError) as caught:
        encode_comment("\ud800")
    assert caught.value.field == "text"


@pytest.mark.parametrize(
    "bad",
    [-1, 2**31, 1 << 20000, -1 << 20000, 1.5, "5", True, False],
    ids=["negative", "above", "huge", "negative_huge", "float", "str", "true", "false"],
)
def test_a_retry_that_is_not_an_int_in_range_is_refused(bad: Any) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_event("x", retry=bad)
    assert caught.value.field == "retry"
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"data": b"x"}, "data"),
        ({"data": None}, "data"),
        ({"data": "x", "event": b"e"}, "event"),
        ({"data": "x", "id": 7}, "id"),
    ],
)
def test_text_of_a_wrong_type_is_a_type_error_that_names_the_field(
    arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(TypeError, match=rf"{field} must be"):
        encode_event(**arguments)


def test_other_things_cannot_be_encoded() -> None:
    wrong: list[Any] = ["data: x\n\n", None, b"x", {"data": "x"}]
    for item in wrong:
        with pytest.raises(TypeError, match=type(item).__name__):
            encode(item)
    with pytest.raises(TypeError):
        encode_comment(b"x")  # type: ignore[arg-type]


def test_encode_leaves_out_what_a_client_assumes_anyway() -> None:
    assert encode(ServerSentEvent("x", "message", "", None)) == b"data: x\n\n"
    assert encode(ServerSentEvent("x", "")) == b"data: x\n\n"
    assert encode(ServerSentEvent("x", "e", "7", 5)) == b"event: e\nid: 7\nretry: 5\ndata: x\n\n"


def test_the_resetting_id_line_resets_the_clients_id() -> None:
    wire = encode_event("a", id="7") + encode_event("b", id="") + encode_event("c")
    assert [event.id for event in parse(wire)] == ["7", "", ""]


TEXT = st.text(st.characters(blacklist_categories=["Cs"]) | st.sampled_from("\n: \0\ufeff\u2028\t"))
TYPE = TEXT.map(lambda text: text.translate(dict.fromkeys([10, 13])))
ONE_LINE = TYPE.map(lambda text: text.replace("\0", ""))
EVENTS = st.builds(
    ServerSentEvent,
    data=TEXT.map(lambda text: text.replace("\r", "")),
    event=TYPE.map(lambda text: text or "message"),
    id=ONE_LINE,
    retry=st.none() | st.integers(0, 2**31 - 1),
)


@given(event=EVENTS)
def test_what_is_encoded_parses_back_to_the_same_event(
    make_parser: MakeParser, event: ServerSentEvent
) -> None:
    assert make_parser().feed(encode(event)) == [event]
    assert parse(encode(event)) == [event]


@settings(max_examples=30)
@given(events=st.lists(EVENTS.filter(lambda event: bool(event.id)), max_size=4))
def test_a_stream_of_encoded_events_and_comments_parses_back(
    make_parser: MakeParser, events: list[ServerSentEvent]
) -> None:
    items = [item for event in events for item in (Comment(" c"), event)]
    wire = b"".join(map(encode, items))
    assert make_parser(comments=True).feed(wire) == items


@given(data=TEXT)
def test_any_data_comes_back_with_its_line_ends_turned_into_lf(
    make_parser: MakeParser, data: str
) -> None:
    (event,) = make_parser().feed(encode_event(data))
    assert event.data == data.replace("\r\n", "\n").replace("\r", "\n")


@given(text=TEXT)
def test_a_comment_can_never_become_anything_else(text: str) -> None:
    items = history(encode_comment(text) + b"\n", comments=True).items
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert items == [CommentLine(line) for line in lines]
