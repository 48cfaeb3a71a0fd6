"""Open event streams over HTTP/1.1 with blocking sockets; nothing but the standard library.

One thread iterates; `close()` and `restart()` may be called from any. A
socket is closed only by the thread that uses it, or while none does: the
others shut it down, which wakes the reader. All waiting stands under the
deadlines of `Timeouts`. Framing, checks and the rules of reconnection are
sans-I/O and shared with `ssewire.aio`.
May import: errors, _checks, _closing, _headers, _limits, event, parser, _http, _settings,
reconnect.
"""

from __future__ import annotations

import operator
import os
import random
import select
import socket
import ssl
import threading
import time
from threading import get_ident
from typing import Callable

from ._checks import wrong_type
from ._closing import Closeable
from ._headers import Headers
from ._http.content import make_inflater
from ._http.heads import connect_head, request_head
from ._http.reader import ResponseReader
from ._http.redirects import MAX_REDIRECTS, Redirects
from ._http.refusal import ERROR_BODY, is_event_stream, parse_retry_after
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
from .event import Comment
from .parser import Parser
from .reconnect import Connect, Reconnection, ReconnectPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from ._headers import HeaderSource
    from ._http.proxy import Proxy
    from ._http.request import Body
    from .event import Item

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

# Seconds of one wait: the clocks of some calls overflow after weeks. Who waits
# for longer waits again.
_LONGEST_WAIT = 86400.0


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
) -> HTTPResponse:
    """Send a request, follow redirects and return the response, whatever its status is.

    Args:
        url: http or https; without credentials.
        headers: a mapping or pairs; they win over the defaults (Accept:
            text/event-stream, Cache-Control: no-cache, Accept-Encoding: identity).
        timeouts: in seconds; by default 10 for connecting and none else.
        tls: verifies with the system's certificates if not given.
        proxy: "env" takes it from the environment (HTTP_PROXY, NO_PROXY, ...);
            else a proxy's URL, or None.
        transport: carries each request instead of our own sockets; timeouts
            are then its own business, but for those between two chunks.

    Raises:
        TypeError, ValueError: an argument that makes no sense, before any I/O.
        TransportError: no response could be had.
    """
    settings = Settings(tls, proxy, max_redirects, plain_callable("transport", transport))
    first = HTTPRequest(url, method=method, headers=headers, body=body, timeouts=timeouts)
    settings.check(first)
    return _request(first, settings, _Handle())


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
) -> EventStream:
    """Send a request and return its events; takes the arguments of `request` and of `Parser`.

    Raises:
        TypeError, ValueError: an argument that makes no sense, before any I/O.
        StatusError: the status is not 200.
        ContentTypeError: the media type is not text/event-stream.
        TransportError: no response could be had.
    """
    settings = Settings(tls, proxy, max_redirects, plain_callable("transport", transport))
    first = HTTPRequest(url, method=method, headers=headers, body=body, timeouts=timeouts)
    parser = Parser(
        last_event_id=last_event_id or first.headers.get("Last-Event-ID", ""),
        max_event_size=max_event_size,
        comments=comments,
        default_event=default_event,
    )
    if last_event_id:
        first = first.with_last_event_id(last_event_id)
    settings.check(first)
    return _open_stream(first, settings, _Handle(), parser)


class HTTPResponse(Closeable):
    """A response; a context manager that closes itself.

    A `Transport` makes one of what its library gives.

    Args:
        status: as on the wire.
        headers: Headers, a mapping or pairs.
        chunks: the body's bytes, decoded, as they arrive.
        url: what was asked in the end, after redirects.
        close: called once by `close()`, from whichever thread; `chunks.close`
            if not given and there is one.
    """

    def __init__(
        self,
        status: int,
        headers: HeaderSource,
        chunks: Iterable[Body],
        *,
        url: str = "",
        close: Callable[[], object] | None = None,
    ) -> None:
        self.status = status
        self.headers: Headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.chunks: Iterator[Body] = iter(chunks)
        self.url = url
        self._close = close if close is not None else getattr(chunks, "close", None)
        # When to give up on the body; None where a transport has its own ways.
        self._deadlines: Deadlines | None = None

    def close(self) -> None:
        """Close the connection. Idempotent; a blocked reader ends."""
        close, self._close = self._close, None
        if close is not None:
            close()

    def __repr__(self) -> str:
        return f"<HTTPResponse {self.status}>"


# How other HTTP libraries carry our requests. What it raises is wrapped in a TransportError.
Transport = Callable[[HTTPRequest], HTTPResponse]


