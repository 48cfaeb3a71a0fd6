# SPDX-License-Identifier: MIT
"""What relays make of the protocol: nothing that was said is lost, and a log line says so."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from ssewire.claude import (
    Accumulator,
    APIError,
    InternalServerError,
    InvalidRequestError,
    Message,
    MessageStream,
    OverloadedError,
    RateLimitError,
    RawMessageStream,
    StreamTruncated,
    ToolUseBlock,
    Usage,
)
from tests.claude.wire import (
    MESSAGE,
    STOP,
    TEXT,
    TOOL,
    accumulate,
    delta,
    final,
    frame,
    message_delta,
    message_start,
    partial,
    read,
    start,
    stop,
    text,
    text_block,
    whole,
    wire,
)

pytestmark = pytest.mark.usefixtures("implementation")

THOUGHT: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
SIGNED: dict[str, Any] = {"type": "thinking", "thinking": "t", "signature": "s"}


def thinking(index: int, piece: str) -> bytes:
    return delta(index, "thinking_delta", thinking=piece)


def content(*parts: bytes) -> Any:
    return final(whole(*parts))["content"]


def shown(*parts: bytes) -> list[Any]:
    """Return what each block says: text, thinking or input."""
    return [
        block.get("text", block.get("thinking", block.get("input"))) for block in content(*parts)
    ]


def logged(caplog: pytest.LogCaptureFixture, body: bytes) -> list[str]:
    """Return what one accumulator logs about a body."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "ssewire"):
        accumulate(body)
    assert all(record.name == "ssewire" for record in caplog.records)
    return [record.getMessage() for record in caplog.records]


# --- Who owns an index


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param(
            [
                start(0, {**TEXT, "text": "--"}),
                *(start(0, THOUGHT), thinking(0, "hm"), stop(0)),
                *(start(1, TEXT), text(1, "answer"), stop(1)),
            ],
            ["--", "hm", "answer"],
            id="the newest start owns its index",
        ),
        pytest.param(
            [text_block(0, "a"), text_block(0, "b"), text_block(0, "c")],
            ["a", "b", "c"],
            id="every block has the index 0",
        ),
        pytest.param(
            [
                *(text_block(0, "a"), start(0, TEXT), text(1, "b"), stop(1)),
                *(start(2, TEXT), text(2, "c"), start(2, TEXT), text(3, "d"), stop(3)),
            ],
            ["a", "b", "c", "d"],
            id="deltas at the place of arrival",
        ),
        pytest.param(
            [
                *(text_block(0, "a"), start(0, TEXT), text(1, "b"), text(0, "c")),
                *(start(1, TEXT), text(1, "d")),
            ],
            ["a", "bc", "d"],
            id="a start takes the place of arrival of another",
        ),
        pytest.param(
            [start(0, TOOL), partial(0, "{}"), stop(0), start(0, TOOL), partial(0, '{"b":2}')],
            [{}, {"b": 2}],
            id="two calls of one index",
        ),
        pytest.param(
            [text_block(3, "a"), text_block(3, "b"), text(1, "c"), text_block(1, "d")],
            ["a", "bc", "d"],
            id="an index that is reused and out of order",
        ),
    ],
)
def test_newest_start_owns_its_index_and_the_place_of_arrival_is_another_name(
    parts: list[bytes], expected: list[Any]
) -> None:
    assert shown(*parts) == expected


def test_reused_index_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert len(logged(caplog, whole(text_block(0, "a"), text_block(0, "b")))) == 1


