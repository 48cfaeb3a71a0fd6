# SPDX-License-Identifier: MIT
"""A stand-in for the Claude API on loopback: recorded streams, with their timing, over HTTP.

A tool for tests and demos, not a server to put anywhere else: it knows one
kind of key (any), keeps no limits of anybody, and answers every question with
what was recorded. POST /v1/messages streams the recordings in turn, or answers
with the final message, unless the API would refuse the request; GET serves the
first as plain events with IDs and honours Last-Event-ID. Faults on command.
May import: errors, _peer, _script, recording, reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import threading

from ..errors import StateError
from ._peer import Peer, Peers
from ._script import Script
from .recording import Recording
from .reply import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from typing import Any, Callable

    from typing_extensions import Self

    from ._requests import Seen
    from .recording import Source

# Requests remembered, so that a server that runs for days does not grow.
_REMEMBERED = 10_000


class ReplayServer:
    """The server, in the running loop; an asynchronous context manager.

    Its `requests` are those that came, in order, the refused ones too, as `Seen`: `path`,
    `headers`, `json()`. A request is there before a byte of its answer is. Any thread may
    read them.

    Args:
        recordings: files, what `Recording` takes, or a `Reply` with a fault or a delay of its
            own; POST requests get them in turn, the last one is followed by the first.
        host, port: where to listen; port 0 takes a free one.
        speed: how many times as fast as recorded; 0 or infinity does not wait.
        chunk_size: bytes of each write; None writes one event at a time.
        fault: "reset" (of TCP, which drops what has not got to the client's machine), "truncate"
            (the end without the last chunk), "stall" (silence), "error:TYPE" (an error event, and
            the end) or "status:CODE" (instead of the stream).
        at: after how many events of the response; -1 is before its head.
            A request without `stream` has no events: "error:TYPE" answers it with the
            status of that type, the others break its answer in the middle, or before its head.
        times: how many requests meet the fault, the first ones; None for all.
        retry_after: seconds that a "status:CODE" asks to wait.
        remember: how many requests `requests` keeps, the last ones.
        strict: refuse what the API would refuse, with its status and words: missing, unknown
            and wrong values, a conversation that is none, no `anthropic-version`, any path
            but /v1/messages. In doubt a request is accepted. False takes all that can be
            answered.

    Raises:
        RecordingError: a recording is missing or broken.
        TypeError, ValueError: another argument that makes no sense.
    """

    def __init__(
        self,
        recordings: Iterable[Source | Reply],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1.0,
        chunk_size: int | None = None,
        fault: str | None = None,
        at: int = 0,
        times: int | None = None,
        retry_after: float | None = None,
        remember: int = _REMEMBERED,
        strict: bool = True,
    ) -> None:
        if isinstance(recordings, (str, bytes, os.PathLike, Recording, Reply)):
            raise TypeError("recordings are given as a list, even if there is only one")
        replies = [each if isinstance(each, Reply) else Reply(each) for each in recordings]
        if not replies:
            raise ValueError("there is nothing to replay")
        self.recordings: list[Recording] = [each.recording for each in replies if each.recording]
        if not 0 <= port < 2**16:
            raise ValueError(f"port must be from 0 to 65535, not {port}")
        # Written so that NaN fails too.
        if not speed >= 0:
            raise ValueError(f"speed must not be negative, not {speed}")
        self._script = Script(
            replies,
            chunk_size=chunk_size,
            fault=fault,
            at=at,
            times=times,
            retry_after=retry_after,
            remember=remember,
            strict=strict,
        )
        self._host = host
        self._port = port
        # 0 for no waiting.
        self._speed = 0.0 if speed == float("inf") else speed
        self._server: asyncio.AbstractServer | None = None
        self._peers = Peers()
        self.requests: list[Seen] = self._script.requests
        # Connections accepted so far.
        self.connections: int = 0
        # Whether nobody but this machine can reach it; known once it listens.
        self.loopback: bool = True

    @property
    def url(self) -> str:
        """The base URL, with the address and port that it listens on."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return len(self._peers)

    @property
    def open_streams(self) -> int:
        """Responses that are under way now."""
        return self._peers.streams

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be listened on.
            StateError: it listens already.
        """
        if self._server is not None:
            raise StateError("the server listens already")
        self._peers.welcome = True
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._accept, self._host, self._port, backlog=1024)
        self._server = server
        addresses = [ipaddress.ip_address(each.getsockname()[0]) for each in server.sockets]
        self.loopback = all(address.is_loopback for address in addresses)
        # Not the name: it may stand for two addresses, each with a free port of its own.
        address = addresses[0]
        if address.is_unspecified:
            address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
        self._host = str(address)
        self._port = server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and close all connections."""
        if self._server is None:
            return
        self._server.close()
        self._peers.end()
        await self._server.wait_closed()
        self._server = None
        # asyncio closes an aborted socket in the next turn of its loop.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def _accept(self) -> Peer:
        loop = asyncio.get_running_loop()
        number, self.connections = self.connections, self.connections + 1
        return Peer(number, self._script, self._speed, self._peers, loop)


@contextlib.contextmanager
def serve_in_thread(
    recordings: Iterable[Source | Reply], **options: Any
) -> Generator[ReplayServer, None, None]:
    """Run a ReplayServer in a thread of its own, for blocking code; takes its arguments.

    Its attributes may be read from any thread.
    """
    server = ReplayServer(recordings, **options)
    started = threading.Event()
    failure: list[BaseException] = []
    stop: list[Callable[[], object]] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        async with server:
            stop.append(lambda: loop.call_soon_threadsafe(stopped.set))
            started.set()
            await stopped.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as exc:
            failure.append(exc)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="ssewire-replay", daemon=True)
    thread.start()
    started.wait()
    if failure:
        thread.join()
        raise failure[0]
    try:
        yield server
    finally:
        stop[0]()
        thread.join()
