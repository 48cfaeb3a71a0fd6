# SPDX-License-Identifier: MIT
"""What the debug log says of a request: a line for its answer, a line for its end.

For whoever wants to know where the time went. Never headers, bodies, or what
a peer wrote, but for the request's ID. The time is passed in.
May import: _checks.
"""

from __future__ import annotations

import logging

from .._checks import excerpt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from typing_extensions import Buffer

    from .._http.request import HTTPRequest
    from .errors import ClaudeError

log = logging.getLogger("ssewire")


class RequestLog:
    """One attempt, from its sending on."""

    __slots__ = ("_asked", "_bytes", "_clock", "_events", "_first", "_id", "_over", "_what")

    def __init__(self, request: HTTPRequest, now: float) -> None:
        self._what = f"{request.method} {request.url.partition('?')[0]}"
        self._asked = now
        # Set with the answer, whose body is counted.
        self._clock: Callable[[], float] | None = None
        self._id: str | None = None
        self._bytes = 0
        self._events = 0
        # When the first event was there.
        self._first: float | None = None
        # Its end was told.
        self._over = False

    def answered(self, status: int, request_id: str | None, clock: Callable[[], float]) -> None:
        """Note the head of a response whose body is going to be read."""
        self._clock = clock
        self._id = request_id
        self._tell(f"status {status}", clock(), request_id)

    def took(self, chunk: Buffer, events: int) -> None:
        """Count a chunk of the body, and the wire events that it completed."""
        self._bytes += memoryview(chunk).nbytes
        self._events += events
        if events and self._first is None and self._clock is not None:
            self._first = self._clock()

    def ended(self, how: str) -> None:
        """Note that nothing more is read of the body, and why. Only the first end is told."""
        if self._over or self._clock is None:
            return
        self._over = True
        first = "none" if self._first is None else f"first after {self._first - self._asked:.3f} s"
        counts = f"; events {self._events}, {first}; bytes {self._bytes}"
        self._tell(how, self._clock(), self._id, counts)

    def failed(self, error: ClaudeError, now: float) -> None:
        """Note that the attempt failed: before there was a body to read, or while it was read."""
        name = type(error).__name__
        if self._clock is not None:
            self.ended(name)
        else:
            self._over = True
            how = name if error.status is None else f"status {error.status}, {name}"
            self._tell(how, now, error.request_id)

    def _tell(self, what: str, now: float, request_id: str | None, counts: str = "") -> None:
        known = "none" if request_id is None else excerpt(request_id)
        text = "Claude: %s: %s after %.3f s, request ID %s%s"
        log.debug(text, self._what, what, now - self._asked, known, counts)


def request_log(request: HTTPRequest, now: float) -> RequestLog | None:
    """Return what is to be told of an attempt that begins now; None where nobody listens."""
    return RequestLog(request, now) if log.isEnabledFor(logging.DEBUG) else None
