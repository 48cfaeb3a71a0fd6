# SPDX-License-Identifier: MIT
"""The replay server and `ssewire replay`, asked by clients of several makes.

By http.client and plain sockets where the bytes matter, by our clients and the
official SDK where it is what a client makes of them. What the SDKs make of whole
recordings is in tests/claude/test_real_clients.py.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import platform
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire import parse
from ssewire.aio import open_stream as open_aio_stream
from ssewire.claude import APIError, AsyncClaude, Claude, StreamInterrupted, StreamTruncated
from ssewire.claude.errors import api_error
from ssewire.cli import main
from ssewire.client import EventSource, ReconnectPolicy, Timeouts
from ssewire.errors import StateError, StreamTimeout
from ssewire.replay import (
    EXAMPLES,
    Recording,
    RecordingError,
    ReplayServer,
    Reply,
    _peer,
    serve_in_thread,
    split_events,
)

pytestmark = [pytest.mark.once, pytest.mark.sockets]

FOLDER = Path(__file__).resolve().parents[2] / "src" / "ssewire" / "replay" / "examples"
HELLO = FOLDER / "hello.sse"
HELLO_BYTES = HELLO.read_bytes()
HELLO_EVENTS = split_events(HELLO_BYTES)
WEATHER = FOLDER / "weather-tool.sse"

COMMAND = [sys.executable, "-m", "ssewire", "replay"]
# Long enough for a loaded machine; nothing here waits for it unless it fails.
PATIENCE = 60
# How long silence has to last to be taken for it, seconds.
SILENCE = 0.2
# As long as for ever.
DAY = 86400.0

ASKED: dict[str, Any] = {
    "model": "claude-demo-1",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Hi"}],
}
VERSION = {"anthropic-version": "2023-06-01"}
KEY = {"x-api-key": "any", **VERSION}
SOON = ReconnectPolicy(initial_delay=0.001)


def asked(**more: Any) -> bytes:
    return json.dumps({**ASKED, "stream": True, **more}).encode()


def post(target: str = "/v1/messages", body: bytes | None = None, *fields: str) -> bytes:
    """Return a request as it goes over the wire."""
    body = asked() if body is None else body
    lines = [f"POST {target} HTTP/1.1", "Host: h", "x-api-key: k", f"Content-Length: {len(body)}"]
    lines += ["anthropic-version: 2023-06-01"]
    return "\r\n".join([*lines, *fields, "", ""]).encode() + body


def connect(server: ReplayServer) -> socket.socket:
    host, _, port = server.url[len("http://") :].rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE)


@contextmanager
def connected(server: ReplayServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(server.url[len("http://") :], timeout=PATIENCE)
    try:
        yield connection
    finally:
        connection.close()


def answer(
    connection: http.client.HTTPConnection,
    body: bytes | None = None,
    headers: dict[str, str] = KEY,
    target: str = "/v1/messages",
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request("POST", target, asked() if body is None else body, headers)
    response = connection.getresponse()
    return response, response.read()


def get(server: ReplayServer, last_event_id: str | None = None) -> tuple[int, bytes]:
    with connected(server) as connection:
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        connection.request("GET", "/", headers=headers)
        response = connection.getresponse()
        return response.status, response.read()


def received(connection: socket.socket) -> bytes:
    """Return all that comes until the end."""
    pieces: list[bytes] = []
    while True:
        piece = connection.recv(65536)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def received_until(connection: socket.socket, what: bytes) -> bytes:
    data = b""
    while what not in data:
        piece = connection.recv(65536)
        assert piece, data
        data += piece
    return data


def chunks(response: bytes) -> list[bytes]:
    """Return the chunks of a response's body, the last one, which is empty, included."""
    at = response.find(b"\r\n\r\n") + 4
    found = []
    while at < len(response):
        line = response.index(b"\r\n", at)
        end = line + 2 + int(response[at:line], 16)
        found.append(response[line + 2 : end])
        assert response[end : end + 2] == b"\r\n"
        at = end + 2
    return found


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# --- recordings


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [b"data: a\n\n", b"data: b\n\n"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"data: a\r\n\r\n", b"data: b\r\n\r\n"]),
        (b"data: a\r\rdata: b\r\r", [b"data: a\r\r", b"data: b\r\r"]),
        (b"data: a\r\n\ndata: b\n\r\n", [b"data: a\r\n\n", b"data: b\n\r\n"]),
        (b"data: a\r\ndata: b\r\n\r\n", [b"data: a\r\ndata: b\r\n\r\n"]),
        (b": note\n\ndata: a\n\n", [b": note\n\n", b"data: a\n\n"]),
        (b"data: a\n\n\n\ndata: b", [b"data: a\n\n\n\n", b"data: b"]),
        (b"\n\n\ndata: a\n\n", [b"\n\n\ndata: a\n\n"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"\xef\xbb\xbfdata: a\n\n"]),
    ],
)
def test_a_recording_is_split_into_wire_events_at_blank_lines(
    body: bytes, expected: list[bytes]
) -> None:
    assert split_events(body) == expected


@given(
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"data: a", b"data", b": c", b"id: 1", b"\xff"])
    ),
)
def test_split_anywhere_nothing_is_lost_and_no_event_torn(start: bytes, parts: list[bytes]) -> None:
    body = start + b"".join(parts)
    blocks = split_events(body)
    assert b"".join(blocks) == body
    assert all(blocks)
    torn = [[event.data for event in parse(block)] for block in blocks]
    assert all(len(events) <= 1 for events in torn)
    assert [data for events in torn for data in events] == [event.data for event in parse(body)]


def test_the_wire_events_of_a_recording_are_its_bytes(recording: Path) -> None:
    body = recording.read_bytes()
    events = split_events(body)
    assert b"".join(events) == body
    assert len(parse(body.rstrip() + b"\n\n")) == len(events)


