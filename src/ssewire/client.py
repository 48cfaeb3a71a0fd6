"""Open event streams over HTTP/1.1 with blocking sockets; nothing but the standard library.

One thread iterates; `close()` and `restart()` may be called from any. A
socket is closed only by the thread that uses it, or while none does: the
others shut it down, which wakes the reader. All waiting stands under the
deadlines of `Timeouts`. Framing, checks and the rules of reconnection are
sans-I/O and shared with `ssewire.aio`.
May import: errors, _headers, _limits, event, parser, _request, _settings, _http1, reconnect.
"""

from __future__ import annotations

import logging
import operator
import random
import socket
import ssl
import threading
import time
from typing import Callable

from . import _http1
from ._headers import Headers
from ._limits import MAX_EVENT_SIZE
from ._request import (
    ERROR_BODY,
    MAX_REDIRECTS,
    Deadlines,
    HTTPRequest,
    Redirects,
    Timeouts,
    is_event_stream,
    make_inflater,
    parse_retry_after,
)
from ._settings import Settings, foreign, plain_callable, reason
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
    wrong_type,
)
from .event import Comment, ServerSentEvent
from .parser import Parser
from .reconnect import Connect, Reconnection, ReconnectPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Any, Union

    from typing_extensions import Self

    from ._headers import HeaderSource
    from ._request import Proxy

    Item = Union[ServerSentEvent, Comment]
    Body = Union[bytes, bytearray, memoryview]

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

_log = logging.getLogger("ssewire")

# Bytes asked of a socket at a time: what a busy stream has ready on loopback,
# and below the size from which malloc maps fresh pages for every read.
_READ_SIZE = 64 * 1024


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


class HTTPResponse:
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
        return f"<HTTPResponse {self.status}>"


# How other HTTP libraries carry our requests. What it raises is wrapped in a TransportError.
Transport = Callable[[HTTPRequest], HTTPResponse]


class EventStream:
    """The events of one response: an iterator, and a context manager that closes it.

    It ends (StopIteration) where the body ends as HTTP says it should, and
    after `close()`. `open_stream` makes it.

    Raises (while iterating):
        ConnectionLost: the body broke off.
        StreamTimeout: a timeout ran out.
        EventTooLarge: after the events that were complete before.
        TransportError: what else can go wrong with a connection.
    """

    def __init__(self, response: HTTPResponse, parser: Parser[Any], deadlines: Deadlines) -> None:
        self.status: int = response.status
        self.headers: Headers = response.headers
        self.url: str = response.url
        self._response = response
        self._chunks = response.chunks
        self._parser = parser
        self._deadlines = deadlines
        # Received, not handed out. The list's own iterator: one object per read.
        self._ready: Iterator[Item] = iter(())
        # The ID of the last event handed out; counts while more of them are ready.
        self._given_id: str = parser.last_event_id
        # An event was handed out since `stall` was started.
        self._progress = True
        # Raised once what was complete before it has been handed out.
        self._error: BaseException | None = None
        self._closed = False
        # close() found events that had not been handed out.
        self._dropped = False

    @property
    def last_event_id(self) -> str:
        """The last event ID as of the last event that was handed out."""
        if self._dropped or operator.length_hint(self._ready):
            return self._given_id
        return self._parser.last_event_id

    @property
    def retry(self) -> int | None:
        """The server's reconnection time in milliseconds, if it sent one."""
        return self._parser.retry

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while True:
            for item in self._ready:
                if item.__class__ is not Comment:
                    self._given_id = item.id  # type: ignore[union-attr]
                return item
            self._ready = iter(self._read())

    def batches(self) -> Batches:
        """Return an iterator over the list of events of each read; it may be empty.

        For those who want to know what came together, or handle it so.
        """
        return Batches(self)

    def _next_batch(self) -> list[Any]:
        batch = list(self._ready)
        self._ready = iter(())
        if not batch:
            batch = self._read()
        self._given_id = self._parser.last_event_id
        return batch

    def _read(self) -> list[Any]:
        """Return what the next read of the body completes; StopIteration is its end."""
        if self._error is not None:
            error, self._error = self._error, None
            self.close()
            raise error
        if self._closed:
            raise StopIteration
        if self._progress:
            self._progress = False
            self._deadlines.start_stall(time.monotonic())
        try:
            chunk = next(self._chunks)
        except (StopIteration, SSEWireError):
            self.close()
            raise
        if self._closed:
            raise StopIteration
        try:
            items = self._parser.feed(chunk)
        except EventTooLarge as exc:
            items = exc.events
            self._error = exc
        except BaseException:
            self.close()
            raise
        # Nearly always the last one is an event, and there need be no loop.
        if items and (
            items[-1].__class__ is not Comment
            or any(item.__class__ is not Comment for item in items)
        ):
            self._progress = True
        return items

    def close(self) -> None:
        """End the iteration, also a blocked one in another thread; what is ready is dropped."""
        if not self._closed:
            self._closed = True
            self._dropped = operator.length_hint(self._ready) > 0
            self._ready = iter(())
            self._response.close()

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
        return f"<EventStream {'closed' if self._closed else 'open'}>"


