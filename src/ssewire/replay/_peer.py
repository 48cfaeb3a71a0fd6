"""One connection of the server: requests in, answers out when they are due.

May import: _headers, claude.errors, errors, _requests, _script.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct

from .._headers import Headers
from ..claude.errors import API_ERRORS
from ..errors import RecordingError
from ._requests import MAX_BODY, MAX_HEAD, Refused, Seen, wants_stream
from ._script import ON_COMMAND, STATUS, TYPES, Fault, Plan, error_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Callable

    from .server import ReplayServer

# Events written in one turn of the loop where more of them are due: the other
# streams get their turn after them.
_AT_ONCE = 64

# How long a client may go on sending what is not going to be read, seconds: one that
# is told at once, by a reset, loses the answer too.
_LINGER = 5.0


class Peer(asyncio.Protocol):
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
        self._plan = Plan((), ())
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
        elif len(self._received) > MAX_HEAD:
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
        except Refused as refused:
            self._deaf = True
            self._request_id = self._server._next_id()
            self._refuse(refused)
            return
        self._request_id = self._server._next_id()
        self._server.requests.append(request)
        try:
            self._answer(request)
        except Refused as refused:
            self._refuse(refused)

    def _request(self) -> Seen | None:
        end = self._received.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._searched = len(self._received)
            if len(self._received) > MAX_HEAD:
                self._keep = False
                raise Refused(431, "invalid_request_error", "the head is too large")
            return None
        lines = bytes(self._received[:end]).decode("latin-1").split("\r\n")
        self._keep = False  # until the end of the body is known
        first = lines[0].split(" ")
        if len(first) != 3 or not first[2].startswith("HTTP/1."):
            raise Refused(400, "invalid_request_error", "this is not HTTP/1.1")
        method, target, version = first
        self._head_only = method == "HEAD"
        headers = Headers(
            [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines[1:])]
        )
        if "Transfer-Encoding" in headers:
            raise Refused(411, "invalid_request_error", "a Content-Length is required")
        length = headers.get("Content-Length", "0")
        if not re.fullmatch("[0-9]{1,18}", length):
            raise Refused(400, "invalid_request_error", "the Content-Length is not a number")
        size = int(length)
        if size > MAX_BODY:
            raise Refused(413, "request_too_large", "the request exceeds the maximum size")
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
            raise Refused(404, "not_found_error", "this server knows POST .../v1/messages and GET")
        if request.method != "POST":
            raise Refused(405, "invalid_request_error", "use POST or GET", "Allow: GET, POST")
        if not (request.headers.get("x-api-key") or request.headers.get("Authorization")):
            raise Refused(401, "authentication_error", "x-api-key header is required")
        stream = wants_stream(request.body)
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
            raise Refused(500, "api_error", str(exc)) from exc
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

    def _next_fault(self) -> Fault | None:
        """Return the fault that the request is to meet in its answer, None for none.

        Raises:
            Refused: it meets it instead of an answer.
        """
        fault = self._server._next_fault()
        if fault is None or fault.kind != "status":
            return fault
        status = int(fault.detail)
        kind = TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        after = self._server._retry_after
        fields = [] if after is None else [f"retry-after: {after:g}"]
        raise Refused(status, kind, ON_COMMAND, *fields)

    # --- responses

    def _head(self, status: int, *fields: str) -> bytes:
        lines = [
            f"HTTP/1.1 {status} {STATUS.get(status, 'Fault')}",
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

    def _refuse(self, refused: Refused) -> None:
        error = {"type": refused.kind, "message": refused.message}
        body = {"type": "error", "error": error, "request_id": self._request_id}
        self._whole(refused.status, json.dumps(body).encode(), *refused.headers)

    def _stream(self, plan: Plan) -> None:
        """Begin a streamed response."""
        self._send(self._stream_head(), plan, self._complete)

    def _faulty_stream(
        self, events: Sequence[bytes], seconds: Sequence[float], fault: Fault
    ) -> None:
        """Begin a streamed response that meets a fault."""
        at = self._server._at
        events, seconds = events[: max(at, 0)], seconds[: max(at, 0)]
        finish = self._complete
        if fault.kind == "error":
            events = [*events, error_event(fault.detail, self._request_id)]
            seconds = [*seconds, seconds[-1] if seconds else 0.0]
        else:
            finish = self._breaking(fault)
        head = self._stream_head() if at >= 0 or fault.kind == "error" else b""
        self._send(head, self._server._cut(events, seconds), finish)

    def _faulty_message(self, message: bytes, fault: Fault) -> None:
        """Answer with half of a message and a fault, or with an error in its place."""
        if fault.kind == "error":
            status = API_ERRORS[fault.detail][1] if fault.detail in API_ERRORS else 500
            raise Refused(status, fault.detail, ON_COMMAND)
        half = b""
        if self._server._at >= 0:
            half = self._json_head(200, message) + message[: len(message) // 2]
        self._send(half, Plan((), ()), self._breaking(fault))

    def _breaking(self, fault: Fault) -> Callable[[], None]:
        return {"reset": self._reset, "truncate": self._truncate, "stall": self._stall}[fault.kind]

    def _stream_head(self) -> bytes:
        framing = ["Transfer-Encoding: chunked"] if self._chunked else []
        media_type = "Content-Type: text/event-stream; charset=utf-8"
        return self._head(200, media_type, "Cache-Control: no-cache", *framing)

    def _send(self, beginning: bytes, plan: Plan, finish: Callable[[], None]) -> None:
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
                self._plan = Plan((), ())
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
