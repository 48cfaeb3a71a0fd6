"""A stand-in for the Claude API on loopback: recorded streams, with their timing, over HTTP.

A tool for tests and demos, not a server to put anywhere else: it knows one
kind of key (any), keeps no limits of anybody, and answers every question with
what was recorded. POST .../v1/messages streams the recordings in turn, or
answers with the final message; GET serves the first as plain events with IDs
and honours Last-Event-ID. Faults on command. One timer per stream, and no
more bytes held for a slow reader than one write.
May import: claude's errors and stream, _headers, errors, parser; asyncio.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import math
import os
import re
import socket
import struct
import threading
from bisect import bisect_left
from collections import deque
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from ._headers import Headers
from .claude.errors import API_ERRORS, ClaudeError
from .claude.stream import MessageStream
from .errors import RecordingError, StateError
from .parser import Parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType
    from typing import Any, Callable, Union

    from typing_extensions import Self

    Source = Union[str, "os.PathLike[str]", bytes, "Recording"]

__all__ = ["Recording", "RecordingError", "ReplayServer", "Seen", "serve_in_thread"]

# Events a second where nothing was recorded about their timing: what Claude's
# models write at, more or less.
PACE = 50.0

# Bytes of a request's head: several times what any client sends.
_MAX_HEAD = 64 * 1024

# Bytes of a request's body: the API's own limit.
_MAX_BODY = 32 * 2**20

# Requests remembered, so that a server that runs for days does not grow.
_REMEMBERED = 10_000

# Events written in one turn of the loop where more of them are due: the other
# streams get their turn after them.
_AT_ONCE = 64

# How long a client may go on sending what is not going to be read, seconds: one that
# is told at once, by a reset, loses the answer too.
_LINGER = 5.0

# The end of a line and the blank ones after it; CR LF is one line end.
_BLANK_LINES = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2,}")

# What errors that were asked for say.
_ON_COMMAND = "a fault on command"

_STATUS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    529: "Overloaded",
}
# status -> error type, for faults; the first that the table has.
_TYPES = {status: name for name, (_, status, _) in reversed(list(API_ERRORS.items()))}


class Recording:
    """A stream as it was recorded: its wire events, bytes unchanged, and when each was complete.

    Args:
        body: the decoded bytes.
        seconds: for each wire event, since the response's head; None takes an
            even pace of PACE events a second.
        name: for error texts.

    A wire event is what ends in a blank line, or in the end: also a comment that stands alone.

    Raises:
        RecordingError: there is no event in it, or not one time for each.
    """

    def __init__(
        self, body: bytes, seconds: Sequence[float] | None = None, name: str = "the recording"
    ) -> None:
        self.name: str = name
        self.events: list[bytes] = split_events(body)
        if not Parser(max_event_size=None).feed(_completed(body)):
            raise RecordingError(f"{name} has no events in it")
        if seconds is None:
            seconds = [number / PACE for number in range(len(self.events))]
        elif len(seconds) != len(self.events):
            raise RecordingError(f"{len(seconds)} times for {len(self.events)} events of {name}")
        self.seconds: list[float] = list(seconds)
        self._body = body
        self._message: bytes | None = None
        self._numbered: _Numbered | None = None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recording:
        """Read FILE, and FILE.times if it is there, as `ssewire record` writes them.

        Raises:
            RecordingError: they are missing, broken or do not belong together.
        """
        name = os.fspath(path)
        try:
            body = Path(name).read_bytes()
        except OSError as exc:
            raise RecordingError(f"cannot read {name}: {exc.strerror}") from exc
        recording = cls(body, None, name)
        try:
            lines = Path(f"{name}.times").read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return recording
        except OSError as exc:
            raise RecordingError(f"cannot read {name}.times: {exc.strerror}") from exc
        recording.seconds = _event_seconds(recording, lines)
        return recording

    @property
    def message(self) -> bytes:
        """The JSON of the final message, which a request without `stream` is answered with.

        Raises:
            RecordingError: it is not the recording of a whole message.
        """
        if self._message is None:
            try:
                with MessageStream([self._body]) as stream:
                    self._message = stream.get_final_message().to_json().encode()
            except ClaudeError as exc:
                raise RecordingError(f"{self.name} is not a whole message: {exc}") from exc
        return self._message

    @property
    def numbered(self) -> _Numbered:
        """The recording as GET serves it; made once."""
        if self._numbered is None:
            self._numbered = _numbered(self.events)
        return self._numbered

    @property
    def duration(self) -> float:
        """Seconds from the response's head to the last event, as recorded."""
        return self.seconds[-1]

    def __repr__(self) -> str:
        return f"<Recording {self.name}, {len(self.events)} events>"


