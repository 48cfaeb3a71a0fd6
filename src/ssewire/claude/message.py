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
    """Token counts: totals for the whole message, never to be added up.

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


def _int_or_0(value: Any) -> int:
    return value if type(value) is int else 0


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

    def _set(self, key: str, value: Any) -> None:
        # The message keeps these two apart; no server sends them in a message_delta.
        if key not in ("content", "usage"):
            self._data[key] = value

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON that a call without streaming would have returned: a deep copy.

        Of an unfinished message: the text so far, the tool input as far as it
        can be told, and `stop_reason` null.
        """
        data: dict[str, Any] = copy_json(self._data)
        data["content"] = [block.to_dict() for block in self.content]
        data["usage"] = self.usage.to_dict()
        return data

    def to_param(self) -> dict[str, Any]:
        """Return what to append to `messages` to answer this message.

        Blocks go back as they came, less those that the API would refuse:
        empty text, thinking without a signature, and what a fallback left
        behind. If `content` comes out empty, send nothing.
        """
        last_fallback = -1
        answered = set()
        for position, block in enumerate(self.content):
            if isinstance(block, FallbackBlock):
                last_fallback = position
            tool_use_id = block.get("tool_use_id")
            if isinstance(tool_use_id, str):
                answered.add(tool_use_id)
        content = []
        for position, block in enumerate(self.content):
            if position < last_fallback and not _outlives_fallback(block, answered):
                continue
            param = block._param()
            if param is not None:
                content.append(param)
        return {"role": "assistant", "content": content}

    def _frozen(self) -> Message:
        message = Message.__new__(Message)
        message._data = copy_json(self._data)
        message.content = [block._frozen() for block in self.content]  # type: ignore[misc]
        message.usage = Usage(self.usage.to_dict())
        return message


def _outlives_fallback(block: ContentBlock, answered: set[str]) -> bool:
    """Say whether a block before a fallback is still of use to the model after it."""
    if block.type in ("thinking", "redacted_thinking", "connector_text", "tool_use"):
        return False
    return not isinstance(block, ServerToolUseBlock) or block.id in answered
