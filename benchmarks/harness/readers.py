# SPDX-License-Identifier: MIT
"""Who reads a Claude message from its bytes to its end: ours, and the official SDK.

What each returns is compared before anything is timed. May import: messages, ssewire.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .messages import chunks


def ours_text(body: bytes | list[bytes]) -> str:
    from ssewire.claude import MessageStream

    with MessageStream(chunks(body)) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert message.stop_reason == "end_turn"
    return text


def ours_events(body: bytes | list[bytes]) -> int:
    from ssewire.claude import MessageStream

    size = 0
    with MessageStream(chunks(body)) as stream:
        for item in stream:
            if item.type == "text":
                size += len(item.text)
    return size


def ours_tool(body: bytes | list[bytes]) -> Any:
    from ssewire.claude import MessageStream

    with MessageStream(chunks(body)) as stream:
        for _ in stream:
            pass
        return stream.current_message_snapshot


def ours_tool_snapshots(body: bytes | list[bytes]) -> int:
    from ssewire.claude import MessageStream

    seen = 0
    with MessageStream(chunks(body)) as stream:
        for item in stream:
            if item.type == "input_json":
                seen += len(item.snapshot.get("lines", ()))
    return seen


def sdk_client(body: bytes | list[bytes]) -> Any:
    """Return the official client, answered from memory."""
    anthropic = import_module("anthropic")
    httpx2 = import_module("httpx2")

    def answer(request: object) -> Any:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=chunks(body))

    transport = httpx2.MockTransport(answer)
    return anthropic.Anthropic(api_key="none", http_client=httpx2.Client(transport=transport))


def sdk_text(client: Any) -> str:
    with client.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
        text = "".join(stream.text_stream)
        assert stream.get_final_message().stop_reason == "end_turn"
    return text


def sdk_events(client: Any) -> int:
    size = 0
    with client.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
        for item in stream:
            if item.type == "text":
                size += len(item.text)
    return size


def sdk_tool(client: Any) -> Any:
    with client.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
        for _ in stream:
            pass
        return stream.get_final_message()


def sdk_created(client: Any) -> int:
    """Read the raw events, from which no message is built."""
    size = 0
    with client.messages.create(model="m", max_tokens=1, messages=[], stream=True) as stream:
        for item in stream:
            if item.type == "content_block_delta" and item.delta.type == "text_delta":
                size += len(item.delta.text)
    return size


def sdk_tool_snapshots(client: Any) -> int:
    seen = 0
    with client.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
        for item in stream:
            if item.type == "input_json":
                seen += len(item.snapshot.get("lines", ()))
    return seen
