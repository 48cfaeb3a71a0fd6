# SPDX-License-Identifier: MIT
"""Events for ever, across reconnects: the rules of `reconnect` carried out.

May import: _checks, _following, _http, _limits, _settings, _standard, errors, event, reconnect,
_exchange, _response, _stream, _tasks.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from typing import Callable, overload

from .._checks import check_callable, plain_callable
from .._following import Following, check_hook_error, prepared_request
from .._http.redirects import MAX_REDIRECTS
from .._http.refusal import EVENT_STREAM
from .._http.timeouts import NOT_GIVEN
from .._limits import MAX_EVENT_SIZE
from .._settings import checked_arguments, log_command
from .._standard import ItemT
from ..errors import SSEWireError, StateError, TransportError
from ..event import Comment
from ..reconnect import Connect
from ._exchange import event_response
from ._response import HTTPResponse
from ._stream import parsed
from ._tasks import Child, Closing, EitherCloseable, Errand, Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable
    from typing import Any, Literal

    from typing_extensions import Self, Unpack

    from .._headers import HeaderSource
    from .._http.refusal import MediaTypes
    from .._http.request import Body, HTTPRequest
    from .._http.timeouts import NotGiven, Timeouts
    from .._settings import Settings, StreamOptions
    from .._unfinished import Unfinished
    from ..event import Item, ServerSentEvent
    from ..reconnect import Reconnection, ReconnectPolicy
    from ._response import Transport
    from ._stream import EventStream


class _Unprepared(Exception):
    """`prepare` raised what ends the source; no user of the package sees it."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


