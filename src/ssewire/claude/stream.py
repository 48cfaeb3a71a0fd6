"""A message as it comes: events, text and the final message over any chunks of bytes.

An event changes the message when it is handed out, not when its bytes came,
so what a reader sees does not depend on the packets. All readers of a stream
(loops over events or text, `until_done`) share one place in it. The iterators
keep no state of their own that an exception could lose. No I/O but the
chunks'. May import: ssewire.stream, ssewire.event, accumulator, claude's values.
"""

from __future__ import annotations

from itertools import chain

from .._limits import MAX_EVENT_SIZE
from ..errors import StateError
from ..stream import _aclose_all, _close_all
from .accumulator import Accumulator
from .errors import ClaudeError, StreamClosed, StreamInterrupted
from .events import (
    DERIVED,
    ContentBlockDeltaEvent,
    ContentBlockStartEvent,
    ContentBlockStopEvent,
    ErrorEvent,
    MessageStartEvent,
    MessageStopEvent,
    PingEvent,
    TextEvent,
)
from .message import TextBlock, has_surrogates, is_high_surrogate, join_surrogates

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
    from types import TracebackType
    from typing import Any

    from typing_extensions import Buffer, Self

    from ..event import ServerSentEvent
    from .events import StreamEvent
    from .message import GrowingText, Message

# Deltas decoded ahead of their reader. What it leaves is decoded again, so that
# many loops left early over one huge chunk must not each decode all of the rest.
_MAX_RUN = 256