# --- Deltas that do not fit


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param(
            [start(0, THOUGHT), thinking(0, "hm"), stop(0), start(1, TEXT), text(0, "answer")],
            ["hm", "answer"],
            id="text for a thought goes to the text that began last",
        ),
        pytest.param(
            [start(0, THOUGHT), thinking(0, "hm"), text(0, "an"), text(0, "swer"), stop(0)],
            ["hm", "answer"],
            id="text for the only thought",
        ),
        pytest.param(
            [start(0, TEXT), thinking(0, "hm"), text(0, "a"), thinking(0, "!"), text(0, "b")],
            ["ab", "hm!"],
            id="thinking for a text",
        ),
        pytest.param(
            [start(0, TOOL), text(0, "Let"), partial(0, '{"a"'), text(0, " me"), partial(0, ":1}")],
            [{"a": 1}, "Let me"],
            id="text for an open call",
        ),
        pytest.param(
            [text_block(0, "a"), start(1, TOOL), partial(0, '{"x":2}'), stop(1)],
            ["a", {"x": 2}],
            id="a fragment for a text goes to the call that began last",
        ),
        pytest.param(
            [start(0, {"type": "redacted_thinking", "data": "d"}), text(0, "x")],
            [None, "x"],
            id="text for a block that is whole",
        ),
        pytest.param([start(0, THOUGHT), text(0, "\n"), text(0, "")], [""], id="white space alone"),
    ],
)
def test_delta_goes_to_the_block_that_began_last_if_it_fits_else_to_its_own(
    parts: list[bytes], expected: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert shown(*parts) == expected
    assert logged(caplog, whole(*parts))[0].endswith("a delta that does not fit its block")


def test_signature_for_a_text_goes_to_the_last_thought_that_has_none() -> None:
    parts = [start(0, THOUGHT), thinking(0, "hm"), stop(0), start(1, TEXT)]
    signature = delta(1, "signature_delta", signature="S")
    assert content(*parts, signature, text(1, "x"))[0]["signature"] == "S"


@pytest.mark.parametrize(
    ("block", "change", "expected"),
    [
        ({"text": "so"}, text(0, " far"), {"text": "so far"}),
        ({}, text(0, "x") + text(0, "y"), {"text": "xy"}),
        ({"text": None}, text(0, "x"), {"text": "x"}),
        ({"text": "\ud83d"}, text(0, "\ude00"), {"text": "\U0001f600"}),
        ({"thinking": ""}, thinking(0, "x") + thinking(0, "y"), {"thinking": "xy"}),
        ({"nova": "a"}, delta(0, "nova_delta", nova="b", id="i"), {"nova": "ab"}),
        ({"words": "a"}, delta(0, "nova_delta", words="b", n=1), {"words": "ab"}),
        ({"a": "x"}, delta(0, "nova_delta", a="y", b="z"), {"a": "x"}),
        ({"a": "x"}, delta(0, "type_delta"), {"a": "x"}),
        ({"input": {}}, partial(0, '{"a":') + partial(0, "1}"), {"input": {"a": 1}}),
        ({"input": {}}, partial(0, '{"a":'), {"input": {}, "partial_json": '{"a":'}),
    ],
)
def test_string_in_a_delta_for_a_block_of_unknown_kind_is_added_to_the_key_it_names(
    block: Any, change: bytes, expected: Any
) -> None:
    begun = {"type": "connector_text", **block}
    found = content(start(0, begun), change, stop(0))
    assert found == [{"type": "connector_text", **expected}]
    accumulator = read(whole(start(0, begun), change, stop(0)))
    assert accumulator.message is not None
    unknown: Any = accumulator.message.content[0]
    for key, value in expected.items():
        assert unknown[key] == value
        assert isinstance(value, dict) or getattr(unknown, key) == value


def test_text_for_a_known_key_of_another_type_in_an_unknown_block_is_not_lost() -> None:
    block = {"type": "connector_text", "text": {"a": 1}}
    assert content(start(0, block), text(0, "x")) == [block, {"type": "text", "text": "x"}]


def test_text_in_blocks_of_unknown_kind_is_not_the_answers() -> None:
    body = whole(start(0, {"type": "connector_text", "text": ""}), text(0, "x"), text_block(1, "y"))
    stream = MessageStream([body])
    assert list(stream.text_stream) == ["y"]
    assert stream.get_final_text() == "y"


# --- The end


def test_end_without_a_message_stop_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    body = message_start() + text_block(0, "a") + message_delta()
    assert logged(caplog, body) == ["Claude stream: the message ended without a message_stop"]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([text_block(0, "a"), message_delta()], True),
        ([message_delta()], True),
        ([text_block(0, "a")], False),
        ([start(0, TEXT), text(0, "a"), message_delta()], False),
        ([start(0, TEXT), start(1, TEXT), stop(0), message_delta()], False),
        ([start(0, TEXT), start(0, TEXT), stop(0), message_delta()], True),
        ([text(0, "without a start"), message_delta()], True),
        ([], False),
    ],
)
def test_failing_transport_ends_a_message_of_which_only_the_stop_is_missing(
    parts: list[bytes], said: bool
) -> None:
    accumulator = Accumulator()
    accumulator.feed(message_start() + b"".join(parts))
    assert accumulator._end_if_said() is said
    assert accumulator.finished is accumulator.unterminated is said


