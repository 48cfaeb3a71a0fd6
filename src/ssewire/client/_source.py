# SPDX-License-Identifier: MIT
"""Events for ever, across reconnects: the rules of `reconnect` carried out.

May import: _checks, _closing, _following, _http, _limits, _settings, _standard, errors, event,
reconnect, _connection, _exchange, _stream.
"""

from __future__ import annotations

import random
import time
from typing import Callable, overload

from .._checks import plain_callable
from .._closing import Closeable
from .._following import Following, check_hook_error, prepared_request
from .._http.redirects import MAX_REDIRECTS
from .._http.refusal import EVENT_STREAM
from .._http.timeouts import NOT_GIVEN
from .._limits import MAX_EVENT_SIZE
from .._settings import checked_arguments, log_command
from .._standard import ItemT
from ..errors import SSEWireError, TransportError
from ..event import Comment
from ..reconnect import Connect
from ._connection import Handle, Interrupted, Pause
from ._exchange import open_events
from ._stream import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from types import TracebackType
    from typing import Any, Literal

    from typing_extensions import Self, Unpack

    from .._headers import HeaderSource
    from .._http.refusal import MediaTypes
    from .._http.request import Body, HTTPRequest
    from .._http.timeouts import NotGiven, Timeouts
    from .._settings import StreamOptions
    from .._unfinished import Unfinished
    from ..event import Item, ServerSentEvent
    from ..reconnect import ReconnectPolicy
    from ._response import Transport
    from ._stream import EventStream