class _Reader:
    """What both streams share: everything but waiting for bytes."""

    def __init__(
        self, max_event_size: int | None, partial_strings: bool, request_id: str | None
    ) -> None:
        self._accumulator = Accumulator(
            max_event_size=max_event_size,
            partial_strings=partial_strings,
            request_id=request_id,
        )
        self._request_id = request_id
        # Wire events at hand; those from _position on were not handed out.
        self._batch: list[ServerSentEvent] = []
        self._position = 0
        # The event derived from the last delta handed out; it comes next.
        self._derived: Any = None
        # The text that a run of text_stream is being added to. Its pieces are
        # _batch[_position:]; `_end_run` settles how many of them were handed out.
        self._running: GrowingText | None = None
        # Half of a surrogate pair, kept back by text_stream until its other half comes.
        self._half = ""
        # The chunks have ended.
        self._exhausted = False
        self._closed = False
        self._source_open = True
        self._error: ClaudeError | None = None

    @property
    def request_id(self) -> str | None:
        """What names this request to Anthropic's support."""
        return self._request_id

    @property
    def current_message_snapshot(self) -> Message:
        """The message as of the event handed out last, live: it goes on growing.

        Raises:
            StateError: no message_start was handed out yet.
        """
        message = self._accumulator.message
        if message is None:
            raise StateError("there is no message before its first event")
        return message

    @property
    def partial_message(self) -> Message | None:
        """What has been handed out so far, as a message that never changes again.

        None before message_start. Cost: the message's size.
        """
        return self._accumulator._partial()

    def _end_run(self) -> None:
        """Settle a run of text_stream: what was not handed out of it is to come again."""
        if self._running is not None:
            self._position += self._running.end_run()
            self._running = None

    def _take(self, batch: list[ServerSentEvent]) -> None:
        self._batch = batch
        self._position = 0

    def _at_hand(self) -> bool:
        """Say whether there is anything to hand out without more bytes."""
        self._end_run()
        return self._derived is not None or self._position < len(self._batch)

    def _at_end(self) -> bool:
        """Say whether there is nothing more to read, when nothing is at hand.

        Raises:
            ClaudeError: that is because the stream failed.
        """
        if self._closed:
            return True
        if self._error is None and not self._accumulator.finished:
            if self._accumulator._fatal is not None:
                self._accumulator._fail_fatal()
            elif self._exhausted:
                self._accumulator.close()
            self._error = self._accumulator.error
        if self._error is not None:
            raise self._error
        return self._accumulator.finished

    def _interrupted(self, cause: Exception) -> ClaudeError:
        """Return the error for a source that failed; a ClaudeError of its own stays what it is."""
        error = cause if isinstance(cause, ClaudeError) else StreamInterrupted()
        if error is not cause:
            error.__cause__ = cause
        self._accumulator._set_error(error)
        self._error = error
        return error

    def _step(self) -> Any:
        """Take the next wire event at hand; None if it is not for the reader.

        Raises:
            ClaudeError: it ends the stream.
        """
        sse = self._batch[self._position]
        self._position += 1
        event: Any = self._accumulator._step(sse)
        if self._accumulator._ended:
            self._take([])
        cls = type(event)
        if cls is ErrorEvent:
            self._error = event.exception
            raise event.exception
        return None if cls is PingEvent else event

    def _events(self) -> Iterator[StreamEvent]:
        """Yield the events at hand.

        All that must outlast a `yield` is kept on self, for another reader
        may go on in between.
        """
        run = self._accumulator._run
        new = object.__new__
        while self._at_hand():
            event = self._derived
            if event is not None:
                self._derived = None
                yield event
                continue
            event = self._step()
            if event is None:
                continue
            if type(event) is not ContentBlockDeltaEvent:
                yield event
                continue
            block: Any = event._block
            kind = event._kind
            derive = DERIVED.get(kind)
            index = event.index
            if derive is not None and block is not None:
                self._derived = derive(event._sse, index, block, event._text)
            yield event
            derived = self._derived
            if derived is None:
                continue
            self._derived = None
            yield derived
            if block is None or kind != "text_delta":
                continue
            # The fast way for what most events are: more text for the same block.
            batch = self._batch
            position = self._position
            if self._running is not None or position >= len(batch):
                continue
            text: GrowingText = block._text
            for piece in run(batch[position : position + _MAX_RUN], 0, index, kind):
                sse = batch[position]
                position += 1
                self._position = position
                text.add(piece)
                # Set one by one: half the cost of two __init__ (benchmarks/claude_pipeline.py).
                event = new(ContentBlockDeltaEvent)
                event._sse = sse
                event.index = index
                event._block = block
                event._kind = kind
                event._text = piece
                derived = new(TextEvent)
                derived._sse = sse
                derived.index = index
                derived._block = block
                derived.text = piece
                self._derived = derived
                yield event
                if self._derived is not derived:
                    break  # another reader took it, and perhaps more
                self._derived = None
                yield derived
                if self._position != position or self._batch is not batch or self._running:
                    break

    def _texts(self) -> Iterator[str] | None:
        """Return an iterator over the next texts; None when more bytes are needed.

        Without `_end_run` before the next use of the batch, the iterator's
        pieces would be handed out twice.
        """
        self._end_run()
        derived = self._derived
        if derived is not None:
            self._derived = None
            if type(derived) is TextEvent:
                return self._whole_pairs(derived.text)
        accumulator = self._accumulator
        while self._position < len(self._batch):
            if not self._half:
                run = self._run()
                if run is not None:
                    return run
            begun = accumulator.message is not None
            event: Any = self._step()
            cls = type(event)
            text = ""
            if cls is ContentBlockDeltaEvent:
                if event._kind == "text_delta" and event._block is not None:
                    return self._whole_pairs(event._text)
            elif cls is ContentBlockStartEvent:
                if isinstance(event._block, TextBlock):
                    text = event._block.text
            elif cls is MessageStartEvent and not begun:
                message = accumulator.message
                assert message is not None
                text = "".join([b.text for b in message.content if isinstance(b, TextBlock)])
            elif cls is ContentBlockStopEvent or cls is MessageStopEvent:
                text, self._half = self._half, ""
                if text:
                    return iter((text,))
            if text:
                return self._whole_pairs(text)
        return None

    def _run(self) -> Iterator[str] | None:
        """Return an iterator over the texts of the next wire events, as far as they are text.

        They are handed out without a step for each: the iterator itself tells
        how far its reader has come.
        """
        index = self._accumulator._last_index
        block = self._accumulator._blocks.get(index)
        if type(block) is not TextBlock:
            return None
        ahead = self._batch[self._position : self._position + _MAX_RUN]
        texts = self._accumulator._run(ahead, 0, index, "text_delta")
        if not texts or has_surrogates("".join(texts)):
            return None
        self._running = block._text
        return self._running.start_run(texts)

    def _whole_pairs(self, text: str) -> Iterator[str]:
        """Return an iterator over one text; half a pair at its end waits."""
        if self._half or has_surrogates(text):
            text = join_surrogates(self._half + text)
            self._half = ""
            if is_high_surrogate(text[-1:]):
                self._half = text[-1]
                text = text[:-1]
        return iter((text,))

    def _final(self) -> Message:
        message = self._accumulator.message
        if not self._accumulator.finished or message is None:
            error = StreamClosed()
            error.partial_message = self.partial_message
            error.request_id = self._request_id
            raise error
        return message

    def _final_text(self) -> str:
        return "".join([b.text for b in self._final().content if isinstance(b, TextBlock)])


