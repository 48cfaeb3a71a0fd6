# SPDX-License-Identifier: MIT
"""Random messages, written as streams and cut anywhere, come back as they were."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire.claude import Accumulator, ClaudeError, ErrorEvent, MessageStream
from tests.claude.mutation_campaign import campaign
from tests.claude.wire import delta, frame, message_start, partial, start, stop, text, wire

texts = st.text(max_size=12)
keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(keys, json_values, max_size=3)

blocks = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": texts}),
    st.fixed_dictionaries(
        {"type": st.just("text"), "text": texts, "citations": st.lists(objects, max_size=3)}
    ),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": texts, "signature": texts}),
    st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": texts}),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["tool_use", "server_tool_use", "mcp_tool_use"]),
            "id": texts,
            "name": texts,
            "input": objects,
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("compaction"), "content": st.none() | texts, "encrypted_content": texts}
    ),
    st.fixed_dictionaries(
        {"type": st.just("web_search_tool_result"), "tool_use_id": texts, "content": json_values}
    ),
    st.fixed_dictionaries({"type": st.just("connector_text"), "value": json_values}),
)


def pieces_of(value: str, draw: Any) -> list[str]:
    """Return a text cut into pieces, some perhaps empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(value)), max_size=5)))
    return [value[a:b] for a, b in zip([0, *cuts], [*cuts, len(value)])]


@st.composite
def streams(draw: Any) -> tuple[dict[str, Any], bytes]:
    """Draw a message and a stream that says the same."""
    content = draw(st.lists(blocks, max_size=4))
    parts = []
    for index, block in enumerate(content):
        kind = block["type"]
        begun = dict(block)
        deltas = []
        if kind == "text":
            begun["text"] = ""
            deltas = [text(index, p) for p in pieces_of(block["text"], draw)]
            if "citations" in block:
                begun["citations"] = draw(st.sampled_from([[], None]))
                deltas += [delta(index, "citations_delta", citation=c) for c in block["citations"]]
                if not block["citations"]:
                    begun["citations"] = []
        elif kind == "thinking":
            begun = {"type": kind, "thinking": "", "signature": ""}
            deltas = [
                delta(index, "thinking_delta", thinking=p)
                for p in pieces_of(block["thinking"], draw)
            ]
            deltas.append(delta(index, "signature_delta", signature=block["signature"]))
        elif kind.endswith("tool_use"):
            begun["input"] = {}
            raw = json.dumps(block["input"], ensure_ascii=draw(st.booleans()))
            deltas = [partial(index, p) for p in ["", *pieces_of(raw, draw)]]
        elif kind == "compaction":
            begun = {"type": kind, "content": None, "encrypted_content": None}
            change = {k: v for k, v in block.items() if k != "type"}
            deltas = [delta(index, "compaction_delta", **change)]
        parts += [start(index, begun), *deltas, stop(index)]
    message = {
        **json.loads(message_start().partition(b"data: ")[2])["message"],
        "content": content,
        "stop_reason": draw(st.sampled_from(["end_turn", "tool_use", "odd"])),
        "usage": {"input_tokens": 11, "output_tokens": draw(st.integers(0, 10**6))},
        **draw(st.fixed_dictionaries({}, optional={"container": objects, "vendor": objects})),
    }
    extras = {k: message[k] for k in ("container", "vendor") if k in message}
    end = wire(
        "message_delta",
        delta={"stop_reason": message["stop_reason"], "stop_sequence": None, **extras},
        usage={"output_tokens": message["usage"]["output_tokens"]},
    )
    noise = [wire("ping"), b": keep-alive\n\n", b"", frame('{"odd":1}', "vendor")]
    body = b""
    for part in [message_start(), *parts, end, wire("message_stop")]:
        body += draw(st.sampled_from(noise)) + part
    return message, body


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({at % (len(body) + 1) for at in cuts})
    return [body[a:b] for a, b in zip([0, *places], [*places, len(body)])]


cut_places = st.lists(st.integers(0, 2**20), max_size=12)


