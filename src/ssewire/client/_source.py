"""Events for ever, across reconnects: the rules of `reconnect` carried out.

May import: _checks, _closing, _http, _limits, _settings, errors, event, parser, reconnect,
_connection, _open.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Callable

from .._checks import wrong_type
from .._closing import Closeable
from .._http.redirects import MAX_REDIRECTS
from .._http.refusal import parse_retry_after
from .._http.request import HTTPRequest
from .._limits import MAX_EVENT_SIZE
from .._settings import Settings, log, plain_callable
from ..errors import SSEWireError, StateError, StatusError
from ..event import Comment
from ..parser import Parser
from ..reconnect import Connect, Reconnection, ReconnectPolicy
from ._connection import LONGEST_WAIT, Handle, Interrupted
from ._exchange import open_events

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from .._headers import HeaderSource
    from .._http.request import Body
    from .._http.timeouts import Timeouts
    from ..event import Item
    from ._response import Transport
    from ._stream import EventStream


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
        self._handle = Handle()
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
                self._wake.wait(min(left, LONGEST_WAIT))
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
            handle = self._handle = Handle()
        if self._parser.last_event_id == self._given_id:
            self._parser.reset()
        else:
            # The parser is ahead of what was handed out.
            self._machine.retry = self.retry
            self._parser = Parser(last_event_id=self._given_id, **self._parser_options)
        current = self._request.with_last_event_id(self._given_id)
        try:
            stream = open_events(current, self._settings, handle, self._parser)
        except Interrupted:
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
