"""Open event streams over HTTP/1.1 with asyncio; nothing but the standard library.

The twin of `ssewire.client`: the same names, awaited. A connection receives
into one buffer per event loop and runs framing and parser there and then, so
a task wakes up only for whole events. A consumer that stops reading stops the
socket. Cancelling a task that opens or waits closes its socket. Objects
belong to the loop they were opened in; from other threads use
`loop.call_soon_threadsafe(stream.close)`.
May import: errors, _checks, _closing, _headers, _limits, event, parser, _http, _settings,
reconnect.
"""

from __future__ import annotations

import asyncio
import operator
import os
import random
import select
import socket
import ssl
import time
import warnings
import weakref
from collections.abc import Awaitable
from itertools import zip_longest
from typing import Callable, Generic, TypeVar

from ._checks import wrong_type
from ._closing import AsyncCloseable
from ._headers import Headers
from ._http.content import INFLATE_STEP, make_inflater
from ._http.heads import connect_head, request_head
from ._http.reader import ResponseReader
from ._http.redirects import MAX_REDIRECTS, Redirects
from ._http.refusal import ERROR_BODY, ERROR_BODY_PATIENCE, is_event_stream, parse_retry_after
from ._http.request import HTTPRequest
from ._http.timeouts import Deadlines, Timeouts
from ._limits import MAX_EVENT_SIZE
from ._settings import (
    POOL_IDLE,
    POOL_SIZE,
    READ_SIZE,
    Settings,
    foreign,
    log,
    plain_callable,
    reason,
)
from .errors import (
    ConnectFailed,
    ConnectionLost,
    ContentTypeError,
    EventTooLarge,
    HTTPFormatError,
    SSEWireError,
    StateError,
    StatusError,
    StreamTimeout,
)
from .event import Comment, ServerSentEvent
from .parser import Parser
from .reconnect import Connect, Reconnection, ReconnectPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Coroutine,
        Generator,
        Hashable,
        Iterator,
        MutableMapping,
    )
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from ._headers import HeaderSource
    from ._http.heads import ResponseHead
    from ._http.proxy import Proxy
    from ._http.request import Body
    from .event import Item

    _KeptByLoop = MutableMapping[asyncio.AbstractEventLoop, dict[Hashable, list["_Kept"]]]

__all__ = [
    "EventSource",
    "EventStream",
    "HTTPRequest",
    "HTTPResponse",
    "Headers",
    "ReconnectPolicy",
    "Timeouts",
    "Transport",
    "open_stream",
    "request",
]

_T = TypeVar("_T")

# Exhausted, and so the same for all.
_NOTHING: Iterator[Any] = iter(())

# Bytes received that nobody has taken yet, after which the socket is stopped:
# one full read. More would only move the kernel's own buffer into ours, less
# would stop and start the socket at every burst.
_BACKLOG = 64 * 1024

# Seconds after which the next address of a host is tried beside the one that has
# not answered (RFC 8305 recommends 250 ms).
_NEXT_ADDRESS = 0.25

# Seconds for the rest of a response that nobody waits for, when its connection is
# to be kept: the last chunk follows the last event at once, or the server is at fault.
_REST = 1.0

# Seconds that a new request waits for that: a new connection takes no less, with TLS far more.
_REST_SOON = 0.005

# asyncio's own limit for a TLS handshake, in seconds, moved out of the way (a
# year): the `connect` timeout alone decides.
_HANDSHAKE = 365 * 86400.0


def request(
    url: str,
    *,
    method: str = "GET",
    headers: HeaderSource | None = None,
    body: Body | None = None,
    timeouts: Timeouts | None = None,
    tls: ssl.SSLContext | None = None,
    proxy: str | None = "env",
    max_redirects: int = MAX_REDIRECTS,
    transport: Transport | None = None,
) -> Opening[HTTPResponse]:
    """Send a request, follow redirects and return the response, whatever its status is.

    To be awaited, or entered by `async with`, which closes the response.

    Args:
        url: http or https; without credentials.
        headers: a mapping or pairs; they win over the defaults (Accept:
            text/event-stream, Cache-Control: no-cache, Accept-Encoding: identity).
        timeouts: in seconds; by default 10 for connecting and none else.
        tls: verifies with the system's certificates if not given.
        proxy: "env" takes it from the environment (HTTP_PROXY, NO_PROXY, ...);
            else a proxy's URL, or None.
        transport: carries each request instead of our own sockets. It and its
            chunks are awaited in tasks of their own.

    Raises:
        TypeError, ValueError: an argument that makes no sense, at the call itself.

    Raises (when awaited):
        TransportError: no response could be had.
    """
    settings = Settings(tls, proxy, max_redirects, transport)
    first = HTTPRequest(url, method=method, headers=headers, body=body, timeouts=timeouts)
    settings.check(first)
    return Opening(lambda: _request(first, settings))


def open_stream(
    url: str,
    *,
    method: str = "GET",
    headers: HeaderSource | None = None,
    body: Body | None = None,
    timeouts: Timeouts | None = None,
    tls: ssl.SSLContext | None = None,
    proxy: str | None = "env",
    max_redirects: int = MAX_REDIRECTS,
    transport: Transport | None = None,
    last_event_id: str = "",
    max_event_size: int | None = MAX_EVENT_SIZE,
    comments: bool = False,
    default_event: str = "message",
) -> Opening[EventStream]:
    """Send a request and return its events; takes the arguments of `request` and of `Parser`.

    To be awaited, or entered by `async with`, which closes the stream.

    Raises:
        TypeError, ValueError: an argument that makes no sense, at the call itself.

    Raises (when awaited):
        StatusError: the status is not 200.
        ContentTypeError: the media type is not text/event-stream.
        TransportError: no response could be had.
    """
    settings = Settings(tls, proxy, max_redirects, transport)
    first = HTTPRequest(url, method=method, headers=headers, body=body, timeouts=timeouts)
    parser: Parser[Any] = Parser(
        last_event_id=last_event_id or first.headers.get("Last-Event-ID", ""),
        max_event_size=max_event_size,
        comments=comments,
        default_event=default_event,
    )
    if last_event_id:
        first = first.with_last_event_id(last_event_id)
    settings.check(first)
    return Opening(lambda: _open_stream(first, settings, parser))


