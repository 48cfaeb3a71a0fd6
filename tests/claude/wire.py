# SPDX-License-Identifier: MIT
"""Write streams as the API does, and read them in every way there is."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from ssewire.claude import Accumulator, ClaudeError, ClaudeEvent, Message, MessageStream

MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-a",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 11, "output_tokens": 1},
}


def frame(data: str, name: str | None = None) -> bytes:
    """Return one wire event with this data."""
    event = "" if name is None else f"event: {name}\n"
    return f"{event}data: {data}\n\n".encode("utf-8", "surrogatepass")


def wire(kind: str, **fields: Any) -> bytes:
    """Return one event of the protocol."""
    return frame(json.dumps({"type": kind, **fields}), kind)


def message_start(**fields: Any) -> bytes:
    return wire("message_start", message={**MESSAGE, **fields})


def start(index: int, block: Any) -> bytes:
    return wire("content_block_start", index=index, content_block=block)


def delta(index: int, kind: str, **fields: Any) -> bytes:
    return wire("content_block_delta", index=index, delta={"type": kind, **fields})


def text(index: int, piece: str) -> bytes:
    return delta(index, "text_delta", text=piece)


def partial(index: int, piece: str) -> bytes:
    return delta(index, "input_json_delta", partial_json=piece)


def stop(index: int) -> bytes:
    return wire("content_block_stop", index=index)


def message_delta(reason: str | None = "end_turn", **fields: Any) -> bytes:
    fields.setdefault("usage", {"output_tokens": 6})
    return wire("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, **fields)


TEXT: dict[str, Any] = {"type": "text", "text": ""}
TOOL: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
STOP = wire("message_stop")
END = message_delta() + STOP


def text_block(index: int, *pieces: str) -> bytes:
    """Return a whole text block."""
    return start(index, TEXT) + b"".join(text(index, p) for p in pieces) + stop(index)


def tool_block(index: int, *pieces: str) -> bytes:
    """Return a whole tool block."""
    return start(index, TOOL) + b"".join(partial(index, p) for p in pieces) + stop(index)


def whole(*parts: bytes) -> bytes:
    """Return a message with these blocks."""
    return message_start() + b"".join(parts) + END


def accumulate(*chunks: bytes, **options: Any) -> tuple[Accumulator, list[ClaudeEvent]]:
    """Feed all chunks and close; return the accumulator and its events."""
    accumulator = Accumulator(**options)
    events: list[ClaudeEvent] = []
    for chunk in chunks:
        events += accumulator.feed(chunk)
    events += accumulator.close()
    return accumulator, events


def bytewise(body: bytes) -> Iterator[bytes]:
    for at in range(len(body)):
        yield body[at : at + 1]


def chunkings(body: bytes) -> Iterator[list[bytes]]:
    """Yield `body` cut in many ways: whole, bytewise, at seeded places."""
    yield [body]
    yield list(bytewise(body))
    yield [body[at : at + 1024] for at in range(0, len(body), 1024)]
    for seed in range(8):
        rng = random.Random(seed)
        cuts = sorted(rng.sample(range(len(body)), min(len(body), 20)))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)])]
        yield [piece for piece in pieces if seed % 2 or piece] + [b""]


def read(body: bytes, **options: Any) -> Accumulator:
    """Read `body` in all ways, assert that they agree, and return one accumulator."""
    accumulator, events = accumulate(body, **options)
    dripped, dripped_events = accumulate(*bytewise(body), **options)
    assert [e.type for e in dripped_events] == [e.type for e in events]
    assert as_dict(dripped.message) == as_dict(accumulator.message)
    assert type(dripped.error) is type(accumulator.error)
    for use_text in (False, True):
        failure = None
        with MessageStream(bytewise(body) if use_text else iter([body]), **options) as stream:
            try:
                seen: list[Any] = [*stream.text_stream] if use_text else [*stream]
            except ClaudeError as exc:
                failure = exc
            assert type(failure) is type(accumulator.error)
            if failure is not None:
                assert as_dict(failure.partial_message) == as_dict(accumulator.message)
            else:
                assert as_dict(stream.get_final_message()) == as_dict(accumulator.message)
                if use_text:
                    assert "".join(seen) == stream.get_final_text()
        assert as_dict(stream.partial_message) == as_dict(accumulator.message)
    return accumulator


def as_dict(message: Message | None) -> dict[str, Any] | None:
    return None if message is None else message.to_dict()


def final(*parts: bytes, **options: Any) -> dict[str, Any]:
    """Return the message of a body that must read without an error."""
    accumulator = read(b"".join(parts), **options)
    assert accumulator.error is None
    assert accumulator.message is not None
    return accumulator.message.to_dict()
