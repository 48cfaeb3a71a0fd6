# SPDX-License-Identifier: MIT
"""The bytes of a response's body, one piece per read.

May import: _http, _settings, errors, _tasks.
"""

from __future__ import annotations

import asyncio

from .._http.content import INFLATE_STEP, Body
from .._http.refusal import ERROR_BODY, ERROR_BODY_PATIENCE
from .._settings import foreign, log
from ..errors import SSEWireError, StateError
from ._tasks import (
    CLOSING_PATIENCE,
    Child,
    Closing,
    Errand,
    Expired,
    Interrupted,
    call_in,
    in_background,
    warn_unclosed,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from typing_extensions import Self

    from .._headers import Headers
    from .._http.timeouts import Deadlines
    from ._connection import Connection
    from ._response import HTTPResponse
    from ._wake import Wake


class ResponseBody:
    """The decoded bytes of a response over a connection of ours."""

    __slots__ = ("_connection", "_content", "_owner", "_pause")

    def __init__(self, connection: Connection, headers: Headers) -> None:
        self._connection = connection
        # Nobody else closes the connection.
        self._owner = True
        self._content = Body(headers)
        # The loop is to have a turn before the next piece.
        self._pause = False

    @property
    def deadlines(self) -> Deadlines:
        """When to give up on it."""
        return self._connection.deadlines

    def release(self) -> Connection | None:
        """Leave the connection to another owner, if its bytes are those of the body as they are."""
        if not self._content.untouched:
            return None
        self._owner = False
        return self._connection

    def __aiter__(self) -> Self:
        return self

    # All in one coroutine: those that wait are a good part of what a stream holds
    # (benchmarks/claude_clients.py).
    async def __anext__(self) -> bytes:
        connection = self._connection
        if self._pause:
            self._pause = False
            await asyncio.sleep(0)
        content = self._content
        # None while something is at work on what was taken.
        wake: Wake | None = None
        try:
            if not content.begun:
                empty = connection.reader.complete and not connection.received
                content = self._content = content.begin(empty)
            while True:
                piece = content.take()
                if piece is not None:
                    # More is likely to follow; a bomb must not hold up the loop.
                    self._pause = len(piece) == INFLATE_STEP
                    return piece
                if connection.received:
                    data = b"".join(connection.received)
                    connection.received = []
                    if content.plain:
                        return data
                    content.feed(data)
                elif connection.ended:
                    error, connection.error = connection.error, None
                    if error is not None:
                        raise error
                    if connection.reader.complete:
                        content.close()
                    raise StopAsyncIteration
                else:
                    wake = connection.wait()
                    await wake
                    wake = None
        except StateError:
            raise
        except BaseException:
            if wake is None:
                # Its end and its failures.
                connection.close()
            else:
                # Cancelled, which has taken nothing: who called may ask again.
                connection.stop_waiting(wake)
            raise

    def finish(self) -> None:
        """Close it, though what is left of it may still come and be of no interest."""
        self._owner = False
        self._connection.finish()

    def close(self) -> Closing:
        return self._connection.close()

    def abandon(self, owner: object) -> None:
        """Close what nobody can close any more, as the destructor of `owner`, with a warning."""
        if self._owner:
            self._owner = False
            self._connection.abandon(owner)

    def __del__(self) -> None:
        self.abandon(self)


class ForeignBody:
    """The chunks of a transport's response, typed failures, under our deadlines."""

    __slots__ = ("_chunks", "_closing", "_loop", "_response", "_step", "deadlines")

    def __init__(
        self, response: HTTPResponse, deadlines: Deadlines, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._response = response
        self._chunks = response.chunks
        self._loop = loop
        self.deadlines: Deadlines = deadlines
        # The wait for the next chunk: what cancelling does to others' iterators, nobody knows.
        self._step: Errand[Any] = Errand()
        self._closing: Closing | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        step = self._step
        step.check_free()
        if self._closing is not None:
            raise StopAsyncIteration
        now = asyncio.get_running_loop().time()
        if not step.under_way:
            self.deadlines.start_idle(now)
            step.begin(_next_chunk(self._chunks))
        try:
            # What has come while nobody waited is not late.
            left = None if step.done else self.deadlines.remaining(now)
            return await step.result(left)
        except Interrupted:
            raise StopAsyncIteration from None
        except Expired:
            await self.close()
            raise self.deadlines.timed_out(self._loop.time()) from None
        except asyncio.CancelledError as exc:
            if step.under_way:
                # This wait was cancelled; the next one is for the same chunk.
                raise
            # The iterator raised it, and has ended by that: it must not look like the end.
            await self.close()
            raise foreign(exc) from exc
        except (SSEWireError, StopAsyncIteration):
            await self.close()
            raise

    def finish(self) -> None:
        """Close it: whether its connection can go on is its library's business."""
        self.close()

    def close(self) -> Closing:
        if self._closing is None:
            # Nobody is left to close it where its loop has been closed.
            self._closing = Closing()
            if not self._loop.is_closed():
                closing = _close_foreign(self._step.end(), self._response)
                self._closing = in_background(closing, self._loop)
        return self._closing

    def abandon(self, owner: object) -> None:
        """Close what nobody can close any more, as the destructor of `owner`, with a warning."""
        if self._closing is None:
            self._closing = Closing()
            if not self._loop.is_closed():
                step, response, loop = self._step, self._response, self._loop
                call_in(loop, lambda: in_background(_close_foreign(step.end(), response)))
                warn_unclosed(owner)

    def __del__(self) -> None:
        self.abandon(self)


async def _next_chunk(chunks: AsyncIterator[Any]) -> Any:
    try:
        return await chunks.__anext__()
    except SSEWireError:
        raise
    except StopAsyncIteration:
        raise
    except Exception as exc:
        raise foreign(exc) from exc


async def _close_foreign(step: Closing, response: HTTPResponse) -> None:
    await step
    try:
        await asyncio.wait_for(response.close(), CLOSING_PATIENCE)
    except Exception as exc:
        # That it cannot be closed changes no outcome.
        log.warning("a transport's response could not be closed: %s", type(exc).__name__)


async def error_body(body: ResponseBody | ForeignBody, limit: int = ERROR_BODY) -> bytes:
    """Return the beginning of a body that says why a response was refused."""
    said = bytearray()

    async def collect() -> None:
        async for chunk in body:
            said.extend(bytes(chunk)[:limit])
            if len(said) >= limit:
                break

    try:
        await Child().run(collect(), ERROR_BODY_PATIENCE)
    except (Expired, SSEWireError):
        pass  # The status is the news; what there is of the body will do.
    return bytes(said[:limit])
