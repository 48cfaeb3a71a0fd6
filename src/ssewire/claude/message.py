# SPDX-License-Identifier: MIT
"""The message, as it grows and when it is done; its blocks are in `blocks`.

The names of its parts can be had from here too. Only the accumulator writes to it.
May import: _record, _text, blocks.
"""

from __future__ import annotations

from ._record import (
    JSONObject,
    Record,
    ShapeError,
    copy_json,
    want,
    want_or,
)
from ._text import GrowingText, has_surrogates, is_high_surrogate, join_surrogates
from .blocks import (
    AdvisorToolResultBlock,
    BashCodeExecutionToolResultBlock,
    Block,
    CodeExecutionToolResultBlock,
    CompactionBlock,
    ContainerUploadBlock,
    ContentBlock,
    FallbackBlock,
    MCPToolListingBlock,
    MCPToolResultBlock,
    MCPToolUseBlock,
    RedactedThinkingBlock,
    ServerToolUseBlock,
    TextBlock,
    TextEditorCodeExecutionToolResultBlock,
    ThinkingBlock,
    ToolSearchToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    WebFetchToolResultBlock,
    WebSearchToolResultBlock,
    make_block,
)

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any, Literal

__all__ = [
    "AdvisorToolResultBlock",
    "BashCodeExecutionToolResultBlock",
    "Block",
    "CodeExecutionToolResultBlock",
    "CompactionBlock",
    "ContainerUploadBlock",
    "ContentBlock",
    "FallbackBlock",
    "GrowingText",
    "JSONObject",
    "MCPToolListingBlock",
    "MCPToolResultBlock",
    "MCPToolUseBlock",
    "Message",
    "Record",
    "RedactedThinkingBlock",
    "ServerToolUseBlock",
    "ShapeError",
    "TextBlock",
    "TextEditorCodeExecutionToolResultBlock",
    "ThinkingBlock",
    "ToolSearchToolResultBlock",
    "ToolUseBlock",
    "UnknownBlock",
    "Usage",
    "WebFetchToolResultBlock",
    "WebSearchToolResultBlock",
    "copy_json",
    "has_surrogates",
    "is_high_surrogate",
    "join_surrogates",
    "make_block",
    "want",
    "want_or",
]


class Usage(Record):
    """Token counts: totals for the whole message so far.

    Those of one message's events replace each other and are never to be added; those of
    several messages add up by `+`, and by `sum(usages, Usage({}))`.
    `input_tokens` and `output_tokens` are 0 until they were sent.
    """

    __slots__ = ()
    _nullable = (
        "cache_creation",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "fallback_credit",
        "inference_geo",
        "iterations",
        "output_tokens_details",
        "server_tool_use",
        "service_tier",
        "speed",
    )

    cache_creation: JSONObject | None
    cache_creation_input_tokens: int | None
    cache_read_input_tokens: int | None
    fallback_credit: JSONObject | None
    inference_geo: str | None
    iterations: list[JSONObject] | None
    output_tokens_details: JSONObject | None
    server_tool_use: JSONObject | None
    service_tier: str | None
    speed: str | None

    @property
    def input_tokens(self) -> int:
        """Tokens of the request that came from no cache."""
        return _int_or_0(self._data.get("input_tokens"))

    @property
    def output_tokens(self) -> int:
        """Tokens of the answer so far, thinking included."""
        return _int_or_0(self._data.get("output_tokens"))

    def __add__(self, other: object) -> Usage:
        """Return the usage of two messages together, as a new object. Cost: their size.

        Counts add up, also inside objects; lists, such as `iterations`, follow each
        other; what else differs, such as `service_tier`, is None.
        """
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(_sum(self._copied(), other._copied()))

    def _merge(self, changes: dict[str, Any]) -> bool:
        """Take the totals of a message_delta; say whether any was a zero that means nothing."""
        odd = False
        for key, value in changes.items():
            if value is None:
                continue
            # Some relays know these at the start only, or not at all, and send zeros at the end.
            if ("input" in key or "cache" in key) and _is_zeroed(self._data.get(key), value):
                odd = True
            else:
                self._data[key] = value
        return odd


def _int_or_0(value: Any) -> int:
    return int(_count(value) or 0)


def _count(value: Any) -> float | None:
    """Return the count that a value is, None for none; some relays write 5.0 or "5"."""
    # Sixteen digits: no count has more, and a peer's string of digits may have any number.
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 16:
        return int(value)
    # Neither NaN nor Infinity, which `1e400` is.
    if type(value) is int or (type(value) is float and value - value == 0):
        return value
    return None


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _is_zeroed(old: Any, new: Any) -> bool:
    """Say whether a count, or an object of counts, would only lose by a change.

    It does by a zero, by what is below zero, and by what is no count.
    """
    if isinstance(old, dict):
        if not isinstance(new, dict):
            return bool(old)
        changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        lost = [key for key in changed if _is_zeroed(old.get(key), new.get(key))]
        # What else has changed is nothing: a zero that was not there.
        return bool(lost) and not any(new.get(key) for key in changed if key not in lost)
    before, after = _count(old), _count(new)
    if before is None:
        return False
    return before > 0 if after is None else after <= 0 and before > after


def _sum(one: Any, two: Any) -> Any:
    """Return the sum of two values of a usage."""
    if one is None or two is None:
        return two if one is None else one
    if isinstance(one, dict) and isinstance(two, dict):
        return {key: _sum(one.get(key), two.get(key)) for key in {**one, **two}}
    if isinstance(one, list) and isinstance(two, list):
        return one + two
    if _is_number(one) and _is_number(two):
        try:
            return one + two
        except OverflowError:  # a float, and an int that is larger than any
            return None
    return one if one == two else None


