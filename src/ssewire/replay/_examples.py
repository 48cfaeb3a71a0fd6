# SPDX-License-Identifier: MIT
"""The recordings that come with the package, by name: for guides, first tries and tests.

May import: nothing.
"""

from __future__ import annotations

# What is in each; the file is NAME.sse in the folder `examples`.
EXAMPLES = {
    "hello": "a greeting, in two sentences",
    "markdown": "headings, a list and code",
    "thinking": "thinking, then text",
    "redacted-thinking": "thinking that is shown only as data, then text",
    "weather-tool": "thinking, text and a call of the tool get_weather",
    "weather-answer": "what follows the tool's result",
    "parallel-tools": "two calls of get_weather at once",
    "structured": "an answer that is JSON",
    "citations": "text that cites a document",
    "web-search": "a search on the API's side, its results, and text that cites them",
    "refusal": "stop_reason refusal, without text",
    "max-tokens": "cut by max_tokens in the middle of a tool's input",
    "pause-turn": "stop_reason pause_turn, after a search that goes on in the next request",
    "overloaded": "text, then an error event",
}


def example_body(name: str) -> bytes:
    """Return the bytes of a recording of the package, also where that is a zip file.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in EXAMPLES:
        raise ValueError(f"there is no example {name!r}; there are {', '.join(EXAMPLES)}")
    # Not at the top: it costs more than the rest of this module.
    import pkgutil

    body = pkgutil.get_data(__package__ or "", f"examples/{name}.sse")
    if body is None:
        raise ValueError(f"the example {name!r} is missing from this installation of ssewire")
    return body
