# SPDX-License-Identifier: MIT
"""Messages and blocks as values: attributes, JSON, copies, what is sent back."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from ssewire.claude import (
    CompactionBlock,
    FallbackBlock,
    JSONObject,
    MCPToolListingBlock,
    MCPToolResultBlock,
    MCPToolUseBlock,
    Message,
    MessageStream,
    RedactedThinkingBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UnknownBlock,
    Usage,
    WebSearchToolResultBlock,
)
from ssewire.claude import (
    message as module,
)
from tests.claude.wire import (
    MESSAGE,
    TEXT,
    TOOL,
    delta,
    message_delta,
    message_start,
    partial,
    start,
    stop,
    text,
    text_block,
    tool_block,
    whole,
)

SIGNED: dict[str, Any] = {"type": "thinking", "thinking": "t", "signature": "s"}
CALL: dict[str, Any] = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}
RESULT: dict[str, Any] = {
    "type": "web_search_tool_result",
    "tool_use_id": "srv_1",
    "content": [{"type": "web_search_result", "title": "t", "url": "u"}],
}
FALLBACK: dict[str, Any] = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}


def message(*blocks: dict[str, Any], **fields: Any) -> Message:
    """Return a message with these blocks, through the stream."""
    body = message_start(content=list(blocks), stop_reason="end_turn", **fields) + message_delta()
    return MessageStream([body]).get_final_message()


def sent_back(*blocks: dict[str, Any]) -> list[Any]:
    param = message(*blocks).to_param()
    assert set(param) == {"role", "content"}
    assert param["role"] == "assistant"
    content: list[Any] = param["content"]
    return content


def test_known_keys_are_attributes_and_absent_ones_are_none_or_empty() -> None:
    found = message(TEXT)
    assert (found.id, found.type, found.role, found.model) == (
        "msg_1",
        "message",
        "assistant",
        "claude-a",
    )
    assert (found.stop_reason, found.stop_sequence, found.stop_details) == ("end_turn", None, None)
    assert (found.container, found.context_management, found.diagnostics) == (None, None, None)
    assert found.input_transformations is None
    block = found.content[0]
    assert isinstance(block, TextBlock)
    assert block.citations is None


def test_usage_counts_are_ints_and_the_rest_may_be_none() -> None:
    usage = message(TEXT, usage={"server_tool_use": {"web_search_requests": 2}}).usage
    assert isinstance(usage, Usage)
    assert (usage.input_tokens, usage.output_tokens) == (0, 6)
    assert usage.cache_read_input_tokens is None
    assert usage.service_tier is None
    assert usage.server_tool_use is not None
    assert usage.server_tool_use.web_search_requests == 2
    odd = message(TEXT, usage={"input_tokens": "many", "output_tokens": None}).usage
    assert odd.input_tokens == 0
    assert odd.to_dict() == {"input_tokens": "many", "output_tokens": 6}


def test_each_known_block_has_its_class_and_attributes() -> None:
    blocks = message(
        SIGNED,
        {"type": "redacted_thinking", "data": "d"},
        {**TOOL, "caller": {"type": "direct"}, "toolset_name": "x"},
        CALL,
        {**TOOL, "type": "mcp_tool_use", "server_name": "m"},
        RESULT,
        {"type": "mcp_tool_result", "tool_use_id": "t", "is_error": True, "content": "c"},
        {"type": "mcp_tool_listing", "mcp_server_name": "m", "tools": [{"name": "n"}]},
        {"type": "compaction", "content": "c"},
        FALLBACK,
        {"type": "connector_text", "text": "x"},
    ).content
    (thinking, redacted, tool, server, mcp, result, mcp_result, listing, compact, fall, odd) = (
        blocks
    )
    assert isinstance(thinking, ThinkingBlock)
    assert (thinking.thinking, thinking.signature) == ("t", "s")
    assert isinstance(redacted, RedactedThinkingBlock)
    assert redacted.data == "d"
    assert isinstance(tool, ToolUseBlock)
    assert tool.caller is not None
    assert (tool.id, tool.name, tool.caller.type, tool.toolset_name) == (
        "toolu_1",
        "f",
        "direct",
        "x",
    )
    assert isinstance(server, ServerToolUseBlock)
    assert server.caller is None
    assert isinstance(mcp, MCPToolUseBlock)
    assert mcp.server_name == "m"
    assert isinstance(result, WebSearchToolResultBlock)
    assert result.content[0].title == "t"
    assert isinstance(mcp_result, MCPToolResultBlock)
    assert mcp_result.is_error
    assert isinstance(listing, MCPToolListingBlock)
    assert listing.tools is not None
    assert listing.tools[0].name == "n"
    assert isinstance(compact, CompactionBlock)
    assert (compact.content, compact.encrypted_content) == ("c", None)
    assert isinstance(fall, FallbackBlock)
    assert fall.to is not None
    assert (fall["from"], fall.to.model) == ({"model": "a"}, "b")
    assert isinstance(odd, UnknownBlock)
    assert (odd.type, odd["text"]) == ("connector_text", "x")


def test_unknown_keys_are_attributes_and_items_and_misspelt_ones_are_errors() -> None:
    found: Any = message({**TEXT, "extra": {"a": [{"b": 1}]}}, vendor=3)
    assert found.vendor == 3 == found["vendor"]
    block = found.content[0]
    assert block.extra.a[0].b == 1
    assert block["extra"] == {"a": [{"b": 1}]}
    assert "extra" in block
    assert block.get("missing", 7) == 7
    assert set(block) == {"type", "text", "extra"} == set(block.keys())
    assert len(block) == 3
    with pytest.raises(AttributeError, match="TextBlock has no attribute 'txt'"):
        _ = block.txt
    with pytest.raises(KeyError):
        _ = block["txt"]


def test_to_dict_is_a_deep_copy() -> None:
    found = message({**TEXT, "extra": {"a": [1]}}, {**TOOL, "input": {"x": []}})
    first = found.to_dict()
    first["content"][0]["extra"]["a"].append(2)
    first["content"][1]["input"]["x"].append(2)
    first["usage"]["output_tokens"] = 0
    assert found.to_dict()["content"][0]["extra"] == {"a": [1]}
    assert found.to_dict()["content"][1]["input"] == {"x": []}
    assert found.usage.output_tokens == 6


def test_the_official_names_for_json_give_the_same() -> None:
    found = message({"type": "text", "text": "h\u00e9"})
    assert found.model_dump() == found.to_dict()
    assert json.loads(found.model_dump_json()) == found.to_dict()
    assert json.loads(found.to_json()) == found.to_dict()
    assert "h\u00e9" in found.model_dump_json()
    assert "\n" not in found.model_dump_json()
    assert found.to_json().startswith('{\n  "id"')
    assert found.content[0].model_dump() == {"type": "text", "text": "h\u00e9"}


def test_messages_are_compared_by_value_and_not_hashable() -> None:
    one = MessageStream([whole(text_block(0, "a", "b"))]).get_final_message()
    two = MessageStream([whole(text_block(0, "ab"))]).get_final_message()
    assert one == two
    assert one != MessageStream([whole(text_block(0, "a"))]).get_final_message()
    assert one != one.to_dict()
    with pytest.raises(TypeError):
        hash(one)


@pytest.mark.parametrize(
    "how",
    [
        copy.copy,
        copy.deepcopy,
        *(
            lambda m, protocol=protocol: pickle.loads(pickle.dumps(m, protocol))
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ),
    ],
)
def test_messages_can_be_copied_and_pickled(how: Any) -> None:
    original = MessageStream([whole(text_block(0, "a"), tool_block(1, '{"a":1}'))])
    found = original.get_final_message()
    again = how(found)
    assert again == found
    assert again.content[0].text == "a"
    assert again.content[1].input == {"a": 1}


def test_repr_shows_the_content() -> None:
    assert "TextBlock" in repr(message(TEXT).content[0])
    assert "msg_1" in repr(message(TEXT))
    assert repr(JSONObject({"a": 1})) == "JSONObject({'a': 1})"


def test_nesting_that_would_break_recursion_is_copied() -> None:
    value: Any = []
    for _ in range(5000):
        value = [value]
    copied = module.copy_json({"a": value})
    depth = 0
    inner = copied["a"]
    while inner:
        inner = inner[0]
        depth += 1
    assert depth == 5000
    assert copied["a"] is not value


# --- What is sent back (9)


def test_message_goes_back_as_role_and_content_only() -> None:
    blocks: list[dict[str, Any]] = [
        {**TEXT, "text": "a", "citations": None, "new": 1},
        SIGNED,
        {**TOOL, "input": {"a": 1}},
    ]
    assert sent_back(*blocks) == blocks


def test_text_of_white_space_is_left_out_and_nothing_left_is_an_empty_list() -> None:
    assert sent_back(TEXT) == []
    assert sent_back(TEXT, {**TEXT, "text": " "}, {**TEXT, "text": "\n\t"}) == []
    assert sent_back({**TEXT, "text": "\n"}, {**TOOL, "input": {}}) == [{**TOOL, "input": {}}]


def test_thinking_goes_back_only_with_its_signature() -> None:
    unsigned = {"type": "thinking", "thinking": "t"}
    empty = {"type": "thinking", "thinking": "", "signature": "s"}
    assert sent_back(SIGNED, unsigned, empty) == [SIGNED, empty]


def test_blocks_of_server_tools_and_unknown_ones_go_back_unchanged() -> None:
    blocks: list[dict[str, Any]] = [
        CALL,
        RESULT,
        {"type": "redacted_thinking", "data": "d"},
        {"type": "compaction", "content": None, "signature": "s"},
        {"type": "connector_text", "text": ""},
    ]
    assert sent_back(*blocks) == blocks


def test_before_a_fallback_only_text_and_answered_server_calls_stay() -> None:
    kept: list[dict[str, Any]] = [{**TEXT, "text": "a"}, CALL, RESULT]
    dropped: list[dict[str, Any]] = [
        SIGNED,
        {"type": "redacted_thinking", "data": "d"},
        {"type": "connector_text", "text": "x"},
        {**TOOL, "input": {"a": 1}},
        {**CALL, "id": "srv_2"},
    ]
    after: list[dict[str, Any]] = [SIGNED, {**TOOL, "input": {"a": 1}}, {**CALL, "id": "srv_3"}]
    assert sent_back(*kept, *dropped, FALLBACK, *after) == [*kept, FALLBACK, *after]


@pytest.mark.parametrize(
    ("pieces", "value"),
    [(['{"a": 1, "b": '], {"a": 1}), (["[1, 2"], {}), (["nonsense"], {}), ([], {}), (["[1]"], {})],
)
def test_input_that_is_not_whole_goes_back_as_an_object(pieces: list[str], value: Any) -> None:
    parts = start(0, TOOL) + b"".join(partial(0, p) for p in pieces)
    stream = MessageStream([message_start() + parts + message_delta("max_tokens")])
    assert stream.get_final_message().to_param()["content"] == [{**TOOL, "input": value}]


def test_no_bookkeeping_is_sent_back() -> None:
    parts = (
        start(0, TOOL) + partial(0, '{"a":1}') + stop(0),
        start(1, TEXT) + text(1, "x") + delta(1, "citations_delta", citation={"c": 1}) + stop(1),
    )
    param = MessageStream([whole(*parts)]).get_final_message().to_param()
    assert param["content"] == [
        {**TOOL, "input": {"a": 1}},
        {"type": "text", "text": "x", "citations": [{"c": 1}]},
    ]


# --- Live values


def test_unfinished_message_has_text_so_far_and_null_stop_reason() -> None:
    stream = MessageStream([message_start() + start(0, TEXT) + text(0, "a") + text(0, "b")])
    texts = iter(stream.text_stream)
    next(texts)
    found = stream.partial_message
    assert found is not None
    assert found.to_dict() == {**MESSAGE, "content": [{**TEXT, "text": "a"}]}
    assert found.stop_reason is None


def test_text_read_after_each_of_many_deltas_is_right() -> None:
    pieces = [f"{n}\u00e9 " for n in range(2000)]
    body = whole(text_block(0, *pieces))
    so_far = ""
    held = []
    with MessageStream([body]) as stream:
        for event in stream:
            if event.type == "text":
                so_far += event.text
                assert event.snapshot == so_far
                held.append(event.snapshot)
    assert held[10] == "".join(pieces[:11])
    assert so_far == "".join(pieces)


def test_text_of_a_message_is_that_of_its_text_blocks() -> None:
    call = {**TOOL, "input": {}}
    odd = {"type": "connector_text", "text": "no"}
    assert message({**TEXT, "text": "a"}, call, odd, {**TEXT, "text": "b"}).text == "ab"
    assert message(call).text == ""


def test_usages_of_messages_add_up() -> None:
    one = Usage(
        {
            "input_tokens": 1,
            "output_tokens": 2,
            "cache_creation": {"a": 3},
            "iterations": [{"type": "message"}],
            "service_tier": "standard",
            "speed": "fast",
        }
    )
    two = Usage(
        {
            "input_tokens": 10,
            "cache_creation": {"a": 20, "b": 1},
            "iterations": [{"type": "compaction"}],
            "service_tier": "priority",
            "speed": "fast",
        }
    )
    before = one.to_dict(), two.to_dict()
    total = one + two
    assert total.to_dict() == {
        "input_tokens": 11,
        "output_tokens": 2,
        "cache_creation": {"a": 23, "b": 1},
        "iterations": [{"type": "message"}, {"type": "compaction"}],
        "service_tier": None,
        "speed": "fast",
    }
    assert (one.to_dict(), two.to_dict()) == before
    assert sum([one, two, one], Usage({})).output_tokens == 4
    with pytest.raises(TypeError):
        _ = one + 1


def test_sum_of_odd_values_is_none_and_no_error() -> None:
    odd = Usage({"a": 1.5, "b": True, "c": "x", "d": {}, "e": None})
    other = Usage({"a": 10**400, "b": 1, "c": 1, "d": [], "e": 2})
    assert (odd + other).to_dict() == {"a": None, "b": 1, "c": None, "d": None, "e": 2}


def test_compaction_has_signature_and_tool_changes_and_none_where_absent() -> None:
    whole_block = {
        "type": "compaction",
        "content": "c",
        "signature": "s",
        "tool_changes": [{"n": 1}],
    }
    found, bare = message(whole_block, {"type": "compaction", "content": None}).content
    assert isinstance(found, CompactionBlock)
    assert isinstance(bare, CompactionBlock)
    assert found.signature == "s"
    assert found.tool_changes is not None
    assert found.tool_changes[0].n == 1
    assert (bare.signature, bare.tool_changes) == (None, None)


def test_thinking_event_says_how_many_tokens_it_is_about() -> None:
    body = whole(
        start(0, {"type": "thinking", "thinking": ""}),
        delta(0, "thinking_delta", thinking="", estimated_tokens=7),
        delta(0, "thinking_delta", thinking="x"),
        delta(0, "thinking_delta", thinking="x", estimated_tokens="many"),
    )
    events = [e for e in MessageStream([body]) if e.type == "thinking"]
    assert [e.estimated_tokens for e in events] == [7, None, None]
