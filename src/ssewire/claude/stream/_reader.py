"""What all streams of a message decide alike: everything but waiting for bytes.

An event changes the message when it is handed out, not when its bytes came, so
what a reader sees does not depend on the packets. All readers of a stream
(loops over events or text, `until_done`) share one place in it. What makes
requests attaches itself: until a message has begun, it may put the body of
another attempt in the place of one that failed. May import: claude._text,
claude.accumulator, claude.blocks, claude.continuation, claude.errors,
claude.events, ssewire.errors.
"""

from __future__ import annotations

from _thread import get_ident

from ...errors import ConnectionLost, StateError
from .._text import has_surrogates, is_high_surrogate, join_surrogates
from ..accumulator import Accumulator
from ..blocks import TextBlock
from ..continuation import continuation
from ..errors import (
    ClaudeError,
    StreamClosed,
    StreamInterrupted,
    StreamTruncated,
    api_error,
)
from ..events import (
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

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable

    from typing_extensions import Buffer

    from ..._headers import Headers
    from ...event import ServerSentEvent
    from .._retry import Attempt
    from .._text import GrowingText
    from ..events import StreamEvent
    from ..message import Message

# Texts handed out ahead of a look at whether another thread has closed a client's stream.
_MAX_OPEN_RUN = 16

# Deltas decoded ahead of their reader. What it leaves is decoded again, so that
# many loops left early over one huge chunk must not each decode all of the rest.
_MAX_RUN = 256

# Bytes kept of a body that does not say that it is a stream, to tell what it was
# if it was none: a relay's sentence about what went wrong.
_MAX_SAID = 1024

# Shared by all streams that wait; nobody adds to them.
_NOTHING: list[ServerSentEvent] = []
NO_EVENTS: Iterator[Any] = iter(())


# What a reader does next.
STEP, WAIT, ASK_AGAIN, FAIL, END = range(5)


class StreamResponse:
    """The head of the response that a stream reads: `status`, `headers` and `url`."""

    __slots__ = ("headers", "status", "url")

    def __init__(self, status: int, headers: Headers, url: str) -> None:
        self.status: int = status
        self.headers: Headers = headers
        self.url: str = url

    def __repr__(self) -> str:
        return f"<StreamResponse {self.status}>"


class Reader:
    """What all streams share: everything but waiting for bytes."""

    # Half the memory of a stream that waits (benchmarks/claude_clients.py).
    __slots__ = (
        "__weakref__",
        "_accumulator",
        "_batch",
        "_call",
        "_chunks",
        "_closed",
        "_derived",
        "_error",
        "_exhausted",
        "_half",
        "_max_event_size",
        "_partial_strings",
        "_position",
        "_progress",
        "_request_id",
        "_response",
        "_runner",
        "_running",
        "_said",
        "_source",
        "_source_open",
        "_stepper",
        "_torn",
        "_watch",
    )

    def __init__(
        self, max_event_size: int | None, partial_strings: bool, request_id: str | None
    ) -> None:
        self._max_event_size = max_event_size
        self._partial_strings = partial_strings
        self._request_id = request_id
        self._response: StreamResponse | None = None
        # What makes the requests, where that is known: gives another body for one
        # that failed before the message began.
        self._call: Attempt | None = None
        # Starts the clock for `stall` anew, where there is one.
        self._watch: Callable[[], object] | None = None
        # Something other than a ping has come since that clock was started.
        self._progress = True
        # What `next` walks: the events at hand.
        self._stepper: Iterator[StreamEvent] = NO_EVENTS
        # Never set back: perhaps by another thread.
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        """Begin to read a body."""
        self._accumulator = Accumulator(
            max_event_size=self._max_event_size,
            partial_strings=self._partial_strings,
            request_id=self._request_id,
        )
        # The start of a body that may be none of a stream; None for one that surely is.
        self._said: bytearray | None = None
        # Wire events at hand; those from _position on were not handed out.
        self._batch: list[ServerSentEvent] = _NOTHING
        self._position = 0
        # The event derived from the last delta handed out; it comes next.
        self._derived: Any = None
        # The text that a run of text_stream is being added to. Its pieces are
        # _batch[_position:]; `_end_run` settles how many of them were handed out.
        self._running: GrowingText | None = None
        # The thread that started it last.
        self._runner = 0
        # Half of a surrogate pair, kept back by text_stream until its other half comes.
        self._half = ""
        # An exception, say a signal handler's, left a change of all this halfway.
        self._torn = False
        # The chunks have ended.
        self._exhausted = False
        self._source_open = True
        self._error: ClaudeError | None = None

    def _attach(self, call: Attempt, response: StreamResponse) -> None:
        """Read the body that `call` has, whose head is `response`."""
        self._request_id = response.headers.get("request-id") or self._request_id
        self._begin()
        self._call = call
        self._response = response
        self._chunks = call.chunks
        self._watch = call.watch
        self._progress = True
        if "event-stream" not in response.headers.get("Content-Type", "").lower():
            self._said = bytearray()

    @property
    def response(self) -> StreamResponse | None:
        """The head of the response; None where the stream was made from chunks."""
        return self._response

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

    def continuation(self, *, prefill: bool = False) -> list[dict[str, Any]]:
        """Return what to append to `messages`, so that a new request goes on from here.

        As the function `ssewire.claude.continuation` does for `partial_message`.

        Raises:
            StateError: the message is complete and does not go on.
        """
        return continuation(self.partial_message, prefill=prefill)

    def _end_run(self) -> None:
        """Settle a run of text_stream: what was not handed out of it is to come again."""
        if self._running is not None:
            try:
                self._position += self._running.end_run()
                self._running = None
            except BaseException:
                self._torn = True
                raise

    def _mend(self) -> None:
        """Fail, since an exception left a change halfway: which events were lost is not known."""
        self._torn = False
        self._running = self._derived = None
        self._take([])
        if self._error is None and not self._accumulator.finished:
            lost = ConnectionLost("an exception interrupted the reading")
            # What the caller did is no reason to ask again.
            lost.retryable = False
            self._interrupted(lost)

    def _take(self, batch: list[ServerSentEvent]) -> None:
        self._batch = batch
        self._position = 0

    def _receive(self, chunk: Buffer) -> None:
        """Take the next bytes of the body."""
        batch = self._batch = self._accumulator._receive(chunk)
        self._position = 0
        if self._said is not None and len(self._said) < _MAX_SAID:
            self._said += memoryview(chunk).cast("B")[:_MAX_SAID]
        if self._watch is not None and not self._progress:
            self._progress = any(not _is_ping(sse) for sse in batch)

    def _at_hand(self) -> bool:
        """Say whether there is anything to hand out without more bytes."""
        if self._running is not None:
            self._end_run()
        return self._derived is not None or self._position < len(self._batch)

    def _plan(self) -> int:
        """Return what a reader does next that wants more: STEP, WAIT, ASK_AGAIN, FAIL or END.

        Before a WAIT all is dropped that a stream which waits does not need. Of an
        asynchronous one it is a quarter of the memory (benchmarks/claude_clients.py).
        """
        if self._torn:
            self._mend()
        if self._at_hand():
            return STEP
        if self._closed:
            return END
        accumulator = self._accumulator
        if self._error is None and not accumulator.finished:
            self._error = accumulator._settle(self._exhausted)
            if type(self._error) is StreamTruncated and self._said:
                self._no_stream(self._said.decode("utf-8", "replace"))
        if self._error is not None:
            # Not open: another attempt has failed, of which this is not the response.
            if self._error.status is None and self._response is not None and self._source_open:
                self._error.status = self._response.status
            return ASK_AGAIN if self._may_ask_again() else FAIL
        if accumulator.finished:
            return END
        if self._watch is not None and self._progress:
            self._progress = False
            self._watch()
        # Events handed out, and the request once there is no more need to send it again.
        self._batch = _NOTHING
        self._position = 0
        if self._call is not None and accumulator.message is not None:
            self._call.begun()
        return WAIT

    def _failure(self) -> ClaudeError:
        """Return why the stream failed, for it to be raised."""
        assert self._error is not None
        return self._error

    def _no_stream(self, said: str) -> None:
        """React to a body in which no event was, and which did not say that it was a stream."""
        if self._accumulator.message is None and said.strip():
            self._error = api_error(said.strip(), in_band=True)
            self._error.request_id = self._request_id

    def _interrupted(self, cause: Exception) -> None:
        """React to a source that failed; a ClaudeError of its own stays what it is."""
        error = cause if isinstance(cause, ClaudeError) else StreamInterrupted()
        if error is not cause:
            error.__cause__ = cause
        self._accumulator._set_error(error)
        self._error = error

    def _may_ask_again(self) -> bool:
        """Say whether a failed body may be replaced: nothing of the message was handed out."""
        return self._call is not None and self._accumulator.message is None and not self._closed

    def _step(self) -> Any:
        """Take the next wire event at hand; None if it is not for the reader.

        What ends the stream is raised by the next wait for bytes.
        """
        try:
            sse = self._batch[self._position]
        except IndexError:
            return None  # Another thread has closed the stream just now.
        self._position += 1
        event: Any = self._accumulator._step(sse)
        if self._accumulator._ended:
            self._take([])
        cls = type(event)
        if cls is ErrorEvent:
            self._error = event.exception
            return None
        return None if cls is PingEvent else event

    def _events(self) -> Iterator[StreamEvent]:
        """Yield the events at hand.

        All that must outlast a `yield` is kept on self, for another reader
        may go on in between.
        """
        texts_of = self._accumulator._texts_of
        new = object.__new__
        try:
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
                text: GrowingText = block._growing
                for piece in texts_of(index, batch, position, _MAX_RUN):
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
        except GeneratorExit:
            raise
        except BaseException:
            self._torn = True
            raise

    def _texts(self) -> Iterator[str] | None:
        """Return an iterator over the next texts; None when more bytes are needed.

        Without `_end_run` before the next use of the batch, the iterator's
        pieces would be handed out twice.
        """
        if self._running is not None:
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
        # Another thread's `close` ends what comes after these.
        most = _MAX_RUN if self._call is None else _MAX_OPEN_RUN
        found = self._accumulator._texts_ahead(self._batch, self._position, most)
        if found is None or has_surrogates("".join(found[1])):
            return None
        self._runner = get_ident()
        text, pieces = found
        walker = text.start_run(pieces)
        self._running = text
        return walker

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
            if self._response is not None:
                error.status = self._response.status
            raise error
        message._request_id = self._request_id
        return message

    def _final_text(self) -> str:
        return "".join([b.text for b in self._final().content if isinstance(b, TextBlock)])


def _is_ping(sse: ServerSentEvent) -> bool:
    """Say whether a wire event only says that the connection is alive."""
    if sse.event == "ping":
        return True
    # Some relays leave the name out.
    return sse.event == "message" and len(sse.data) < 64 and '"ping"' in sse.data
