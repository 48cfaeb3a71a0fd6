# SPDX-License-Identifier: MIT
"""From one wire event to the message: one event in, at most one out, and the message changed.

Content never raises: an error is an event, after which nothing is taken any
more. Deviations of relays are tolerated, each where it is handled, and logged once.
May import: _json, _logger, _record, _sniff, blocks, errors, events, message, ssewire.errors.
"""

from __future__ import annotations

from .._logger import known_logger
from ..errors import StateError
from ._json import DELTA_KEYS, IMPLIED_BLOCKS, decode, read_object, shared
from ._record import ShapeError, copy_json, want, want_or
from ._sniff import is_error
from .blocks import (
    CompactionBlock,
    FallbackBlock,
    MCPToolUseBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UnknownBlock,
    make_block,
)
from .errors import MalformedEvent, StreamTruncated, api_error
from .events import (
    ContentBlockDeltaEvent,
    ContentBlockStartEvent,
    ContentBlockStopEvent,
    ErrorEvent,
    MessageDeltaEvent,
    MessageStartEvent,
    MessageStopEvent,
    PingEvent,
    UnknownEvent,
)
from .message import Message

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any, Callable

    from ..event import ServerSentEvent
    from ._delta import DeltaDecoder
    from .blocks import ContentBlock
    from .errors import ClaudeError
    from .events import ClaudeEvent


