# SPDX-License-Identifier: MIT
"""`ssewire.compat.httpx_sse` and `ssewire.compat.httpx2` beside the packages whose names they have.

Each deliberate difference is a test that shows what the original does and what ours does; what
both do alike is asked of both. docs/compat.md has the table.
"""

from __future__ import annotations

import asyncio
import json
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ssewire import EventTooLarge, parse
from ssewire.compat import httpx2 as our_httpx2
from ssewire.compat import httpx_sse as our_httpx_sse
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head

httpx = pytest.importorskip("httpx", reason="these run on CPython only")
httpx_sse = import_module("httpx_sse")
httpx2: Any = import_module("httpx2") if sys.version_info >= (3, 11) else None

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("implementation")]

CORPUS = sorted((Path(__file__).resolve().parents[1] / "corpus").glob("*.sse"))
STREAM = {"Content-Type": "text/event-stream"}


class Family:
    """One of the two packages: ours, the original, and the HTTP library that both stand on."""

    def __init__(self, ours: Any, original: Any, http: Any) -> None:
        self.ours = ours
        self.original = original
        self.http = http

    def made(self, content: Any, headers: dict[str, str] = STREAM) -> Any:
        # The EventSource of httpx2 wants a response that belongs to a request.
        request = self.http.Request("GET", "http://example.test/")
        return self.http.Response(200, headers=headers, content=content, request=request)

    def response(self, *chunks: bytes, headers: dict[str, str] = STREAM) -> Any:
        return self.made(iter(chunks), headers)

    def awaited_response(self, *chunks: bytes, headers: dict[str, str] = STREAM) -> Any:
        async def arriving() -> AsyncIterator[bytes]:
            for each in chunks:
                yield each

        return self.made(arriving(), headers)

    def iterate(self, source: Any) -> Iterator[Any]:
        return iter(source) if self.http is httpx2 else source.iter_sse()

    def aiterate(self, source: Any) -> Any:
        return source.__aiter__() if self.http is httpx2 else source.aiter_sse()

    def read(self, *chunks: bytes, **options: Any) -> list[Any]:
        """Return the fields of our events of these chunks, awaited and not."""
        made = list(self.iterate(self.ours.EventSource(self.response(*chunks, **options))))

        async def run() -> list[Any]:
            source = self.ours.EventSource(self.awaited_response(*chunks, **options))
            return [event async for event in self.aiterate(source)]

        awaited = asyncio.run(run())
        assert list(map(fields, awaited)) == list(map(fields, made))
        assert all(type(event) is self.ours.ServerSentEvent for event in made + awaited)
        return list(map(fields, made))

    def read_originally(self, *chunks: bytes, **options: Any) -> list[Any]:
        source = self.original.EventSource(self.response(*chunks, **options))
        return list(map(fields, self.iterate(source)))


def fields(event: Any) -> tuple[str, str, str, int | None]:
    return event.event, event.data, event.id, event.retry


HTTPX_SSE = Family(our_httpx_sse, httpx_sse, httpx)
HTTPX2 = Family(our_httpx2, httpx2, httpx2)
needs_httpx2 = pytest.mark.skipif(httpx2 is None, reason="httpx2 needs Python 3.11")


@pytest.fixture(params=["httpx_sse", pytest.param("httpx2", marks=needs_httpx2)])
def family(request: pytest.FixtureRequest) -> Family:
    return HTTPX_SSE if request.param == "httpx_sse" else HTTPX2


# --- what is alike


def test_the_corpus_gives_what_it_says_cut_in_two(family: Family) -> None:
    for path in CORPUS:
        expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
        # What needs an option of the parser's that these have not.
        if "options" not in expected:
            wire = path.read_bytes()
            events = [(e["event"], e["data"], e["id"], e["retry"]) for e in expected["events"]]
            middle = len(wire) // 2
            assert family.read(wire[:middle], wire[middle:]) == events, path.stem


@pytest.mark.parametrize(
    "body",
    [
        b"data: a\n\ndata: b\n\n",
        b": hello\r\n\r\nevent: e\r\nid: 7\r\nretry: 10\r\ndata: a\r\ndata:  b\r\n\r\n",
        "data: a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\n\ndata: \U0001f600\n\n".encode(),
        b"data: a\r\rdata: b\n\n",
        b"data\n\ndata:\ndata\n\n",
        b"id: 1\0\ndata: a\nretry: x\n\n",
        b"data: \xff\xe2\x82\n\n",
        b"data: whole\n\ndata: cut",
    ],
)
def test_an_ordinary_stream_gives_what_the_original_gives(family: Family, body: bytes) -> None:
    assert family.read(body) == family.read_originally(body)
    pieces = [body[at : at + 1] for at in range(len(body))]
    assert family.read(*pieces) == family.read_originally(body)