def test_a_recording_without_timing_has_fifty_events_a_second(tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(b"data: a\n\ndata: b\n\ndata: c\n\n")
    assert Recording.load(file).seconds == [0.0, 0.02, 0.04]


def times(*pieces: tuple[int, int, float]) -> str:
    lines: list[dict[str, Any]] = [{"version": 1, "status": 200}]
    lines += [{"offset": at, "size": size, "seconds": when} for at, size, when in pieces]
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.mark.parametrize(
    ("sidecar", "expected"),
    [
        (times((0, 9, 0.5), (9, 18, 1.5)), [0.5, 1.5, 1.5]),
        # An event is there with its last byte.
        (times((0, 4, 0.5), (4, 13, 1.0), (17, 10, 2.0)), [1.0, 2.0, 2.0]),
        (times((0, 27, 0.25)) + '{"end": "complete", "seconds": 3}\n', [0.25] * 3),
        # The recorder was killed: before it wrote of the last piece; while it did.
        (times((0, 9, 0.5), (9, 9, 0.75)), [0.5, 0.75, 0.75]),
        (times((0, 9, 0.5), (9, 9, 0.75)) + '{"offset": 18, "si', [0.5, 0.75, 0.75]),
        (times((0, 27, 1.0)) + '{"news": "of a later version"}\n', [1.0] * 3),
    ],
)
def test_an_event_is_due_when_its_last_byte_was_recorded(
    tmp_path: Path, sidecar: str, expected: list[float]
) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(b"data: a\n\ndata: b\n\ndata: c\n\n")
    (tmp_path / "a.sse.times").write_text(sidecar)
    assert Recording.load(file).seconds == expected


@pytest.mark.parametrize(
    ("sidecar", "reason"),
    [
        ("", "does not belong to"),
        ("no json\n", "is not the timing of a recording"),
        ("null\n", "is not the timing of a recording"),
        ('{"version": 2}\n', "is of a newer format"),
        ('{"offset": 0}\n', "is not the timing of a recording"),
        (times((0, 10, 1.0)), "does not belong to"),
        (times((0, 5, 1.0), (5, 4, 0.5)), "does not belong to"),
        (times((1, 8, 1.0)), "does not belong to"),
        (times((0, 4, 1.0), (5, 4, 1.0)), "does not belong to"),
        (times((-5, 14, 1.0)), "does not belong to"),
        ("[" * 100_000 + "\n", "is not the timing of a recording"),
        (times((0, 9, -1.0)), "is not the timing of a recording"),
        (times((0, 9, float("inf"))), "is not the timing of a recording"),
        ('{"offset": 0, "size": Infinity, "seconds": 1}\n', "is not the timing of a recording"),
    ],
)
def test_timing_that_is_broken_or_of_another_file_is_refused(
    tmp_path: Path, sidecar: str, reason: str
) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(b"data: a\n\n")
    (tmp_path / "a.sse.times").write_text(sidecar)
    with pytest.raises(RecordingError, match=f"a.sse.times {reason}"):
        Recording.load(file)


@pytest.mark.parametrize("body", [b"", b"\n\n", b": only a comment\n\n", b'{"type": "error"}'])
def test_a_file_without_an_event_is_refused(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(body)
    with pytest.raises(RecordingError, match="has no events in it"):
        Recording.load(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"cannot read .*none\.sse: No such file"):
        Recording.load(tmp_path / "none.sse")


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot read"):
        Recording.load(tmp_path)
    file = tmp_path / "a.sse"
    file.write_bytes(b"data: a\n\n")
    (tmp_path / "a.sse.times").mkdir()
    with pytest.raises(RecordingError, match=r"cannot read .*a\.sse\.times: "):
        Recording.load(file)


def test_a_recording_needs_a_time_for_each_event() -> None:
    with pytest.raises(RecordingError, match="1 times for 2 events"):
        Recording(b"data: a\n\ndata: b\n\n", [0.0])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"speed": -1}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"chunk_size": 0}, "chunk_size"),
        ({"at": -2}, "at"),
        ({"times": -1}, "times"),
        ({"port": 65536}, "port"),
        ({"retry_after": -1.0}, "retry_after"),
        ({"retry_after": float("nan")}, "retry_after"),
        ({"fault": "fire"}, "fault"),
        ({"fault": "reset:now"}, "fault"),
        ({"fault": "error:"}, "fault"),
        ({"fault": "status:200"}, "fault"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ReplayServer([HELLO], **options)


def test_no_recording_and_one_that_is_not_in_a_list_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing to replay"):
        ReplayServer([])
    with pytest.raises(TypeError, match="as a list"):
        ReplayServer(str(HELLO))


# --- POST


def test_a_stream_has_the_bytes_of_the_recording_one_chunk_for_each_event() -> None:
    with serve_in_thread([HELLO], speed=0) as server, connect(server) as connection:
        connection.sendall(post())
        response = received_until(connection, b"\r\n0\r\n\r\n")
    head = response.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    assert head[0] == "http/1.1 200 ok"
    assert "content-type: text/event-stream; charset=utf-8" in head
    assert "transfer-encoding: chunked" in head
    assert "request-id: req_replay_000001" in head
    assert chunks(response) == [*HELLO_EVENTS, b""]


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf: note\r\n\r\ndata: a\rdata: b\r\r\n\ndata: \xff\n\n",
        b"data: complete\n\ndata: and this is cut",
    ],
)
def test_comments_line_ends_and_an_unfinished_end_are_kept(body: bytes) -> None:
    with serve_in_thread([body], speed=0) as server, connected(server) as connection:
        assert answer(connection)[1] == body


@pytest.mark.parametrize("size", [1, 7, 1000, 1_000_000])
def test_chunks_have_the_size_asked_for(size: int) -> None:
    with (
        serve_in_thread([HELLO], speed=0, chunk_size=size) as server,
        connect(server) as connection,
    ):
        connection.sendall(post())
        found = chunks(received_until(connection, b"\r\n0\r\n\r\n"))
    assert b"".join(found) == HELLO_BYTES
    assert {len(chunk) for chunk in found[:-2]} <= {size}


