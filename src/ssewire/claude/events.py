# SPDX-License-Identifier: MIT
"""Typed events: one class for each kind on the wire, and those that a stream derives.

An event keeps the wire's event and decodes it when asked: most readers look
at a delta's text and no further. What an event says about its block or
message (`snapshot`, `content_block`, `message`) is read from the live one.
May import: _json, _record, blocks, event, message.
"""

from __future__ import annotations

import json

from ..event import ServerSentEvent
from ._json import DELTA_KEYS, Slotted, read_object, shown
from ._record import JSONObject, Record, view
from .blocks import make_block
from .message import Message, Usage

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any, Literal, Union

    from typing_extensions import TypeAlias

    from .blocks import ContentBlock


# Characters of an event's data that its repr shows: a usual delta whole.
_SHOWN = 256


class Event(Slotted):
    """Base of all events; `type` is the type on the wire, or the derived event's name."""

    __slots__ = ("_raw", "_sse")

    def __init__(self, sse: ServerSentEvent) -> None:
        self._sse = sse

    @property
    def raw(self) -> dict[str, Any]:
        """The decoded JSON of the wire's event; decoded at the first use, then kept.

        A derived event has that of the delta it comes from. The first use costs the
        event's size.
        """
        try:
            return self._raw
        except AttributeError:
            # Pings and errors need not be JSON.
            self._raw: dict[str, Any] = read_object(self._sse.data) or {}
            return self._raw

    def to_sse(self) -> ServerSentEvent:
        """Return the wire's event, as it came."""
        return self._sse

    if not TYPE_CHECKING:  # so that checkers report names that are not declared

        def __getattr__(self, name: str) -> Any:
            # Python asks for names with an underscore, such as those of pickle.
            if name[:1] != "_" and name in self.raw:
                return view(self.raw[name])
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __getitem__(self, key: str) -> Any:
        return self.raw[key]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shown(self._sse.data, _SHOWN)})"

    def __dir__(self) -> list[str]:
        keys = [key for key in self.raw if key.isidentifier() and key[:1] != "_"]
        return sorted({*super().__dir__(), *keys})


class TextDelta(Record):
    """A piece of a text block, to be added to its text."""

    __slots__ = ()
    _strings = ("text",)

    type: Literal["text_delta"]
    text: str


class InputJSONDelta(Record):
    """A piece of the JSON of a tool input, cut anywhere."""

    __slots__ = ()
    _strings = ("partial_json",)

    type: Literal["input_json_delta"]
    partial_json: str


class ThinkingDelta(Record):
    """A piece of a thinking block.

    `estimated_tokens` are those of this piece, to be added up for a progress hint.
    """

    __slots__ = ()
    _nullable = ("estimated_tokens",)
    _strings = ("thinking",)

    type: Literal["thinking_delta"]
    thinking: str
    estimated_tokens: int | None


class SignatureDelta(Record):
    """The whole signature of a thinking block, sent once, before the block's stop."""

    __slots__ = ()
    _strings = ("signature",)

    type: Literal["signature_delta"]
    signature: str


class CitationsDelta(Record):
    """One more citation of a text block."""

    __slots__ = ()
    _nullable = ("citation",)

    type: Literal["citations_delta"]
    citation: JSONObject


class CompactionDelta(Record):
    """The whole summary of a compaction block; null `content`: compaction failed."""

    __slots__ = ()
    _nullable = (
        "content",
        "encrypted_content",
    )

    type: Literal["compaction_delta"]
    content: str | None
    encrypted_content: str | None


class UnknownDelta(Record):
    """A delta of a type that this version does not know; it changes nothing."""

    __slots__ = ()

    type: Literal["unknown"]


if TYPE_CHECKING:
    Delta: TypeAlias = Union[
        TextDelta,
        InputJSONDelta,
        ThinkingDelta,
        SignatureDelta,
        CitationsDelta,
        CompactionDelta,
        UnknownDelta,
    ]
    """Any delta: for type checkers the union of the classes, at run time their base."""
else:
    Delta = Record  # what `isinstance` wants; checkers see the union

_DELTAS = {
    "text_delta": TextDelta,
    "input_json_delta": InputJSONDelta,
    "thinking_delta": ThinkingDelta,
    "signature_delta": SignatureDelta,
    "citations_delta": CitationsDelta,
    "compaction_delta": CompactionDelta,
}


class MessageStartEvent(Event):
    """The message's frame; `message` is as it was sent, not the one that grows."""

    __slots__ = ()
    type: Literal["message_start"] = "message_start"

    @property
    def message(self) -> Message:
        """The message as it was sent, made anew at each use; cost: its size."""
        return Message(json.loads(self._sse.data)["message"])


