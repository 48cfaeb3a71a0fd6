# SPDX-License-Identifier: MIT
"""Typed events: what each has, and what is decoded when."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from ssewire import ServerSentEvent
from ssewire.claude import (
    CitationEvent,
    CitationsDelta,
    CompactionDelta,
    CompactionEvent,
    ContentBlockDeltaEvent,
    ContentBlockStartEvent,
    ContentBlockStopEvent,
    InputJSONDelta,
    InputJSONEvent,
    MessageDeltaEvent,
    MessageStartEvent,
    MessageStopEvent,
    MessageStream,
    PingEvent,
    SignatureDelta,
    SignatureEvent,
    StreamEvent,
    TextBlock,
    TextDelta,
    TextEvent,
    ThinkingDelta,
    ThinkingEvent,
    UnknownBlock,
    UnknownDelta,
    UnknownEvent,
)
from tests.claude.wire import (
    MESSAGE,
    TEXT,
    TOOL,
    accumulate,
    delta,
    frame,
    message_start,
    partial,
    start,
    stop,
    text,
    text_block,
    whole,
    wire,
)

THINKING = {"type": "thinking", "thinking": "", "signature": ""}


def events_of(*parts: bytes) -> list[Any]:
    """Return what a stream gives for these blocks, without the frame of the message."""
    return list(MessageStream([whole(*parts)]))[1:-2]


def test_message_start_has_the_message_as_sent() -> None:
    stream = MessageStream([whole(text_block(0, "a"))])
    event = next(stream)
    stream.until_done()
    assert isinstance(event, MessageStartEvent)
    assert event.type == "message_start"
    assert event.message.to_dict() == MESSAGE


def test_block_start_has_the_block_as_sent() -> None:
    first, _, derived, _ = events_of(start(0, {**TEXT, "text": "s"}), text(0, "a"), stop(0))
    assert isinstance(first, ContentBlockStartEvent)
    assert first.index == 0
    assert isinstance(first.content_block, TextBlock)
    assert first.content_block.text == "s"
    assert derived.snapshot == "sa"


def test_text_delta_and_its_derived_event() -> None:
    _, raw, derived, _ = events_of(text_block(0, "h\u00e9"))
    assert isinstance(raw, ContentBlockDeltaEvent)
    assert isinstance(raw.delta, TextDelta)
    assert (raw.index, raw.delta.type, raw.delta.text) == (0, "text_delta", "h\u00e9")
    assert raw.raw == {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "h\u00e9"},
    }
    assert raw.raw is raw.raw
    assert isinstance(derived, TextEvent)
    assert (derived.type, derived.index, derived.text, derived.snapshot) == (
        "text",
        0,
        "h\u00e9",
        "h\u00e9",
    )
    assert derived.raw == raw.raw
    assert derived.to_sse() == raw.to_sse()


def test_each_of_a_run_of_text_deltas_has_its_own_wire_event() -> None:
    body = whole(text_block(0, *"abcdef"))
    for event in MessageStream([body]):
        if isinstance(event, TextEvent):
            assert event.raw["delta"]["text"] == event.text
            assert event.snapshot == "abcdef"[: "abcdef".index(event.text) + 1]
        elif isinstance(event, ContentBlockDeltaEvent):
            assert event.raw["delta"] == event.delta.to_dict()


def test_thinking_and_signature_events() -> None:
    _, raw, thought, signed, signature, _ = events_of(
        start(0, THINKING),
        delta(0, "thinking_delta", thinking="t", estimated_tokens=4),
        delta(0, "signature_delta", signature="s"),
        stop(0),
    )
    assert isinstance(raw.delta, ThinkingDelta)
    assert (raw.delta.thinking, raw.delta.estimated_tokens) == ("t", 4)
    assert isinstance(thought, ThinkingEvent)
    assert (thought.index, thought.thinking, thought.snapshot) == (0, "t", "t")
    assert isinstance(signed.delta, SignatureDelta)
    assert signed.delta.signature == "s"
    assert isinstance(signature, SignatureEvent)
    assert (signature.index, signature.signature) == (0, "s")


def test_input_events_have_the_live_value() -> None:
    _, raw, first, _, second, last = events_of(
        start(0, TOOL), partial(0, '{"a": [1'), partial(0, ", 2]}"), stop(0)
    )
    assert isinstance(raw.delta, InputJSONDelta)
    assert raw.delta.partial_json == '{"a": [1'
    assert isinstance(first, InputJSONEvent)
    assert (first.index, first.partial_json, second.partial_json) == (0, '{"a": [1', ", 2]}")
    assert first.snapshot == second.snapshot == {"a": [1, 2]}
    assert isinstance(last, ContentBlockStopEvent)
    assert last.content_block["input"] == {"a": [1, 2]}


def test_citation_events() -> None:
    citation = {"type": "char_location", "cited_text": "x"}
    _, raw, derived, _ = events_of(
        start(0, TEXT), delta(0, "citations_delta", citation=citation), stop(0)
    )
    assert isinstance(raw.delta, CitationsDelta)
    assert raw.delta.citation.cited_text == "x"
    assert isinstance(derived, CitationEvent)
    assert derived.index == 0
    assert derived.citation.to_dict() == citation
    assert [c.to_dict() for c in derived.snapshot] == [citation]


def test_changing_the_raw_of_an_event_leaves_the_message_alone() -> None:
    stream = MessageStream(
        [
            whole(
                start(0, {**TEXT, "citations": []}), delta(0, "citations_delta", citation={"a": []})
            )
        ]
    )
    for event in stream:
        event.raw.get("delta", {}).get("citation", {}).get("a", []).append("changed")
        event.raw.get("content_block", {})["text"] = "changed"
        event.raw.get("message", {})["id"] = "changed"
    final = stream.get_final_message().to_dict()
    assert "changed" not in json.dumps(final)


@pytest.mark.parametrize(
    ("fields", "content", "encrypted"),
    [
        ({"content": "c", "encrypted_content": "e"}, "c", "e"),
        ({"content": None}, None, None),
    ],
)
def test_compaction_events_keep_null(fields: Any, content: Any, encrypted: Any) -> None:
    block = {"type": "compaction", "content": None}
    _, raw, derived, _ = events_of(start(0, block), delta(0, "compaction_delta", **fields), stop(0))
    assert isinstance(raw.delta, CompactionDelta)
    assert raw.delta.content == content
    assert isinstance(derived, CompactionEvent)
    assert (derived.content, derived.encrypted_content) == (content, encrypted)
    assert (derived.index, derived.snapshot) == (0, content)


def test_unknown_delta_has_the_wires_type_and_keys() -> None:
    _, raw, _ = events_of(start(0, TEXT), delta(0, "odd_delta", odd=1), stop(0))
    assert isinstance(raw.delta, UnknownDelta)
    assert (raw.delta.type, raw.delta["odd"]) == ("odd_delta", 1)


def test_message_delta_has_what_it_changes() -> None:
    body = message_start() + wire(
        "message_delta",
        delta={"stop_reason": "end_turn", "container": {"id": "c"}},
        usage={"output_tokens": 3},
        context_management={"applied_edits": []},
    )
    event = list(MessageStream([body]))[-1]
    assert isinstance(event, MessageDeltaEvent)
    assert event.delta.stop_reason == "end_turn"
    assert event.delta.stop_details is None
    assert event.delta.container is not None
    assert event.delta.container.id == "c"
    assert event.usage.output_tokens == 3
    odd: Any = event
    assert odd.context_management.applied_edits == []
    with pytest.raises(AttributeError):
        _ = odd.nothing


def test_unknown_event_has_the_wires_type_keys_and_name() -> None:
    (event,) = events_of(frame('{"value": {"a": 1}}', "vendor.metrics"))
    assert isinstance(event, UnknownEvent)
    odd: Any = event
    assert odd.type == "vendor.metrics"
    assert odd.value.a == 1
    assert event["value"] == {"a": 1}
    assert event.to_sse() == ServerSentEvent('{"value": {"a": 1}}', "vendor.metrics")


def test_stop_of_a_block_that_never_began_has_an_unknown_block() -> None:
    (event,) = events_of(stop(3))
    assert isinstance(event, ContentBlockStopEvent)
    assert isinstance(event.content_block, UnknownBlock)


def test_message_stop_without_a_message_has_an_empty_one() -> None:
    _, events = accumulate(wire("message_stop"))
    assert isinstance(events[0], MessageStopEvent)
    assert events[0].message.content == []


@pytest.mark.parametrize("data", ['{"type":"ping"}', "{}", "hello", "1"])
def test_ping_is_one_whatever_its_data(data: str) -> None:
    _, events = accumulate(frame(data, "ping"))
    assert isinstance(events[0], PingEvent)
    assert events[0].raw == (json.loads(data) if data.startswith("{") else {})


def test_events_can_be_matched_pickled_and_shown() -> None:
    events: list[StreamEvent] = events_of(text_block(0, "a"))
    for event in events:
        again = pickle.loads(pickle.dumps(event))
        assert again.raw == event.raw
        assert type(event).__name__ in repr(event)
    assert "a" in repr(events[2])