def test_names_and_what_they_take_are_those_of_the_original(family: Family) -> None:
    source = family.ours.EventSource(response=family.response())
    assert isinstance(source.response, family.http.Response)
    event = family.ours.ServerSentEvent(event="e", data='{"a": 1}', id="1", retry=2)
    assert event.json() == {"a": 1}
    theirs = family.original.ServerSentEvent("e", '{"a": 1}', "1", 2)
    assert repr(event) == repr(theirs)
    assert repr(family.ours.ServerSentEvent()) == repr(family.original.ServerSentEvent())
    with pytest.raises(ValueError, match="Expecting value"):
        family.ours.ServerSentEvent().json()
    with pytest.raises(AttributeError):
        event.data = "b"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        family.ours.nothing  # noqa: B018


def test_all_public_names_of_httpx_sse_are_there() -> None:
    assert {*httpx_sse.__all__} < {*our_httpx_sse.__all__}
    assert our_httpx_sse.__version__ == httpx_sse.__version__
    assert our_httpx2._MAX_EVENT_SIZE == 2**20
    none = our_httpx_sse.ServerSentEvent(None, None, None)
    assert fields(none) == fields(httpx_sse.ServerSentEvent(None, None, None))


@needs_httpx2
def test_events_and_errors_of_httpx2_are_of_its_own_classes() -> None:
    assert our_httpx2.ServerSentEvent is httpx2.ServerSentEvent
    assert our_httpx2.SSEError is httpx2.SSEError
    source = httpx2.EventSource(HTTPX2.response())
    assert source._max_event_size == our_httpx2._MAX_EVENT_SIZE


def test_another_media_type_is_an_error_of_the_http_library(family: Family) -> None:
    for headers in ({"Content-Type": "application/json"}, {}):
        response = family.response(b"data: a\n\n", headers=headers)
        source = family.ours.EventSource(response)
        with pytest.raises(family.ours.SSEError, match="text/event-stream") as caught:
            next(self_iterator := family.iterate(source))
        assert isinstance(caught.value, family.http.TransportError)
        # Nothing was read, and the generator is finished.
        assert not response.is_stream_consumed
        assert list(self_iterator) == []

    async def run() -> None:
        response = family.awaited_response(headers={"Content-Type": "a" * 1000})
        with pytest.raises(family.ours.SSEError) as caught:
            await family.aiterate(family.ours.EventSource(response)).__anext__()
        assert len(str(caught.value)) < 200

    asyncio.run(run())


def test_a_media_type_may_have_parameters_and_capitals(family: Family) -> None:
    headers = {"Content-Type": "Text/Event-Stream ; charset=utf-8"}
    assert family.read(b"data: a\n\n", headers=headers) == [("message", "a", "", None)]


def test_httpx_sse_takes_a_media_type_among_others() -> None:
    headers = {"Content-Type": "application/json, text/event-stream; charset=utf-8"}
    expected = [("message", "a", "", None)]
    assert HTTPX_SSE.read(b"data: a\n\n", headers=headers) == expected
    assert HTTPX_SSE.read_originally(b"data: a\n\n", headers=headers) == expected


def test_a_check_that_a_user_took_away_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(our_httpx_sse.EventSource, "_check_content_type", lambda self: None)
    assert HTTPX_SSE.read(b"data: a\n\n", headers={}) == [("message", "a", "", None)]


def test_the_content_encoding_is_undone_by_the_http_library(family: Family) -> None:
    packer = zlib.compressobj(wbits=31)
    body = packer.compress("data: Grüße\n\n".encode() * 100) + packer.flush()
    found = family.read(body[:40], body[40:], headers={**STREAM, "Content-Encoding": "gzip"})
    assert found == [("message", "Grüße", "", None)] * 100


