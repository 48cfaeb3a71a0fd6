# SPDX-License-Identifier: MIT
"""Ask Claude with blocking sockets: streams, raw events, whole messages.

What is asked, and whether again, is decided in `_client_base`, reading in
`stream`: here is what waits. A message is always streamed, so that no answer
is too long for a connection. One client may be used by many threads; each
stream by one, but for `close`. May import: _checks, _client_base, _closing, _http,
_retry, _settings, errors, ssewire.client, ssewire.errors, stream.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar, overload

from .._checks import plain_callable
from .._closing import Closeable
from .._http.redirects import MAX_REDIRECTS
from .._settings import Settings
from ..client import Pool
from ..client._body import ResponseBody, error_body
from ..client._connection import Handle, Interrupted, Pause
from ..client._exchange import respond
from ..errors import SSEWireError
from ._client_base import BetaBase, CallBase, ClientBase, ManagerBase, MessagesBase
from ._retry import MAX_ERROR_BODY, response_error
from .errors import ClaudeError, StreamClosed, interrupted
from .stream import MessageStream, RawMessageStream, StreamResponse

if TYPE_CHECKING:
    import ssl
    from typing import Any, Literal

    from typing_extensions import Unpack

    from .._headers import Headers
    from .._http.request import HTTPRequest
    from ..client import Transport
    from ._params import RequestParams
    from ._request_body import MessageParam
    from .message import Message

__all__ = ["Claude", "MessageStreamManager", "Messages"]

StreamT = TypeVar("StreamT", MessageStream, RawMessageStream)


class Claude(ClientBase["Transport", "ssl.SSLContext"], Closeable):
    """A client of the Messages API; a context manager that closes its idle connections.

    `client.messages.stream(...)` and `client.messages.create(...)` ask.
    """

    _random = random.random

    def _environ(self) -> Mapping[str, str]:
        return os.environ

    def _make_settings(
        self, tls: ssl.SSLContext | None, proxy: str | None, transport: Transport | None
    ) -> Settings:
        self._pool = Pool()
        carry = plain_callable("transport", transport)
        return Settings(tls, proxy, MAX_REDIRECTS, carry, self._pool, within=True)

    # Made anew each time: kept, the two would hold each other, and a client that nobody
    # closed would be found only by the collector, its sockets first.
    @property
    def messages(self) -> Messages:
        """What asks: `messages.stream(...)` and `messages.create(...)`."""
        return Messages(self)

    @property
    def beta(self) -> Beta:
        """The same under the name that the official SDK has for its betas."""
        return Beta(Messages(self))

    def close(self, *, streams: bool = False) -> None:
        """Close the idle connections; further requests are refused. Idempotent; from any thread.

        Args:
            streams: end all that is under way too, as `MessageStream.close` does; a `create`
                or `with` that waits for its answer raises StreamClosed. Else it goes on.
        """
        self._closed = True
        self._pool.close()
        if streams:
            for call in self._live_calls():
                call.end()


class Messages(MessagesBase[Claude]):
    """What `client.messages` is: it asks for messages.

    All keywords go to the API as they are, those that are known and others; one that is nearly
    a known one is a TypeError. Type checkers know those of `_params`. Not the API's are:

        extra_headers: a mapping; None takes a header away.
        extra_query: a mapping, added to the URL.
        extra_body: a mapping; its keys win over the keywords.
        betas: names for anthropic-beta, added to the client's.
        timeout: as the client's `timeouts`, for this request.

    `messages` may hold messages that came from here, and their blocks as content.
    """

    def stream(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        **params: Unpack[RequestParams],
    ) -> MessageStreamManager:
        """Return a context manager that sends the request and gives its MessageStream.

        Raises:
            ConfigurationError: there is no key.
            TypeError, ValueError: something that cannot be sent.
        """
        request = self._client._build(model, max_tokens, messages, dict(params))
        return MessageStreamManager(self._client, request)

    @overload
    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: Literal[False] = False,
        **params: Unpack[RequestParams],
    ) -> Message: ...

    @overload
    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: Literal[True],
        **params: Unpack[RequestParams],
    ) -> RawMessageStream: ...

    @overload
    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: bool,
        **params: Unpack[RequestParams],
    ) -> Message | RawMessageStream: ...

    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: bool = False,
        **params: Unpack[RequestParams],
    ) -> Message | RawMessageStream:
        """Return the whole message; with `stream=True` its events as they come.

        Raises:
            ConfigurationError: there is no key.
            TypeError, ValueError: something that cannot be sent.
            ClaudeError: the request failed.
        """
        call = _Call(self._client, self._client._build(model, max_tokens, messages, dict(params)))
        if stream:
            return call.stream(RawMessageStream)
        with call.stream(MessageStream) as whole:
            return whole.get_final_message()


class Beta(BetaBase[Messages]):
    """What `client.beta` is: its `messages` are those of the client, which know betas too."""


class MessageStreamManager(ManagerBase[MessageStream]):
    """What `messages.stream` returns: `with` sends the request and gives the MessageStream.

    Raises (on entering):
        ClaudeError: no response could be had, or it was an error.
        StreamClosed: `close` was called before it was there.
    """

    __slots__ = ()

    if not TYPE_CHECKING:

        def __iter__(self) -> object:
            raise TypeError(f"{type(self).__name__!r} object is not iterable; {self._unentered()}")

    def __enter__(self) -> MessageStream:
        call = _Call(self._client, self._take_request())
        self._begin(call)
        self._stream = call.stream(MessageStream)
        return self._stream

    def close(self) -> None:
        """End the request in whatever state it is, from any thread; then its stream. Idempotent.

        Before it was entered: it cannot be any more. While that waits for the answer: it
        raises StreamClosed, at once but for a name that is being looked up. Later it is the
        stream's own `close`.
        """
        self._close()

    def __exit__(self, *exc_info: object) -> None:
        if self._stream is not None:
            self._stream.close()


class _Call(CallBase):
    """One request with its retries: the Attempt whose body a stream reads.

    All but `close` is called by the thread that reads the stream.
    """

    __slots__ = ("_closing", "_due", "_handle", "_wait")

    def __init__(self, client: Claude, request: HTTPRequest) -> None:
        super().__init__(client, request, time.monotonic())
        # `close` was called, perhaps by another thread or by a signal handler.
        self._closing = False
        # The wait for the next attempt, and when it is over: one that was interrupted goes on.
        self._wait = Pause()
        self._due: float | None = None
        # Of the current attempt; `close` aborts it.
        self._handle = Handle()

    def stream(self, cls: type[StreamT]) -> StreamT:
        """Send the request and return the stream of its response."""
        self._client._track(self)
        try:
            stream = self._stream_of(cls, self.open())
        except Interrupted:
            raise StreamClosed from None
        except BaseException:
            # Nobody else has it yet.
            self.close()
            raise
        if self.ended:
            stream.close()
            raise StreamClosed
        return stream

    def open(self) -> StreamResponse:
        """Send the request, again where that may help, and return the head of the response.

        Raises:
            ClaudeError: of the last attempt.
            Interrupted: `close` was called in another thread.
        """
        while True:
            try:
                return self._attempt()
            except ClaudeError as exc:
                if not self._pause(exc):
                    raise

    def again(self, error: ClaudeError) -> StreamResponse | None:
        self._response.close()
        try:
            return self.open() if self._pause(error, self._response.headers) else None
        except Interrupted:
            return None

    def finish(self) -> None:
        if isinstance(self.chunks, ResponseBody):
            self.chunks.finish()
        self.close()

    def close(self) -> None:
        self._closing = True
        # After the line above: an attempt looks there once its handle is in place.
        self._handle.abort()
        self._wait.end()

    def _attempt(self) -> StreamResponse:
        self._handle = handle = Handle()
        if self._closing:
            raise Interrupted
        request = self._request(time.monotonic())
        try:
            response = respond(request, self._client._settings, handle)
        except SSEWireError as exc:
            raise interrupted(exc) from exc
        self._response = response
        chunks: Any = response.chunks
        if not 200 <= response.status < 300:
            try:
                body = error_body(chunks, MAX_ERROR_BODY)
            finally:
                response.close()
            if self._closing:
                raise Interrupted
            raise response_error(response.status, response.headers, body)
        return self._accept(request, response, time.monotonic)

    def _pause(self, error: ClaudeError, headers: Headers | None = None) -> bool:
        """Wait as is right, or until `close`; False if there is to be no other attempt."""
        if self._due is None:
            delay = self._delay(error, headers, time.monotonic(), time.time())
            if delay is None:
                return False
            if self._client._sleep is not None:
                self._client._sleep(delay)
                return True
            self._due = time.monotonic() + delay
        while not self._closing:
            left = self._due - time.monotonic()
            if left <= 0:
                break
            self._wait.wait(left)
        self._due = None
        return True