class EventSource(Closeable, Following[ItemT]):
    """Events for ever, across reconnects: an iterator, and a context manager that closes it.

    Takes the arguments of `open_stream`, and:

    Args:
        last_event_id: where to go on; a Last-Event-ID header counts as that.
        reconnect: when and how often to try again.
        on_open: called with the EventStream of each connection.
        on_error: called with each exception that ends a connection, and the
            seconds until the next attempt, or None if there is none. The end
            of a stream is a ConnectionLost here.
        prepare: called with the HTTPRequest before each connection, the first too;
            returns the one to send, such as `request.with_headers(...)` with a new
            token. A TransportError that it raises is a failed attempt.

    What a hook raises closes the source and comes out of the iteration, also what
    `reconnect.should_retry` raises.

    Raises:
        TypeError, ValueError: an argument that makes no sense, before any I/O;
            hooks must be plain callables, not coroutine functions.

    Raises (while iterating):
        RetriesExhausted: too many failed attempts; the last failure is the cause.
        StatusError, ContentTypeError, RedirectError, ConnectFailed,
        ContentDecodingError, EventTooLarge: those that would only come again.
    """

    __slots__ = ("__weakref__", "_handle", "_pause", "_settings")

    # The keywords that decide nothing of the type stand once, in StreamOptions.
    @overload
    def __init__(
        self: EventSource[ServerSentEvent],
        url: str,
        *,
        transport: Transport | None = None,
        comments: Literal[False] = False,
        reconnect: ReconnectPolicy | None = None,
        on_open: Callable[[EventStream[ServerSentEvent]], object] | None = None,
        on_error: Callable[[SSEWireError, float | None], object] | None = None,
        prepare: Callable[[HTTPRequest], HTTPRequest] | None = None,
        **options: Unpack[StreamOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: EventSource[Item],
        url: str,
        *,
        transport: Transport | None = None,
        comments: bool,
        reconnect: ReconnectPolicy | None = None,
        on_open: Callable[[EventStream[Item]], object] | None = None,
        on_error: Callable[[SSEWireError, float | None], object] | None = None,
        prepare: Callable[[HTTPRequest], HTTPRequest] | None = None,
        **options: Unpack[StreamOptions],
    ) -> None: ...

    def __init__(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: HeaderSource | None = None,
        body: Body | None = None,
        timeouts: Timeouts | float | NotGiven | None = NOT_GIVEN,
        timeout: Timeouts | float | NotGiven | None = NOT_GIVEN,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = "env",
        max_redirects: int = MAX_REDIRECTS,
        transport: Transport | None = None,
        media_types: MediaTypes = EVENT_STREAM,
        last_event_id: str = "",
        max_event_size: int | None = MAX_EVENT_SIZE,
        comments: bool = False,
        default_event: str = "message",
        unfinished: Unfinished = "drop",
        reconnect: ReconnectPolicy | None = None,
        on_open: Callable[[EventStream[Any]], object] | None = None,
        on_error: Callable[[SSEWireError, float | None], object] | None = None,
        prepare: Callable[[HTTPRequest], HTTPRequest] | None = None,
    ) -> None:
        carrier = plain_callable("transport", transport)
        first, self._settings = checked_arguments(
            *(url, method, headers, body, timeouts, timeout, tls, proxy, max_redirects, carrier),
            unfinished=unfinished,
            media_types=media_types,
        )
        super().__init__(
            first,
            last_event_id=last_event_id,
            max_event_size=max_event_size,
            comments=comments,
            default_event=default_event,
            reconnect=reconnect,
            on_open=plain_callable("on_open", on_open),
            on_error=plain_callable("on_error", on_error),
            prepare=plain_callable("prepare", prepare),
            random=random.random,
        )
        # The wait for the next attempt. close() and restart() come from any thread and from signal
        # handlers: each sets its flag, then aborts the handle and ends the wait; the iterating
        # thread makes a handle or begins a wait, then looks at the flags.
        self._pause = Pause()
        self._handle = Handle()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ItemT:
        while not self._closing:
            stream: EventStream[ItemT] | None = self._stream
            if stream is None:
                self._connect()
                continue
            given_id = stream._given_id
            # Not next(stream), and no call before `return`: see EventStream.__next__.
            try:
                for item in stream._ready:
                    if item.__class__ is not Comment:
                        stream._given_id = item.id
                        self._progress = True
                    # After the ID is set, as close() looks at the ID after it set this:
                    # one of the two sees what the other did.
                    if not self._closing or self._still_given(item):
                        return item  # type: ignore[no-any-return]
                    break
            except BaseException:
                # As there; also where close() took the item for handed out.
                stream._given_id = given_id
                stream._ready = NOTHING
                stream._handle.taken = True
                if self._closing:
                    self._decided["id"] = given_id
                raise
            if not self._closing:
                try:
                    stream._refill()
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
        self._closing = True
        self._decided.setdefault("id", self.last_event_id)
        self._handle.abort()
        self._pause.end()

    def _still_given(self, item: Any) -> bool:
        """Say whether an item counts that was about to be handed out as close() was called."""
        if item.__class__ is Comment:
            return False
        last: str = item.id
        return self._decided.setdefault("id", last) == last

    def restart(self) -> None:
        """Drop the connection, or the wait for the next, and connect at once.

        Events already received are handed out first.

        Raises:
            StateError: the source is closed.
        """
        self._check_open()
        self._restarting = True
        self._handle.abort()
        self._pause.end()

    def _connect(self) -> None:
        """Wait until it is due, then connect; return after one outcome."""
        while not self._restarting and not self._closing:
            left = self._due - time.monotonic()
            if left <= 0:
                break
            self._pause.wait(left)
        if self._closing:
            return
        current = self._attempt()
        if current is None:
            self.close()
            return
        # What an interrupted attempt may have left open.
        self._handle.abort()
        handle = self._handle = Handle()
        if self._closing or self._restarting:
            return
        if self._prepare is not None:
            try:
                current = self._ready(current)
            except TransportError as exc:
                self._end(exc)
                return
        try:
            stream = open_events(current, self._settings, handle, self._parser)
        except Interrupted:
            return
        except SSEWireError as exc:
            self._end(exc)
            return
        self._opened(stream, time.monotonic())
        if self._on_open is not None:
            self._run_hook(self._on_open, stream)

    def _ready(self, request: HTTPRequest) -> HTTPRequest:
        """Return what `prepare` makes of a request.

        Raises:
            TransportError: this attempt has failed.
            Exception: what else it raised; the source is closed.
        """
        assert self._prepare is not None
        try:
            prepared = prepared_request(self._prepare(request))
            self._settings.check(prepared)
            self._machine.on_request(prepared.method)
            return prepared
        except TransportError:
            raise
        except BaseException as exc:
            self.close()
            check_hook_error(exc, StopIteration)
            raise

    def _end(self, error: SSEWireError | None) -> None:
        """Act on the end of a connection, or of the attempt at one."""
        self._release()
        if self._closing or self._restarting:
            # The machine is told of a restart when it is done, in _connect.
            return
        command = self._outcome(error, time.monotonic(), time.time())
        delay: float | None = None
        if isinstance(command, Connect):
            delay = command.delay
        else:
            self._closing = True
        # Not before: what a handler of the log raises must not make it go on.
        log_command(command, self._machine.failures)
        if command.error is None:
            return
        if self._on_error is not None:
            self._run_hook(self._on_error, command.error, delay)
        if delay is None:
            raise command.error

    def _run_hook(self, hook: Callable[..., object], *args: object) -> None:
        try:
            hook(*args)
        except BaseException as exc:
            self.close()
            self._release()
            check_hook_error(exc, StopIteration)
            raise

    def _release(self) -> None:
        stream = self._stream
        if stream is not None:
            stream.close()
            self._ended(stream)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        self._release()