class MessageStream(_Reader):
    """The events, text and final message of one response body.

    Iterating gives what iterating the official SDK's stream gives: each wire
    event less the pings, and after a delta the event derived from it. Loops
    may be left and others begun: each goes on where the last one stopped.
    The stream owns `chunks` and closes it at the message's end, on error and
    on `close`; use `with`.

    Args:
        chunks: the body, in chunks cut anywhere.
        max_event_size: bytes that one unfinished event may hold; None lifts the limit.
        partial_strings: show strings of a tool input while they are still coming.
        request_id: given as `request_id` here and on errors.

    Raises (while reading, once all before it has been handed out):
        ClaudeError: the stream failed; again at every later attempt to read on.
    """

    def __init__(
        self,
        chunks: Iterable[Buffer],
        *,
        max_event_size: int | None = MAX_EVENT_SIZE,
        partial_strings: bool = False,
        request_id: str | None = None,
    ) -> None:
        super().__init__(max_event_size, partial_strings, request_id)
        self._source = chunks
        self._chunks: Iterator[Buffer] = iter(chunks)
        self._stepper: Iterator[StreamEvent] = iter(())

    def __iter__(self) -> Iterator[StreamEvent]:
        # Not a generator around `_events`: that costs each event once more.
        return chain.from_iterable(_Batches(self))

    def __next__(self) -> StreamEvent:
        while True:
            for event in self._stepper:
                return event
            if not self._refill():
                raise StopIteration
            self._stepper = self._events()

    @property
    def text_stream(self) -> TextStream:
        """An iterable of the answer's text: one str for each text_delta, and what starts hold."""
        return TextStream(self)

    def until_done(self) -> None:
        """Read to the message's end."""
        for _ in self.text_stream:
            pass

    def get_final_message(self) -> Message:
        """Read to the end and return the message, which never changes again.

        Raises:
            StreamClosed: the stream was closed before.
        """
        self.until_done()
        return self._final()

    def get_final_text(self) -> str:
        """Read to the end and return the text of all text blocks, joined."""
        self.until_done()
        return self._final_text()

    def close(self) -> None:
        """Close the chunks' source; loops over the stream then end."""
        self._closed = True
        self._end_run()
        self._take([])
        self._derived = None
        self._close_source()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _refill(self) -> bool:
        """Get more bytes; False at the end. Bytes may make no event.

        Raises:
            ClaudeError: the stream failed.
            TypeError: a chunk is not bytes-like.
        """
        if self._at_hand():
            return True
        try:
            if self._at_end():
                self._close_source()
                return False
        except ClaudeError:
            self._close_source()
            raise
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self._exhausted = True
            self._take(self._accumulator._end())
        except Exception as exc:
            error = self._interrupted(exc)
            self._close_source()
            raise error from error.__cause__
        else:
            self._take(self._accumulator._receive(chunk))
        return True

    def _close_source(self) -> None:
        if self._source_open:
            self._source_open = False
            _close_all(self._chunks, self._source)


