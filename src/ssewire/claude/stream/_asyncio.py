"""Reading a message with asynchronous chunks: the streams that `AsyncClaude` gives.

May import: _closing, _limits, _reader, claude.errors, ssewire.errors.
"""

from __future__ import annotations

from ..._closing import AsyncCloseable, aclose_all
from ..._limits import MAX_EVENT_SIZE
from ...errors import StateError
from ..errors import ClaudeError
from ._reader import ASK_AGAIN, FAIL, NO_EVENTS, STEP, WAIT, Reader

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterator

    from typing_extensions import Buffer, Self

    from ..events import ClaudeEvent, StreamEvent
    from ..message import Message
    from ._reader import StreamResponse


class _AsyncReader(Reader, AsyncCloseable):
    """A reader over an asynchronous iterable of bytes, which it owns."""

    __slots__ = ()

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

    async def aclose(self) -> None:
        """Do the same as `close`, under the name that `contextlib.aclosing` calls."""
        await self.close()

    async def close(self) -> None:
        """Close the chunks' source; loops over the stream then end."""
        self._closed = True
        self._end_run()
        self._take([])
        self._derived = None
        await self._close_source()

    async def _refill(self) -> bool:
        """Get more bytes, as MessageStream does."""
        plan = self._plan()
        if plan == STEP:
            return True
        if plan == ASK_AGAIN:
            return await self._ask_again()
        if plan != WAIT:
            await self._close_source()
            if plan == FAIL:
                raise self._failure()
            return False
        try:
            chunk = await self._chunks.__anext__()
        except StopAsyncIteration:
            if not self._closed:
                self._exhausted = True
                self._take(self._accumulator._end())
        except StateError:
            raise  # Another task waits for this stream, and goes on waiting.
        except Exception as exc:
            self._interrupted(exc)
        except GeneratorExit:
            raise
        except BaseException:
            await self._cancelled()
            raise
        else:
            if not self._closed:
                self._receive(chunk)
        return True

    async def _cancelled(self) -> None:
        """React to a cancellation of a wait: it has closed a client's connection."""
        if self._call is not None:
            self._closed = True
            await self._close_source()

    async def _ask_again(self) -> bool:
        """Have the body of another attempt instead of the one that failed; as `_refill`."""
        assert self._call is not None
        error = self._failure()
        try:
            response: StreamResponse | None = await self._call.again(error)
        except ClaudeError as exc:
            self._error = exc
            await self._close_source()
            raise
        except (StateError, GeneratorExit):
            raise
        except BaseException:
            await self._cancelled()
            raise
        if response is not None:
            self._attach(self._call, response)
            return True
        await self._close_source()
        if self._closed:
            return False
        raise error

    async def _close_source(self) -> None:
        if self._source_open:
            self._source_open = False
            if self._call is None:
                await aclose_all(self._chunks, self._source)
            elif self._accumulator.finished:
                await self._call.finish()
            else:
                await self._call.close()


class AsyncMessageStream(_AsyncReader):
    """MessageStream over an asynchronous iterable of bytes; the methods are awaited."""

    __slots__ = ()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        while True:
            for event in self._stepper:
                return event
            # Not the generator that has ended, of which a stream that waits has no use.
            self._stepper = NO_EVENTS
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


class AsyncRawMessageStream(_AsyncReader):
    """RawMessageStream over an asynchronous iterable of bytes."""

    __slots__ = ()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ClaudeEvent:
        while True:
            while self._at_hand():
                event: ClaudeEvent | None = self._step()
                if event is not None:
                    return event
            if not await self._refill():
                raise StopAsyncIteration


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
