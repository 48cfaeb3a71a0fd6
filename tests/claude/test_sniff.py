# SPDX-License-Identifier: MIT
"""What a body is: a stream, or a document in its place; at every cut."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from ssewire.claude import MalformedEvent, OversizedEvent
from ssewire.claude._sniff import Sniffer, document_events, is_error
from ssewire.errors import EventTooLarge

STREAMS = [
    b"event: ping\ndata: {}\n\n",
    b"data: <p>\n\n",
    b": comment\n\n",
    b"\n\n  \xef\xbb\xbfdata: 1\n\n",
    b"null",
    b"[1]",
    b"\xff\xfe",
]
DOCUMENTS = [b"{", b'{"type": "error"}', b"<html>", b"\xef\xbb\xbf {}", b"\r\n\t <!doctype html>"]


def sniffed(pieces: list[bytes], limit: int | None = None) -> tuple[bytes, str | None]:
    """Return what is for the parser of a stream, and the document."""
    sniffer = Sniffer(limit)
    for number, piece in enumerate(pieces):
        beginning = sniffer.feed(piece)
        if beginning is not None:
            return beginning + b"".join(pieces[number + 1 :]), sniffer.document()
    return b"", sniffer.document()


def cuts(body: bytes) -> list[list[bytes]]:
    halves = [[body[:at], body[at:]] for at in range(len(body) + 1)]
    return [[body], *halves, [bytes([byte]) for byte in body]]


@pytest.mark.parametrize("body", STREAMS)
def test_a_stream_reaches_its_parser_whole_however_it_is_cut(body: bytes) -> None:
    for pieces in cuts(body):
        assert sniffed(pieces) == (body, None)


@pytest.mark.parametrize("body", DOCUMENTS)
def test_a_document_is_kept_whole_however_it_is_cut(body: bytes) -> None:
    for pieces in cuts(body):
        assert sniffed(pieces) == (b"", body.decode("utf-8-sig"))


@pytest.mark.parametrize("body", [b"", b" \n", b"\xef\xbb\xbf"])
def test_white_space_alone_is_neither(body: bytes) -> None:
    assert sniffed([body]) == (b"", None)


def test_much_white_space_is_taken_for_a_stream() -> None:
    assert sniffed([b" " * 4095]) == (b"", None)
    assert sniffed([b" " * 4095, b" "]) == (b" " * 4096, None)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_bytes_will_do(kind: Any) -> None:
    assert Sniffer(None).feed(kind(b"data: 1")) == b"data: 1"


def test_a_str_is_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match="encode it first"):
        Sniffer(None).feed("data: 1")  # type: ignore[arg-type]


def test_a_document_beyond_a_quarter_of_an_events_limit_is_dropped() -> None:
    sniffer = Sniffer(19)
    assert sniffer.feed(b"{   ") is None
    with pytest.raises(OversizedEvent) as caught:
        sniffer.feed(b"}")
    assert isinstance(caught.value, EventTooLarge)
    assert caught.value.limit == 4
    assert caught.value.document
    assert "no event stream" in str(caught.value)
    assert sniffer.document() == ""


def test_of_a_page_of_any_size_the_beginning_is_kept() -> None:
    for pieces in ([b"<" + b"a" * 2**20], [b"<", *[b"a" * 1000] * 100]):
        beginning, page = sniffed(pieces, limit=100)
        assert (beginning, page) == (b"", "<" + "a" * (64 * 1024 - 1))


def test_an_oversized_document_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(OversizedEvent(5, True)))
    assert (str(error), error.limit, error.document) == (
        "a body that is no event stream is larger than a quarter of max_event_size (5 bytes)",
        5,
        True,
    )


def test_a_limit_does_not_count_for_a_stream() -> None:
    assert sniffed([b"data: longer than that"], limit=4) == (b"data: longer than that", None)


def test_a_whole_message_makes_its_start_and_stop() -> None:
    message = {"type": "message", "content": []}
    first, last = document_events(json.dumps(message))
    assert (first.event, first.json()) == (
        "message_start",
        {"type": "message_start", "message": message},
    )
    assert (last.event, last.json()) == ("message_stop", {"type": "message_stop"})


@pytest.mark.parametrize(
    "text", ['{"type": "error"}', '{"error": "so"}', "<html>", "{", "", "{" * 9999]
)
def test_any_other_text_is_one_event_for_the_accumulator_to_judge(text: str) -> None:
    (only,) = document_events(text)
    assert (only.data, only.event) == (text, "message")


def test_an_object_that_is_neither_is_malformed() -> None:
    with pytest.raises(MalformedEvent) as caught:
        document_events('{"id": 1}')
    assert caught.value.data == '{"id": 1}'
    assert "neither a message nor an error" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"type": "error"}, True),
        ({"type": "message", "error": {}}, False),
        ({"error": {"message": "no"}}, True),
        ({"error": "no"}, True),
        ({"error": None}, False),
        ({"type": 1, "error": "no"}, True),
        ({}, False),
    ],
)
def test_what_is_an_error(raw: dict[str, Any], expected: bool) -> None:
    assert is_error(raw) is expected
