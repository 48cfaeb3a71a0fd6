# SPDX-License-Identifier: MIT
"""A server with one candidate, in a process of its own, and the viewers that read from it.

The server is uvicorn, or aiohttp's for a candidate of it, on uvloop where that is there. Each
viewer gets the first event at once; the others when all viewers have it, so that only events
are measured. As a program: the argument is the candidate, the requests are `REQUESTS`.
May import: asking, processes, serving_apps.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

from . import serving_apps
from .asking import Worker, answer
from .processes import NoAnswer

# Seconds until the last event of a phase is read; the slowest take five.
LIMIT = 30.0


class Server:
    """What one process serves, and the gate behind the first event."""

    def __init__(self, name: str) -> None:
        self.candidate = serving_apps.CANDIDATES[name]
        self.item = self.candidate.item()
        self.number = 0
        # Made in the loop, to which it belongs on older Pythons.
        self.gate: asyncio.Event | None = None
        self.loop = _new_loop()

    async def events(self) -> AsyncIterator[Any]:
        item, number, gate = self.item, self.number, self.gate
        assert gate is not None
        yield item(0)
        await gate.wait()
        for each in range(1, number):
            await asyncio.sleep(0)
            yield item(each)

    def listen(self) -> int:
        """Serve on a thread; return the port."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        port: int = listening.getsockname()[1]
        serve = self._uvicorn if self.candidate.application else self._aiohttp
        run = self.loop.run_until_complete
        threading.Thread(target=run, args=(serve(listening),), daemon=True).start()
        return port

    async def _uvicorn(self, listening: socket.socket) -> None:
        import uvicorn

        assert self.candidate.application is not None
        app = self.candidate.application(self.events)
        config = uvicorn.Config(app, access_log=False, log_level="error", lifespan="off")
        await uvicorn.Server(config).serve(sockets=[listening])

    async def _aiohttp(self, listening: socket.socket) -> None:
        from aiohttp import web

        assert self.candidate.handler is not None
        app = web.Application()
        app.router.add_get("/", self.candidate.handler(self.events))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        await asyncio.Event().wait()

    def phase(self, number: int) -> None:
        """Let the next viewers get so many events each, behind a gate of their own."""

        async def begin() -> None:
            self.number = number
            self.gate = asyncio.Event()

        asyncio.run_coroutine_threadsafe(begin(), self.loop).result()

    def go(self) -> float:
        """Return the CPU seconds of this process until now, and open the gate."""
        assert self.gate is not None
        spent = self.cpu()
        self.loop.call_soon_threadsafe(self.gate.set)
        return spent

    def cpu(self) -> float:
        return time.process_time()


def _new_loop() -> Any:
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


# --- the viewers -----------------------------------------------------------------


async def seconds(server: Worker, port: int, viewers: int, number: int) -> tuple[float, str]:
    """Return the CPU seconds that a server takes for an event to one viewer, and what is wrong.

    Raises:
        NoAnswer: the server is gone, or its events do not come.
    """
    server.ask("phase", number)
    try:
        return await asyncio.wait_for(_phase(server, port, viewers, number), LIMIT)
    except asyncio.TimeoutError:
        raise NoAnswer(f"over {LIMIT:g} s") from None
    except (OSError, asyncio.IncompleteReadError, ValueError) as exc:
        raise NoAnswer(f"no events: {type(exc).__name__}") from exc


async def _phase(server: Worker, port: int, viewers: int, number: int) -> tuple[float, str]:
    opened = await asyncio.gather(*(_open(port) for _ in range(viewers)))
    try:
        begun = server.ask("go")
        bodies = await asyncio.gather(*(_rest(reader, first) for reader, _, first in opened))
        spent = server.ask("cpu") - begun
    finally:
        for _, writer, _ in opened:
            writer.close()
    wrong = next(filter(None, (serving_apps.fault(body, number) for body in bodies)), "")
    return spent / (viewers * (number - 1)), wrong


async def _open(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """Return a viewer's streams, and what follows the head up to the first event at least."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except ConnectionError:
            # It listens before the server accepts, but not on every system before that runs.
            await asyncio.sleep(0.05)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or b"chunked" not in head.lower():
        raise ValueError("no stream")
    return reader, writer, await reader.readuntil(b"data:")


async def _rest(reader: asyncio.StreamReader, first: bytes) -> bytes:
    """Return the body of a response to its end, without the frames of its chunks."""
    wire = first + await reader.read()
    body: list[bytes] = []
    at = 0
    while True:
        line = wire.index(b"\r\n", at)
        size = int(wire[at:line], 16)
        if size == 0:
            return b"".join(body)
        body.append(wire[line + 2 : line + 2 + size])
        at = line + 2 + size + 2


if __name__ == "__main__":
    server = Server(sys.argv[1])
    answer({each: getattr(server, each) for each in ("listen", "phase", "go", "cpu")})