class Message(Record):
    """The assistant's message: `content` in order of arrival, `usage`, `stop_reason`.

    The one that an accumulator holds is live; those that it gives away
    (`message_stop.message`, `get_final_message()`, `partial_message`) never
    change again.
    """

    __slots__ = ("_request_id", "content", "usage")
    _computed = ("content", "usage")
    _nullable = (
        "stop_reason",
        "stop_sequence",
        "stop_details",
        "container",
        "context_management",
        "diagnostics",
        "input_transformations",
    )
    _strings = (
        "id",
        "model",
    )

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    stop_reason: str | None
    stop_sequence: str | None
    stop_details: JSONObject | None
    container: JSONObject | None
    context_management: JSONObject | None
    diagnostics: JSONObject | None
    input_transformations: list[JSONObject] | None

    def __init__(self, data: dict[str, Any], mode: str = "A") -> None:
        """Take over the JSON of a message; what is missing of it is made up for.

        Raises:
            ShapeError: a known part is of the wrong type.
        """
        content = want_or([], data.get("content"), "message.content")
        usage = want_or({}, data.get("usage"), "message.usage")
        data.setdefault("type", "message")
        data.setdefault("role", "assistant")
        data.setdefault("stop_reason", None)
        data["content"] = data["usage"] = None  # worked out when they are read
        self._data = data
        # What names the request to Anthropic's support, of a message that a client has read
        # to its end; under the official SDK's name. It is no part of the JSON.
        self._request_id: str | None = None
        self.content: list[ContentBlock] = [make_block(block, mode) for block in content]
        self.usage: Usage = Usage(usage)
        for block in self.content:
            block._finish(True)

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key] if key in self._computed else self._data[key]

    @property
    def text(self) -> str:
        """The text of all text blocks, joined; "" if there is none. Cost: its length."""
        return "".join([block.text for block in self.content if isinstance(block, TextBlock)])

    def _merge(self, changes: dict[str, Any]) -> None:
        """Take members of a message_delta, known or new: all but what the message is by its start.

        null is news for what says why the message stopped, else it is no value.
        """
        for key, value in changes.items():
            if key not in _OF_THE_START and (value is not None or key in _STOPS):
                self._data[key] = value

    @property
    def _says_nothing(self) -> bool:
        """Whether no block holds more than empty text."""
        return all(isinstance(block, TextBlock) and not block.text for block in self.content)

    def _to_show(self) -> dict[str, Any]:
        # More blocks than are shown need not be looked at.
        content = [block._to_show() for block in self.content[:100]]
        return {**self._data, "content": content, "usage": self.usage._to_show()}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON that a call without streaming would have returned: a deep copy.

        Of an unfinished message: the text so far, the tool input as far as it
        can be told, and `stop_reason` null. Cost: the message's size.
        """
        return self._copied()

    def _copied(self, *, finite: bool = False) -> dict[str, Any]:
        data: dict[str, Any] = copy_json(self._data, finite=finite)
        data["content"] = [block._copied(finite=finite) for block in self.content]
        data["usage"] = self.usage._copied(finite=finite)
        return data

    def to_param(self, *, unsigned_thinking: bool = False) -> dict[str, Any]:
        """Return what to append to `messages` to answer this message. Cost: its size.

        Blocks go back as they came, less those that the API would refuse: text of
        white space alone (" " between two thoughts, which must not follow each
        other), thinking without a signature, tool calls without an id or a
        name, and what a fallback left behind. If `content` comes out empty, send nothing.

        Args:
            unsigned_thinking: send thinking without a signature too, for servers that
                sign none and want it back.
        """
        last_fallback = -1
        answered = set()
        for position, block in enumerate(self.content):
            if isinstance(block, FallbackBlock):
                last_fallback = position
            tool_use_id = block.get("tool_use_id")
            if isinstance(tool_use_id, str):
                answered.add(tool_use_id)
        content: list[dict[str, Any]] = []
        # Text of white space alone, since the last block that is sent.
        blank: ContentBlock | None = None
        for position, block in enumerate(self.content):
            if position < last_fallback and not _outlives_fallback(block, answered):
                continue
            if isinstance(block, TextBlock) and block._is_blank:
                blank = block
                continue
            param = block._param(unsigned_thinking)
            if param is None:
                continue
            if blank is not None and _is_thought(param) and content and _is_thought(content[-1]):
                content.append({**blank._copied(finite=True), "text": " "})
            blank = None
            content.append(param)
        return {"role": "assistant", "content": content}

    def _frozen(self) -> Message:
        message = Message.__new__(Message)
        message._data = copy_json(self._data)
        message._request_id = self._request_id
        frozen: list[Any] = [block._frozen() for block in self.content]
        message.content = frozen
        message.usage = Usage(self.usage._copied())
        return message


# What a message is from its start on; a message_delta that has one of these is odd.
_OF_THE_START = frozenset(
    ("type", "id", "index", "role", "model", "content", "usage", "message", "delta", "object")
)
# Why it stopped.
_STOPS = ("stop_reason", "stop_sequence", "stop_details")


def _outlives_fallback(block: ContentBlock, answered: set[str]) -> bool:
    """Say whether a block before a fallback is still of use to the model after it."""
    if block.type in ("thinking", "redacted_thinking", "connector_text", "tool_use"):
        return False
    return not isinstance(block, ServerToolUseBlock) or is_answered(block, answered)


def is_answered(block: ContentBlock, answered: set[str]) -> bool:
    """Say whether a call's id is among those; an id may be any JSON."""
    call = block.get("id")
    return isinstance(call, str) and call in answered


def _is_thought(param: dict[str, Any]) -> bool:
    return param.get("type") in ("thinking", "redacted_thinking")