def split_events(body: bytes) -> list[bytes]:
    """Return the wire events, each with the blank lines after it; joined they are `body`."""
    events: list[bytes] = []
    begin = 0
    for match in _BLANK_LINES.finditer(body):
        end = match.end()
        # Blank lines before the first event belong to it.
        if body[begin:end].strip(b"\r\n"):
            events.append(body[begin:end])
            begin = end
    if begin < len(body):
        events.append(body[begin:])
    return events


def _completed(event: bytes) -> bytes:
    """Return wire events with one blank line at their end, whatever was there."""
    return event.rstrip(b"\r\n") + b"\n\n"


def _event_seconds(recording: Recording, lines: list[bytes]) -> list[float]:
    """Return when the last byte of each event had come, by the lines of FILE.times."""
    name = recording.name
    begins, ends, times = [], [], []
    try:
        for number, line in enumerate(lines, 1):
            try:
                fields = json.loads(line)
            except ValueError:
                if number == len(lines) and not line.endswith(b"\n"):
                    # The recorder was killed while it wrote.
                    break
                raise
            if fields.get("version", 1) != 1:
                raise RecordingError(f"{name}.times is of a newer format than this ssewire knows")
            if "offset" in fields:
                begins.append(int(fields["offset"]))
                ends.append(begins[-1] + int(fields["size"]))
                times.append(float(fields["seconds"]))
    except RecordingError:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as exc:
        raise RecordingError(f"{name}.times is not the timing of a recording") from exc
    size = sum(map(len, recording.events))
    # Each piece begins where the one before it ended.
    whole = bool(ends) and begins == [0, *ends[:-1]] and ends == sorted(ends) and ends[-1] <= size
    if not whole or times != sorted(times):
        raise RecordingError(f"{name}.times does not belong to {name}")
    # Both ends of what is sorted.
    if not (times[0] >= 0 and math.isfinite(times[-1])):
        raise RecordingError(f"{name}.times is not the timing of a recording")
    seconds = []
    position = 0
    for event in recording.events:
        position += len(event)
        # What came after the last line was written, in the recorder's last moment.
        seconds.append(times[min(bisect_left(ends, position), len(times) - 1)])
    return seconds


class _Numbered(NamedTuple):
    """Wire events that bring IDs, for GET."""

    events: list[bytes]
    # The ID that each sets; "" where that is none.
    ids: list[str]
    # After how many of them no event is left.
    whole: int


def _numbered(recorded: list[bytes]) -> _Numbered:
    """Give wire events their number as ID, but where they bring IDs of their own.

    If one of those comes twice or is like a number given, all get numbers:
    what follows an ID must be known from it alone.
    """
    whole = 0
    # For those that get none (comments and such) None.
    own: list[str | None] = []
    for position, block in enumerate(recorded, 1):
        parser = Parser(max_event_size=None)
        has_event = bool(parser.feed(_completed(block)))
        if has_event:
            whole = position
        own.append(parser.last_event_id if has_event or parser.last_event_id else None)
    ids: list[str] = []
    given = 0
    for name in own:
        given += name is not None
        ids.append("" if name is None else name or str(given))
    named = [name for name in ids if name]
    if len(set(named)) < len(named):
        own = [name if name is None else "" for name in own]
        numbers = iter(range(1, len(own) + 1))
        ids = ["" if name is None else str(next(numbers)) for name in own]
    events = [
        # Last in its event, where it counts more than one before it.
        _completed(block.rstrip(b"\r\n") + b"\nid: " + name.encode()) if mine == "" else block
        for block, name, mine in zip(recorded, ids, own)
    ]
    if own[-1]:
        # It may lack its blank line: clients would come back for it for ever.
        events[-1] = _completed(events[-1])
    return _Numbered(events, ids, whole)


class Seen(NamedTuple):
    """A request as the server saw it."""

    method: str
    target: str
    headers: Headers
    body: bytes
    # The number of its connection, from 0.
    connection: int


class _Plan(NamedTuple):
    """The writes of a stream, and when each is due, in seconds since the head as recorded."""

    pieces: Sequence[bytes]
    seconds: Sequence[float]


class _Fault(NamedTuple):
    kind: str
    detail: str


