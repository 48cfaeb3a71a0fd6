# SPDX-License-Identifier: MIT
"""What to send after a message that broke off, or that the API paused.

There is no token to resume a stream: a new request goes on from the text that
had come. Only text can be gone on with; an unfinished thought or tool call, a
call nobody has answered, and all that came after the last text are left out.
May import: _checks, blocks, message, ssewire.errors.
"""

from __future__ import annotations

from .._checks import excerpt
from ..errors import StateError
from .blocks import TextBlock
from .message import Message, is_answered

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any

# The message goes on when it is sent back as it is.
_PAUSED = ("pause_turn", "compaction")

# The text was cut though the message ended as it should.
_CUT = ("max_tokens", "model_context_window_exceeded")

# Characters of the partial text that the request to go on quotes: enough to find
# the place in a text that is there as a whole, one message above.
_QUOTED = 1000


def continuation(message: Message | None, *, prefill: bool = False) -> list[dict[str, Any]]:
    """Return what to append to `messages`, so that a new request goes on with `message`.

    After `pause_turn` that is the message itself. After an interruption (a
    `partial_message`) or `max_tokens` it is the message up to its last text
    and a user message that quotes its end and asks to go on. Empty where
    there is no text yet: ask the same once more. Cost: the message's size.

    Args:
        prefill: only the assistant's message, for the model to go on within
            it. Models up to 4.5 do so; later ones, and any with thinking, refuse it.

    Raises:
        StateError: the message is complete and does not go on.
    """
    if message is None:
        return []
    reason = message.stop_reason
    if reason in _PAUSED:
        param = message.to_param()
        # An assistant's turn without content is refused.
        return [param] if param["content"] else []
    if reason is not None and reason not in _CUT:
        # Perhaps no str: it is the peer's.
        shown = excerpt(reason if isinstance(reason, str) else str(reason))
        raise StateError(f"there is nothing to continue: the message ended with {shown}")
    kept = _resumable(message)
    if not kept:
        return []
    turn = {"role": "assistant", "content": kept}
    if prefill:
        return [turn]
    # As Anthropic's documentation words it for the models that take no prefill.
    request = (
        "Your previous response was interrupted and ended with:\n\n"
        f"{kept[-1]['text'][-_QUOTED:]}\n\n"
        "Continue from exactly where it stopped, without repeating any of it."
    )
    return [turn, {"role": "user", "content": request}]


def _resumable(message: Message) -> list[Any]:
    """Return the content up to the last text, less the calls that nobody has answered."""
    last = -1
    answered = set()
    for position, block in enumerate(message.content):
        if isinstance(block, TextBlock) and block.text.strip():
            last = position
        if isinstance(block.get("tool_use_id"), str):
            answered.add(block["tool_use_id"])
    kept = Message({})
    kept.content = [
        block
        for block in message.content[: last + 1]
        # Also those of the server (server_tool_use, mcp_tool_use) are refused without a result.
        if not block.type.endswith("tool_use") or is_answered(block, answered)
    ]
    content: list[Any] = kept.to_param()["content"]
    if content:
        # The API refuses a last turn that ends in white space.
        content[-1]["text"] = content[-1]["text"].rstrip()
    return content
