"""Reading a message with blocking chunks: the streams that `Claude` gives, and their text.

The iterators keep no state of their own that an exception could lose.
May import: _closing, _limits, _reader, claude.errors.
"""

from __future__ import annotations

from _thread import get_ident
from itertools import chain, islice

from ..._closing import Closeable, close_all
from ..._limits import MAX_EVENT_SIZE
from ..errors import ClaudeError
from ._reader import ASK_AGAIN, FAIL, STEP, WAIT, Reader

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer, Self

    from ..events import ClaudeEvent, StreamEvent
    from ..message import Message
    from ._reader import StreamResponse


class _BlockingReader(Reader, Closeable):
    """A reader over an iterable of bytes, which it owns."""

    __slots__ = ("_inbox",)

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
        # What was received and not yet looked at: at most one chunk.
        self._inbox: list[Buffer] = []

    def close(self) -> None:
        """Close the chunks' source; loops over the stream then end.

        Of a client's stream also from another thread: a blocked loop ends.
        """
        self._closed = True
        try:
            if self._runner == get_ident():
                self._end_run()  # of another thread it ends by itself
            self._take([])
            self._derived = None
        finally:
            self._close_source()

    def _refill(self) -> bool:
        """Get more bytes; False at the end. Bytes may make no event.

        Raises:
            ClaudeError: the stream failed.
            TypeError: a chunk is not bytes-like.
        """
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
        if self._closed:
            return True
        try:
            if inbox:
                self._receive(inbox[0])
                inbox.clear()
            else:
                self._exhausted = True
                self._take(self._accumulator._end())
        except TypeError:
            inbox.clear()
            raise
        except BaseException:
            self._torn = True
            raise
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
            if self._call is None:
                close_all(self._chunks, self._source)
            elif self._accumulator.finished:
                self._call.finish()
            else:
                self._call.close()


class MessageStream(_BlockingReader):
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

    __slots__ = ()

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


class RawMessageStream(_BlockingReader):
    """The wire events of one response body, less the pings, and nothing derived from them.

    What `messages.create(stream=True)` returns; an iterator. Takes and raises
    what MessageStream does.
    """

    __slots__ = ()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ClaudeEvent:
        while True:
            if self._torn:
                self._mend()
            try:
                while self._at_hand():
                    event: ClaudeEvent | None = self._step()
                    if event is not None:
                        return event
            except BaseException:
                self._torn = True
                raise
            if not self._refill():
                raise StopIteration


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
        stream = self._stream
        while True:
            if stream._torn:
                stream._mend()
            try:
                texts = stream._texts()
                if texts is not None:
                    return texts
            except BaseException:
                stream._torn = True
                raise
            if not stream._refill():
                raise StopIteration