def test_the_path_may_have_a_query_and_of_a_loose_server_a_prefix() -> None:
    for strict, target in ((True, "/v1/messages?beta=true"), (False, "/any/prefix/v1/messages")):
        with (
            serve_in_thread([HELLO], speed=0, strict=strict) as server,
            connected(server) as connection,
        ):
            response, body = answer(connection, target=target)
            assert (response.status, body) == (200, HELLO_BYTES)


def test_recordings_are_streamed_in_turn() -> None:
    with serve_in_thread([HELLO, WEATHER], speed=0) as server, connected(server) as connection:
        bodies = [answer(connection)[1] for _ in range(3)]
    assert bodies == [HELLO_BYTES, WEATHER.read_bytes(), HELLO_BYTES]


def test_a_bearer_token_is_a_key_too() -> None:
    with serve_in_thread([HELLO], speed=0) as server, connected(server) as connection:
        assert (
            answer(connection, headers={"Authorization": "Bearer any", **VERSION})[0].status == 200
        )


def test_without_stream_the_answer_is_the_final_message(recordings: Path) -> None:
    files = sorted(recordings.glob("*.sse"))
    with serve_in_thread(files) as server, connected(server) as connection:
        for file in files:
            response, body = answer(connection, asked(stream=False))
            assert response.headers["Content-Type"] == "application/json"
            assert json.loads(body) == json.loads(file.with_suffix(".message.json").read_text())


def test_without_stream_a_recording_that_is_no_message_is_an_api_error() -> None:
    with serve_in_thread([b"data: a\n\n"]) as server, connected(server) as connection:
        response, body = answer(connection, asked(stream=False))
    assert response.status == 500
    assert "is not a whole message" in api_error(json.loads(body)).message


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "status", "kind"),
    [
        ("POST", "/v1/messages", {}, asked(), 401, "authentication_error"),
        ("POST", "/v1/messages", {"x-api-key": ""}, asked(), 401, "authentication_error"),
        ("POST", "/v1/messages/count_tokens", KEY, asked(), 404, "not_found_error"),
        ("POST", "/", KEY, asked(), 404, "not_found_error"),
        ("PUT", "/v1/messages", KEY, asked(), 405, "invalid_request_error"),
        ("POST", "/v1/messages", KEY, b"", 400, "invalid_request_error"),
        ("POST", "/v1/messages", KEY, b"no json", 400, "invalid_request_error"),
        ("POST", "/v1/messages", KEY, b"\xff", 400, "invalid_request_error"),
        ("POST", "/v1/messages", KEY, b"[" * 100_000, 400, "invalid_request_error"),
        ("POST", "/v1/messages", KEY, b"[1]", 400, "invalid_request_error"),
        ("POST", "/v1/messages", KEY, b'{"model": "m"}', 400, "invalid_request_error"),
    ],
)
def test_a_bad_request_gets_the_error_json_of_the_api_and_the_connection_goes_on(
    method: str, target: str, headers: dict[str, str], body: bytes, status: int, kind: str
) -> None:
    with serve_in_thread([HELLO], speed=0) as server, connected(server) as connection:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        error = json.loads(response.read())
        assert (response.status, error["type"], error["error"]["type"]) == (status, "error", kind)
        assert error["request_id"] == response.headers["request-id"] == "req_replay_000001"
        assert answer(connection)[1] == HELLO_BYTES
        assert server.connections == 1


@pytest.mark.parametrize("missing", ["model", "max_tokens", "messages"])
def test_a_missing_parameter_is_named(missing: str) -> None:
    body = json.dumps({name: value for name, value in ASKED.items() if name != missing}).encode()
    with serve_in_thread([HELLO]) as server, connected(server) as connection:
        assert f"{missing}: Field required" in answer(connection, body)[1].decode()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (post().replace(b"Content-Length: ", b"Content-Length: -"), 400),
        (post().replace(b"Content-Length: ", b"Transfer-Encoding: gzip\r\nX: "), 400),
        (post().replace(b"Content-Length: ", b"Content-Length: 99999999"), 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
    ],
)
def test_a_request_whose_end_is_unknown_or_too_far_ends_the_connection(
    request_bytes: bytes, status: int
) -> None:
    with serve_in_thread([HELLO]) as server, connect(server) as connection:
        connection.sendall(request_bytes)
        response = received_until(connection, b'"}')
        assert response.startswith(b"HTTP/1.1 %d " % status)
        assert b"\r\nConnection: close\r\n" in response
        assert connection.recv(1) == b""


def test_a_client_that_goes_on_sending_what_is_not_read_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_peer, "_LINGER", 0.05)
    with serve_in_thread([HELLO]) as server, connect(server) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        received(connection)
        wait_until(lambda: server.open_connections == 0)


def test_whatever_a_client_sends_is_answered_or_left_but_never_an_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = [
        *(b"\r\n", b"\r\n\r\n", b"\n", b":", b": ", b" ", b"a", b"1", b"\x00", b"\xff", b"{}"),
        *(b"GET / HTTP/1.1", b"POST /v1/messages HTTP/1.1", b"HTTP/1.0", b"x-api-key: k"),
        *(b"Content-Length: ", b"Expect: 100-continue", b"Last-Event-ID: ", b"Connection: close"),
    ]

    @settings(max_examples=150)
    @given(st.lists(st.sampled_from(parts), max_size=15))
    def ask(sent: list[bytes]) -> None:
        with connect(server) as connection:
            connection.sendall(b"".join(sent))
            connection.shutdown(socket.SHUT_WR)
            assert received(connection)[:7] in (b"", b"HTTP/1.")

    with serve_in_thread([HELLO], speed=0) as server:
        ask()
        with connected(server) as connection:
            assert answer(connection)[1] == HELLO_BYTES
    assert caplog.records == []


def test_a_body_over_the_limit_is_told_so_though_nobody_reads_it() -> None:
    with serve_in_thread([HELLO]) as server, connected(server) as connection:
        response, body = answer(connection, b" " * (33 * 2**20))
        assert response.status == 413
        assert api_error(json.loads(body)).type == "request_too_large"
        assert list(server.requests) == []


