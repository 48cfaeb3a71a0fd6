"""The peer's JSON: what holds the text of a delta, and reading what may be anything.

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


def read_object(text: str) -> dict[str, Any] | None:
    """Return the object that a text is as JSON; None if it is something else."""
    try:
        value = json.loads(text)
    except NOT_JSON:
        return None
    return value if isinstance(value, dict) else None
