# SPDX-License-Identifier: MIT
"""The same bytes through the official SDK: the same events and message, but for what is listed.

Each deliberate difference is a test of its own, which shows what the SDK does
and what we do; if the SDK changes its mind, the test says so.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ssewire.claude import (
    MalformedEvent,
    MessageStream,
    OverloadedError,
    StreamInterrupted,
    StreamTruncated,
    ToolUseBlock,
)
from tests.claude.wire import (
    STOP,
    TEXT,
    TOOL,
    delta,
    frame,
    message_delta,
    message_start,
    partial,
    start,
    stop,
    text,
    text_block,
    tool_block,
    whole,
    wire,
)

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 10) or platform.python_implementation() != "CPython",
    reason="anthropic needs CPython 3.10 or later",
)


def sdk_stream(body: bytes, *, beta: bool = True, error: Exception | None = None) -> Any:
    """Return the official SDK's stream of a body, in small chunks."""
    anthropic = import_module("anthropic")
    httpx2 = import_module("httpx2")

    def chunks() -> Iterator[bytes]:
        for at in range(0, len(body), 100):
            yield body[at : at + 100]
        if error is not None:
            raise error

    def answer(request: object) -> Any:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=chunks())

    client = anthropic.Anthropic(
        api_key="none", http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
    )
    messages = client.beta.messages if beta else client.messages
    return messages.stream(model="m", max_tokens=1, messages=[])


def dump(value: Any) -> Any:
    """Return the JSON of a model of the SDK, with the keys that the server sent."""
    if hasattr(value, "to_dict"):
        # Its models know nothing of blocks that are new, and warn.
        return without_null_details(value.to_dict(mode="json", warnings=False))
    if isinstance(value, list):
        return [dump(item) for item in value]
    return value


def without_null_details(value: dict[str, Any]) -> dict[str, Any]:
    """Drop the one key that the SDK adds to every message: a difference, see below."""
    if value.get("type") == "message" and value.get("stop_details", 0) is None:
        del value["stop_details"]
    return value


