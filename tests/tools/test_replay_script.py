# SPDX-License-Identifier: MIT
"""What the replay server answers, request by request, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ssewire.client import Headers
from ssewire.replay import Recording, RecordingError, Reply, Seen
from ssewire.replay._requests import Refused
from ssewire.replay._script import Answer, Script

HELLO = (
    Path(__file__).resolve().parents[2] / "src" / "ssewire" / "replay" / "examples" / "hello.sse"
)
EVENTS = [b"event: message_start\ndata: {}\n\n", b"data: 2\n\n", b"data: 3\n\n"]
SECONDS = [0.25, 0.5, 2.0]
ASKED: dict[str, Any] = {
    "model": "m",
    "max_tokens": 1,
    "messages": [{"role": "user", "content": "Hi"}],
}
HEAD = Headers({"x-api-key": "k", "anthropic-version": "2023-06-01"})


def recording(events: list[bytes] = EVENTS, name: str = "r") -> Recording:
    return Recording(b"".join(events), SECONDS[: len(events)], name)


def script(*recordings: Recording | Reply, **options: Any) -> Script:
    plain: dict[str, Any] = {
        "chunk_size": None,
        "fault": None,
        "at": 0,
        "times": None,
        "retry_after": None,
        "remember": 10,
        "strict": True,
    }
    replies = [each if isinstance(each, Reply) else Reply(each) for each in recordings]
    return Script(replies or [Reply(recording())], **{**plain, **options})


def post(**asked: Any) -> Seen:
    body = json.dumps({**ASKED, "stream": True, **asked}).encode()
    return Seen("POST", "/v1/messages", HEAD, body, 0)


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


def test_who_goes_through_the_requests_is_not_disturbed_by_one_that_comes() -> None:
    asked = script()
    asked.answer(post())
    going = iter(asked.requests)
    assert next(going).method == "POST"
    asked.answer(get())
    assert [seen.method for seen in going] == ["GET"]


@pytest.mark.parametrize("remember", [0, 1, 2, 3])
def test_the_last_requests_are_remembered(remember: int) -> None:
    asked = script(remember=remember)
    seen = [get(str(number)) for number in range(5)]
    for request in seen:
        asked.answer(request)
    assert asked.requests == seen[5 - remember :]


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


# --- replies


def test_replies_come_in_turn_with_faults_of_their_own() -> None:
    asked = script(
        Reply(fault="status:529", retry_after=2.5),
        Reply(recording(), fault="truncate", at=1),
        Reply(recording(), fault="error:overloaded_error", at=2),
        recording(),
    )
    refused, cut, failed, whole, again = [asked.answer(post()) for _ in range(5)]
    assert error_of(refused) == error_of(again) == (529, "overloaded_error")
    assert "retry-after: 2.5" in refused.fields
    assert (cut.ending, pieces(cut)) == ("truncate", EVENTS[:1])
    assert (len(pieces(failed)), pieces(failed)[:2]) == (3, EVENTS[:2])
    assert (whole.ending, pieces(whole)) == ("complete", EVENTS)


@pytest.mark.parametrize(
    ("fault", "status", "ending"),
    [("reset", 200, "reset"), ("stall", 200, "stall"), ("error:api_error", 200, "complete")],
)
def test_a_reply_may_break_off_without_a_recording(fault: str, status: int, ending: str) -> None:
    answer = script(Reply(fault=fault)).answer(post())
    assert (answer.status, answer.ending, len(pieces(answer))) == (
        status,
        ending,
        ending == "complete",
    )
    # One that is no stream has no body whose half could be sent: not even its head is.
    message = script(Reply(fault=fault)).answer(post(stream=False))
    assert message.status == (500 if ending == "complete" else None)


def test_a_fault_for_all_requests_wins_over_that_of_a_reply() -> None:
    asked = script(Reply(recording(), fault="stall"), fault="truncate", times=1)
    assert [asked.answer(post()).ending for _ in range(2)] == ["truncate", "stall"]


def test_a_reply_may_be_silent_before_its_answer() -> None:
    asked = script(Reply(recording(), delay=1.5), Reply(fault="status:529", delay=2))
    assert [asked.answer(post()).delay for _ in range(3)] == [1.5, 2, 1.5]


def test_get_has_the_first_recording_whatever_the_replies_are() -> None:
    asked = script(Reply(fault="status:529"), Reply(recording(), fault="stall"))
    assert len(pieces(asked.answer(get()))) == 3
    assert error_of(script(Reply(fault="status:529")).answer(get())) == (404, "not_found_error")


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ({}, ValueError, 'has a fault, before the first event: Reply\\(fault="status:529"\\)'),
        ({"fault": "truncate", "at": 1}, ValueError, "a reply without a recording"),
        ({"delay": 1}, ValueError, "a reply without a recording"),
        ({"fault": "fire"}, ValueError, "fault must be reset, truncate, stall, error:TYPE"),
        ({"fault": "stall", "at": -2}, ValueError, "at must be at least -1"),
        ({"fault": "stall", "delay": -1}, ValueError, "delay must be finite and not negative"),
        ({"fault": "stall", "delay": "1"}, TypeError, "delay must be a number, not str"),
        ({"source": "none.sse"}, RecordingError, "cannot read none.sse"),
    ],
)
def test_a_reply_that_makes_no_sense_is_refused(
    arguments: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        Reply(**arguments)


def test_a_reply_says_what_it_is() -> None:
    assert repr(Reply(fault="status:529")) == "Reply(fault='status:529')"
    shown = repr(Reply(recording(), fault="stall", at=2, delay=0.5))
    assert shown == f"Reply({recording()!r}, fault='stall', at=2, delay=0.5)"


def test_a_loose_script_takes_what_the_api_would_refuse() -> None:
    assert error_of(script().answer(post(messages=[]))) == (400, "invalid_request_error")
    assert script(strict=False).answer(post(messages=[])).status == 200
    models = Seen("GET", "/v1/models", Headers({}), b"", 0)
    assert (script().answer(models).status, script(strict=False).answer(models).status) == (
        404,
        200,
    )
