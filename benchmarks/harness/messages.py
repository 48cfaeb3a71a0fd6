# SPDX-License-Identifier: MIT
"""Claude messages made up for the benchmarks, as the API frames them.

May import: the standard library.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_CHUNK = 64 * 1024


def event(name: str, **fields: Any) -> bytes:
    """Return one event as the API frames it."""
    data = json.dumps({"type": name, **fields}, separators=(",", ":"), ensure_ascii=False)
    return f"event: {name}\ndata: {data}\n\n".encode()


def _start() -> bytes:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    return event("message_start", message=message)


def _end(output_tokens: int) -> list[bytes]:
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    usage = {"output_tokens": output_tokens}
    return [event("message_delta", delta=delta, usage=usage), event("message_stop")]


def text_events(deltas: int, blocks: int = 1) -> list[bytes]:
    """Return the events of a message of text: `deltas` in all, spread over `blocks`."""
    events = [_start()]
    for index in range(blocks):
        block = {"type": "text", "text": ""}
        events.append(event("content_block_start", index=index, content_block=block))
        for number in range(deltas // blocks):
            delta = {"type": "text_delta", "text": f" word {number} and"}
            events.append(event("content_block_delta", index=index, delta=delta))
        events.append(event("content_block_stop", index=index))
    return events + _end(2 * deltas)


def text_stream(deltas: int, blocks: int = 1) -> bytes:
    """Return the bytes of `text_events`."""
    return b"".join(text_events(deltas, blocks))


def tool_events(deltas: int) -> list[bytes]:
    """Return the events of a message of one tool call whose input is a list of lines."""
    document = json.dumps({"lines": [f"line {n}: \u00e9" for n in range(deltas)]})
    size = max(1, -(-len(document) // deltas))
    block = {"type": "tool_use", "id": "toolu_1", "name": "write", "input": {}}
    events = [_start(), event("content_block_start", index=0, content_block=block)]
    for at in range(0, len(document), size):
        delta = {"type": "input_json_delta", "partial_json": document[at : at + size]}
        events.append(event("content_block_delta", index=0, delta=delta))
    events.append(event("content_block_stop", index=0))
    return events + _end(500)


def tool_stream(deltas: int) -> bytes:
    """Return the bytes of `tool_events`."""
    return b"".join(tool_events(deltas))


def chunks(body: bytes | list[bytes]) -> Iterator[bytes]:
    """Yield the body as a fast connection gives it; one that is in chunks already, as it is."""
    if isinstance(body, list):
        yield from body
        return
    for at in range(0, len(body), _CHUNK):
        yield body[at : at + _CHUNK]
