# SPDX-License-Identifier: MIT
"""The response of an ASGI application: head, events, comments while there is silence, an end.

Three tasks: the server's waits; one runs the source and sends; one listens
whether the client leaves. None cancels one that is not its own.
May import: _checks, _serving, _running, _servers.
"""

from __future__ import annotations

import asyncio

from .._checks import wrong_type
from .._serving import COMMENT, ERROR_EVENT, KEEP_ALIVE, Options, is_source, source_of
from ._running import Running, log
from ._servers import transport_behind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Iterable, MutableMapping
    from typing import Any, Callable, Union

    from .._headers import HeaderSource
    from .._serving import Item

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Source = Union[AsyncIterable[Item], Iterable[Item]]

# Seconds that a client has for the last bytes of a stream that the server's stopping ends.
_LAST = 0.5


def event_stream(
    events: Source | Callable[[Any], Any],
    *,
    keep_alive: float | None = KEEP_ALIVE,
    headers: HeaderSource | None = None,
    status: int = 200,
    send_timeout: float | None = None,
    error_event: str | None = ERROR_EVENT,
    on_close: Callable[[], object] | None = None,
) -> EventStream:
    """Return an ASGI application that answers with these events.

    Args:
        events: an asynchronous or blocking iterable of events, str (the data of one), dict or
            list (its data as JSON), Comment, or bytes of the wire, for one response; a blocking
            one runs in a thread of its own. Or a function of the ASGI scope that gives one, also
            a coroutine function, for an application that serves any number; where it gives
            None the answer is 204, after which a browser's EventSource asks no more.
        keep_alive: seconds of silence after which a comment is sent; None for none.
        headers: fields of the response besides, or in place of, `HEADERS`.
        status: the status of the response; of those without a body the source is not read.
        send_timeout: seconds that a client may take for one event, to within a quarter, before
            it is let go; None for as long as the server lets it.
        error_event: the type of the event that a browser gets when the source fails, which
            says nothing of why; None for none.
        on_close: called once for each response, when its source has been closed, or, blocking,
            has been told to close; may be a coroutine function.

    The source is closed at its end, on errors, when the client leaves and when the server
    stops. What it raises is logged under `ssewire`.

    Raises:
        TypeError, ValueError: an argument that makes no sense; a header that cannot be sent.
    """
    options = Options(
        keep_alive=keep_alive,
        headers=headers,
        status=status,
        send_timeout=send_timeout,
        error_event=error_event,
        on_close=on_close,
    )
    return EventStream(events, options)


