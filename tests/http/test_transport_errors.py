# SPDX-License-Identifier: MIT
"""The TransportError branch: facts as attributes, texts computed from them."""

from __future__ import annotations

import copy
import pickle

import pytest

from ssewire import SSEWireError
from ssewire._headers import Headers
from ssewire.errors import (
    ConnectFailed,
    ConnectionLost,
    ContentDecodingError,
    ContentTypeError,
    HTTPFormatError,
    RedirectError,
    RetriesExhausted,
    StatusError,
    StreamTimeout,
    TransportError,
)

ERRORS: list[tuple[TransportError, str]] = [
    (TransportError("the transport raised OSError"), "the transport raised OSError"),
    (ConnectFailed("h:80", "refused"), "could not connect to h:80: refused"),
    (ConnectFailed("h:443", "bad certificate", False), "could not connect to h:443: bad"),
    (ConnectionLost("cut"), "cut"),
    (StreamTimeout("connect", 10.0), "no connection within 10 s (the connect timeout)"),
    (StreamTimeout("head", 0.5), "no response head within 0.5 s (the head timeout)"),
    (StreamTimeout("idle", 3.0), "no data within 3 s (the idle timeout)"),
    (StreamTimeout("stall", 3.0), "no event within 3 s (the stall timeout)"),
    (StreamTimeout("total", 3.0), "not finished within 3 s (the total timeout)"),
    (HTTPFormatError("a folded header field"), "a folded header field"),
    (RedirectError("a redirect loop", "http://a/"), "a redirect loop (at http://a/)"),
    (RedirectError("a redirect loop", "http://a/?key"), "a redirect loop (at http://a/)"),
    (ContentDecodingError("br", "not supported", False), "Content-Encoding 'br': not supported"),
    (RetriesExhausted(3), "gave up after 3 failed attempts"),
    (
        StatusError(404, Headers({"A": "b"}), b"gone"),
        "the server answered with status 404: b'gone'",
    ),
    (StatusError(204, Headers()), "the server answered with status 204"),
    (ContentTypeError("text/html", b"<p>"), "the response is 'text/html', not text/event-stream"),
    (ContentTypeError(None), "the response has no Content-Type"),
]
IDS = [f"{type(error).__name__}-{number}" for number, (error, _) in enumerate(ERRORS)]


@pytest.mark.parametrize(("error", "text"), ERRORS, ids=IDS)
def test_text_is_computed_from_the_facts(error: TransportError, text: str) -> None:
    assert text in str(error)
    assert isinstance(error, SSEWireError)


@pytest.mark.parametrize("error", [error for error, _ in ERRORS], ids=IDS)
def test_transport_errors_survive_pickling_and_copying(error: TransportError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


def test_stream_timeout_is_also_the_built_in_timeout_error() -> None:
    assert isinstance(StreamTimeout("idle", 1.0), TimeoutError)


@pytest.mark.parametrize(
    "error",
    [
        StatusError(500, Headers(), b"\n" * 1024),
        ContentTypeError("x" * 5000),
        ContentDecodingError("x" * 5000, "not supported"),
        RedirectError("a redirect loop", "http://h/" + "x" * 5000),
        ConnectFailed("x" * 5000, "refused"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_text_holds_more_than_64_bytes_of_peer_data(error: TransportError) -> None:
    text = str(error)
    assert text.count("x") <= 64 + text.count("text")
    assert text.count(r"\n") <= 64
    assert "\n" not in text


def test_only_errors_that_come_again_are_not_retryable() -> None:
    for error, _ in ERRORS:
        permanent = isinstance(error, (RedirectError, RetriesExhausted, ContentTypeError))
        permanent = permanent or "bad certificate" in str(error) or "not supported" in str(error)
        assert error.retryable is not permanent


def test_a_redirect_error_shows_neither_query_nor_fragment() -> None:
    error = RedirectError("too many redirects", "http://h.example/p?key=secret#token=secret")
    assert "secret" not in repr(error)
    assert "secret" not in str(error)
    assert "h.example/p" in str(error)
    assert error.url.endswith("#token=secret")
