# SPDX-License-Identifier: MIT
"""Serve events to browsers from blocking code: Flask, Django, wsgiref, gunicorn with threads.

A response takes a thread of the server's for as long as it is open. With
keep-alive the source has another one for itself, so that a comment can go out
while it blocks; without, it runs in the server's. What `asgi` says of items,
headers and errors holds here too. May import: _closing, _serving, _source_thread.
"""

from __future__ import annotations

import http
import logging
import queue
import signal
import time

from ._closing import Closeable, close_all
from ._serving import (
    COMMENT,
    ERROR_EVENT,
    HEADERS,
    KEEP_ALIVE,
    Options,
    Wire,
    is_source,
    last_event_id,
    no_source,
    source_of,
)
from ._source_thread import Ended, SourceThread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Callable

    from typing_extensions import Self

    from ._headers import HeaderSource
    from ._serving import Item

    Environ = dict[str, Any]
    # PEP 3333's, of which we need no more than that it can be called.
    StartResponse = Callable[..., Any]

__all__ = [
    "ERROR_EVENT",
    "HEADERS",
    "KEEP_ALIVE",
    "EventBody",
    "EventStream",
    "event_body",
    "event_stream",
    "last_event_id",
]

_log = logging.getLogger("ssewire")

# Seconds between two looks whether the server stops.
_LOOK = 0.25


def event_body(
    events: Iterable[Item],
    keep_alive: float | None = KEEP_ALIVE,
    *,
    error_event: str | None = ERROR_EVENT,
    on_close: Callable[[], object] | None = None,
) -> EventBody:
    """Return the bytes of a response with these events, for Flask's Response and the like.

    Send it with `HEADERS`.

    Args:
        events: an iterable of events, str (the data of one), dict or list (its data as JSON),
            Comment, or bytes of the wire.
        keep_alive: seconds of silence after which a comment is sent; None for none. Only by
            sending does a server find out that its client has left.
        error_event: the type of the event that a browser gets when the source fails, which
            says nothing of why; None for none.
        on_close: called once, when the source has been closed or, where it blocks in its
            thread, has been told to close.

    The source is closed at its end, on errors, and when the body is closed, as servers do when
    the client has left. One that blocks at that moment is closed as soon as it gives its next
    item: nothing can interrupt it but `on_close`. What it raises is logged under `ssewire`.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
    """
    return EventBody(
        events, Options(keep_alive=keep_alive, error_event=error_event, on_close=on_close)
    )


def event_stream(
    events: Iterable[Item] | Callable[[Environ], Iterable[Item] | None],
    *,
    keep_alive: float | None = KEEP_ALIVE,
    headers: HeaderSource | None = None,
    status: int = 200,
    error_event: str | None = ERROR_EVENT,
    on_close: Callable[[], object] | None = None,
) -> EventStream:
    """Return a WSGI application that answers with these events.

    Args:
        events: as for `event_body`, for one response; or a function of the environ that gives
            them, for an application that serves any number; where it gives None the answer is
            204, after which a browser's EventSource asks no more.
        headers: fields of the response besides, or in place of, `HEADERS`.
        status: the status of the response; of those without a body the source is not read.
        keep_alive, error_event, on_close: as for `event_body`.

    Raises:
        TypeError, ValueError: an argument that makes no sense; a header that cannot be sent.
    """
    options = Options(
        keep_alive=keep_alive,
        headers=headers,
        status=status,
        error_event=error_event,
        on_close=on_close,
    )
    return EventStream(events, options)


