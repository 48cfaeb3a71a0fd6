# SPDX-License-Identifier: MIT
"""What is checked is what is written: of a subclass its plain value, whatever it says of itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Callable

import pytest

from ssewire import (
    Comment,
    EncodeError,
    EventTooLarge,
    ServerSentEvent,
    encode,
    encode_comment,
    encode_event,
    parse,
)
from ssewire._headers import Headers
from ssewire._http.proxy import choose_proxy
from ssewire._http.request import HTTPRequest
from ssewire._http.timeouts import Timeouts
from ssewire._http.url import parse_url
from ssewire.reconnect import ReconnectPolicy
from tests.kit.liars import LyingBytes, LyingFloat, LyingInt, liars

if TYPE_CHECKING:
    from tests.conftest import MakeParser


def encoded(**parts: Any) -> bytes:
    return encode_event(**{"data": "x", **parts})


@pytest.mark.parametrize("field", ["data", "event", "id"])
def test_encode_event_writes_the_plain_value_of_a_str_subclass(field: str) -> None:
    for value in liars("abc"):
        assert encoded(**{field: value}) == encoded(**{field: "abc"})


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\r\n\r\ndata: forged\r\n\r\n"])
@pytest.mark.parametrize("field", ["event", "id"])
def test_encode_event_checks_the_plain_value_of_a_str_subclass(field: str, bad: str) -> None:
    for value in liars(bad):
        with pytest.raises(EncodeError) as caught:
            encoded(**{field: value})
        assert caught.value.field == field


def test_encode_event_cuts_the_plain_data_into_lines() -> None:
    for value in liars("a\nb\r\nc"):
        assert encoded(data=value) == b"data: a\ndata: b\ndata: c\n\n"


def test_a_lone_surrogate_in_a_str_subclass_is_refused() -> None:
    for value in liars("\ud800"):
        for field in ("data", "event", "id"):
            with pytest.raises(EncodeError):
                encoded(**{field: value})
        with pytest.raises(EncodeError):
            encode_comment(value)


def test_encode_comment_writes_the_plain_text() -> None:
    for value in liars("a\nb"):
        assert encode_comment(value) == b":a\n:b\n"


def test_encode_event_checks_and_writes_the_plain_retry() -> None:
    assert encoded(retry=LyingInt(5)) == b"retry: 5\ndata: x\n\n"
    for bad in (-1, 2**31):
        with pytest.raises(EncodeError):
            encoded(retry=LyingInt(bad))


def test_encode_takes_the_plain_last_event_id() -> None:
    for known in liars("7"):
        wire = encode(ServerSentEvent("x"), last_event_id=known)
        assert wire == b"id: \ndata: x\n\n"


def test_values_hold_plain_values() -> None:
    for value in liars("abc"):
        event: Any = ServerSentEvent(value, value, value, LyingInt(5))
        fields = (event.data, event.event, event.id, event.retry)
        assert fields == ("abc", "abc", "abc", 5)
        assert [type(field) for field in fields] == [str, str, str, int]
        comment: Any = Comment(value)
        assert (comment.text, type(comment.text)) == ("abc", str)
        assert parse(encode(event)) == [event]


def test_a_parser_takes_the_plain_values_of_its_options(make_parser: MakeParser) -> None:
    for value in liars("abc"):
        parser = make_parser(last_event_id=value, default_event=value)
        (event,) = parser.feed(b"data: x\n\n")
        assert (event.event, event.id) == ("abc", "abc")
        assert (type(event.event), type(event.id)) == (str, str)
    for bad in liars("a\nb"):
        with pytest.raises(ValueError, match="CR, LF or NUL"):
            make_parser(last_event_id=bad)
    parser = make_parser(max_event_size=LyingInt(8))
    assert parser.feed(b"data: x\n\n")
    with pytest.raises(EventTooLarge) as caught:
        parser.feed(b"data: larger\n\n")
    assert type(caught.value.limit) is int
    assert caught.value.limit == 8
    with pytest.raises(ValueError, match=r"must not be negative, not -1$"):
        make_parser(max_event_size=LyingInt(-1))


def test_seconds_and_counts_are_plain_values() -> None:
    timeouts = Timeouts(connect=LyingFloat(5.0), idle=LyingInt(7))
    assert (timeouts.connect, timeouts.idle) == (5.0, 7.0)
    assert type(timeouts.connect) is type(timeouts.idle) is float
    for bad in (LyingFloat(-5.0), LyingFloat("nan"), LyingFloat("inf"), LyingInt(-5)):
        with pytest.raises(ValueError, match="must be positive and finite"):
            Timeouts(connect=bad)
    policy = ReconnectPolicy(max_attempts=LyingInt(3), retry_statuses=[LyingInt(503)])
    assert (type(policy.max_attempts), policy.max_attempts) == (int, 3)
    assert [type(status) for status in policy.retry_statuses] == [int]
    assert 503 in policy.retry_statuses


class SaysItIsAStr:
    """What isinstance() believes to be a str."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return str

    def encode(self) -> bytes:
        return b"forged"