def _parse_fault(text: str | None) -> _Fault | None:
    if text is None:
        return None
    kind, _, detail = text.partition(":")
    if (kind in ("reset", "truncate", "stall") and not detail) or (kind == "error" and detail):
        return _Fault(kind, detail)
    if kind == "status" and re.fullmatch("[45][0-9][0-9]", detail):
        return _Fault(kind, detail)
    raise ValueError(
        f"fault must be reset, truncate, stall, error:TYPE or status:CODE, not {text!r}"
    )


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
        self.recordings: list[Recording] = [_recording(source) for source in recordings]
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
        self._fault = _parse_fault(fault)
        self._at = at
        self._faults_left = times
        self._retry_after = retry_after
        self._server: asyncio.AbstractServer | None = None
        # Between start() and close(): a connection accepted at the last moment is turned away.
        self._open = False
        self._peers: set[_Peer] = set()
        self._turn = 0
        # Of requests so far, for their IDs.
        self._count = 0
        # What a stream of each recording consists of, since cutting them for each would
        # make a thousand copies.
        self._plans: dict[Recording, _Plan] = {}
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
            lambda: _Peer(self, loop), self._host, self._port, backlog=1024
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

    def _plan(self, recording: Recording) -> _Plan:
        plan = self._plans.get(recording)
        if plan is None:
            plan = self._cut(recording.events, recording.seconds)
            self._plans[recording] = plan
        return plan

    def _cut(self, events: Sequence[bytes], seconds: Sequence[float]) -> _Plan:
        """Return events as the writes to be made, each due when its last byte is."""
        size = self._chunk_size
        if size is None:
            return _Plan(events, seconds)
        ends = list(accumulate(map(len, events)))
        body = b"".join(events)
        starts = range(0, len(body), size)
        return _Plan(
            [body[at : at + size] for at in starts],
            [seconds[bisect_left(ends, min(at + size, len(body)))] for at in starts],
        )

    def _next_recording(self) -> Recording:
        recording = self.recordings[self._turn % len(self.recordings)]
        self._turn += 1
        return recording

    def _next_fault(self) -> _Fault | None:
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


def _recording(source: Source) -> Recording:
    if isinstance(source, Recording):
        return source
    if isinstance(source, bytes):
        return Recording(source)
    return Recording.load(source)


class _Refused(Exception):
    """The request is answered with an error; never leaves this module."""

    def __init__(self, status: int, kind: str, message: str, *headers: str) -> None:
        self.status = status
        self.kind = kind
        self.message = message
        self.headers = headers