def test_head_is_answered_without_a_body() -> None:
    with serve_in_thread([HELLO], speed=0) as server, connect(server) as connection:
        connection.sendall(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + post())
        response = received_until(connection, b"\r\n0\r\n\r\n")
    first, _, second = response.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 404 ")
    assert second.startswith(b"HTTP/1.1 200 ")


# --- connections


def test_a_connection_is_kept_for_further_requests_of_all_kinds() -> None:
    with serve_in_thread([HELLO], speed=0) as server, connected(server) as connection:
        for _ in range(3):
            assert answer(connection)[1] == HELLO_BYTES
            assert answer(connection, asked(stream=False))[0].status == 200
            connection.request("GET", "/", headers={"Last-Event-ID": str(len(HELLO_EVENTS))})
            response = connection.getresponse()
            assert (response.status, response.read()) == (204, b"")
        assert server.connections == 1
        assert {seen.connection for seen in server.requests} == {0}


def test_connection_close_and_http_1_0_end_it() -> None:
    with serve_in_thread([HELLO], speed=0) as server:
        with connect(server) as connection:
            connection.sendall(post("/v1/messages", None, "Connection: close"))
            assert chunks(received(connection))[-1] == b""
        with connect(server) as connection:
            connection.sendall(post().replace(b"HTTP/1.1", b"HTTP/1.0"))
            response = received(connection)
    assert b"chunked" not in response
    assert response.partition(b"\r\n\r\n")[2] == HELLO_BYTES


@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_is_silent_for_as_long_as_it_was_told_to_be_whatever_the_speed(
    stream: bool,
) -> None:
    replies = [Reply(HELLO, delay=SILENCE), Reply(fault="status:529", delay=SILENCE)]
    with serve_in_thread(replies, speed=0) as server, connected(server) as connection:
        for status in (200, 529):
            began = time.monotonic()
            assert answer(connection, asked(stream=stream))[0].status == status
            assert time.monotonic() - began >= SILENCE
        assert server.connections == 1


def test_a_client_that_leaves_during_the_silence_is_let_go() -> None:
    with serve_in_thread([Reply(HELLO, delay=DAY)]) as server:
        with connect(server) as connection:
            connection.sendall(post())
            wait_until(lambda: server.open_streams == 1)
        wait_until(lambda: server.open_connections == 0)


def test_requests_sent_ahead_are_answered_in_order() -> None:
    with (
        # Each takes its time, and together they are more than the server reads ahead.
        serve_in_thread(
            [Recording(b"data: %d\n\n" % number, [0.02]) for number in (1, 2)]
        ) as server,
        connect(server) as connection,
    ):
        more = post("/v1/messages", asked(system="x" * 100_000))
        connection.sendall(more * 5 + post("/v1/messages", None, "Connection: close"))
        response = received(connection)
    assert re.findall(rb"data: (\d)", response) == [b"1", b"2"] * 3
    assert re.findall(rb"_(\d+)\r", response) == [b"00000%d" % n for n in range(1, 7)]


def test_a_request_may_come_byte_by_byte() -> None:
    with serve_in_thread([HELLO], speed=0) as server, connect(server) as connection:
        for byte in post():
            connection.send(bytes([byte]))
        assert chunks(received_until(connection, b"\r\n0\r\n\r\n"))[:-1] == HELLO_EVENTS


def test_a_client_that_waits_for_100_continue_is_told_so_once() -> None:
    with serve_in_thread([HELLO], speed=0) as server, connect(server) as connection:
        body = asked()
        connection.sendall(post("/v1/messages", body, "Expect: 100-continue")[: -len(body)])
        assert received_until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body[:5])
        connection.sendall(body[5:])
        response = received_until(connection, b"\r\n0\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 200 OK")


def test_a_body_in_chunks_is_taken_as_the_api_takes_it() -> None:
    with serve_in_thread([HELLO], speed=0) as server, connected(server) as connection:
        for body in (asked(), asked(system="x" * 200_000)):
            parts = iter([body[:10], body[10:-1], body[-1:]])
            connection.request("POST", "/v1/messages", parts, KEY)
            with connection.getresponse() as response:
                assert response.read() == HELLO_BYTES
        assert server.requests[-1].json()["system"] == "x" * 200_000
        assert server.connections == 1


def test_the_requests_seen_are_counted_and_kept() -> None:
    with serve_in_thread([HELLO], speed=0, remember=2) as server, connected(server) as connection:
        for number in range(3):
            target = f"/v1/messages?{number}"
            answer(connection, asked(system=str(number)), {**KEY, "X-Test": "a"}, target)
        seen = list(server.requests)
    assert [each.target for each in seen] == ["/v1/messages?1", "/v1/messages?2"]
    assert [json.loads(each.body)["system"] for each in seen] == ["1", "2"]
    assert (seen[0].method, seen[0].headers["x-test"]) == ("POST", "a")


def test_a_client_that_leaves_a_silent_stream_is_noticed() -> None:
    with serve_in_thread([Recording(b"data: a\n\ndata: b\n\n", [0, DAY])]) as server:
        with connect(server) as connection:
            connection.sendall(post())
            received_until(connection, b"data: a\n\n")
            assert (server.open_connections, server.open_streams) == (1, 1)
        wait_until(lambda: server.open_connections == 0)
        assert server.open_streams == 0


def test_a_reader_that_does_not_read_holds_up_his_own_stream_only() -> None:
    # More than the buffers of both sockets hold.
    body = b"data: %b\n\n" % (b"x" * 2**20) * 32
    with serve_in_thread([body, HELLO], speed=0) as server, connect(server) as slow:
        slow.sendall(post("/v1/messages", None, "Connection: close"))
        with connected(server) as connection:
            assert answer(connection)[1] == HELLO_BYTES
            # A server that did not wait for its reader would be through by then.
            assert server.open_streams == 1
            waiting = [peer._transport.get_write_buffer_size() for peer in server._peers]
            assert max(waiting) < 2 * 2**20
        assert b"".join(chunks(received(slow))) == body


