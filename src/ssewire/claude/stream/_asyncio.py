# SPDX-License-Identifier: MIT
"""Reading a message with asynchronous chunks: the streams that `AsyncClaude` gives.

May import: _checks, _closing, _limits, _reader, _step, claude.errors, ssewire.errors.
"""

from __future__ import annotations

from ..._checks import async_iterator_of
from ..._closing import AsyncCloseable, aclose_all
from ..._limits import MAX_CLAUDE_EVENT_SIZE
from ...errors import StateError
from ..errors import ClaudeError
from ._reader import ASK_AGAIN, FAIL, STEP, WAIT, Reader
from ._step import Stepping

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator
    from typing import Any

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
        max_event_size: int | None = MAX_CLAUDE_EVENT_SIZE,
        partial_strings: bool = False,
        request_id: str | None = None,
    ) -> None:
        super().__init__(max_event_size, partial_strings, request_id)
        self._source = chunks
        self._chunks: AsyncIterator[Buffer] = async_iterator_of(
            "chunks", "bytes-like objects", chunks
        )

    async def aclose(self) -> None:
        """Do the same as `close`, under the name that `contextlib.aclosing` calls."""
        await self.close()

    async def close(self) -> None:
        """Close the chunks' source; loops over the stream then end. Idempotent."""
        self._closed = True
        try:
            self._drop()
        finally:
            await self._close_source()

    def __del__(self) -> None:
        # Not set where __init__ failed. Chunks that are left open say so themselves.
        call = getattr(self, "_call", None)
        if call is not None:
            call.abandon(self)

    async def _refill(self) -> bool:
        """Get more bytes, as MessageStream does. A wait that is cancelled takes nothing."""
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
        inbox = self._inbox
        try:
            if not inbox:
                # In one statement: what has come is kept.
                inbox += (await self._chunks.__anext__(),)
        except StopAsyncIteration:
            pass
        except StateError:
            raise  # Another task waits for this stream, and goes on waiting.
        except Exception as exc:
            self._interrupted(exc)
            return True
        if not self._closed:
            self._take_in()
        return True

    async def _ask_again(self) -> bool:
        """Have the body of another attempt instead of the one that failed; as `_refill`.

        Where the wait for it is cancelled the attempt goes on; the next one waits for the same.
        """
        assert self._call is not None
        error = self._failure()
        try:
            response: StreamResponse | None = await self._call.again(error)
        except ClaudeError as exc:
            self._error = exc
            await self._close_source()
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
            self._note_end()
            if self._call is None:
                await aclose_all(self._chunks, self._source)
            elif self._accumulator.finished:
                await self._call.finish()
            else:
                await self._call.close()


class AsyncMessageStream(Stepping, _AsyncReader):
    """MessageStream over an asynchronous iterable of bytes; the methods are awaited.

    Cancelling a task that waits for what comes next takes nothing, so that
    `asyncio.wait_for` may be around any step: read on, or close. (A generator
    that is the source does end when it is cancelled, and the stream with it.)
    """

    __slots__ = ()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        item: StreamEvent
        while True:
            # In one line and without a call: what was taken is returned.
            for item in self._ready: return item  # fmt: skip  # noqa: E701
            if self._more_events() is None and not await self._refill():
                raise StopAsyncIteration

    @property
    def text_stream(self) -> AsyncTextStream:
        """An asynchronous iterable of the answer's text, as MessageStream's."""
        return AsyncTextStream(self)

    @property
    def json_stream(self) -> AsyncJSONStream:
        """An asynchronous iterable of the live value of a JSON answer, as MessageStream's."""
        return AsyncJSONStream(self)

    async def until_done(self) -> None:
        """Read to the message's end; cost: what is left of it."""
        while True:
            texts = self._more_texts()
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
        """Read to the end and return the text in the order in which it came; cost: its length."""
        await self.until_done()
        return self._final_text()

    async def get_final_json(self) -> Any:
        """Read to the end and return the text's value as JSON, as MessageStream does.

        Cost: the text's length.

        Raises:
            MalformedJSON: the text is not JSON.
            StreamClosed: the stream was closed before.
        """
        await self.until_done()
        return self._final_json()


class AsyncRawMessageStream(Stepping, _AsyncReader):
    """RawMessageStream over an asynchronous iterable of bytes."""

    __slots__ = ()
    _derives = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ClaudeEvent:
        item: ClaudeEvent
        while True:
            for item in self._ready: return item  # fmt: skip  # noqa: E701
            if self._more_events() is None and not await self._refill():
                raise StopAsyncIteration


class AsyncTextStream:
    """The text of an AsyncMessageStream, as an iterable that may be left and begun anew."""

    def __init__(self, stream: AsyncMessageStream) -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        item: str
        while True:
            for item in self._stream._texts: return item  # fmt: skip  # noqa: E701
            if self._stream._more_texts() is None and not await self._stream._refill():
                raise StopAsyncIteration


class AsyncJSONStream:
    """The live value of an AsyncMessageStream's JSON, as an iterable that may be begun anew."""

    def __init__(self, stream: AsyncMessageStream) -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stream!r}>"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while True:
            for item in self._stream._values: return item  # fmt: skip  # noqa: E701
            if self._stream._more_values() is None and not await self._stream._refill():
                raise StopAsyncIteration
