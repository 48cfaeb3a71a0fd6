# SPDX-License-Identifier: MIT
"""What is served, without I/O: items to bytes of the wire, options, the ID that a client has."""

from __future__ import annotations

import enum
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire import Comment, ServerSentEvent, encode_event, parse
from ssewire._serving import COMMENT, ERROR_EVENT, HEADERS, Options, Wire, last_event_id
from ssewire.errors import EncodeError
from tests.kit.chunkings import chunkings

BOM = b"\xef\xbb\xbf"


def options(**given: Any) -> Options:
    return Options(**{"keep_alive": None, "error_event": None, "on_close": None, **given})


def encoded(*items: Any) -> bytes:
    wire = Wire()
    return b"".join([wire.encode(item) for item in items])


# --- items


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (ServerSentEvent("a", "named", "7", 5), b"event: named\nid: 7\nretry: 5\ndata: a\n\n"),
        ("two\nlines", b"data: two\ndata: lines\n\n"),
        ("", b"data: \n\n"),
        (Comment(" note"), b": note\n"),
        (b"data: as it is\n\n", b"data: as it is\n\n"),
        (b"", b""),
        ({"a": [1, None]}, b'data: {"a":[1,null]}\n\n'),
        ([], b"data: []\n\n"),
        ({"text": "é\n\u2028"}, 'data: {"text":"é\\n\u2028"}\n\n'.encode()),
        # Half a character is no text, but JSON can say it.
        ({"half": "\ud83d"}, b'data: {"half":"\\ud83d"}\n\n'),
    ],
)
def test_an_item_is_written_as(item: Any, expected: bytes) -> None:
    assert encoded(item) == expected


class Bold(str):
    def __str__(self) -> str:
        return "forged\n\ndata: forged"

    __format__ = None  # type: ignore[assignment]


class Kind(str, enum.Enum):
    START = "start"


class Raw(bytes):
    def __bytes__(self) -> bytes:
        return b"data: forged\n\n"


@pytest.mark.parametrize(
    ("item", "data"), [(Bold("x"), "x"), (Kind.START, "start"), (Raw(b"data: x\n\n"), "x")]
)
def test_of_a_subclass_the_plain_value_is_written(item: Any, data: str) -> None:
    wire = encoded(item)
    assert type(wire) is bytes
    assert [event.data for event in parse(wire)] == [data]


@pytest.mark.parametrize("item", [7, None, ("a",), bytearray(b"x"), {1, 2}, object()])
def test_what_is_no_item_is_told_what_is_one(item: Any) -> None:
    with pytest.raises(
        TypeError, match="a ServerSentEvent, Comment, str, bytes, dict or list"
    ) as e:
        encoded(item)
    assert type(item).__name__ in str(e.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_json_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encoded({"n": number})
    with pytest.raises(TypeError):
        encoded({"n": object()})
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        encoded(circle)


@pytest.mark.parametrize(
    "event",
    [ServerSentEvent("x", "a\nb"), ServerSentEvent("x", "a\rb"), ServerSentEvent("x", id="1\n2")],
)
def test_a_line_end_in_a_type_or_id_forges_nothing(event: ServerSentEvent) -> None:
    with pytest.raises(EncodeError):
        encoded(event)


@given(value=st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=5))
@settings(max_examples=60)
def test_json_data_comes_back(value: Any) -> None:
    [event] = parse(encoded({"value": value}))
    assert json.loads(event.data) == {"value": value}


# --- an event that many get


def test_an_event_is_encoded_for_each_client_by_what_it_knows() -> None:
    event = ServerSentEvent("x", id="7")
    plain = ServerSentEvent("y")
    first, second = Wire(), Wire()
    assert first.encode(event) == second.encode(event) == b"id: 7\ndata: x\n\n"
    # One without an ID resets that of who has one.
    assert first.encode(plain) == b"id: \ndata: y\n\n"
    assert Wire().encode(plain) == b"data: y\n\n"


# --- bytes, cut anywhere


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_comment_and_an_end_fit_where_the_wire_says_so_at_every_cut(end: bytes) -> None:
    whole = b"data: a" + end + b"id: 1" + end + end + b"data: b" + end + b"data: c" + end + end
    expected = [("a", "1"), ("b\nc", "1")]
    for pieces in chunkings(whole):
        wire = Wire()
        sent = b""
        for piece in pieces:
            sent += wire.encode(bytes(piece))
            if wire.between_lines:
                sent += COMMENT
            if not wire.within:
                # Whatever comes now is an event of its own.
                assert len(parse(sent + b"data: end\n\n")) == len(parse(sent)) + 1
        assert [(event.data, event.id) for event in parse(sent)] == expected
        assert not wire.within


