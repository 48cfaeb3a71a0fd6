# SPDX-License-Identifier: MIT
"""What servers do not say by themselves: that they stop, and, one of them, that a client has left.

ASGI tells of a stop only when the last response is through, and streams have no end of their
own. So it is seen from the server itself, where it is one that is known, and else from the
signals that stop processes: while streams are open, by one timer for all of a loop.
May import: nothing.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Protocol

    class Stream(Protocol):
        def end(self) -> None: ...


# Seconds between two looks; uvicorn's own loop looks as often whether it was told to stop.
_LOOK = 0.1

# Seconds after which the first stream to be opened looks for servers anew: there may be another,
# and it costs a microsecond for each task of the loop.
_AGAIN = 1.0

# Coroutines that wait for each other before a server's is found, at most; and functions that
# middlewares have put around a send.
_DEEP = 16

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
]


class Streams:
    """The open streams of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._open: set[Stream] = set()
        # Tell whether a server that was found stops.
        self._servers: list[Callable[[], bool]] = []
        # When they were looked for.
        self._found = -_AGAIN
        self._timer: asyncio.TimerHandle | None = None
        # What was there before our handlers, by signal.
        self._handlers: dict[int, Any] = {}
        self._handler: Any = None

    def add(self, stream: Stream) -> None:
        if not self._open:
            self._begin()
        self._open.add(stream)

    def discard(self, stream: Stream) -> None:
        self._open.discard(stream)
        if not self._open and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._unhook()

    def end_all(self) -> None:
        for stream in list(self._open):
            stream.end()

    def _begin(self) -> None:
        loop = self._loop()
        if loop is None:
            return
        if loop.time() - self._found >= _AGAIN or any(stops() for stops in self._servers):
            self._found = loop.time()
            self._servers = find_servers(loop)
        if not self._servers:
            self._hook(loop)
        self._timer = loop.call_later(_LOOK, self._look)

    def _look(self) -> None:
        loop = self._loop()
        if loop is None:
            return
        if any(stops() for stops in self._servers):
            self.end_all()
        if self._open:
            self._timer = loop.call_later(_LOOK, self._look)

    def _hook(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear of signals, and pass them on to whom they are for."""
        if threading.current_thread() is not threading.main_thread():
            return
        before = self._handlers = {}

        def handler(number: int, frame: FrameType | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.end_all)
            before[number](number, frame)

        self._handler = handler
        for number in _SIGNALS:
            found = signal.getsignal(number)
            # Where nobody handles it, the process ends, or an exception ends the loop.
            if callable(found) and found is not signal.default_int_handler:
                before[number] = found
                signal.signal(number, handler)

    def _unhook(self) -> None:
        for number, found in self._handlers.items():
            if signal.getsignal(number) is self._handler:
                signal.signal(number, found)
        self._handlers = {}


_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Streams]
_by_loop = weakref.WeakKeyDictionary()


def streams_of(loop: asyncio.AbstractEventLoop) -> Streams:
    streams = _by_loop.get(loop)
    if streams is None:
        streams = _by_loop[loop] = Streams(loop)
    return streams


def find_servers(loop: asyncio.AbstractEventLoop) -> list[Callable[[], bool]]:
    """Return what tells of each server that runs in a loop whether it stops.

    A server runs as a coroutine of one of the loop's tasks, whether it was started by its own
    command, by a program's main() or in a thread, and that coroutine knows.
    """
    found: list[Callable[[], bool]] = []
    try:
        tasks = asyncio.all_tasks(loop)
    except RuntimeError:
        # A server may have tasks of a kind of its own (granian --task-impl rust).
        return found
    for task in tasks:
        coroutine: Any = task.get_coro()
        for _ in range(_DEEP):
            frame = getattr(coroutine, "cr_frame", None)
            if frame is None:
                break
            server = _KNOWN.get(frame.f_globals.get("__name__"))
            stops = None if server is None else server(frame.f_locals)
            if stops:
                found.append(stops)
                break
            coroutine = coroutine.cr_await
    return found


def _uvicorn(variables: Any) -> Callable[[], bool] | None:
    server = variables.get("self")
    if not hasattr(server, "should_exit"):
        return None

    def stops() -> bool:
        # After so many requests as it was told to serve, it stops without saying so.
        sockets = getattr(server, "servers", ())
        return bool(server.should_exit) or not any(each.is_serving() for each in sockets)

    return stops


def _hypercorn(variables: Any) -> Callable[[], bool] | None:
    terminated = getattr(variables.get("context"), "terminated", None)
    return None if terminated is None else terminated.is_set


_KNOWN = {"uvicorn.server": _uvicorn, "hypercorn.asyncio.run": _hypercorn}


def transport_behind(send: Any) -> Any:
    """Return the transport that a `send` of uvicorn's writes to, or None where there is none.

    uvicorn over httptools tells only the last of several requests that came at once on a
    connection when that is lost; what it is sent for the others goes nowhere, without a word.
    Middlewares are looked through as far as they are functions around a `send`.
    """
    for _ in range(_DEEP):
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if hasattr(transport, "is_closing"):
            return transport
        names = getattr(getattr(send, "__code__", None), "co_freevars", ())
        cells = getattr(send, "__closure__", None) or ()
        send = next((cell.cell_contents for n, cell in zip(names, cells) if n == "send"), None)
    return None
