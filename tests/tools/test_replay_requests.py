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
        read(message("Transfer-Encoding: chunked"), reader)
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
    assert refused(message("Transfer-Encoding: chunked"))[0] == 411
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
    with pytest.raises(ValueError, match="Expecting value"):
        Seen("GET", "/", seen.headers, b"", 0).json()
