# SPDX-License-Identifier: MIT
"""The buffer that all connections of a loop receive into, asyncio's TLS over them too."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import os
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import ssewire
from ssewire import parse
from ssewire._settings import READ_SIZE
from ssewire.aio import open_stream
from ssewire.aio._shared import share_with_tls, shared_buffer
from tests.clients.both import LOOPS, Asyncio
from tests.kit.scripted import Request, Server, head, trusting_context

run = Asyncio().run

# Streams that are open at once.
STREAMS = 8
# What asyncio had for each of them from CPython 3.11 on.
OF_ASYNCIO = 256 * 1024
# What asyncio and we have for one now, OpenSSL's own memory aside: 9 KiB.
MOST = 24 * 1024

EVENT = b"data: a\n\n"


class Plain(asyncio.Transport):
    """A wire with TLS over it."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol


class Protocol:
    """What `share_with_tls` looks at of asyncio's SSLProtocol."""

    def __init__(self) -> None:
        self.max_size: Any = OF_ASYNCIO
        self._ssl_buffer: Any = bytearray(OF_ASYNCIO)
        self._ssl_buffer_view: Any = memoryview(self._ssl_buffer)


class Rigid:
    """The same, without room for other values."""

    __slots__ = ()
    max_size = OF_ASYNCIO
    _ssl_buffer = bytearray(OF_ASYNCIO)
    _ssl_buffer_view = memoryview(_ssl_buffer)


@contextlib.contextmanager
def through_proxy(tunnel: bool, environment: pytest.MonkeyPatch) -> Iterator[None]:
    """Go through a CONNECT proxy within the block, if it is asked to."""
    if not tunnel:
        yield
        return
    with Server([["tunnel"]]) as proxy:
        environment.setenv("https_proxy", proxy.url)
        yield
        assert proxy.requests


through_both = pytest.mark.parametrize("tunnel", [False, True], ids=["direct", "tunnel"])


def held() -> int:
    """Return the bytes that asyncio and the package have allocated."""
    import tracemalloc  # which PyPy does not have

    gc.collect()
    folders = [os.path.dirname(module.__file__ or "") for module in (asyncio, ssewire)]
    filters = [tracemalloc.Filter(True, os.path.join(folder, "*")) for folder in folders]
    found = tracemalloc.take_snapshot().filter_traces(filters).statistics("filename")
    return sum(one.size for one in found)


async def streams_open(url: str, count: int) -> contextlib.AsyncExitStack:
    """Return as many streams, each with its first event taken."""
    context = trusting_context()
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            opening = open_stream(url, tls=context)
            await (await stack.enter_async_context(opening)).__anext__()
        return stack.pop_all()


@pytest.mark.sockets
@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio's TLS has no such buffer")
@pytest.mark.skipif(sys.platform == "win32", reason="the loop is not one of selectors")
@through_both
def test_asyncios_tls_has_no_buffer_of_its_own_while_a_stream_is_open(
    tunnel: bool, no_proxies: pytest.MonkeyPatch
) -> None:
    tracemalloc = pytest.importorskip("tracemalloc", reason="tracemalloc is CPython's")

    async def main(url: str) -> float:
        # What the first one needs and keeps.
        async with await streams_open(url, 1):
            pass
        before = held()
        async with await streams_open(url, STREAMS):
            return (held() - before) / STREAMS

    served = Server([[head(), EVENT, "hold"]], tls="127.0.0.1")
    with through_proxy(tunnel, no_proxies), served as server:
        tracemalloc.start(1)
        try:
            assert run(main(server.url)) < MOST
        finally:
            tracemalloc.stop()