class _Batches:
    """Iterators over the events at hand, with a wait for bytes between them."""

    def __init__(self, stream: MessageStream) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Iterator[StreamEvent]:
        if not self._stream._refill():
            raise StopIteration
        return self._stream._events()


class TextStream:
    """The text of a MessageStream, as an iterable that may be left and begun anew."""

    def __init__(self, stream: MessageStream) -> None:
        self._runs = _TextRuns(stream)
        self._stepper: Iterator[str] = iter(())

    def __iter__(self) -> Iterator[str]:
        # Walks a list for the most part, with no Python code for each text.
        return chain.from_iterable(self._runs)

    def __next__(self) -> str:
        while True:
            for text in self._stepper:
                return text
            self._stepper = next(self._runs)


class _TextRuns:
    def __init__(self, stream: MessageStream) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Iterator[str]:
        while True:
            texts = self._stream._texts()
            if texts is not None:
                return texts
            if not self._stream._refill():
                raise StopIteration


class AsyncMessageStream(_Reader):
    """MessageStream over an asynchronous iterable of bytes; the methods are awaited."""

    def __init__(
        self,
        chunks: AsyncIterable[Buffer],
        *,
        max_event_size: int | None = MAX_EVENT_SIZE,
        partial_strings: bool = False,
        request_id: str | None = None,
    ) -> None:
        super().__init__(max_event_size, partial_strings, request_id)
        self._source = chunks
        self._chunks: AsyncIterator[Buffer] = chunks.__aiter__()
        self._stepper: Iterator[StreamEvent] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        while True:
            for event in self._stepper:
                return event
            if not await self._refill():
                raise StopAsyncIteration
            self._stepper = self._events()

    @property
    def text_stream(self) -> AsyncTextStream:
        """An asynchronous iterable of the answer's text, as MessageStream's."""
        return AsyncTextStream(self)

    async def until_done(self) -> None:
        """Read to the message's end."""
        while True:
            texts = self._texts()
            if texts is not None:
                for _ in texts:
                    pass
            elif not await self._refill():
                return

    async def get_final_message(self) -> Message:
        """Read to the end and return the message, which never changes again.

        Raises:
            StreamClosed: the stream was closed before.
        """
        await self.until_done()
        return self._final()

    async def get_final_text(self) -> str:
        """Read to the end and return the text of all text blocks, joined."""
        await self.until_done()
        return self._final_text()

    async def close(self) -> None:
        """Close the chunks' source; loops over the stream then end."""
        self._closed = True
        self._end_run()
        self._take([])
        self._derived = None
        await self._close_source()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _refill(self) -> bool:
        """Get more bytes, as MessageStream does."""
        if self._at_hand():
            return True
        try:
            if self._at_end():
                await self._close_source()
                return False
        except ClaudeError:
            await self._close_source()
            raise
        try:
            chunk = await self._chunks.__anext__()
        except StopAsyncIteration:
            self._exhausted = True
            self._take(self._accumulator._end())
        except Exception as exc:
            error = self._interrupted(exc)
            await self._close_source()
            raise error from error.__cause__
        else:
            self._take(self._accumulator._receive(chunk))
        return True

    async def _close_source(self) -> None:
        if self._source_open:
            self._source_open = False
            await _aclose_all(self._chunks, self._source)


class AsyncTextStream:
    """The text of an AsyncMessageStream."""

    def __init__(self, stream: AsyncMessageStream) -> None:
        self._stream = stream
        self._texts: Iterator[str] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            for text in self._texts:
                return text
            texts = self._stream._texts()
            if texts is not None:
                self._texts = texts
            elif not await self._stream._refill():
                raise StopAsyncIteration