def ours(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return without_null_details(value.to_dict())
    if isinstance(value, list):
        return [ours(item) for item in value]
    return value


# Event type -> the attributes that both have.
FIELDS = {
    "message_start": ("message",),
    "content_block_start": ("index", "content_block"),
    "content_block_delta": ("index", "delta"),
    "content_block_stop": ("index", "content_block"),
    "message_delta": ("delta", "usage"),
    "message_stop": ("message",),
    "text": ("text", "snapshot"),
    "input_json": ("partial_json", "snapshot"),
    "thinking": ("thinking", "snapshot"),
    "signature": ("signature",),
    "citation": ("citation", "snapshot"),
    "compaction": ("content", "encrypted_content"),
}


def trace(events: Any, dumped: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for event in events:
        fields = {name: dumped(getattr(event, name)) for name in FIELDS.get(event.type, ())}
        yield event.type, json.loads(json.dumps(fields))


def sdk_trace(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    with sdk_stream(body) as stream:
        return list(trace(stream, dump))


def our_trace(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    with MessageStream([body]) as stream:
        return list(trace(stream, ours))


def sdk_message(body: bytes, *, beta: bool = True) -> Any:
    with sdk_stream(body, beta=beta) as stream:
        return dump(stream.get_final_message())


def our_message(body: bytes) -> dict[str, Any]:
    with MessageStream([body]) as stream:
        return without_null_details(stream.get_final_message().to_dict())


SYNTHETIC = {
    "text": whole(text_block(0, "Hello", " there", "!"), text_block(1)),
    "tools": whole(
        tool_block(0, "", '{"locati', 'on": "P', "ar", 'is"}'),
        tool_block(1, '{"a": [1, 2, {"k', '": null}], "b', '": 12.5}'),
    ),
    "thinking": whole(
        start(0, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(0, "thinking_delta", thinking="a"),
        delta(0, "thinking_delta", thinking="b"),
        delta(0, "signature_delta", signature="s"),
        stop(0),
    ),
    "compaction": whole(
        start(0, {"type": "compaction", "content": None, "encrypted_content": None}),
        delta(0, "compaction_delta", content="c", encrypted_content="e"),
        stop(0),
    ),
    "fallback": whole(
        start(
            0, {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}, "trigger": None}
        ),
        stop(0),
        text_block(1, "x"),
    ),
    "pings and unknown events": whole(wire("ping"), wire("vendor", x=1), text_block(0, "a")),
    "unknown delta and block": whole(
        start(0, {"type": "connector_text", "text": "x"}),
        delta(0, "odd_delta", odd=1),
        stop(0),
    ),
    "second message_start": message_start() + message_start() + message_delta() + STOP,
    "text after the stop": whole(text_block(0, "a"), text(0, "b")),
}


@pytest.mark.parametrize("body", SYNTHETIC.values(), ids=SYNTHETIC.keys())
def test_same_events_and_message_for_streams_of_every_kind(body: bytes) -> None:
    assert our_trace(body) == sdk_trace(body)
    assert our_message(body) == sdk_message(body)


def test_same_events_for_recordings(recording: Path) -> None:
    body = recording.read_bytes()
    theirs = sdk_trace(body)
    mine = our_trace(body)
    if not body.endswith(b"\n\n"):
        # A difference: the SDK drops a last event that lacks its blank line.
        assert mine.pop()[0] == "message_stop"
    without_extras(theirs, mine)
    assert mine == theirs


def without_extras(theirs: Any, mine: Any) -> None:
    """Drop from `mine` what the SDK loses: keys of usage and delta that it does not know."""
    for (their_type, their_fields), (my_type, my_fields) in zip(theirs, mine):
        if their_type == my_type == "message_stop":
            lost = set(my_fields["message"]) - set(their_fields["message"])
            assert lost <= {"provider_metadata"}
            for key in lost:
                del my_fields["message"][key]
            usage = my_fields["message"]["usage"]
            lost = set(usage) - set(their_fields["message"]["usage"])
            assert lost <= {"cache_creation"}
            for key in lost:
                del usage[key]


def test_same_message_for_recordings(recording: Path) -> None:
    body = recording.read_bytes()
    mine, theirs = our_message(body), sdk_message(body)
    pairs: list[Any] = [
        [("message_stop", {"message": theirs})],
        [("message_stop", {"message": mine})],
    ]
    without_extras(*pairs)
    assert mine == theirs


def test_same_texts_for_recordings(recording: Path) -> None:
    body = recording.read_bytes()
    with sdk_stream(body) as stream, MessageStream([body]) as our_stream:
        assert list(stream.text_stream) == list(our_stream.text_stream)


FIXTURES = os.environ.get("SSEWIRE_SDK_FIXTURES")
# What its own accumulator refuses.
REFUSED = ("tool_use_invalid_json_response.txt", "unknown_events_response.txt")


@pytest.mark.skipif(
    FIXTURES is None,
    reason="SSEWIRE_SDK_FIXTURES names no folder: tests/ of the SDK's source archive",
)
def test_same_events_and_message_for_the_fixtures_of_the_sdk() -> None:
    assert FIXTURES is not None
    found = sorted([*Path(FIXTURES).rglob("*_response.txt"), *Path(FIXTURES).rglob("*.sse")])
    assert len(found) >= 19
    for path in found:
        body = path.read_bytes()
        if path.name in REFUSED:
            our_message(body)
            continue
        # A difference: the SDK drops a last event that lacks its blank line.
        body = body.rstrip(b"\n") + b"\n\n"
        assert our_trace(body) == sdk_trace(body), path.name
        assert our_message(body) == sdk_message(body), path.name


# --- Deliberate differences


def test_difference_stop_details_is_there_only_if_sent() -> None:
    body = whole(text_block(0, "a"))
    with sdk_stream(body) as stream:
        assert stream.get_final_message().to_dict()["stop_details"] is None
    assert "stop_details" not in MessageStream([body]).get_final_message()
    body = message_start(stop_details=None) + message_delta() + STOP
    assert MessageStream([body]).get_final_message()["stop_details"] is None


def test_difference_delta_that_does_not_fit_its_block_is_not_lost() -> None:
    body = whole(start(0, TOOL), text(0, "x"), stop(0))
    assert len(sdk_message(body)["content"]) == 1
    assert our_message(body)["content"] == [TOOL, {"type": "text", "text": "x"}]


def test_difference_derived_events_have_an_index() -> None:
    body = whole(text_block(0, "a"))
    with sdk_stream(body) as stream:
        assert not any(hasattr(e, "index") for e in stream if e.type == "text")
    assert [e.index for e in MessageStream([body]) if e.type == "text"] == [0]


def test_difference_text_at_a_start_is_in_text_stream() -> None:
    body = whole(start(0, {**TEXT, "text": "s"}), text(0, "a"), stop(0))
    with sdk_stream(body) as stream:
        assert "".join(stream.text_stream) == "a"
    assert "".join(MessageStream([body]).text_stream) == "sa"


def test_difference_text_of_a_message_without_text_is_empty() -> None:
    body = whole(tool_block(0, "{}"))
    with sdk_stream(body) as stream, pytest.raises(RuntimeError):
        stream.get_final_text()
    assert MessageStream([body]).get_final_text() == ""


def test_difference_events_without_a_name_count() -> None:
    body = b"".join(x for x in whole(text_block(0, "a")).splitlines(True) if x[:5] != b"event")
    assert sdk_trace(body) == []
    assert our_message(body) == our_message(whole(text_block(0, "a")))


def test_difference_error_without_a_name_is_raised() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    body = message_start() + frame(json.dumps({"type": "error", "error": error}))
    assert [kind for kind, _ in sdk_trace(body)] == ["message_start"]
    with pytest.raises(OverloadedError):
        our_trace(body)


def test_difference_error_in_the_stream_has_the_class_of_its_type() -> None:
    anthropic = import_module("anthropic")

    error = {"type": "overloaded_error", "message": "Overloaded"}
    body = message_start() + wire("error", error=error)
    with pytest.raises(anthropic.APIStatusError) as theirs:
        sdk_trace(body)
    assert type(theirs.value) is anthropic.APIStatusError
    assert theirs.value.status_code == 200
    with pytest.raises(OverloadedError) as mine:
        our_trace(body)
    assert mine.value.status == 529
    assert mine.value.partial_message is not None


def test_difference_truncated_stream_is_an_error() -> None:
    body = message_start() + start(0, TEXT) + text(0, "a")
    assert sdk_message(body)["stop_reason"] is None
    with pytest.raises(StreamTruncated):
        our_message(body)


def test_difference_empty_body_is_a_documented_error() -> None:
    with pytest.raises(AssertionError):
        sdk_message(b"")
    with pytest.raises(StreamTruncated):
        our_message(b"")


def test_difference_last_event_without_its_blank_line_counts() -> None:
    body = whole(text_block(0, "a"))[:-1]
    assert sdk_trace(body)[-1][0] == "message_delta"
    assert our_trace(body)[-1][0] == "message_stop"


def test_difference_source_that_fails_is_wrapped_with_the_partial_message() -> None:
    httpx2 = import_module("httpx2")

    failure = httpx2.RemoteProtocolError("cut")
    body = message_start() + text_block(0, "a")
    with pytest.raises(httpx2.RemoteProtocolError), sdk_stream(body, error=failure) as stream:
        stream.get_final_message()

    def chunks() -> Iterator[bytes]:
        yield body
        raise failure

    with pytest.raises(StreamInterrupted) as caught:
        MessageStream(chunks()).get_final_message()
    assert caught.value.__cause__ is failure


def test_difference_malformed_json_is_a_documented_error() -> None:
    body = message_start() + frame('{"type":', "content_block_start")
    with pytest.raises(json.JSONDecodeError):
        sdk_trace(body)
    with pytest.raises(MalformedEvent):
        our_trace(body)


def test_difference_tool_input_that_is_not_json_does_not_end_the_stream() -> None:
    body = whole(tool_block(0, '{"a": nonsense}'), text_block(1, "x"))
    with pytest.raises(ValueError, match="Unable to parse tool parameter JSON"):
        sdk_trace(body)
    with MessageStream([body]) as stream:
        block = stream.get_final_message().content[0]
    assert isinstance(block, ToolUseBlock)
    assert isinstance(block.input_error, ValueError)


def test_difference_tool_input_is_parsed_strictly_at_its_end() -> None:
    body = whole(tool_block(0, '{"a": 1 "b": 2}'))
    assert sdk_message(body)["content"][0]["input"] == {"a": 1}
    with MessageStream([body]) as stream:
        block = stream.get_final_message().content[0]
    assert isinstance(block, ToolUseBlock)
    assert block.input == {"a": 1}
    assert block.input_error is not None


def test_difference_index_gaps_are_tolerated() -> None:
    body = whole(text_block(5, "a"))
    with pytest.raises(IndexError):
        sdk_trace(body)
    assert our_message(body)["content"] == [{"type": "text", "text": "a"}]


def test_difference_delta_without_a_start_makes_its_block() -> None:
    body = whole(partial(0, "{}"))
    with pytest.raises(IndexError):
        sdk_trace(body)
    assert our_message(body)["content"][0]["type"] == "tool_use"


def test_difference_second_message_delta_does_not_wipe_the_stop_reason() -> None:
    again = wire("message_delta", delta={}, usage={"output_tokens": 9})
    body = message_start() + message_delta("tool_use") + again + STOP
    assert sdk_message(body)["stop_reason"] is None
    assert our_message(body)["stop_reason"] == "tool_use"


def test_difference_unknown_keys_of_message_delta_are_kept() -> None:
    body = (
        message_start()
        + wire(
            "message_delta",
            delta={"stop_reason": "end_turn", "provider_metadata": 1},
            usage={"output_tokens": 1, "cache_creation": {"a": 1}},
        )
        + STOP
    )
    theirs = sdk_message(body)
    assert "provider_metadata" not in theirs
    assert "cache_creation" not in theirs["usage"]
    mine = our_message(body)
    assert mine["provider_metadata"] == 1
    assert mine["usage"]["cache_creation"] == {"a": 1}


def test_difference_missing_usage_is_no_crash() -> None:
    body = message_start() + wire("message_delta", delta={"stop_reason": "end_turn"}) + STOP
    with pytest.raises(AttributeError):
        sdk_trace(body)
    assert our_message(body)["stop_reason"] == "end_turn"


def test_difference_bom_does_not_lose_the_message() -> None:
    body = b"\xef\xbb\xbf" + whole(text_block(0, "a"))
    with pytest.raises((AssertionError, IndexError)):
        sdk_message(body)
    assert our_message(body)["content"] == [{"type": "text", "text": "a"}]


def test_difference_surrogate_pair_cut_between_deltas_is_joined() -> None:
    body = whole(text_block(0, "\ud83d", "\ude00"))
    with sdk_stream(body) as stream:
        assert stream.get_final_text() == "\ud83d\ude00"
    assert MessageStream([body]).get_final_text() == "\U0001f600"


def test_difference_start_with_null_text_is_no_crash() -> None:
    body = whole(start(0, {"type": "text", "text": None}), text(0, "a"), stop(0))
    with pytest.raises(TypeError):
        sdk_message(body)
    assert our_message(body)["content"] == [{"type": "text", "text": "a"}]


def test_difference_tool_use_without_input_gets_an_empty_one() -> None:
    block = {key: value for key, value in TOOL.items() if key != "input"}
    body = whole(start(0, block), stop(0))
    assert "input" not in sdk_message(body)["content"][0]
    assert our_message(body)["content"][0]["input"] == {}


def test_difference_reused_start_index_takes_the_arrival_position() -> None:
    body = whole(text_block(0, "a"), start(0, TEXT), text(1, "b"), stop(1))
    # The SDK ignores the index of a start, so that here both agree.
    assert sdk_message(body)["content"] == our_message(body)["content"]


def test_difference_one_accumulator_for_all_namespaces() -> None:
    block = {"type": "mcp_tool_use", "id": "i", "name": "n", "server_name": "s", "input": {}}
    body = whole(start(0, block), partial(0, '{"a":1}'), stop(0))
    assert sdk_message(body, beta=False)["content"][0]["input"] == {}
    assert sdk_message(body)["content"][0]["input"] == {"a": 1}
    assert our_message(body)["content"][0]["input"] == {"a": 1}


def test_difference_events_after_message_stop_are_not_taken() -> None:
    body = whole(text_block(0, "a")) + text(0, "late")
    assert sdk_message(body)["content"][0]["text"] == "alate"
    assert our_message(body)["content"][0]["text"] == "a"
