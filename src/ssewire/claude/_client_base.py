# SPDX-License-Identifier: MIT
"""What Claude and AsyncClaude decide alike: settings, requests, and which attempts are made.

No I/O: connections, the environment, time and chance come from the client at
hand. May import: _http, _limits, _options, _request_log, _retry, accumulator,
errors, ssewire.errors, stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import ref

from .._http.request import HTTPRequest
from .._http.timeouts import NOT_GIVEN, NotGiven, given_timeouts
from .._limits import MAX_CLAUDE_EVENT_SIZE
from ..errors import StateError
from ._options import ANTHROPIC_VERSION, ClientOptions
from ._request_log import request_log
from ._retry import MAX_RETRIES, MAX_RETRY_DELAY, Retries, check_limits
from .accumulator import Accumulator
from .errors import APIError, StreamClosed
from .stream import (
    AsyncMessageStream,
    AsyncRawMessageStream,
    MessageStream,
    RawMessageStream,
    StreamResponse,
)

if TYPE_CHECKING:
    from typing import Any, Callable, Literal

    from typing_extensions import Self

    from .._headers import Headers
    from .._http.timeouts import Timeouts
    from ._request_body import MessageParam
    from ._request_log import RequestLog
    from .errors import ClaudeError

# What is no business of this level: the callable that carries requests instead of our own
# sockets, of the client's way to wait, and what the module ssl has for TLS.
TransportT = TypeVar("TransportT")
SSLContextT = TypeVar("SSLContextT")
ClientT = TypeVar("ClientT")
MessagesT = TypeVar("MessagesT")
StreamT = TypeVar(
    "StreamT", MessageStream, RawMessageStream, AsyncMessageStream, AsyncRawMessageStream
)


class ClientBase(Generic[TransportT, SSLContextT]):
    """Settings and requests of a client; the classes below it wait and move bytes."""

    # How to pause before a retry; None waits until the time is up or the stream is closed.
    _sleep: Callable[[float], object] | None = None
    # A number in [0, 1), drawn for each pause.
    _random: Callable[[], float]
    # What its repr shows, which debuggers ask of one whose __init__ failed too.
    _closed = False
    _options: ClientOptions

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
        transport: TransportT | None = None,
        tls: SSLContextT | None = None,
        proxy: str | None = "env",
        max_event_size: int | None = MAX_CLAUDE_EVENT_SIZE,
        partial_strings: bool = False,
    ) -> None:
        """Set the client up.

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
            max_retry_delay: seconds; no pause before a retry is longer. Where the server
                asks for more, its error is raised at once, with `retry_after`.
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
            environ=self._environ(),
        )
        check_limits(max_retries, max_retry_delay)
        self.max_retries: int = max_retries
        self.max_retry_delay: float = max_retry_delay
        self._settings = self._make_settings(tls, proxy, transport)
        self._settings.check(HTTPRequest(self._options.url))
        self._stream_options: dict[str, Any] = {
            "max_event_size": max_event_size,
            "partial_strings": partial_strings,
        }
        # A wrong one fails here, not when the response is there.
        Accumulator(**self._stream_options)
        # What `close(streams=True)` ends; weak, so that what nobody has any more is closed as ever.
        self._calls: set[ref[CallBase]] = set()
        # One for all: a bound method is as large as the ref that calls it.
        self._forget = self._calls.discard

    def _environ(self) -> Mapping[str, str]:
        """Return the environment, from which settings come that were not given."""
        raise NotImplementedError

    def _make_settings(
        self, tls: SSLContextT | None, proxy: str | None, transport: TransportT | None
    ) -> Any:
        """Return how requests are carried: by `transport`, or by connections that are kept.

        Raises:
            TypeError, ValueError: an argument that makes no sense.
        """
        raise NotImplementedError

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
    ) -> Self:
        """Return a client that differs in what is given, and shares this one's connections.

        `default_headers` are added to those of this client. Closing either closes
        the idle connections of both.

        Raises:
            TypeError, ValueError: as for a new client.
        """
        changed = copy(self)
        changed._options = self._options.changed(default_headers, given_timeouts(timeouts, timeout))
        if max_retries is not None:
            changed.max_retries = max_retries
        if max_retry_delay is not None:
            changed.max_retry_delay = max_retry_delay
        check_limits(changed.max_retries, changed.max_retry_delay)
        return changed

    copy = with_options

    def _build(
        self,
        model: str,
        max_tokens: int,
        messages: Iterable[MessageParam],
        params: dict[str, Any],
    ) -> HTTPRequest:
        """Return the request for one message; what the user calls must call this directly.

        Raises:
            ConfigurationError: there is no key.
            TypeError, ValueError: something that cannot be sent.
        """
        params.update(model=model, max_tokens=max_tokens, messages=messages)
        return self._options.build(params, self._settings.proxy_in_use)

    def _start(self, request: HTTPRequest, now: float) -> Retries:
        """Return the attempts of a request; refuse it once the client is closed."""
        if self._closed:
            raise StateError("the client is closed")
        return Retries(self.max_retries, self.max_retry_delay, self._random, request, now)

    def _track(self, call: CallBase) -> None:
        """Have `close(streams=True)` end a call; refuse it once the client is closed."""
        self._calls.add(ref(call, self._forget))
        # After that, for whoever closes looks at the calls after it has said so.
        if self._closed:
            raise StateError("the client is closed")

    def _live_calls(self) -> list[Any]:
        """Return the calls that may be under way."""
        # list() is one call into C, which no other thread's call gets into.
        return [call for call in [known() for known in list(self._calls)] if call is not None]

    def __repr__(self) -> str:
        options = getattr(self, "_options", None)
        where = "of nowhere" if options is None else options.origin
        return f"<{type(self).__name__} {where}{' closed' if self._closed else ''}>"