def test_answers_that_nobody_reads_hold_up_the_requests_after_them() -> None:
    long = HELLO_BYTES.replace(b"Hello!", b"Hello!" * 50_000)
    asking = post("/v1/messages", asked(stream=False, system="x" * 100_000))
    data = asking * 100 + post("/v1/messages", asked(stream=False), "Connection: close")
    with serve_in_thread([long]) as server, socket.socket() as connection:
        # Small buffers, of which the system would else make megabytes.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
        sent = 0
        while sent < len(data) and select.select([], [connection], [], SILENCE)[1]:
            sent += connection.send(data[sent : sent + 2**14])
        assert sent < len(data)
        rest = threading.Thread(target=connection.sendall, args=(data[sent:],))
        rest.start()
        response = received(connection)
        rest.join()
    assert response.count(b"HTTP/1.1 200 OK") == response.count(b'"end_turn"') == 101


@pytest.mark.parametrize("speed", [0, 1e9])
def test_a_stream_of_which_all_is_due_lets_the_others_have_their_turn(speed: float) -> None:
    async def run() -> list[int]:
        async with ReplayServer([b"data: a\n\n" * 10_000], speed=speed) as server:
            port = int(server.url.rpartition(":")[2])
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(post())
            sent = [0]
            while len(sent) < 50:
                await asyncio.sleep(0)
                now = [peer._sent for peer in server._peers]
                if now and now[0] > sent[-1]:
                    sent.append(now[0])
            writer.close()
        return [later - earlier for earlier, later in zip(sent, sent[1:])]

    assert max(asyncio.run(run())) <= 64


# --- timing


def test_an_event_comes_when_it_is_due_and_not_before() -> None:
    recording = Recording(b"data: a\n\ndata: b\n\n", [0.0, DAY])
    with serve_in_thread([recording]) as server, connect(server) as connection:
        connection.sendall(post())
        received_until(connection, b"data: a\n\n")
        connection.settimeout(SILENCE)
        with pytest.raises(socket.timeout):
            connection.recv(1)


@pytest.mark.parametrize("chunk_size", [None, 4])
def test_speed_shortens_the_waits(chunk_size: int | None) -> None:
    recording = Recording(b"data: a\n\ndata: b\n\n", [0.0, 1000.0])
    with (
        serve_in_thread([recording], speed=10_000, chunk_size=chunk_size) as server,
        connected(server) as connection,
    ):
        start = time.monotonic()
        body = answer(connection)[1]
        took = time.monotonic() - start
    assert body == b"data: a\n\ndata: b\n\n"
    # Less what clocks differ in.
    assert 0.09 < took < PATIENCE


@pytest.mark.parametrize("chunk_size", [None, 5])
def test_no_piece_comes_before_it_is_due(chunk_size: int | None) -> None:
    due = [0.0, 1.0, 1.0, 4.0, 9.0, 10.0]
    recording = Recording(b"".join(b"data: %d\n\n" % n for n in range(6)), due)
    with (
        serve_in_thread([recording], speed=50, chunk_size=chunk_size) as server,
        connect(server) as connection,
    ):
        start = time.monotonic()
        connection.sendall(post())
        data = b""
        for number, when in enumerate(due):
            # As soon as any of it can be had; with it may come what is due later.
            while b"data: %d" % number not in b"".join(chunks(data)):
                data += connection.recv(65536)
            # Less what clocks differ in. Its end is what was recorded.
            if chunk_size is None:
                assert time.monotonic() - start > when / 50 - 0.001
        assert time.monotonic() - start > due[-1] / 50 - 0.001


@pytest.mark.parametrize("speed", [0, float("inf")])
def test_without_speed_nothing_waits(speed: float) -> None:
    recording = Recording(b"data: a\n\n", [DAY])
    with serve_in_thread([recording], speed=speed) as server, connected(server) as connection:
        assert answer(connection)[1] == b"data: a\n\n"


# --- faults


def events_before_the_end(connection: socket.socket) -> tuple[int, str]:
    """Return how many events come, -1 for not even a head, and what ends them."""
    data = b""
    end = "closed"
    try:
        while True:
            piece = connection.recv(65536)
            if not piece:
                break
            data += piece
    except ConnectionResetError:
        end = "reset"
    found = chunks(data)
    assert found == HELLO_EVENTS[: len(found)]
    return (len(found) if data else -1), end


@pytest.mark.parametrize("at", [-1, 0, 1, 5])
@pytest.mark.parametrize(("fault", "end"), [("reset", "reset"), ("truncate", "closed")])
def test_a_connection_breaks_after_as_many_events_as_asked_for(
    fault: str, end: str, at: int
) -> None:
    with serve_in_thread([HELLO], speed=0, fault=fault, at=at) as server:
        with connect(server) as connection:
            connection.sendall(post())
            assert events_before_the_end(connection) == (at, end)
        wait_until(lambda: server.open_connections == 0)


@pytest.mark.parametrize(("fault", "end"), [("reset", "reset"), ("truncate", "closed")])
def test_beyond_the_last_event_all_comes_but_the_end(fault: str, end: str) -> None:
    with (
        serve_in_thread([HELLO], speed=0, fault=fault, at=10_000) as server,
        connect(server) as connection,
    ):
        connection.sendall(post())
        assert events_before_the_end(connection) == (len(HELLO_EVENTS), end)


@pytest.mark.parametrize("size", [1, 64])
def test_a_fault_counts_events_whatever_the_size_of_the_chunks(size: int) -> None:
    with (
        serve_in_thread([HELLO], speed=0, chunk_size=size, fault="truncate", at=3) as server,
        connect(server) as connection,
    ):
        connection.sendall(post())
        found = chunks(received(connection))
    assert b"".join(found) == b"".join(HELLO_EVENTS[:3])
    assert {len(chunk) for chunk in found[:-1]} == {size}


def test_a_fault_waits_for_the_events_before_it() -> None:
    recording = Recording(b"data: a\n\ndata: b\n\ndata: c\n\n", [0.0, 10.0, DAY])
    with (
        serve_in_thread([recording], speed=100, fault="truncate", at=2) as server,
        connect(server) as connection,
    ):
        start = time.monotonic()
        connection.sendall(post())
        assert chunks(received(connection)) == recording.events[:2]
        assert time.monotonic() - start > 0.09


