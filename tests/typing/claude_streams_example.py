# SPDX-License-Identifier: MIT
"""What Claude's streams give: nothing is Any but the JSON of the model's making.

As in `streams_example`, mypy refuses every expression that is Any, and pyright every unknown one.
"""

# mypy: disallow-any-expr
# pyright: strict

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from typing_extensions import assert_type

from ssewire.claude import (
    Accumulator,
    AsyncClaude,
    AsyncMessageStream,
    AsyncRawMessageStream,
    Claude,
    ClaudeError,
    ClaudeEvent,
    ContentBlock,
    Message,
    MessageStream,
    RawMessageStream,
    StreamEvent,
    Usage,
)

ASKED = [{"role": "user", "content": "Hello"}]


def stream(client: Claude) -> None:
    with client.messages.stream(model="m", max_tokens=1, messages=ASKED) as stream:
        assert_type(stream, MessageStream)
        for event in stream:
            assert_type(event, StreamEvent)
            if event.type == "text":
                assert_type(event.text, str)
            elif event.type == "message_start":
                assert_type(event.message, Message)
            elif event.type == "content_block_start":
                assert_type(event.content_block, ContentBlock)
        assert_type(next(stream), StreamEvent)
        for text in stream.text_stream:
            assert_type(text, str)
        assert_type(stream.get_final_text(), str)
        message = stream.get_final_message()
        assert_type(message, Message)
        assert_type(message.content, list[ContentBlock])
        assert_type(message.usage, Usage)
        assert_type(message.stop_reason, "str | None")
        assert_type(list(message.usage.keys()), list[str])
        assert_type(stream.request_id, "str | None")
    manager = client.messages.stream(model="m", max_tokens=1, messages=[*ASKED, message])
    manager.close()
    try:
        assert_type(client.messages.create(model="m", max_tokens=1, messages=ASKED), Message)
    except ClaudeError as exc:
        assert_type(exc.partial_message, "Message | None")
        assert_type(exc.status, "int | None")
    with client.messages.create(model="m", max_tokens=1, messages=ASKED, stream=True) as raw:
        assert_type(raw, RawMessageStream)
        for wire in raw:
            assert_type(wire, ClaudeEvent)
    assert_type(client.with_options(max_retries=0), Claude)
    assert_type(client.beta.messages.create(model="m", max_tokens=1, messages=ASKED), Message)


async def asynchronous_stream(client: AsyncClaude) -> None:
    async with client.messages.stream(model="m", max_tokens=1, messages=ASKED) as stream:
        assert_type(stream, AsyncMessageStream)
        async for event in stream:
            assert_type(event, StreamEvent)
        async for text in stream.text_stream:
            assert_type(text, str)
        assert_type(await stream.get_final_text(), str)
        assert_type(await stream.get_final_message(), Message)
    assert_type(await client.messages.create(model="m", max_tokens=1, messages=ASKED), Message)
    raw = await client.messages.create(model="m", max_tokens=1, messages=ASKED, stream=True)
    assert_type(raw, AsyncRawMessageStream)
    async for wire in raw:
        assert_type(wire, ClaudeEvent)
    await raw.close()


def bodies(chunks: Iterator[bytes]) -> None:
    with MessageStream(chunks) as stream:
        assert_type(next(iter(stream)), StreamEvent)
    for chunk in chunks:
        for event in Accumulator().feed(chunk):
            assert_type(event, ClaudeEvent)


async def asynchronous_bodies(chunks: AsyncIterator[bytes]) -> None:
    async with AsyncMessageStream(chunks) as stream:
        async for event in stream:
            assert_type(event, StreamEvent)
