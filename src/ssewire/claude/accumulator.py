# SPDX-License-Identifier: MIT
"""From bytes to typed events and the message, without I/O.

Content never raises: what ends the stream is an event, after which nothing is
taken any more. What an event changes is in `_assembly`. An exception of the caller's
world (a signal handler's, MemoryError) that leaves a call halfway is the end too: what it
lost is not known. May import: _assembly, _checks, _delta, _json, _limits, _sniff,
errors, event, events, parser, ssewire.errors.
"""

from __future__ import annotations

import json

from .._checks import not_bytes, wrong_type
from .._limits import MAX_CLAUDE_EVENT_SIZE
from ..errors import EventTooLarge, StateError
from ..event import Comment, ServerSentEvent
from ..parser import Parser
from ._assembly import Assembly
from ._delta import DeltaDecoder
from ._json import read_object, shown
from ._sniff import Sniffer, check_document, document_events
from .errors import MalformedEvent, OversizedEvent, interrupted

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Buffer

    from .errors import ClaudeError
    from .events import ClaudeEvent, ErrorEvent


class Accumulator(Assembly):
    """Turn the bytes or events of one stream into typed events and the message.

    A stream costs linear time in its bytes, whatever is in it and however it is cut; of a
    message, what has come so far is kept.

    Args:
        max_event_size: bytes that one unfinished event may hold, and a quarter of it those of
            a body that is JSON in place of a stream; None lifts both limits.
        partial_strings: show strings of a tool input while they are still coming.
        request_id: what errors give as theirs.
    """

    __slots__ = ("__weakref__", "_busy", "_closed", "_fatal", "_parser", "_sniffer", "_torn")

    def __init__(
        self,
        *,
        max_event_size: int | None = MAX_CLAUDE_EVENT_SIZE,
        partial_strings: bool = False,
        request_id: str | None = None,
    ) -> None:
        self._parser = Parser(max_event_size=max_event_size)
        super().__init__(DeltaDecoder(), "B" if partial_strings else "A", request_id)
        self._closed = False
        # A call is changing all this; still set when the next one begins: it was left halfway.
        self._busy = False
        # So it is, and `error` is to say so.
        self._torn = False
        # What is wrong with the input itself; it is reported after the events before it.
        self._fatal: MalformedEvent | None = None
        # None once the body is known to be a stream.
        self._sniffer: Sniffer | None = Sniffer(max_event_size)

    def feed(self, data: Buffer) -> list[ClaudeEvent]:
        """Return the events that the next bytes of the body complete.

        Content never raises: what ends the stream is the last event, an
        ErrorEvent, and is on `error`. After the end the list is empty. Cost: linear in
        the bytes, over all calls together.

        Raises:
            TypeError: data is not a bytes-like object.
            StateError: the accumulator is closed, or an exception left an earlier call halfway.
        """
        self._check_open()
        if type(data) is not bytes:
            _check_bytes(data)
        try:
            self._busy = True
            events = self._steps(self._receive(data))
            self._busy = False
            return events
        except BaseException:
            self._torn = True
            raise

    def feed_event(self, event: ServerSentEvent) -> list[ClaudeEvent]:
        """Return the event that the stream's next wire event makes; comments make none.

        Cost: the event's size.

        Raises:
            TypeError: not an event.
            StateError: as for `feed`.
        """
        self._check_open()
        if isinstance(event, Comment):
            return []
        if not isinstance(event, ServerSentEvent):
            raise wrong_type("event", "a ServerSentEvent", event)
        try:
            self._busy = True
            typed = self._step(event)
            self._busy = False
            return [] if typed is None else [typed]
        except BaseException:
            self._torn = True
            raise

    def close(self) -> list[ClaudeEvent]:
        """End the input; return the last events. Idempotent.

        An unfinished event at the end counts if its data is a JSON object. A
        body that was JSON in place of a stream is taken now. Then `error` is
        a StreamTruncated, unless the message is complete. Cost: what was unfinished.
        """
        if self._busy or self._torn:
            self._tear()
        if self._closed or self._ended:
            self._closed = True
            return []
        try:
            self._busy = True
            events = self._steps(self._end())
            self._end_of_stream()
            self._busy, self._closed = False, True
            return events
        except BaseException:
            self._torn = True
            raise

    @property
    def finished(self) -> bool:
        """Whether the message is complete."""
        return self._finished and not self._torn

    @property
    def error(self) -> ClaudeError | None:
        """Why the stream failed, with what had arrived as its `partial_message`."""
        if self._torn and self._error is None:
            self._tear()
        return self._error

    def __repr__(self) -> str:
        return f"<Accumulator {self._described(self._closed)}>"

    def _described(self, closed: bool = False) -> str:
        """Return what a repr says of the message and of whether more of it may come."""
        if self._torn:
            state = "failed"
        elif self._finished:
            state = "complete"
        elif self._error is not None:
            state = f"failed with {type(self._error).__name__}"
        else:
            state = "closed" if closed else "open"
        if self._message is None:
            return f"{state}, no message yet" if state == "open" else f"{state}, no message"
        blocks = len(self._message.content)
        named = shown(self._message.get("id"), 64)
        return f"{state}, message {named} with {blocks} block{'' if blocks == 1 else 's'}"

    def _check_open(self) -> None:
        if self._busy or self._torn:
            self._tear()
            raise StateError("an exception left this accumulator halfway; begin anew")
        if self._closed:
            raise StateError("the accumulator is closed")

    def _tear(self) -> None:
        """Fail, since an exception left a change halfway: what it lost is not known."""
        self._torn = True
        self._finished = False
        if self._error is None:
            self._set_error(interrupted(StateError("an exception left the accumulator halfway")))

    def _steps(self, wire_events: list[ServerSentEvent]) -> list[ClaudeEvent]:
        """Take wire events, and what was wrong with the input after them."""
        events: list[ClaudeEvent] = []
        for sse in wire_events:
            event = self._step(sse)
            if event is not None:
                events.append(event)
        if self._fatal is not None and not self._ended:
            events.append(self._fail_fatal())
        return events

    # What the streams use: bytes to wire events first (`_receive`, `_end`), then one step
    # for each event when it is handed out, or texts ahead of it; `_settle` when none is left.

    def _receive(self, data: Buffer) -> list[ServerSentEvent]:
        """Return the wire events that `data` completes, changing nothing else."""
        if self._ended and (self._error is not None or self._fatal is not None):
            return []
        try:
            if self._sniffer is not None:
                beginning = self._sniffer.feed(data)
                if beginning is None:
                    return []
                self._sniffer = None
                data = beginning
            return self._parser.feed(data)
        except OversizedEvent as exc:
            self._fatal = exc
            return []
        except EventTooLarge as exc:
            return self._too_large(exc)

    def _too_large(self, error: EventTooLarge) -> list[ServerSentEvent]:
        """Note that an event was too large; return the wire events before it."""
        if self._ended:
            return []  # After the message's end only an error is looked for.
        self._fatal = OversizedEvent(error.limit)
        self._fatal.__cause__ = error
        events: list[Any] = error.events  # no comments, as none were asked for
        return events

    def _end(self) -> list[ServerSentEvent]:
        """End the input; return the wire events that it completes."""
        if self._ended:
            return []
        document = None if self._sniffer is None else self._sniffer.document()
        if document is not None:
            try:
                check_document(document)
                return document_events(document)
            except MalformedEvent as exc:
                self._fatal = exc
                return []
        if not self._parser.pending:
            return []
        # Ends the current line, then the event. Relays leave out the last blank
        # line; what the standard would drop is an event if its JSON is whole.
        events = self._parser.feed(b"\n\n")
        return [event for event in events if read_object(event.data) is not None]

    def _settle(self, exhausted: bool) -> ClaudeError | None:
        """Return why there is no more, when all that came was taken; None if more may come.

        Args:
            exhausted: whether the input has ended.
        """
        if self._fatal is not None:
            self._fail_fatal()
        elif exhausted:
            self.close()
        return self._error

    def _fail_fatal(self) -> ErrorEvent:
        error = self._fatal
        assert error is not None
        sse = ServerSentEvent(error.data)
        if isinstance(error, OversizedEvent):
            # The event itself is gone; this says as much in the protocol's words.
            report = {"type": "error", "error": {"type": "event_too_large", "message": str(error)}}
            sse = ServerSentEvent(json.dumps(report), "error")
        return self._fail(sse, error)


def _check_bytes(data: Any) -> None:
    try:
        memoryview(data).release()
    except TypeError:
        raise not_bytes(data) from None