class EventStream:
    """An ASGI application whose responses are event streams; `event_stream` makes it."""

    __slots__ = ("_events", "_options")

    def __init__(self, events: Any, options: Options) -> None:
        if not (hasattr(events, "__aiter__") or callable(events) or is_source(events)):
            raise wrong_type(
                "events",
                "an iterable, an asynchronous iterable, or a function that gives one",
                events,
            )
        self._events = events
        self._options = options

    if not TYPE_CHECKING:

        def __iter__(self) -> object:
            # What FastAPI tries with the result of a view, and shows if it fails.
            raise TypeError("event_stream() is an application; a view returns EventResponse(...)")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection, as the ASGI specification has it."""
        kind = scope["type"]
        if kind == "lifespan":
            await _live(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1003})
        elif kind == "http":
            events: Any = self._events
            if callable(events) and not hasattr(events, "__aiter__"):
                events = source_of(events, "the scope", scope)
                if hasattr(events, "__await__"):
                    events = await events
                if events is None:
                    await _respond_nothing(send)
                    return
            await Response(events, self._options, send).respond(scope["method"], receive)
        else:
            raise ValueError(f"an ASGI scope of the type {kind!r}")


async def _live(receive: Receive, send: Send) -> None:
    """Answer a server's questions about starting and stopping."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _respond_nothing(send: Send) -> None:
    fields = [(b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 204, "headers": fields})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class Response(Running):
    """One response."""

    __slots__ = (
        "_comment",
        "_delivering",
        "_over",
        "_send",
        "_since",
        "_started",
        "_timer",
        "_transport",
    )

    def __init__(self, events: Any, options: Options, send: Send) -> None:
        super().__init__(events, options)
        self._send = send
        # The task that sends a comment: what comes next waits for it.
        self._comment: asyncio.Task[None] | None = None
        # Whether the server is at a send for the source, and not yet through.
        self._delivering = False
        # Whether the head has been sent.
        self._started = False
        # When a send was last begun or ended.
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._transport = transport_behind(send)
        # Done when the source is to be closed, or has been.
        self._over: asyncio.Future[None] | None = None

    async def respond(self, method: str, receive: Receive) -> None:
        """Send it all; return, or raise what the server or a middleware raised, when it is over."""
        try:
            if method == "HEAD" or self._options.bodiless:
                await self._send_head()
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            await self._respond(receive)
        except OSError:
            # So do some servers say that the client has gone, which is its right.
            log.debug("the client has gone", exc_info=True)
        finally:
            self.end(silent=True)
            await self.closed()

    async def _respond(self, receive: Receive) -> None:
        # Not the task itself: whom a server cancels would cancel it, without a word of why.
        self._over = asyncio.get_running_loop().create_future()
        self._since = asyncio.get_running_loop().time()
        task = self.start()
        task.add_done_callback(self._on_done)
        self._plan()
        watching = self._loop.create_task(self._watch(receive))
        try:
            await self._over
            await self.closed()
            if not self._started and not self._silent:
                # The server stopped before the task had its first turn.
                await self._deliver_end(b"", hurried=False)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            ours = {watching}
            if self._comment is not None:
                ours.add(self._comment)
            for each in ours:
                each.cancel()
            self.end(silent=True)
            await asyncio.wait(ours, timeout=_LAST)
        if task.done() and not task.cancelled() and task.exception() is not None:
            await task

    def end(self, silent: bool = False) -> None:
        super().end(silent)
        self._be_over()

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            # Looked at here, lest asyncio complains where the server is past hearing of it.
            task.exception()
        self._be_over()

    def _be_over(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    async def _watch(self, receive: Receive) -> None:
        try:
            while (await receive())["type"] != "http.disconnect":
                # A driver of tests may answer without ever waiting, and nobody else had a turn.
                await asyncio.sleep(0)
        except Exception:
            log.debug("the server has nothing more to say", exc_info=True)
        self.end(silent=True)

    async def _send_head(self) -> None:
        self._started = True
        fields = list(self._options.fields)
        start = {"type": "http.response.start", "status": self._options.status, "headers": fields}
        await self._send(start)

    async def _give(self) -> None:
        # Here, so that a client who does not even take this is let go like others.
        self._delivering = True
        await self._send_head()
        self._delivering = False
        self._since = self._loop.time()
        await super()._give()

    async def _deliver(self, data: bytes) -> None:
        if self._comment is not None:
            await self._commented()
        time = self._loop.time
        self._since = time()
        self._delivering = True
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._delivering = False
        self._since = time()

    async def _deliver_end(self, data: bytes, hurried: bool) -> None:
        if self._comment is not None:
            if hurried:
                self._comment.cancel()
            await self._commented()
        self._since = self._loop.time()
        self._delivering = True
        hurry = None
        if hurried:
            task: Any = asyncio.current_task()
            hurry = self._loop.call_later(_LAST, self._drop, task)
        try:
            if not self._started:
                await self._send_head()
            await self._send({"type": "http.response.body", "body": data, "more_body": False})
        finally:
            if hurry is not None:
                hurry.cancel()

    def _drop(self, task: asyncio.Task[None] | None = None) -> None:
        """Let a client go that reads nothing, the connection too where we can reach it.

        A server that closes it waits until what was sent has been read, and a server that stops
        waits for that.
        """
        if self._transport is not None:
            self._transport.abort()
        if task is not None:
            task.cancel()

    def _undelivered(self) -> bool:
        return self._delivering

    # --- silence, and clients that do not read

    def _plan(self) -> None:
        """Look again when something may be due."""
        now = self._loop.time()
        due = []
        if self._options.keep_alive is not None:
            due.append((now if self._delivering else self._since) + self._options.keep_alive)
        if self._options.send_timeout is not None:
            due.append(now + self._options.send_timeout / 4)
        if due:
            self._timer = self._loop.call_at(min(due), self._look)

    def _look(self) -> None:
        if self._ended:
            return
        if self._transport is not None and self._transport.is_closing():
            self.end(silent=True)
            return
        options = self._options
        silence = self._loop.time() - self._since
        if self._delivering or self._comment is not None:
            if options.send_timeout is not None and silence >= options.send_timeout:
                log.info("a client took no event for %.3g s, and was let go", silence)
                self.end(silent=True)
                self._drop()
                return
        elif options.keep_alive is not None and silence >= options.keep_alive:
            self._since += silence
            if self._wire.between_lines:
                self._comment = self._loop.create_task(self._send_comment())
        self._plan()

    async def _send_comment(self) -> None:
        try:
            await self._send({"type": "http.response.body", "body": COMMENT, "more_body": True})
        except Exception:
            log.debug("the client has gone", exc_info=True)
            self.end(silent=True)
        finally:
            self._since = self._loop.time()
            self._comment = None

    async def _commented(self) -> None:
        comment = self._comment
        if comment is not None:
            await asyncio.wait({comment})
