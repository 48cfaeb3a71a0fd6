# SPDX-License-Identifier: MIT
"""`ssewire.compat.sseclient` beside sseclient-py: what is alike, and each deliberate difference."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import pytest

from ssewire import EventTooLarge
from ssewire.compat import sseclient as ours
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head

theirs = pytest.importorskip("sseclient", reason="the original is installed on CPython only")

pytestmark = pytest.mark.usefixtures("implementation")


def fields(event: Any) -> tuple[Any, ...]:
    return event.id, event.event, event.data, event.retry


def read(*chunks: bytes, module: Any = ours, **options: Any) -> list[Any]:
    return list(map(fields, module.SSEClient(iter(chunks), **options).events()))


@pytest.mark.parametrize(
    "body",
    [
        b"data: a\n\ndata: b\n\n",
        b": x\r\n\r\nevent: e\r\nid: 7\r\nretry: 10\r\ndata: a\r\ndata:  b\r\n\r\n",
        "data: a\u2028b\x85c\x0bd\n\ndata: \U0001f600\r\r".encode(),
        b"data\n\ndata:\ndata\n\n",
        b"event: none\n\nretry: 10\n\nid: 1\n\n",
        b"event:\nother: x\ndata: a\n\n",
        b"\n\n\ndata: a\n\n",
    ],
)
def test_an_ordinary_stream_gives_what_the_original_gives(body: bytes) -> None:
    expected = read(body, module=theirs)
    assert read(body) == expected
    assert read(*(body[at : at + 1] for at in range(len(body)))) == expected


A = (None, "message", "a", None)
B = (None, "message", "b", None)


@pytest.mark.parametrize(
    ("body", "original", "right"),
    [
        (b"\xef\xbb\xbfdata: a\n\n", [], [A]),
        (b"data: a\n\r\ndata: b\n\n", [(None, "message", "a\nb", None)], [A, B]),
        (b"data: a\n\ndata: b", [A, B], [A]),
        (
            b"id: 1\ndata: a\n\ndata: b\n\n",
            [("1", *A[1:]), B],
            [("1", *A[1:]), ("1", *B[1:])],
        ),
        (b"id\ndata: a\n\n", [("", *A[1:])], [A]),
        (b"id: 1\0\ndata: a\n\n", [("1\0", *A[1:])], [A]),
        (b"retry: soon\ndata: a\n\n", [(*A[:3], "soon")], [A]),
    ],
    ids=["BOM", "mixed line ends", "cut", "id stays", "id taken away", "NUL in an id", "bad retry"],
)
def test_the_standard_counts_where_the_original_breaks_it(
    body: bytes, original: list[Any], right: list[Any]
) -> None:
    assert read(body, module=theirs) == original
    assert read(body) == right


def test_bad_utf_8_is_a_replacement_character_and_no_exception() -> None:
    with pytest.raises(UnicodeDecodeError):
        read(b"data: a\xff\n\n", module=theirs)
    assert read(b"data: a\xff\n\n") == [(None, "message", "a\ufffd", None)]


def test_another_encoding_is_honoured_where_it_is_asked_for() -> None:
    body = "data: Grüße\n\n".encode("latin-1")
    expected = [(None, "message", "Grüße", None)]
    assert read(body, module=theirs, char_enc="latin-1") == expected
    assert read(body, char_enc="latin-1") == expected
    assert read(body, char_enc="UTF8") == [(None, "message", "Gr\ufffd\ufffde", None)]
    # Of several bytes a character, cut anywhere.
    wide = "data: Grüße\n\n".encode("utf-16")
    with pytest.raises(UnicodeDecodeError):
        read(wide, module=theirs, char_enc="utf-16")
    assert read(*(wide[at : at + 1] for at in range(len(wide))), char_enc="utf-16") == expected


def test_an_encoding_that_gives_half_a_character_does_not_raise() -> None:
    # In UTF-7 half of a surrogate pair can be said.
    assert read(b"data: a+2AA-\n\n", char_enc="utf-7")[0][2].startswith("a\ufffd")


def test_an_event_beyond_the_limit_is_an_error_after_those_before_it(
    monkeypatch: pytest.MonkeyPatch, parser_cls: Any
) -> None:
    monkeypatch.setattr(ours, "Parser", lambda: parser_cls(max_event_size=10))
    events = ours.SSEClient([b"data: a\n\ndata: " + b"a" * 20]).events()
    assert fields(next(events)) == A
    with pytest.raises(EventTooLarge):
        next(events)


def test_what_is_dropped_at_the_end_is_told_to_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "ssewire"):
        read(b"data: a\n\ndata: bc")
    told = "8 bytes of an unfinished event were dropped at the end of the stream"
    assert [record.getMessage() for record in caplog.records] == [told]


def test_the_source_stays_its_owners_until_close() -> None:
    class Source:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"data: a\n\ndata: b\n\n"])

        def close(self) -> None:
            self.closed += 1

    source = Source()
    client = ours.SSEClient(source)
    events = client.events()
    assert next(events).data == "a"
    events.close()
    assert source.closed == 0
    client.close()
    assert source.closed == 1
    assert isinstance(next(ours.SSEClient(source).events()), ours.Event)


def test_what_the_source_raises_comes_unchanged_after_the_events_before_it() -> None:
    error = OSError("gone")

    def broken() -> Iterator[bytes]:
        yield b"data: a\n\ndata: b"
        raise error

    events = ours.SSEClient(broken()).events()
    assert next(events).data == "a"
    with pytest.raises(OSError, match="gone") as caught:
        next(events)
    assert caught.value is error


@pytest.mark.once
@pytest.mark.sockets
@pytest.mark.parametrize("library", ["requests", "urllib3", "urllib.request"])
def test_a_response_is_read_as_its_library_gives_it_and_closed(library: str) -> None:
    body = "data: Gr\u00fc\u2028\n\ndata: b\r\r".encode()
    # Cut within a character.
    script = [head(200, CHUNKED), chunk(body[:9]), chunk(body[9:]), LAST_CHUNK]
    with Server([script]) as server, ExitStack() as stack:
        if library == "requests":
            session = stack.enter_context(import_module("requests").Session())
            session.trust_env = False
            source = session.get(server.url, stream=True)
        elif library == "urllib3":
            pool = stack.enter_context(import_module("urllib3").PoolManager())
            source = pool.request("GET", server.url, preload_content=False)
        else:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            source = opener.open(server.url)
        client = ours.SSEClient(source)
        assert [event.data for event in client.events()] == ["Gr\u00fc\u2028", "b"]
        client.close()


def test_an_event_reads_and_prints_as_in_the_original() -> None:
    for given in ({}, {"data": "a"}, {"id": "1", "event": "e", "data": "ab", "retry": "5"}):
        assert str(ours.Event(**given)) == str(theirs.Event(**given))
        assert fields(ours.Event(**given)) == fields(theirs.Event(**given))
    event = ours.Event("1", "e", "d", "5")
    event.data = "changed"
    assert fields(event) == ("1", "e", "changed", "5")


@pytest.mark.parametrize(
    ("source", "hint"),
    [("http://example.test/", "client.EventSource takes a URL"), (b"data: a\n\n", r"\[data\]")],
)
def test_a_source_that_is_none_is_refused_with_what_to_do(source: Any, hint: str) -> None:
    with pytest.raises(TypeError, match=hint):
        ours.SSEClient(source)


@pytest.mark.parametrize("name", ["nonsense", "hex", "rot13"])
def test_an_encoding_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(LookupError):
        ours.SSEClient([], name)


def test_text_among_the_chunks_is_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match="encode it first"):
        list(ours.SSEClient(["data: a\n\n"]).events())  # type: ignore[list-item]