@pytest.mark.parametrize("at", [-1, 0, 1, 5])
def test_a_stream_falls_silent_after_as_many_events_as_asked_for(at: int) -> None:
    with serve_in_thread([HELLO], speed=0, fault="stall", at=at) as server:
        with connect(server) as connection:
            connection.sendall(post())
            data = b""
            if at >= 0:
                last = HELLO_EVENTS[at - 1] + b"\r\n" if at else b"\r\n\r\n"
                data = received_until(connection, last)
            connection.settimeout(SILENCE)
            with pytest.raises(socket.timeout):
                connection.recv(1)
            assert chunks(data) == HELLO_EVENTS[: max(at, 0)]
            assert server.open_streams == 1
        wait_until(lambda: server.open_connections == 0)


@pytest.mark.parametrize("at", [-1, 0, 3, 10_000])
def test_an_error_event_ends_a_stream_as_http_says_it_should(at: int) -> None:
    with (
        serve_in_thread([HELLO], speed=0, fault="error:overloaded_error", at=at) as server,
        connected(server) as connection,
    ):
        response, body = answer(connection)
    *before, last = split_events(body)
    assert (response.status, before) == (200, HELLO_EVENTS[: max(at, 0)])
    event = parse(last)[0]
    error = json.loads(event.data)
    assert (event.event, error["error"]["type"]) == ("error", "overloaded_error")
    assert error["request_id"] == response.headers["request-id"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, "rate_limit_error"),
        (529, "overloaded_error"),
        (503, "api_error"),
        (422, "invalid_request_error"),
    ],
)
def test_a_status_comes_instead_of_a_stream_as_often_as_asked_for(status: int, kind: str) -> None:
    with (
        serve_in_thread(
            [HELLO], speed=0, fault=f"status:{status}", times=2, retry_after=1.5
        ) as server,
        connected(server) as connection,
    ):
        for _ in range(2):
            response, body = answer(connection)
            assert (response.status, response.headers["retry-after"]) == (status, "1.5")
            assert api_error(json.loads(body)).type == kind
        assert answer(connection)[1] == HELLO_BYTES
        assert server.connections == 1


def test_a_request_refused_for_what_it_is_meets_no_fault() -> None:
    with (
        serve_in_thread([HELLO], speed=0, fault="status:500", times=1) as server,
        connected(server) as connection,
    ):
        assert answer(connection, headers={})[0].status == 401
        assert answer(connection, b"{}")[0].status == 400
        assert answer(connection)[0].status == 500
        assert answer(connection)[0].status == 200


@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_a_final_message_breaks_in_the_middle(fault: str) -> None:
    with serve_in_thread([HELLO], fault=fault, times=1) as server:
        with (
            connected(server) as connection,
            pytest.raises((http.client.IncompleteRead, ConnectionResetError)),
        ):
            answer(connection, asked(stream=False))
        with connected(server) as connection:
            assert answer(connection, asked(stream=False))[0].status == 200


def test_a_final_message_may_be_an_error_instead() -> None:
    with (
        serve_in_thread([HELLO], fault="error:rate_limit_error") as server,
        connected(server) as connection,
    ):
        response, body = answer(connection, asked(stream=False))
    assert (response.status, api_error(json.loads(body)).type) == (429, "rate_limit_error")


# --- GET


def test_get_gives_plain_events_with_their_numbers_as_ids() -> None:
    with serve_in_thread([HELLO], speed=0) as server:
        status, body = get(server)
    events = parse(body)
    assert status == 200
    assert [event.id for event in events] == [str(n + 1) for n in range(len(HELLO_EVENTS))]
    assert [event.data for event in events] == [event.data for event in parse(HELLO_BYTES)]


def test_get_goes_on_after_the_last_event_id_until_all_has_been_given() -> None:
    with serve_in_thread([b"data: a\n\ndata: b\n\ndata: c\n\n"], speed=0) as server:
        assert [event.data for event in parse(get(server, "1")[1])] == ["b", "c"]
        assert [event.data for event in parse(get(server, "2")[1])] == ["c"]
        assert get(server, "3") == (204, b"")
        # One that it never gave.
        assert [event.data for event in parse(get(server, "x")[1])] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b"data: a\nid: x\n\ndata: b\n\nid: \xc3\xa9\ndata: c\n\n", ["x", "2", "é"]),
        # What follows an ID must be known from it alone.
        (b"data: a\nid: x\n\ndata: b\nid: x\n\ndata: c\n\n", ["1", "2", "3"]),
        (b"data: a\nid: 2\n\ndata: b\n\nid: x\r\n\r\ndata: c\r\n\r\n", ["1", "2", "4"]),
        # Not events, which is what is counted; the last is nothing to go on for.
        (b": hi\n\ndata: a\n\n: hm\n\ndata: b\n\ndata: c\n\n: bye\n\n", ["1", "2", "3"]),
        (b"\xef\xbb\xbfdata: a\n\ndata: b\n\ndata: c", ["1", "2", "3"]),
        (b"data: a\nid: x\n\ndata: b\nid: y", ["x", "y"]),
    ],
)
def test_a_client_that_comes_back_after_each_event_gets_each_once(
    body: bytes, ids: list[str]
) -> None:
    found = []
    with serve_in_thread([body], speed=0) as server:
        last = None
        for _ in range(len(ids)):
            status, answered = get(server, last)
            assert status == 200
            event = parse(answered)[0]
            found.append((event.id, event.data))
            last = event.id.encode().decode("latin-1")
        assert get(server, last) == (204, b"")
    assert found == list(zip(ids, "abc"))


def test_an_event_source_survives_faults_without_losing_or_repeating_an_event() -> None:
    body = b"".join(b"data: %d\n\n" % number for number in range(20))
    for fault in ("truncate", "reset", "status:503"):
        with (
            serve_in_thread([body], speed=0, fault=fault, at=6, times=3) as server,
            EventSource(server.url, proxy=None, reconnect=SOON) as source,
        ):
            assert [event.data for event in source] == [str(number) for number in range(20)]


