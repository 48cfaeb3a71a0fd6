# SPDX-License-Identifier: MIT
"""How the commands for Claude write events and what a message came to.

May import: claude._record, claude.events, _terminal.
"""

from __future__ import annotations

import json

from ..claude._record import copy_json
from ..claude.events import (
    CitationEvent,
    CompactionEvent,
    ContentBlockStopEvent,
    InputJSONEvent,
    MessageStopEvent,
    SignatureEvent,
    TextEvent,
    ThinkingEvent,
)
from ._terminal import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..claude.events import StreamEvent
    from ..claude.message import Message


def event_text(event: StreamEvent) -> str:
    """Return an event as JSON; without snapshots, which would make it quadratic."""
    # Numbers that JSON does not have, such as NaN, are null.
    return json.dumps(copy_json(_fields(event), finite=True), ensure_ascii=False)


def _fields(event: StreamEvent) -> dict[str, Any]:
    if isinstance(event, ContentBlockStopEvent):
        return {**event.raw, "content_block": event.content_block.to_dict()}
    if isinstance(event, MessageStopEvent):
        return {**event.raw, "message": event.message.to_dict()}
    if isinstance(event, TextEvent):
        return {"type": event.type, "index": event.index, "text": event.text}
    if isinstance(event, ThinkingEvent):
        return {"type": event.type, "index": event.index, "thinking": event.thinking}
    if isinstance(event, InputJSONEvent):
        return {"type": event.type, "index": event.index, "partial_json": event.partial_json}
    if isinstance(event, SignatureEvent):
        return {"type": event.type, "index": event.index, "signature": event.signature}
    if isinstance(event, CitationEvent):
        return {"type": event.type, "index": event.index, "citation": event.citation.to_dict()}
    if isinstance(event, CompactionEvent):
        return {
            "type": event.type,
            "index": event.index,
            "content": event.content,
            "encrypted_content": event.encrypted_content,
        }
    return {"type": event.type, **event.raw}


def summary(message: Message, *more: str) -> str:
    """Return one line: why a message stopped, its usage, and what else there is to say."""
    usage = message.usage
    facts = [
        str(message.stop_reason or "incomplete"),
        f"{usage.input_tokens} input tokens",
        f"{usage.output_tokens} output tokens",
        *more,
    ]
    return one_line(f"[{', '.join(facts)}]")