@pytest.mark.parametrize("cut", range(4))
def test_a_comment_before_a_byte_order_mark_loses_no_event(cut: int) -> None:
    wire = Wire()
    data = BOM + b"data: first\n\ndata: second\n\n"
    sent = COMMENT + wire.encode(data[:cut]) + COMMENT + wire.encode(data[cut:])
    assert [event.data for event in parse(sent)] == ["first", "second"]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        # Data that happens to begin so is no mark, nor is one that comes later.
        (["\ufeffx"], b"data: \xef\xbb\xbfx\n\n"),
        ([b"data: x\n\n", BOM + b"data: y\n\n"], b"data: x\n\n" + BOM + b"data: y\n\n"),
        # What begins like one and is none.
        ([b"\xef", b"\xbbx"], b"\xef\xbbx"),
        ([b"\xef", "x"], b"\xefdata: x\n\n"),
        ([BOM], b""),
        ([BOM, BOM], BOM),
    ],
)
def test_only_a_mark_at_the_beginning_is_dropped(items: list[Any], expected: bytes) -> None:
    assert encoded(*items) == expected


# --- options


def test_headers_are_those_of_event_streams_and_those_that_are_given() -> None:
    assert HEADERS == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
    }
    fields = options(headers={"Cache-Control": "no-store", "X-Name": "é"}).fields
    assert fields == [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"x-accel-buffering", b"no"),
        (b"cache-control", b"no-store"),
        (b"x-name", "é".encode()),
    ]
    twice = options(headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]).fields
    assert twice[-2:] == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]


@pytest.mark.parametrize(
    "headers",
    [
        {"x": "a\r\nset-cookie: forged"},
        {"x\n": "a"},
        {"x y": "a"},
        {"": "a"},
        {"x": "a\0"},
        {"x": "a\x01"},
        {"x": "a\x7fb"},
        {"x": "\ud800"},
        {"Content-Length": "5"},
        {"transfer-encoding": "chunked"},
        {"x": 7},
        {7: "x"},
        "text",
        7,
    ],
)
def test_headers_that_cannot_be_sent_are_refused(headers: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        options(headers=headers)


def test_spaces_around_the_value_of_a_header_are_no_part_of_it() -> None:
    fields = options(headers={"x": " a b\t", "y": " ", "z": "a\tb"}).fields
    assert fields[-3:] == [(b"x", b"a b"), (b"y", b""), (b"z", b"a\tb")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("keep_alive", 0),
        ("keep_alive", True),
        ("send_timeout", -1),
        ("send_timeout", "1"),
        ("send_timeout", float("nan")),
        ("status", 199),
        ("status", 600),
        ("status", "200"),
        ("status", True),
        pytest.param("status", 10**5000, id="huge"),
        ("error_event", "a\nb"),
        ("error_event", 7),
        ("on_close", 7),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        options(**{name: value})
    assert name.replace("error_event", "event") in str(caught.value)


def test_the_event_of_a_failure_is_not_called_error() -> None:
    # A browser's EventSource gives one of that type to onerror, which stands for a lost connection.
    assert ERROR_EVENT == "stream-error"
    [event] = parse(options(error_event=ERROR_EVENT).error_event)
    assert event.json()["error"]["type"] == "internal_error"
    assert options(error_event=None).error_event == b""


# --- Last-Event-ID


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"type": "http", "headers": [(b"last-event-id", b"7")]}, "7"),
        ({"type": "http", "headers": [(b"Last-Event-ID", "é".encode())]}, "é"),
        ({"type": "http", "headers": [(b"last-event-id", b"\xff")]}, "\ufffd"),
        ({"type": "http", "headers": [(b"accept", b"*/*")]}, ""),
        ({"type": "http"}, ""),
        ({"REQUEST_METHOD": "GET", "HTTP_LAST_EVENT_ID": "7"}, "7"),
        ({"REQUEST_METHOD": "GET", "HTTP_LAST_EVENT_ID": "\xc3\xa9"}, "é"),
        ({"REQUEST_METHOD": "GET"}, ""),
    ],
)
def test_the_last_event_id_of_a_request(request_: Any, expected: str) -> None:
    assert last_event_id(request_) == expected


@pytest.mark.parametrize("request_", [None, "7", [], 7])
def test_what_is_no_request_has_no_last_event_id(request_: Any) -> None:
    with pytest.raises(TypeError, match="scope"):
        last_event_id(request_)


def test_what_an_event_of_ours_says_is_what_the_encoder_says() -> None:
    assert encoded("x") == encode_event("x")