def test_the_timing_of_what_follows_an_event_begins_with_the_response() -> None:
    recording = Recording(b"data: a\n\ndata: b\n\n", [DAY, DAY])
    with serve_in_thread([recording]) as server:
        assert [event.data for event in parse(get(server, "1")[1])] == ["b"]


# --- clients of the API


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset", StreamInterrupted),
        ("truncate", StreamInterrupted),
        ("error:overloaded_error", APIError),
    ],
)
def test_our_client_keeps_what_came_before_a_fault(fault: str, error: type[Exception]) -> None:
    with (
        serve_in_thread([HELLO], speed=0, fault=fault, at=5) as server,
        Claude(base_url=server.url, api_key="none", proxy=None) as client,
    ):
        with client.messages.stream(**ASKED) as stream, pytest.raises(error):
            stream.get_final_message()
        partial = stream.partial_message
    assert partial is not None
    assert text_of(partial) == "Hello! A stream is an answer "


def test_our_client_gives_up_on_a_silent_stream_and_keeps_what_came() -> None:
    with (
        serve_in_thread([HELLO], speed=0, fault="stall", at=5) as server,
        Claude(
            base_url=server.url, api_key="none", proxy=None, timeouts=Timeouts(idle=SILENCE)
        ) as client,
    ):
        with client.messages.stream(**ASKED) as stream, pytest.raises(StreamInterrupted) as caught:
            stream.get_final_message()
        assert isinstance(caught.value.__cause__, StreamTimeout)
        assert text_of(stream.partial_message) == "Hello! A stream is an answer "
        wait_until(lambda: server.open_connections == 0)


def test_a_recording_that_lacks_its_end_is_a_truncated_stream_for_our_client() -> None:
    body = b"".join(HELLO_EVENTS[:5])
    with (
        serve_in_thread([body], speed=0) as server,
        Claude(base_url=server.url, api_key="none", proxy=None) as client,
        client.messages.stream(**ASKED) as stream,
        pytest.raises(StreamTruncated),
    ):
        stream.get_final_message()


@pytest.mark.parametrize("fault", ["reset", "truncate", "error:api_error", "status:529"])
def test_our_client_gets_through_when_only_its_first_requests_fail(fault: str) -> None:
    at = -1 if fault in ("reset", "truncate") else 0
    with (
        serve_in_thread([HELLO], speed=0, fault=fault, at=at, times=2, retry_after=0.001) as server,
        Claude(base_url=server.url, api_key="none", proxy=None) as client,
    ):
        client._sleep = lambda seconds: None
        message = client.messages.create(**ASKED)
        assert message.stop_reason == "end_turn"
        assert len(server.requests) == 3


def test_our_asyncio_clients_work_in_the_loop_of_the_server() -> None:
    async def run() -> tuple[str, list[str]]:
        async with ReplayServer([HELLO, b"data: a\n\n"], speed=0) as server:
            async with (
                AsyncClaude(base_url=server.url, api_key="none", proxy=None) as client,
                client.messages.stream(**ASKED) as stream,
            ):
                text = await stream.get_final_text()
            stream_of_events = await open_aio_stream(server.url, proxy=None)
            async with stream_of_events as events:
                data = [event.data async for event in events]
        assert (server.open_connections, server.open_streams) == (0, 0)
        return text, data

    text, data = asyncio.run(run())
    assert text.startswith("Hello! A stream is an answer ")
    assert data == [event.data for event in parse(HELLO_BYTES)]


needs_sdk = pytest.mark.skipif(
    sys.version_info < (3, 10) or platform.python_implementation() != "CPython",
    reason="anthropic 2.12.0 needs CPython 3.10 or later",
)


@needs_sdk
def test_the_official_sdk_takes_its_faults_for_those_of_the_api() -> None:
    anthropic = import_module("anthropic")
    with (
        serve_in_thread([HELLO], speed=0, fault="status:529", times=1, retry_after=0.001) as server,
        anthropic.Anthropic(base_url=server.url, api_key="none") as client,
    ):
        assert text_of(client.messages.create(**ASKED)).startswith("Hello!")
        assert len(server.requests) == 2
    with (
        serve_in_thread([HELLO], speed=0, fault="error:overloaded_error", at=4) as server,
        anthropic.Anthropic(base_url=server.url, api_key="none") as client,
        client.messages.stream(**ASKED) as stream,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        stream.get_final_message()
    assert (caught.value.type, caught.value.request_id) == ("overloaded_error", "req_replay_000001")
    with (
        serve_in_thread([HELLO], fault="status:404") as server,
        anthropic.Anthropic(base_url=server.url, api_key="none") as client,
        pytest.raises(anthropic.NotFoundError),
    ):
        client.messages.create(**ASKED)


# --- life and death


def test_closing_ends_streams_and_leaves_no_thread_and_no_descriptor() -> None:
    with serve_in_thread([HELLO], fault="stall"):
        pass  # what is made once and kept
    threads = set(threading.enumerate())
    descriptors = open_descriptors()
    with (
        serve_in_thread([HELLO], fault="stall") as server,
        connect(server) as connection,
        connect(server),
    ):
        connection.sendall(post())
        wait_until(lambda: (server.open_connections, server.open_streams) == (2, 1))
    assert set(threading.enumerate()) == threads
    assert open_descriptors() == descriptors
    assert (server.open_connections, server.open_streams) == (0, 0)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def test_closing_tells_the_clients() -> None:
    with serve_in_thread([HELLO], fault="stall", at=1) as server:
        connection = connect(server)
        connection.sendall(post())
        received_until(connection, HELLO_EVENTS[0])
    with connection:
        assert events_before_the_end(connection)[1] in ("closed", "reset")
    with pytest.raises(ConnectionRefusedError):
        connect(server)


def test_a_port_that_is_taken_is_an_error_here_and_leaves_no_thread() -> None:
    threads = set(threading.enumerate())
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
        serve_in_thread([HELLO], port=taken.getsockname()[1]),
    ):
        pass
    assert set(threading.enumerate()) == threads


