# SPDX-License-Identifier: MIT
"""What the replay server answers, request by request, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ssewire.client import Headers
from ssewire.replay import Recording, Seen
from ssewire.replay._requests import Refused
from ssewire.replay._script import Answer, Script

HELLO = Path(__file__).resolve().parents[2] / "examples" / "recordings" / "hello.sse"
EVENTS = [b"event: message_start\ndata: {}\n\n", b"data: 2\n\n", b"data: 3\n\n"]
SECONDS = [0.25, 0.5, 2.0]
ASKED: dict[str, Any] = {"model": "m", "max_tokens": 1, "messages": []}


def recording(events: list[bytes] = EVENTS, name: str = "r") -> Recording:
    return Recording(b"".join(events), SECONDS[: len(events)], name)


def script(*recordings: Recording, **options: Any) -> Script:
    plain: dict[str, Any] = {
        "chunk_size": None,
        "fault": None,
        "at": 0,
        "times": None,
        "retry_after": None,
        "remember": 10,
    }
    return Script(list(recordings) or [recording()], **{**plain, **options})


def post(**asked: Any) -> Seen:
    body = json.dumps({**ASKED, "stream": True, **asked}).encode()
    return Seen("POST", "/v1/messages", Headers({"x-api-key": "k"}), body, 0)


def get(last_event_id: str | None = None) -> Seen:
    headers = Headers({} if last_event_id is None else {"Last-Event-ID": last_event_id})
    return Seen("GET", "/", headers, b"", 0)


def pieces(answer: Answer) -> list[bytes]:
    assert answer.stream is not None
    return list(answer.stream.pieces)


def error_of(answer: Answer) -> tuple[int | None, str]:
    assert answer.stream is None
    return answer.status, json.loads(answer.body)["error"]["type"]


def test_a_stream_has_the_events_and_their_times() -> None:
    answer = script().answer(post())
    assert (answer.status, answer.body, answer.ending) == (200, b"", "complete")
    assert answer.stream == (EVENTS, SECONDS)


def test_answers_have_ids_of_their_own_in_order_refused_ones_too() -> None:
    asked = script()
    answers = [asked.answer(post()), asked.refuse(Refused(400, "k", "m")), asked.answer(get())]
    assert [answer.request_id[-2:] for answer in answers] == ["01", "02", "03"]
    assert json.loads(answers[1].body)["request_id"] == answers[1].request_id
    # What was no request is not among them.
    assert [seen.method for seen in asked.requests] == ["POST", "GET"]


def test_recordings_come_in_turn_but_get_has_the_first() -> None:
    asked = script(recording([b"data: a\n\n"]), recording([b"data: b\n\n"]))
    posted = [pieces(asked.answer(post())) for _ in range(3)]
    assert posted == [[b"data: a\n\n"], [b"data: b\n\n"], [b"data: a\n\n"]]
    assert pieces(asked.answer(get())) == [b"data: a\nid: 1\n\n"]


def test_chunks_are_due_when_their_last_byte_is() -> None:
    answer = script(recording([b"data: 1\n\n", b"data: 2\n\n"]), chunk_size=6).answer(post())
    assert answer.stream == ([b"data: ", b"1\n\ndat", b"a: 2\n\n"], [0.25, 0.5, 0.5])


def test_get_goes_on_after_the_event_named_with_times_since_then() -> None:
    answer = script().answer(get("1"))
    assert [piece.splitlines()[-2] for piece in pieces(answer)] == [b"id: 2", b"id: 3"]
    assert answer.stream is not None
    assert list(answer.stream.seconds) == [0.25, 1.75]
    assert script().answer(get("3")).status == 204
    assert len(pieces(script().answer(get("unknown")))) == 3


@pytest.mark.parametrize("kind", ["reset", "truncate", "stall"])
@pytest.mark.parametrize(
    ("at", "status", "count"), [(-1, None, 0), (0, 200, 0), (2, 200, 2), (9, 200, 3)]
)
def test_a_stream_breaks_after_as_many_events_as_asked_for(
    kind: str, at: int, status: int | None, count: int
) -> None:
    answer = script(fault=kind, at=at).answer(post())
    assert (answer.status, answer.ending, pieces(answer)) == (status, kind, EVENTS[:count])


@pytest.mark.parametrize(("at", "count"), [(-1, 0), (0, 0), (1, 1)])
def test_an_error_event_comes_last_and_its_stream_ends_well(at: int, count: int) -> None:
    answer = script(fault="error:overloaded_error", at=at).answer(post())
    *before, error = pieces(answer)
    assert (answer.status, answer.ending, before) == (200, "complete", EVENTS[:count])
    assert error.startswith(b"event: error\ndata: {")
    assert json.loads(error[len(b"event: error\ndata: ") :])["request_id"] == answer.request_id


def test_as_many_requests_meet_the_fault_as_asked_for_and_none_takes_a_turn_for_a_status() -> None:
    asked = script(
        recording([b"data: a\n\n"]), recording([b"data: b\n\n"]), fault="status:529", times=2
    )
    assert [error_of(asked.answer(post())) for _ in range(2)] == [(529, "overloaded_error")] * 2
    assert pieces(asked.answer(post())) == [b"data: a\n\n"]


def test_what_is_refused_for_what_it_is_meets_no_fault() -> None:
    asked = script(fault="status:500", times=1)
    assert error_of(asked.answer(post()._replace(body=b"{")))[0] == 400
    assert error_of(asked.answer(post()))[0] == 500
    assert asked.answer(post()).status == 200


def test_a_status_may_ask_to_wait() -> None:
    answer = script(fault="status:429", retry_after=1.5).answer(post())
    assert error_of(answer) == (429, "rate_limit_error")
    assert answer.fields[-1] == "retry-after: 1.5"


@pytest.mark.parametrize(("status", "kind"), [(418, "invalid_request_error"), (503, "api_error")])
def test_a_status_that_the_api_does_not_have_gets_a_type_by_its_class(
    status: int, kind: str
) -> None:
    assert error_of(script(fault=f"status:{status}").answer(post())) == (status, kind)


def test_a_recording_that_is_no_message_is_an_error_of_the_api() -> None:
    assert error_of(script().answer(post(stream=False))) == (500, "api_error")


@pytest.mark.parametrize("kind", ["reset", "truncate", "stall"])
def test_a_final_message_breaks_in_its_middle_or_before_its_head(kind: str) -> None:
    hello = Recording.load(HELLO)
    answer = script(hello, fault=kind).answer(post(stream=False))
    assert (answer.status, answer.stream, answer.ending) == (200, None, kind)
    assert answer.body == hello.message[: len(hello.message) // 2]
    assert f"Content-Length: {len(hello.message)}" in answer.fields
    silent = script(hello, fault=kind, at=-1).answer(post(stream=False))
    assert (silent.status, silent.body, silent.ending) == (None, b"", kind)


@pytest.mark.parametrize(("kind", "status"), [("overloaded_error", 529), ("made_up_error", 500)])
def test_an_error_comes_in_the_place_of_a_final_message(kind: str, status: int) -> None:
    asked = script(Recording.load(HELLO), fault=f"error:{kind}")
    assert error_of(asked.answer(post(stream=False))) == (status, kind)


def test_a_head_says_how_the_body_ends_and_what_becomes_of_the_connection() -> None:
    answer = script().answer(post())
    head = answer.head(keep=True, chunks=True).decode().split("\r\n")
    assert head[0] == "HTTP/1.1 200 OK"
    assert head[1:3] == ["request-id: req_replay_000001", "Connection: keep-alive"]
    assert head[-3:] == ["Transfer-Encoding: chunked", "", ""]
    plain = answer.head(keep=False, chunks=False)
    assert b"Connection: close" in plain
    assert b"Transfer-Encoding" not in plain
    message = script().answer(post(stream=False))
    assert f"Content-Length: {len(message.body)}" in message.fields
    assert b"Transfer-Encoding" not in message.head(keep=True, chunks=True)
    assert Answer("id", None).head(keep=True, chunks=True) == b""
