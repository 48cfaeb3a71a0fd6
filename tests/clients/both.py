# SPDX-License-Identifier: MIT
"""Both clients in the same words, so that what both do is written down, and tested, once.

Such a test is a coroutine over the fixture `both`, run by `both.run`. For asyncio it is a coroutine
like any other. For the blocking client each `await` comes back without ever suspending: the call
blocks, as its users know it. `beside` starts something at the same time: a task here, a thread
there. The private names of both clients that such tests touch are in this file and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import importlib.util
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine, Generator, Iterator
from types import ModuleType
from typing import Any, Callable, Union

import pytest

from ssewire import aio, client
from ssewire._http.request import HTTPRequest
from ssewire._http.timeouts import Timeouts
from ssewire._settings import Settings
from ssewire.aio._connection import Connection
from ssewire.aio._exchange import respond as asyncio_respond
from ssewire.client._connection import Handle, Wire
from ssewire.client._exchange import respond as blocking_respond
from tests.kit.scripted import AT_ONCE

# What a transport's body does in turn: it gives bytes, waits so many seconds, or raises.
BodyStep = Union[bytes, float, BaseException]

# Nothing in a test may take as long, also on a machine with ten times as much to do.
PATIENCE = 100.0


class Turned:
    """An object of the blocking client, to be awaited like its twin of the asyncio client."""

    # What returns at once on one side and is awaited on the other.
    _awaited = ("get_final_message", "get_final_text", "get_final_json", "until_done")

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name in self._awaited:
            return functools.partial(_awaitable, value)
        return Turned(value) if name in ("chunks", "text_stream", "json_stream") else value

    def batches(self) -> Turned:
        return Turned(self._inner.batches())

    def close(self, **options: Any) -> Awaitable[None]:
        # At once, as asyncio's does; what it returns may be awaited or not.
        self._inner.close(**options)
        return _Nothing()

    def __aiter__(self) -> Turned:
        iterator = iter(self._inner)
        return self if iterator is self._inner else Turned(iterator)

    async def __anext__(self) -> Any:
        try:
            return next(self._inner)
        except StopIteration:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Turned:
        entered = self._inner.__enter__()
        return self if entered is self._inner else Turned(entered)

    async def __aexit__(self, *exc_info: Any) -> Any:
        return self._inner.__exit__(*exc_info)


class Opening:
    """What `open_stream` and `request` return: awaited or entered, once; opens only then."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call

    def __await__(self) -> Generator[Any, None, Turned]:
        return Turned(self._call())
        yield  # which makes this a generator: one that never suspends

    async def __aenter__(self) -> Turned:
        self._opened = await self
        return await self._opened.__aenter__()

    async def __aexit__(self, *exc_info: Any) -> Any:
        return await self._opened.__aexit__(*exc_info)


class _Nothing:
    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