class Closing:
    """What `close()` returns: it has been done, and may be awaited until the socket is gone."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[object] | None = None) -> None:
        # Closes what a transport opened; our own sockets need none.
        self._task = task

    def __await__(self) -> Generator[Any, None, None]:
        if self._task is None:
            # asyncio closes an aborted socket in the next turn of its loop.
            yield
        else:
            yield from asyncio.shield(self._task).__await__()


class _Closeable(AsyncCloseable):
    """Close by `close()` or `aclose()`, either of which may be awaited, and by `async with`."""

    __slots__ = ()

    def close(self) -> Closing:
        raise NotImplementedError

    def aclose(self) -> Closing:
        """Do the same as `close`, under the name that `contextlib.aclosing` calls."""
        return self.close()


class Opening(Generic[_T]):
    """What `request` and `open_stream` return: await it, or enter it by `async with`; once.

    Nothing is sent before that.

    Raises (when awaited or entered a second time):
        StateError
    """

    __slots__ = ("_open", "_opened")

    def __init__(self, opener: Callable[[], Coroutine[Any, Any, _T]]) -> None:
        # None once it has been used: it holds the request, which is larger than a stream.
        self._open: Callable[[], Coroutine[Any, Any, _T]] | None = opener
        self._opened: Any = None

    def __await__(self) -> Generator[Any, None, _T]:
        opener, self._open = self._open, None
        if opener is None:
            raise StateError("this request has been sent already; call again for another")
        return opener().__await__()

    async def __aenter__(self) -> _T:
        opened = self._opened = await self
        return opened

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._opened.close()


class HTTPResponse(_Closeable):
    """A response; an asynchronous context manager that closes itself.

    A `Transport` makes one of what its library gives.

    Args:
        status: as on the wire.
        headers: Headers, a mapping or pairs.
        chunks: the body's bytes, decoded, as they arrive.
        url: what was asked in the end, after redirects.
        close: called once by `close()`, and awaited if it returns an
            awaitable; `chunks.aclose` or `chunks.close` if not given and there is one.
    """

    __slots__ = ("_close", "_deadlines", "_given", "chunks", "headers", "status", "url")

    def __init__(
        self,
        status: int,
        headers: HeaderSource,
        chunks: AsyncIterable[Body],
        *,
        url: str = "",
        close: Callable[[], object] | None = None,
    ) -> None:
        if not hasattr(chunks, "__aiter__"):
            raise wrong_type("chunks", "an asynchronous iterable of bytes", chunks)
        self.status: int = status
        self.headers: Headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.chunks: AsyncIterator[Body] = chunks.__aiter__()
        self.url: str = url
        self._close: Callable[[], object] | None = close
        # To be closed if `close` is not given.
        self._given: AsyncIterable[Body] | None = chunks if close is None else None
        # When to give up on the body; None where a transport has its own ways.
        self._deadlines: Deadlines | None = None

    def close(self) -> Closing:
        """Close the connection. Idempotent; a blocked reader ends. May be awaited."""
        close, self._close = self._close, None
        given, self._given = self._given, None
        if given is not None:
            close = getattr(given, "aclose", None) or getattr(given, "close", None)
        done = close() if close is not None else None
        if done is None or isinstance(done, Closing):
            return done or Closing()
        if not hasattr(done, "__await__"):
            return Closing()
        return _in_background(_awaited(done))

    def __repr__(self) -> str:
        return f"<HTTPResponse {self.status}>"


# How other HTTP libraries carry our requests. What it raises is wrapped in a TransportError.
Transport = Callable[[HTTPRequest], Awaitable[HTTPResponse]]


class EventStream(_Closeable):
    """The events of one response: an asynchronous iterator and context manager.

    It ends where the body ends as HTTP says it should, and after `close()`.
    `open_stream` makes it. One task at a time may wait for it; cancelling that
    task closes the connection.

    Raises (while iterating):
        ConnectionLost: the body broke off.
        StreamTimeout: a timeout ran out.
        EventTooLarge: after the events that were complete before.
        StateError: another task is waiting for it.
        TransportError: what else can go wrong with a connection.
    """

    __slots__ = (
        "__weakref__",
        "_batches",
        "_cut",
        "_dropped",
        "_given_id",
        "_parser",
        "_progress",
        "_ready",
        "_source",
        "headers",
        "status",
        "url",
    )

    def __init__(
        self, response: HTTPResponse, parser: Parser[Any], source: _Connection | _Parsed
    ) -> None:
        self.status: int = response.status
        self.headers: Headers = response.headers
        self.url: str = response.url
        self._source = source
        self._parser = parser
        # Received and taken from the source, not handed out: the rest of one
        # read's items, and the reads after it.
        self._ready: Iterator[Item] = _NOTHING
        self._batches: Iterator[list[Item]] = _NOTHING
        # The ID of the last event handed out; counts while more of them are ready.
        self._given_id: str = parser.last_event_id
        # Some were dropped by close(): the parser's last event ID is theirs.
        self._dropped = False
        # An event was handed out since `stall` was started.
        self._progress = True
        # A cancellation has ended it.
        self._cut = False

    @property
    def last_event_id(self) -> str:
        """The last event ID as of the last event that was handed out."""
        return self._given_id if self._dropped or self._waits() else self._parser.last_event_id

    def _waits(self) -> bool:
        """Return whether something received has not been handed out."""
        return bool(
            operator.length_hint(self._ready)
            or operator.length_hint(self._batches)
            or self._source.received
        )

    @property
    def retry(self) -> int | None:
        """The server's reconnection time in milliseconds, if it sent one."""
        return self._parser.retry

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while True:
            for item in self._ready:
                if item.__class__ is not Comment:
                    self._given_id = item.id  # type: ignore[union-attr]
                    self._progress = True
                return item
            for batch in self._batches:
                self._ready = iter(batch)
                break
            else:
                self._batches = iter(await self._take())

    def batches(self) -> Batches:
        """Return an asynchronous iterator over the list of events of each read.

        For those who want to know what came together, or handle it so.
        """
        return Batches(self)

    async def _next_batch(self) -> list[Any]:
        batch = list(self._ready)
        self._ready = _NOTHING
        while not batch:
            batch = next(self._batches, batch)
            if not batch:
                self._batches = iter(await self._take())
        for item in reversed(batch):
            if isinstance(item, ServerSentEvent):
                self._given_id = item.id
                self._progress = True
                break
        return batch

    async def _take(self) -> list[list[Any]]:
        """Return what each read since the last call has completed; wait if that is nothing."""
        source = self._source
        while not source.received:
            if source.ended:
                await source.close()
                # Not before: a cancellation there must not lose it.
                error, source.error = source.error, None
                if error is not None:
                    raise error
                raise StopAsyncIteration
            waiting = source.wait(self._progress)
            self._progress = False
            try:
                await waiting
            except StateError:
                raise
            except BaseException:
                # Cancelled. What it ended with by itself just before still comes.
                if not source.ended:
                    self._cut = True
                    source.close()
                raise
        batches, source.received = source.received, []
        return batches

    def close(self) -> Closing:
        """End the iteration, also of a task that waits; what is ready is dropped.

        Done at once; awaiting it returns when the socket is closed.
        """
        self._dropped = self._dropped or self._waits()
        self._ready = _NOTHING
        self._batches = _NOTHING
        source = self._source
        closing = source.close()
        source.received = []
        source.error = None
        return closing

    def __repr__(self) -> str:
        return f"<EventStream {'closed' if self._source.ended else 'open'}>"

    def __del__(self) -> None:
        # Not set where __init__ failed.
        source = getattr(self, "_source", None)
        if isinstance(source, _Connection):
            source.abandon(self)


