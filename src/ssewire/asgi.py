"""Serve events to browsers: an ASGI application, or the bytes for a framework's response.

The source runs in one task of its own, from its first event to its closing, so
that timeouts and cancel scopes in it work. It is asked for an event when the
one before has been sent. asyncio only; no framework is needed.
May import: _checks, _closing, encoder, event.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterable, Awaitable
from typing import Any, Callable, Union

from ._checks import check_seconds, wrong_type
from ._closing import AsyncCloseable
from .encoder import encode, encode_comment, encode_event
from .event import Comment, ServerSentEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from typing_extensions import Self

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

__all__ = ["EventBody", "event_body", "event_stream"]

# What a source may give: events, data of events, comments, or bytes of the wire.
Served = Union[ServerSentEvent, Comment, str, bytes]
# The name by which annotations of sources know it.
Item = Served

# Seconds of silence after which a comment is sent: proxies and balancers commonly
# give up on a connection after 30 or 60.
KEEP_ALIVE = 15.0

# `no-cache` as the standard asks of servers; the last one keeps nginx from
# collecting events until a buffer is full.
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)

# Says nothing of what went wrong: that is for the log of the server.
_ERROR = encode_event(
    json.dumps(
        {"type": "error", "error": {"type": "internal_error", "message": "the stream broke off"}}
    ),
    event="error",
)

_log = logging.getLogger("ssewire")


def event_body(events: AsyncIterable[Served], keep_alive: float | None = KEEP_ALIVE) -> EventBody:
    """Return the bytes of a response with these events, for StreamingResponse and the like.

    Send it with the headers in `ssewire.asgi.HEADERS`.

    Args:
        events: an asynchronous iterable of events, str (the data of one) or
            bytes of the wire. It is closed at its end, on errors, and when the response is.
        keep_alive: seconds of silence after which a comment is sent; None for none.

    Raises:
        TypeError, ValueError: an argument that makes no sense.

    What the source raises is logged under `ssewire`, and ends the body with an
    event of type "error".
    """
    return EventBody(events, keep_alive)


def event_stream(
    events: AsyncIterable[Served] | Callable[[Any], AsyncIterable[Served]],
    *,
    keep_alive: float | None = KEEP_ALIVE,
) -> Application:
    """Return an ASGI application that answers with these events.

    Args:
        events: as for `event_body`, for one response; or a function of the ASGI
            scope that gives them, for an application that serves any number.
        keep_alive: as for `event_body`.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
    """
    _check_keep_alive(keep_alive)
    if not callable(events) and not hasattr(events, "__aiter__"):
        raise wrong_type("events", "an asynchronous iterable, or a function that gives one", events)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await _live(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1003})
        elif kind == "http":
            source: Any = events
            if not hasattr(source, "__aiter__"):
                source = source(scope)
            await _respond(EventBody(source, keep_alive), scope, receive, send)
        else:
            raise ValueError(f"an ASGI scope of the type {kind!r}")

    return application


async def _live(receive: Receive, send: Send) -> None:
    """Answer a server's questions about starting and stopping."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _respond(body: EventBody, scope: Scope, receive: Receive, send: Send) -> None:
    """Send one response."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await body.aclose()

    watching = asyncio.ensure_future(watch())
    try:
        await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
        if scope["method"] != "HEAD":
            async for data in body:
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except OSError:
        # So do some servers say that the client has gone, which is its right.
        _log.debug("the client has gone", exc_info=True)
    finally:
        watching.cancel()
        await body.aclose()
        await asyncio.wait({watching})


def _check_keep_alive(seconds: object) -> None:
    if seconds is None:
        return
    check_seconds("keep_alive", seconds, expected="seconds or None")


# In the place of an ID that is not known: it is not empty, so that an event without one resets it.
_SOME_ID = "?"


class EventBody(AsyncCloseable):
    """The bytes of a response, an asynchronous iterator; `event_body` makes it.

    Closing it, cancelling the task that waits for it and dropping it all close the source.
    """

    def __init__(
        self, events: AsyncIterable[Served], keep_alive: float | None = KEEP_ALIVE
    ) -> None:
        if not hasattr(events, "__aiter__"):
            raise wrong_type("events", "an asynchronous iterable", events)
        _check_keep_alive(keep_alive)
        self._keep_alive = keep_alive
        self._pump = _Pump(events)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._pump.next(self._keep_alive)
        except asyncio.CancelledError:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close the source, also one that is being waited for; the iteration then ends."""
        await self._pump.close()

    def __del__(self) -> None:
        # A framework that was cancelled while it sent never asks again. Not set where
        # __init__ failed.
        pump: _Pump | None = getattr(self, "_pump", None)
        if pump is not None:
            pump.abandon()


