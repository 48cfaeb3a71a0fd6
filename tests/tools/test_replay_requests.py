# SPDX-License-Identifier: MIT
"""Requests to the replay server, read without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire.replay._requests import MAX_BODY, MAX_HEAD, Refused, RequestReader, Seen


def message(*fields: str, body: bytes = b"", first: str = "POST /v1/messages HTTP/1.1") -> bytes:
    lines = [first, *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def read(data: bytes, reader: RequestReader | None = None) -> Seen | None:
    reader = RequestReader(0) if reader is None else reader
    reader.feed(data)
    return reader.next()


def refused(data: bytes) -> tuple[int, str, str]:
    with pytest.raises(Refused) as caught:
        read(data)
    return caught.value.status, caught.value.kind, caught.value.message


def test_a_request_has_its_line_fields_body_and_the_number_of_its_connection() -> None:
    reader = RequestReader(7)
    seen = read(message("Host: h", "X-Note:  a b ", body=b"{}"), reader)
    assert seen is not None
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/messages", b"{}")
    assert (seen.headers["host"], seen.headers["x-note"], seen.connection) == ("h", "a b", 7)
    assert (reader.persistent, reader.chunks, reader.head_only) == (True, True, False)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.integers(1, 50))
def test_requests_come_out_one_by_one_however_they_are_cut(bodies: list[bytes], cut: int) -> None:
    data = b"".join(message("Host: h", body=body) for body in bodies)
    reader = RequestReader(0)
    seen = []
    for at in range(0, len(data), cut):
        reader.feed(data[at : at + cut])
        request = reader.next()
        while request is not None:
            seen.append(request.body)
            request = reader.next()
    assert seen == bodies
    assert reader.waiting == 0


IN_CHUNKS = message("Transfer-Encoding: Chunked", "Expect: 100-continue")


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"000;last\r\nX: y\r\nZ: \r\n\r\n"])
def test_a_body_in_chunks_is_read_however_it_is_cut(cut: int, end: bytes) -> None:
    chunks = b"2\r\n{}\r\n0A ;name=value\r\n\r\n\r\n\r\n\r\n\r\n\r\n" + end
    data = (IN_CHUNKS + chunks) * 2 + message("Host: h", body=b"last")
    reader = RequestReader(0)
    seen = []
    for at in range(0, len(data), cut):
        request = read(data[at : at + cut], reader)
        while request is not None:
            assert (reader.persistent, reader.interim) == (True, b"")
            seen.append(request.body)
            request = reader.next()
    assert seen == [b"{}" + b"\r\n" * 5, b"{}" + b"\r\n" * 5, b"last"]
    assert reader.waiting == 0


def test_a_body_in_chunks_is_asked_for_where_the_client_waits() -> None:
    reader = RequestReader(0)
    assert read(IN_CHUNKS, reader) is None
    assert reader.interim == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("chunks", "status", "text"),
    [
        *((each, 400, "size of a chunk") for each in (b"-1\r\n", b"\r\n", b"0x1\r\n", b"g\r\n")),
        (b"1" * 17 + b"\r\n", 400, "size of a chunk"),
        (b"1;" + b"x" * 1022, 400, "size of a chunk"),
        (b"1\r\nxx\r\n", 400, "longer than its size"),
        (b"%x\r\n" % (MAX_BODY + 1), 413, "exceeds the maximum size"),
        (b"1\r\nx\r\n%x\r\n" % MAX_BODY, 413, "exceeds the maximum size"),
        (b"0\r\n" + b"x" * MAX_HEAD, 431, "trailer is too large"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_chunks_that_are_none_or_too_much_are_refused(
    chunks: bytes, status: int, text: str
) -> None:
    found = refused(IN_CHUNKS + chunks)
    assert found[0] == status
    assert text in found[2]


def test_an_empty_line_before_a_request_is_no_part_of_it() -> None:
    reader = RequestReader(0)
    for byte in b"\r\n\r\n" + message("Host: h", body=b"{}")[:-1]:
        assert read(bytes([byte]), reader) is None
    seen = read(b"}", reader)
    assert seen is not None
    assert (seen.method, seen.body) == ("POST", b"{}")


@pytest.mark.parametrize(
    ("sent", "target"),
    [
        ("http://h:1/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("HTTPS://h", "/"),
        ("http://h?a=b", "/?a=b"),
        ("/http://h/", "/http://h/"),
    ],
)
def test_a_target_may_have_the_host_in_it(sent: str, target: str) -> None:
    seen = read(message(first=f"POST {sent} HTTP/1.1"))
    assert seen is not None
    assert seen.target == target


def test_what_was_sent_ahead_waits() -> None:
    second = message("Host: h")
    reader = RequestReader(0)
    assert read(message("Host: h", body=b"{}") + second, reader) is not None
    assert reader.waiting == len(second)


def test_a_continuation_is_due_once_and_only_before_the_body() -> None:
    whole = message("Expect: 100-Continue", body=b"body")
    reader = RequestReader(0)
    assert read(whole[:-4], reader) is None
    assert reader.interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    reader.interim = b""
    assert read(whole[-4:-1], reader) is None
    assert reader.interim == b""
    assert read(whole[-1:], reader) is not None
    assert read(whole, reader) is not None
    assert reader.interim == b""


@pytest.mark.parametrize(
    ("request_line", "fields", "persistent", "chunks"),
    [
        ("GET / HTTP/1.1", [], True, True),
        ("GET / HTTP/1.1", ["Connection: Close"], False, True),
        ("GET / HTTP/1.0", [], False, False),
        ("GET / HTTP/1.0", ["Connection: keep-alive"], False, False),
    ],
)
def test_what_becomes_of_a_connection_is_the_clients_to_say(
    request_line: str, fields: list[str], persistent: bool, chunks: bool
) -> None:
    reader = RequestReader(0)
    assert read(message(*fields, first=request_line), reader) is not None
    assert (reader.persistent, reader.chunks) == (persistent, chunks)


def test_a_connection_does_not_go_on_while_the_end_of_a_request_is_unknown() -> None:
    reader = RequestReader(0)
    read(message("Host: h"), reader)
    with pytest.raises(Refused):
        read(message("Transfer-Encoding: gzip"), reader)
    assert not reader.persistent


def test_a_head_without_a_body_is_that_of_its_own_request_only() -> None:
    reader = RequestReader(0)
    read(message(first="HEAD / HTTP/1.1"), reader)
    assert reader.head_only
    with pytest.raises(Refused):
        read(b"nonsense\r\n\r\n", reader)
    assert not reader.head_only


def test_what_has_no_end_that_can_be_known_is_refused() -> None:
    bad = "invalid_request_error"
    assert refused(b"hello\r\n\r\n") == (400, bad, "this is not HTTP/1.1")
    assert refused(message(first="GET / HTTP/2")) == (400, bad, "this is not HTTP/1.1")
    unclear = (400, bad, "the length of the body is not clear")
    assert refused(message("Transfer-Encoding: gzip, chunked")) == unclear
    assert refused(message("Transfer-Encoding: chunked", body=b"{}")) == unclear
    for length in ("-1", "+1", "1_0", "", "9" * 19):
        number = refused(message(f"Content-Length: {length}"))
        assert number == (400, bad, "the Content-Length is not a number")
    assert refused(message(f"Content-Length: {MAX_BODY + 1}"))[:2] == (413, "request_too_large")
    assert read(message(f"Content-Length: {MAX_BODY}")) is None


def test_a_head_may_be_as_large_as_the_limit_and_no_larger() -> None:
    assert read(b"x" * MAX_HEAD) is None
    assert refused(b"x" * (MAX_HEAD + 1))[0] == 431


def test_a_request_has_its_path_and_its_body_as_json() -> None:
    seen = read(message("x-api-key: secret", body=b'{"a": [1]}', first="POST /p?q=1 HTTP/1.1"))
    assert seen is not None
    assert (seen.target, seen.path, seen.json()) == ("/p?q=1", "/p", {"a": [1]})
    assert "secret" not in repr(seen)
    with pytest.raises(ValueError, match="line 1 column 1"):
        Seen("GET", "/", seen.headers, b"", 0).json()