async def _answer(
    request: HTTPRequest,
    prepare: Callable[[HTTPRequest], Any] | None,
    settings: Settings,
    machine: Reconnection,
) -> HTTPResponse:
    """Return the response to what `prepare` makes of a request.

    Raises:
        _Unprepared: it raised what ends the source.
    """
    if prepare is not None:
        try:
            prepared = prepare(request)
            if hasattr(prepared, "__await__"):
                prepared = await prepared
            request = prepared_request(prepared)
            settings.check(request)
            machine.on_request(request.method)
        except (TransportError, asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as exc:
            raise _Unprepared(exc) from exc
        # Where it has called close() or restart(), this ends here, before anything is sent.
        await asyncio.sleep(0)
    return await event_response(request, settings)


class EventSource(EitherCloseable, Following[ItemT]):
    """Events for ever, across reconnects: an asynchronous iterator and context manager.

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
            token; may be a coroutine function. A TransportError that it raises is a
            failed attempt.

    What a hook raises closes the source and comes out of the iteration, also what
    `reconnect.should_retry` raises.
    Cancelling a step takes nothing, so that `asyncio.wait_for` may be around any:
    the connection stays, an attempt at one goes on, and the next step waits for
    the same. What is dropped unclosed closes itself, with a ResourceWarning.

    Raises:
        TypeError, ValueError: an argument that makes no sense, before any I/O;
            hooks must be plain callables, not coroutine functions.

    Raises (while iterating):
        RetriesExhausted: too many failed attempts; the last failure is the cause.
        StatusError, ContentTypeError, RedirectError, ConnectFailed,
        ContentDecodingError, EventTooLarge: those that would only come again.
        StateError: another task is waiting for it.
    """

    __slots__ = ("__weakref__", "_opening", "_pause", "_settings")

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
        prepare: Callable[[HTTPRequest], HTTPRequest | Awaitable[HTTPRequest]] | None = None,
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
        prepare: Callable[[HTTPRequest], HTTPRequest | Awaitable[HTTPRequest]] | None = None,
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
        prepare: Callable[[HTTPRequest], HTTPRequest | Awaitable[HTTPRequest]] | None = None,
    ) -> None:
        first, self._settings = checked_arguments(
            *(url, method, headers, body, timeouts, timeout, tls, proxy, max_redirects, transport),
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
            prepare=check_callable("prepare", prepare),
            random=random.random,
        )
        # The wait before an attempt: cancelled, it goes on by its time.
        self._pause = Child()
        # The attempt. It goes on while nobody waits: if it were closed with each wait, one that
        # takes longer than the waits would never succeed, and what may not be repeated be lost.
        self._opening: Errand[HTTPResponse] = Errand(HTTPResponse.close)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        while not self._closing:
            stream: EventStream[ItemT] | None = self._stream
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
            else:
                if item.__class__ is not Comment:
                    self._progress = True
                return item
        await self._release()
        raise StopAsyncIteration

    def close(self) -> Closing:
        """End the iteration, also of a task that waits. Idempotent.

        Done at once; awaiting it returns when the socket is closed.
        """
        self._decided.setdefault("id", self.last_event_id)
        self._closing = True
        self._pause.cancel()
        stream = self._stream
        return self._opening.end() if stream is None else stream.close()

    def restart(self) -> None:
        """Drop the connection, or the wait for the next, and connect at once.

        Events already received are handed out first.

        Raises:
            StateError: the source is closed.
        """
        self._check_open()
        self._restarting = True
        self._pause.cancel()
        self._opening.end()
        if self._stream is not None:
            self._stream._stop()

    async def _connect(self) -> None:
        """Wait until it is due, then connect; return after one outcome."""
        opening = self._opening
        opening.check_free()
        if not opening.under_way:
            await self._wait_until_due()
            if self._closing:
                return
            current = self._attempt()
            if current is None:
                self.close()
                return
            opening.begin(_answer(current, self._prepare, self._settings, self._machine))
        try:
            response = await opening.result()
        except Interrupted:
            return
        except _Unprepared as exc:
            self.close()
            check_hook_error(exc.error, StopIteration, StopAsyncIteration)
            raise exc.error from exc.error.__cause__
        except StateError:
            raise
        except SSEWireError as exc:
            await self._end(exc)
            return
        # Not before it is certain that what the parser finds will be handed out.
        stream = parsed(response, self._parser, self._settings.dispatch)
        self._opened(stream, asyncio.get_running_loop().time())
        if self._on_open is not None:
            await self._run_hook(self._on_open, stream)

    async def _wait_until_due(self) -> None:
        self._pause.check_free()
        # What is left of it: a wait that was cancelled need not begin anew.
        delay = self._due - asyncio.get_running_loop().time()
        if not self._restarting and delay > 0:
            with suppress(Interrupted):
                await self._pause.run(asyncio.sleep(delay))

    async def _end(self, error: SSEWireError | None) -> None:
        """Act on the end of a connection, or of the attempt at one.

        Nothing is awaited before it is settled what comes next: a cancellation must not undo it.
        """
        released = self._release()
        if self._closing or self._restarting:
            # The machine is told of a restart when it is done, in _connect.
            await released
            return
        command = self._outcome(error, asyncio.get_running_loop().time(), time.time())
        delay: float | None = None
        if isinstance(command, Connect):
            delay = command.delay
        else:
            self._closing = True
        # Not before: what a handler of the log raises must not make it go on.
        log_command(command, self._machine.failures)
        if command.error is not None and self._on_error is not None:
            await self._run_hook(self._on_error, command.error, delay)
        if command.error is not None and delay is None:
            raise command.error
        await released

    async def _run_hook(self, hook: Callable[..., object], *args: object) -> None:
        try:
            hook(*args)
        except BaseException as exc:
            self.close()
            await self._release()
            check_hook_error(exc, StopIteration, StopAsyncIteration)
            raise

    def _release(self) -> Closing:
        stream = self._stream
        if stream is None:
            return Closing()
        closing: Closing = stream.close()
        self._ended(stream)
        return closing

    def __del__(self) -> None:
        # Not set where __init__ failed. A stream that is open says so itself.
        opening = getattr(self, "_opening", None)
        if opening is not None:
            opening.abandon(self)