def test_an_early_end_closes_what_reads_the_response_and_not_the_response(family: Family) -> None:
    closed = []

    class Source:
        headers = family.http.Headers(STREAM)

        def iter_bytes(self) -> Iterator[bytes]:
            try:
                yield b"data: a\n\ndata: b\n\n"
                yield b"data: c\n\n"
            finally:
                closed.append("iterator")

        async def aiter_bytes(self) -> AsyncIterator[bytes]:
            try:
                yield b"data: a\n\ndata: b\n\n"
                yield b"data: c\n\n"
            finally:
                closed.append("awaited iterator")

        def close(self) -> None:
            closed.append("response")

        aclose = close

    with closing(family.iterate(family.ours.EventSource(Source()))) as events:  # type: ignore[type-var]
        assert next(events).data == "a"
    assert closed == ["iterator"]

    async def run() -> None:
        events = family.aiterate(family.ours.EventSource(Source()))
        assert (await events.__anext__()).data == "a"
        await events.aclose()
        # In the same task, before any other step of the loop.
        assert closed == ["iterator", "awaited iterator"]

    asyncio.run(run())


def test_what_is_dropped_at_the_end_is_told_to_the_logger(
    family: Family, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", "ssewire"):
        family.read(b"data: a\n\ndata: bc")
    told = "8 bytes of an unfinished event were dropped at the end of the stream"
    assert [record.getMessage() for record in caplog.records] == [told, told]


def test_what_reading_raises_comes_unchanged_after_the_events_before_it(family: Family) -> None:
    error = family.http.ReadTimeout("no bytes")

    def broken() -> Iterator[bytes]:
        yield b"data: a\n\ndata: b"
        raise error

    response = family.made(broken())
    events = family.iterate(family.ours.EventSource(response))
    assert next(events).data == "a"
    with pytest.raises(family.http.ReadTimeout) as caught:
        next(events)
    assert caught.value is error


# --- what is not


@pytest.mark.parametrize(
    ("body", "theirs", "ours"),
    [
        (b"\xef\xbb\xbfdata: a\n\n", [], [("message", "a", "", None)]),
        (b"retry: 10\n\n", [("message", "", "", 10)], []),
        (b"id: 1\n\n", [("message", "", "1", None)], []),
        (b"event: ping\n\n", [("ping", "", "", None)], []),
        (b"retry: -5\ndata: a\n\n", [("message", "a", "", -5)], [("message", "a", "", None)]),
        (b"retry: 1_0\ndata: a\n\n", [("message", "a", "", 10)], [("message", "a", "", None)]),
    ],
    ids=["BOM", "retry alone", "id alone", "event alone", "retry below 0", "retry with _"],
)
def test_the_standard_counts_where_the_original_breaks_it(
    family: Family, body: bytes, theirs: list[Any], ours: list[Any]
) -> None:
    assert family.read_originally(body) == theirs
    assert family.read(body) == ours


def test_an_id_of_a_block_without_data_counts_from_then_on(family: Family) -> None:
    assert family.read(b"id: 1\n\ndata: a\n\n") == [("message", "a", "1", None)]


def test_a_keep_alive_after_an_id_is_no_event() -> None:
    body = b"id: 1\ndata: a\n\n: keep-alive\n\n\n"
    first, more = ("message", "a", "1", None), ("message", "", "1", None)
    assert HTTPX_SSE.read_originally(body) == [first, more, more]
    assert HTTPX_SSE.read(body) == [first]


def test_a_charset_parameter_changes_nothing(family: Family) -> None:
    headers = {"Content-Type": "text/event-stream; charset=iso-8859-1"}
    body = "data: Grüße\n\n".encode()
    assert family.read_originally(body, headers=headers)[0][1] == "GrÃ¼Ã\x9fe"
    assert family.read(body, headers=headers) == [("message", "Grüße", "", None)]


def test_an_event_that_a_lone_cr_ends_comes_at_once(family: Family) -> None:
    asked: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(2):
            asked.append(number)
            yield b"data: a\r\r"

    for package, expected in ((family.original, [0, 1]), (family.ours, [0])):
        asked.clear()
        response = family.made(chunks())
        assert next(family.iterate(package.EventSource(response))).data == "a"
        assert asked == expected


def test_httpx_sse_refuses_a_media_type_with_capitals() -> None:
    headers = {"Content-Type": "Text/Event-Stream"}
    with pytest.raises(httpx_sse.SSEError):
        HTTPX_SSE.read_originally(b"data: a\n\n", headers=headers)
    assert len(HTTPX_SSE.read(b"data: a\n\n", headers=headers)) == 1


def test_an_event_beyond_the_limit_is_an_error_after_those_before_it(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ssewire.compat.httpx_sse._api.MAX_EVENT_SIZE", 100)
    options = {"max_event_size": 100} if family is HTTPX2 else {}
    body = b"data: a\n\ndata: " + b"b" * 101
    events = family.iterate(family.ours.EventSource(family.response(body), **options))
    assert next(events).data == "a"
    with pytest.raises(family.ours.SSEError, match="exceeded the 100 byte limit") as caught:
        next(events)
    assert isinstance(caught.value.__cause__, EventTooLarge)

    async def run() -> None:
        response = family.awaited_response(body)
        events = family.aiterate(family.ours.EventSource(response, **options))
        assert (await events.__anext__()).data == "a"
        with pytest.raises(family.ours.SSEError, match="exceeded the 100 byte limit"):
            await events.__anext__()

    asyncio.run(run())


@needs_httpx2
def test_the_limit_counts_what_is_kept_and_not_the_names_of_fields() -> None:
    body = b"data: aaaa\n" * 3 + b"\n"
    theirs = httpx2.EventSource(HTTPX2.response(body), max_event_size=20)
    with pytest.raises(httpx2.SSEError, match="exceeded the 20 byte limit"):
        list(theirs)
    events = our_httpx2.EventSource(HTTPX2.response(body), max_event_size=20)
    assert [event.data for event in events] == ["aaaa\naaaa\naaaa"]


@needs_httpx2
def test_a_response_of_httpx2_need_not_belong_to_a_request() -> None:
    for package in (httpx2, our_httpx2):
        response = httpx2.Response(200, headers=STREAM, content=iter([b"data: a\n\n"]))
        source = package.EventSource(response)
        if package is httpx2:
            with pytest.raises(RuntimeError):
                list(source)
        else:
            assert [event.data for event in source] == ["a"]


@needs_httpx2
def test_an_error_of_httpx2_knows_its_request_where_there_is_one() -> None:
    response = HTTPX2.response(headers={})
    with pytest.raises(httpx2.SSEError) as caught:
        list(our_httpx2.EventSource(response))
    assert caught.value.request is response.request
    with pytest.raises(httpx2.SSEError) as caught:
        list(our_httpx2.EventSource(httpx2.Response(200)))
    with pytest.raises(RuntimeError):
        caught.value.request  # noqa: B018


# --- connecting


@pytest.mark.sockets
@pytest.mark.parametrize("headers", [None, {"X-A": "1", "accept": "b"}, [("X-A", "1")]])
def test_connecting_asks_for_a_stream_and_closes_it(headers: Any) -> None:
    before = headers and headers.copy()
    body = [head(200, CHUNKED), chunk(b"data: a\n\n"), LAST_CHUNK]
    with Server([body]) as server:
        options = {} if headers is None else {"headers": headers}
        with (
            httpx.Client(trust_env=False) as client,
            our_httpx_sse.connect_sse(
                client, "POST", server.url, json={"q": 1}, **options
            ) as source,
        ):
            assert [event.data for event in source.iter_sse()] == ["a"]
        assert source.response.is_closed

        async def run() -> None:
            async with httpx.AsyncClient(trust_env=False) as client:
                async with our_httpx_sse.aconnect_sse(
                    client, "POST", server.url, json={"q": 1}, **options
                ) as source:
                    assert [event.data async for event in source.aiter_sse()] == ["a"]
                assert source.response.is_closed

        asyncio.run(run())
    for request in server.requests:
        assert (request.method, request.body) == ("POST", b'{"q":1}')
        accepted = [value for name, value in request.fields if name == "accept"]
        assert accepted == [b"text/event-stream"]
        assert request.headers["cache-control"] == "no-store"
        assert request.headers.get("x-a") == (None if headers is None else "1")
    assert len(server.requests) == 2
    assert headers == before


def test_connecting_with_the_original_changes_the_callers_headers_or_fails() -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    url = "http://example.test/"
    mine = {"X-A": "1"}
    with httpx_sse.connect_sse(client, "GET", url, headers=mine):
        assert mine == {"X-A": "1", "Accept": "text/event-stream", "Cache-Control": "no-store"}
    for headers in (None, [("X-A", "1")]):
        with pytest.raises(TypeError), httpx_sse.connect_sse(client, "GET", url, headers=headers):
            pass
        with our_httpx_sse.connect_sse(client, "GET", url, headers=headers) as source:
            assert source.response.request.headers["Accept"] == "text/event-stream"


@pytest.mark.sockets
def test_silence_is_the_timeout_of_the_http_library(family: Family) -> None:
    body = [head(200, CHUNKED), chunk(b"data: a\n\n"), "hold"]
    with Server([body]) as server, ExitStack() as stack:
        client = stack.enter_context(family.http.Client(trust_env=False, timeout=0.2))
        response = stack.enter_context(client.stream("GET", server.url))
        events = family.iterate(family.ours.EventSource(response))
        assert next(events).data == "a"
        with pytest.raises(family.http.ReadTimeout):
            next(events)


# --- what is private in httpx-sse, and in use


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\r",
        "\r\n",
        "a",
        "a\r",
        "a\n\nb",
        "a\r\n\r\nb\r\rc\n",
        "\n\r\n\r",
        "a\u2028b\x85c\nd",
    ],
)
def test_lines_are_those_of_the_original_at_every_cut(text: str) -> None:
    from httpx_sse import _decoders as theirs

    from ssewire.compat.httpx_sse import _decoders as ours

    expected = theirs._splitlines_sse(text)
    assert ours._splitlines_sse(text) == expected
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            decoder = ours.SSELineDecoder()
            lines = decoder.decode(text[:first]) + decoder.decode(text[first:second])
            lines += decoder.decode(text[second:]) + decoder.flush()
            assert lines == expected
            # As new.
            assert decoder.flush() == []
            assert decoder.decode("x\n") == ["x"]