async def _awaitable(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return call(*args, **options)


class Blocking:
    """`ssewire.client`."""

    name = "blocking"
    module: ModuleType = client

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a test to its end, which must come without a wait in a loop."""
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        coroutine.close()
        raise AssertionError("what is blocking has waited in a loop")

    def open_stream(self, *args: Any, **options: Any) -> Any:
        return Opening(functools.partial(client.open_stream, *args, **options))

    def request(self, *args: Any, **options: Any) -> Any:
        return Opening(functools.partial(client.request, *args, **options))

    def source(self, *args: Any, **options: Any) -> Any:
        return Turned(client.EventSource(*args, **options))

    # --- transports

    def transport(self, carry: Callable[[HTTPRequest], Any]) -> Any:
        """Return a transport that does what a plain function says."""
        return lambda request: carry(request)

    def pieces(self, *steps: BodyStep) -> Iterator[bytes]:
        """Return a transport's body."""
        for step in steps:
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, float):
                time.sleep(step)
            else:
                yield step

    def response(self, status: int, headers: Any, body: Any = (), **options: Any) -> Any:
        """Return a transport's response; its body is a list of steps for `pieces`."""
        return client.HTTPResponse(status, headers, self.pieces(*body), **options)

    def ways_to_close(self, function: Callable[[], Any]) -> list[Any]:
        """Return what may stand for a response's `close`: all do what `function` does."""
        return [function]

    # --- time, and what happens beside the test

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def beside(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Start a coroutine beside the test; `result` waits for what comes of it."""
        return _Thread(functools.partial(self.run, coroutine))

    async def result(self, beside: Any) -> Any:
        return beside.result()

    def tasks(self) -> set[Any]:
        """What the loop has to do: nothing, without one."""
        return set()

    # --- private names

    def counting_reads(self, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
        """Return a list that grows by what each read of the socket brings."""
        reads: list[bytes] = []
        receive = Wire.receive

        def counting(wire: Any) -> bytes:
            data = receive(wire)
            reads.append(data)
            return data

        monkeypatch.setattr(Wire, "receive", counting)
        return reads

    def never_idle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let no kept connection be young enough to be used again."""
        monkeypatch.setattr("ssewire._http.idle.POOL_IDLE", 0.0)

    def pooled(self, url: str, tls: Any = None) -> Pooled:
        return Pooled(self, client.Pool(), url, tls)

    def send(self, request: HTTPRequest, settings: Settings) -> Any:
        """Send a request with these settings, of which the pool is one."""
        return Opening(lambda: blocking_respond(request, settings, Handle()))


class Asyncio:
    """`ssewire.aio`, under the same names."""

    name = "asyncio"
    module: ModuleType = aio

    open_stream: Any = staticmethod(aio.open_stream)
    request: Any = staticmethod(aio.request)
    source: Any = staticmethod(aio.EventSource)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a test in a loop of its own; it must leave no task behind."""

        async def main() -> Any:
            try:
                return await asyncio.wait_for(coroutine, PATIENCE)
            finally:
                # What was closed in the background is done in a few turns.
                for _ in range(5):
                    await asyncio.sleep(0)
                left = asyncio.all_tasks() - {asyncio.current_task()}
                assert not left, left

        return self.run_loop(main())

    def run_loop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(coroutine)

    def transport(self, carry: Callable[[HTTPRequest], Any]) -> Any:
        async def transport(request: HTTPRequest) -> Any:
            return carry(request)

        return transport

    async def pieces(self, *steps: BodyStep) -> AsyncIterator[bytes]:
        for step in steps:
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield step

    def response(self, status: int, headers: Any, body: Any = (), **options: Any) -> Any:
        return aio.HTTPResponse(status, headers, self.pieces(*body), **options)

    def ways_to_close(self, function: Callable[[], Any]) -> list[Any]:
        async def asynchronous() -> None:
            await asyncio.sleep(0)
            function()

        return [function, asynchronous]

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def beside(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.ensure_future(coroutine)

    async def result(self, beside: Any) -> Any:
        return await asyncio.wait_for(beside, PATIENCE)

    def tasks(self) -> set[Any]:
        return asyncio.all_tasks()

    def counting_reads(self, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
        reads: list[bytes] = []
        updated = Connection.buffer_updated

        def counting(connection: Any, nbytes: int) -> None:
            reads.append(bytes(connection._view[:nbytes]))
            updated(connection, nbytes)

        monkeypatch.setattr(Connection, "buffer_updated", counting)
        return reads

    def never_idle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ssewire._http.idle.POOL_IDLE", 0.0)

    def pooled(self, url: str, tls: Any = None) -> Pooled:
        return Pooled(self, aio.Pool(), url, tls)

    def send(self, request: HTTPRequest, settings: Settings) -> Any:
        return asyncio_respond(request, settings)


class Uvloop(Asyncio):
    """`ssewire.aio` in the loop that many servers run."""

    name = "uvloop"

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if "uvloop" not in sys.modules and importlib.util.find_spec("uvloop") is None:
            coroutine.close()
            pytest.skip("uvloop is not installed")
        return super().run(coroutine)

    def run_loop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        uvloop = importlib.import_module("uvloop")
        if sys.version_info >= (3, 11):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(coroutine)
        # Where there is a Runner, policies are deprecated.
        policy = asyncio.get_event_loop_policy()
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        try:
            return asyncio.run(coroutine)
        finally:
            asyncio.set_event_loop_policy(policy)


# What awaits may be run in either loop.
LOOPS: list[Asyncio] = [Asyncio(), Uvloop()]

Both = Union[Blocking, Asyncio]
BOTH: list[Both] = [Blocking(), Asyncio()]


class Pooled:
    """What a client makes of a pool: requests one after the other to one URL."""

    def __init__(self, both: Both, pool: Any, url: str, tls: Any) -> None:
        self.pool = pool
        self._both = both
        self._url = url
        self._settings = Settings(tls, None, 10, None, pool)

    async def open(self, body: bytes | None = None, **timeouts: float) -> Any:
        method = "GET" if body is None else "POST"
        request = HTTPRequest(self._url, method=method, body=body, timeouts=Timeouts(**timeouts))
        return await self._both.send(request, self._settings)

    async def ask(self, body: bytes | None = None) -> bytes:
        async with await self.open(body) as response:
            return await read(response)

    async def __aenter__(self) -> Pooled:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.pool.close()
        await self._both.sleep(0)


class _Thread(threading.Thread):
    """A thread with an outcome."""

    def __init__(self, run: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._run_it = run
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._run_it()
        except BaseException as exc:
            self._error = exc

    def result(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "what runs beside the test does not end"
        if self._error is not None:
            raise self._error
        return self._value


async def collect(stream: Any) -> list[str]:
    """Return the data of what is left of a stream."""
    return [event.data async for event in stream]


async def read(response: Any) -> bytes:
    """Return what is left of a body."""
    return b"".join([bytes(piece) async for piece in response.chunks])


async def step(stream: Any) -> Any:
    """Return the next event of a stream."""
    return await stream.__anext__()


def addresses(*ports: int) -> Any:
    """Return what getaddrinfo gives for a host with these ports of 127.0.0.1 as its addresses."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]


def silent_address() -> tuple[socket.socket, list[socket.socket], int]:
    """Return a listener with a full queue, so that connecting to its port gets no answer."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    waiting = []
    for _ in range(3):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(("127.0.0.1", port))
    return listener, waiting, port


def sockets_to(port: int) -> list[socket.socket]:
    """Return duplicates of this process's sockets that are connected to a port."""
    fcntl = importlib.import_module("fcntl")  # which not every system has
    found = []
    numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    for number in numbers:
        with contextlib.suppress(OSError):
            # The listing's own descriptor is gone by now, and no duplicate takes its number.
            duplicate = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, max(numbers) + 1)
            try:
                one = socket.socket(fileno=duplicate)
            except OSError:  # it is none
                os.close(duplicate)
                continue
            try:
                connected = one.getpeername()[1] == port
            except (OSError, IndexError):
                connected = False
            if connected:
                found.append(one)
            else:
                one.close()
    return found


def descriptors() -> int:
    """Return how many descriptors this process holds."""
    return len(os.listdir("/proc/self/fd"))


async def back_to(both: Both, number: int) -> bool:
    """Wait until no more descriptors are held than that; False if they are not given back.

    What was cut off within a turn of the loop is closed in the next.
    """
    deadline = time.monotonic() + AT_ONCE
    while descriptors() > number and time.monotonic() < deadline:
        await both.sleep(0.001)
    return descriptors() <= number


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc to count in")