class EventStream(Closeable):
    """The events of one response: an iterator, and a context manager that closes it.

    It ends (StopIteration) where the body ends as HTTP says it should, and
    after `close()`. `open_stream` makes it.

    Raises (while iterating):
        ConnectionLost: the body broke off.
        StreamTimeout: a timeout ran out.
        EventTooLarge: after the events that were complete before.
        TransportError: what else can go wrong with a connection.
    """

    def __init__(
        self, response: HTTPResponse, parser: Parser[Any], deadlines: Deadlines, handle: _Handle
    ) -> None:
        self.status: int = response.status
        self.headers: Headers = response.headers
        self.url: str = response.url
        self._response = response
        self._chunks = response.chunks
        self._parser = parser
        self._deadlines = deadlines
        self._handle = handle
        # Received, not handed out. The list's own iterator: one object per read.
        self._ready: Iterator[Item] = iter(())
        # The last event ID as of what was handed out; only the iterating thread sets it.
        self._given_id: str = parser.last_event_id
        # An event was handed out since `stall` was started.
        self._progress = True
        # Raised once what was complete before it has been handed out.
        self._error: BaseException | None = None
        self._closed = False
        # The head is through; an interruption up to here left no stream.
        handle.taken = False

    @property
    def last_event_id(self) -> str:
        """The last event ID as of the last event that was handed out."""
        return self._given_id

    @property
    def retry(self) -> int | None:
        """The server's reconnection time in milliseconds, if it sent one."""
        return self._parser.retry

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while True:
            given_id = self._given_id
            # No call between taking an item and returning it: from Python 3.10 on
            # that is where the exceptions of signal handlers come.
            try:
                for item in self._ready:
                    if item.__class__ is not Comment:
                        self._given_id = item.id  # type: ignore[union-attr]
                    return item
            except BaseException:
                self._lose(given_id)
                raise
            self._fill()

    def _lose(self, given_id: str) -> None:
        """Note that an exception may have taken an item, and which ID was the last before."""
        self._given_id = given_id
        self._ready = iter(())
        self._handle.taken = True

    def batches(self) -> Batches:
        """Return an iterator over the list of events of each read; it may be empty.

        For those who want to know what came together, or handle it so.
        """
        return Batches(self)

    def _next_batch(self) -> list[Any]:
        if not operator.length_hint(self._ready):
            self._fill()
        before = self._given_id
        given_id = self._parser.last_event_id
        # As in __next__.
        try:
            batch = [*self._ready]
            if not self._closed:
                self._given_id = given_id
            return batch
        except BaseException:
            self._lose(before)
            raise

    def _fill(self) -> None:
        """Make ready what the next read of the body completes; StopIteration is its end."""
        handle = self._handle
        if handle.taken:
            # The last read was left by an exception when it had taken bytes from the
            # connection: which events they were is not known any more.
            self._error = ConnectionLost("an exception interrupted the reading")
            handle.taken = False
        if self._error is not None:
            error = self._error
            self._shut()
            self._error = None
            raise error
        if self._closed:
            raise StopIteration
        # All that was parsed has been handed out.
        self._given_id = self._parser.last_event_id
        if self._progress:
            self._progress = False
            if self._deadlines.stall is not None:
                self._deadlines.start_stall(time.monotonic())
        try:
            chunk = next(self._chunks)
        except (StopIteration, SSEWireError):
            self._shut()
            handle.taken = False
            raise
        # Set by now: next() does so when it has taken bytes.
        handle.taken = True
        if self._closed:
            handle.taken = False
            raise StopIteration
        try:
            items = self._parser.feed(chunk)
        except EventTooLarge as exc:
            items = exc.events
            self._error = exc
        except BaseException:
            self._shut()
            raise
        # Nearly always the last one is an event, and there need be no loop.
        if items and (
            items[-1].__class__ is not Comment
            or any(item.__class__ is not Comment for item in items)
        ):
            self._progress = True
        self._ready = iter(items)
        handle.taken = False
        if self._closed:
            self._ready = iter(())
            raise StopIteration

    def close(self) -> None:
        """End the iteration, also a blocked one in another thread; what is ready is dropped."""
        self._handle.taken = False
        self._shut()

    def _shut(self) -> None:
        self._closed = True
        self._ready = iter(())
        self._response.close()
        # Again, should an exception have left an earlier call halfway.
        self._handle.abort()

    def __repr__(self) -> str:
        return f"<EventStream {'closed' if self._closed else 'open'}>"


