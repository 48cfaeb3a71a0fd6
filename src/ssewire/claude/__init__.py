# SPDX-License-Identifier: MIT
"""Claude's streams: from bytes or events to typed events and the message."""

from __future__ import annotations

from ._record import JSONObject
from .accumulator import Accumulator
from .blocks import (
    AdvisorToolResultBlock,
    BashCodeExecutionToolResultBlock,
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
)
from .continuation import continuation
from .errors import (
    AnthropicError,
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BillingError,
    ClaudeError,
    ConfigurationError,
    ConflictError,
    GatewayTimeoutError,
    InternalServerError,
    InvalidRequestError,
    MalformedEvent,
    MalformedJSON,
    NotFoundError,
    OverloadedError,
    OversizedEvent,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    StreamClosed,
    StreamInterrupted,
    StreamTruncated,
)
from .events import (
    CitationEvent,
    CitationsDelta,
    ClaudeEvent,
    CompactionDelta,
    CompactionEvent,
    ContentBlockDeltaEvent,
    ContentBlockStartEvent,
    ContentBlockStopEvent,
    Delta,
    ErrorEvent,
    InputJSONDelta,
    InputJSONEvent,
    MessageDelta,
    MessageDeltaEvent,
    MessageStartEvent,
    MessageStopEvent,
    PingEvent,
    SignatureDelta,
    SignatureEvent,
    StreamEvent,
    TextDelta,
    TextEvent,
    ThinkingDelta,
    ThinkingEvent,
    UnknownDelta,
    UnknownEvent,
)
from .message import Message, Usage
from .stream import JSONStream, MessageStream, RawMessageStream, StreamResponse, TextStream

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from .aio import AsyncClaude
    from .client import Claude
    from .partial_json import PartialJSON
    from .stream import AsyncJSONStream, AsyncMessageStream, AsyncRawMessageStream, AsyncTextStream

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "Accumulator",
    "AdvisorToolResultBlock",
    "AnthropicError",
    "AsyncClaude",
    "AsyncJSONStream",
    "AsyncMessageStream",
    "AsyncRawMessageStream",
    "AsyncTextStream",
    "AuthenticationError",
    "BadRequestError",
    "BashCodeExecutionToolResultBlock",
    "BillingError",
    "CitationEvent",
    "CitationsDelta",
    "Claude",
    "ClaudeError",
    "ClaudeEvent",
    "CodeExecutionToolResultBlock",
    "CompactionBlock",
    "CompactionDelta",
    "CompactionEvent",
    "ConfigurationError",
    "ConflictError",
    "ContainerUploadBlock",
    "ContentBlock",
    "ContentBlockDeltaEvent",
    "ContentBlockStartEvent",
    "ContentBlockStopEvent",
    "Delta",
    "ErrorEvent",
    "FallbackBlock",
    "GatewayTimeoutError",
    "InputJSONDelta",
    "InputJSONEvent",
    "InternalServerError",
    "InvalidRequestError",
    "JSONObject",
    "JSONStream",
    "MCPToolListingBlock",
    "MCPToolResultBlock",
    "MCPToolUseBlock",
    "MalformedEvent",
    "MalformedJSON",
    "Message",
    "MessageDelta",
    "MessageDeltaEvent",
    "MessageStartEvent",
    "MessageStopEvent",
    "MessageStream",
    "NotFoundError",
    "OverloadedError",
    "OversizedEvent",
    "PartialJSON",
    "PermissionDeniedError",
    "PingEvent",
    "RateLimitError",
    "RawMessageStream",
    "RedactedThinkingBlock",
    "RequestTooLargeError",
    "ServerToolUseBlock",
    "SignatureDelta",
    "SignatureEvent",
    "StreamClosed",
    "StreamEvent",
    "StreamInterrupted",
    "StreamResponse",
    "StreamTruncated",
    "TextBlock",
    "TextDelta",
    "TextEditorCodeExecutionToolResultBlock",
    "TextEvent",
    "TextStream",
    "ThinkingBlock",
    "ThinkingDelta",
    "ThinkingEvent",
    "ToolSearchToolResultBlock",
    "ToolUseBlock",
    "UnknownBlock",
    "UnknownDelta",
    "UnknownEvent",
    "Usage",
    "WebFetchToolResultBlock",
    "WebSearchToolResultBlock",
    "continuation",
]


# Sockets, TLS and threads are not for those who have the bytes already; nor is each of the
# others for everybody. Together they are a third of what importing this package would take.
_LATER = {
    "AsyncClaude": "aio",
    "AsyncJSONStream": "stream._asyncio",
    "AsyncMessageStream": "stream._asyncio",
    "AsyncRawMessageStream": "stream._asyncio",
    "AsyncTextStream": "stream._asyncio",
    "Claude": "client",
    "PartialJSON": "partial_json",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = __import__(f"{__name__}.{_LATER[name]}", fromlist=[name])
        return getattr(module, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
