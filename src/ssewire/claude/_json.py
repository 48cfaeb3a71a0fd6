# SPDX-License-Identifier: MIT
"""The peer's JSON: reading what may be anything, how deep it may be, common words.

May import: nothing.
"""

from __future__ import annotations

import json
import re

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


# Deltas for a block that never began make one, if their type says of what kind.
IMPLIED_BLOCKS: dict[str, dict[str, Any]] = {
    "text_delta": {"type": "text", "text": ""},
    "citations_delta": {"type": "text", "text": ""},
    "input_json_delta": {"type": "tool_use", "id": "", "name": "", "input": {}},
    "thinking_delta": {"type": "thinking", "thinking": "", "signature": ""},
    "signature_delta": {"type": "thinking", "thinking": "", "signature": ""},
    "compaction_delta": {"type": "compaction", "content": None},
}


def named_key(delta: dict[str, Any]) -> str | None:
    """Return the key of a delta's string: that of its type, else the only one that has a string."""
    kind = delta.get("type")
    if isinstance(kind, str):
        for key in (DELTA_KEYS.get(kind, ""), kind.replace("_delta", "")):
            if key != "type" and isinstance(delta.get(key), str):
                return key
    strings = [key for key, value in delta.items() if key != "type" and isinstance(value, str)]
    return strings[0] if len(strings) == 1 else None


# Containers that may be open at once in a document of the peer's: an event, a tool input.
# Checked when the value arrives, so that nothing later fails for its depth: of all that is done
# with it on CPython 3.9 to 3.13, copy.deepcopy needs the most, two frames a level (json.dumps
# with an indent one, pickle and repr less), and the recursion limit is 1000 by default. So 200
# take less than half of it, which leaves the other half to the caller's own stack; the official
# SDK's parser stops at 200 too. The API's own documents stay below twenty.
MAX_DEPTH = 200
"""Containers that may be open at once in a JSON document of the peer's."""

_TOO_DEEP = f"JSON nested deeper than {MAX_DEPTH} levels"


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"  # there is one only, in copies and pickles too


MISSING: Any = _Missing()
"""No value, where None is one."""


# What the repr of JSON of any size shows: so many characters in all, but for the last piece
# and the brackets; of a string, of a container, and so deep.
_SHOWN, _SHOWN_TEXT, _SHOWN_ITEMS, _SHOWN_LEVELS = 2000, 128, 16, 8


def shown(value: Any, most: int = _SHOWN_TEXT) -> str:
    """Return a repr of JSON: bounded, and without control characters, as repr has it.

    Args:
        most: characters of a string that are shown.
    """
    return _shown(value, most, _SHOWN_LEVELS, [_SHOWN])


def _shown(value: Any, most: int, levels: int, left: list[int]) -> str:
    if isinstance(value, str):
        text = repr(value[:most]) + ("..." if len(value) > most else "")
    elif isinstance(value, (dict, list)) and value:
        parts: list[str] = []
        for item in value:
            if len(parts) == _SHOWN_ITEMS or not levels or left[0] <= 0:
                parts.append("...")
                break
            part = _shown(item, most, levels - 1, left)
            if isinstance(value, dict):
                part += f": {_shown(value[item], most, levels - 1, left)}"
            parts.append(part)
        joined = ", ".join(parts)
        return f"{{{joined}}}" if isinstance(value, dict) else f"[{joined}]"
    elif isinstance(value, int) and value.bit_length() > 256:
        text = "..."  # The str of a huge int takes long, or raises.
    else:
        text = repr(value)
    left[0] -= len(text)
    return text


class Slotted:
    """An object with `__slots__` that pickles under protocols 0 and 1 too."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return super().__reduce_ex__(max(protocol, 2))


def decode(text: str) -> Any:
    """Return the value of a JSON text. Cost: linear in its length.

    Raises:
        ValueError: it is not JSON, or is nested deeper than MAX_DEPTH.
        RecursionError: the caller's own stack is full.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        if not _text_is_deep(text):
            raise
        raise ValueError(_TOO_DEEP) from None
    # Their count bounds the depth; few texts have so many.
    brackets = text.count("[") + text.count("{")
    if brackets > MAX_DEPTH and type(value) in (dict, list) and _is_deep(value):
        raise ValueError(_TOO_DEEP)
    return value


def _is_deep(value: Any) -> bool:
    """Say whether a container is nested deeper than MAX_DEPTH; without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) is dict or type(item) is list
        ]
        if not level:
            return False
    return True


# A string, also one that does not end; or a bracket.
_token = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[\[{\]}]', re.DOTALL).finditer


def _text_is_deep(text: str) -> bool:
    """Say whether a text that json gave up on opens more than MAX_DEPTH containers at once."""
    depth = 0
    for found in _token(text):
        bracket = found[0]
        if bracket in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif bracket in "]}":
            depth -= 1
    return False


def read_object(text: str) -> dict[str, Any] | None:
    """Return the object that a text is as JSON; None if it is something else."""
    try:
        value = decode(text)
    except ValueError:
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