@settings(max_examples=150, deadline=None)
@given(streams(), cut_places)
def test_random_message_comes_back_however_it_is_cut(
    drawn: tuple[dict[str, Any], bytes], cuts: list[int]
) -> None:
    message, body = drawn
    with MessageStream(cut(body, cuts)) as stream:
        for event in stream:
            assert event.type
        assert stream.get_final_message().to_dict() == message
    with MessageStream(cut(body, cuts)) as stream:
        expected = "".join(b["text"] for b in message["content"] if b["type"] == "text")
        assert "".join(stream.text_stream) == expected
        assert stream.get_final_message().to_dict() == message


@settings(max_examples=150, deadline=None)
@given(streams(), cut_places, st.integers(0, 2**20))
def test_random_prefix_gives_a_prefix_of_the_events_and_no_odd_exception(
    drawn: tuple[dict[str, Any], bytes], cuts: list[int], end: int
) -> None:
    _, body = drawn
    whole = Accumulator()
    types = [e.type for e in whole.feed(body)]
    prefix = body[: end % (len(body) + 1)]
    accumulator = Accumulator()
    events = [e for chunk in cut(prefix, cuts) for e in accumulator.feed(chunk)]
    events += accumulator.close()
    assert [e.type for e in events] == types[: len(events)]
    assert (accumulator.error is None) == accumulator.finished


event_soup = st.lists(
    st.one_of(
        st.sampled_from(
            [
                message_start(),
                start(0, {"type": "text", "text": ""}),
                start(1, {"type": "tool_use", "id": "i", "name": "n", "input": {}}),
                text(0, "a"),
                text(1, "b"),
                partial(1, '{"a":'),
                partial(0, "1}"),
                stop(0),
                stop(1),
                wire("message_delta", delta={"stop_reason": "x"}),
                wire("message_stop"),
                wire("error", error={"type": "api_error"}),
                frame("[DONE]"),
                frame("{"),
                b"\n",
                b"{",
            ]
        ),
        st.builds(
            lambda kind, fields: wire(kind, **{k: v for k, v in fields.items() if k != "kind"}),
            st.sampled_from(
                [
                    "message_start",
                    "content_block_start",
                    "content_block_delta",
                    "content_block_stop",
                    "message_delta",
                    "message_stop",
                    "error",
                    "odd",
                ]
            ),
            st.dictionaries(
                st.sampled_from(
                    ["index", "delta", "content_block", "message", "usage", "error", "vendor"]
                ),
                json_values
                | st.dictionaries(
                    st.sampled_from(["type", "text", "content", "usage", "partial_json"]),
                    json_values | st.sampled_from(["text", "text_delta", "tool_use", "thinking"]),
                ),
            ),
        ),
        st.binary(max_size=20),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(event_soup)
def test_soup_of_events_raises_documented_errors_only(parts: list[bytes]) -> None:
    body = b"".join(parts)
    accumulator = Accumulator()
    events = accumulator.feed(body) + accumulator.close()
    assert accumulator.finished != isinstance(accumulator.error, ClaudeError)
    assert not any(isinstance(e, ErrorEvent) for e in events[:-1])
    for event in events:
        assert isinstance(event.raw, dict)
        repr(event)
    for chunks in ([body], [body[i : i + 1] for i in range(len(body))]):
        with MessageStream(chunks) as stream:
            failure = None
            try:
                seen = "".join(stream.text_stream)
            except ClaudeError as exc:
                failure = exc
            assert type(failure) is type(accumulator.error)
            if failure is not None:
                assert failure.partial_message == accumulator.message
                continue
            # In another order if the deltas of several text blocks are mixed.
            assert sorted(seen) == sorted(stream.get_final_text())
            final = stream.get_final_message()
            assert final == accumulator.message
            json.dumps(final.to_param())
            final.to_json()


def test_mutated_recordings_raise_documented_errors_only() -> None:
    """A slice of `python -m tests.claude.mutation_campaign`."""
    campaign(400, 0)
