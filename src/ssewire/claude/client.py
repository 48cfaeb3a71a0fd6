"""Ask Claude with blocking sockets: streams, raw events, whole messages.

Settings and the body of a request are in `_request`, the rules of asking
again in `_retry`, reading in `stream`: here is what waits. A message is always
streamed, so that no answer is too long for a connection. One client may be
used by many threads; each stream by one, but for `close`.
May import: ssewire.client and below, claude's own modules but aio.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, TypeVar, overload

from .._http.redirects import MAX_REDIRECTS
from .._http.request import HTTPRequest
from .._limits import MAX_EVENT_SIZE
from .._settings import Settings, plain_callable
from ..client import Pool
from ..client._body import ResponseBody, error_body
from ..client._connection import Handle, Interrupted
from ..client._exchange import respond
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
from .stream import MessageStream, RawMessageStream, StreamResponse

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any, Callable, Literal

    from typing_extensions import Self

    from .._headers import Headers
    from .._http.timeouts import Timeouts
    from ..client import HTTPResponse, Transport
    from ._request import MessageParam
    from .message import Message

__all__ = ["Claude", "MessageStreamManager", "Messages"]

_Stream = TypeVar("_Stream", MessageStream, RawMessageStream)


class Claude:
    """A client of the Messages API; a context manager that closes its idle connections.

    `client.messages.stream(...)` and `client.messages.create(...)` ask.

    Args:
        api_key: else ANTHROPIC_API_KEY. Sent as x-api-key.
        auth_token: else ANTHROPIC_AUTH_TOKEN. Sent as Authorization: Bearer.
        auth_header: "x-api-key" or "authorization", to send either in that header.
        base_url: else ANTHROPIC_BASE_URL, else the API's own; may have a path.
        default_headers: sent with every request; None takes a header away. Those
            in ANTHROPIC_CUSTOM_HEADERS (lines of `Name: value`) come before them.
        anthropic_version: of the API.
        betas: names for anthropic-beta.
        max_retries: how many times to ask again where that may help, until a
            message has begun.
        max_retry_delay: seconds; no pause before a retry is longer, also where
            the server asks for more.
        timeouts: Timeouts, or seconds for the head and for each wait for bytes,
            or None for no limits. Its `stall` ignores pings, its `total` goes for all
            attempts together.
        timeout: the same, as the official SDK calls it.
        transport: carries the requests instead of our own sockets.
        tls, proxy: as for `ssewire.client.request`.
        max_event_size, partial_strings: as for MessageStream.

    Raises:
        ConfigurationError: a base URL or key that cannot be used.
        TypeError, ValueError: another argument that makes no sense.
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
        self._settings = Settings(
            tls, proxy, MAX_REDIRECTS, plain_callable("transport", transport), self._pool
        )
        self._settings.check(HTTPRequest(self._options.url))
        self._stream_options: dict[str, Any] = {
            "max_event_size": max_event_size,
            "partial_strings": partial_strings,
        }
        # A wrong one fails here, not when the response is there.
        Accumulator(**self._stream_options)
        self._closed = False
        # How to pause before a retry; None waits until the time is up or the stream is closed.
        self._sleep: Callable[[float], object] | None = None
        self._random: Callable[[], float] = random.random

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
    ) -> Claude:
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

    def close(self) -> None:
        """Close the idle connections; further requests are refused, streams go on. Idempotent."""
        self._closed = True
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Claude {self._options.origin}>"


class Beta:
    """`client.beta.messages`: the same as `client.messages`, which knows betas too."""

    def __init__(self, messages: Messages) -> None:
        self.messages: Messages = messages


class Messages:
    """`client.messages`.

    All keywords go to the API as they are, but for these:

        extra_headers: a mapping; None takes a header away.
        extra_query: a mapping, added to the URL.
        extra_body: a mapping; its keys win over the keywords.
        betas: names for anthropic-beta, added to the client's.
        timeout: as the client's `timeouts`, for this request.

    `messages` may hold messages that came from here, and their blocks as content.
    """

    def __init__(self, client: Claude) -> None:
        self._client = client

    def stream(
        self, *, model: str, max_tokens: int, messages: Iterable[MessageParam], **params: Any
    ) -> MessageStreamManager:
        """Return a context manager that sends the request and gives its MessageStream.

        Raises:
            ConfigurationError: there is no key.
            TypeError, ValueError: something that cannot be sent.
        """
        params.update(model=model, max_tokens=max_tokens, messages=messages)
        return MessageStreamManager(self._client, self._client._options.build(params))

    @overload
    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: Literal[False] = False,
        **params: Any,
    ) -> Message: ...

    @overload
    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: Literal[True],
        **params: Any,
    ) -> RawMessageStream: ...

    @overload
    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: bool,
        **params: Any,
    ) -> Message | RawMessageStream: ...

    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        stream: bool = False,
        **params: Any,
    ) -> Message | RawMessageStream:
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
            return _open(RawMessageStream, call, client)
        with _open(MessageStream, call, client) as whole:
            return whole.get_final_message()


