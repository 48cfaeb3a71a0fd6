# SPDX-License-Identifier: MIT
"""Why a response is no event stream, decided from its head and how its body begins."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from ssewire._headers import Headers
from ssewire._http.refusal import (
    ERROR_BODY,
    accepted,
    check_media_types,
    media_type,
    refusal,
)
from ssewire.errors import ContentTypeError, StatusError
from tests.kit.costs import assert_linear

EVENTS = Headers({"Content-Type": "Text/Event-Stream ; charset=utf-8"})


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, EVENTS, True),
        # Only 200 is a stream, whatever the media type says.
        (201, EVENTS, False),
        (204, EVENTS, False),
        (206, EVENTS, False),
        (302, EVENTS, False),
        (404, EVENTS, False),
        (200, Headers({"Content-Type": "text/html"}), False),
        (200, Headers({"Content-Type": "text/event-stream-2"}), False),
        (200, Headers(), False),
    ],
)
def test_a_stream_is_a_200_of_the_right_media_type(
    status: int, headers: Headers, expected: bool
) -> None:
    assert accepted(status, headers) is expected


def test_another_status_is_the_error_whatever_the_media_type() -> None:
    for headers in (EVENTS, Headers({"Content-Type": "text/html"})):
        error = refusal(503, headers, b"busy")
        assert isinstance(error, StatusError)
        assert (error.status, error.headers, error.body) == (503, headers, b"busy")


@pytest.mark.parametrize(
    ("headers", "said"), [(Headers({"Content-Type": "text/html"}), "text/html"), (Headers(), None)]
)
def test_another_media_type_of_a_200_is_named(headers: Headers, said: str | None) -> None:
    error = refusal(200, headers, b"<html>")
    assert isinstance(error, ContentTypeError)
    assert (error.content_type, error.body) == (said, b"<html>")


@pytest.mark.parametrize("status", [200, 404])
def test_the_error_carries_64_kib_of_the_body_at_most(status: int) -> None:
    error = refusal(status, Headers(), b"x" * (ERROR_BODY + 1))
    assert isinstance(error, (StatusError, ContentTypeError))
    assert error.body == b"x" * ERROR_BODY
    assert len(str(error)) < 400
    assert len(repr(error)) < 400


@pytest.mark.parametrize("status", [200, 404])
def test_the_error_says_what_answered_and_whether_a_redirect_led_there(status: int) -> None:
    headers = Headers({"Content-Type": "application/json", "X-Why": "y"})
    asked = "https://a.example/1"
    error = refusal(status, headers, b"{}", asked=asked, url="https://user:pw@b.example/2?key=k")
    assert isinstance(error, (StatusError, ContentTypeError))
    assert (error.status, error.headers, error.body) == (status, headers, b"{}")
    assert error.redirected
    assert error.location == error.url == "https://user:pw@b.example/2?key=k"
    assert "(at 'https://b.example/2', after a redirect): b'{}'" in str(error)
    for url in (asked, "https://a.example:443/1", "HTTPS://A.example/1"):
        same = refusal(status, headers, b"", asked=asked, url=url)
        assert isinstance(same, (StatusError, ContentTypeError))
        assert not same.redirected
        assert same.location is None
        assert "at" not in str(same).split()


def test_a_status_that_leads_elsewhere_names_its_location() -> None:
    headers = Headers({"Location": "https://b.example/login?token=t"})
    error = refusal(300, headers, b"", asked="http://a/", url="http://a/")
    assert isinstance(error, StatusError)
    assert error.location == "https://b.example/login?token=t"
    assert str(error) == (
        "the server answered with status 300 (it leads to 'https://b.example/login')"
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["text/event-stream"], "text/event-stream"),
        (["Text/Event-Stream; charset=latin-1"], "text/event-stream"),
        ([" text/event-stream ;x"], "text/event-stream"),
        (["application/json, text/event-stream; charset=utf-8"], "text/event-stream"),
        (["text/event-stream, application/json"], "application/json"),
        (["application/json", "text/event-stream"], "text/event-stream"),
        (["text/event-stream", "text/html"], "text/html"),
        (["text/event-stream, */*"], "text/event-stream"),
        (["text/event-stream,"], "text/event-stream"),
        (["text/event-stream", ""], "text/event-stream"),
        (["text/event-stream, nonsense"], "text/event-stream"),
        (['text/html;x=",", text/event-stream'], "text/event-stream"),
        (['text/html;x="a, text/event-stream'], "text/html"),
        (['text/html;x="\\", text/event-stream'], "text/html"),
        (['text/html;x="\\\\", text/event-stream'], "text/event-stream"),
        (["text/event-stream charset=utf-8"], None),
        (["text / event-stream"], None),
        (["text/"], None),
        (["/event-stream"], None),
        (["*/*"], None),
        (["text/event-stream-2"], "text/event-stream-2"),
        ([""], None),
        ([], None),
    ],
    ids=str,
)
def test_the_last_valid_media_type_counts(values: list[str], expected: str | None) -> None:
    headers = Headers([("content-type", value) for value in values])
    assert media_type(headers) == expected
    assert accepted(200, headers) is (expected == "text/event-stream")


@pytest.mark.parametrize("hostile", ['"', '"\\', ",", 'a/b;"', "\\"])
def test_a_media_type_costs_what_it_is_long(hostile: str) -> None:
    assert_linear(lambda n: partial(media_type, Headers({"Content-Type": hostile * n})))


@pytest.mark.parametrize(
    ("media_types", "types"),
    [
        (None, [None, "text/plain", "text/html, a/b"]),
        (("Text/Plain",), ["text/plain; charset=utf-8", "TEXT/PLAIN"]),
        (["text/event-stream", "application/x-ndjson"], ["application/x-ndjson"]),
    ],
)
def test_media_types_of_the_callers_are_accepted_and_no_others(
    media_types: Any, types: list[str | None]
) -> None:
    checked = check_media_types(media_types)
    for value in types:
        headers = Headers({} if value is None else {"Content-Type": value})
        assert accepted(200, headers, checked)
        assert not accepted(404, headers, checked)
    if checked is not None:
        assert not accepted(200, Headers(), checked)
        assert not accepted(200, Headers({"Content-Type": "text/html"}), checked)
        assert f"not {' or '.join(checked)}" in str(
            refusal(200, Headers({"Content-Type": "a/b"}), b"", checked)
        )


@pytest.mark.parametrize(
    ("media_types", "error"),
    [
        ("text/plain", TypeError),
        (b"text/plain", TypeError),
        (5, TypeError),
        ((None,), TypeError),
        (("text/plain; charset=utf-8",), ValueError),
        (("plain",), ValueError),
        (("",), ValueError),
        (("text/plain\n",), ValueError),
        # They would accept nothing, which nobody can want.
        ((), ValueError),
        (("*/*",), ValueError),
        (("text/*",), ValueError),
    ],
)
def test_media_types_that_make_no_sense_are_refused(
    media_types: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="media"):
        check_media_types(media_types)