class ContentBlockStartEvent(Event):
    """A block begins; `content_block` is as it was sent, not the one that grows."""

    __slots__ = ("_block", "index")
    type: Literal["content_block_start"] = "content_block_start"

    def __init__(self, sse: ServerSentEvent, index: int, block: ContentBlock | None) -> None:
        self._sse = sse
        self.index: int = index
        self._block = block  # the live one, None before a message_start

    @property
    def content_block(self) -> ContentBlock:
        """The block as it was sent, made anew at each use; cost: its size."""
        return make_block(json.loads(self._sse.data)["content_block"])


class ContentBlockDeltaEvent(Event):
    """A piece of a block: `delta` has it."""

    # _kind and _text: the delta's type, and its text where it is one string. `_raw`
    # is set from the start, unless the delta holds nothing else.
    # _block: the live block that it went to, None if it went nowhere.
    __slots__ = ("_block", "_kind", "_text", "index")
    type: Literal["content_block_delta"] = "content_block_delta"

    def __init__(
        self, sse: ServerSentEvent, index: int, block: ContentBlock | None, kind: str, text: str
    ) -> None:
        self._sse = sse
        self.index: int = index
        self._block = block
        self._kind = kind
        self._text = text

    @property
    def delta(self) -> Delta:
        """What came, by the delta's type on the wire; an UnknownDelta for one that is not known."""
        data: dict[str, Any]
        try:
            data = self._raw["delta"]
        except AttributeError:
            # Read without json: nothing but the one string is in it.
            data = {"type": self._kind, DELTA_KEYS[self._kind]: self._text}
        cls: Any = _DELTAS.get(data["type"], UnknownDelta)
        return cls(data)  # type: ignore[no-any-return]


class ContentBlockStopEvent(Event):
    """A block is done: `content_block`; an UnknownBlock if none of that index had begun."""

    __slots__ = ("content_block", "index")
    type: Literal["content_block_stop"] = "content_block_stop"

    def __init__(self, sse: ServerSentEvent, index: int, block: ContentBlock) -> None:
        self._sse = sse
        self.index: int = index
        self.content_block: ContentBlock = block


class MessageDelta(Record):
    """What a message_delta changes of the message itself."""

    __slots__ = ()
    _nullable = (
        "stop_reason",
        "stop_sequence",
        "stop_details",
        "container",
    )

    stop_reason: str | None
    stop_sequence: str | None
    stop_details: JSONObject | None
    container: JSONObject | None


class MessageDeltaEvent(Event):
    """Changes of the message itself: `delta`, and `usage` as totals so far."""

    __slots__ = ()
    type: Literal["message_delta"] = "message_delta"

    @property
    def delta(self) -> MessageDelta:
        """What changes of the message's own keys, such as `stop_reason`."""
        return MessageDelta(self.raw.get("delta") or {})

    @property
    def usage(self) -> Usage:
        """Token counts as totals of the whole message so far; keys not sent have not changed."""
        return Usage(self.raw.get("usage") or {})


class MessageStopEvent(Event):
    """The message is complete: `message` never changes again; empty if none had begun."""

    __slots__ = ("message",)
    type: Literal["message_stop"] = "message_stop"

    def __init__(self, sse: ServerSentEvent, message: Message) -> None:
        self._sse = sse
        self.message: Message = message


class PingEvent(Event):
    """The server is alive; nothing else."""

    __slots__ = ()
    type: Literal["ping"] = "ping"


class ErrorEvent(Event):
    """The end of a stream that failed: `exception` is what a MessageStream raises.

    For an error that the API did not send, such as a malformed event,
    `to_sse()` is that event, where there is one.
    """

    __slots__ = ("exception",)
    type: Literal["error"] = "error"

    def __init__(self, sse: ServerSentEvent, exception: Exception) -> None:
        self._sse = sse
        self.exception: Exception = exception

    @property
    def error(self) -> JSONObject:
        """The API's error object; {} if there is none."""
        error = self.raw.get("error")
        return JSONObject(error if isinstance(error, dict) else {})


class UnknownEvent(Event):
    """An event of a type that this version does not know; it changes nothing.

    At run time `type` is the wire's name.
    """

    __slots__ = ("_type",)

    if TYPE_CHECKING:
        type: Literal["unknown"] = "unknown"
    else:

        @property
        def type(self) -> str:
            """The event's type on the wire."""
            return self._type

    def __init__(self, sse: ServerSentEvent, type: str) -> None:
        self._sse = sse
        self._type = type


class _DerivedEvent(Event):
    """Base of what a stream derives from a delta: `index` is that of the delta's block."""

    __slots__ = ("_block", "index")

    def __init__(self, sse: ServerSentEvent, index: int, block: Any, text: str) -> None:
        self._sse = sse
        self.index: int = index
        self._block = block