class Assembly:
    """The message of one stream, and what its wire events make of it.

    Args:
        decoder: reads the stream's plain deltas.
        mode: how PartialJSON shows what is unfinished.
        request_id: what errors give as theirs.
    """

    __slots__ = (
        "_aliases",
        "_blocks",
        "_decoder",
        "_ended",
        "_error",
        "_finished",
        "_free",
        "_last_block",
        "_last_index",
        "_last_open",
        "_last_thought",
        "_left_open",
        "_message",
        "_mode",
        "_request_id",
        "_said_why",
        "_unterminated",
        "_warned",
    )

    def __init__(self, decoder: DeltaDecoder, mode: str, request_id: str | None) -> None:
        self._decoder = decoder
        self._mode = mode
        self._request_id = request_id
        self._message: Message | None = None
        # The protocol's index of a block -> the block; None while that is its place in
        # content, which has them in order of arrival.
        self._blocks: dict[int, ContentBlock] | None = None
        # Those of these indices that no start has named, and the least that one may be.
        self._aliases: set[int] | None = None
        self._free = 0
        # The block that began last, and its index; the last one that is a thought.
        self._last_block: ContentBlock | None = None
        self._last_index = -1
        self._last_thought: ThinkingBlock | None = None
        # Whether the stop of the block that began last may still come, and the ids of those
        # before it whose stop may; None for none, as nearly always.
        self._last_open = False
        self._left_open: set[int] | None = None
        # A message_delta said why it stopped: some write "" for null, or begin with a reason.
        self._said_why = False
        self._finished = False
        self._unterminated = False
        # Nothing is taken any more: finished, failed, or after [DONE].
        self._ended = False
        self._error: ClaudeError | None = None
        # Of what has been warned; None for nothing, as nearly always.
        self._warned: set[str] | None = None

    @property
    def message(self) -> Message | None:
        """The message as of now, live until it is finished; None before message_start."""
        return self._message

    @property
    def finished(self) -> bool:
        """Whether the message is complete."""
        return self._finished

    @property
    def unterminated(self) -> bool:
        """Whether the message is complete though its message_stop never came."""
        return self._unterminated

    @property
    def error(self) -> ClaudeError | None:
        """Why the stream failed, with what had arrived as its `partial_message`."""
        return self._error

    def _texts_ahead(
        self, batch: list[ServerSentEvent], position: int, most: int
    ) -> tuple[TextBlock, list[str]] | None:
        """Return the block that began last, and what the next wire events add to its text.

        The events, `most` at most, end before the first that is anything else; None if that
        is the first of them. Changes nothing.
        """
        block = self._last_block
        if type(block) is not TextBlock:
            return None
        events = batch[position : position + most]
        texts = self._decoder.run(events, 0, self._last_index, "text_delta")
        return (block, texts) if texts else None

    def _step(self, sse: ServerSentEvent) -> ClaudeEvent | None:
        """Change the message as `sse` says and return its event; None if it is to be skipped."""
        if self._ended:
            self._look_past_end(sse)
            return None
        decoded = self._decoder.decode(sse.data)
        if decoded is None or sse.event == "error":
            return self._slow_step(sse)
        index, kind, text = decoded
        return ContentBlockDeltaEvent(sse, index, self._grow(index, kind, text), kind, text)

    def _slow_step(self, sse: ServerSentEvent) -> ClaudeEvent | None:
        """Take an event of any kind but a plain delta."""
        data = sse.data
        name = sse.event
        if not data:
            return None
        if data.strip() == "[DONE]":
            self._end_of_stream()
            return None
        raw: Any = None
        cause: Exception | None = None
        try:
            raw = decode(data)
        except ValueError as exc:
            cause = exc
        kind = None
        if isinstance(raw, dict):
            kind = raw.get("type")
            if is_error(raw, named=name != "message"):
                kind = "error"
            elif not isinstance(kind, str):
                kind = name
        if kind == "error" or name == "error":
            return self._fail(sse, api_error(data if raw is None else raw, in_band=True))
        if kind is None:
            if name == "ping":
                return PingEvent(sse)
            return self._malformed(sse, cause or ShapeError("an event must be an object"))
        handler = _HANDLERS.get(kind)
        if handler is None:
            return UnknownEvent(sse, kind)
        try:
            return handler(self, sse, raw)
        except ShapeError as exc:
            if raw.get("error"):
                # No event of its kind, but a reason why.
                return self._fail(sse, api_error(raw, in_band=True))
            return self._malformed(sse, exc)

    def _on_ping(self, sse: ServerSentEvent, raw: Any) -> ClaudeEvent:
        return PingEvent(sse)

    def _on_message_start(self, sse: ServerSentEvent, raw: Any) -> ClaudeEvent:
        message = Message(shared(want(dict, raw.get("message"), "message"), 3), self._mode)
        if self._message is not None:
            self._warn("a second message_start is ignored")
        else:
            self._message = message
            self._last_index = len(message.content) - 1
            self._last_block = message.content[-1] if message.content else None
        return MessageStartEvent(sse)

    def _on_block_start(self, sse: ServerSentEvent, raw: Any) -> ClaudeEvent:
        index = _index(raw)
        block = make_block(
            shared(want(dict, raw.get("content_block"), "content_block"), 1), self._mode
        )
        message = self._message
        if message is None:
            self._warn("events before message_start are ignored")
            return ContentBlockStartEvent(sse, index, None)
        self._add_block(index, block)
        self._last_open = True
        if isinstance(block, FallbackBlock):
            target = block.get("to")
            model = target.get("model") if isinstance(target, dict) else None
            if isinstance(model, str):
                message._set("model", model)
        return ContentBlockStartEvent(sse, index, block)

    def _on_block_delta(self, sse: ServerSentEvent, raw: Any) -> ClaudeEvent:
        index = _index(raw)
        delta = want(dict, raw.get("delta"), "delta")
        kind = want(str, delta.get("type"), "delta.type")
        text = ""
        block: ContentBlock | None = None
        key = DELTA_KEYS.get(kind)
        if key is not None:
            text = want_or("", delta.get(key), f"delta.{key}")
            block = self._grow(index, kind, text)
        elif kind == "citations_delta":
            citation = want(dict, delta.get("citation"), "delta.citation")
            block = self._receiver(index, kind)
            if isinstance(block, TextBlock):
                block._cite(copy_json(citation))
        elif kind == "compaction_delta":
            block = self._receiver(index, kind)
            if block is not None:
                for name in ("content", "encrypted_content"):
                    if name in delta:
                        block._set(name, copy_json(delta[name]))
        else:
            block = self._block(index)
            if isinstance(block, UnknownBlock):
                block._grow(delta)
                block = None
        event = ContentBlockDeltaEvent(sse, index, block, kind, text)
        event._raw = raw
        return event

    def _grow(self, index: int, kind: str, text: str) -> ContentBlock | None:
        """Add a delta that is one string; return the block that it went to.

        None for an UnknownBlock too: nobody derives an event from such a delta.
        """
        block = self._block(index)
        if block is not None and block._grows_by == kind:
            block._growing.add(text)
            return block
        if isinstance(block, UnknownBlock) and block._grow({"type": kind, DELTA_KEYS[kind]: text}):
            return None
        block = self._receiver(index, kind, text)
        if block is not None and kind == "signature_delta":
            block._set("signature", text)
        elif block is not None:
            block._growing.add(text)
        return block

    def _receiver(self, index: int, kind: str, text: str | None = None) -> ContentBlock | None:
        """Return the block that a delta is for; None where it is for none.

        That of its index, if the delta fits it; else the one that began last, or for a
        signature the last thought that has none; else one of the delta's own, so that
        nothing is lost that was said.
        """
        if self._message is None:
            self._warn("events before message_start are ignored")
            return None
        block = self._block(index)
        if block is None:
            self._warn("a delta without a content_block_start")
            own = make_block(dict(IMPLIED_BLOCKS[kind]), self._mode)
            self._add_block(index, own)
            return own
        fitting = _FITTING[kind]
        if isinstance(block, fitting):
            return block
        self._warn("a delta that does not fit its block")
        last = self._last_block
        if kind == "signature_delta":
            thought = self._last_thought
            last = None if thought is None or thought.signature else thought
        if isinstance(last, fitting):
            return last
        if text is not None and not text.strip():
            return None  # Not worth a block.
        own = make_block(dict(IMPLIED_BLOCKS[kind]), self._mode)
        self._append(index, own)
        return own

    def _block(self, index: int) -> ContentBlock | None:
        """Return the block of that index; None if none has begun."""
        if self._blocks is not None:
            return self._blocks.get(index)
        content = self._message.content if self._message is not None else ()
        return content[index] if 0 <= index < len(content) else None

    def _add_block(self, index: int, block: ContentBlock) -> None:
        """Have a block begin, to which its index belongs from now on.

        In code execution a start reuses an index, while deltas and stop carry the place of
        arrival. Others reuse one for starts and deltas alike. So the place of arrival is
        another name of such a block, until a start has that index.
        """
        assert self._message is not None
        place = len(self._message.content)
        if self._blocks is None and index != place:
            self._blocks = dict(enumerate(self._message.content))
        blocks = self._blocks
        if blocks is not None:
            if self._aliases is not None and index in self._aliases:
                self._aliases.discard(index)
            elif index in blocks:
                self._warn("a content_block_start with an index that is taken")
                self._stopped(blocks[index])  # none can name it any more
                self._free = max(self._free, place)
                # Never walked back: places once taken stay taken.
                while self._free in blocks:
                    self._free += 1
                if self._aliases is None:
                    self._aliases = set()
                self._aliases.add(self._free)
                blocks[self._free] = block
            blocks[index] = block
        self._append(index, block)

    def _append(self, index: int, block: ContentBlock) -> None:
        """Add a block, for which deltas of an index come."""
        assert self._message is not None
        if self._blocks is None and index != len(self._message.content):
            self._blocks = dict(enumerate(self._message.content))
        self._message.content.append(block)
        if self._last_open:
            if self._left_open is None:
                self._left_open = set()
            self._left_open.add(id(self._last_block))
        self._last_open = False
        self._last_block = block
        self._last_index = index
        if isinstance(block, ThinkingBlock):
            self._last_thought = block

    def _stopped(self, block: ContentBlock) -> None:
        """Note that no stop of a block is to come."""
        if block is self._last_block:
            self._last_open = False
        elif self._left_open is not None:
            self._left_open.discard(id(block))

    def _on_block_stop(self, sse: ServerSentEvent, raw: Any) -> ClaudeEvent:
        index = _index(raw)
        block = self._block(index)
        if block is None:
            self._warn("a content_block_stop for a block that never began")
            return ContentBlockStopEvent(sse, index, UnknownBlock({"type": "unknown"}))
        self._stopped(block)
        block._finish(True)
        return ContentBlockStopEvent(sse, index, block)

    def _on_message_delta(self, sse: ServerSentEvent, raw: Any) -> ClaudeEvent:
        delta = want_or({}, raw.pop("delta", None), "delta")
        usage = want_or({}, raw.pop("usage", None), "usage")
        message = self._message
        if message is None:
            self._warn("events before message_start are ignored")
            return MessageDeltaEvent(sse)
        message._merge(raw)
        message._merge(delta)
        reason = message.get("stop_reason")
        self._said_why = isinstance(reason, str) and reason != ""
        # Totals for the whole message: they replace what was there, and are never added.
        if message.usage._merge(usage):
            self._warn("a zero in the usage that would replace a count")
        return MessageDeltaEvent(sse)

    def _on_message_stop(self, sse: ServerSentEvent, raw: Any) -> ClaudeEvent:
        if self._message is None:
            self._warn("events before message_start are ignored")
            return MessageStopEvent(sse, Message({}))
        self._finish()
        return MessageStopEvent(sse, self._message)

    def _finish(self) -> None:
        message = self._message
        assert message is not None
        self._finish_blocks()
        if message.usage.output_tokens and message._says_nothing:
            self._warn("an answer of nothing, though output tokens are counted")
        self._finished = self._ended = True

    def _finish_blocks(self) -> None:
        """Finish the blocks whose stop never came, as when max_tokens cut the message."""
        if self._message is not None:
            for block in self._message.content:
                block._finish(False)

    def _end_of_stream(self) -> None:
        """React to the body's end, or to [DONE], which some send for message_stop."""
        if self._ended:
            return
        if self._said_why:
            self._end_unterminated()
        else:
            self._set_error(StreamTruncated())

    def _end_if_said(self) -> bool:
        """End the message if it has said why it stopped and no block is open; return whether.

        For a transport that fails: nothing is missing but the message_stop.
        """
        if self._ended or not self._said_why or self._last_open or self._left_open:
            return False
        self._end_unterminated()
        return True

    def _end_unterminated(self) -> None:
        """End a message that has its stop_reason, without its message_stop."""
        self._unterminated = True
        self._warn("the message ended without a message_stop")
        self._finish()

    def _look_past_end(self, sse: ServerSentEvent) -> None:
        """Log an error that comes after the message was complete; nothing else is looked at."""
        if not self._finished or (self._warned is not None and _PAST_END in self._warned):
            return
        if sse.event != "error":
            raw = read_object(sse.data) if "error" in sse.data else None
            if raw is None or not is_error(raw, named=sse.event != "message"):
                return
        self._warn(_PAST_END)

    def _set_error(self, error: ClaudeError) -> None:
        self._ended = True
        try:
            self._finish_blocks()
            error.partial_message = self._partial()
        except StateError:
            pass  # A text was lost when memory was short: there is no message that is true.
        if error.request_id is None:
            error.request_id = self._request_id
        self._error = error

    def _partial(self) -> Message | None:
        """Return the message as of now, as one that never changes again."""
        if self._message is None or self._finished:
            return self._message
        return self._message._frozen()

    def _fail(self, sse: ServerSentEvent, error: ClaudeError) -> ErrorEvent:
        self._set_error(error)
        return ErrorEvent(sse, error)

    def _malformed(self, sse: ServerSentEvent, cause: Exception) -> ErrorEvent:
        error = MalformedEvent(sse.data)
        error.__cause__ = cause
        return self._fail(sse, error)

    def _warn(self, deviation: str) -> None:
        """Log a deviation from the protocol, once for each kind and message."""
        if self._warned is None:
            self._warned = set()
        if deviation not in self._warned:
            self._warned.add(deviation)
            import logging  # noqa: F401 - seldom needed, and as large as the rest of the imports

            log = known_logger()
            assert log is not None
            log.warning("Claude stream: %s", deviation)