class Batches:
    """The iterator that `EventStream.batches` returns."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[Any]:
        return self._stream._next_batch()


class EventSource:
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
        self._parser = Parser(
            last_event_id=last_event_id or self._request.headers.get("Last-Event-ID", ""),
            max_event_size=max_event_size,
            comments=comments,
            default_event=default_event,
        )
        if reconnect is None:
            reconnect = ReconnectPolicy()
        elif not isinstance(reconnect, ReconnectPolicy):
            raise wrong_type("reconnect", "a ReconnectPolicy", reconnect)
        self._on_open = plain_callable("on_open", on_open)
        self._on_error = plain_callable("on_error", on_error)
        self._machine = Reconnection(reconnect, random=random.random, method=self._request.method)
        # What to do next while there is no stream.
        self._command = self._machine.start()
        self._stream: EventStream | None = None
        # Guards the three below, which close() and restart() set from any thread.
        self._wake = threading.Condition()
        self._closing = False
        self._restarting = False
        self._handle = _Handle()
        # The last event ID as it was at close(), which drops what is ready.
        self._final_id: str | None = None

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
        return self._parser.retry

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
            try:
                item = next(stream)
            except StopIteration:
                self._end(None)
            except SSEWireError as exc:
                self._end(exc)
            else:
                if item.__class__ is not Comment:
                    self._machine.on_event()
                return item
        self._release()
        raise StopIteration

    def close(self) -> None:
        """End the iteration, also a blocked one in another thread. Idempotent.

        Returns at once. A name lookup that is under way cannot be
        interrupted; its thread ends when it is done.
        """
        with self._wake:
            self._final_id = self.last_event_id
            self._closing = True
            self._handle.abort()
            self._wake.notify_all()

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
        """Wait as long as the command says, then connect; return after one outcome."""
        command = self._command
        assert isinstance(command, Connect)
        with self._wake:
            if not self._restarting and not self._closing and command.delay:
                self._wake.wait_for(lambda: self._restarting or self._closing, command.delay)
            if self._closing:
                return
            if self._restarting:
                self._restarting = False
                self._machine.restart()
            # What was waited for is not waited for again after a Ctrl-C.
            self._command = Connect()
            handle = self._handle = _Handle()
        self._parser.reset()
        current = self._request.with_last_event_id(self._parser.last_event_id)
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
                # The command is made when it is carried out, in _connect.
                self._command = Connect()
                return
        self._machine.retry = self._parser.retry
        retry_after = None
        if error is None:
            command = self._machine.on_end()
        else:
            if isinstance(error, StatusError):
                retry_after = parse_retry_after(error.headers, time.time())
            command = self._machine.on_failure(error, retry_after)
        self._command = command
        if isinstance(command, Connect):
            if command.failed:
                _log.warning(
                    "attempt %d failed: %s; the next in %.1f s",
                    self._machine.failures,
                    command.error,
                    command.delay,
                )
            else:
                _log.info("%s; connecting again in %.1f s", command.error, command.delay)
            if self._on_error is not None:
                self._run_hook(self._on_error, command.error, command.delay)
            return
        with self._wake:
            self._closing = True
        if command.error is not None:
            _log.warning("stopped: %s", command.error)
            if self._on_error is not None:
                self._run_hook(self._on_error, command.error, None)
            raise command.error

    def _run_hook(self, hook: Callable[..., object], *args: object) -> None:
        try:
            hook(*args)
        except BaseException:
            self.close()
            self._release()
            raise

    def _release(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
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
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._busy = False
        self._aborted = False
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
                self._socket, server_hostname=host, do_handshake_on_connect=False
            )
            self._socket = wrapped
            return wrapped

    def blocking(self, timeout: float | None, operation: str, *args: Any) -> Any:
        """Run one blocking call of the socket.

        Raises:
            _ClosedByOther: abort() was called before, or meanwhile.
            OSError: what the call raises; socket.timeout after `timeout` seconds.
        """
        with self._lock:
            if self._aborted or self._socket is None:
                raise _ClosedByOther
            current = self._socket
            self._busy = True
        try:
            if self._timeout != timeout:
                current.settimeout(timeout)
                self._timeout = timeout
            return getattr(current, operation)(*args)
        finally:
            with self._lock:
                self._busy = False
                aborted = self._aborted
                if aborted:
                    self._close_now()
            if aborted:
                raise _ClosedByOther

    def abort(self) -> None:
        """End it from any thread. Idempotent."""
        with self._lock:
            self._aborted = True
            on_abort, self._on_abort = self._on_abort, None
            if self._socket is not None:
                if self._busy:
                    try:
                        # Of the plain socket, also for TLS, which has its own state to keep.
                        socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                    except OSError:
                        pass  # Not connected (yet, or any more): the call ends by itself.
                else:
                    self._close_now()
        if on_abort is not None:
            on_abort()

    def drop(self) -> None:
        """Close the socket or response, to go on with another; for the thread that uses it."""
        with self._lock:
            self._close_now()
            on_abort, self._on_abort = self._on_abort, None
        if on_abort is not None:
            on_abort()

    def _close_now(self) -> None:
        current, self._socket = self._socket, None
        if current is not None:
            current.close()


class _Wire:
    """Blocking I/O of one exchange under its deadlines; every failure typed."""

    def __init__(self, handle: _Handle, deadlines: Deadlines) -> None:
        self.handle = handle
        self.deadlines = deadlines

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
        for left, (family, kind, protocol, _, where) in zip(range(len(found), 0, -1), found):
            remaining = self.remaining()
            # One address that does not answer must not use up the time of the others.
            budget = None if remaining is None else remaining / left
            try:
                self.handle.adopt(socket.socket(family, kind, protocol))
                self.handle.blocking(budget, "connect", where)
                # An event sent back in answer must not wait for an acknowledgement.
                self.handle.blocking(
                    budget, "setsockopt", socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
                )
                return
            except OSError as exc:
                failure = exc
                self.handle.drop()
        self.remaining()
        assert failure is not None
        if isinstance(failure, socket.timeout):
            raise self._timed_out() from failure
        raise ConnectFailed(address, reason(failure)) from failure

    def start_tls(self, context: ssl.SSLContext, host: str, address: str) -> None:
        """Do the TLS handshake."""
        remaining = self.remaining()
        try:
            self.handle.start_tls(context, host)
            self.handle.blocking(remaining, "do_handshake")
        except socket.timeout as exc:
            raise self._timed_out() from exc
        except ssl.CertificateError as exc:
            raise ConnectFailed(address, reason(exc), False) from exc
        except (OSError, ValueError) as exc:
            raise ConnectFailed(address, reason(exc)) from exc

    def open_tunnel(self, current: HTTPRequest, proxy: Proxy) -> None:
        """Have the proxy connect to the request's server."""
        self.send(_http1.connect_head(current, proxy))
        reader = _http1.ResponseReader("CONNECT", tunnel=True)
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

    def send(self, data: bytes) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            remaining = self.remaining()
            try:
                # In pieces, because each has its own timeout and the whole one deadline.
                sent = self.handle.blocking(remaining, "send", rest[:_READ_SIZE])
            except socket.timeout as exc:
                raise self._timed_out() from exc
            except OSError as exc:
                raise ConnectionLost(reason(exc)) from exc
            rest = rest[sent:]

    def receive(self) -> bytes:
        """Return what there is, as soon as there is something; b"" at the end."""
        while True:
            # Outside of try: a StreamTimeout is an OSError and a socket.timeout too.
            remaining = self.remaining()
            try:
                data: bytes = self.handle.blocking(remaining, "recv", _READ_SIZE)
                return data
            except socket.timeout:
                # remaining() says which deadline it was, or goes on if the clock was early.
                continue
            except OSError as exc:
                raise ConnectionLost(reason(exc)) from exc

    def _timed_out(self) -> StreamTimeout:
        earliest = self.deadlines.earliest()
        assert earliest is not None
        error = self.deadlines.expired(max(earliest, time.monotonic()))
        assert error is not None
        return error