class _Pump:
    """Runs the source in a task, one event for each that is asked for.

    Apart from EventBody, to which nothing here may refer: so that it can be dropped.
    """

    def __init__(self, events: AsyncIterable[Served]) -> None:
        self._events = events
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        # What was given, and nobody has taken yet.
        self._item: bytes | None = None
        # The end of what was given, less our own comments.
        self._tail = b""
        # The last event ID that the client has by what was given.
        self._client_id = ""
        # An event was given in part, as bytes: what comes next belongs to it.
        self._within = False
        # Done when there is an item, or none any more; None while nobody waits.
        self._news: asyncio.Future[None] | None = None
        # Done when the next item is wanted; None while the source is at it.
        self._demand: asyncio.Future[None] | None = None

    async def next(self, keep_alive: float | None) -> bytes:
        """Return the next bytes; a comment where that takes longer than `keep_alive`."""
        if self._closed:
            raise StopAsyncIteration
        loop = asyncio.get_running_loop()
        if self._task is None:
            self._task = loop.create_task(self._run())
        elif self._demand is not None and not self._demand.done():
            self._demand.set_result(None)
        while self._item is None:
            if self._closed or self._task.done():
                await self.close()
                raise StopAsyncIteration
            self._news = loop.create_future()
            done, _ = await asyncio.wait({self._news}, timeout=keep_alive)
            if not done:
                self._news = None
                # Not into a line that was given in part, as bytes.
                if self._tail[-1:] in (b"", b"\n"):
                    return encode_comment()
        item, self._item = self._item, None
        # As much as the end of a blank line is.
        self._tail = (self._tail + item)[-4:]
        return item

    async def close(self) -> None:
        """End the source and wait until it has."""
        self._closed = True
        self._item = None
        task = self._task
        if task is not None and not task.done():
            task.cancel()
            self._wake()
            if task is asyncio.current_task():
                return
            await asyncio.wait({task})
        # The task has done so, unless there was none, or it was cancelled before its
        # first step: by a client that had gone before it was answered.
        try:
            await self._close_source()
        except Exception:
            _log.exception("the source of an event stream could not be closed")

    def abandon(self) -> None:
        """End the source, from a destructor."""
        self._closed = True
        task = self._task
        if task is not None and not task.done():
            loop = task.get_loop()
            if not loop.is_closed():
                # It may run in any thread.
                loop.call_soon_threadsafe(task.cancel)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            try:
                async for item in self._events:
                    if self._closed:
                        # It was cancelled, and went on all the same: nobody will ask again.
                        break
                    self._item = encoded = self._encoded(item)
                    if isinstance(item, bytes) and encoded:
                        end = (self._tail + encoded)[-4:]
                        self._within = not end.endswith((b"\n\n", b"\n\r\n", b"\r\r"))
                    elif not isinstance(item, Comment):
                        self._within = False
                    self._demand = loop.create_future()
                    self._wake()
                    await self._demand
                    self._demand = None
            finally:
                await self._close_source()
        except asyncio.CancelledError:
            if self._closed:
                raise
            # Something that the source waited for was cancelled: that is no proper end.
            _log.warning("the source of an event stream was cancelled")
            self._item = None if self._within else _ERROR
        except Exception:
            _log.exception("the source of an event stream failed")
            if not self._closed and not self._within:
                self._item = _ERROR
        finally:
            self._wake()

    def _encoded(self, item: Served) -> bytes:
        """Return an item as bytes of the wire.

        Raises:
            TypeError, EncodeError: it is not one.
        """
        if isinstance(item, bytes):
            if b"id" in self._tail + item:
                self._client_id = _SOME_ID
            return item
        if isinstance(item, str):
            return encode_event(item)
        encoded = encode(item, last_event_id=self._client_id)
        if isinstance(item, ServerSentEvent):
            self._client_id = item.id
        return encoded

    async def _close_source(self) -> None:
        events, self._events = self._events, _NO_EVENTS
        close: Any = getattr(events, "aclose", None)
        if close is not None:
            await close()

    def _wake(self) -> None:
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)


class _NoEvents:
    """An asynchronous iterable that is empty."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        raise StopAsyncIteration


_NO_EVENTS = _NoEvents()
