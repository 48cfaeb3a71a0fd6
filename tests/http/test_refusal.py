"""Why a response is no event stream, decided from its head and how its body begins."""

from __future__ import annotations

import pytest

from ssewire._headers import Headers
from ssewire._http.refusal import ERROR_BODY, accepted, refusal
from ssewire.errors import ContentTypeError, StatusError

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
def test_the_error_carries_a_kibibyte_of_the_body_at_most(status: int) -> None:
    error = refusal(status, Headers(), bytes(ERROR_BODY + 1))
    assert isinstance(error, (StatusError, ContentTypeError))
    assert error.body == bytes(ERROR_BODY)
