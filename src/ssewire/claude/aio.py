"""Ask Claude with asyncio: the twin of `claude.client`, the same names with Async before them.

Settings and the body of a request are in `_request`, the rules of asking
again in `_retry`, reading in `stream`: here is what is awaited. Cancelling a
task that opens or reads a stream closes its connection. One client serves
any number of streams at once; its connections belong to the loop they were
opened in. May import: ssewire.aio and below, claude's own modules but client.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, TypeVar, overload

from .._http.redirects import MAX_REDIRECTS
from .._http.request import HTTPRequest
from .._limits import MAX_EVENT_SIZE
from .._settings import Settings
from ..aio import HTTPResponse, Pool
from ..aio._body import ResponseBody, error_body
from ..aio._exchange import respond
from ..aio._tasks import Child, Interrupted
from ..errors import SSEWireError, StateError
from ._request import ANTHROPIC_VERSION, NOT_GIVEN, ClientOptions, NotGiven
from ._retry import (
    MAX_ERROR_BODY,
    MAX_RETRIES,
    MAX_RETRY_DELAY,
    Retries,
    check_limits,
    response_error,
    transport_error,
)
from .accumulator import Accumulator
from .errors import APIError, ClaudeError, StreamClosed
from .stream import AsyncMessageStream, AsyncRawMessageStream, StreamResponse

if TYPE_CHECKING:
    import ssl
    from types import TracebackType
    from typing import Any, Callable, Literal

    from typing_extensions import Self

    from .._headers import Headers
    from .._http.timeouts import Timeouts
    from ..aio import Transport
    from ._request import MessageParam
    from .message import Message

__all__ = ["AsyncClaude", "AsyncMessageStreamManager", "AsyncMessages"]

_Stream = TypeVar("_Stream", AsyncMessageStream, AsyncRawMessageStream)


class AsyncClaude:
    """A client of the Messages API; an asynchronous context manager that closes its connections.

    Takes and raises what `Claude` does; `transport` is an asynchronous one.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        auth_token: str | None = None,
        auth_header: Literal["x-api-key", "authorization"] | None = None,
        base_url: str | None = None,
        default_headers: Mapping[str, str | None] | None = None,
        anthropic_version: str = ANTHROPIC_VERSION,
        betas: Iterable[str] = (),
        max_retries: int = MAX_RETRIES,
        max_retry_delay: float = MAX_RETRY_DELAY,
        timeouts: Timeouts | float | NotGiven | None = NOT_GIVEN,
        timeout: Timeouts | float | NotGiven | None = NOT_GIVEN,
        transport: Transport | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = "env",
        max_event_size: int | None = MAX_EVENT_SIZE,
        partial_strings: bool = False,
    ) -> None:
        self._options = ClientOptions(
            api_key=api_key,
            auth_token=auth_token,
            auth_header=auth_header,
            base_url=base_url,
            default_headers=default_headers,
            anthropic_version=anthropic_version,
            betas=betas,
            timeouts=timeouts,
            timeout=timeout,
            environ=os.environ,
        )
        check_limits(max_retries, max_retry_delay)
        self.max_retries: int = max_retries
        self.max_retry_delay: float = max_retry_delay
        self._pool = Pool()
        self._settings = Settings(tls, proxy, MAX_REDIRECTS, transport, self._pool)
        self._settings.check(HTTPRequest(self._options.url))
        self._stream_options: dict[str, Any] = {
            "max_event_size": max_event_size,
            "partial_strings": partial_strings,
        }
        # A wrong one fails here, not when the response is there.
        Accumulator(**self._stream_options)
        self._closed = False
        # How to pause before a retry; None sleeps, until the stream is closed.
        self._sleep: Callable[[float], object] | None = None
        self._random: Callable[[], float] = random.random

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

    @property
    def timeouts(self) -> Timeouts:
        """What goes for requests that have no timeouts of their own."""
        return self._options.timeouts

    def with_options(
        self,
        *,
        max_retries: int | None = None,
        max_retry_delay: float | None = None,
        timeouts: Timeouts | float | NotGiven | None = NOT_GIVEN,
        timeout: Timeouts | float | NotGiven | None = NOT_GIVEN,
        default_headers: Mapping[str, str | None] | None = None,
    ) -> AsyncClaude:
        """Return a client that differs in what is given, and shares this one's connections.

        `default_headers` are added to those of this client. Closing either closes
        the idle connections of both.

        Raises:
            TypeError, ValueError: as for a new client.
        """
        if not isinstance(timeouts, NotGiven) and not isinstance(timeout, NotGiven):
            raise TypeError("timeout is another name of timeouts: give one of them")
        given = timeout if isinstance(timeouts, NotGiven) else timeouts
        changed = copy(self)
        changed._options = self._options.changed(default_headers, given)
        if max_retries is not None:
            changed.max_retries = max_retries
        if max_retry_delay is not None:
            changed.max_retry_delay = max_retry_delay
        check_limits(changed.max_retries, changed.max_retry_delay)
        return changed

    copy = with_options

    async def close(self) -> None:
        """Close the idle connections; further requests are refused, streams go on. Idempotent."""
        self._closed = True
        self._pool.close()
        # asyncio closes an aborted socket in the next turn of its loop.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncClaude {self._options.origin}>"


class AsyncBeta:
    """`client.beta.messages`: the same as `client.messages`, which knows betas too."""

    def __init__(self, messages: AsyncMessages) -> None:
        self.messages: AsyncMessages = messages