@pytest.mark.sockets
@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.name)
@through_both
def test_bodies_of_several_tls_streams_at_once_arrive_whole(
    loop: Asyncio, tunnel: bool, no_proxies: pytest.MonkeyPatch
) -> None:
    # Events of all sizes, one larger than a read and one than asyncio's own buffer among them.
    sizes = [20, 300, 16_000, READ_SIZE + 1, 200, OF_ASYNCIO + 1, 20_000]
    bodies = []
    for seed in range(4):
        source = random.Random(seed)
        texts = [source.choice("abcdefg") * (size + source.randrange(50)) for size in sizes * 8]
        bodies.append("".join(f"data: {seed} {text}\n\n" for text in texts).encode("ascii"))

    def script(request: Request) -> Iterator[bytes]:
        yield head()
        # The kernel's buffer is full of records of 16 KiB.
        yield bodies[int(request.target[-1])]

    async def read(url: str) -> list[str]:
        async with open_stream(url, tls=trusting_context()) as stream:
            return [event.data async for event in stream]

    async def main(url: str) -> list[list[str]]:
        return await asyncio.gather(*(read(f"{url}/{seed}") for seed in range(4)))

    served = Server([script], tls="127.0.0.1")
    with through_proxy(tunnel, no_proxies), served as server:
        assert loop.run(main(server.url)) == [[one.data for one in parse(body)] for body in bodies]


def in_loop(function: Callable[[asyncio.AbstractEventLoop], Any]) -> None:
    with contextlib.closing(asyncio.SelectorEventLoop()) as loop:
        function(loop)


def test_a_tls_protocol_like_asyncios_gets_the_buffer_of_the_loop() -> None:
    def check(loop: asyncio.AbstractEventLoop) -> None:
        protocol = Protocol()
        share_with_tls(loop, Plain(protocol))
        assert protocol._ssl_buffer_view is shared_buffer(loop)
        assert protocol._ssl_buffer is protocol._ssl_buffer_view.obj
        assert protocol.max_size == len(protocol._ssl_buffer) == READ_SIZE

    in_loop(check)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_size", None),
        ("max_size", "262144"),
        ("max_size", READ_SIZE - 1),
        ("_ssl_buffer", None),
        ("_ssl_buffer", bytes(OF_ASYNCIO)),
        ("_ssl_buffer", bytearray(OF_ASYNCIO)),
        ("_ssl_buffer_view", None),
        ("_ssl_buffer_view", bytearray(OF_ASYNCIO)),
        ("_ssl_buffer_view", memoryview(bytearray(OF_ASYNCIO))),
    ],
)
def test_a_tls_protocol_with_other_attributes_is_left_alone(name: str, value: Any) -> None:
    protocol = Protocol()
    setattr(protocol, name, value)
    before = dict(vars(protocol))
    in_loop(lambda loop: share_with_tls(loop, Plain(protocol)))
    assert all(vars(protocol)[name] is value for name, value in before.items())


@pytest.mark.parametrize("missing", ["max_size", "_ssl_buffer", "_ssl_buffer_view"])
def test_a_tls_protocol_that_lacks_an_attribute_is_left_alone(missing: str) -> None:
    protocol = Protocol()
    delattr(protocol, missing)
    before = dict(vars(protocol))
    in_loop(lambda loop: share_with_tls(loop, Plain(protocol)))
    assert vars(protocol) == before


@pytest.mark.parametrize("protocol", [None, Rigid(), asyncio.Protocol()])
def test_a_protocol_without_room_for_the_attributes_is_left_alone(protocol: Any) -> None:
    in_loop(lambda loop: share_with_tls(loop, Plain(protocol)))
    assert not isinstance(protocol, Rigid) or protocol.max_size == OF_ASYNCIO


class OtherLoop(asyncio.AbstractEventLoop):
    """A loop of which nothing is known."""

    def close(self) -> None:
        pass


def other_loops() -> Iterator[Callable[[], asyncio.AbstractEventLoop]]:
    yield OtherLoop
    if sys.platform == "win32":
        yield asyncio.ProactorEventLoop
    if importlib.util.find_spec("uvloop") is not None:
        yield importlib.import_module("uvloop").new_event_loop


@pytest.mark.parametrize("make", other_loops())
def test_under_a_loop_that_is_not_asyncios_own_of_selectors_nothing_is_shared(make: Any) -> None:
    protocol = Protocol()
    own = protocol._ssl_buffer
    with contextlib.closing(make()) as loop:
        share_with_tls(loop, Plain(protocol))
    assert protocol._ssl_buffer is own
    assert protocol.max_size == OF_ASYNCIO
