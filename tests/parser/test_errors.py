# SPDX-License-Identifier: MIT
"""Errors: their family tree, their texts, and that they survive pickling."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from ssewire import ServerSentEvent, errors
from ssewire._headers import Headers
from ssewire.errors import SSEWireError

HEADERS = Headers([("Retry-After", "5")])
# One of each kind, and the text it must show.
EXAMPLES: list[tuple[SSEWireError, str]] = [
    (
        errors.EventTooLarge(10, [ServerSentEvent("x")]),
        "an event is larger than max_event_size (10 bytes)",
    ),
    (errors.EventDataError("[DONE]"), "event data is not JSON: '[DONE]'"),
    (errors.EncodeError("id", "must not contain LF"), "id must not contain LF"),
    (errors.StateError("feed() after close()"), "feed() after close()"),
    (errors.RecordingError("a.sse has no events in it"), "a.sse has no events in it"),
    (errors.TransportError("broken"), "broken"),
    (
        errors.ConnectFailed("host:1", "refused", False),
        "could not connect to host:1: refused",
    ),
    (errors.ConnectionLost("reset"), "reset"),
    (errors.StreamTimeout("idle", 1.5), "no data within 1.5 s (the idle timeout)"),
    (errors.HTTPFormatError("no status line"), "no status line"),
    (
        errors.RedirectError("no Location", "http://h/x"),
        "no Location (at http://h/x)",
    ),
    (
        errors.ContentDecodingError("br", "unknown"),
        "cannot decode a body of Content-Encoding 'br': unknown",
    ),
    (errors.RetriesExhausted(1), "gave up after 1 failed attempt"),
    (errors.RetriesExhausted(3), "gave up after 3 failed attempts"),
    (
        errors.StatusError(404, HEADERS, b"gone"),
        "the server answered with status 404: b'gone'",
    ),
    (
        errors.ContentTypeError("text/html", b"<html>"),
        "the response is 'text/html', not text/event-stream: b'<html>'",
    ),
    (errors.ProtocolError("odd"), "odd"),
]
IDS = [type(error).__name__ for error, _ in EXAMPLES]


def facts(error: SSEWireError) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, Headers) else value
        for name, value in vars(error).items()
    }


@pytest.mark.parametrize(("error", "text"), EXAMPLES, ids=IDS)
def test_the_text_is_computed_from_the_facts(error: SSEWireError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(("error", "text"), EXAMPLES, ids=IDS)
def test_an_error_survives_pickling_and_copying(error: SSEWireError, text: str) -> None:
    twins = [pickle.loads(pickle.dumps(error, n)) for n in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in (*twins, copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == text
        assert facts(twin) == facts(error)


def test_every_error_class_has_an_example_here() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, SSEWireError)
    }
    assert defined - {"SSEWireError"} == set(IDS)


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (errors.EventTooLarge, (errors.ProtocolError,)),
        (errors.EventDataError, (errors.ProtocolError, ValueError)),
        (errors.EncodeError, (ValueError,)),
        (errors.StateError, (RuntimeError,)),
        (errors.StreamTimeout, (errors.TransportError, TimeoutError)),
        (errors.ConnectFailed, (errors.TransportError, ConnectionError)),
        (errors.ConnectionLost, (errors.TransportError, ConnectionError)),
        *[
            (kind, (errors.TransportError,))
            for kind in (
                *(errors.HTTPFormatError, errors.RedirectError, errors.ContentDecodingError),
                *(errors.RetriesExhausted, errors.StatusError, errors.ContentTypeError),
            )
        ],
    ],
)
def test_each_error_belongs_to_its_families(
    kind: type[SSEWireError], bases: tuple[type[BaseException], ...]
) -> None:
    families: tuple[type[BaseException], ...] = (SSEWireError, *bases)
    for base in families:
        assert issubclass(kind, base)


def test_at_most_64_characters_of_peer_data_stand_in_a_text() -> None:
    long = "\n" + "x" * 500
    for error in (
        errors.EventDataError(long),
        errors.ContentTypeError(long),
        errors.ContentDecodingError(long, "unknown"),
        errors.StatusError(500, HEADERS, long.encode()),
        errors.RedirectError("refused", "http://h/" + "x" * 500),
    ):
        assert 50 < str(error).count("x") <= 64
        assert "\n" not in str(error)


def test_a_repr_holds_the_text_and_not_what_the_peer_sent() -> None:
    long = "x" * 5_000_000
    for error in (
        errors.EventTooLarge(5, [ServerSentEvent(long)]),
        errors.EventDataError(long),
        errors.ContentTypeError(long, long.encode(), 200, Headers({"X": long}), "http://h/" + long),
        errors.ContentDecodingError(long, "unknown"),
        errors.StatusError(500, Headers({"X": long}), long.encode()),
        errors.RedirectError("refused", "http://h/" + long, "http://i/" + long),
    ):
        assert repr(error) == f"{type(error).__name__}({str(error)!r})"
        assert len(repr(error)) < 400


def test_an_error_keeps_a_list_of_its_own_of_the_events_before_it() -> None:
    events = [ServerSentEvent("x")]
    error = errors.EventTooLarge(5, events)
    events.clear()
    assert error.events == [ServerSentEvent("x")]
    assert errors.EventTooLarge(5).events == []


def test_the_tree_in_the_docstring_names_every_class() -> None:
    assert errors.__doc__ is not None
    for name in IDS:
        assert name in errors.__doc__