class Batches:
    """The asynchronous iterator that `EventStream.batches` returns."""

    __slots__ = ("_stream",)

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        return await self._stream._next_batch()


class EventSource(_Closeable):
    """Events for ever, across reconnects: an asynchronous iterator and context manager.

    Takes the arguments of `open_stream`, and:

    Args:
        last_event_id: where to go on; a Last-Event-ID header counts as that.
        reconnect: when and how often to try again.
        on_open: called with the EventStream of each connection.
        on_error: called with each exception that ends a connection, and the
            seconds until the next attempt, or None if there is none. The end
            of a stream is a ConnectionLost here.

    What a hook raises closes the source and comes out of the iteration.
    Cancelling a task that waits for an event closes the connection; iterating
    on connects again where it was.

    Raises:
        TypeError, ValueError: an argument that makes no sense, before any I/O;
            hooks must be plain callables, not coroutine functions.

    Raises (while iterating):
        RetriesExhausted: too many failed attempts; the last failure is the cause.
        StatusError, ContentTypeError, RedirectError, ConnectFailed,
        ContentDecodingError, EventTooLarge: those that would only come again.
        StateError: another task is waiting for it.
    """

    def __init__(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: HeaderSource | None = None,
        body: Body | None = None,
        timeouts: Timeouts | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = "env",
        max_redirects: int = MAX_REDIRECTS,
        transport: Transport | None = None,
        last_event_id: str = "",
        max_event_size: int | None = MAX_EVENT_SIZE,
        comments: bool = False,
        default_event: str = "message",
        reconnect: ReconnectPolicy | None = None,
        on_open: Callable[[EventStream], object] | None = None,
        on_error: Callable[[SSEWireError, float | None], object] | None = None,
    ) -> None:
        self._settings = Settings(tls, proxy, max_redirects, transport)
        self._request = HTTPRequest(
            url, method=method, headers=headers, body=body, timeouts=timeouts
        )
        self._settings.check(self._request)
        # A new parser begins where events were dropped; else one goes on across connections.
        self._new_parser: Callable[[str], Parser[Any]] = lambda last_event_id: Parser(
            last_event_id=last_event_id,
            max_event_size=max_event_size,
            comments=comments,
            default_event=default_event,
        )
        self._parser: Parser[Any] = self._new_parser(
            last_event_id or self._request.headers.get("Last-Event-ID", "")
        )
        # An ID that no header can carry fails here, not in a later attempt.
        self._request.with_last_event_id(self._parser.last_event_id)
        # The last reconnection time of parsers that are gone.
        self._retry: int | None = None
        if reconnect is None:
            reconnect = ReconnectPolicy()
        elif not isinstance(reconnect, ReconnectPolicy):
            raise wrong_type("reconnect", "a ReconnectPolicy", reconnect)
        self._on_open = plain_callable("on_open", on_open)
        self._on_error = plain_callable("on_error", on_error)
        self._machine = Reconnection(reconnect, random=random.random, method=self._request.method)
        # What to do next while there is no stream, and when, on the loop's clock.
        self._command = self._machine.start()
        self._due = 0.0
        self._stream: EventStream | None = None
        # The last event ID as of close(), which may drop events.
        self._final_id: str | None = None
        self._closing = False
        self._restarting = False
        # The wait before an attempt, or the attempt itself.
        self._connecting = _Child()

    @property
    def last_event_id(self) -> str:
        """The last event ID as of the last event that was handed out."""
        if self._final_id is not None:
            return self._final_id
        stream = self._stream
        return self._parser.last_event_id if stream is None else stream.last_event_id

    @property
    def retry(self) -> int | None:
        """The server's reconnection time in milliseconds, if it sent one."""
        return self._retry if self._parser.retry is None else self._parser.retry

    @property
    def state(self) -> str:
        """ "connecting" (also while it waits to), "open" or "closed"."""
        return "closed" if self._closing else self._machine.state

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while not self._closing:
            stream = self._stream
            if stream is None:
                await self._connect()
                continue
            try:
                item = await stream.__anext__()
            except StopAsyncIteration:
                await self._end(None)
            except StateError:
                raise
            except SSEWireError as exc:
                await self._end(exc)
            except asyncio.CancelledError:
                # The connection is closed; what it has brought stays, and the next step goes on.
                if stream._cut:
                    self._interrupted()
                raise
            else:
                if item.__class__ is not Comment:
                    self._machine.on_event()
                return item
        await self._release()
        raise StopAsyncIteration

    def close(self) -> Closing:
        """End the iteration, also of a task that waits. Idempotent.

        Done at once; awaiting it returns when the socket is closed.
        """
        self._final_id = self.last_event_id
        self._closing = True
        self._connecting.cancel()
        stream = self._stream
        return Closing() if stream is None else stream.close()

    def restart(self) -> None:
        """Drop the connection, or the wait for the next, and connect at once.

        Events already received are handed out first.

        Raises:
            StateError: the source is closed.
        """
        if self.state == "closed":
            raise StateError("restart() after close()")
        self._restarting = True
        self._connecting.cancel()
        if self._stream is not None:
            self._stream._source.close()

    async def _connect(self) -> None:
        """Wait as long as the command says, then connect; return after one outcome."""
        command = self._command
        assert isinstance(command, Connect)
        connecting = self._connecting
        try:
            # What is left of it: a wait that was cancelled need not begin anew.
            delay = self._due - asyncio.get_running_loop().time()
            if not self._restarting and command.delay and delay > 0:
                await connecting.run(asyncio.sleep(delay))
        except _Interrupted:
            pass
        if self._closing:
            return
        if self._restarting:
            self._restarting = False
            self._machine.restart()
        # What was waited for is not waited for again after a cancellation.
        self._command = Connect()
        self._parser.reset()
        current = self._request.with_last_event_id(self._parser.last_event_id)
        opening = _event_response(current, self._settings)
        try:
            response = await connecting.run(opening, discard=HTTPResponse.close)
        except _Interrupted:
            return
        except StateError:
            raise
        except SSEWireError as exc:
            await self._end(exc)
            return
        except asyncio.CancelledError:
            if not self._machine.may_repeat:
                self.close()
            raise
        # Not before it is certain that what the parser finds will be handed out.
        self._stream = stream = _parsed(response, self._parser)
        self._machine.on_open()
        if self._on_open is not None:
            await self._run_hook(self._on_open, stream)

    async def _end(self, error: SSEWireError | None) -> None:
        """Act on the end of a connection, or of the attempt at one.

        Nothing is awaited before it is settled what comes next: a cancellation must not undo it.
        """
        released = self._release()
        if self._closing:
            await released
            return
        if self._restarting:
            # The command is made when it is carried out, in _connect.
            self._command = Connect()
            await released
            return
        self._machine.retry = self.retry
        retry_after = None
        if error is None:
            command = self._machine.on_end()
        else:
            if isinstance(error, StatusError):
                retry_after = parse_retry_after(error.headers, time.time())
            command = self._machine.on_failure(error, retry_after)
        self._command = command
        if isinstance(command, Connect):
            self._due = asyncio.get_running_loop().time() + command.delay
            if command.failed:
                log.warning(
                    "attempt %d failed: %s; the next in %.1f s",
                    self._machine.failures,
                    command.error,
                    command.delay,
                )
            else:
                log.info("%s; connecting again in %.1f s", command.error, command.delay)
            if self._on_error is not None:
                await self._run_hook(self._on_error, command.error, command.delay)
            await released
            return
        self._closing = True
        if command.error is not None:
            log.warning("stopped: %s", command.error)
            if self._on_error is not None:
                await self._run_hook(self._on_error, command.error, None)
            raise command.error
        await released

    def _interrupted(self) -> None:
        """Note that a connection, or the attempt at one, was cancelled."""
        if self._machine.may_repeat:
            self._restarting = True
        else:
            # The server may have acted on the request: it is not sent once more.
            self.close()

    async def _run_hook(self, hook: Callable[..., object], *args: object) -> None:
        try:
            hook(*args)
        except BaseException as exc:
            self.close()
            await self._release()
            if isinstance(exc, (StopIteration, StopAsyncIteration)):
                # It would look like the end of the events (PEP 479).
                raise RuntimeError(f"a hook raised {type(exc).__name__}") from exc
            raise

    def _release(self) -> Closing:
        stream, self._stream = self._stream, None
        if stream is None:
            return Closing()
        closing = stream.close()
        if stream.last_event_id != self._parser.last_event_id:
            # Events were dropped by whom on_open gave the stream to: go on after the last one.
            self._retry = self.retry
            self._parser = self._new_parser(stream.last_event_id)
        return closing

    def __repr__(self) -> str:
        return f"<EventSource {self.state}>"