@pytest.mark.parametrize("reason", ["", 0, False, {}, [], 5])
def test_a_cut_message_is_not_complete_by_a_stop_reason_that_says_nothing(reason: Any) -> None:
    cut = start(0, TEXT) + text(0, "cut")
    for body in (
        message_start(stop_reason=reason) + cut,
        message_start() + cut + wire("message_delta", delta={"stop_reason": reason}),
        message_start() + cut + stop(0) + wire("message_delta", delta={"stop_reason": reason}),
    ):
        accumulator = Accumulator()
        accumulator.feed(body)
        assert not accumulator._end_if_said()
        accumulator.close()
        assert isinstance(accumulator.error, StreamTruncated)
        assert not accumulator.finished


def test_a_stop_reason_at_the_start_does_not_make_a_cut_message_complete() -> None:
    body = message_start(stop_reason="end_turn") + start(0, TEXT) + text(0, "cut")
    assert isinstance(read(body).error, StreamTruncated)
    assert read(body + stop(0) + message_delta()).finished
    assert read(body + stop(0) + STOP).finished


@pytest.mark.parametrize(
    "late",
    [
        wire("error", error={"type": "api_error", "message": "secret"}),
        frame('{"error":{"message":"secret"}}'),
        frame('{"type":"error","error":"secret"}', "vendor"),
    ],
)
def test_error_after_message_stop_is_logged_and_changes_nothing(
    late: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    body = whole(text_block(0, "a"))
    expected = ["Claude stream: an error after the message was complete"]
    assert logged(caplog, body + late + late) == expected
    caplog.clear()
    accumulator = Accumulator()
    for chunk in (body, late[:20], late[20:], wire("ping"), late):
        accumulator.feed(chunk)
    assert accumulator.finished
    assert accumulator.error is None
    assert [record.getMessage() for record in caplog.records] == expected


@pytest.mark.parametrize("way", ["events", "texts", "values", "raw"])
def test_error_after_message_stop_is_logged_by_streams_too(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    late = wire("error", error={"type": "api_error", "message": "secret"})
    body = whole(text_block(0, "1")) + wire("ping") + late + late
    stream = RawMessageStream([body]) if way == "raw" else MessageStream([body])
    readers: dict[str, Any] = {"texts": "text_stream", "values": "json_stream"}
    for _ in getattr(stream, readers[way]) if way in readers else stream:
        pass
    assert stream.partial_message is not None
    assert stream.partial_message.stop_reason == "end_turn"
    expected = ["Claude stream: an error after the message was complete"]
    assert [record.getMessage() for record in caplog.records] == expected


def test_answer_of_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    usage = {"output_tokens": 157}
    nothing = message_delta(usage=usage) + STOP
    expected = ["Claude stream: an answer of nothing, though output tokens are counted"]
    assert logged(caplog, message_start() + nothing) == expected
    assert logged(caplog, message_start() + text_block(0) + nothing) == expected
    assert logged(caplog, message_start() + text_block(0, "x") + nothing) == []
    empty = message_delta(usage={"output_tokens": 0}) + STOP
    assert logged(caplog, message_start() + empty) == []


# --- Errors of every shape

OVERLOADED = {"type": "overloaded_error", "message": "m"}


def wrapped(error: Any, times: int) -> Any:
    return {"error": wrapped(error, times - 1)} if times else error


@pytest.mark.parametrize(
    ("data", "cls", "status", "message"),
    [
        ({"error": "slow down", "status": 429}, RateLimitError, 429, "slow down"),
        ({"error": {"code": "429"}}, RateLimitError, 429, ""),
        ({"error": {"code": 429, "message": "m"}}, RateLimitError, 429, "m"),
        ({"code": 1113, "msg": "no balance"}, APIError, None, "no balance"),
        ({"status_code": "529", "detail": "busy"}, OverloadedError, 529, "busy"),
        ({"error": {"type": "throttling_error", "code": "429"}}, RateLimitError, 429, ""),
        ({"error": {"type": "overloaded_error", "message": "m"}}, OverloadedError, 529, "m"),
        ({"error": True, "message": "m"}, APIError, None, "m"),
        ({"error": 502}, InternalServerError, 502, ""),
        ({"error": [{"message": "m", "code": 400}]}, InvalidRequestError, 400, "m"),
        ({"error": {"message": {"a": 1}, "code": True}}, APIError, None, ""),
        ({"error": {"code": "9" * 3000}}, APIError, None, ""),
        ({"type": "rate_limit_error", "message": "m"}, RateLimitError, 429, "m"),
        ({"type": "message_stop_", "error": "m"}, None, None, ""),
        ({"type": None, "message": "m"}, APIError, None, "m"),
        ({"type": "content_block_start", "error": "m"}, APIError, None, "m"),
        ({"errors": [{"code": 1000, "message": "m"}], "success": False}, APIError, None, "m"),
        ({"errors": ["m"]}, APIError, None, "m"),
        ({"error": ["m"], "code": 502.0}, InternalServerError, 502, "m"),
        ({"detail": [{"loc": ["body"], "msg": "m", "type": "missing"}]}, APIError, None, "m"),
        ({"detail": {"message": "m", "http_code": "429"}}, RateLimitError, 429, "m"),
        ({"error": {"error": OVERLOADED}}, OverloadedError, 529, "m"),
        ({"type": "error", "error": json.dumps({"error": OVERLOADED})}, OverloadedError, 529, "m"),
        ({"error": {"message": json.dumps(OVERLOADED)}}, OverloadedError, 529, "m"),
        ({"error": {**OVERLOADED, "detail": {"type": "vendor"}}}, OverloadedError, 529, "m"),
        ({"error": {"code": 429, "message": '{"a": 1}'}}, RateLimitError, 429, '{"a": 1}'),
        (wrapped({"code": 429}, 5), RateLimitError, 429, ""),
        (wrapped({"code": 429}, 100), APIError, None, ""),
    ],
)
def test_number_of_an_odd_error_is_its_status_and_its_words_are_its_message(
    data: Any, cls: type[APIError] | None, status: int | None, message: str
) -> None:
    for body in (frame(json.dumps(data)), message_start() + frame(json.dumps(data))):
        error = read(body).error
        if cls is None:
            assert isinstance(error, StreamTruncated)
            continue
        assert type(error) is cls
        assert (error.status, error.message, error.in_band) == (status, message, True)
        assert error.retryable is (status in (429, 502, 529))
        assert len(repr(error)) < 300


def test_named_event_with_words_is_no_error() -> None:
    body = message_start() + frame('{"msg":"hello"}', "vendor") + message_delta() + STOP
    assert read(body).error is None


# --- Usage and message_delta


def test_zero_does_not_replace_a_larger_count_of_input_or_cache(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = {
        "input_tokens": 50,
        "cache_read_input_tokens": 9,
        "cache_creation_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 7,
    }
    zeros = {
        "input_tokens": 0,
        "cache_read_input_tokens": 0.0,
        "cache_creation_input_tokens": 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 0,
    }
    body = message_start(usage=first) + text_block(0, "a") + message_delta(usage=zeros) + STOP
    assert final(body)["usage"] == {
        **first,
        "cache_creation_input_tokens": 3,
        "output_tokens": 0,
    }
    assert logged(caplog, body) == ["Claude stream: a zero in the usage that would replace a count"]


BEFORE: dict[str, Any] = {"input_tokens": 50, "cache_creation": {"ephemeral_5m_input_tokens": 5}}
HOUR = "ephemeral_1h_input_tokens"


@pytest.mark.parametrize(
    "change",
    [
        {"input_tokens": -1},
        {"input_tokens": "0"},
        {"input_tokens": ""},
        {"input_tokens": {}},
        {"input_tokens": []},
        {"input_tokens": False},
        {"input_tokens": float("nan")},
        {"input_tokens": float("inf")},
        {"cache_creation": {}},
        {"cache_creation": 0},
        {"cache_creation": {"ephemeral_5m_input_tokens": None}},
        {"cache_creation": {"ephemeral_5m_input_tokens": 0, HOUR: 0}},
    ],
)
def test_what_is_no_count_does_not_replace_one(
    change: Any, caplog: pytest.LogCaptureFixture
) -> None:
    body = message_start(usage=BEFORE) + text_block(0, "a") + message_delta(usage=change) + STOP
    assert final(body)["usage"] == BEFORE
    assert logged(caplog, body) == ["Claude stream: a zero in the usage that would replace a count"]


@pytest.mark.parametrize(
    "change",
    [
        {"input_tokens": 40},
        {"input_tokens": "60"},
        {"cache_read_input_tokens": 0},
        {"cache_creation": {"ephemeral_5m_input_tokens": 0, HOUR: 7}},
        {"cache_creation": {"ephemeral_5m_input_tokens": 5, HOUR: 0}},
    ],
)
def test_counts_replace_counts(change: Any, caplog: pytest.LogCaptureFixture) -> None:
    body = message_start(usage=BEFORE) + text_block(0, "a") + message_delta(usage=change) + STOP
    assert final(body)["usage"] == {**BEFORE, **change}
    assert logged(caplog, body) == []


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [(5.0, 5), ("5", 5), ("x", 0), ("9" * 5000, 0), (float("inf"), 0), (True, 0), ({}, 0)],
)
def test_counts_are_ints_however_they_were_written(sent: Any, read_as: int) -> None:
    usage = Usage({"input_tokens": sent, "output_tokens": sent})
    assert (usage.input_tokens, usage.output_tokens) == (read_as, read_as)
    assert type(usage.input_tokens) is int


def test_message_delta_never_changes_what_the_message_is() -> None:
    odd = {
        "id": "evil",
        "type": "x",
        "index": 4,
        "role": "user",
        "model": "m",
        "content": [1],
        "usage": 1,
        "nothing": None,
        "object": "chunk",
    }
    event = wire(
        "message_delta", **{**odd, "delta": {**odd, "stop_reason": "end_turn"}, "usage": {}}
    )
    event = event.replace(b'"type": "x"', b'"type": "message_delta"', 1)
    assert final(message_start() + event + STOP) == {**MESSAGE, "stop_reason": "end_turn"}


# --- Tool input


@pytest.mark.parametrize(
    ("block", "pieces"),
    [
        ({**TOOL, "input": '{"a":1}'}, []),
        ({**TOOL, "input": json.dumps('{"a":1}')}, []),
        (TOOL, [json.dumps('{"a":1}')]),
        (TOOL, ['"{\\"a\\"', ':1}"']),
    ],
)
def test_string_that_holds_an_object_is_a_tool_input(block: Any, pieces: list[str]) -> None:
    parts = [start(0, block), *(partial(0, piece) for piece in pieces), stop(0)]
    accumulator = read(whole(*parts))
    assert accumulator.message is not None
    found = accumulator.message.content[0]
    assert isinstance(found, ToolUseBlock)
    assert (found.input, found.input_complete, found.input_error) == ({"a": 1}, True, None)
    assert accumulator.message.to_param()["content"] == [{**TOOL, "input": {"a": 1}}]


@pytest.mark.parametrize("value", ["hello", "12", "[1]", [1], 5, True, '{"a":'])
def test_any_other_tool_input_is_not_complete_and_goes_back_as_an_empty_object(value: Any) -> None:
    for parts in (
        start(0, {**TOOL, "input": value}) + stop(0),
        start(0, TOOL) + partial(0, json.dumps(value)) + stop(0),
    ):
        accumulator = read(whole(parts))
        assert accumulator.message is not None
        found = accumulator.message.content[0]
        assert isinstance(found, ToolUseBlock)
        assert found.input == value
        assert not found.input_complete
        assert isinstance(found.input_error, ValueError)
        assert accumulator.message.to_param()["content"] == [TOOL]


def test_stops_between_fragments_leave_the_input_to_the_messages_end() -> None:
    accumulator = Accumulator()
    accumulator.feed(message_start() + start(0, TOOL))
    assert accumulator.message is not None
    block: Any = accumulator.message.content[0]
    seen = []
    for piece in ('{"a":', "1", "}", " ", "x"):
        accumulator.feed(partial(0, piece) + stop(0))
        seen.append((block.input, block.input_complete))
    assert seen == [({}, False), ({"a": 1}, False)] + [({"a": 1}, True)] * 2 + [({"a": 1}, False)]
    accumulator.feed(message_delta() + STOP)
    assert not block.input_complete
    assert isinstance(block.input_error, ValueError)


# --- What is sent back


def param(*blocks: dict[str, Any], **options: Any) -> list[Any]:
    found = Message({**MESSAGE, "content": json.loads(json.dumps(blocks))})
    result: list[Any] = found.to_param(**options)["content"]
    return result


REDACTED = {"type": "redacted_thinking", "data": "d"}


@pytest.mark.parametrize("blank", ["", " ", "\n\n", "\u00a0\t"])
@pytest.mark.parametrize("thought", [SIGNED, REDACTED])
def test_blank_text_between_two_thoughts_goes_back_as_a_space(blank: str, thought: Any) -> None:
    empty = {**TEXT, "text": blank}
    space = {**TEXT, "text": " "}
    call = {**TOOL, "input": {}}
    assert param(SIGNED, empty, thought) == [SIGNED, space, thought]
    assert param(SIGNED, empty, empty, thought, empty) == [SIGNED, space, thought]
    assert param(empty, SIGNED, empty, call, empty) == [SIGNED, call]
    unsigned = {"type": "thinking", "thinking": "x"}
    assert param(SIGNED, empty, unsigned, call) == [SIGNED, call]
    assert param(SIGNED, unsigned, empty, thought) == [SIGNED, space, thought]


def test_two_thoughts_that_came_in_a_row_go_back_so() -> None:
    assert param(SIGNED, REDACTED, SIGNED) == [SIGNED, REDACTED, SIGNED]


@pytest.mark.parametrize("key", ["id", "name"])
@pytest.mark.parametrize("value", ["", None, 5, {}, [], True])
def test_call_without_an_id_or_a_name_stays_in_the_message_and_is_not_sent(
    key: str, value: Any
) -> None:
    orphan = {**TOOL, key: value}
    assert param({**TEXT, "text": "a"}, orphan) == [{**TEXT, "text": "a"}]
    found = content(partial(3, '{"a":1}'), stop(3))
    assert found == [{"type": "tool_use", "id": "", "name": "", "input": {"a": 1}}]
    assert param(*found) == []


def test_unsigned_thinking_goes_back_when_asked() -> None:
    unsigned = {"type": "thinking", "thinking": "x"}
    empty = {"type": "thinking", "thinking": ""}
    assert param(unsigned, SIGNED, empty) == [SIGNED]
    assert param(unsigned, SIGNED, empty, unsigned_thinking=True) == [unsigned, SIGNED]
    odd = {**unsigned, "signature": 5}
    assert param(odd) == []


# --- Nothing is written that is not JSON


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_null_where_json_is_written(number: str) -> None:
    def strict(constant: str) -> None:
        raise AssertionError(constant)

    body = whole(
        start(0, {**TEXT, "text": "a", "n": "N"}),
        start(1, {**TOOL, "input": {"n": "N"}}),
        *(start(2, TOOL), partial(2, '{"n":[NUMBER]}'.replace("NUMBER", number)), stop(2)),
        wire("message_delta", delta={"vendor": "N"}, usage={"n": "N"}),
    ).replace(b'"N"', number.encode())
    one_shot = json.dumps({**MESSAGE, "content": [{**TEXT, "n": "N"}], "vendor": ["N"]})
    for stream in (body, one_shot.replace('"N"', number).encode()):
        message = MessageStream([stream]).get_final_message()
        for written in (message.to_json(), message.model_dump_json()):
            assert json.loads(written, parse_constant=strict)
        json.dumps(message.to_param(), allow_nan=False)
        assert message == message or "NaN" in number
    block: Any = MessageStream([body]).get_final_message().content[2]
    assert isinstance(block.input["n"][0], float)
    assert json.loads(block.to_json())["input"] == {"n": [None]}
