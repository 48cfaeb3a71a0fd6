"""Events for ever, across reconnects: the rules of `reconnect` carried out.

May import: _checks, _http, _limits, _settings, errors, event, parser, reconnect,
_exchange, _response, _stream, _tasks.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Callable

from .._checks import wrong_type
from .._http.redirects import MAX_REDIRECTS
from .._http.refusal import parse_retry_after
from .._http.request import HTTPRequest
from .._limits import MAX_EVENT_SIZE
from .._settings import Settings, log, plain_callable
from ..errors import SSEWireError, StateError, StatusError
from ..event import Comment
from ..parser import Parser
from ..reconnect import Connect, Reconnection, ReconnectPolicy
from ._exchange import event_response
from ._response import HTTPResponse
from ._stream import parsed
from ._tasks import Child, Closing, EitherCloseable, Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any

    from typing_extensions import Self

    from .._headers import HeaderSource
    from .._http.request import Body
    from .._http.timeouts import Timeouts
    from ._response import Transport
    from ._stream import EventStream


class EventSource(EitherCloseable):
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
        self._connecting = Child()

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
        except Interrupted:
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
        opening = event_response(current, self._settings)
        try:
            response = await connecting.run(opening, discard=HTTPResponse.close)
        except Interrupted:
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
        self._stream = stream = parsed(response, self._parser)
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
