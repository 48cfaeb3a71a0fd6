# SPDX-License-Identifier: MIT
"""How a tool loop is written with these types; read by four checkers, not run.

`match` needs Python 3.10: check with `--python-version 3.10`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from typing_extensions import assert_type

from ssewire.claude import (
    AsyncClaude,
    Claude,
    ContentBlock,
    JSONObject,
    Message,
    MessageStream,
    StreamEvent,
    TextBlock,
    ToolUseBlock,
    UnknownBlock,
)

Tools = dict[str, Callable[[Any], str]]


def ask(messages: list[dict[str, Any]]) -> Iterable[bytes]:
    """Stand in for a request."""
    raise NotImplementedError


def loop_with_equality(messages: list[dict[str, Any]], tools: Tools) -> str:
    while True:
        with MessageStream(ask(messages)) as stream:
            for event in stream:
                if event.type == "text":
                    assert_type(event.text, str)
                    assert_type(event.snapshot, str)
                    print(event.index, event.text)
                elif event.type == "input_json":
                    assert_type(event.partial_json, str)
                elif event.type == "content_block_delta":
                    if event.delta.type == "thinking_delta":
                        assert_type(event.delta.estimated_tokens, "int | None")
                elif event.type == "content_block_stop":
                    assert_type(event.content_block, ContentBlock)
                elif event.type == "message_stop":
                    assert_type(event.message, Message)
                elif event.type == "unknown":
                    print(event["key"])
            message = stream.get_final_message()
        messages.append(message.to_param())
        results: list[dict[str, Any]] = []
        for block in message.content:
            if block.type == "tool_use":
                assert_type(block, ToolUseBlock)
                if block.input_complete:
                    results.append(answer(block, tools[block.name](block.input)))
            elif block.type == "text":
                assert_type(block, TextBlock)
                assert_type(block.citations, "list[JSONObject] | None")
            elif block.type == "unknown":
                assert_type(block, UnknownBlock)
        if message.stop_reason != "tool_use":
            assert_type(message.usage.output_tokens, int)
            assert_type(message.usage.cache_read_input_tokens, "int | None")
            return stream.get_final_text()
        messages.append({"role": "user", "content": results})


def loop_with_match(messages: list[dict[str, Any]], tools: Tools) -> str:
    while True:
        with MessageStream(ask(messages)) as stream:
            for event in stream:
                show(event)
            message = stream.get_final_message()
        results: list[dict[str, Any]] = []
        for block in message.content:
            match block:
                case ToolUseBlock(input_complete=True):
                    results.append(answer(block, tools[block.name](block.input)))
                case TextBlock(text=text):
                    assert_type(text, str)
                case _:
                    pass
            match block.type:
                case "server_tool_use":
                    assert_type(block.input, Any)
                case _:
                    pass
        if message.stop_reason != "tool_use":
            return stream.get_final_text()
        messages += [message.to_param(), {"role": "user", "content": results}]


def show(event: StreamEvent) -> None:
    match event.type:
        case "text":
            assert_type(event.text, str)
        case "thinking":
            assert_type(event.thinking, str)
        case "citation":
            assert_type(event.citation, JSONObject)
        case "message_delta":
            assert_type(event.delta.stop_reason, "str | None")
        case _:
            print(event.raw, event.to_sse().data)


def answer(block: ToolUseBlock, result: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": block.id, "content": result}


def keywords(client: Claude, asynchronous: AsyncClaude, anything: dict[str, Any]) -> None:
    messages = [{"role": "user", "content": "Hello"}]
    with client.messages.stream(
        model="m", max_tokens=1, messages=messages, temperature=0.5, tools=[], system="Be brief."
    ) as stream:
        assert_type(stream, MessageStream)
    asynchronous.messages.stream(model="m", max_tokens=1, messages=messages, betas=["b"])
    client.messages.stream(model="m", max_tokens=1, messages=messages, **anything)
    assert_type(
        client.messages.create(model="m", max_tokens=1, messages=messages, top_k=5), Message
    )
    # What checkers are for: a slip, a wrong type, a keyword of next year.
    client.messages.stream(model="m", max_tokens=1, messages=messages, temprature=0.5)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    client.messages.stream(model="m", max_tokens=1, messages=messages, temperature="hot")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # ty: ignore
    client.messages.stream(model="m", max_tokens=1, messages=messages, extra_body={"novel": 1})