class TextEvent(_DerivedEvent):
    """Text came: `text` is new, `snapshot` the block's whole text so far."""

    __slots__ = ("text",)
    type: Literal["text"] = "text"

    def __init__(self, sse: ServerSentEvent, index: int, block: Any, text: str) -> None:
        self._sse = sse
        self.index = index
        self._block = block
        self.text: str = text

    @property
    def snapshot(self) -> str:
        """The block's text as of now; exact for the event that was handed out last."""
        return self._block.text  # type: ignore[no-any-return]


class ThinkingEvent(_DerivedEvent):
    """Thinking came: `thinking` is new, `snapshot` the block's whole thinking so far."""

    __slots__ = ("thinking",)
    type: Literal["thinking"] = "thinking"

    def __init__(self, sse: ServerSentEvent, index: int, block: Any, thinking: str) -> None:
        self._sse = sse
        self.index = index
        self._block = block
        self.thinking: str = thinking

    @property
    def estimated_tokens(self) -> int | None:
        """About how many tokens this piece is, to be added up; None if the server does not say.

        Decodes the event's JSON at the first use.
        """
        tokens = self.raw["delta"].get("estimated_tokens")
        return tokens if type(tokens) is int else None

    @property
    def snapshot(self) -> str:
        """The block's thinking as of now; exact for the event that was handed out last."""
        return self._block.thinking  # type: ignore[no-any-return]


class InputJSONEvent(_DerivedEvent):
    """Tool input came: `partial_json` is new, `snapshot` what can be told of the input so far."""

    __slots__ = ("partial_json",)
    type: Literal["input_json"] = "input_json"

    def __init__(self, sse: ServerSentEvent, index: int, block: Any, partial_json: str) -> None:
        self._sse = sse
        self.index = index
        self._block = block
        self.partial_json: str = partial_json

    @property
    def snapshot(self) -> Any:
        """The input as far as it can be told: the live value, which grows with the next events."""
        return self._block.input


class SignatureEvent(_DerivedEvent):
    """The signature of a thinking block came, whole."""

    __slots__ = ("signature",)
    type: Literal["signature"] = "signature"

    def __init__(self, sse: ServerSentEvent, index: int, block: Any, signature: str) -> None:
        self._sse = sse
        self.index = index
        self._block = block
        self.signature: str = signature


class CitationEvent(_DerivedEvent):
    """A citation of a text block came: `snapshot` holds all of the block's so far."""

    __slots__ = ()
    type: Literal["citation"] = "citation"

    @property
    def citation(self) -> JSONObject:
        """The new citation: a location in a document, a search result or a page."""
        return JSONObject(self.raw["delta"]["citation"])

    @property
    def snapshot(self) -> list[JSONObject]:
        """All citations of the block as of now: a list that grows with the next events.

        Each use costs what was added since the last one.
        """
        return self._block.citations  # type: ignore[no-any-return]


class CompactionEvent(_DerivedEvent):
    """The summary of a compaction block came; `content` None: compaction failed."""

    __slots__ = ()
    type: Literal["compaction"] = "compaction"

    @property
    def content(self) -> str | None:
        """The summary; None: compaction failed."""
        return self.raw["delta"].get("content")  # type: ignore[no-any-return]

    @property
    def encrypted_content(self) -> str | None:
        """What only the API can read of the summary, to be sent back as it is."""
        return self.raw["delta"].get("encrypted_content")  # type: ignore[no-any-return]

    @property
    def snapshot(self) -> str | None:
        """The block's content as of now."""
        return self._block.content  # type: ignore[no-any-return]


# Type of a delta -> class of the event that a stream derives from it.
DERIVED: dict[str, Any] = {
    "text_delta": TextEvent,
    "input_json_delta": InputJSONEvent,
    "thinking_delta": ThinkingEvent,
    "signature_delta": SignatureEvent,
    "citations_delta": CitationEvent,
    "compaction_delta": CompactionEvent,
}

if TYPE_CHECKING:
    ClaudeEvent: TypeAlias = Union[
        MessageStartEvent,
        ContentBlockStartEvent,
        ContentBlockDeltaEvent,
        ContentBlockStopEvent,
        MessageDeltaEvent,
        MessageStopEvent,
        PingEvent,
        ErrorEvent,
        UnknownEvent,
    ]
    """An event of the wire, as `Accumulator` gives it; at run time the classes' base."""
    StreamEvent: TypeAlias = Union[
        MessageStartEvent,
        ContentBlockStartEvent,
        ContentBlockDeltaEvent,
        ContentBlockStopEvent,
        MessageDeltaEvent,
        MessageStopEvent,
        UnknownEvent,
        TextEvent,
        InputJSONEvent,
        ThinkingEvent,
        SignatureEvent,
        CitationEvent,
        CompactionEvent,
    ]
    """What iterating a `MessageStream` gives; at run time the classes' base."""
else:
    ClaudeEvent = StreamEvent = Event  # what `isinstance` wants; checkers see the unions
