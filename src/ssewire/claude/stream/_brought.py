# SPDX-License-Identifier: MIT
"""What one step over a message brings: the events of plain text deltas, the text of a start.

May import: _text_order, claude.blocks, claude.events.
"""

from __future__ import annotations

from ..blocks import TextBlock
from ..events import ContentBlockDeltaEvent, MessageStartEvent, TextEvent
from ._text_order import text_of

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any

    from ...event import ServerSentEvent
    from ..message import Message


def started_text(event: Any, message: Message | None) -> tuple[TextBlock, str] | None:
    """Return the text that a start brings, and the block whose it is; None for none."""
    if message is None:
        return None
    blocks = message.content if type(event) is MessageStartEvent else [event._block]
    texts: list[Any] = [block for block in blocks if type(block) is TextBlock]
    text = text_of(texts)
    return (texts[-1], text) if text else None


def run_events(
    batch: list[ServerSentEvent],
    position: int,
    block: TextBlock,
    index: int,
    pieces: list[str],
    derives: bool,
) -> list[Any]:
    """Return the delta, and the text event, of each piece; they are in `batch` from there on."""
    new = object.__new__
    events: list[Any] = []
    add = events.append
    for piece in pieces:
        sse = batch[position]
        position += 1
        # Set one by one: half the cost of two __init__ (benchmarks/claude_pipeline.py).
        event = new(ContentBlockDeltaEvent)
        event._sse = sse
        event.index = index
        event._block = block
        event._kind = "text_delta"
        event._text = piece
        add(event)
        if not derives:
            continue
        derived = new(TextEvent)
        derived._sse = sse
        derived.index = index
        derived._block = block
        derived.text = piece
        add(derived)
    return events