class MessageStreamManager:
    """What `messages.stream` returns: `with` sends the request and gives the MessageStream.

    Raises (on entering):
        ClaudeError: no response could be had, or it was an error.
    """

    def __init__(self, client: Claude, request: HTTPRequest) -> None:
        self._client = client
        # None once it has been sent.
        self._request: HTTPRequest | None = request
        self._stream: MessageStream | None = None

    def __enter__(self) -> MessageStream:
        request, self._request = self._request, None
        if request is None:
            raise StateError("this request has been sent already; call stream() for another")
        self._stream = _open(MessageStream, _Call(self._client, request), self._client)
        return self._stream

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()


class _Call:
    """One request with its retries: what a stream gets its bytes from.

    All but `close` is called by the thread that reads the stream.
    """

    def __init__(self, client: Claude, request: HTTPRequest) -> None:
        if client._closed:
            raise StateError("the client is closed")
        self._client = client
        self._retries = Retries(
            client.max_retries, client.max_retry_delay, client._random, request, time.monotonic()
        )
        self._closing = threading.Event()
        # Of the current attempt; `close` aborts it.
        self._handle = Handle()
        self._response: HTTPResponse | None = None
        self.chunks: Iterator[Any] = iter(())
        # Starts the clock for `stall` anew; None where there is no such timeout.
        self.watch: Callable[[], object] | None = None

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
                headers = exc.headers if isinstance(exc, APIError) else None
                if not self._pause(exc, headers):
                    raise

    def again(self, error: ClaudeError) -> StreamResponse | None:
        """Ask again after a body that failed before its message began.

        None where that makes no sense, or `close` was called.

        Raises:
            ClaudeError: the later attempts failed too.
        """
        response = self._response
        assert response is not None
        response.close()
        try:
            return self.open() if self._pause(error, response.headers) else None
        except Interrupted:
            return None

    def finish(self) -> None:
        """Leave the connection to further requests: the message is complete."""
        if isinstance(self.chunks, ResponseBody):
            self.chunks.finish()
        self.close()

    def close(self) -> None:
        """End it, also in another thread. Idempotent."""
        self._closing.set()
        # After the line above: an attempt looks there once its handle is in place.
        self._handle.abort()

    def _attempt(self) -> StreamResponse:
        self._handle = handle = Handle()
        if self._closing.is_set():
            raise Interrupted
        request = self._retries.request(time.monotonic())
        try:
            response = respond(request, self._client._settings, handle)
        except SSEWireError as exc:
            raise transport_error(exc) from exc
        self._response = response
        chunks: Any = response.chunks
        if not 200 <= response.status < 300:
            try:
                body = error_body(chunks, MAX_ERROR_BODY)
            finally:
                response.close()
            if self._closing.is_set():
                raise Interrupted
            raise response_error(response.status, response.headers, body)
        deadlines = chunks.deadlines
        self.chunks = chunks
        self.watch = None
        if request.timeouts.stall is not None:
            self.watch = lambda: deadlines.start_stall(time.monotonic())
        return StreamResponse(response.status, response.headers, response.url)

    def _pause(self, error: ClaudeError, headers: Headers | None) -> bool:
        """Wait as long as is right before another attempt; False if there is to be none.

        `close` ends the wait; the attempt then finds that out.
        """
        delay = self._retries.next_delay(error, headers, time.monotonic(), time.time())
        if delay is None:
            return False
        if self._client._sleep is not None:
            self._client._sleep(delay)
        else:
            self._closing.wait(delay)
        return True


def _open(cls: type[_Stream], call: _Call, client: Claude) -> _Stream:
    """Send the request and return the stream of its response."""
    try:
        response = call.open()
    except Interrupted:
        raise StreamClosed from None
    stream = cls(call.chunks, **client._stream_options)
    stream._attach(call, response)
    return stream
