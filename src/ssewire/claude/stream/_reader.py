# SPDX-License-Identifier: MIT
"""What all streams of a message decide alike: everything but waiting for bytes.

How far a message has been handed out is in `_place`; here is where its bytes
come from, and how it ends. What makes requests attaches itself: until a
message has begun, it may put the body of another attempt in the place of one
that failed. May import: _checks, _place, _structured, claude.accumulator,
claude.continuation, claude.errors, ssewire.errors.
"""

from __future__ import annotations

from ..._checks import excerpt
from ...errors import ConnectionLost, StateError
from ..accumulator import Accumulator
from ..continuation import continuation
from ..errors import (
    ClaudeError,
    MalformedJSON,
    StreamClosed,
    StreamTruncated,
    api_error,
    interrupted,
)
from ._place import NONE_READY, NOTHING, Place
from ._structured import whole_json

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any, Callable

    from typing_extensions import Buffer

    from ..._headers import Headers
    from ...event import ServerSentEvent
    from .._request_log import RequestLog
    from .._retry import Attempt
    from ..message import Message

# Bytes kept of a body that does not say that it is a stream, to tell what it was
# if it was none: a relay's sentence about what went wrong.
_MAX_SAID = 1024

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


class Reader(Place):
    """What all streams share: everything but waiting for bytes."""

    __slots__ = (
        "__weakref__",
        "_call",
        "_chunks",
        "_exhausted",
        "_inbox",
        "_log",
        "_max_event_size",
        "_partial_strings",
        "_progress",
        "_request_id",
        "_response",
        "_said",
        "_source",
        "_source_open",
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
        # What is told of the request in the log; None where nobody listens.
        self._log: RequestLog | None = None
        # Something other than a ping has come since that clock was started.
        self._progress = True
        # Never set back: perhaps by another thread.
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        """Begin to read a body."""
        accumulator = Accumulator(
            max_event_size=self._max_event_size,
            partial_strings=self._partial_strings,
            request_id=self._request_id,
        )
        self._begin_at(accumulator, "B" if self._partial_strings else "A")
        # What was received and not yet looked at: at most one chunk.
        self._inbox: list[Any] = []
        # The start of a body that may be none of a stream; None for one that surely is.
        self._said: bytearray | None = None
        # The chunks have ended.
        self._exhausted = False
        self._source_open = True

    def _attach(self, call: Attempt, response: StreamResponse) -> None:
        """Read the body that `call` has, whose head is `response`."""
        self._request_id = response.headers.get("request-id") or self._request_id
        self._begin()
        self._call = call
        self._response = response
        self._chunks = call.chunks
        self._watch = call.watch
        self._log = call.log
        self._progress = True
        if "event-stream" not in response.headers.get("Content-Type", "").lower():
            self._said = bytearray()

    def __repr__(self) -> str:
        known = "" if self._request_id is None else f", request {excerpt(self._request_id)}"
        told = self._accumulator._described(self._closed)
        return f"<{type(self).__name__} {told}{known}>"

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

        None before message_start. Cost: the message's size, until it is complete.
        """
        return self._accumulator._partial()

    def continuation(self, *, prefill: bool = False) -> list[dict[str, Any]]:
        """Return what to append to `messages`, so that a new request goes on from here.

        As the function `ssewire.claude.continuation` does for `partial_message`; but a
        message that is not complete goes on also where it has said why it stopped.
        Cost: the message's size.

        Raises:
            StateError: the message is complete and does not go on.
        """
        message = self.partial_message
        if message is not None and not self._accumulator.finished:
            message._set("stop_reason", None)
        return continuation(message, prefill=prefill)

    def _mend(self) -> None:
        accumulator = self._accumulator
        lost = self._lost_stop() if accumulator.finished else ()
        # What can be done twice comes first; the mark goes in the last statement.
        self._forget_ready()
        self._inbox.clear()
        # Of a message that is complete nothing is missing.
        if not accumulator.finished and self._error is None and not self._closed:
            error = ConnectionLost("an exception interrupted the reading")
            # What the caller did is no reason to ask again.
            error.retryable = False
            self._fail(error)
        self._ready, self._batch, self._position, self._torn = iter(lost), NOTHING, 0, False

    def _take_in(self) -> None:
        """Look at what was received: a chunk, or the end of the chunks."""
        self._torn = True
        inbox = self._inbox
        if inbox:
            try:
                chunk = inbox[0]
                batch = self._accumulator._receive(chunk)
                self._batch, self._position = batch, 0
                if self._log is not None or self._watch is not None or self._said is not None:
                    self._tell(chunk, batch)
            except TypeError:
                if not _is_bytes_like(inbox[0]):
                    inbox.clear()
                    self._torn = False
                raise
            inbox.clear()
        else:
            self._exhausted = True
            self._batch, self._position = self._accumulator._end(), 0
        self._torn = False

    def _tell(self, chunk: Buffer, batch: list[ServerSentEvent]) -> None:
        """Have those know who watch the body: what came, and the events that it completed."""
        if self._said is not None and len(self._said) < _MAX_SAID:
            self._said += memoryview(chunk).cast("B")[:_MAX_SAID]
        if self._log is not None:
            self._log.took(chunk, len(batch))
        if self._watch is not None and not self._progress:
            self._progress = any(not _is_ping(sse) for sse in batch)

    def _note_end(self) -> None:
        """Have the log say that the body is read no further."""
        if self._log is None:
            return
        if self._accumulator.finished:
            how = "complete"
        elif self._error is not None:
            how = type(self._error).__name__
        else:
            how = "closed"
        self._log.ended(how)

    def _plan(self) -> int:
        """Return what a reader does next that wants more: STEP, WAIT, ASK_AGAIN, FAIL or END.

        Before a WAIT all is dropped that a stream which waits does not need. Of an
        asynchronous one it is a quarter of the memory (benchmarks/claude_clients.py).
        """
        if self._torn:
            self._mend()
            return STEP
        if self._position < len(self._batch):
            return STEP
        if self._closed:
            return END
        accumulator = self._accumulator
        if accumulator._ended or self._exhausted or accumulator._fatal is not None:
            self._settle()
        if self._error is not None:
            # Not open: another attempt has failed, of which this is not the response.
            if self._error.status is None and self._response is not None and self._source_open:
                self._error.status = self._response.status
            return ASK_AGAIN if self._may_ask_again() else FAIL
        # Events handed out, and the request once there is no more need to send it again.
        self._batch, self._position = NOTHING, 0
        self._ready = self._texts = self._values = NONE_READY
        if accumulator._ended and accumulator.finished:
            return END
        if self._watch is not None and self._progress:
            self._progress = False
            self._watch()
        if self._call is not None and accumulator._message is not None:
            self._call.begun()
        return WAIT

    def _settle(self) -> None:
        """Note why there is no more, now that all that came was taken, if it is a failure."""
        if self._error is None and not self._accumulator.finished:
            self._error = self._accumulator._settle(self._exhausted)
            if type(self._error) is StreamTruncated and self._said:
                self._no_stream(self._said.decode("utf-8", "replace"))

    def _is_over(self) -> bool:
        return not self._closed and self._plan() in (FAIL, END)

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
        if isinstance(cause, ClaudeError) or not self._accumulator._end_if_said():
            self._fail(cause)

    def _fail(self, cause: Exception) -> None:
        error = cause if isinstance(cause, ClaudeError) else interrupted(cause)
        self._accumulator._set_error(error)
        self._error = error

    def _may_ask_again(self) -> bool:
        """Say whether a failed body may be replaced: nothing of the message was handed out."""
        return self._call is not None and self._accumulator.message is None and not self._closed

    def _may_run_far(self) -> bool:
        return self._call is None

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
        self._final()
        return self._text_so_far()

    def _final_json(self) -> Any:
        message = self._final()
        try:
            return whole_json(self._text_so_far())
        except MalformedJSON as exc:
            exc.partial_message = message
            exc.request_id = self._request_id
            raise

    def _not_json(self, cause: Exception) -> ClaudeError:
        error = MalformedJSON(self._text_so_far())
        error.__cause__ = cause
        error.partial_message = self.partial_message
        error.request_id = self._request_id
        return error


def _is_bytes_like(chunk: Any) -> bool:
    try:
        memoryview(chunk)
    except TypeError:
        return False
    return True


def _is_ping(sse: ServerSentEvent) -> bool:
    """Say whether a wire event only says that the connection is alive."""
    if sse.event == "ping":
        return True
    # Some relays leave the name out.
    return sse.event == "message" and len(sse.data) < 64 and '"ping"' in sse.data