class _Body:
    """The decoded bytes of a response, one piece per read."""

    def __init__(self, wire: _Wire, reader: _http1.ResponseReader, first: list[bytes]) -> None:
        assert reader.head is not None
        self._wire = wire
        self._reader = reader
        self._received = b"".join(first)
        self._inflater: Any = None
        # Found out at the first step, so that a refused response keeps its status.
        self._headers: Headers | None = reader.head.headers
        # What the last read inflates to, in small steps; None in between.
        self._inflated: Iterator[bytes] | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            return self._next()
        except (StopIteration, SSEWireError):
            self._wire.handle.abort()
            raise
        except _ClosedByOther:
            raise StopIteration from None

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
            self._wire.deadlines.start_idle(time.monotonic())
            data = self._wire.receive()
            if data:
                pieces = reader.feed(data)
                received = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                if received and self._inflater is None:
                    return received
                self._received = received
            else:
                reader.close()

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
                response = _exchange(current, settings, _Wire(handle, deadlines))
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
    """Connect, send a request and return what is answered."""
    parts = current.parts
    try:
        proxy = settings.proxy_for(current)
    except ValueError as exc:
        # Met after a redirect; the first request's was checked before.
        raise ConnectFailed(parts.address, str(exc), False) from exc
    if proxy is None:
        wire.connect(parts.host, parts.port, parts.address)
    else:
        wire.connect(proxy.host, proxy.port, proxy.address)
        if parts.scheme == "https":
            try:
                wire.open_tunnel(current, proxy)
            except ConnectionLost as exc:
                raise ConnectFailed(proxy.address, str(exc)) from exc
    if parts.scheme == "https":
        wire.start_tls(settings.tls_context(), parts.host, parts.address)
        proxy = None
    wire.deadlines.start_head(time.monotonic())
    data = _http1.request_head(current, proxy) + (current.body or b"")
    lost: ConnectionLost | None = None
    try:
        wire.send(data)
    except ConnectionLost as exc:
        # A server may refuse a large body before it is through; its answer says why.
        lost = exc
    reader = _http1.ResponseReader(current.method)
    pieces: list[bytes] = []
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
    if reader.complete:
        # Nothing more is to come, so nobody need close what will not be read.
        wire.handle.drop()
    response = HTTPResponse(
        reader.head.status, reader.head.headers, _Body(wire, reader, pieces), url=current.url
    )
    response._deadlines = wire.deadlines
    return response


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
    handle.adopt_response(response.close)
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
        return EventStream(response, parser, deadlines)
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
