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
            delta = {"type": "text_delta", "text": _word(number)}
            events.append(event("content_block_delta", index=index, delta=delta))
        events.append(event("content_block_stop", index=index))
    return events + _end(2 * deltas)


def text_of(deltas: int) -> str:
    """Return the text of the message of `text_events`, of one block."""
    return "".join(_word(number) for number in range(deltas))


def _word(number: int) -> str:
    return f" word {number} and"


def text_stream(deltas: int, blocks: int = 1) -> bytes:
    """Return the bytes of `text_events`."""
    return b"".join(text_events(deltas, blocks))


def tool_events(deltas: int) -> list[bytes]:
    """Return the events of a message of one tool call whose input is a list of lines."""
    document = json.dumps(tool_input(deltas))
    size = max(1, -(-len(document) // deltas))
    block = {"type": "tool_use", "id": "toolu_1", "name": "write", "input": {}}
    events = [_start(), event("content_block_start", index=0, content_block=block)]
    for at in range(0, len(document), size):
        delta = {"type": "input_json_delta", "partial_json": document[at : at + size]}
        events.append(event("content_block_delta", index=0, delta=delta))
    events.append(event("content_block_stop", index=0))
    return events + _end(500)


def tool_input(deltas: int) -> dict[str, list[str]]:
    """Return the input of the tool call of `tool_events`."""
    return {"lines": [f"line {n}: \u00e9" for n in range(deltas)]}


def lines_seen(events: list[bytes]) -> int:
    """Return how many whole lines the input of `tool_events` has after each delta, added up.

    A string that is not yet closed is not part of the value so far.
    """
    quotes = seen = 0
    for piece in events[2:-3]:
        quotes += json.loads(piece.partition(b"data: ")[2])["delta"]["partial_json"].count('"')
        # Two are those of the key.
        seen += max(0, quotes - 2) // 2
    return seen


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
