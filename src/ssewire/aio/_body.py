"""The bytes of a response's body, one piece per read.

May import: _http, _settings, errors, _tasks.
"""

from __future__ import annotations

import asyncio

from .._http.content import INFLATE_STEP, Body
from .._http.refusal import ERROR_BODY, ERROR_BODY_PATIENCE
from .._settings import foreign, log
from ..errors import SSEWireError, StateError
from ._tasks import Child, Closing, Expired, dispose, in_background

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from .._headers import Headers
    from .._http.timeouts import Deadlines
    from ._connection import Connection
    from ._response import HTTPResponse


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
        content = self._content
        waiting = True
        try:
            if self._pause:
                self._pause = False
                await asyncio.sleep(0)
            waiting = False
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
                    waiting = True
                    await connection.wait()
                    waiting = False
        except StateError:
            raise
        except BaseException as exc:
            if waiting and isinstance(exc, asyncio.CancelledError):
                # It has taken nothing: who called may ask again.
                connection.stop_waiting()
            else:
                # Its end and its failures.
                connection.close()
            raise

    def finish(self) -> None:
        """Close it, though what is left of it may still come and be of no interest."""
        self._owner = False
        self._connection.finish()

    def close(self) -> Closing:
        return self._connection.close()

    def __del__(self) -> None:
        if self._owner:
            self._connection.abandon(self)


class ForeignBody:
    """The chunks of a transport's response, typed failures, under our deadlines."""

    __slots__ = ("_chunks", "_closing", "_response", "_step_made", "_waited_for", "deadlines")

    def __init__(self, response: HTTPResponse, deadlines: Deadlines) -> None:
        self._response = response
        self._chunks = response.chunks
        self.deadlines: Deadlines = deadlines
        # The wait for the next chunk: in a task of its own, which goes on where the wait for
        # it is cancelled. Nobody knows what cancelling does to somebody else's iterator.
        self._step_made: asyncio.Task[Any] | None = None
        self._waited_for = False
        self._closing: Closing | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._waited_for:
            raise StateError("another task is waiting for this stream")
        if self._closing is not None:
            raise StopAsyncIteration
        loop = asyncio.get_running_loop()
        step = self._step_made
        if step is None:
            self.deadlines.start_idle(loop.time())
            step = self._step_made = loop.create_task(self._step())
        self._waited_for = True
        try:
            await asyncio.wait({step}, timeout=self.deadlines.remaining(loop.time()))
        finally:
            self._waited_for = False
        if self._closing is not None:
            raise StopAsyncIteration
        if not step.done():
            await self.close()
            raise self.deadlines.timed_out(loop.time())
        self._step_made = None
        try:
            return step.result()
        except BaseException:
            await self.close()
            raise

    async def _step(self) -> Any:
        try:
            return await self._chunks.__anext__()
        except SSEWireError:
            raise
        except StopAsyncIteration:
            raise
        except Exception as exc:
            raise foreign(exc) from exc

    def finish(self) -> None:
        """Close it: whether its connection can go on is its library's business."""
        self.close()

    def close(self) -> Closing:
        if self._closing is None:
            step = self._step_made
            if step is not None:
                step.cancel()
            self._closing = in_background(self._close(step))
        return self._closing

    async def _close(self, step: asyncio.Task[Any] | None) -> None:
        if step is not None:
            await asyncio.wait({step})
            dispose(step, None)
        try:
            await self._response.close()
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
