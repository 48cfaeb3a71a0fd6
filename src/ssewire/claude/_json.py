"""The peer's JSON: which key holds a delta's text, reading what may be anything, common words.

May import: nothing.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any

# Type of a delta that is one string -> the key that holds it.
DELTA_KEYS = {
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
}

# What json.loads raises for text that is not JSON, or is nested deeper than it can follow.
NOT_JSON = (ValueError, RecursionError)


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"  # there is one only, in copies and pickles too


# No value, where None is one.
MISSING: Any = _Missing()


def read_object(text: str) -> dict[str, Any] | None:
    """Return the object that a text is as JSON; None if it is something else."""
    try:
        value = json.loads(text)
    except NOT_JSON:
        return None
    return value if isinstance(value, dict) else None


# What all messages say alike: keys and values of a message, of its usage, of its blocks.
_COMMON = {
    word: word
    for word in (
        *("id", "type", "role", "model", "content", "usage", "stop_reason", "stop_sequence"),
        *("stop_details", "container", "context_management", "diagnostics", "message"),
        *("assistant", "input_tokens", "output_tokens", "cache_creation_input_tokens"),
        *("cache_read_input_tokens", "cache_creation", "service_tier", "inference_geo", "standard"),
        *("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens", "server_tool_use"),
        *("text", "thinking", "signature", "tool_use", "name", "input", "caller", "direct"),
    )
}


def shared(data: dict[str, Any], depth: int) -> dict[str, Any]:
    """Return an object, and those in it, with the one copy there is of what all messages say.

    Their own would be a third of what a message holds at its start
    (benchmarks/claude_clients.py).
    """
    words = {}
    for key, value in data.items():
        if type(value) is str:
            value = _COMMON.get(value, value)
        elif type(value) is dict and depth > 1:
            value = shared(value, depth - 1)
        words[_COMMON.get(key, key)] = value
    return words