@pytest.mark.parametrize(
    "call",
    [
        lambda value: encoded(data=value),
        lambda value: encoded(event=value),
        lambda value: encoded(id=value),
        encode_comment,
        Comment,
        ServerSentEvent,
        parse_url,
        lambda value: Headers({value: "x"}),
        lambda value: Headers({"x": value}),
    ],
)
def test_what_only_says_that_it_is_a_str_is_a_type_error(call: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match="must be a"):
        call(SaysItIsAStr())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="__buffer__ is new in 3.12")
def test_both_parsers_say_the_same_of_a_buffer_that_raises(make_parser: MakeParser) -> None:
    class Refusing:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def __buffer__(self, flags: int) -> memoryview:
            raise self.error

    parser = make_parser()
    refusing: Any = Refusing(TypeError("words of its own"))
    with pytest.raises(TypeError, match=r"^feed\(\) takes a bytes-like object, not Refusing$"):
        parser.feed(refusing)
    for error in (ValueError("no"), BufferError("no")):
        refusing = Refusing(error)
        with pytest.raises(type(error), match=r"^no$"):
            parser.feed(refusing)
    # Nothing was taken.
    assert parser.feed(b"data: x\n\n") == [ServerSentEvent("x")]


# The same for what goes out over HTTP.


def test_header_names_and_values_go_out_as_their_plain_values() -> None:
    for name in liars("X-Name"):
        for value in (*liars("value"), LyingBytes(b"value")):
            request = HTTPRequest("http://h/", headers=[(name, value)])
            assert (b"X-Name", b"value") in request.wire_headers()
            assert request.headers["x-name"] == "value"


@pytest.mark.parametrize("bad", ["a\r\nX-Forged: 1", "a\nb", "a\0b"])
def test_header_values_are_checked_as_their_plain_values(bad: str) -> None:
    for value in (*liars(bad), LyingBytes(bad.encode())):
        with pytest.raises(ValueError, match="CR, LF or NUL"):
            HTTPRequest("http://h/", headers={"X-Name": value})
    for name in liars(bad):
        with pytest.raises(ValueError, match="header name"):
            HTTPRequest("http://h/", headers={name: "x"})


def test_url_method_and_proxy_are_taken_as_their_plain_values() -> None:
    for url in liars("http://host/path?q"):
        request = HTTPRequest(url)
        assert request.parts.target == "/path?q"
        assert (request.url, type(request.url)) == ("http://host/path?q", str)
    for method in liars("put"):
        assert HTTPRequest("http://h/", method=method).method == "PUT"
    for bad in (*liars("GET / HTTP/1.1\r\nX: y\r\n\r\nGET"), *liars("http://h/\r\n")):
        with pytest.raises(ValueError, match="not a method"):
            HTTPRequest("http://h/", method=bad)
        with pytest.raises(ValueError, match="URL"):
            HTTPRequest(bad)
    for proxy in liars("http://proxy:8080"):
        chosen = choose_proxy(parse_url("http://h/"), proxy, dict, lambda name: False)
        assert chosen is not None
        assert (chosen.host, chosen.port) == ("proxy", 8080)
