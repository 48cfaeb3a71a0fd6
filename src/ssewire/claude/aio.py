# SPDX-License-Identifier: MIT
"""Ask Claude with asyncio: the twin of `claude.client`, the same names with Async before them.

What is asked, and whether again, is decided in `_client_base`, reading in `stream`: here is what
is awaited. Cancelling a task that opens a stream closes its connection; cancelling one that reads
takes nothing. One client serves any number of streams at once; its connections belong to the loop
they were opened in.
May import: _client_base, _http, _retry, _settings, errors, ssewire.aio, ssewire.errors, stream.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar, overload

from .._http.redirects import MAX_REDIRECTS
from .._settings import Settings
from ..aio import HTTPResponse, Pool
from ..aio._body import ResponseBody, error_body
from ..aio._exchange import respond
from ..aio._tasks import Child, Errand, Interrupted
from ..errors import SSEWireError, StateError
from ._client_base import BetaBase, CallBase, ClientBase, ManagerBase, MessagesBase
from ._retry import MAX_ERROR_BODY, response_error
from .errors import ClaudeError, StreamClosed, interrupted
from .stream import AsyncMessageStream, AsyncRawMessageStream, StreamResponse

if TYPE_CHECKING:
    import ssl
    from typing import Any, Literal

    from typing_extensions import Self, Unpack

    from .._http.request import HTTPRequest
    from ..aio import Transport
    from ._params import RequestParams
    from ._request_body import MessageParam
    from .message import Message

__all__ = ["AsyncClaude", "AsyncMessageStreamManager", "AsyncMessages"]

StreamT = TypeVar("StreamT", AsyncMessageStream, AsyncRawMessageStream)


class AsyncClaude(ClientBase["Transport", "ssl.SSLContext"]):
    """A client of the Messages API; an asynchronous context manager that closes its connections.

    Takes and raises what `Claude` does; `transport` is an asynchronous one.
    """

    _random = random.random

    def _environ(self) -> Mapping[str, str]:
        return os.environ

    def _make_settings(
        self, tls: ssl.SSLContext | None, proxy: str | None, transport: Transport | None
    ) -> Settings:
        self._pool = Pool("AsyncClaude")
        return Settings(tls, proxy, MAX_REDIRECTS, transport, self._pool, within=True)

    # Made anew each time: kept, the two would hold each other, and a client that nobody
    # closed would be found only by the collector, its sockets first.
    @property
    def messages(self) -> AsyncMessages:
        """What asks: `messages.stream(...)` and `messages.create(...)`."""
        return AsyncMessages(self)

    @property
    def beta(self) -> AsyncBeta:
        """The same under the name that the official SDK has for its betas."""
        return AsyncBeta(AsyncMessages(self))

    async def close(self, *, streams: bool = False) -> None:
        """Close the idle connections; further requests are refused. Idempotent.

        Args:
            streams: end all that is under way in this loop too, as `AsyncMessageStream.close`
                does; a `create` or `async with` that waits for its answer raises StreamClosed.
                Else it goes on.
        """
        self._closed = True
        self._pool.close()
        if streams:
            loop = asyncio.get_running_loop()
            for call in self._live_calls():
                if call.loop is loop:
                    await call.end()
        # asyncio closes an aborted socket in the next turn of its loop.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class AsyncMessages(MessagesBase[AsyncClaude]):
    """What `client.messages` is; takes what `Messages` does."""

    def stream(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        **params: Unpack[RequestParams],
    ) -> AsyncMessageStreamManager:
        """Return a context manager that sends the request and gives its AsyncMessageStream.

        Raises:
            ConfigurationError: there is no key.
            TypeError, ValueError: something that cannot be sent.
        """
        request = self._client._build(model, max_tokens, messages, dict(params))
        return AsyncMessageStreamManager(self._client, request)

    @overload
    async def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: Literal[False] = False,
        **params: Unpack[RequestParams],
    ) -> Message: ...

    @overload
    async def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: Literal[True],
        **params: Unpack[RequestParams],
    ) -> AsyncRawMessageStream: ...

    @overload
    async def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: bool,
        **params: Unpack[RequestParams],
    ) -> Message | AsyncRawMessageStream: ...

    async def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: bool = False,
        **params: Unpack[RequestParams],
    ) -> Message | AsyncRawMessageStream:
        """Return the whole message; with `stream=True` its events as they come.

        Raises:
            ConfigurationError: there is no key.
            TypeError, ValueError: something that cannot be sent.
            ClaudeError: the request failed.
        """
        call = _Call(self._client, self._client._build(model, max_tokens, messages, dict(params)))
        if stream:
            return await call.stream(AsyncRawMessageStream)
        async with await call.stream(AsyncMessageStream) as whole:
            return await whole.get_final_message()


class AsyncBeta(BetaBase[AsyncMessages]):
    """What `client.beta` is: its `messages` are those of the client, which know betas too."""


class AsyncMessageStreamManager(ManagerBase[AsyncMessageStream]):
    """What `messages.stream` returns: `async with` sends the request and gives the stream.

    Raises what a MessageStreamManager does.
    """

    __slots__ = ()

    _enter = "async with"

    if not TYPE_CHECKING:

        def __aiter__(self) -> object:
            raise TypeError(f"{type(self).__name__!r} object is not iterable; {self._unentered()}")

    async def __aenter__(self) -> AsyncMessageStream:
        call = _Call(self._client, self._take_request())
        self._begin(call)
        self._stream = await call.stream(AsyncMessageStream)
        return self._stream

    async def close(self) -> None:
        """End the request in whatever state it is, from any task; then its stream. Idempotent.

        As MessageStreamManager's `close`.
        """
        closing = self._close()
        if closing is not None:
            await closing

    async def __aexit__(self, *exc_info: object) -> None:
        if self._stream is not None:
            await self._stream.close()


# Of all calls that make no more attempts; they never run.
_NO_CHILD = Child()
_NO_ERRAND: Errand[StreamResponse | None] = Errand()


class _Call(CallBase):
    """One request with its retries: the Attempt whose body a stream reads."""

    __slots__ = ("_child", "_closing", "_next", "loop")

    def __init__(self, client: AsyncClaude, request: HTTPRequest) -> None:
        super().__init__(client, request, _now())
        self._closing = False
        # The attempt, or the pause before it.
        self._child = Child()
        # What makes another attempt while that goes on, whether or not its stream waits.
        self._next: Errand[StreamResponse | None] = _NO_ERRAND
        self.loop = asyncio.get_running_loop()

    async def stream(self, cls: type[StreamT]) -> StreamT:
        """Send the request and return the stream of its response."""
        self._client._track(self)
        try:
            stream = self._stream_of(cls, await self.open())
        except Interrupted:
            raise StreamClosed from None
        if self.ended:
            await stream.close()
            raise StreamClosed
        return stream

    async def open(self) -> StreamResponse:
        """Send the request, again where that may help, and return the head of the response.

        Raises:
            ClaudeError: of the last attempt.
            Interrupted: `close` was called meanwhile.
        """
        while True:
            try:
                return await self._attempt()
            except ClaudeError as exc:
                delay = self._delay(exc, None, _now(), time.time())
                if delay is None:
                    raise
            await self._pause(delay)

    async def again(self, error: ClaudeError) -> StreamResponse | None:
        if not self._next.under_way:
            self._next = Errand()
            self._next.begin(self._again(error))
        return await self._next.result()

    async def _again(self, error: ClaudeError) -> StreamResponse | None:
        await self._response.close()
        delay = self._delay(error, self._response.headers, _now(), time.time())
        # Its traceback refers to the stream, which could not be dropped while this goes on; so
        # does that of the connection's own error.
        self._response = self.chunks = self.watch = None
        del error
        if self._closing or delay is None:
            return None
        await self._pause(delay)
        try:
            return await self.open()
        except Interrupted:
            return None

    def begun(self) -> None:
        super().begun()
        self._child = _NO_CHILD

    async def finish(self) -> None:
        self._closing = True
        if isinstance(self.chunks, ResponseBody):
            self.chunks.finish()
        else:
            await self.close()

    async def close(self) -> None:
        self._closing = True
        self._child.cancel()
        await self._child.ended()
        if self._response is not None:
            await self._response.close()

    def abandon(self, owner: object) -> None:
        self._next.abandon(owner)

    async def _attempt(self) -> StreamResponse:
        if self._closing:
            raise Interrupted
        request = self._request(_now())
        try:
            response = await self._child.run(
                respond(request, self._client._settings), discard=HTTPResponse.close
            )
        except StateError:
            raise
        except SSEWireError as exc:
            raise interrupted(exc) from exc
        self._response = response
        chunks: Any = response.chunks
        if not 200 <= response.status < 300:
            try:
                body = await error_body(chunks, MAX_ERROR_BODY)
            finally:
                await response.close()
            if self._closing:
                raise Interrupted
            raise response_error(response.status, response.headers, body)
        return self._accept(request, response, _now)

    async def _pause(self, delay: float) -> None:
        """Wait so many seconds, or until `close`."""
        if self._client._sleep is not None:
            self._client._sleep(delay)
        else:
            with suppress(Interrupted):
                await self._child.run(asyncio.sleep(delay))


def _now() -> float:
    return asyncio.get_running_loop().time()