class AsyncMessages:
    """`client.messages`; takes what `Messages` does."""

    def __init__(self, client: AsyncClaude) -> None:
        self._client = client

    def stream(
        self, *, model: str, max_tokens: int, messages: Iterable[MessageParam], **params: Any
    ) -> AsyncMessageStreamManager:
        """Return a context manager that sends the request and gives its AsyncMessageStream.

        Raises:
            ConfigurationError: there is no key.
            TypeError, ValueError: something that cannot be sent.
        """
        params.update(model=model, max_tokens=max_tokens, messages=messages)
        return AsyncMessageStreamManager(self._client, self._client._options.build(params))

    @overload
    async def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: Literal[False] = False,
        **params: Any,
    ) -> Message: ...

    @overload
    async def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: Literal[True],
        **params: Any,
    ) -> AsyncRawMessageStream: ...

    @overload
    async def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: bool,
        **params: Any,
    ) -> Message | AsyncRawMessageStream: ...

    async def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: bool = False,
        **params: Any,
    ) -> Message | AsyncRawMessageStream:
        """Return the whole message; with `stream=True` its events as they come.

        Raises:
            ConfigurationError: there is no key.
            TypeError, ValueError: something that cannot be sent.
            ClaudeError: the request failed.
        """
        params.update(model=model, max_tokens=max_tokens, messages=messages)
        client = self._client
        call = _Call(client, client._options.build(params))
        if stream:
            return await _open(AsyncRawMessageStream, call, client)
        async with await _open(AsyncMessageStream, call, client) as whole:
            return await whole.get_final_message()


class AsyncMessageStreamManager:
    """What `messages.stream` returns: `async with` sends the request and gives the stream.

    Raises (on entering):
        ClaudeError: no response could be had, or it was an error.
    """

    __slots__ = ("_client", "_request", "_stream")

    def __init__(self, client: AsyncClaude, request: HTTPRequest) -> None:
        self._client = client
        # None once it has been sent: it may be larger than all that a stream holds.
        self._request: HTTPRequest | None = request
        self._stream: AsyncMessageStream | None = None

    async def __aenter__(self) -> AsyncMessageStream:
        request, self._request = self._request, None
        if request is None:
            raise StateError("this request has been sent already; call stream() for another")
        call = _Call(self._client, request)
        self._stream = await _open(AsyncMessageStream, call, self._client)
        return self._stream

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            await self._stream.close()


# Of all calls that make no more attempts; it never runs.
_NO_CHILD = Child()


class _Call:
    """One request with its retries: what a stream gets its bytes from."""

    __slots__ = ("_child", "_client", "_closing", "_response", "_retries", "chunks", "watch")

    def __init__(self, client: AsyncClaude, request: HTTPRequest) -> None:
        if client._closed:
            raise StateError("the client is closed")
        self._client = client
        # None once the message has begun; it holds the request.
        self._retries: Retries | None = Retries(
            client.max_retries, client.max_retry_delay, client._random, request, _now()
        )
        self._closing = False
        # The attempt, or the pause before it.
        self._child = Child()
        self._response: HTTPResponse | None = None
        self.chunks: Any = None
        # Starts the clock for `stall` anew; None where there is no such timeout.
        self.watch: Callable[[], object] | None = None

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
                headers = exc.headers if isinstance(exc, APIError) else None
                if not await self._pause(exc, headers):
                    raise

    async def again(self, error: ClaudeError) -> StreamResponse | None:
        """Ask again after a body that failed before its message began.

        None where that makes no sense, or `close` was called.

        Raises:
            ClaudeError: the later attempts failed too.
        """
        response = self._response
        assert response is not None
        await response.close()
        if not await self._pause(error, response.headers):
            return None
        try:
            return await self.open()
        except Interrupted:
            return None

    def begun(self) -> None:
        """Note that the message has begun: there will be no more attempts."""
        self._retries = None
        self._child = _NO_CHILD

    async def finish(self) -> None:
        """Leave the connection to further requests: the message is complete."""
        self._closing = True
        if isinstance(self.chunks, ResponseBody):
            self.chunks.finish()
        else:
            await self.close()

    async def close(self) -> None:
        """End it, also for a task that waits. Idempotent."""
        self._closing = True
        self._child.cancel()
        if self._response is not None:
            await self._response.close()

    async def _attempt(self) -> StreamResponse:
        if self._closing:
            raise Interrupted
        assert self._retries is not None
        request = self._retries.request(_now())
        try:
            response = await self._child.run(
                respond(request, self._client._settings), discard=HTTPResponse.close
            )
        except StateError:
            raise
        except SSEWireError as exc:
            raise transport_error(exc) from exc
        self._response = response
        chunks: Any = response.chunks
        if not 200 <= response.status < 300:
            try:
                body = await error_body(chunks, MAX_ERROR_BODY)
            finally:
                await response.close()
            raise response_error(response.status, response.headers, body)
        deadlines = chunks.deadlines
        self.chunks = chunks
        self.watch = None
        if request.timeouts.stall is not None:
            self.watch = lambda: deadlines.start_stall(_now())
        return StreamResponse(response.status, response.headers, response.url)

    async def _pause(self, error: ClaudeError, headers: Headers | None) -> bool:
        """Wait as long as is right before another attempt; False if there is to be none.

        `close` ends the wait; the attempt then finds that out.
        """
        assert self._retries is not None
        delay = self._retries.next_delay(error, headers, _now(), time.time())
        if delay is None:
            return False
        if self._client._sleep is not None:
            self._client._sleep(delay)
        else:
            try:
                await self._child.run(asyncio.sleep(delay))
            except Interrupted:
                pass
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _open(cls: type[_Stream], call: _Call, client: AsyncClaude) -> _Stream:
    """Send the request and return the stream of its response."""
    try:
        response = await call.open()
    except Interrupted:
        raise StreamClosed from None
    stream = cls(call.chunks, **client._stream_options)
    stream._attach(call, response)
    return stream