class Batches:
    """The iterator that `EventStream.batches` returns."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[Any]:
        return self._stream._next_batch()


class EventSource(Closeable):
    """Events for ever, across reconnects: an iterator, and a context manager that closes it.

    Takes the arguments of `open_stream`, and:

    Args:
        last_event_id: where to go on; a Last-Event-ID header counts as that.
        reconnect: when and how often to try again.
        on_open: called with the EventStream of each connection.
        on_error: called with each exception that ends a connection, and the
            seconds until the next attempt, or None if there is none. The end
            of a stream is a ConnectionLost here.

    What a hook raises closes the source and comes out of the iteration.

    Raises:
        TypeError, ValueError: an argument that makes no sense, before any I/O;
            hooks must be plain callables, not coroutine functions.

    Raises (while iterating):
        RetriesExhausted: too many failed attempts; the last failure is the cause.
        StatusError, ContentTypeError, RedirectError, ConnectFailed,
        ContentDecodingError, EventTooLarge: those that would only come again.
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
        self._settings = Settings(tls, proxy, max_redirects, plain_callable("transport", transport))
        self._request = HTTPRequest(
            url, method=method, headers=headers, body=body, timeouts=timeouts
        )
        self._settings.check(self._request)
        self._parser_options: dict[str, Any] = {
            "max_event_size": max_event_size,
            "comments": comments,
            "default_event": default_event,
        }
        self._parser: Parser[Any] = Parser(
            last_event_id=last_event_id or self._request.headers.get("Last-Event-ID", ""),
            **self._parser_options,
        )
        # An ID that no header can carry fails here, not in a later attempt.
        self._request.with_last_event_id(self._parser.last_event_id)
        if reconnect is None:
            reconnect = ReconnectPolicy()
        elif not isinstance(reconnect, ReconnectPolicy):
            raise wrong_type("reconnect", "a ReconnectPolicy", reconnect)
        self._on_open = plain_callable("on_open", on_open)
        self._on_error = plain_callable("on_error", on_error)
        self._machine = Reconnection(reconnect, random=random.random, method=self._request.method)
        # When to connect next, by time.monotonic(): an interrupted wait goes on where it was.
        self._due = float("-inf")
        # The request has been made, and restart() not asked for another.
        self._attempted = False
        # An event was handed out that the machine does not know of yet.
        self._progress = False
        # The last event ID as of what streams that have ended handed out.
        self._given_id: str = self._parser.last_event_id
        self._stream: EventStream | None = None
        # Guards the three below, which close() and restart() set from any thread.
        self._wake = threading.Condition()
        self._closing = False
        self._restarting = False
        self._handle = _Handle()
        # The last event ID as it was at close(): no event with another is handed out after that.
        self._final_id: str | None = None

    @property
    def last_event_id(self) -> str:
        """The last event ID as of the last event that was handed out."""
        if self._final_id is not None:
            return self._final_id
        stream = self._stream
        return self._given_id if stream is None else stream._given_id

    @property
    def retry(self) -> int | None:
        """The server's reconnection time in milliseconds, if it sent one."""
        retry = self._parser.retry
        # A parser made for a new connection has not heard of it.
        return self._machine.retry if retry is None else retry

    @property
    def state(self) -> str:
        """ "connecting" (also while it waits to), "open" or "closed"."""
        return "closed" if self._closing else self._machine.state

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while not self._closing:
            stream = self._stream
            if stream is None:
                self._connect()
                continue
            given_id = stream._given_id
            # Not next(stream), and no call before `return`: see EventStream.__next__.
            try:
                for item in stream._ready:
                    if item.__class__ is not Comment:
                        stream._given_id = item.id  # type: ignore[union-attr]
                        self._progress = True
                    # After the ID is set, as close() looks at the ID after it set this:
                    # one of the two sees what the other did.
                    if not self._closing or self._still_given(item):
                        return item
                    break
            except BaseException:
                stream._lose(given_id)
                raise
            if not self._closing:
                try:
                    stream._fill()
                except StopIteration:
                    self._end(None)
                except SSEWireError as exc:
                    self._end(exc)
        self._release()
        raise StopIteration

    def close(self) -> None:
        """End the iteration, also a blocked one in another thread. Idempotent.

        Returns at once. A name lookup that is under way cannot be
        interrupted; its thread ends when it is done.
        """
        with self._wake:
            if not self._closing:
                self._closing = True
                self._final_id = self.last_event_id
            self._handle.abort()
            self._wake.notify_all()

    def _still_given(self, item: Item) -> bool:
        """Say whether close(), called as an item was about to be handed out, counted it."""
        with self._wake:
            return item.__class__ is not Comment and item.id == self._final_id  # type: ignore[union-attr]

    def restart(self) -> None:
        """Drop the connection, or the wait for the next, and connect at once.

        Events already received are handed out first.

        Raises:
            StateError: the source is closed.
        """
        with self._wake:
            if self.state == "closed":
                raise StateError("restart() after close()")
            self._restarting = True
            self._handle.abort()
            self._wake.notify_all()

    def _connect(self) -> None:
        """Wait until it is due, then connect; return after one outcome."""
        with self._wake:
            while not self._restarting and not self._closing:
                left = self._due - time.monotonic()
                if left <= 0:
                    break
                self._wake.wait(min(left, _LONGEST_WAIT))
            if self._closing:
                return
            if self._restarting:
                self._restarting = False
                self._attempted = False
                self._progress = False
                self._machine.restart()
            if self._attempted and not self._machine.may_repeat:
                # An exception interrupted the one attempt there is.
                self.close()
                return
            self._attempted = True
            # What an interrupted attempt may have left open.
            self._handle.abort()
            handle = self._handle = _Handle()
        if self._parser.last_event_id == self._given_id:
            self._parser.reset()
        else:
            # The parser is ahead of what was handed out.
            self._machine.retry = self.retry
            self._parser = Parser(last_event_id=self._given_id, **self._parser_options)
        current = self._request.with_last_event_id(self._given_id)
        try:
            stream = _open_stream(current, self._settings, handle, self._parser)
        except _ClosedByOther:
            return
        except SSEWireError as exc:
            self._end(exc)
            return
        self._stream = stream
        self._machine.on_open()
        if self._on_open is not None:
            self._run_hook(self._on_open, stream)

    def _end(self, error: SSEWireError | None) -> None:
        """Act on the end of a connection, or of the attempt at one."""
        self._release()
        with self._wake:
            if self._closing:
                return
            if self._restarting:
                # The machine is told when it is done, in _connect.
                return
        if self._progress:
            self._progress = False
            self._machine.on_event()
        self._machine.retry = self.retry
        retry_after = None
        if error is None:
            command = self._machine.on_end()
        else:
            if isinstance(error, StatusError):
                retry_after = parse_retry_after(error.headers, time.time())
            command = self._machine.on_failure(error, retry_after)
        if isinstance(command, Connect):
            self._due = time.monotonic() + command.delay
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
                self._run_hook(self._on_error, command.error, command.delay)
            return
        with self._wake:
            self._closing = True
        if command.error is not None:
            log.warning("stopped: %s", command.error)
            if self._on_error is not None:
                self._run_hook(self._on_error, command.error, None)
            raise command.error

    def _run_hook(self, hook: Callable[..., object], *args: object) -> None:
        try:
            hook(*args)
        except BaseException as exc:
            self.close()
            self._release()
            if isinstance(exc, StopIteration):
                # It would look like the end of the events (PEP 479).
                raise RuntimeError("a hook raised StopIteration") from exc
            raise

    def _release(self) -> None:
        stream = self._stream
        if stream is not None:
            stream.close()
            self._given_id = stream._given_id
            self._stream = None

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(exc_type, exc, traceback)
        self._release()

    def __repr__(self) -> str:
        return f"<EventSource {self.state}>"