# Type of a delta -> the class of the blocks that it fits.
_FITTING: dict[str, tuple[type[ContentBlock], ...]] = {
    "text_delta": (TextBlock,),
    "citations_delta": (TextBlock,),
    "input_json_delta": (ToolUseBlock, ServerToolUseBlock, MCPToolUseBlock),
    "thinking_delta": (ThinkingBlock,),
    "signature_delta": (ThinkingBlock,),
    "compaction_delta": (CompactionBlock,),
}

_PAST_END = "an error after the message was complete"

# Not bound to each accumulator: a thousand streams have one table.
_HANDLERS: dict[str, Callable[[Assembly, ServerSentEvent, Any], ClaudeEvent]] = {
    "message_start": Assembly._on_message_start,
    "content_block_start": Assembly._on_block_start,
    "content_block_delta": Assembly._on_block_delta,
    "content_block_stop": Assembly._on_block_stop,
    "message_delta": Assembly._on_message_delta,
    "message_stop": Assembly._on_message_stop,
    "ping": Assembly._on_ping,
}


def _index(raw: Any) -> int:
    """Return the index of an event's block.

    Raises:
        ShapeError: it is not an int of 0 or more.
    """
    index = raw.get("index")
    if type(index) is not int or index < 0:
        raise ShapeError("index must be an int of 0 or more")
    return index