class MessagesBase(Generic[ClientT]):
    """What `client.messages` is, but for what asks."""

    def __init__(self, client: ClientT) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"


class BetaBase(Generic[MessagesT]):
    """What `client.beta` is: its `messages` are those of the client, which know betas too."""

    def __init__(self, messages: MessagesT) -> None:
        self.messages: MessagesT = messages

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, whose messages are {self.messages!r}>"


class ManagerBase(Generic[StreamT]):
    """Part of what `messages.stream` returns: a request that is sent once."""

    __slots__ = ("_call", "_client", "_closed", "_request", "_stream")

    # How it is entered, for texts.
    _enter = "with"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            # What is sought here is mostly the stream's.
            hint = "" if name.startswith("_") else f"; {self._unentered()}"
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def _unentered(self) -> str:
        return f"the stream does: {self._enter} client.messages.stream(...) as stream"

    def __init__(self, client: Any, request: HTTPRequest) -> None:
        self._client = client
        # None once it has been sent: it may be larger than all that a stream holds.
        self._request: HTTPRequest | None = request
        # What sends it, and what reads the answer.
        self._call: Any = None
        self._stream: StreamT | None = None
        # Perhaps by another thread.
        self._closed = False

    def __repr__(self) -> str:
        if self._stream is not None:
            told = repr(self._stream)
        elif self._closed:
            told = "closed"
        else:
            told = "to be entered" if self._request is not None else "sent"
        return f"<{type(self).__name__} of {self._client!r}: {told}>"

    def _take_request(self) -> HTTPRequest:
        request, self._request = self._request, None
        if self._closed:
            raise StreamClosed
        if request is None:
            raise StateError("this request has been sent already; call stream() for another")
        return request

    def _begin(self, call: CallBase) -> None:
        """Have `close` end a call, which has not begun."""
        self._call = call
        # After that: `close` says so first, and then looks for the call.
        if self._closed:
            raise StreamClosed

    def _close(self) -> Any:
        """End the call, and do what waits for that; None where there is none."""
        self._closed = True
        return None if self._call is None else self._call.end()


class CallBase:
    """One request with its retries, but for waiting: an Attempt, which says what is what."""

    __slots__ = (
        "__weakref__",
        "_client",
        "_response",
        "_retries",
        "_stream",
        "chunks",
        "ended",
        "log",
        "watch",
    )

    def __init__(self, client: ClientBase[Any, Any], request: HTTPRequest, now: float) -> None:
        self._client = client
        # None once the message has begun; it holds the request.
        self._retries: Retries | None = client._start(request, now)
        # Of the attempt that is under way.
        self._response: Any = None
        self.chunks: Any = None
        # Starts the clock for `stall` anew; None where there is no such timeout.
        self.watch: Callable[[], object] | None = None
        # What is told of the attempt that is under way; None where nobody listens.
        self.log: RequestLog | None = None
        # What reads the answer; weak, for it holds this.
        self._stream: ref[Any] | None = None
        # `end` was called: a stream that is made now is to be closed at once.
        self.ended = False

    def end(self) -> Any:
        """End it, in whatever state it is, and its stream like the stream's own `close`."""
        self.ended = True
        # After that: who makes the stream lets it be known first, and then looks at `ended`.
        stream = None if self._stream is None else self._stream()
        return self.close() if stream is None else stream.close()

    def begun(self) -> None:
        self._retries = None

    # What waits is each client's own.

    def again(self, error: ClaudeError) -> Any:
        raise NotImplementedError

    def finish(self) -> Any:
        raise NotImplementedError

    def close(self) -> Any:
        raise NotImplementedError

    def abandon(self, owner: object) -> None:
        """End what would go on without its stream: nothing does."""

    def _request(self, now: float) -> HTTPRequest:
        """Return the request to send now."""
        assert self._retries is not None
        request = self._retries.request(now)
        self.log = request_log(request, now)
        return request

    def _delay(
        self, error: ClaudeError, headers: Headers | None, now: float, wall: float
    ) -> float | None:
        """Return the seconds to wait before the next attempt; None if there is to be none.

        Args:
            headers: of the response whose body failed; None for those that the error has.
            now: on a clock that only goes forward.
            wall: seconds since 1970, for a date in Retry-After.
        """
        assert self._retries is not None
        if self.log is not None:
            self.log.failed(error, now)
        if headers is None and isinstance(error, APIError):
            headers = error.headers
        return self._retries.next_delay(error, headers, now, wall)

    def _accept(
        self, request: HTTPRequest, response: Any, clock: Callable[[], float]
    ) -> StreamResponse:
        """Have the body of a response that promises a stream; return its head."""
        self.chunks = response.chunks
        deadlines = self.chunks.deadlines
        if self.log is not None:
            self.log.answered(response.status, response.headers.get("request-id"), clock)
        self.watch = None
        if request.timeouts.stall is not None:
            self.watch = lambda: deadlines.start_stall(clock())
        return StreamResponse(response.status, response.headers, response.url)

    def _stream_of(self, cls: type[StreamT], response: StreamResponse) -> StreamT:
        """Return the stream that reads the body of an accepted response."""
        stream = cls(self.chunks, **self._client._stream_options)
        stream._attach(self, response)
        self._stream = ref(stream)
        return stream
