# SPDX-License-Identifier: MIT
"""Response framing, at any cut, with http.client's reading of the same bytes as second opinion."""

from __future__ import annotations

import http.client
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire._headers import Headers
from ssewire._http.heads import MAX_HEAD, MAX_HEADERS, body_framing, connect_head, request_head
from ssewire._http.proxy import Proxy, parse_proxy
from ssewire._http.reader import MAX_CHUNK_LINE, ResponseReader, SilentReader
from ssewire._http.request import HTTPRequest
from ssewire.errors import ConnectionLost, HTTPFormatError
from tests.http.reader_campaign import campaign
from tests.kit.costs import assert_linear

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def read(raw: bytes, cuts: list[int] | None = None, method: str = "GET", **options: Any) -> Any:
    """Return what a reader makes of `raw`, fed in pieces of the given sizes, then closed."""
    reader = ResponseReader(method, **options)
    body = b""
    pos = 0
    for size in cuts or []:
        body += b"".join(reader.feed(raw[pos : pos + size]))
        pos += size
    body += b"".join(reader.feed(raw[pos:]))
    complete = reader.complete
    reader.close()
    error = reader.error and (type(reader.error), str(reader.error))
    return reader.head, body, complete, error, reader.complete and reader.leftover


def outcome(raw: bytes, method: str = "GET") -> Any:
    """As `read`, the same whole, byte by byte and in threes, or the test fails."""
    whole = read(raw, method=method)
    for size in (1, 2, 3, 7):
        assert read(raw, [size] * (len(raw) // size), method) == whole
    return whole


def error_of(raw: bytes, method: str = "GET") -> Any:
    error = outcome(raw, method)[3]
    assert error is not None, "accepted"
    return error


def test_a_body_with_a_length_ends_there_and_leaves_the_rest() -> None:
    head, body, complete, error, leftover = outcome(
        b"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhelloHTTP/1.1"
    )
    assert (head.status, head.reason, head.version) == (200, "Fine", 11)
    assert head.headers.multi_items() == [("Content-Length", "5"), ("X-A", "b")]
    assert (body, complete, error, leftover) == (b"hello", True, None, b"HTTP/1.1")


def test_a_chunked_body_with_extensions_and_trailers() -> None:
    raw = CHUNKED + b'5;a="b"\r\nhello\r\n00a ; x\r\n, world, a\r\n0\r\nT: v\r\nU: w\r\n\r\nrest'
    _, body, complete, error, leftover = outcome(raw)
    assert (body, complete, error, leftover) == (b"hello, world, a", True, None, b"rest")


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    _, body, complete, error, _ = outcome(b"HTTP/1.0 200 OK\r\n\r\nabc\n\ndef")
    assert (body, complete, error) == (b"abc\n\ndef", False, None)


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_body_is_given_out_in_the_feed_that_brings_it(size: int) -> None:
    reader = ResponseReader()
    assert reader.feed(CHUNKED + b"3\r\nab") == [b"ab"]
    assert reader.feed(b"c\r\n2\r\nde\r\n" + b"".join([b"1\r\nf\r\n"] * size)) == [
        b"c",
        b"de",
        *[b"f"] * size,
    ]


def test_interim_responses_are_skipped() -> None:
    raw = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    head, body, complete, error, _ = outcome(raw)
    assert (head.status, body, complete, error) == (200, b"ok", True, None)
    assert "Link" not in head.headers


@pytest.mark.parametrize(
    ("method", "first", "fields"),
    [
        ("HEAD", b"200 OK", b"Content-Length: 5\r\n"),
        ("HEAD", b"200 OK", b"Transfer-Encoding: chunked\r\n"),
        ("GET", b"204 No Content", b"Content-Length: 5\r\n"),
        ("GET", b"304 Not Modified", b"Content-Length: 5\r\n"),
        ("GET", b"200 OK", b"Content-Length: 0\r\n"),
    ],
)
def test_responses_without_a_body_are_complete_with_their_head(
    method: str, first: bytes, fields: bytes
) -> None:
    raw = b"HTTP/1.1 " + first + b"\r\n" + fields + b"\r\n"
    _, body, complete, error, _ = outcome(raw, method)
    assert (body, complete, error) == (b"", True, None)


def test_a_tunnel_begins_right_after_the_head() -> None:
    reader = ResponseReader("CONNECT", tunnel=True)
    assert reader.feed(b"HTTP/1.1 200 Connection established\r\nContent-Length: 9\r\n\r\n") == []
    assert reader.complete
    assert reader.error is None


def test_a_refused_tunnel_is_an_ordinary_response() -> None:
    reader = ResponseReader("CONNECT", tunnel=True)
    assert reader.feed(b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno") == [b"no"]
    assert reader.complete


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_lines_may_end_in_lf_alone(ending: bytes) -> None:
    raw = b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok".replace(b"\n", ending)
    assert outcome(raw)[1:4] == (b"ok", True, None)


WHOLE_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"

GARBAGE = [
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"\x15\x03\x01\x00\x02\x02\x16",
    b"\r\nHTTP/1.1 200 OK\r\n\r\n",
    b"http/1.1 200 OK\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 099 OK\r\n\r\n",
    b"HTTP/1.1 +20 OK\r\n\r\n",
    b"HTTP/1.1  200 OK\r\n\r\n",
    b"HTTP/1.1 200 O\rK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nNoColon\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nSpace : v\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n: v\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\tfolded: at once\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\r\n \r\nContent-Length: 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\r\n folded\0\r\n\r\n",
    b" HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: identity\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding:\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n 3\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked;q=1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    CHUNKED + b"x\r\n",
    CHUNKED + b"\r\n",
    CHUNKED + b"-1\r\n",
    CHUNKED + b"0x1\r\na\r\n",
    CHUNKED + b"1_0\r\na\r\n",
    CHUNKED + b"11111111111111111\r\na\r\n",
    CHUNKED + b"1\r\nab",
    CHUNKED + b"1\r\na\n\r",
    CHUNKED + b"1;" + b"x" * (MAX_CHUNK_LINE + 1),
    CHUNKED + b"0\r\n" + b"T: v\r\n" * (MAX_HEAD // 6 + 1),
    CHUNKED + b"2\nok\r\n0\r\n\r\n",
    CHUNKED + b"2;x=y\nok\r\n0\r\n\r\n",
    CHUNKED + b"2\r\nok\n0\r\n\r\n",
    CHUNKED + b"2\r\nok\r\n0\n\r\n",
    CHUNKED + b"0\r\nT: v\n\r\n",
    CHUNKED + b"0\r\nT: v\r\n\n",
]


@pytest.mark.parametrize("raw", GARBAGE, ids=[str(raw[:45]) for raw in GARBAGE])
def test_what_can_be_read_in_two_ways_or_none_is_refused(raw: bytes) -> None:
    kind, text = error_of(raw)
    assert kind is HTTPFormatError
    assert len(text) < 200


def test_garbage_is_refused_at_its_first_byte_not_at_its_first_line_end() -> None:
    reader = ResponseReader()
    reader.feed(b"S")
    assert isinstance(reader.error, HTTPFormatError)


def test_the_body_before_a_bad_chunk_still_comes_out() -> None:
    assert outcome(CHUNKED + b"2\r\nok\r\nzz\r\n")[1] == b"ok"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HT",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 103 Early\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        CHUNKED,
        CHUNKED + b"5",
        CHUNKED + b"5\r\nhell",
        CHUNKED + b"5\r\nhello",
        CHUNKED + b"5\r\nhello\r",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"5\r\nhello\r\n0",
    ],
    ids=str,
)
def test_a_connection_that_ends_too_early_is_lost(raw: bytes) -> None:
    assert error_of(raw)[0] is ConnectionLost


@pytest.mark.parametrize(
    ("fields", "body", "expected"),
    [
        (b"Transfer-Encoding: identity", b"hello", b"hello"),
        (b"Transfer-Encoding: Identity, identity", b"hello", b"hello"),
        (b"Transfer-Encoding:", b"hello", b"hello"),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", WHOLE_CHUNKS, b"hello"),
        (b"Transfer-Encoding: chunked, Chunked", WHOLE_CHUNKS, b"hello"),
        (b"Transfer-Encoding: chunked,,", WHOLE_CHUNKS, b"hello"),
        (b"Transfer-Encoding: identity, chunked", WHOLE_CHUNKS, b"hello"),
        (b"Transfer-Encoding:\r\n\tchunked", WHOLE_CHUNKS, b"hello"),
        (b"Content-Length:\r\n 5", b"hello", b"hello"),
    ],
    ids=str,
)
def test_framing_that_is_odd_but_can_be_read_in_one_way_is_read_so(
    fields: bytes, body: bytes, expected: bytes
) -> None:
    reader = ResponseReader()
    got = b"".join(reader.feed(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n" + body))
    reader.close()
    assert (got, reader.complete, reader.error) == (expected, True, None)


@pytest.mark.parametrize(
    ("fields", "reusable"),
    [
        (b"Transfer-Encoding: chunked", True),
        (b"Transfer-Encoding: chunked,", True),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", False),
        (b"Transfer-Encoding: identity, chunked", False),
        (b"Transfer-Encoding: chunked\r\nX: y\r\n z", False),
    ],
    ids=str,
)
def test_a_connection_with_an_odd_response_carries_no_other(fields: bytes, reusable: bool) -> None:
    reader = ResponseReader()
    reader.feed(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n" + WHOLE_CHUNKS)
    assert reader.complete
    assert reader.reusable is reusable


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        (b"a\r\n b", "a b"),
        (b"a \t\r\n \t b\t", "a b"),
        (b"\r\n\tb", "b"),
        (b"a,\r\n b,\r\n c\r\n  d", "a, b, c d"),
        (b"a\n b", "a b"),
    ],
    ids=str,
)
def test_a_fold_is_one_space(lines: bytes, value: str) -> None:
    reader = ResponseReader()
    reader.feed(b"HTTP/1.1 200 OK\r\nX:" + lines + b"\r\nY: z\r\n\r\n")
    assert reader.head is not None
    assert reader.head.headers.multi_items() == [("X", value), ("Y", "z")]


@pytest.mark.parametrize("tail", [b"0\r\n", b"0\r\n\r", b"0\r\nT: v"], ids=str)
def test_a_body_is_whole_with_its_last_chunk_even_if_the_trailers_are_cut(tail: bytes) -> None:
    _, body, _, error, _ = outcome(CHUNKED + b"2\r\nok\r\n" + tail)
    assert (body, error) == (b"ok", None)


@pytest.mark.parametrize("step", [1000, 2**16, 2**20])
def test_a_head_of_a_mebibyte_and_an_endless_one_are_refused_at_the_limit(step: int) -> None:
    reader = ResponseReader()
    line = b"X: " + b"x" * step
    reader.feed(b"HTTP/1.1 200 OK\r\n" + line)
    fed = 17 + len(line)
    while reader.error is None:
        assert fed <= MAX_HEAD
        reader.feed(b"x" * step)
        fed += step
    assert str(reader.error) == f"a response head larger than {MAX_HEAD} bytes"


def test_the_largest_head_is_taken_and_one_byte_more_is_not() -> None:
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "
    fits = start + b"x" * (MAX_HEAD - len(start) - 4) + b"\r\n\r\n"
    assert read(fits)[3] is None
    assert read(fits, [100] * 700)[3] is None
    too_large = fits.replace(b"X: ", b"X: x")
    assert read(too_large)[3] == read(too_large, [100] * 700)[3]
    assert read(too_large)[3][0] is HTTPFormatError


def test_endless_interim_responses_are_refused() -> None:
    reader = ResponseReader()
    for _ in range(MAX_HEAD // 25 + 1):
        reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert isinstance(reader.error, HTTPFormatError)


def test_a_hundred_fields_are_taken_and_one_more_is_not() -> None:
    def head(count: int) -> bytes:
        return b"HTTP/1.1 204 No\r\n" + b"A: b\r\n" * count + b"\r\n"

    assert outcome(head(MAX_HEADERS))[3] is None
    assert error_of(head(MAX_HEADERS + 1))[0] is HTTPFormatError


def test_nothing_comes_out_after_an_error_and_close_keeps_it() -> None:
    reader = ResponseReader()
    reader.feed(b"garbage")
    error = reader.error
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nabc") == []
    reader.close()
    assert reader.error is error


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_bytes_like_object_is_taken_and_not_kept(kind: type) -> None:
    buffer = bytearray(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    reader = ResponseReader()
    pieces = reader.feed(kind(buffer))
    buffer[:] = bytes(len(buffer))
    assert pieces == [b"ok"]


def test_str_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        ResponseReader().feed("HTTP")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("head", "rest", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2", b"ok", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"0\r\n\r\n", True),
        (b"HTTP/1.1 204 No", b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x, Close", b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2", b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive", b"ok", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2", b"o", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2", b"okHTTP", False),
        (b"HTTP/1.1 200 OK", b"ok", False),
    ],
)
def test_a_connection_can_be_used_again_after_a_whole_response_that_allows_it(
    head: bytes, rest: bytes, reusable: bool
) -> None:
    reader = ResponseReader()
    reader.feed(head + b"\r\n\r\n" + rest)
    assert reader.reusable is reusable


def test_framing_of_repeated_equal_lengths_is_that_length() -> None:
    fields = Headers([("Content-Length", "5, 5"), ("content-length", "5")])
    assert body_framing("GET", 200, fields) == 5


# Valid responses, built at random, and the same cut at random.
TOKEN = st.text("abcXYZ-_09", min_size=1, max_size=12)
VALUE = st.text("abc XYZ;=\"',\xe9\x01", max_size=20)
PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
TAKEN = ("content-length", "transfer-encoding", "connection")


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, bytes]:
    fields = [
        (name, value)
        for name, value in draw(st.lists(st.tuples(TOKEN, VALUE), max_size=5))
        if name.lower() not in TAKEN
    ]
    pieces = draw(PIECES)
    body = b"".join(pieces)
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    if framing == "length":
        fields.append(("Content-Length", str(len(body))))
        wire = body
    elif framing == "chunked":
        fields.append(
            (draw(st.sampled_from(["Transfer-Encoding", "transfer-ENCODING"])), "chunked")
        )
        extension = draw(st.sampled_from([b"", b";x", b" ;a=b"]))
        wire = b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in pieces)
        wire += draw(st.sampled_from([b"0\r\n\r\n", b"000;e\r\nT: v\r\n\r\n"]))
    else:
        wire = body
    head = f"HTTP/1.{draw(st.sampled_from('01'))} {draw(st.integers(200, 203))} Why not\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    return interim + head.encode("latin-1") + wire, body


class Socket:
    """As much of a socket as http.client.HTTPResponse reads from."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._raw)


@settings(max_examples=200, deadline=None)
@given(responses(), st.lists(st.integers(1, 60), max_size=30))
def test_random_responses_read_as_http_client_reads_them_at_any_cut(
    response: tuple[bytes, bytes], cuts: list[int]
) -> None:
    raw, body = response
    head, ours, _, error, _ = read(raw, cuts)
    assert error is None
    assert ours == body
    assert read(raw) == read(raw, [1] * len(raw)) == (head, ours, *read(raw)[2:])
    theirs = http.client.HTTPResponse(Socket(raw))  # type: ignore[arg-type]
    theirs.begin()
    assert (head.status, head.reason, head.version) == (
        theirs.status,
        theirs.reason,
        theirs.version,
    )
    assert head.headers.multi_items() == [(n, v.strip(" \t")) for n, v in theirs.getheaders()]
    assert theirs.read() == ours


def test_random_damaged_bodies_read_as_the_literal_reading_has_them() -> None:
    assert campaign(200, 14) > 50


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(
            st.sampled_from(
                b"HTTP/1.1 200 OK|\r\n|\n|\r|Content-Length: 3|a|0|5|Transfer-Encoding: chunked"
                b"| |:|;|abc|HTTP/1.1 100 C|\0".split(b"|")
            ),
            max_size=14,
        ).map(b"".join),
    ),
    st.lists(st.integers(1, 20), max_size=20),
)
def test_whatever_comes_every_cut_gives_the_same(raw: bytes, cuts: list[int]) -> None:
    assert read(raw, cuts) == read(raw) == read(raw, [1] * len(raw))


def test_time_is_linear_in_any_chunking() -> None:
    def make(size: int) -> Any:
        raw = b"HTTP/1.1 200 OK\r\nX: " + b"x" * size

        def work() -> None:
            reader = ResponseReader()
            for pos in range(len(raw)):
                reader.feed(raw[pos : pos + 1])

        return work

    assert_linear(make, 500, 8_000)


def test_a_request_head_has_host_defaults_and_length() -> None:
    request = HTTPRequest(
        "http://h:8080/p?q=1#f", method="post", headers={"X-A": "b", "ACCEPT": "c"}, body=b"12345"
    )
    lines = request_head(request).decode().split("\r\n")
    assert lines[0] == "POST /p?q=1 HTTP/1.1"
    assert lines[1] == "Host: h:8080"
    assert lines[-2:] == ["", ""]
    assert set(lines[2:-2]) >= {"X-A: b", "ACCEPT: c", "Cache-Control: no-cache"}
    assert set(lines[2:-2]) >= {"Accept-Encoding: identity", "Content-Length: 5"}
    assert not any(line.startswith("Accept:") for line in lines)


def test_a_request_through_a_proxy_names_the_whole_url_and_the_proxys_credentials() -> None:
    request = HTTPRequest("http://h/p")
    head = request_head(request, parse_proxy("http://us%40er:pw@proxy:3128"))
    assert head.startswith(b"GET http://h/p HTTP/1.1\r\nHost: h\r\n")
    assert b"\r\nProxy-Authorization: Basic dXNAZXI6cHc=\r\n" in head


def test_a_connect_head_names_host_and_port_and_none_of_the_requests_headers() -> None:
    request = HTTPRequest("https://[::1]/p", headers={"Authorization": "secret"})
    head = connect_head(request, parse_proxy("proxy:3128"))
    assert head == b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"


def test_a_connection_header_of_the_caller_wins() -> None:
    head = request_head(HTTPRequest("http://h/", headers={"connection": "keep-alive"}))
    assert head.count(b"onnection:") == 1


@pytest.mark.parametrize("line", [b"1_0", b"+5", b"0x5", b"-1", b" 5", b"", b"5 6", b"5\r"])
def test_a_size_line_of_the_usual_length_is_checked_as_any_other(line: bytes) -> None:
    assert (
        error_of(CHUNKED + b"2\r\nok\r\n" + line + b"\r\nabcde" + bytes(40))[0] is HTTPFormatError
    )


@settings(max_examples=100, deadline=None)
@given(PIECES, st.lists(st.integers(1, 60), max_size=30), st.sampled_from([b"", b";x", b" ; y=z"]))
def test_chunks_whole_or_cut_are_read_alike(
    pieces: list[bytes], cuts: list[int], extension: bytes
) -> None:
    raw = (
        CHUNKED
        + b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in pieces)
        + b"0\r\n\r\n"
    )
    assert read(raw)[:4] == read(raw, cuts)[:4]
    assert read(raw)[1] == b"".join(pieces)


@pytest.mark.parametrize(
    ("head", "persistent"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2", False),
        (b"HTTP/1.1 200 OK", False),
    ],
)
def test_the_head_says_whether_the_connection_goes_on_after_the_body(
    head: bytes, persistent: bool
) -> None:
    reader = ResponseReader()
    assert not reader.persistent
    reader.feed(head + b"\r\n\r\n")
    assert reader.persistent is persistent
    assert not reader.reusable


@pytest.mark.parametrize("blank", ["\x0b", "\xa0", "\x85", "\x1c"])
@pytest.mark.parametrize(
    "fields",
    [
        ("Transfer-Encoding: {}chunked",),
        ("Transfer-Encoding: chunked{}",),
        ("Content-Length: 3{}",),
    ],
)
def test_only_spaces_and_tabs_may_stand_around_what_frames_a_body(
    blank: str, fields: tuple[str, ...]
) -> None:
    reader = ResponseReader()
    lines = ["HTTP/1.1 200 OK", *(field.format(blank) for field in fields)]
    reader.feed(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    assert isinstance(reader.error, HTTPFormatError)


def test_a_chunked_response_of_http_1_0_does_not_leave_its_connection_to_another() -> None:
    reader = ResponseReader()
    reader.feed(
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n"
    )
    assert reader.complete
    assert not reader.reusable


def test_credentials_for_a_proxy_go_to_the_proxy_alone() -> None:
    secret = HTTPRequest("https://h.example/", headers={"Proxy-Authorization": "Basic c2VjcmV0"})
    proxy = Proxy("p.example", 3128, "Basic b3RoZXI=")
    assert b"c2VjcmV0" not in request_head(secret)
    assert connect_head(secret, proxy).count(b"Basic c2VjcmV0") == 1
    # The caller's own win over those of the proxy's URL.
    assert b"b3RoZXI" not in connect_head(secret, proxy)
    plain = HTTPRequest("http://h.example/", headers={"Proxy-Authorization": "Basic c2VjcmV0"})
    assert request_head(plain, proxy).count(b"Basic c2VjcmV0") == 1


def test_where_nothing_may_come_yet_bytes_are_refused_and_the_end_is_the_end() -> None:
    reader = SilentReader("too early")
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\n") == []
    assert reader.head is None
    assert isinstance(reader.error, HTTPFormatError)
    assert str(reader.error) == "too early"

    reader = SilentReader("too early")
    reader.close()
    assert isinstance(reader.error, ConnectionLost)
    assert str(reader.error) == "the connection was closed without a response"