class EventStream:
    """A WSGI application whose responses are event streams; `event_stream` makes it."""

    __slots__ = ("_events", "_options")

    def __init__(self, events: Any, options: Options) -> None:
        if not (callable(events) or is_source(events)):
            raise _no_source("an iterable, or a function that gives one", events)
        self._events = events
        self._options = options

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as PEP 3333 has it."""
        events = self._events
        if callable(events):
            events = source_of(events, "the environ", environ)
            if events is None:
                start_response(_status(204), [("cache-control", "no-store")])
                return []
        options = self._options
        body = EventBody(events, options)
        fields = [(n.decode("ascii"), v.decode("latin-1")) for n, v in options.fields]
        try:
            start_response(_status(options.status), fields)
        except BaseException:
            body.close()
            raise
        if environ["REQUEST_METHOD"] == "HEAD" or options.bodiless:
            body.close()
            return []
        return body


def _status(code: int) -> str:
    try:
        return f"{code} {http.HTTPStatus(code).phrase}"
    except ValueError:
        # PEP 3333 wants a phrase, and says nothing of which.
        return f"{code} Status"


def _no_source(expected: str, value: object) -> TypeError:
    if hasattr(value, "__aiter__"):
        return TypeError(f"events must be {expected}; serve asynchronous ones by ssewire.asgi")
    return no_source(expected, value)


class EventBody(Closeable):
    """The bytes of a response, an iterator; `event_body` makes it. Closing it closes the source."""

    __slots__ = ("__weakref__", "_on_close", "_options", "_source", "_wire")

    def __init__(self, events: Any, options: Options) -> None:
        if not is_source(events):
            raise _no_source("an iterable", events)
        self._options = options
        self._on_close = options.on_close
        self._wire = Wire()
        # None when there is no more to come.
        self._source: Any = None
        if options.keep_alive is None:
            self._source = _Here(events)
        else:
            self._source = _There(events, options.keep_alive)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        while self._source is not None:
            try:
                item = self._source.next(self._wire)
                data = item if item is COMMENT else self._wire.encode(item)
            except StopIteration:
                self.close()
            except Exception:
                _log.exception("the source of an event stream failed")
                self.close()
                if self._options.error_event and not self._wire.within:
                    return self._options.error_event
            else:
                if data:
                    return data
        raise StopIteration

    def close(self) -> None:
        """Close the source; the iteration then ends. Returns at once, also where it blocks."""
        source, self._source = self._source, None
        if source is None:
            return
        try:
            source.close()
        except Exception:
            _log.exception("the source of an event stream could not be closed")
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            try:
                on_close()
            except Exception:
                _log.exception("on_close of an event stream failed")

    def __del__(self) -> None:
        # Not set where __init__ failed.
        if getattr(self, "_source", None) is not None:
            self.close()


def server_stops() -> bool:
    """Whether this process is a worker of gunicorn's that was told to stop.

    It waits for its responses, half a minute by default, and tells them nothing; but the handler
    of the signal is a method of the worker, which knows. From other servers a thread of theirs
    learns nothing: they end theirs without waiting, or are told how long to wait.
    """
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(worker, "alive", True) is False


class _Here:
    """A source that runs in the thread that asks for its items."""

    __slots__ = ("_events", "_iterator")

    def __init__(self, events: Iterable[Any]) -> None:
        self._events = events
        self._iterator: Any = None

    def next(self, wire: Wire) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._events)
        return next(self._iterator)

    def close(self) -> None:
        close_all(self._iterator, self._events)


class _There:
    """A source in a thread of its own."""

    __slots__ = ("_asked", "_given", "_keep_alive", "_thread")

    def __init__(self, events: Iterable[Any], keep_alive: float) -> None:
        self._given: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = SourceThread(events, self._given.put)
        self._keep_alive = keep_alive
        self._asked = False

    def next(self, wire: Wire) -> Any:
        if not self._asked:
            self._thread.ask()
            self._asked = True
        begun = time.monotonic()
        while True:
            left = begun + self._keep_alive - time.monotonic()
            try:
                item = self._given.get(timeout=min(max(left, 0), _LOOK))
            except queue.Empty:
                if server_stops():
                    raise StopIteration from None
                if left <= _LOOK:
                    begun = time.monotonic()
                    if wire.between_lines:
                        return COMMENT
                continue
            self._asked = False
            if type(item) is not Ended:
                return item
            if item.error is not None:
                raise item.error
            raise StopIteration

    def close(self) -> None:
        self._thread.close()
