"""A stand-in for the Claude API on loopback: recorded streams, with their timing, over HTTP.

A tool for tests and demos, not a server to put anywhere else: it knows one
kind of key (any), keeps no limits of anybody, and answers every question with
what was recorded. POST .../v1/messages streams the recordings in turn, or
answers with the final message; GET serves the first as plain events with IDs
and honours Last-Event-ID. Faults on command. One timer per stream, and no
more bytes held for a slow reader than one write.
May import: errors, _peer, _requests, _script, recording.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import os
import threading
from bisect import bisect_left
from collections import deque
from itertools import accumulate

from ..errors import StateError
from ._peer import Peer
from ._requests import Seen
from ._script import Plan, parse_fault
from .recording import Recording, recording_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType
    from typing import Any, Callable

    from typing_extensions import Self

    from ._script import Fault
    from .recording import Source

# Requests remembered, so that a server that runs for days does not grow.
_REMEMBERED = 10_000


class ReplayServer:
    """The server, in the running loop; an asynchronous context manager.

    Args:
        recordings: files, or what `Recording` takes; POST requests get them in turn.
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

    Raises:
        RecordingError: a recording is missing or broken.
        ValueError: another argument that makes no sense.
    """

    def __init__(
        self,
        recordings: Iterable[Source],
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
    ) -> None:
        if isinstance(recordings, (str, bytes, os.PathLike, Recording)):
            raise TypeError("recordings are given as a list, even if there is only one")
        self.recordings: list[Recording] = [recording_of(source) for source in recordings]
        if not self.recordings:
            raise ValueError("there is nothing to replay")
        if not 0 <= port < 2**16:
            raise ValueError(f"port must be from 0 to 65535, not {port}")
        # Written so that NaN fails too.
        if not speed >= 0:
            raise ValueError(f"speed must not be negative, not {speed}")
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, not {chunk_size}")
        if at < -1:
            raise ValueError(f"at must be at least -1, not {at}")
        if times is not None and times < 0:
            raise ValueError(f"times must not be negative, not {times}")
        if retry_after is not None and not 0 <= retry_after < math.inf:
            raise ValueError(f"retry_after must be finite and not negative, not {retry_after}")
        self._host = host
        self._port = port
        # 0 for no waiting.
        self._speed = 0.0 if speed == float("inf") else speed
        self._chunk_size = chunk_size
        self._fault = parse_fault(fault)
        self._at = at
        self._faults_left = times
        self._retry_after = retry_after
        self._server: asyncio.AbstractServer | None = None
        # Between start() and close(): a connection accepted at the last moment is turned away.
        self._open = False
        self._peers: set[Peer] = set()
        self._turn = 0
        # Of requests so far, for their IDs.
        self._count = 0
        # What a stream of each recording consists of, since cutting them for each would
        # make a thousand copies.
        self._plans: dict[Recording, Plan] = {}
        # The last requests, in order.
        self.requests: deque[Seen] = deque(maxlen=remember)
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
        # A copy, made in one step: the loop may be another thread's.
        return sum(peer.streaming for peer in list(self._peers))

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be listened on.
            StateError: it listens already.
        """
        if self._server is not None:
            raise StateError("the server listens already")
        loop = asyncio.get_running_loop()
        self._open = True
        server = await loop.create_server(
            lambda: Peer(self, loop), self._host, self._port, backlog=1024
        )
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
        self._open = False
        self._server.close()
        for peer in list(self._peers):
            peer.abort()
        await self._server.wait_closed()
        self._server = None
        # asyncio closes an aborted socket in the next turn of its loop.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _next_id(self) -> str:
        self._count += 1
        return f"req_replay_{self._count:06d}"

    def _plan(self, recording: Recording) -> Plan:
        plan = self._plans.get(recording)
        if plan is None:
            plan = self._cut(recording.events, recording.seconds)
            self._plans[recording] = plan
        return plan

    def _cut(self, events: Sequence[bytes], seconds: Sequence[float]) -> Plan:
        """Return events as the writes to be made, each due when its last byte is."""
        size = self._chunk_size
        if size is None:
            return Plan(events, seconds)
        ends = list(accumulate(map(len, events)))
        body = b"".join(events)
        starts = range(0, len(body), size)
        return Plan(
            [body[at : at + size] for at in starts],
            [seconds[bisect_left(ends, min(at + size, len(body)))] for at in starts],
        )

    def _next_recording(self) -> Recording:
        recording = self.recordings[self._turn % len(self.recordings)]
        self._turn += 1
        return recording

    def _next_fault(self) -> Fault | None:
        if self._fault is None or self._faults_left == 0:
            return None
        if self._faults_left is not None:
            self._faults_left -= 1
        return self._fault


@contextlib.contextmanager
def serve_in_thread(recordings: Iterable[Source], **options: Any) -> Iterator[ReplayServer]:
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