# --- tasks of our own


class _Interrupted(Exception):
    """close() or restart() was called meanwhile; never leaves this module."""


class _Expired(Exception):
    """The time is up; never leaves this module."""


class _Child:
    """One coroutine at a time, in a task that others and a deadline can end.

    Where a deadline cancelled the caller's own task, that could not be told from
    a cancellation by somebody else on every supported Python.
    """

    __slots__ = ("_interrupted", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        # cancel() was called.
        self._interrupted = False

    async def run(
        self,
        coroutine: Coroutine[Any, Any, _T],
        seconds: float | None = None,
        discard: Callable[[_T], object] | None = None,
    ) -> _T:
        """Return what the coroutine returns. When this is cancelled, so is the coroutine.

        Args:
            discard: called with a result that comes too late.

        Raises:
            _Expired: after so many seconds.
            _Interrupted: `cancel` was called.
            StateError: another task is at it.
        """
        if self._task is not None:
            coroutine.close()
            raise StateError("another task is waiting for this stream")
        self._interrupted = False
        task = self._task = asyncio.get_running_loop().create_task(coroutine)
        try:
            try:
                done, _ = await asyncio.wait({task}, timeout=seconds)
            except asyncio.CancelledError:
                await self._end(task, discard)
                raise
            if done and not self._interrupted:
                result: _T = task.result()
                return result
            await self._end(task, discard)
        finally:
            self._task = None
        raise _Interrupted if self._interrupted else _Expired

    def cancel(self) -> None:
        """Make `run`, if it is under way, raise _Interrupted."""
        if self._task is not None:
            self._interrupted = True
            self._task.cancel()

    async def idle(self) -> None:
        """Wait until `run` is not under way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _end(self, task: asyncio.Task[_T], discard: Callable[[_T], object] | None) -> None:
        task.cancel()
        # Even if this wait is cancelled too.
        task.add_done_callback(lambda task: _dispose(task, discard))
        await asyncio.wait({task})


def _dispose(task: asyncio.Task[_T], discard: Callable[[_T], object] | None) -> None:
    """Take what a task ended with; close it if it is something to close."""
    if not task.cancelled() and task.exception() is None and discard is not None:
        discard(task.result())


# Kept until they are done: the loop itself holds tasks weakly.
_background: set[asyncio.Task[object]] = set()


def _in_background(coroutine: Coroutine[Any, Any, object]) -> Closing:
    task = asyncio.get_running_loop().create_task(coroutine)
    _background.add(task)
    task.add_done_callback(_forget)
    return Closing(task)


def _forget(task: asyncio.Task[object]) -> None:
    _background.discard(task)
    # Whoever awaits it gets it raised; nobody need.
    if not task.cancelled() and task.exception() is not None:
        log.debug("closing failed", exc_info=task.exception())


async def _awaited(awaitable: Any) -> object:
    return await awaitable


# --- one connection


# By loop: all its connections receive into the same buffer, because each read
# is used up before the next one begins.
_buffers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = (
    weakref.WeakKeyDictionary()
)


def _shared_buffer(loop: asyncio.AbstractEventLoop) -> memoryview:
    view = _buffers.get(loop)
    if view is None:
        view = _buffers[loop] = memoryview(bytearray(READ_SIZE))
    return view


class _Connection(asyncio.BufferedProtocol):
    """One connection, and what it has received.

    `received` holds the bytes of the body, one item per read; once a parser
    is attached, the items that each read completed. When `ended` is set
    nothing more comes, and `error` says why unless all is well; both count
    only after what was received.
    """

    __slots__ = (
        "_connecting",
        "_heading",
        "_key",
        "_loop",
        "_parser",
        "_paused",
        "_pool",
        "_timed",
        "_timer",
        "_timer_at",
        "_transport",
        "_tunnel",
        "_unread",
        "_view",
        "_waiter",
        "deadlines",
        "ended",
        "error",
        "reader",
        "received",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        deadlines: Deadlines,
        reader: ResponseReader,
        tunnel: bool,
    ) -> None:
        self._loop = loop
        self.deadlines: Deadlines = deadlines
        # There from the start: an answer may come before the question is asked.
        self.reader: ResponseReader = reader
        self.received: list[Any] = []
        self.ended: bool = False
        self.error: SSEWireError | None = None
        self._view = _shared_buffer(loop)
        self._transport: asyncio.Transport | None = None
        # Takes the transport over once the response is through; None if it is to be closed.
        self._pool: Pool | None = None
        self._key: Hashable = None
        # None while bytes are wanted.
        self._parser: Parser[Any] | None = None
        # Done when there is news for the task that waits; None if none does.
        self._waiter: asyncio.Future[None] | None = None
        # A head is waited for, so that every read is news.
        self._heading = False
        # It is a proxy's, with which the connection only begins.
        self._tunnel = tunnel
        # Bytes since somebody last waited.
        self._unread = 0
        self._paused = False
        # What connects, while that is under way.
        self._connecting: _Child | None = None
        # Deadlines can run; most streams have none and need not look at the clock.
        self._timed = True
        # The one timer, and when it fires: never later than the next deadline while somebody
        # waits. Deadlines that move away do not touch it.
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        if self.ended:
            # Given up while it was being made.
            self._transport.abort()  # type: ignore[union-attr]

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self.ended:
            return
        reader = self.reader
        news = self._heading
        pieces = reader.feed(bytes(self._view[:nbytes]))
        if pieces and self._keep(pieces[0] if len(pieces) == 1 else b"".join(pieces)):
            news = True
        if reader.error is not None or (reader.complete and not self._tunnel):
            self._end(reader.error)
        waiter = self._waiter
        if waiter is None:
            self._unread += nbytes
            if self._unread > _BACKLOG and not self._paused and not self.ended:
                self._paused = True
                assert self._transport is not None
                self._transport.pause_reading()
        elif news:
            self._unread = nbytes
            self._wake(waiter)
        elif self._timed:
            self.deadlines.start_idle(self._loop.time())

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.ended:
            return
        if exc is None:
            self.reader.close()
            self._end(self.reader.error)
        else:
            lost = ConnectionLost(reason(exc))
            lost.__cause__ = exc
            self._end(lost)

    def _on_timer(self) -> None:
        self._timer = None
        # Nobody waits: a consumer that takes its time cannot time out a good stream.
        if (self._waiter is None and self._connecting is None) or self.ended:
            return
        error = self.deadlines.expired(self._loop.time())
        if error is None:
            self._arm()
        elif self._connecting is not None:
            self._connecting.cancel()
        else:
            self._end(error)

    # --- what tasks call

    def wait(self, progress: bool = False) -> asyncio.Future[None]:
        """Return what is done at the next news: something in `received`, the end, more of a head.

        A future, not a coroutine, which would cost each waiting stream another
        frame. Whoever awaits it closes the connection when cancelled.

        Args:
            progress: an event was handed out, so that `stall` begins anew.

        Raises:
            StateError: another task waits.
        """
        if self._waiter is not None:
            raise StateError("another task is waiting for this stream")
        waiter = self._waiter = self._loop.create_future()
        self._unread = 0
        if self._timed:
            now = self._loop.time()
            if not self._heading:
                self.deadlines.start_idle(now)
                if progress:
                    self.deadlines.start_stall(now)
            # One may have run out while nobody waited.
            error = self.deadlines.expired(now)
            if error is None:
                self._arm()
            else:
                self._end(error)
        if self._paused and not self.ended:
            self._paused = False
            assert self._transport is not None
            self._transport.resume_reading()
        return waiter

    async def ask(self, data: bytes) -> ResponseHead:
        """Send a request and return the head of the response.

        Raises:
            TransportError: there is none.
        """
        assert self._transport is not None
        reader = self.reader
        self._heading = True
        self._transport.write(data)
        while reader.head is None and not self.ended:
            await self.wait()
        self._heading = False
        if reader.head is None:
            raise self.error or ConnectionLost("the connection was closed")
        return reader.head

    def reuse(self, transport: asyncio.Transport) -> None:
        """Go on with a connection that carried another request before."""
        self._transport = transport
        transport.set_protocol(self)

    def keep_for(self, pool: Pool, key: Hashable) -> None:
        """Leave the transport to a pool once the response is through, if it is any good then."""
        self._pool = pool
        self._key = pool.keys.setdefault(key, key)

    async def connect(self, host: str, port: int, address: str) -> None:
        """Connect to the address of the host that answers first."""

        async def connected() -> None:
            found = await _connected_socket(self._loop, host, port)
            await self._loop.create_connection(lambda: self, sock=found)

        try:
            await self._within_deadline(connected())
        # An encoding error of a host name is a ValueError.
        except (OSError, ValueError) as exc:
            if isinstance(exc, StreamTimeout):
                raise
            raise ConnectFailed(address, reason(exc)) from exc

    async def start_tls(
        self, context: ssl.SSLContext, host: str, address: str, reader: ResponseReader
    ) -> None:
        """Put TLS on the connection, and have `reader` read what comes over it."""
        assert self._transport is not None
        plain = self._transport

        async def shaken() -> None:
            if self.ended:
                why = str(self.error) if self.error else "the connection was closed"
                raise ConnectFailed(address, why) from self.error
            # From here to asyncio's taking over nothing else runs, so that no bytes in
            # plain text ever reach the reader of the answer.
            self.reader = reader
            self._tunnel = False
            try:
                made: Any = await self._loop.start_tls(
                    plain, self, context, server_hostname=host, ssl_handshake_timeout=_HANDSHAKE
                )
            except BaseException:
                # Cancelled just as it was made: up to Python 3.10 nobody would close this one.
                made = getattr(plain.get_protocol(), "_app_transport", None)
                if made is not None:
                    made.abort()
                raise
            # Up to Python 3.10 there is none if the connection was lost meanwhile.
            if made is None:
                raise ConnectionResetError("closed within the TLS handshake")
            self._transport = made
            if self.ended:
                made.abort()

        try:
            await self._within_deadline(shaken())
        except ssl.CertificateError as exc:
            raise ConnectFailed(address, reason(exc), False) from exc
        except (OSError, ValueError) as exc:
            if isinstance(exc, StreamTimeout):
                raise
            raise ConnectFailed(address, reason(exc)) from exc

    async def open_tunnel(self, current: HTTPRequest, proxy: Proxy) -> None:
        """Have the proxy connect to the request's server."""
        try:
            head = await self.ask(connect_head(current, proxy))
        except (ConnectionLost, HTTPFormatError) as exc:
            raise ConnectFailed(proxy.address, str(exc)) from exc
        if not 200 <= head.status < 300:
            raise ConnectFailed(
                proxy.address,
                f"the proxy answered CONNECT with status {head.status}",
                head.status in (408, 429) or head.status >= 500,
            )
        if self.reader.leftover:
            raise HTTPFormatError("the proxy sent bytes before the tunnel was used")

    async def _within_deadline(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        error = self.deadlines.expired(self._loop.time())
        if error is not None:
            coroutine.close()
            raise error
        self._connecting = _Child()
        self._arm()
        try:
            return await self._connecting.run(coroutine)
        except _Interrupted:
            raise _timed_out(self._loop, self.deadlines) from None
        finally:
            self._connecting = None

    def begin_body(self, timeouts: Timeouts) -> None:
        """Note that the head is there, and that its deadline is done with."""
        self.deadlines.start_body()
        self._timed = not (timeouts.idle is timeouts.stall is timeouts.total is None)
        if not self._timed:
            # A stream may last for days; what it does not need is let go.
            self._disarm()
            self.deadlines = _NO_DEADLINES

    def attach(self, parser: Parser[Any]) -> None:
        """Parse what was received, and from now on at every read."""
        self._parser = parser
        chunks, self.received = self.received, []
        if chunks:
            self._keep(b"".join(chunks))

    def close(self) -> Closing:
        """End it; what was received stays. Done at once, awaited until the socket is closed."""
        self._end(None)
        return Closing()

    def finish(self) -> None:
        """Let what is left of the response come, for the pool; close it if that takes long."""
        pool = self._pool
        if pool is None:
            self._end(None)
        if pool is None or self.ended:
            return
        self._disarm()
        self._timed = False
        self._timer = self._loop.call_later(_REST, self._end, None)
        pool.finishing.add(self)
        if self._paused:
            self._paused = False
            assert self._transport is not None
            self._transport.resume_reading()

    def ending(self) -> asyncio.Future[None]:
        """Return what is done when `finish` has come to its end."""
        if self._waiter is None:
            self._waiter = self._loop.create_future()
        return self._waiter

    def abandon(self, owner: object) -> None:
        """Close what nobody can close any more, as the destructor of `owner`, with a warning."""
        if not self.ended and not self._loop.is_closed():
            # It may run in any thread.
            self._loop.call_soon_threadsafe(self.close)
            warnings.warn(f"unclosed {owner!r}", ResourceWarning, 2, owner)

    # --- common

    def _keep(self, data: bytes) -> bool:
        """Store bytes of the body, or the items that they complete; return whether there are."""
        if self._parser is None:
            self.received.append(data)
            return True
        try:
            items = self._parser.feed(data)
        except EventTooLarge as exc:
            items = exc.events
            self._end(None)
            # Whatever came after these bytes does not count any more.
            self.error = exc
        if items:
            self.received.append(items)
            return True
        return False

    def _end(self, error: SSEWireError | None) -> None:
        """Close the socket, or give it away, and wake who waits."""
        if self.ended:
            return
        self.ended = True
        self.error = error
        self._disarm()
        transport = self._transport
        if transport is not None and not self._loop.is_closed():
            pool = self._pool
            if pool is not None:
                pool.finishing.discard(self)
            # Of a request that was answered before it was through, some is still to be sent.
            if (
                pool is not None
                and error is None
                and self.reader.reusable
                and not transport.get_write_buffer_size()
            ):
                if self._paused:
                    transport.resume_reading()
                pool.give(self._loop, self._key, transport)
            else:
                # Not close(): over TLS that waits, for up to 30 s, for the peer's goodbye.
                # All that we had to say has long been said, or need not be any more.
                transport.abort()
        if self._waiter is not None:
            self._wake(self._waiter)

    def _wake(self, waiter: asyncio.Future[None]) -> None:
        self._waiter = None
        # Its task may just have been cancelled.
        if not waiter.done():
            waiter.set_result(None)

    def _arm(self) -> None:
        earliest = self.deadlines.earliest()
        if earliest is None:
            return
        if self._timer is not None:
            if self._timer_at <= earliest:
                return
            self._timer.cancel()
        self._timer_at = earliest
        self._timer = self._loop.call_at(earliest, self._on_timer)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def _connected_socket(loop: asyncio.AbstractEventLoop, host: str, port: int) -> socket.socket:
    """Return a socket connected to the address of the host that answers first.

    `loop.create_connection` would do the same, but when it is cancelled
    while it tries several addresses it leaves tasks and sockets behind.
    """
    rest = await _addresses(loop, host, port)
    attempts: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException | None = None
    won: socket.socket | None = None
    try:
        while rest or attempts:
            if rest:
                attempts.add(loop.create_task(_attempt(loop, rest.pop(0))))
            done, _ = await asyncio.wait(
                attempts,
                timeout=_NEXT_ADDRESS if rest else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                attempts.remove(task)
                failure = task.exception()
                if failure is None:
                    won = task.result()
                    return won
        assert failure is not None
        raise failure
    finally:
        # A reference cycle otherwise, through its traceback.
        failure = None
        if attempts:
            for task in attempts:
                task.cancel()
                task.add_done_callback(lambda task: _dispose(task, socket.socket.close))
            try:
                await asyncio.wait(attempts)
            except BaseException:
                # Cancelled: nobody gets it.
                if won is not None:
                    won.close()
                raise


async def _addresses(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[Any]:
    """Return what getaddrinfo knows of a host, its families taking turns (RFC 8305)."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        # No need to bother the thread of the name lookups.
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    first = [info for info in found if info[0] == found[0][0]]
    others = [info for info in found if info[0] != found[0][0]]
    turns = zip_longest(first, others)
    return [info for turn in turns for info in turn if info is not None]


async def _attempt(loop: asyncio.AbstractEventLoop, info: Any) -> socket.socket:
    family, kind, protocol, _, address = info
    new = socket.socket(family, kind, protocol)
    try:
        new.setblocking(False)
        await loop.sock_connect(new, address)
    except BaseException:
        new.close()
        raise
    return new


# For all connections that have none.
_NO_DEADLINES = Deadlines(Timeouts(connect=None), 0.0)


def _remaining(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> float | None:
    """Return the seconds until the next deadline; None if there is none.

    Raises:
        StreamTimeout: it has passed.
    """
    earliest = deadlines.earliest()
    if earliest is None:
        return None
    now = loop.time()
    if earliest > now:
        return earliest - now
    raise _timed_out(loop, deadlines)


def _timed_out(loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> StreamTimeout:
    earliest = deadlines.earliest()
    assert earliest is not None
    error = deadlines.expired(max(earliest, loop.time()))
    assert error is not None
    return error


# --- bodies


class _Body:
    """The decoded bytes of a response over a connection of ours."""

    __slots__ = ("_connection", "_headers", "_inflated", "_inflater", "_owner")

    def __init__(self, connection: _Connection, headers: Headers) -> None:
        self._connection = connection
        # Nobody else closes the connection.
        self._owner = True
        self._inflater: Any = None
        # Found out at the first step, so that a refused response keeps its status.
        self._headers: Headers | None = headers
        # What the last read inflates to, in small steps; None in between.
        self._inflated: Iterator[bytes] | None = None

    def release(self) -> _Connection | None:
        """Leave the connection to another owner, if its bytes are those of the body as they are."""
        if self._headers is None or "Content-Encoding" in self._headers:
            return None
        self._owner = False
        return self._connection

    def __aiter__(self) -> Self:
        return self

    # All in one coroutine: those that wait are a good part of what a stream holds
    # (benchmarks/claude_clients.py).
    async def __anext__(self) -> bytes:
        connection = self._connection
        try:
            if self._headers is not None:
                # Where there is no body, as after HEAD, its encoding does not matter.
                if connection.received or not connection.reader.complete:
                    self._inflater = make_inflater(self._headers)
                self._headers = None
            while True:
                if self._inflated is not None:
                    for piece in self._inflated:
                        if len(piece) == INFLATE_STEP:
                            # More is likely to follow; a bomb must not hold up the loop.
                            await asyncio.sleep(0)
                        return piece
                    self._inflated = None
                if connection.received:
                    data = b"".join(connection.received)
                    connection.received = []
                    if self._inflater is None:
                        return data
                    self._inflated = self._inflater.feed(data)
                elif connection.ended:
                    error, connection.error = connection.error, None
                    if error is not None:
                        raise error
                    if self._inflater is not None and connection.reader.complete:
                        inflater, self._inflater = self._inflater, None
                        inflater.close()
                    raise StopAsyncIteration
                else:
                    await connection.wait()
        except StateError:
            raise
        except BaseException:
            # Its end, its failures, and cancellation alike.
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


class _ForeignBody:
    """The chunks of a transport's response, typed failures, under our deadlines."""

    __slots__ = ("_child", "_chunks", "_closing", "_deadlines", "_response")

    def __init__(self, response: HTTPResponse, deadlines: Deadlines) -> None:
        self._response = response
        self._chunks = response.chunks
        self._deadlines = deadlines
        self._child = _Child()
        self._closing: Closing | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._closing is not None:
            raise StopAsyncIteration
        loop = asyncio.get_running_loop()
        try:
            self._deadlines.start_idle(loop.time())
            return await self._child.run(self._step(), _remaining(loop, self._deadlines))
        except (_Interrupted, StopAsyncIteration):
            await self.close()
            raise StopAsyncIteration from None
        except StateError:
            raise
        except _Expired:
            await self.close()
            raise _timed_out(loop, self._deadlines) from None
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

    def close(self) -> Closing:
        if self._closing is None:
            self._child.cancel()
            self._closing = _in_background(self._close())
        return self._closing

    async def _close(self) -> None:
        await self._child.idle()
        try:
            await self._response.close()
        except Exception as exc:
            # That it cannot be closed changes no outcome.
            log.warning("a transport's response could not be closed: %s", type(exc).__name__)


class _Parsed:
    """A source of events like a connection with a parser, over any chunks of bytes."""

    __slots__ = ("_body", "_deadlines", "_parser", "ended", "error", "received")

    def __init__(
        self, body: _Body | _ForeignBody, parser: Parser[Any], deadlines: Deadlines
    ) -> None:
        self._body = body
        self._parser = parser
        self._deadlines = deadlines
        self.received: list[list[Any]] = []
        self.ended: bool = False
        self.error: SSEWireError | None = None

    async def wait(self, progress: bool) -> None:
        """Read one chunk."""
        if progress:
            self._deadlines.start_stall(asyncio.get_running_loop().time())
        try:
            chunk = await self._body.__anext__()
            items = self._parser.feed(chunk)
        except StateError:
            raise
        except StopAsyncIteration:
            self.ended = True
            return
        except EventTooLarge as exc:
            items = exc.events
            self.ended = True
            self.error = exc
        except SSEWireError as exc:
            self.ended = True
            self.error = exc
            return
        except asyncio.CancelledError:
            raise
        except BaseException:
            self.ended = True
            raise
        if items:
            self.received.append(items)

    def close(self) -> Closing:
        self.ended = True
        return self._body.close()


# --- one exchange


async def _request(first: HTTPRequest, settings: Settings) -> HTTPResponse:
    """Return the response that a request ends at, after redirects."""
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(first.timeouts, loop.time())
    redirects = Redirects(settings.max_redirects)
    current = first
    while True:
        if settings.transport is None:
            response = await _exchange(current, settings, deadlines)
        else:
            response = await _carry(current, settings.transport, deadlines)
        try:
            following = redirects.follow(current, response.status, response.headers)
        except BaseException:
            await response.close()
            raise
        if following is None:
            return response
        await response.close()
        deadlines.start_connect(loop.time())
        current = following


async def _exchange(current: HTTPRequest, settings: Settings, deadlines: Deadlines) -> HTTPResponse:
    """Connect, or take a connection that was kept; send a request, return what is answered."""
    loop = asyncio.get_running_loop()
    parts = current.parts
    try:
        proxy = settings.proxy_for(current)
    except ValueError as exc:
        # Met after a redirect; the first request's was checked before.
        raise ConnectFailed(parts.address, str(exc), False) from exc
    key = (parts.scheme, parts.host, parts.port, proxy)
    pool: Pool | None = settings.pool
    transport = None if pool is None else await pool.soon(loop, key)
    secure = parts.scheme == "https"
    if transport is not None:
        connection = _Connection(loop, deadlines, ResponseReader(current.method), False)
        connection.reuse(transport)
        try:
            return await _answer(connection, current, None if secure else proxy, pool, key)
        except ConnectionLost:
            if connection.reader.begun:
                raise
        # The server had closed it while it was idle, or just then (RFC 9112, 9.3.1). Once
        # only: another one that was kept may be no better.
        deadlines.start_connect(loop.time())
    reader = first_reader = ResponseReader(current.method)
    if secure:
        first_reader = ResponseReader("CONNECT", tunnel=True)
        if proxy is None:
            first_reader.error = HTTPFormatError("bytes before the TLS handshake")
    connection = _Connection(loop, deadlines, first_reader, secure and proxy is not None)
    try:
        if proxy is None:
            await connection.connect(parts.host, parts.port, parts.address)
        else:
            await connection.connect(proxy.host, proxy.port, proxy.address)
            if secure:
                await connection.open_tunnel(current, proxy)
        if secure:
            context = settings.tls_context()
            # Certificates know no dot at the end of a name (RFC 6066, 3).
            await connection.start_tls(context, parts.host.rstrip("."), parts.address, reader)
            proxy = None
    except BaseException:
        connection.close()
        raise
    return await _answer(connection, current, proxy, pool, key)


async def _answer(
    connection: _Connection,
    current: HTTPRequest,
    proxy: Proxy | None,
    pool: Pool | None,
    key: Hashable,
) -> HTTPResponse:
    """Send a request on a connection that is made, and return what is answered."""
    loop = asyncio.get_running_loop()
    try:
        connection.deadlines.start_head(loop.time())
        asked = request_head(current, proxy, keep_alive=pool is not None)
        if pool is not None:
            connection.keep_for(pool, key)
        head = await connection.ask(asked + (current.body or b""))
        connection.begin_body(current.timeouts)
        body = _Body(connection, head.headers)
        response = HTTPResponse(head.status, head.headers, body, url=current.url, close=body.close)
        response._deadlines = connection.deadlines
        return response
    except BaseException:
        connection.close()
        raise


class Pool:
    """Connections that wait for further requests, for clients that make many to one server.

    Each belongs to the loop it was opened in, and each process has its own.
    """

    def __init__(self) -> None:
        self._kept: _KeptByLoop = weakref.WeakKeyDictionary()
        # Those that the last bytes of a response are still to come on.
        self.finishing: set[_Connection] = set()
        # One object for all connections of a key; there are as many as servers.
        self.keys: dict[Hashable, Hashable] = {}
        self._process = os.getpid()

    def take(self, loop: asyncio.AbstractEventLoop, key: Hashable) -> asyncio.Transport | None:
        """Return the connection given last for `key`; None if there is none that may be used."""
        if self._process != os.getpid():
            # A forked child must neither write to its parent's connections nor end them.
            self._kept = weakref.WeakKeyDictionary()
            self.finishing = set()
            self._process = os.getpid()
        self._forget_closed_loops()
        kept = self._kept.get(loop, {}).get(key, [])
        while kept:
            idle = kept[-1]
            if idle.usable():
                return idle.release()
            idle.close()
        return None

    async def soon(
        self, loop: asyncio.AbstractEventLoop, key: Hashable
    ) -> asyncio.Transport | None:
        """Do what `take` does; where there is none, wait for one that is as good as free."""
        transport = self.take(loop, key)
        if transport is None:
            ending = [
                connection.ending()
                for connection in self.finishing
                if connection._loop is loop and connection._key == key
            ]
            if ending:
                await asyncio.wait(ending, timeout=_REST_SOON, return_when=asyncio.FIRST_COMPLETED)
                transport = self.take(loop, key)
        return transport

    def give(
        self, loop: asyncio.AbstractEventLoop, key: Hashable, transport: asyncio.Transport
    ) -> None:
        """Keep a connection, or close it if there are enough."""
        self._forget_closed_loops()
        kept = self._kept.setdefault(loop, {}).setdefault(key, [])
        if transport.is_closing() or len(kept) >= POOL_SIZE:
            transport.abort()
        else:
            transport.set_protocol(_Kept(kept, transport, loop))

    def _forget_closed_loops(self) -> None:
        # What they kept refers to them, so that nobody else would.
        for loop in [loop for loop in self._kept if loop.is_closed()]:
            del self._kept[loop]

    def close(self) -> None:
        """Close what is kept; what is another loop's once that runs on."""
        kept_by_loop, self._kept = self._kept, weakref.WeakKeyDictionary()
        finishing, self.finishing = self.finishing, set()
        if self._process != os.getpid():
            return
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        todo: list[tuple[asyncio.AbstractEventLoop, Callable[[], object]]] = [
            (loop, idle.close)
            for loop, by_key in kept_by_loop.items()
            for kept in by_key.values()
            for idle in kept
        ]
        todo += [(connection._loop, connection.close) for connection in finishing]
        for loop, close in todo:
            if loop is here:
                close()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(close)


def _readable(connection: Any) -> bool:
    """Say whether there is something to read from a socket, without waiting."""
    if connection is None or connection.fileno() < 0:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([connection.fileno()], [], [], 0)[0])


class _Kept(asyncio.Protocol):
    """A connection that is idle: whatever happens to it makes it useless."""

    __slots__ = ("_kept", "_loop", "_transport", "_until")

    def __init__(
        self, kept: list[_Kept], transport: asyncio.Transport, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._kept = kept
        self._transport = transport
        self._loop = loop
        self._until = loop.time() + POOL_IDLE
        kept.append(self)

    def usable(self) -> bool:
        """Say whether a request may be sent on it."""
        if self._transport.is_closing() or self._loop.time() >= self._until:
            return False
        # What the loop has not read yet: the end, or an answer that nobody has asked for and
        # that must not become that of the next request.
        return not _readable(self._transport.get_extra_info("socket"))

    def release(self) -> asyncio.Transport:
        """Take it out of the pool."""
        self._kept.remove(self)
        return self._transport

    def close(self) -> None:
        """Take it out of the pool and close it. Idempotent."""
        if self in self._kept:
            self._kept.remove(self)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self.close()

    def eof_received(self) -> None:
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()


async def _carry(current: HTTPRequest, transport: Transport, deadlines: Deadlines) -> HTTPResponse:
    """Have a transport carry a request."""

    async def carried() -> HTTPResponse:
        try:
            awaitable = transport(current)
            response = await awaitable if hasattr(awaitable, "__await__") else awaitable
        except SSEWireError:
            raise
        except Exception as exc:
            raise foreign(exc) from exc
        if not isinstance(response, HTTPResponse):
            raise wrong_type("what a transport returns", "an HTTPResponse", response)
        return response

    loop = asyncio.get_running_loop()
    deadlines.start_head(loop.time())
    try:
        response = await _Child().run(carried(), _remaining(loop, deadlines), HTTPResponse.close)
    except _Expired:
        raise _timed_out(loop, deadlines) from None
    deadlines.start_body()
    body = _ForeignBody(response, deadlines)
    ours = HTTPResponse(
        response.status,
        response.headers,
        body,
        url=response.url or current.url,
        close=body.close,
    )
    ours._deadlines = deadlines
    return ours


async def _open_stream(first: HTTPRequest, settings: Settings, parser: Parser[Any]) -> EventStream:
    return _parsed(await _event_response(first, settings), parser)


async def _event_response(first: HTTPRequest, settings: Settings) -> HTTPResponse:
    """Return a response that has been found to be an event stream."""
    response = await _request(first, settings)
    try:
        if response.status != 200:
            raise StatusError(response.status, response.headers, await _error_body(response))
        if not is_event_stream(response.headers):
            body = await _error_body(response)
            raise ContentTypeError(response.headers.get("Content-Type"), body)
    except BaseException:
        await response.close()
        raise
    return response


def _parsed(response: HTTPResponse, parser: Parser[Any]) -> EventStream:
    """Return the events of a response."""
    chunks: Any = response.chunks
    deadlines = response._deadlines
    assert deadlines is not None
    connection = chunks.release() if isinstance(chunks, _Body) else None
    if connection is None:
        return EventStream(response, parser, _Parsed(chunks, parser, deadlines))
    stream = EventStream(response, parser, connection)
    connection.attach(parser)
    return stream


async def _error_body(response: HTTPResponse, limit: int = ERROR_BODY) -> bytes:
    """Return the beginning of a body that says why there are no events."""
    body = bytearray()

    async def collect() -> None:
        async for chunk in response.chunks:
            body.extend(chunk[:limit])
            if len(body) >= limit:
                break

    try:
        await _Child().run(collect(), ERROR_BODY_PATIENCE)
    except (_Expired, SSEWireError):
        pass  # The status is the news; what there is of the body will do.
    return bytes(body[:limit])