# --- one exchange


class _ClosedByOther(Exception):
    """close() or restart() was called in another thread; never leaves this module."""


class _Handle:
    """A socket that one thread uses and any thread can end.

    The using thread brackets each blocking call, so that `abort` knows
    whether it may close the socket (nobody is in a call) or must only shut it
    down (the caller wakes up and closes it): a closed descriptor could be
    another thread's new file by the time it is used.
    """

    def __init__(self) -> None:
        # Reentrant: a signal handler may call abort() while its thread holds it.
        self._lock = threading.RLock()
        self._socket: socket.socket | None = None
        # The thread that is in a blocking call, or that an exception took out of one.
        self._busy: int | None = None
        self._aborted = False
        # What was received and not yet looked at: at most one piece.
        self.inbox: list[bytes] = []
        # Bytes that were received have not yet become what the caller wanted of
        # them. If an exception, say a signal handler's, leaves a read while this
        # is set, they are lost; while it waits for bytes it is not set.
        self.taken: bool = False
        # The socket's timeout, to spare the system call that sets the same again.
        self._timeout: float | None = None
        # Called by abort() where there is no socket of ours, but a transport's response.
        self._on_abort: Callable[[], object] | None = None

    @property
    def aborted(self) -> bool:
        return self._aborted

    def adopt(self, new: socket.socket) -> None:
        """Take over a socket, in place of the one before."""
        with self._lock:
            if self._aborted:
                new.close()
                raise _ClosedByOther
            self._socket = new
            self._timeout = new.gettimeout()

    def adopt_response(self, close: Callable[[], object]) -> None:
        """Have `close` called by abort(); at once if that has already been."""
        with self._lock:
            if not self._aborted:
                self._on_abort = close
                return
        close()
        raise _ClosedByOther

    def start_tls(self, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
        """Put TLS on the socket, without a handshake yet."""
        with self._lock:
            if self._aborted or self._socket is None:
                raise _ClosedByOther
            wrapped = context.wrap_socket(
                self._socket,
                server_hostname=host,
                do_handshake_on_connect=False,
                # Else a connection that was cut looks like one that was closed.
                suppress_ragged_eofs=False,
            )
            self._socket = wrapped
            return wrapped

    def blocking(self, operation: Callable[..., Any], *args: Any) -> Any:
        """Return what `operation` does with the socket: one of the three below.

        Raises:
            _ClosedByOther: abort() was called before, or meanwhile.
            OSError: what the call raises; socket.timeout after its `timeout` seconds.
        """
        # Without the lock, which a read would take twice: here `busy` is set before `aborted`
        # is looked at, in abort() it is the reverse, so one of the two sees what the other did.
        try:
            self._busy = get_ident()
            if self._aborted or self._socket is None:
                raise _ClosedByOther
            result = operation(self._socket, *args)
            if not self._aborted:
                return result
        except (OSError, ValueError, AttributeError):
            # What a socket makes of it when it is shut down, or closed by a signal handler.
            if not self._aborted:
                raise
        finally:
            self._busy = None
            if self._aborted:
                with self._lock:
                    self._close_now()
        raise _ClosedByOther

    def _set_timeout(self, current: socket.socket, timeout: float | None) -> None:
        if timeout is not None and timeout > _LONGEST_WAIT:
            timeout = _LONGEST_WAIT
        if timeout != self._timeout:
            current.settimeout(timeout)
            self._timeout = timeout

    def call(self, current: socket.socket, timeout: float | None, name: str, *args: Any) -> None:
        """Call a method of the socket."""
        self._set_timeout(current, timeout)
        getattr(current, name)(*args)

    def receive(self, current: socket.socket, timeout: float | None) -> None:
        """Put what there is into the inbox, as soon as there is something."""
        if not isinstance(current, ssl.SSLSocket):
            if timeout != self._timeout:
                self._set_timeout(current, timeout)
            # One call into C, after which the bytes are in the inbox: a signal
            # handler's exception comes before or after, but cannot drop them.
            self.inbox.extend(map(current.recv, (READ_SIZE,)))
            return
        # ssl is not like that, so the waiting is done where no bytes are taken.
        self._set_timeout(current, 0.0)
        while True:
            self.taken = True
            try:
                self.inbox.append(current.recv(READ_SIZE))
            except ssl.SSLWantReadError:
                self.taken = False
                _wait(current, timeout)
            except ssl.SSLWantWriteError:
                self.taken = False
                _wait(current, timeout, write=True)
            else:
                return

    def send(self, current: socket.socket, timeout: float | None, data: memoryview) -> int:
        """Send some of it; or 0 when it would block, and something comes meanwhile."""
        self._set_timeout(current, 0.0)
        while True:
            try:
                return current.send(data)
            except ssl.SSLWantReadError:
                # A message of TLS's own is to come before.
                _wait(current, timeout)
            except (BlockingIOError, ssl.SSLWantWriteError):
                if not _wait(current, timeout, write=True):
                    continue
            try:
                self.inbox.append(current.recv(READ_SIZE))
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                # TLS has messages of its own, such as tickets.
                continue
            return 0

    def abort(self) -> None:
        """End it from any thread. Idempotent."""
        with self._lock:
            self._aborted = True
            on_abort, self._on_abort = self._on_abort, None
            if self._socket is not None:
                # Its own thread is in a signal handler, or was interrupted: it may close.
                if self._busy is not None and self._busy != get_ident():
                    try:
                        # Of the plain socket, also for TLS, which has its own state to keep.
                        socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                    except OSError:
                        pass  # Not connected (yet, or any more): the call ends by itself.
                else:
                    self._close_now()
        if on_abort is not None:
            on_abort()

    def release(self) -> socket.socket | None:
        """Give the socket away, for whoever goes on with it; None if it is closed already."""
        with self._lock:
            current, self._socket = self._socket, None
            return current

    def drop(self) -> None:
        """Close the socket or response, to go on with another; for the thread that uses it."""
        with self._lock:
            self._close_now()
            on_abort, self._on_abort = self._on_abort, None
        if on_abort is not None:
            on_abort()

    def _close_now(self) -> None:
        # Forgotten once it is closed: an exception may come in between.
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _wait(
    current: socket.socket, timeout: float | None, *, read: bool = True, write: bool = False
) -> bool:
    """Wait until a socket is ready for one of the two; return whether it is for reading.

    Raises:
        socket.timeout: it is not within `timeout` seconds.
    """
    if timeout is not None:
        timeout = min(timeout, _LONGEST_WAIT)
    if not hasattr(select, "poll"):
        # Windows, where select() has no limit to the number of a descriptor.
        readable, writable, _ = select.select(
            [current] if read else [], [current] if write else [], [], timeout
        )
        if not readable and not writable:
            raise socket.timeout("timed out")
        return bool(readable)
    poll = select.poll()
    poll.register(current, select.POLLIN * read | select.POLLOUT * write)
    # Rounded up: a wait of none would spin.
    ready = poll.poll(None if timeout is None else timeout * 1000 + 1)
    if not ready:
        raise socket.timeout("timed out")
    return bool(ready[0][1] & ~select.POLLOUT)


class _Wire:
    """Blocking I/O of one exchange under its deadlines; every failure typed."""

    def __init__(self, handle: _Handle, deadlines: Deadlines, pool: Pool | None = None) -> None:
        self.handle = handle
        self.deadlines = deadlines
        self._pool = pool
        # What the connection may be kept for; None if it may not.
        self.key: Hashable = None
        # The last request went out as a whole.
        self.sent = False

    @property
    def pooled(self) -> bool:
        """Whether connections are kept for further requests."""
        return self._pool is not None

    def remaining(self) -> float | None:
        """Return the seconds until the next deadline.

        Raises:
            StreamTimeout: it has passed.
        """
        earliest = self.deadlines.earliest()
        if earliest is None:
            return None
        now = time.monotonic()
        if earliest > now:
            return earliest - now
        error = self.deadlines.expired(now)
        assert error is not None
        raise error

    def connect(self, host: str, port: int, address: str) -> None:
        """Connect to the first address of the host that answers."""
        try:
            found = socket.getaddrinfo(
                # Bytes: a str would go through the idna codec, which raises UnicodeError.
                host.encode("ascii"),
                port,
                type=socket.SOCK_STREAM,
            )
        except OSError as exc:
            raise ConnectFailed(address, reason(exc)) from exc
        failure: OSError | None = None
        handle = self.handle
        for left, (family, kind, protocol, _, where) in zip(range(len(found), 0, -1), found):
            remaining = self.remaining()
            # One address that does not answer must not use up the time of the others.
            budget = None if remaining is None else remaining / left
            try:
                self.handle.adopt(socket.socket(family, kind, protocol))
                handle.blocking(handle.call, budget, "connect", where)
                # An event sent back in answer must not wait for an acknowledgement.
                handle.blocking(
                    handle.call, budget, "setsockopt", socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
                )
                return
            except OSError as exc:
                failure = exc
                self.handle.drop()
        self.remaining()
        assert failure is not None
        if _is_ours(failure):
            raise self._timed_out() from failure
        raise ConnectFailed(address, reason(failure)) from failure

    def start_tls(self, context: ssl.SSLContext, host: str, address: str) -> None:
        """Do the TLS handshake."""
        remaining = self.remaining()
        try:
            self.handle.start_tls(context, host)
            self.handle.blocking(self.handle.call, remaining, "do_handshake")
        except ssl.CertificateError as exc:
            raise ConnectFailed(address, reason(exc), False) from exc
        except (OSError, ValueError) as exc:
            if _is_ours(exc):
                raise self._timed_out() from exc
            raise ConnectFailed(address, reason(exc)) from exc

    def open_tunnel(self, current: HTTPRequest, proxy: Proxy) -> None:
        """Have the proxy connect to the request's server."""
        self.send(connect_head(current, proxy))
        reader = ResponseReader("CONNECT", tunnel=True)
        while reader.head is None and reader.error is None:
            data = self.receive()
            if data:
                reader.feed(data)
            else:
                reader.close()
        if reader.error is not None:
            raise ConnectFailed(proxy.address, str(reader.error)) from reader.error
        assert reader.head is not None
        status = reader.head.status
        if not 200 <= status < 300:
            raise ConnectFailed(
                proxy.address,
                f"the proxy answered CONNECT with status {status}",
                status in (408, 429) or status >= 500,
            )
        if reader.leftover:
            raise HTTPFormatError("the proxy sent bytes before the tunnel was used")

    def end(self, reader: ResponseReader) -> None:
        """End the exchange: leave the connection to the pool, or close it."""
        if self._pool is not None and self.key is not None:
            current = self.handle.release()
            if current is not None:
                self._pool.give(self.key, current, reader)
        self.handle.drop()

    def send(self, request: bytes, reader: ResponseReader | None = None) -> list[bytes]:
        """Send all of it, or until the reader has an answer; return what it has of the body.

        Looks for an answer only where sending has to wait.
        """
        handle = self.handle
        rest = memoryview(request)
        pieces: list[bytes] = []
        while rest:
            remaining = self.remaining()
            try:
                # In pieces, because each has its own timeout and the whole one deadline.
                sent = handle.blocking(handle.send, remaining, rest[:READ_SIZE])
            except OSError as exc:
                if _is_ours(exc):
                    # remaining() says which deadline it was.
                    continue
                raise ConnectionLost(reason(exc)) from exc
            rest = rest[sent:]
            if handle.inbox:
                if reader is None:
                    break
                data = handle.inbox.pop()
                if data:
                    pieces = reader.feed(data)
                else:
                    reader.close()
                if reader.head is not None or reader.error is not None:
                    break
        self.sent = not rest
        return pieces

    def receive(self) -> bytes:
        """Return what there is, as soon as there is something; b"" at the end."""
        handle = self.handle
        inbox = handle.inbox
        if not inbox:
            handle.taken = False
        while not inbox:
            # Outside of try: a StreamTimeout is an OSError and a socket.timeout too.
            remaining = self.remaining() if self.deadlines.running else None
            try:
                handle.blocking(handle.receive, remaining)
            except OSError as exc:
                if _is_ours(exc):
                    # remaining() says which deadline it was, or goes on if the clock was early.
                    continue
                # It is told once: what comes next may look like the end.
                handle.taken = True
                raise ConnectionLost(reason(exc)) from exc
        handle.taken = True
        return inbox.pop()

    def _timed_out(self) -> StreamTimeout:
        earliest = self.deadlines.earliest()
        assert earliest is not None
        error = self.deadlines.expired(max(earliest, time.monotonic()))
        assert error is not None
        return error


def _is_ours(exc: BaseException) -> bool:
    """Say whether a timeout is one that we set: the kernel's ETIMEDOUT is the same class."""
    return isinstance(exc, socket.timeout) and exc.errno is None


class _Body:
    """The decoded bytes of a response, one piece per read."""

    def __init__(self, wire: _Wire, reader: ResponseReader, first: list[bytes]) -> None:
        assert reader.head is not None
        self._wire = wire
        self._reader = reader
        self._received = b"".join(first)
        self._inflater: Any = None
        # Found out at the first step, so that a refused response keeps its status.
        self._headers: Headers | None = reader.head.headers
        # What the last read inflates to, in small steps; None in between.
        self._inflated: Iterator[bytes] | None = None
        # A step has begun and not been done.
        self._within = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        handle = self._wire.handle
        if self._within and handle.taken and not handle.aborted:
            handle.abort()
            raise ConnectionLost("an exception interrupted the reading")
        self._within = True
        # But for the time of waiting, in receive().
        handle.taken = True
        try:
            chunk = self._next()
        except StopIteration:
            self._wire.end(self._reader)
            self._within = False
            raise
        except SSEWireError:
            handle.abort()
            self._within = False
            raise
        except _ClosedByOther:
            self._within = False
            raise StopIteration from None
        self._within = False
        return chunk

    def _next(self) -> bytes:
        reader = self._reader
        if self._headers is not None:
            # Where there is no body, as after HEAD, its encoding does not matter.
            if self._received or not reader.complete:
                self._inflater = make_inflater(self._headers)
            self._headers = None
        while True:
            if self._inflated is not None:
                for piece in self._inflated:
                    return piece
                self._inflated = None
            received, self._received = self._received, b""
            if received:
                if self._inflater is None:
                    return received
                self._inflated = self._inflater.feed(received)
                continue
            if reader.error is not None:
                raise reader.error
            if reader.complete:
                if self._inflater is not None:
                    self._inflater.close()
                raise StopIteration
            if self._wire.deadlines.idle is not None:
                self._wire.deadlines.start_idle(time.monotonic())
            try:
                data = self._wire.receive()
            except ConnectionLost as exc:
                if not isinstance(exc.__cause__, ssl.SSLEOFError) or reader._framing == "close":
                    raise
                # Without TLS's own end; but this body says itself where it ends.
                data = b""
            if data:
                pieces = reader.feed(data)
                received = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                if received and self._inflater is None:
                    return received
                self._received = received
            else:
                reader.close()

    def finish(self) -> None:
        """Close it, though what is left of it may still come and be of no interest."""
        self._wire.end(self._reader)

    def close(self) -> None:
        self._wire.handle.abort()


class _ForeignBody:
    """The chunks of a transport's response: failures typed, deadlines kept as well as can be."""

    def __init__(self, response: HTTPResponse, deadlines: Deadlines, handle: _Handle) -> None:
        self._chunks = response.chunks
        self._deadlines = deadlines
        self._handle = handle

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._handle.aborted:
            raise StopIteration
        # What an exception does to somebody else's iterator cannot be known: it may be
        # a generator, which would just end.
        self._handle.taken = True
        if self._deadlines.idle is not None:
            self._deadlines.start_idle(time.monotonic())
        try:
            chunk = next(self._chunks)
        except (StopIteration, SSEWireError):
            raise
        except Exception as exc:
            if self._handle.aborted:
                # What its library makes of being closed while it reads.
                raise StopIteration from None
            raise foreign(exc) from exc
        error = self._deadlines.expired(time.monotonic())
        if error is not None:
            raise error
        return chunk

    def close(self) -> None:
        self._handle.abort()


def _request(first: HTTPRequest, settings: Settings, handle: _Handle) -> HTTPResponse:
    """Return the response that a request ends at, after redirects."""
    deadlines = Deadlines(first.timeouts, time.monotonic())
    redirects = Redirects(settings.max_redirects)
    current = first
    try:
        while True:
            if settings.transport is None:
                response = _exchange(current, settings, _Wire(handle, deadlines, settings.pool))
            else:
                response = _carry(current, settings.transport, handle, deadlines)
            following = redirects.follow(current, response.status, response.headers)
            if following is None:
                return response
            handle.drop()
            deadlines.start_connect(time.monotonic())
            current = following
    except BaseException:
        handle.abort()
        raise


def _exchange(current: HTTPRequest, settings: Settings, wire: _Wire) -> HTTPResponse:
    """Connect, or take a connection that was kept; send a request, return what is answered."""
    parts = current.parts
    try:
        proxy = settings.proxy_for(current)
    except ValueError as exc:
        # Met after a redirect; the first request's was checked before.
        raise ConnectFailed(parts.address, str(exc), False) from exc
    secure = parts.scheme == "https"
    key = (parts.scheme, parts.host, parts.port, proxy)
    pool: Pool | None = settings.pool
    kept = None if pool is None else pool.take(key)
    if kept is not None:
        wire.handle.adopt(kept)
        reader = ResponseReader(current.method)
        try:
            return _answer(current, None if secure else proxy, wire, reader, key)
        except ConnectionLost:
            if reader.begun:
                raise
        # The server had closed it while it was idle, or just then (RFC 9112, 9.3.1).
        wire.handle.drop()
        wire.deadlines.start_connect(time.monotonic())
    if proxy is None:
        wire.connect(parts.host, parts.port, parts.address)
    else:
        wire.connect(proxy.host, proxy.port, proxy.address)
        if secure:
            try:
                wire.open_tunnel(current, proxy)
            except ConnectionLost as exc:
                raise ConnectFailed(proxy.address, str(exc)) from exc
    if secure:
        # Certificates know no dot at the end of a name (RFC 6066, 3).
        wire.start_tls(settings.tls_context(), parts.host.rstrip("."), parts.address)
        proxy = None
    return _answer(current, proxy, wire, ResponseReader(current.method), key)


def _answer(
    current: HTTPRequest,
    proxy: Proxy | None,
    wire: _Wire,
    reader: ResponseReader,
    key: Hashable,
) -> HTTPResponse:
    """Send a request on a connection that is made, and return what is answered."""
    wire.deadlines.start_head(time.monotonic())
    head = request_head(current, proxy, keep_alive=wire.pooled)
    lost: ConnectionLost | None = None
    pieces: list[bytes] = []
    try:
        pieces = wire.send(head + (current.body or b""), reader)
    except ConnectionLost as exc:
        # A server may refuse a large body before it is through; its answer says why.
        lost = exc
    if reader.error is not None and reader.head is None:
        raise lost or reader.error
    while reader.head is None:
        try:
            received = wire.receive()
        except ConnectionLost as exc:
            raise (lost or exc) from (lost or exc).__cause__
        if received:
            pieces = reader.feed(received)
        else:
            reader.close()
        if reader.error is not None and reader.head is None:
            raise lost or reader.error
    wire.deadlines.start_body()
    if wire.sent:
        wire.key = key
    if reader.complete:
        # Nothing more is to come, so nobody need close what will not be read.
        wire.end(reader)
    response = HTTPResponse(
        reader.head.status, reader.head.headers, _Body(wire, reader, pieces), url=current.url
    )
    response._deadlines = wire.deadlines
    return response


# Reads that the rest of a response may take that nobody wanted to wait for: a last
# chunk and the end of TLS records are one or two; more of it is not worth having.
_REST_READS = 4

# Seconds to wait for it: it follows at once if it comes at all, and a new
# connection would take longer.
_REST_PATIENCE = 0.005


class Pool:
    """Connections that wait for further requests, for clients that make many to one server.

    Threads may share it; each process has its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Those given last stand last.
        self._kept: dict[Hashable, list[_Kept]] = {}
        self._closed = False
        self._process = os.getpid()

    def take(self, key: Hashable) -> socket.socket | None:
        """Return the connection given last for `key`; None if there is none that may be used."""
        self._leave_parent()
        while True:
            with self._lock:
                kept = self._kept.get(key)
                if not kept:
                    return None
                idle = kept.pop()
            if idle.usable():
                return idle.socket
            idle.socket.close()

    def give(self, key: Hashable, new: socket.socket, reader: ResponseReader) -> None:
        """Keep a connection, or close it if it cannot be used or there are enough.

        The rest of its response may still come: that is looked at by `take`.
        """
        self._leave_parent()
        newest = _Kept(new, reader)
        closing = [newest]
        if reader.reusable or (reader.persistent and not reader.complete and not reader.error):
            with self._lock:
                if not self._closed:
                    now = time.monotonic()
                    kept = [*self._kept.get(key, ()), newest]
                    fresh = [idle for idle in kept if idle.until > now][-POOL_SIZE:]
                    closing = [idle for idle in kept if idle not in fresh]
                    self._kept[key] = fresh
        for idle in closing:
            idle.socket.close()

    def close(self) -> None:
        """Close what is kept, and what is given later on."""
        self._leave_parent()
        with self._lock:
            self._closed = True
            kept_by_key, self._kept = self._kept, {}
        for kept in kept_by_key.values():
            for idle in kept:
                idle.socket.close()

    def __del__(self) -> None:
        # What is idle is nobody's: a client that is not closed leaves no socket to warn of.
        self.close()

    def _leave_parent(self) -> None:
        """In a forked child, close its copies of the parent's sockets, which ends nothing.

        Without a lock: another thread may have held it when the process was forked.
        """
        if self._process != os.getpid():
            kept_by_key, self._kept = self._kept, {}
            self._lock = threading.Lock()
            self._process = os.getpid()
            for kept in kept_by_key.values():
                for idle in kept:
                    idle.socket.close()


class _Kept:
    """A connection that is idle, but for the rest of its response."""

    __slots__ = ("reader", "socket", "until")

    def __init__(self, kept: socket.socket, reader: ResponseReader) -> None:
        self.socket = kept
        self.reader = reader
        self.until: float = time.monotonic() + POOL_IDLE

    def usable(self) -> bool:
        """Say whether a request may be sent on it: nothing has come but the end of the response."""
        if self.until <= time.monotonic():
            return False
        try:
            for _ in range(_REST_READS):
                self.socket.settimeout(0 if self.reader.complete else _REST_PATIENCE)
                data = self.socket.recv(READ_SIZE)
                if not data:
                    return False
                self.reader.feed(data)
        except (BlockingIOError, ssl.SSLWantReadError):
            return self.reader.reusable
        except OSError:
            pass
        return False


def _close_foreign(response: HTTPResponse) -> None:
    """Close a transport's response. That it cannot be closed changes no outcome."""
    try:
        response.close()
    except Exception as exc:
        log.warning("a transport's response could not be closed: %s", type(exc).__name__)


def _carry(
    current: HTTPRequest, transport: Transport, handle: _Handle, deadlines: Deadlines
) -> HTTPResponse:
    """Have a transport carry a request."""
    if handle.aborted:
        raise _ClosedByOther
    try:
        response = transport(current)
    except SSEWireError:
        raise
    except Exception as exc:
        raise foreign(exc) from exc
    if not isinstance(response, HTTPResponse):
        raise wrong_type("what a transport returns", "an HTTPResponse", response)
    handle.adopt_response(lambda: _close_foreign(response))
    deadlines.start_head(time.monotonic())
    deadlines.start_body()
    ours = HTTPResponse(
        response.status,
        response.headers,
        _ForeignBody(response, deadlines, handle),
        url=response.url or current.url,
    )
    ours._deadlines = deadlines
    return ours


def _open_stream(
    first: HTTPRequest, settings: Settings, handle: _Handle, parser: Parser[Any]
) -> EventStream:
    """Return the events of a response that has been found to be an event stream."""
    response = _request(first, settings, handle)
    try:
        deadlines = response._deadlines
        assert deadlines is not None
        if response.status != 200:
            body = _error_body(response, deadlines)
            raise StatusError(response.status, response.headers, body)
        if not is_event_stream(response.headers):
            body = _error_body(response, deadlines)
            raise ContentTypeError(response.headers.get("Content-Type"), body)
        return EventStream(response, parser, deadlines, handle)
    except BaseException:
        response.close()
        raise


def _error_body(response: HTTPResponse, deadlines: Deadlines) -> bytes:
    """Return the first KiB of a body that says why there are no events."""
    deadlines.start_error_body(time.monotonic())
    body = b""
    try:
        for chunk in response.chunks:
            body += bytes(chunk)[:ERROR_BODY]
            if len(body) >= ERROR_BODY:
                break
    except SSEWireError:
        pass  # The status is the news; what there is of the body will do.
    return body[:ERROR_BODY]
