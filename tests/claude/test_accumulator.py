# SPDX-License-Identifier: MIT
"""The rules of the accumulator, row by row of the protocol's description."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from ssewire import EventTooLarge, Parser, ServerSentEvent, StateError
from ssewire._limits import MAX_CLAUDE_EVENT_SIZE, MAX_EVENT_SIZE
from ssewire.claude import (
    Accumulator,
    APIError,
    ClaudeError,
    ContentBlockDeltaEvent,
    ErrorEvent,
    InternalServerError,
    MalformedEvent,
    OverloadedError,
    OversizedEvent,
    StreamTruncated,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UnknownEvent,
)
from tests.claude.wire import (
    END,
    MESSAGE,
    STOP,
    TEXT,
    TOOL,
    accumulate,
    as_dict,
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
    tool_block,
    whole,
    wire,
)

pytestmark = pytest.mark.usefixtures("implementation")


def content(*parts: bytes, **options: Any) -> Any:
    """Return the content of a complete message with these blocks."""
    return final(whole(*parts), **options)["content"]


def tool(*pieces: str, block: Any = TOOL, stopped: bool = True) -> ToolUseBlock:
    """Return the tool block that these fragments make."""
    parts = start(0, block) + b"".join(partial(0, p) for p in pieces)
    accumulator = read(whole(parts + (stop(0) if stopped else b"")))
    assert accumulator.message is not None
    found = accumulator.message.content[0]
    assert isinstance(found, ToolUseBlock)
    return found


def error_of(body: bytes, **options: Any) -> ClaudeError:
    """Return the error that ends a body."""
    accumulator = read(body, **options)
    assert accumulator.error is not None
    return accumulator.error


# --- Test vectors of the protocol's description (12.1)


def test_text_vector_joins_deltas_and_takes_output_tokens_of_message_delta() -> None:
    message = final(whole(text_block(0, "Hello", " there", "!")))
    assert message["content"] == [{"type": "text", "text": "Hello there!"}]
    assert message["usage"] == {"input_tokens": 11, "output_tokens": 6}
    assert message["stop_reason"] == "end_turn"


def test_tool_vector_shows_input_once_its_value_is_there() -> None:
    accumulator = Accumulator()
    accumulator.feed(message_start() + start(0, TOOL))
    snapshots = []
    for piece in ("", '{"locati', 'on": "P', "ar", 'is"}'):
        accumulator.feed(partial(0, piece))
        assert accumulator.message is not None
        snapshots.append(
            json.loads(json.dumps(accumulator.message.to_dict()["content"][0]["input"]))
        )
    assert snapshots == [{}, {}, {}, {}, {"location": "Paris"}]


def test_tool_vector_shows_growing_strings_when_asked() -> None:
    accumulator = Accumulator(partial_strings=True)
    accumulator.feed(message_start() + start(0, TOOL) + partial(0, '{"location": "Pa'))
    assert accumulator.message is not None
    assert accumulator.message.to_dict()["content"][0]["input"] == {"location": "Pa"}


def test_cut_tool_vector_keeps_partial_input_and_is_flagged() -> None:
    pieces = ('{"filename": "taxes.txt', '", "lines": [\n"# T",\n"",', '\n"Fil')
    parts = start(0, TOOL) + b"".join(partial(0, p) for p in pieces)
    accumulator = read(message_start() + parts + message_delta("max_tokens") + STOP)
    assert accumulator.message is not None
    block = accumulator.message.content[0]
    assert isinstance(block, ToolUseBlock)
    assert block.input == {"filename": "taxes.txt", "lines": ["# T", ""]}
    assert not block.input_complete
    assert isinstance(block.input_error, ValueError)
    assert block.raw_json == "".join(pieces)
    assert accumulator.message.stop_reason == "max_tokens"


def test_omitted_thinking_vector_has_signature_only() -> None:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    parts = start(0, block) + delta(0, "signature_delta", signature="S") + stop(0)
    assert content(parts) == [{"type": "thinking", "thinking": "", "signature": "S"}]


def test_citations_vector_appends_citations() -> None:
    one = {"type": "char_location", "cited_text": "a"}
    two = {"type": "page_location", "cited_text": "b"}
    parts = (
        start(0, {"type": "text", "text": "", "citations": []})
        + text(0, "A")
        + delta(0, "citations_delta", citation=one)
        + text(0, "B")
        + delta(0, "citations_delta", citation=two)
        + stop(0)
    )
    assert content(parts) == [{"type": "text", "text": "AB", "citations": [one, two]}]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"content": "S", "encrypted_content": "E"}, {"content": "S", "encrypted_content": "E"}),
        ({"content": None}, {"content": None, "encrypted_content": None}),
        ({"content": "S"}, {"content": "S", "encrypted_content": None}),
    ],
)
def test_compaction_vector_assigns_what_the_delta_has(change: Any, expected: Any) -> None:
    block = {"type": "compaction", "content": None, "encrypted_content": None}
    parts = start(0, block) + delta(0, "compaction_delta", **change) + stop(0)
    assert content(parts) == [{"type": "compaction", **expected}]


def test_fallback_vector_renames_the_model_and_keeps_the_block() -> None:
    block = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}
    message = final(whole(start(0, block) + stop(0), text_block(1, "x")))
    assert message["model"] == "b"
    assert message["content"] == [block, {"type": "text", "text": "x"}]


def test_last_of_several_fallbacks_names_the_model() -> None:
    blocks = [
        {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}},
        {"type": "fallback", "from": {"model": "b"}, "to": {"model": "c"}},
        {"type": "fallback", "from": {"model": "c"}, "to": None},
    ]
    parts = b"".join(start(i, block) + stop(i) for i, block in enumerate(blocks))
    assert final(whole(parts))["model"] == "c"


def test_refusal_vector_keeps_stop_details_and_the_empty_block() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    change = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
    parts = text_block(0) + wire("message_delta", delta=change, usage={"output_tokens": 0})
    message = final(message_start() + parts + STOP)
    assert message["stop_details"] == details
    assert message["content"] == [{"type": "text", "text": ""}]
    assert message["usage"]["output_tokens"] == 0


def test_usage_vector_lets_message_delta_win() -> None:
    first = {"input_tokens": 2679, "cache_read_input_tokens": 0, "output_tokens": 3}
    last = {
        "input_tokens": 10682,
        "cache_read_input_tokens": 0,
        "output_tokens": 510,
        "server_tool_use": {"web_search_requests": 1},
    }
    message = final(message_start(usage=first) + message_delta(usage=last) + STOP)
    assert message["usage"] == last


# --- 1.1 order


def test_reused_start_index_takes_the_arrival_position() -> None:
    parts = text_block(0, "a"), text_block(1, "b"), start(1, TEXT), text(2, "c"), stop(2)
    assert [b["text"] for b in content(*parts)] == ["a", "b", "c"]


def test_reused_start_index_takes_the_next_free_number_if_its_position_is_taken() -> None:
    parts = text_block(0, "a"), text_block(2, "b"), start(0, TEXT), text(3, "c"), stop(3)
    assert [b["text"] for b in content(*parts)] == ["a", "b", "c"]


def test_message_complete_in_message_start_is_kept() -> None:
    blocks = [{"type": "text", "text": "hi"}, {**TOOL, "input": {"a": 1}}]
    body = message_start(content=blocks, stop_reason="tool_use") + STOP
    accumulator = read(body)
    assert as_dict(accumulator.message) == {
        **MESSAGE,
        "content": blocks,
        "stop_reason": "tool_use",
    }
    assert accumulator.message is not None
    block = accumulator.message.content[1]
    assert isinstance(block, ToolUseBlock)
    assert block.input_complete


def test_message_may_open_with_a_tool_result() -> None:
    result = {
        "type": "code_execution_tool_result",
        "tool_use_id": "srvtoolu_0",
        "content": {"type": "code_execution_result", "stdout": "1", "return_code": 0},
    }
    assert content(start(0, result), stop(0), text_block(1, "x"))[0] == result


def test_block_without_stop_is_finished_by_message_stop() -> None:
    block = tool('{"a":', "1}", stopped=False)
    assert block.input == {"a": 1}
    assert block.input_complete


def test_pings_change_nothing_wherever_they_are() -> None:
    ping = wire("ping")
    parts = [message_start(), start(0, TEXT), text(0, "a"), stop(0), message_delta(), STOP]
    body = ping + ping.join(parts)
    assert final(body) == final(b"".join(parts))
    _, events = accumulate(body)
    assert [e.type for e in events].count("ping") == len(parts)


def test_events_after_message_stop_are_not_taken() -> None:
    body = whole(text_block(0, "a")) + text(0, "late") + wire("ping")
    assert final(body) == final(whole(text_block(0, "a")))
    _, events = accumulate(body)
    assert events[-1].type == "message_stop"


# --- 1.2 framing


def test_random_padding_key_order_and_spaces_are_accepted() -> None:
    padded = (
        frame(
            '{"index":0 , "content_block":{"text":"","type":"text"},"type":"content_block_start"}'
        )
        + frame(
            '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}    }'
        )
        + frame(
            '{ "delta" : {"text":"b","type":"text_delta"},"index":0,"type":"content_block_delta"}'
        )
        + frame('{"type":"content_block_stop","index":0          }')
    )
    assert content(padded) == [{"type": "text", "text": "ab"}]


def test_line_separators_inside_strings_do_not_cut_events() -> None:
    piece = "a\u2028b\u2029c\u0085d"
    raw = json.dumps(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}},
        ensure_ascii=False,
    )
    assert content(start(0, TEXT), frame(raw), stop(0))[0]["text"] == piece


# --- 1.3 names, unknown things


@pytest.mark.parametrize("name", [None, "message", "content_block_stop", "odd"])
def test_data_type_decides_whatever_the_event_is_named(name: str | None) -> None:
    raw = json.dumps(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}
    )
    assert content(start(0, TEXT), frame(raw, name), stop(0))[0]["text"] == "a"


def test_event_name_decides_when_data_has_no_type() -> None:
    body = b"".join(
        [
            frame(json.dumps({"message": MESSAGE}), "message_start"),
            frame(json.dumps({"index": 0, "content_block": TEXT}), "content_block_start"),
            frame(
                json.dumps({"index": 0, "delta": {"type": "text_delta", "text": "a"}}),
                "content_block_delta",
            ),
            frame(json.dumps({"index": 0}), "content_block_stop"),
            frame(json.dumps({"delta": {"stop_reason": "end_turn"}}), "message_delta"),
            frame("{}", "message_stop"),
        ]
    )
    assert final(body)["content"] == [{"type": "text", "text": "a"}]


def test_data_only_stream_reads_like_a_named_one() -> None:
    body = whole(text_block(0, "a", "b"))
    nameless = b"".join(line for line in body.splitlines(True) if not line.startswith(b"event:"))
    assert final(nameless) == final(body)


def test_events_with_empty_data_are_skipped() -> None:
    empty = b"event: content_block_delta\ndata:\n\nevent: ping\n\nevent: ping\ndata: \n\n"
    accumulator, events = accumulate(message_start() + empty + END)
    assert [e.type for e in events] == ["message_start", "message_delta", "message_stop"]
    assert accumulator.error is None


@pytest.mark.parametrize("data", ["[DONE]", " [DONE] "])
def test_done_after_message_stop_is_ignored(data: str) -> None:
    assert final(whole(text_block(0, "a")) + frame(data)) == final(whole(text_block(0, "a")))


def test_done_in_place_of_message_stop_ends_a_message_that_has_a_stop_reason() -> None:
    accumulator = read(message_start() + text_block(0, "a") + message_delta() + frame("[DONE]"))
    assert accumulator.finished
    assert accumulator.unterminated
    assert accumulator.error is None


def test_done_before_a_stop_reason_is_a_truncated_stream() -> None:
    error = error_of(message_start() + text_block(0, "a") + frame("[DONE]"))
    assert isinstance(error, StreamTruncated)


def test_unknown_event_is_passed_through_also_before_message_start() -> None:
    odd = wire("vendor_metrics", tokens=3)
    accumulator, events = accumulate(odd + message_start() + odd + END)
    unknown = [e for e in events if isinstance(e, UnknownEvent)]
    assert [e.type for e in unknown] == ["vendor_metrics"] * 2
    assert unknown[0].raw == {"type": "vendor_metrics", "tokens": 3}
    assert unknown[0]["tokens"] == 3
    assert as_dict(accumulator.message) == final(message_start() + END)


def test_unknown_delta_changes_nothing_and_keeps_its_raw_event() -> None:
    odd = delta(0, "sparkle_delta", sparkle=[1])
    _, events = accumulate(whole(start(0, TEXT), odd, stop(0)))
    event = events[2]
    assert isinstance(event, ContentBlockDeltaEvent)
    assert event.delta.to_dict() == {"type": "sparkle_delta", "sparkle": [1]}
    assert content(start(0, TEXT), odd, stop(0)) == [TEXT]


def test_unknown_block_is_kept_verbatim() -> None:
    block = {"type": "connector_text", "text": "so", "extra": {"a": [1, None]}}
    assert content(start(0, block), delta(0, "odd_delta", odd=[1]), stop(0)) == [block]


def test_events_before_message_start_are_given_out_and_lost() -> None:
    accumulator, events = accumulate(text_block(0, "lost") + message_delta() + whole())
    assert [e.type for e in events][:4] == [
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
    ]
    assert as_dict(accumulator.message) == final(whole())


def test_second_message_start_is_ignored() -> None:
    body = message_start() + text_block(0, "a") + message_start(id="msg_2") + END
    assert final(body)["id"] == "msg_1"
    assert final(body)["content"] == [{"type": "text", "text": "a"}]


# --- 1.4 errors

OVERLOADED = {"type": "overloaded_error", "message": "Overloaded", "details": None}


@pytest.mark.parametrize(
    "body",
    [
        wire("error", error=OVERLOADED),
        frame(json.dumps({"type": "error", "error": OVERLOADED})),
        frame(json.dumps({"error": OVERLOADED})),
        frame(json.dumps({"error": OVERLOADED}), "error"),
        frame(json.dumps({"type": "odd", "error": OVERLOADED}), "error"),
        json.dumps({"type": "error", "error": OVERLOADED}).encode(),
        b"\n " + json.dumps({"error": OVERLOADED}).encode() + b"\n",
    ],
)
def test_error_of_any_shape_raises_the_class_of_its_type(body: bytes) -> None:
    error = error_of(body)
    assert isinstance(error, OverloadedError)
    assert (error.type, error.message) == ("overloaded_error", "Overloaded")
    assert (error.status, error.in_band, error.retryable) == (529, True, True)
    assert error.partial_message is None


def test_error_after_partial_output_carries_the_message_so_far() -> None:
    body = message_start() + start(0, TEXT) + text(0, "half") + wire("error", error=OVERLOADED)
    accumulator, events = accumulate(body + text(0, "never"))
    last = events[-1]
    assert isinstance(last, ErrorEvent)
    assert last.exception is accumulator.error
    assert last.error.type == "overloaded_error"
    assert accumulator.error is not None
    message = as_dict(accumulator.error.partial_message)
    assert message == {**MESSAGE, "content": [{"type": "text", "text": "half"}]}
    assert isinstance(error_of(body), OverloadedError)


@pytest.mark.parametrize("data", ['{"error":"went wrong"}', "went wrong", '"went wrong"'])
def test_error_that_is_but_text_has_that_text(data: str) -> None:
    error = error_of(frame(data, "error"))
    assert isinstance(error, APIError)
    assert "went wrong" in error.message
    assert error.type == ""


def test_plain_delta_in_an_event_named_error_is_an_error() -> None:
    raw = text(0, "x").replace(b"event: content_block_delta", b"event: error")
    assert isinstance(error_of(message_start() + start(0, TEXT) + text(0, "y") + raw), APIError)


def test_error_keeps_the_request_id_of_its_body() -> None:
    error = error_of(wire("error", error=OVERLOADED, request_id="req_7"))
    assert error.request_id == "req_7"
    assert error_of(wire("error", error=OVERLOADED), request_id="req_8").request_id == "req_8"


# --- 1.5 end of the body


def test_end_after_a_stop_reason_is_complete_but_unterminated() -> None:
    accumulator = read(message_start() + text_block(0, "a") + message_delta())
    assert accumulator.finished
    assert accumulator.unterminated


def test_end_without_a_stop_reason_is_truncated() -> None:
    error = error_of(message_start() + start(0, TEXT) + text(0, "a"))
    assert isinstance(error, StreamTruncated)
    assert error.partial_message is not None
    assert error.partial_message.content[0]["text"] == "a"


@pytest.mark.parametrize("body", [b"", b"\n", b"\xef\xbb\xbf", b": hi\n\n", wire("ping")])
def test_body_without_a_message_is_truncated(body: bytes) -> None:
    error = error_of(body)
    assert isinstance(error, StreamTruncated)
    assert error.partial_message is None


@pytest.mark.parametrize("cut", [1, 2])
def test_last_event_without_its_blank_line_counts(cut: int) -> None:
    accumulator = read(whole(text_block(0, "a"))[:-cut])
    assert accumulator.finished
    assert not accumulator.unterminated


def test_last_event_that_is_cut_inside_its_json_is_dropped() -> None:
    accumulator = read(whole(text_block(0, "a"))[:-4])
    assert accumulator.finished
    assert accumulator.unterminated


def test_malformed_json_ends_the_stream_after_all_before_it() -> None:
    body = message_start() + start(0, TEXT) + text(0, "a") + frame('{"type":') + text(0, "b")
    error = error_of(body)
    assert isinstance(error, MalformedEvent)
    assert isinstance(error.__cause__, ValueError)
    assert error.data == '{"type":'
    assert error.partial_message is not None
    assert error.partial_message.content[0]["text"] == "a"
    _, events = accumulate(body)
    assert [e.type for e in events][-2:] == ["content_block_delta", "error"]


def test_too_large_an_event_ends_the_stream_after_all_before_it() -> None:
    body = message_start() + start(0, TEXT) + text(0, "a") + text(0, "b" * 900) + END
    error = error_of(body, max_event_size=500)
    assert isinstance(error, OversizedEvent)
    assert isinstance(error, EventTooLarge)
    assert error.limit == 500
    assert error.partial_message is not None
    assert error.partial_message.content[0]["text"] == "a"


def test_too_large_a_body_that_is_no_stream_is_refused() -> None:
    error = error_of(b'{"a":' + b"1" * 200, max_event_size=500)
    assert isinstance(error, OversizedEvent)
    assert (error.limit, error.document) == (125, True)
    assert isinstance(error_of(b'{"a":' + b"1" * 100, max_event_size=500), MalformedEvent)


def test_a_page_in_place_of_a_stream_is_malformed_whatever_its_size() -> None:
    error = error_of(b"<p>" * 50_000, max_event_size=500)
    assert type(error) is MalformedEvent
    assert len(error.data) == 64 * 1024


def test_the_default_limit_refuses_a_bomb_before_it_is_parsed() -> None:
    assert MAX_CLAUDE_EVENT_SIZE <= MAX_EVENT_SIZE / 4
    accumulator = Accumulator()
    assert accumulator.feed(b"data: [") == []
    events = [event for _ in range(17) for event in accumulator.feed(b"[]," * (2**20 // 3 + 1))]
    assert [event.type for event in events] == ["error"]
    assert isinstance(accumulator.error, OversizedEvent)
    assert accumulator.error.limit == MAX_CLAUDE_EVENT_SIZE
    accumulator = Accumulator()
    assert accumulator.feed(b'{"a":[') == []
    for _ in range(5):
        accumulator.feed(b"[]," * (2**20 // 3 + 1))
    assert isinstance(accumulator.error, OversizedEvent)
    assert accumulator.error.limit == MAX_CLAUDE_EVENT_SIZE // 4


# --- 2 blocks and deltas


def test_each_plain_delta_grows_its_block() -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    parts = (
        start(0, thinking)
        + delta(0, "thinking_delta", thinking="a")
        + delta(0, "thinking_delta", thinking="b", estimated_tokens=3)
        + delta(0, "thinking_delta", thinking="")
        + delta(0, "signature_delta", signature="old")
        + delta(0, "signature_delta", signature="S")
        + stop(0)
    )
    assert content(parts) == [{"type": "thinking", "thinking": "ab", "signature": "S"}]


@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use", "mcp_tool_use"])
def test_input_deltas_grow_every_kind_of_tool_block(kind: str) -> None:
    block = {"type": kind, "id": "i", "name": "n", "input": {}, "caller": {"type": "direct"}}
    parts = start(0, block) + partial(0, '{"a"') + partial(0, ":[1]}") + stop(0)
    assert content(parts) == [{**block, "input": {"a": [1]}}]


@pytest.mark.parametrize(
    ("block", "change", "own"),
    [
        (TOOL, text(0, "x"), {"type": "text", "text": "x"}),
        (
            TEXT,
            delta(0, "thinking_delta", thinking="x"),
            {"type": "thinking", "thinking": "x", "signature": ""},
        ),
        (
            TEXT,
            partial(0, '{"a":1}'),
            {"type": "tool_use", "id": "", "name": "", "input": {"a": 1}},
        ),
        (
            TEXT,
            delta(0, "signature_delta", signature="x"),
            {"type": "thinking", "thinking": "", "signature": "x"},
        ),
        (
            TOOL,
            delta(0, "citations_delta", citation={"type": "t"}),
            {"type": "text", "text": "", "citations": [{"type": "t"}]},
        ),
        (TEXT, delta(0, "compaction_delta", content="x"), {"type": "compaction", "content": "x"}),
    ],
)
def test_delta_that_does_not_fit_its_block_makes_one_of_its_own_and_is_logged(
    block: Any, change: bytes, own: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ssewire"):
        assert content(start(0, block), change, stop(0)) == [block, own]
    assert "does not fit" in caplog.text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (text(7, "x"), {"type": "text", "text": "x"}),
        (
            delta(7, "thinking_delta", thinking="x"),
            {"type": "thinking", "thinking": "x", "signature": ""},
        ),
        (
            delta(7, "signature_delta", signature="x"),
            {"type": "thinking", "thinking": "", "signature": "x"},
        ),
        (partial(7, '{"a":1}'), {"type": "tool_use", "id": "", "name": "", "input": {"a": 1}}),
        (
            delta(7, "citations_delta", citation={"type": "t"}),
            {"type": "text", "text": "", "citations": [{"type": "t"}]},
        ),
        (delta(7, "compaction_delta", content="x"), {"type": "compaction", "content": "x"}),
    ],
)
def test_delta_without_a_start_makes_the_block_of_its_type(change: bytes, expected: Any) -> None:
    assert content(change) == [expected]


def test_text_delta_after_the_stop_is_still_added() -> None:
    assert content(text_block(0, "a"), text(0, "b"))[0]["text"] == "ab"


def test_input_after_the_stop_is_decided_anew_at_the_end() -> None:
    block = content(start(0, TOOL), partial(0, '{"a":'), stop(0), partial(0, "1}"))
    assert block[0]["input"] == {"a": 1}


@pytest.mark.parametrize("citations", [{}, {"citations": None}, {"citations": []}])
def test_citations_are_kept_as_started_and_made_when_needed(citations: Any) -> None:
    block = {**TEXT, **citations}
    assert content(start(0, block), stop(0)) == [block]
    cited = content(start(0, block), delta(0, "citations_delta", citation={"a": 1}), stop(0))
    assert cited[0]["citations"] == [{"a": 1}]


WHOLE_BLOCKS: list[dict[str, Any]] = [
    {"type": "redacted_thinking", "data": "opaque"},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "s",
        "content": [{"type": "web_search_result", "title": "t", "page_age": None}],
    },
    {"type": "web_fetch_tool_result", "tool_use_id": "s", "content": {"type": "web_fetch_result"}},
    {"type": "code_execution_tool_result", "tool_use_id": "s", "content": {"return_code": 0}},
    {"type": "bash_code_execution_tool_result", "tool_use_id": "s", "content": {"stdout": ""}},
    {"type": "text_editor_code_execution_tool_result", "tool_use_id": "s", "content": {}},
    {"type": "tool_search_tool_result", "tool_use_id": "s", "content": {"tool_references": []}},
    {"type": "container_upload", "file_id": "f"},
    {"type": "mcp_tool_result", "tool_use_id": "s", "is_error": False, "content": "x"},
    {"type": "mcp_tool_listing", "mcp_server_name": "m", "tools": [{"name": "n"}]},
    {"type": "advisor_tool_result", "tool_use_id": "s", "content": {"type": "advisor_result"}},
]


@pytest.mark.parametrize("block", WHOLE_BLOCKS, ids=[b["type"] for b in WHOLE_BLOCKS])
def test_block_that_is_whole_at_its_start_is_kept_with_all_keys(block: dict[str, Any]) -> None:
    assert content(start(0, {**block, "new": 1}), stop(0)) == [{**block, "new": 1}]


@pytest.mark.parametrize("value", [{}, None, "", "missing"])
@pytest.mark.parametrize("pieces", [(), ("",)])
def test_input_without_fragments_is_the_starts_or_empty(value: Any, pieces: Any) -> None:
    block = {**TOOL, "input": value}
    if value == "missing":
        del block["input"]
    found = tool(*pieces, block=block)
    assert found.input == {}
    assert found.input_complete
    assert found.to_dict()["input"] == {}


def test_whole_input_at_the_start_stays_unless_fragments_replace_it() -> None:
    block = {**TOOL, "input": {"a": 1}}
    assert tool(block=block).input == {"a": 1}
    assert tool("", block=block).input == {"a": 1}
    assert tool('{"b":2}', block=block).input == {"b": 2}
    assert tool(block=block, stopped=False).input_complete
    assert not tool(stopped=False).input_complete


@pytest.mark.parametrize(
    ("pieces", "value"),
    [
        (('{"a": 1 "b": 2}',), {"a": 1}),
        (('{"a":1}', "x"), {"a": 1}),
        (('{"a": tru',), {}),
        (("nonsense",), {}),
        ((" ",), {}),
    ],
)
def test_input_that_is_not_json_keeps_the_partial_value_and_the_stream_goes_on(
    pieces: Any, value: Any
) -> None:
    block = tool(*pieces)
    assert block.input == value
    assert isinstance(block.input_error, ValueError)
    assert not block.input_complete
    assert block.raw_json == "".join(pieces)


@pytest.mark.parametrize("raw", ["12", "[1]", "null", '"x"'])
def test_input_that_is_no_object_is_kept_and_is_not_complete(raw: str) -> None:
    for block in (tool(raw), tool(block={**TOOL, "input": json.loads(raw)})):
        if raw == "null" and not block.raw_json:
            continue  # No value at the start is none that was sent.
        assert block.input == json.loads(raw)
        assert not block.input_complete
        assert isinstance(block.input_error, ValueError)


def test_deeply_nested_input_is_an_input_error_not_a_crash() -> None:
    block = tool("[" * 200_000)
    assert isinstance(block.input_error, ValueError)


def test_null_text_and_thinking_at_the_start_are_empty() -> None:
    parts = start(0, {"type": "text", "text": None}) + text(0, "a") + stop(0)
    assert content(parts)[0]["text"] == "a"
    assert content(start(0, {"type": "text"}), stop(0)) == [TEXT]
    parts = start(0, {"type": "thinking"}) + delta(0, "thinking_delta", thinking="a") + stop(0)
    assert content(parts) == [{"type": "thinking", "thinking": "a"}]


def test_null_text_delta_adds_nothing() -> None:
    assert content(start(0, TEXT), delta(0, "text_delta", text=None), stop(0)) == [TEXT]


def test_text_at_the_start_comes_before_its_deltas() -> None:
    assert content(start(0, {"type": "text", "text": "a"}), text(0, "b"))[0]["text"] == "ab"


def test_surrogate_pair_cut_between_deltas_is_joined() -> None:
    pieces = ["x\ud83d", "\ude00y", "\ud83d", "", "\ude00", "\ud83d"]
    raw = b"".join(
        frame(
            json.dumps(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": piece},
                }
            )
        )
        for piece in pieces
    )
    assert content(start(0, TEXT), raw, stop(0))[0]["text"] == "x\U0001f600y\U0001f600\ud83d"


def test_surrogate_pair_cut_in_tool_input_is_joined() -> None:
    assert tool('{"a":"\\ud83d', '\\ude00"}').input == {"a": "\U0001f600"}


# --- 3 the message


def test_message_start_with_nothing_but_an_id_is_made_whole() -> None:
    body = wire("message_start", message={"id": "m", "type": "message"}) + STOP
    accumulator = read(body)
    assert as_dict(accumulator.message) == {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "usage": {},
    }
    assert accumulator.message is not None
    assert accumulator.message.usage.output_tokens == 0
    assert accumulator.message.usage.service_tier is None


def test_null_content_and_usage_at_the_start_are_empty() -> None:
    message = final(message_start(content=None, usage=None) + END)
    assert message["content"] == []
    assert message["usage"] == {"output_tokens": 6}


def test_unknown_keys_of_the_message_are_kept() -> None:
    message = final(message_start(vendor={"a": [1]}) + END)
    assert message["vendor"] == {"a": [1]}


def test_message_delta_merges_every_key_it_has() -> None:
    change = {
        "stop_reason": "refusal",
        "stop_sequence": "x",
        "stop_details": {"type": "refusal"},
        "container": {"id": "c"},
        "provider_metadata": {"cost": 1},
    }
    event = wire(
        "message_delta",
        delta=change,
        usage={"output_tokens": 5, "cache_creation": {"a": 1}, "iterations": [1], "new": 2},
        context_management={"applied_edits": []},
        input_transformations=[],
        vendor=1,
        nothing=None,
    )
    message = final(message_start() + event + STOP)
    assert {k: message[k] for k in change} == change
    assert message["usage"] == {
        "input_tokens": 11,
        "output_tokens": 5,
        "cache_creation": {"a": 1},
        "iterations": [1],
        "new": 2,
    }
    assert message["context_management"] == {"applied_edits": []}
    assert message["input_transformations"] == []
    assert message["vendor"] == 1
    assert "nothing" not in message


def test_message_delta_without_stop_reason_keeps_the_one_before() -> None:
    again = wire("message_delta", delta={}, usage={"output_tokens": 9})
    message = final(message_start() + message_delta("tool_use") + again + STOP)
    assert message["stop_reason"] == "tool_use"
    assert message["usage"]["output_tokens"] == 9


def test_message_delta_with_null_stop_reason_takes_it_back() -> None:
    message = final(message_start() + message_delta("tool_use") + message_delta(None) + STOP)
    assert message["stop_reason"] is None


def test_null_container_and_null_usage_keep_what_was_there() -> None:
    event = wire("message_delta", delta={"container": None}, usage={"input_tokens": None})
    message = final(message_start(container={"id": "c"}) + event + STOP)
    assert message["container"] == {"id": "c"}
    assert message["usage"]["input_tokens"] == 11


@pytest.mark.parametrize("usage", [{}, {"usage": None}])
def test_message_delta_without_usage_is_fine(usage: Any) -> None:
    event = wire("message_delta", delta={"stop_reason": "end_turn"}, **usage)
    assert final(message_start() + event + STOP)["usage"] == MESSAGE["usage"]


def test_message_delta_cannot_replace_content_or_usage() -> None:
    event = wire("message_delta", delta={"content": 1, "usage": 2}, content=3)
    assert final(message_start() + text_block(0, "a") + event + STOP)["content"] == [
        {"type": "text", "text": "a"}
    ]


def test_extra_keys_of_message_stop_stay_on_its_raw_event() -> None:
    _, events = accumulate(message_start() + message_delta() + wire("message_stop", metrics=1))
    assert events[-1].raw == {"type": "message_stop", "metrics": 1}


# --- 11 relays


def test_blank_line_between_event_and_data_is_tolerated() -> None:
    body = whole(text_block(0, "a")).replace(b"\ndata:", b"\n\ndata:")
    assert final(body) == final(whole(text_block(0, "a")))


def test_index_gaps_and_any_order_are_kept_in_order_of_arrival() -> None:
    parts = text_block(5, "a"), start(9, TEXT), start(1, TEXT), text(9, "b"), text(1, "c")
    assert [b["text"] for b in content(*parts)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.replace(b"\n", b"\r\n"),
        lambda b: b.replace(b"\n", b"\r"),
        lambda b: b"\xef\xbb\xbf" + b,
        lambda b: b": keep-alive\n\n" + b.replace(b"\n\n", b"\n: keep-alive\n\n"),
        lambda b: b.replace(b": ", b":"),
        lambda b: b.replace(b"event:", b"id: 1\nretry: 5\nevent:"),
        lambda b: b.replace(b'"type"', b'\ndata:"type"'),
        lambda b: b"\n\n  \n" + b,
    ],
)
def test_every_framing_the_standard_allows_gives_the_same_message(change: Any) -> None:
    body = whole(text_block(0, "a", "b"), tool_block(1, "{}"))
    assert final(change(body)) == final(body)


def test_message_json_in_place_of_a_stream_is_taken() -> None:
    message = {
        **MESSAGE,
        "content": [{"type": "text", "text": "hi"}, {**TOOL, "input": {"a": 1}}],
        "stop_reason": "tool_use",
    }
    body = json.dumps(message, indent=1).encode()
    assert final(body) == message
    assert final(b"\xef\xbb\xbf\r\n" + body) == message
    _, events = accumulate(body)
    assert [e.type for e in events] == ["message_start", "message_stop"]


@pytest.mark.parametrize("body", [b"<html>502</html>", b'{"half":', b'{"ok":true}', b" <"])
def test_body_that_is_neither_stream_nor_message_is_malformed(body: bytes) -> None:
    error = error_of(body)
    assert isinstance(error, MalformedEvent)
    assert error.__cause__ is not None
    assert error.data == body.decode()


def test_json_error_body_of_a_server_fault_has_its_class() -> None:
    body = {"type": "error", "error": {"type": "api_error", "message": "x"}, "request_id": "r"}
    error = error_of(json.dumps(body).encode())
    assert isinstance(error, InternalServerError)
    assert error.request_id == "r"
    assert error.body == body


# --- Bad input

BAD_INDICES: list[Any] = [-1, 1.0, "0", None, True, []]
BAD_EVENTS: list[tuple[str, bytes]] = [
    ("number", frame("12")),
    ("list", frame("[1]")),
    ("null", frame("null")),
    ("text", frame("hello")),
    ("nested too deeply", frame("[" * 100_000)),
    ("huge integer", frame('{"type":"ping","n":' + "9" * 5000 + "}")),
    ("block is text", wire("content_block_start", index=0, content_block="x")),
    ("block without a type", wire("content_block_start", index=0, content_block={})),
    ("block missing", wire("content_block_start", index=0)),
    ("block's type is a number", start(0, {"type": 1})),
    ("text is a number", start(0, {"type": "text", "text": 1})),
    ("citations are text", start(0, {"type": "text", "text": "", "citations": "x"})),
    ("thinking is a list", start(0, {"type": "thinking", "thinking": []})),
    ("delta is text", wire("content_block_delta", index=0, delta="x")),
    ("delta missing", wire("content_block_delta", index=0)),
    ("delta without a type", wire("content_block_delta", index=0, delta={})),
    ("delta's text is a number", delta(0, "text_delta", text=1)),
    ("delta's fragment is an object", delta(0, "input_json_delta", partial_json={})),
    ("citation is text", delta(0, "citations_delta", citation="x")),
    ("message_delta's delta is a list", wire("message_delta", delta=[])),
    ("usage is a number", wire("message_delta", delta={}, usage=1)),
    ("second message_start's message is text", wire("message_start", message="x")),
    *(
        (f"{kind} index {index!r}", wire(kind, index=index, **fields))
        for index in BAD_INDICES
        for kind, fields in (
            ("content_block_start", {"content_block": TEXT}),
            ("content_block_delta", {"delta": {"type": "text_delta", "text": ""}}),
            ("content_block_stop", {}),
        )
    ),
]


@pytest.mark.parametrize(("name", "bad"), BAD_EVENTS, ids=[name for name, _ in BAD_EVENTS])
def test_event_of_the_wrong_shape_is_malformed_and_loses_nothing_before(
    name: str, bad: bytes
) -> None:
    if name == "huge integer" and not hasattr(__import__("sys"), "get_int_max_str_digits"):
        pytest.skip("this Python reads integers of any length")
    body = message_start() + start(3, TEXT) + text(3, "a") + bad + text(3, "b") + END
    error = error_of(body)
    assert isinstance(error, MalformedEvent)
    assert isinstance(error.__cause__, (ValueError, RecursionError))
    assert error.partial_message is not None
    assert error.partial_message.to_dict()["content"] == [{"type": "text", "text": "a"}]
    assert len(str(error)) < 300


@pytest.mark.parametrize("message", ["x", None, {"content": 1}, {"usage": []}, {"content": ["x"]}])
def test_message_start_of_the_wrong_shape_is_malformed(message: Any) -> None:
    error = error_of(wire("message_start", message=message))
    assert isinstance(error, MalformedEvent)
    assert error.partial_message is None


@pytest.mark.parametrize("index", [10**9, 10**30])
def test_absurd_index_allocates_nothing(index: int) -> None:
    parts = start(index, TEXT), text(index, "a"), stop(index)
    assert content(*parts) == [{"type": "text", "text": "a"}]


def test_huge_integer_in_a_known_field_is_kept() -> None:
    usage = {"output_tokens": 10**40}
    assert (
        final(message_start() + message_delta(usage=usage) + STOP)["usage"]["output_tokens"]
        == 10**40
    )


def test_stop_for_a_block_that_never_began_is_ignored() -> None:
    assert content(stop(4), text_block(0, "a")) == [{"type": "text", "text": "a"}]


# --- The accumulator as an object


def test_each_wire_event_gives_one_event_and_message_is_live() -> None:
    accumulator = Accumulator()
    assert accumulator.message is None
    assert [e.type for e in accumulator.feed(message_start())] == ["message_start"]
    live = accumulator.message
    assert live is not None
    assert [e.type for e in accumulator.feed(start(0, TEXT))] == ["content_block_start"]
    block = live.content[0]
    assert isinstance(block, TextBlock)
    accumulator.feed(text(0, "a"))
    assert block.text == "a"
    accumulator.feed(text(0, "b"))
    assert block.text == "ab"
    assert accumulator.message is live
    assert not accumulator.finished


def test_feed_event_does_what_feed_does() -> None:
    body = whole(text_block(0, "a", "b"), tool_block(1, '{"x":', "1}"))
    fed, events = accumulate(body)
    stepped = Accumulator()
    types = [e.type for sse in Parser().feed(body) for e in stepped.feed_event(sse)]
    assert types == [e.type for e in events]
    assert as_dict(stepped.message) == as_dict(fed.message)


def test_feed_event_passes_over_comments_and_refuses_other_types() -> None:
    accumulator = Accumulator()
    for item in Parser(comments=True).feed(b": hi\n"):
        assert accumulator.feed_event(item) == []  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="ServerSentEvent, not str"):
        accumulator.feed_event("x")  # type: ignore[arg-type]


def test_feed_of_text_is_a_type_error_that_says_so() -> None:
    for fed in (b"", b"event: x\n", b"{"):
        accumulator = Accumulator()
        accumulator.feed(fed)
        with pytest.raises(TypeError, match="bytes-like"):
            accumulator.feed("data: x\n\n")  # type: ignore[arg-type]


@pytest.mark.parametrize("cast", [bytes, bytearray, memoryview])
def test_any_bytes_like_object_is_taken(cast: Any) -> None:
    accumulator = Accumulator()
    accumulator.feed(cast(whole(text_block(0, "a"))))
    assert accumulator.finished


def test_after_the_end_feeds_are_empty_and_after_close_an_error() -> None:
    accumulator = Accumulator()
    accumulator.feed(wire("error", error=OVERLOADED))
    assert accumulator.feed(message_start()) == []
    assert accumulator.feed_event(ServerSentEvent("{}")) == []
    assert accumulator.close() == []
    assert accumulator.close() == []
    assert isinstance(accumulator.error, OverloadedError)
    with pytest.raises(StateError):
        accumulator.feed(b"")
    with pytest.raises(StateError):
        accumulator.feed_event(ServerSentEvent("{}"))


def test_deviation_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ssewire"):
        accumulate(message_start() + message_start() * 2 + text_block(0, "a") + END)
    assert len(caplog.records) == 1
    assert caplog.records[0].name == "ssewire"


def test_conformant_stream_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ssewire"):
        accumulate(whole(text_block(0, "a"), tool_block(1, "{}")))
    assert not caplog.records


def test_thinking_without_a_signature_reads_as_empty_signature() -> None:
    accumulator = read(whole(start(0, {"type": "thinking", "thinking": "x"}), stop(0)))
    assert accumulator.message is not None
    block = accumulator.message.content[0]
    assert isinstance(block, ThinkingBlock)
    assert block.signature == ""