def test_a_line_in_many_pieces_costs_what_it_is_long() -> None:
    decoder = our_httpx_sse._decoders.SSELineDecoder()
    assert [decoder.decode("ab") for _ in range(100_000)].count([]) == 100_000
    assert decoder.decode("\n") == ["ab" * 100_000]


def test_the_decoder_of_lines_gives_events() -> None:
    from ssewire.compat.httpx_sse._decoders import SSEDecoder

    decoder = SSEDecoder()
    lines = ["event: e", "data: a", "data: b\u2028c", "id: 1", "retry: 5", ": x", ""]
    given = [decoder.decode(line) for line in lines]
    assert given[:-1] == [None] * 6
    assert fields(given[-1]) == ("e", "a\nb\u2028c", "1", 5)
    assert decoder.decode("") is None
    assert decoder.decode("data: \ud800") is None
    assert decoder.decode("").data == "\ufffd" * 3  # type: ignore[union-attr]
    small = SSEDecoder(max_event_size=10)
    with pytest.raises(EventTooLarge):
        small.decode("data: " + "a" * 11)


@pytest.mark.parametrize("kind", ["_iter_sse_lines", "_aiter_sse_lines"])
def test_lines_of_a_response_are_those_of_the_original(kind: str) -> None:
    from httpx_sse import _api as theirs

    from ssewire.compat.httpx_sse import _api as ours

    chunks = b"a\r", b"\nb\xe2\x80", b"\xa8c\r\rd"

    async def gather(lines: Any) -> list[str]:
        return [line async for line in lines]

    for module in (theirs, ours):
        function = getattr(module, kind)
        if kind.startswith("_a"):
            found = asyncio.run(gather(function(HTTPX_SSE.awaited_response(*chunks))))
        else:
            found = list(function(HTTPX_SSE.response(*chunks)))
        assert found == ["a", "b\u2028c", "", "d"]


def test_everything_is_there_under_the_modules_of_the_original() -> None:
    for name in ("_api", "_decoders", "_exceptions", "_models"):
        theirs = import_module(f"httpx_sse.{name}")
        ours = import_module(f"ssewire.compat.httpx_sse.{name}")
        made_there = {
            each for each, value in vars(theirs).items()
            if getattr(value, "__module__", None) == theirs.__name__
        }  # fmt: skip
        assert not {each for each in made_there if not hasattr(ours, each)}


def test_parse_and_the_front_agree_on_a_large_stream(family: Family) -> None:
    body = b"".join(b"id: %d\ndata: %d\ndata: b\n\n" % (n, n) for n in range(5000))
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    assert family.read(*pieces) == [fields(event) for event in parse(body)]
