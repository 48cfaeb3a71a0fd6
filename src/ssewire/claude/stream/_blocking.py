# SPDX-License-Identifier: MIT
"""Reading a message with blocking chunks: the streams that `Claude` gives, and their text.

The iterators keep no state of their own that an exception could lose.
May import: _checks, _closing, _endless, _limits, _reader, _step, claude.errors.
"""

from __future__ import annotations

from itertools import islice

from ..._checks import iterator_of
from ..._closing import Closeable, close_all
from ..._limits import MAX_CLAUDE_EVENT_SIZE
from ..errors import ClaudeError
from ._endless import EVENTS, TEXTS, VALUES, endless
from ._reader import ASK_AGAIN, FAIL, STEP, WAIT, Reader
from ._step import Stepping

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Callable, TypeVar, Union

    from typing_extensions import Buffer, Self, TypeAlias

    from ..events import ClaudeEvent, StreamEvent
    from ..message import Message
    from ._reader import StreamResponse

    T = TypeVar("T")
    More: TypeAlias = Callable[[], Union[Iterator[T], None]]


class _BlockingReader(Reader, Closeable):
    """A reader over an iterable of bytes, which it owns."""

    __slots__ = ()
    _endless = endless

    def __init__(
        self,
        chunks: Iterable[Buffer],
        *,
        max_event_size: int | None = MAX_CLAUDE_EVENT_SIZE,
        partial_strings: bool = False,
        request_id: str | None = None,
    ) -> None:
        super().__init__(max_event_size, partial_strings, request_id)
        self._source = chunks
        self._chunks: Iterator[Buffer] = iterator_of("chunks", "bytes-like objects", chunks)

    def close(self) -> None:
        """Close the chunks' source; loops over the stream then end. Idempotent.

        Of a client's stream also from another thread: a blocked loop ends.
        """
        self._closed = True
        try:
            self._drop()
        finally:
            self._close_source()

    def _await(self, more: More[T], alive: list[Any] | None = None) -> Iterator[T] | None:
        """Return what the next items are had from, when their bytes are there; None at the end.

        Args:
            alive: emptied at the end.

        Raises:
            ClaudeError: the stream failed.
            TypeError: a chunk is not bytes-like.
        """
        while True:
            items = more()
            if items is not None:
                return items
            if not self._refill():
                if alive is not None:
                    alive.clear()
                return None

    def _refill(self) -> bool:
        """Get more bytes; False at the end. Bytes may make no event."""
        plan = self._plan()
        if plan == STEP:
            return True
        if plan == ASK_AGAIN:
            return self._ask_again()
        if plan != WAIT:
            self._close_source()
            if plan == FAIL:
                raise self._failure()
            return False
        inbox = self._inbox
        try:
            if not inbox:
                # One call into C, after which the chunk is kept: a signal handler's exception
                # comes before or after, but cannot drop it.
                inbox.extend(islice(self._chunks, 1))
        except Exception as exc:
            self._interrupted(exc)
            return True
        if not self._closed:
            self._take_in()
        return True

    def _ask_again(self) -> bool:
        """Have the body of another attempt instead of the one that failed; as `_refill`."""
        assert self._call is not None
        error = self._failure()
        try:
            response: StreamResponse | None = self._call.again(error)
        except ClaudeError as exc:
            self._error = exc
            self._close_source()
            raise
        if response is not None:
            self._attach(self._call, response)
            return True
        self._close_source()
        if self._closed:
            return False
        raise error

    def _close_source(self) -> None:
        if self._source_open:
            self._source_open = False
            self._note_end()
            if self._call is None:
                close_all(self._chunks, self._source)
            elif self._accumulator.finished:
                self._call.finish()
            else:
                self._call.close()