def test_what_the_caller_raises_comes_out_and_leaves_no_thread() -> None:
    threads = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError), serve_in_thread([HELLO]):
        raise ZeroDivisionError
    assert set(threading.enumerate()) == threads


def test_a_server_listens_once_at_a_time_and_may_be_closed_at_any_time() -> None:
    async def run() -> None:
        server = ReplayServer([HELLO])
        await server.close()
        await server.start()
        url = server.url
        with pytest.raises(StateError):
            await server.start()
        await server.close()
        await server.close()
        async with server:
            assert server.url == url

    asyncio.run(run())


def test_a_name_with_several_addresses_gives_a_url_that_is_listened_on() -> None:
    with serve_in_thread([HELLO], speed=0, host="localhost") as server:
        assert server.loopback
        assert get(server)[0] == 200


# --- the command


@contextmanager
def serving(*args: str, given: str = "", warning: str = "") -> Iterator[str]:
    """Run the command until the end of the block; give its URL."""
    if os.name == "nt":
        pytest.skip("SIGINT is sent to a process group there")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*COMMAND, *args], stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(given)
        process.stdin.close()
        process.stdin = None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    *warnings, described = err.splitlines()
    assert described.startswith("[")
    assert len(warnings) == bool(warning)
    assert warning in err


def test_the_command_prints_its_url_serves_and_ends_at_sigint() -> None:
    with serving("--speed", "0", "--fault", "status:529", "--times", "1", str(HELLO)) as url:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        with Claude(base_url=url, api_key="none", proxy=None) as client:
            client._sleep = lambda seconds: None
            assert text_of(client.messages.create(**ASKED)).startswith("Hello!")


def test_the_command_ends_at_sigint_with_streams_under_way() -> None:
    with serving("--fault", "stall", "--at", "1", str(HELLO)) as url:
        host, _, port = url[len("http://") :].rpartition(":")
        connection = socket.create_connection((host, int(port)), PATIENCE)
        connection.sendall(post())
        received_until(connection, HELLO_EVENTS[0])
    with connection:
        assert events_before_the_end(connection)[1] in ("closed", "reset")


def test_the_command_reads_standard_input() -> None:
    with (
        serving("--speed", "inf", "-", given="data: given\n\n") as url,
        EventSource(url, proxy=None, reconnect=SOON) as source,
    ):
        assert [event.data for event in source] == ["given"]


def test_the_command_warns_where_others_can_reach_it() -> None:
    with serving("--host", "0.0.0.0", str(HELLO), warning="others can reach this server") as url:
        # An address that can be connected to.
        assert url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("args", "code", "reason"),
    [
        (["none.sse"], 2, "cannot read none.sse: No such file or directory"),
        (["."], 2, "cannot read .: "),
        ([], 2, "give a FILE, or --example NAME"),
        (["--example", "hallo"], 2, "no example 'hallo'; there are hello, markdown, "),
        ([__file__], 1, "has no events in it"),
        ([str(HELLO), "--speed", "-1"], 2, "speed must not be negative"),
        ([str(HELLO), "--fault", "fire"], 2, "fault must be reset, truncate, stall, "),
        ([str(HELLO), "--host", "a" * 100], 2, "cannot listen on aaaa"),
    ],
)
def test_the_command_says_in_one_sentence_what_is_wrong(
    capsys: pytest.CaptureFixture[str], args: list[str], code: int, reason: str
) -> None:
    assert main(["replay", *args]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ssewire: ")
    assert err.count("\n") == 1
    assert reason in err


def test_the_command_refuses_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["replay", "--port", port, str(HELLO)]) == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in capsys.readouterr().err


def test_the_command_lists_the_examples_and_each_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["replay", "--examples"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == list(EXAMPLES)
    assert sorted(names) == sorted(path.stem for path in FOLDER.glob("*.sse"))
    assert all(Recording.example(name).events for name in names)


# --- many


def test_a_thousand_streams_are_open_at_once_and_the_next_one_is_served() -> None:
    allow_descriptors(1100)
    ended = 5
    before = b"".join(HELLO_EVENTS[:ended])
    options = ["--speed", "0", "--fault", "stall", "--at", str(ended), "--times", "1000"]

    async def stream(url: str) -> asyncio.StreamWriter:
        host, _, port = url[len("http://") :].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(post())
        got = await reader.readuntil(HELLO_EVENTS[ended - 1] + b"\r\n")
        assert b"".join(chunks(got)) == before
        return writer

    async def run(url: str) -> None:
        # They stall, so all of them are open when the last has got its events.
        writers = await asyncio.gather(*(stream(url) for _ in range(1000)))
        async with AsyncClaude(base_url=url, api_key="none", proxy=None) as client:
            message = await client.messages.create(**ASKED)
            assert message.stop_reason == "end_turn"
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers))

    with serving(*options, str(HELLO)) as url:
        asyncio.run(run(url))


def test_a_thousand_messages_are_streamed_at_once_to_our_asyncio_client() -> None:
    allow_descriptors(1100)
    begun = 0

    async def ask(client: AsyncClaude, everybody: asyncio.Event) -> tuple[str | None, str]:
        nonlocal begun
        async with client.messages.stream(**ASKED) as stream:
            begun += 1
            if begun == 1000:
                everybody.set()
            await everybody.wait()
            message = await stream.get_final_message()
        return message.stop_reason, text_of(message)

    async def run(url: str) -> set[tuple[str | None, str]]:
        everybody = asyncio.Event()
        async with AsyncClaude(base_url=url, api_key="none", proxy=None) as client:
            return set(await asyncio.gather(*(ask(client, everybody) for _ in range(1000))))

    with serving(str(HELLO)) as url:
        ((stop_reason, text),) = asyncio.run(run(url))
    assert stop_reason == "end_turn"
    assert text.startswith("Hello! A stream is an answer ")


def allow_descriptors(count: int) -> None:
    """Raise the limit of this process, and so of those it starts, or skip the test."""
    resource = pytest.importorskip("resource", reason="no limits on descriptors to raise")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"this machine allows {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