class _Peer(asyncio.Protocol):
    """One connection: requests in, one after the other; a response under way."""

    def __init__(self, server: ReplayServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._number = server.connections
        server.connections += 1
        self._transport: Any = None
        self._received = bytearray()
        # Where the end of the head is to be looked for.
        self._searched = 0
        self._continued = False
        self._request_id = ""
        # The answer has been given before the request was read: what else comes is dropped.
        self._deaf = False
        # The request was HEAD, whose answer is all but the body.
        self._head_only = False
        # A response is under way; what is received meanwhile waits.
        self.streaming = False
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        # Of the response under way: its pieces, when each is due, and how many are out.
        self._plan = _Plan((), ())
        self._sent = 0
        self._started = 0.0
        self._finish: Callable[[], None] = self._complete
        self._chunked = True
        self._keep = True

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._server._peers.add(self)
        # Wait for the reader whenever he is behind. So nothing of ours waits in this process
        # when a reset comes, which would drop it, and a thousand slow readers cost little.
        self._transport.set_write_buffer_limits(high=0)
        if not self._server._open:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server._peers.discard(self)
        self.streaming = False
        self._cancel()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._received += data
        if not (self.streaming or self._paused):
            self._read()
        elif len(self._received) > _MAX_HEAD:
            # Requests sent ahead of their turn are read when that has come.
            self._transport.pause_reading()

    def eof_received(self) -> None:
        # Taken for gone, as most servers do: a client that closes its connection while nothing
        # is written to it cannot be told from one that only ended its own direction.
        return None

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if not self.streaming:
            self._read_on()
        elif self._timer is None:
            self._go_on()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- requests

    def _read(self) -> None:
        """Answer the request that has been received, if it is complete."""
        try:
            request = self._request()
            if request is None:
                return
        except _Refused as refused:
            self._deaf = True
            self._request_id = self._server._next_id()
            self._refuse(refused)
            return
        self._request_id = self._server._next_id()
        self._server.requests.append(request)
        try:
            self._answer(request)
        except _Refused as refused:
            self._refuse(refused)

    def _request(self) -> Seen | None:
        end = self._received.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._searched = len(self._received)
            if len(self._received) > _MAX_HEAD:
                self._keep = False
                raise _Refused(431, "invalid_request_error", "the head is too large")
            return None
        lines = bytes(self._received[:end]).decode("latin-1").split("\r\n")
        self._keep = False  # until the end of the body is known
        first = lines[0].split(" ")
        if len(first) != 3 or not first[2].startswith("HTTP/1."):
            raise _Refused(400, "invalid_request_error", "this is not HTTP/1.1")
        method, target, version = first
        self._head_only = method == "HEAD"
        headers = Headers(
            [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines[1:])]
        )
        if "Transfer-Encoding" in headers:
            raise _Refused(411, "invalid_request_error", "a Content-Length is required")
        length = headers.get("Content-Length", "0")
        if not re.fullmatch("[0-9]{1,18}", length):
            raise _Refused(400, "invalid_request_error", "the Content-Length is not a number")
        size = int(length)
        if size > _MAX_BODY:
            raise _Refused(413, "request_too_large", "the request exceeds the maximum size")
        if len(self._received) < end + 4 + size:
            if headers.get("Expect", "").lower() == "100-continue" and not self._continued:
                self._continued = True
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._searched = end
            return None
        body = bytes(self._received[end + 4 : end + 4 + size])
        del self._received[: end + 4 + size]
        self._searched = 0
        self._continued = False
        self._chunked = version != "HTTP/1.0"
        close = "close" in headers.get("Connection", "").lower()
        self._keep = self._chunked and not close
        return Seen(method, target, headers, body, self._number)

    def _answer(self, request: Seen) -> None:
        if request.method == "GET":
            self._serve_events(request)
            return
        path = request.target.partition("?")[0]
        if not path.endswith("/v1/messages"):
            raise _Refused(404, "not_found_error", "this server knows POST .../v1/messages and GET")
        if request.method != "POST":
            raise _Refused(405, "invalid_request_error", "use POST or GET", "Allow: GET, POST")
        if not (request.headers.get("x-api-key") or request.headers.get("Authorization")):
            raise _Refused(401, "authentication_error", "x-api-key header is required")
        stream = _wants_stream(request.body)
        fault = self._next_fault()
        recording = self._server._next_recording()
        if stream:
            if fault is None:
                self._stream(self._server._plan(recording))
            else:
                self._faulty_stream(recording.events, recording.seconds, fault)
            return
        try:
            message = recording.message
        except RecordingError as exc:
            raise _Refused(500, "api_error", str(exc)) from exc
        if fault is None:
            self._whole(200, message)
        else:
            self._faulty_message(message, fault)

    def _serve_events(self, request: Seen) -> None:
        """Serve the first recording as plain events with IDs, after the one that is named."""
        recording = self._server.recordings[0]
        events, ids, whole = recording.numbered
        # The standard has it in UTF-8.
        last = request.headers.get("Last-Event-ID", "").encode("latin-1").decode("utf-8", "replace")
        # One that is not known begins at the beginning.
        begin = ids.index(last) + 1 if last and last in ids else 0
        if begin >= whole:
            self._transport.write(self._head(204))
            self._end()
            return
        fault = self._next_fault()
        before = recording.seconds[begin - 1] if begin else 0.0
        seconds = [at - before for at in recording.seconds[begin:]]
        if fault is None:
            self._stream(self._server._cut(events[begin:], seconds))
        else:
            self._faulty_stream(events[begin:], seconds, fault)

    def _next_fault(self) -> _Fault | None:
        """Return the fault that the request is to meet in its answer, None for none.

        Raises:
            _Refused: it meets it instead of an answer.
        """
        fault = self._server._next_fault()
        if fault is None or fault.kind != "status":
            return fault
        status = int(fault.detail)
        kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        after = self._server._retry_after
        fields = [] if after is None else [f"retry-after: {after:g}"]
        raise _Refused(status, kind, _ON_COMMAND, *fields)

    # --- responses

    def _head(self, status: int, *fields: str) -> bytes:
        lines = [
            f"HTTP/1.1 {status} {_STATUS.get(status, 'Fault')}",
            f"request-id: {self._request_id}",
            f"Connection: {'keep-alive' if self._keep else 'close'}",
            *fields,
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _json_head(self, status: int, body: bytes, *fields: str) -> bytes:
        length = f"Content-Length: {len(body)}"
        return self._head(status, "Content-Type: application/json", length, *fields)

    def _whole(self, status: int, body: bytes, *fields: str) -> None:
        head = self._json_head(status, body, *fields)
        self._transport.write(head if self._head_only else head + body)
        self._end()

    def _refuse(self, refused: _Refused) -> None:
        error = {"type": refused.kind, "message": refused.message}
        body = {"type": "error", "error": error, "request_id": self._request_id}
        self._whole(refused.status, json.dumps(body).encode(), *refused.headers)

    def _stream(self, plan: _Plan) -> None:
        """Begin a streamed response."""
        self._send(self._stream_head(), plan, self._complete)

    def _faulty_stream(
        self, events: Sequence[bytes], seconds: Sequence[float], fault: _Fault
    ) -> None:
        """Begin a streamed response that meets a fault."""
        at = self._server._at
        events, seconds = events[: max(at, 0)], seconds[: max(at, 0)]
        finish = self._complete
        if fault.kind == "error":
            events = [*events, _error_event(fault.detail, self._request_id)]
            seconds = [*seconds, seconds[-1] if seconds else 0.0]
        else:
            finish = self._breaking(fault)
        head = self._stream_head() if at >= 0 or fault.kind == "error" else b""
        self._send(head, self._server._cut(events, seconds), finish)

    def _faulty_message(self, message: bytes, fault: _Fault) -> None:
        """Answer with half of a message and a fault, or with an error in its place."""
        if fault.kind == "error":
            status = API_ERRORS[fault.detail][1] if fault.detail in API_ERRORS else 500
            raise _Refused(status, fault.detail, _ON_COMMAND)
        half = b""
        if self._server._at >= 0:
            half = self._json_head(200, message) + message[: len(message) // 2]
        self._send(half, _Plan((), ()), self._breaking(fault))

    def _breaking(self, fault: _Fault) -> Callable[[], None]:
        return {"reset": self._reset, "truncate": self._truncate, "stall": self._stall}[fault.kind]

    def _stream_head(self) -> bytes:
        framing = ["Transfer-Encoding: chunked"] if self._chunked else []
        media_type = "Content-Type: text/event-stream; charset=utf-8"
        return self._head(200, media_type, "Cache-Control: no-cache", *framing)

    def _send(self, beginning: bytes, plan: _Plan, finish: Callable[[], None]) -> None:
        """Write the beginning at once, the rest when it is due, then finish."""
        self.streaming = True
        self._plan = plan
        self._sent = 0
        self._finish = finish
        self._started = self._loop.time()
        self._transport.write(beginning)
        self._go_on()

    def _go_on(self) -> None:
        """Write what is due, then wait for what comes next."""
        self._timer = None
        speed = self._server._speed
        write = self._transport.write
        pieces, seconds = self._plan
        budget = _AT_ONCE
        while not (self._paused or self._transport.is_closing()):
            if self._sent == len(pieces):
                self._plan = _Plan((), ())
                self._finish()
                return
            if speed:
                due = self._started + seconds[self._sent] / speed
                if due > self._loop.time():
                    self._timer = self._loop.call_at(due, self._go_on)
                    return
            if not budget:
                self._timer = self._loop.call_later(0, self._go_on)
                return
            budget -= 1
            piece = pieces[self._sent]
            self._sent += 1
            write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)

    def _complete(self) -> None:
        """End a stream as it should."""
        # Before a client can have seen its end.
        self.streaming = False
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._end()

    def _end(self) -> None:
        """Be done with a response; go on with the next request."""
        self.streaming = False
        if self._deaf:
            self._transport.write_eof()
            self._timer = self._loop.call_later(_LINGER, self.abort)
            return
        if not self._keep:
            self._transport.close()
            return
        # Not at once: as many requests as were sent ahead would be as many calls deep.
        self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        """Read the next request, unless answers wait for a client that does not read."""
        busy = self.streaming or self._paused
        if busy or self._deaf or self._transport.is_closing():
            return
        self._transport.resume_reading()
        if self._received:
            self._read()

    def _truncate(self) -> None:
        self._transport.close()

    def _stall(self) -> None:
        """Say nothing more; `streaming` stays until the client is gone."""

    def _reset(self) -> None:
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


def _wants_stream(body: bytes) -> bool:
    """Return whether a request to POST /v1/messages asks for a stream."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise _Refused(400, "invalid_request_error", "the body is not JSON") from exc
    if not isinstance(asked, dict):
        raise _Refused(400, "invalid_request_error", "the body is not a JSON object")
    for name in ("model", "max_tokens", "messages"):
        if name not in asked:
            raise _Refused(400, "invalid_request_error", f"{name}: Field required")
    return asked.get("stream") is True


def _error_event(kind: str, request_id: str) -> bytes:
    error = {"type": kind, "message": _ON_COMMAND, "details": None}
    data = {"type": "error", "error": error, "request_id": request_id}
    return b"event: error\ndata: %b\n\n" % json.dumps(data, separators=(",", ":")).encode()
