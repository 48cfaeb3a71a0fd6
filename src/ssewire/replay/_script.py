# SPDX-License-Identifier: MIT
"""What is answered, without I/O: replies in turn, at what pace, with which fault.

Requests in, answers out, in the order in which they come. May import: _checks,
claude.errors, errors, _requests, _rules, reply.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from itertools import accumulate
from typing import NamedTuple

from .._checks import check_count
from ..claude.errors import API_ERRORS
from ..errors import RecordingError
from ._requests import Refused
from ._rules import check_get, wants_stream
from .reply import Reply, make_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._requests import Seen
    from .recording import Recording
    from .reply import Fault

# What errors that were asked for say.
_ON_COMMAND = "a fault on command"

_REASONS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    529: "Overloaded",
}
# status -> error type, for faults; the first that the table has.
_TYPES = {status: name for name, (_, status, _) in reversed(list(API_ERRORS.items()))}


class Plan(NamedTuple):
    """The writes of a stream, and when each is due, in seconds since the head as recorded."""

    pieces: Sequence[bytes]
    seconds: Sequence[float]


class Answer(NamedTuple):
    """What a request is answered with: a head, what belongs to it, a stream, an end."""

    request_id: str
    # None: nothing is said, not even a head.
    status: int | None
    # Lines of the head, beside those that each has.
    fields: Sequence[str] = ()
    # What is written with the head.
    body: bytes = b""
    # What follows it, a chunk for each piece; None where nothing does.
    stream: Plan | None = None
    # "complete", "reset", "truncate" or "stall"; but for the first, without what HTTP
    # asks for at the end.
    ending: str = "complete"
    # Seconds of silence before all of it.
    delay: float = 0.0

    def head(self, *, keep: bool, chunks: bool) -> bytes:
        """Return the head.

        Args:
            keep: the connection goes on after the answer.
            chunks: the client understands them; else a stream ends with the connection.
        """
        if self.status is None:
            return b""
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Fault')}",
            f"request-id: {self.request_id}",
            f"Connection: {'keep-alive' if keep else 'close'}",
            *self.fields,
        ]
        if self.stream is not None and chunks:
            lines.append("Transfer-Encoding: chunked")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Script:
    """What a server answers, request by request; takes arguments of `ReplayServer`.

    Raises:
        TypeError, ValueError: one that makes no sense.
    """

    def __init__(
        self,
        replies: list[Reply],
        *,
        chunk_size: int | None,
        fault: str | None,
        at: int,
        times: int | None,
        retry_after: float | None,
        remember: int,
        strict: bool,
    ) -> None:
        self._replies = replies
        if chunk_size is not None:
            check_count("chunk_size", chunk_size, 1, "an int or None")
        if times is not None:
            check_count("times", times, expected="an int or None")
        self._chunk_size = chunk_size
        self._fault = make_fault(fault, at, retry_after)
        self._faults_left = times
        self._strict = strict
        # The last requests, in order.
        # A list: what goes through it while another thread adds to it gets no error, as with a
        # deque. That its beginning is cut off costs a microsecond, and only once it is full.
        self.requests: list[Seen] = []
        self._remember = check_count("remember", remember)
        # Of requests so far, for their IDs.
        self._count = 0
        # Of streams and messages so far.
        self._turn = 0
        # What a stream of each recording consists of, since cutting them for each would
        # make a thousand copies.
        self._plans: dict[Recording, Plan] = {}

    def answer(self, request: Seen) -> Answer:
        """Return what a request is answered with."""
        self.requests.append(request)
        del self.requests[: -self._remember or None]
        request_id = self._next_id()
        try:
            if request.method == "GET":
                if self._strict:
                    check_get(request)
                return self._plain_events(request, request_id)
            streamed = wants_stream(request, strict=self._strict)
            # One for all requests takes no turn of a reply when it comes instead of it.
            fault = self._next_fault()
            if fault is not None and fault.kind == "status":
                return _refusal(_as_status(fault), request_id)
        except Refused as refused:
            return _refusal(refused, request_id)
        reply = self._replies[self._turn % len(self._replies)]
        self._turn += 1
        answer = self._stream if streamed else self._message
        return answer(reply, fault or reply.fault, request_id)._replace(delay=reply.delay)

    def refuse(self, refused: Refused) -> Answer:
        """Return what is answered to what could not be read as a request."""
        return _refusal(refused, self._next_id())

    def _next_id(self) -> str:
        self._count += 1
        return f"req_replay_{self._count:06d}"

    def _next_fault(self) -> Fault | None:
        """Return the fault of the server that the request is to meet, None for none."""
        fault = self._fault
        if fault is None or self._faults_left == 0:
            return None
        if self._faults_left is not None:
            self._faults_left -= 1
        return fault

    def _stream(self, reply: Reply, fault: Fault | None, request_id: str) -> Answer:
        """Answer with a stream, or with what its fault makes of it."""
        recording = reply.recording
        if fault is not None:
            if fault.kind == "status":
                return _refusal(_as_status(fault), request_id)
            if recording is None:
                return self._faulty_stream([], [], fault, request_id)
            return self._faulty_stream(recording.events, recording.seconds, fault, request_id)
        assert recording is not None
        plan = self._plans.get(recording)
        if plan is None:
            plan = self._cut(recording.events, recording.seconds)
            self._plans[recording] = plan
        return _streamed(plan, request_id)

    def _plain_events(self, request: Seen, request_id: str) -> Answer:
        """Answer with the first recording as plain events with IDs, after the one that is named."""
        recording = next((each.recording for each in self._replies if each.recording), None)
        if recording is None:
            raise Refused(404, "not_found_error", "Not found: there is no recording to GET")
        events, ids, whole = recording.numbered
        # The standard has it in UTF-8.
        last = request.headers.get("Last-Event-ID", "").encode("latin-1").decode("utf-8", "replace")
        # One that is not known begins at the beginning.
        begin = ids.index(last) + 1 if last and last in ids else 0
        if begin >= whole:
            return Answer(request_id, 204)
        fault = self._next_fault()
        if fault is not None and fault.kind == "status":
            raise _as_status(fault)
        before = recording.seconds[begin - 1] if begin else 0.0
        seconds = [at - before for at in recording.seconds[begin:]]
        if fault is not None:
            return self._faulty_stream(events[begin:], seconds, fault, request_id)
        return _streamed(self._cut(events[begin:], seconds), request_id)

    def _faulty_stream(
        self, events: Sequence[bytes], seconds: Sequence[float], fault: Fault, request_id: str
    ) -> Answer:
        """Answer with a stream that meets a fault."""
        at = max(fault.at, 0)
        events, seconds = events[:at], seconds[:at]
        if fault.kind == "error":
            events = [*events, _error_event(fault.detail, request_id)]
            seconds = [*seconds, seconds[-1] if seconds else 0.0]
            return _streamed(self._cut(events, seconds), request_id)
        answer = _streamed(self._cut(events, seconds), request_id)
        return answer._replace(status=None if fault.at < 0 else 200, ending=fault.kind)

    def _message(self, reply: Reply, fault: Fault | None, request_id: str) -> Answer:
        """Answer with the final message of a recording; of one with a fault, half of it."""
        if fault is not None and fault.kind == "status":
            return _refusal(_as_status(fault), request_id)
        try:
            message = b"" if reply.recording is None else reply.recording.message
        except RecordingError as exc:
            return _refusal(Refused(500, "api_error", str(exc)), request_id)
        answer = _json(200, message, request_id)
        if fault is None:
            return answer
        if fault.kind == "error":
            status = API_ERRORS[fault.detail][1] if fault.detail in API_ERRORS else 500
            return _refusal(Refused(status, fault.detail, _ON_COMMAND), request_id)
        if fault.at < 0 or not message:
            return Answer(request_id, None, ending=fault.kind)
        return answer._replace(body=message[: len(message) // 2], ending=fault.kind)

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


def _as_status(fault: Fault) -> Refused:
    """Return a "status" fault as what the API would answer."""
    status = int(fault.detail)
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    after = fault.retry_after
    fields = [] if after is None else [f"retry-after: {after:g}"]
    return Refused(status, kind, _ON_COMMAND, *fields)


def _streamed(plan: Plan, request_id: str) -> Answer:
    fields = ("Content-Type: text/event-stream; charset=utf-8", "Cache-Control: no-cache")
    return Answer(request_id, 200, fields, stream=plan)


def _json(status: int, body: bytes, request_id: str, *fields: str) -> Answer:
    length = f"Content-Length: {len(body)}"
    fields = ("Content-Type: application/json", length, *fields)
    return Answer(request_id, status, fields, body)


def _refusal(refused: Refused, request_id: str) -> Answer:
    error = {"type": refused.kind, "message": refused.message}
    body = {"type": "error", "error": error, "request_id": request_id}
    return _json(refused.status, json.dumps(body).encode(), request_id, *refused.fields)


def _error_event(kind: str, request_id: str) -> bytes:
    error = {"type": kind, "message": _ON_COMMAND, "details": None}
    data = {"type": "error", "error": error, "request_id": request_id}
    return b"event: error\ndata: %b\n\n" % json.dumps(data, separators=(",", ":")).encode()