class MessageStream(Stepping, _BlockingReader):
    """The events, text and final message of one response body.

    Iterating gives what iterating the official SDK's stream gives: each wire
    event less the pings, and after a delta the event derived from it. Loops
    may be left and others begun: each goes on where the last one stopped.
    The stream owns `chunks` and closes it at the message's end, on error and
    on `close`; use `with`.

    Args:
        chunks: the body, in chunks cut anywhere.
        max_event_size: bytes that one unfinished event may hold, and a quarter of it those of
            a body that is JSON in place of a stream; None lifts both limits.
        partial_strings: show strings of a tool input while they are still coming.
        request_id: given as `request_id` here and on errors.

    Raises (while reading, once all before it has been handed out):
        ClaudeError: the stream failed; again at every later attempt to read on.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[StreamEvent]:
        return self._endless(EVENTS)

    def __next__(self) -> StreamEvent:
        item: StreamEvent
        while True:
            # In one line and without a call: what was taken is returned.
            for item in self._ready: return item  # fmt: skip  # noqa: E701
            if self._await(self._more_events) is None:
                raise StopIteration

    @property
    def text_stream(self) -> TextStream:
        """An iterable of the answer's text: one str for each text_delta, and what starts hold.

        In the order in which it comes; joined, it is `get_final_text()`. A str never ends in
        half a character that its block goes on with. Cost of each: its own length.
        """
        return TextStream(self)

    @property
    def json_stream(self) -> JSONStream:
        """An iterable of the live value of an answer that is JSON, after each text_delta.

        The value is what can be told so far, the same object each time where it is an object
        or a list: copy what you keep. Strings show up when they are complete, with the
        stream's `partial_strings` as they come. It begins with the first delta of which a
        value can be told; whether the last value is the whole one says `get_final_json`.
        Cost of each: its delta's length; of the first, that of the text before it.

        Raises (while reading):
            MalformedJSON: the text is not JSON. Other readers may go on.
        """
        return JSONStream(self)

    def until_done(self) -> None:
        """Read to the message's end; cost: what is left of it."""
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
        """Read to the end and return the text in the order in which it came.

        That is the text of all text blocks, joined, unless the server mixed the deltas of
        two. Cost: its length.

        Raises:
            StreamClosed: the stream was closed before.
        """
        self.until_done()
        return self._final_text()

    def get_final_json(self) -> Any:
        """Read to the end and return the text's value as JSON, made anew at each call.

        Cost: the text's length.

        Raises:
            MalformedJSON: the text is not JSON, perhaps because the message was cut; its
                `partial_message` is the message, whose `stop_reason` says so.
            StreamClosed: the stream was closed before.
        """
        self.until_done()
        return self._final_json()


class RawMessageStream(Stepping, _BlockingReader):
    """The wire events of one response body, less the pings, and nothing derived from them.

    What `messages.create(stream=True)` returns; an iterator. Takes and raises
    what MessageStream does.
    """

    __slots__ = ()
    _derives = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ClaudeEvent:
        item: ClaudeEvent
        while True:
            # In one line and without a call: what was taken is returned.
            for item in self._ready: return item  # fmt: skip  # noqa: E701
            if self._await(self._more_events) is None:
                raise StopIteration


class TextStream:
    """The text of a MessageStream, as an iterable that may be left and begun anew."""

    def __init__(self, stream: MessageStream) -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>"

    def __iter__(self) -> Iterator[str]:
        return self._stream._endless(TEXTS)

    def __next__(self) -> str:
        item: str
        while True:
            # In one line and without a call: what was taken is returned.
            for item in self._stream._texts: return item  # fmt: skip  # noqa: E701
            if self._stream._await(self._stream._more_texts) is None:
                raise StopIteration


class JSONStream:
    """The live value of a MessageStream's JSON, as an iterable that may be left and begun anew."""

    def __init__(self, stream: MessageStream) -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>"

    def __iter__(self) -> Iterator[Any]:
        return self._stream._endless(VALUES)

    def __next__(self) -> Any:
        while True:
            # In one line and without a call: what was taken is returned.
            for item in self._stream._values: return item  # fmt: skip  # noqa: E701
            if self._stream._await(self._stream._more_values) is None:
                raise StopIteration
