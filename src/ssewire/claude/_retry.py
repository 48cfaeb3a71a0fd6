# SPDX-License-Identifier: MIT
"""Whether to ask again after a failure, and after how long; what a refused response means.

Sans-I/O, shared by both clients: time and chance are passed in. Retries end
where a message has begun, which the caller knows. The rules are those of the
official SDKs. May import: _checks, _http, _json, errors, ssewire.errors.
"""

from __future__ import annotations

import logging

from .._checks import check_count, check_seconds, excerpt
from .._http.refusal import parse_retry_after
from .._http.request import HTTPRequest
from .._http.timeouts import Timeouts
from ..errors import StreamTimeout, TransportError
from ._json import decode
from .errors import APIError, StreamInterrupted, StreamTruncated, api_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol

    from .._headers import Headers
    from ._request_log import RequestLog
    from .errors import ClaudeError

    class Attempt(Protocol):
        """What a stream calls of the request whose body it reads; `Any`: awaited with asyncio."""

        # The body of the attempt that is under way.
        chunks: Any
        # Starts the clock for `stall` anew; None where there is no such timeout.
        watch: Callable[[], object] | None
        # What is told of it; None where nobody listens.
        log: RequestLog | None

        def again(self, error: ClaudeError) -> Any:
            """Return the head of another response, a StreamResponse; None where there is none.

            With asyncio the attempt goes on where the wait for it is cancelled.

            Raises:
                ClaudeError: the later attempts failed too.
            """

        def begun(self) -> None:
            """Note that the message has begun: there will be no more attempts."""

        def finish(self) -> Any:
            """Leave the connection to further requests: the message is complete."""

        def close(self) -> Any:
            """End it, also while something waits for it. Idempotent."""

        def abandon(self, owner: object) -> None:
            """End what would go on without its stream, as the destructor of that."""


# As the official SDKs: three requests at most.
MAX_RETRIES = 2

# Seconds. The API's rate limits fill up again within a minute; whoever is told to
# wait longer wants to know it rather than sit there.
MAX_RETRY_DELAY = 60.0

# Backoff in seconds: min(first * 2**n, longest), less up to a quarter by chance.
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 8.0
_JITTER = 0.25

# Bytes of a refused response that are read: the API's error bodies are below
# 1 KiB, and a proxy's page of HTML is cut where it no longer says anything.
MAX_ERROR_BODY = 64 * 1024

_log = logging.getLogger("ssewire")


class Retries:
    """The attempts of one call.

    Args:
        limit: how many times to ask again.
        max_delay: seconds; our own pauses are cut to it, and none is made if a longer one is
            asked for.
        random: a number in [0, 1).
        start: the time on a clock that only goes forward, for `total`.
    """

    def __init__(
        self,
        limit: int,
        max_delay: float,
        random: Callable[[], float],
        first: HTTPRequest,
        start: float,
    ) -> None:
        self._limit = limit
        self._max_delay = max_delay
        self._random = random
        self._first = first
        self._start = start
        # Retries so far.
        self.made: int = 0

    def request(self, now: float) -> HTTPRequest:
        """Return the request to send now: a retry has what is left of the `total` timeout."""
        timeouts = self._first.timeouts
        if self.made == 0 or timeouts.total is None:
            return self._first
        # Not 0, which is no timeout; `next_delay` has seen to it that there is something left.
        left = max(0.001, timeouts.total - (now - self._start))
        return HTTPRequest(
            self._first.url,
            method=self._first.method,
            headers=self._first.headers,
            body=self._first.body,
            timeouts=Timeouts(timeouts.connect, timeouts.head, timeouts.idle, timeouts.stall, left),
        )

    def next_delay(
        self, error: ClaudeError, headers: Headers | None, now: float, wall: float
    ) -> float | None:
        """Return the seconds to wait before the next attempt; None if there is to be none.

        None too where the response asks for a longer pause than `max_delay`: whoever
        is told to come back in hours wants to know it, and asking earlier only makes
        it worse. What it asks for is the error's `retry_after`. Counts the attempt and logs it.

        Args:
            headers: those of the response that failed, where there was one.
            now: on the clock of `start`.
            wall: seconds since 1970, for a date in Retry-After.
        """
        asked = _asked_delay(headers, wall) if headers is not None else None
        if asked is not None:
            error.retry_after = asked
        if self.made >= self._limit or not _worth_a_retry(error, headers):
            return None
        if asked is not None and asked > self._max_delay:
            return None
        if asked is None:
            delay = min(_FIRST_DELAY * 2.0 ** min(self.made, 10), _LONGEST_DELAY)
            delay = min(delay * (1 - _JITTER * self._random()), self._max_delay)
        else:
            delay = asked
        total = self._first.timeouts.total
        if total is not None and now - self._start + delay >= total:
            return None
        self.made += 1
        _log.warning(
            "Claude: attempt %d failed (%s, request id %s); the next in %.2f s",
            self.made,
            _named(error),
            None if error.request_id is None else excerpt(error.request_id),
            delay,
        )
        return delay


def check_limits(max_retries: object, max_retry_delay: object) -> None:
    """Refuse limits of retries that make no sense.

    Raises:
        TypeError, ValueError: they are not a count, and not seconds.
    """
    check_count("max_retries", max_retries)
    check_seconds("max_retry_delay", max_retry_delay, zero=True)


def _worth_a_retry(error: ClaudeError, headers: Headers | None) -> bool:
    wish = "" if headers is None else headers.get("x-should-retry", "").strip().lower()
    if wish == "false":
        # Whatever failed, also the body after a 200: it is not to be asked for again.
        return False
    if isinstance(error, APIError):
        if error.spent:
            return False
        # A 200 that says so knew nothing of what failed after it.
        return True if wish == "true" and not error.in_band else error.retryable
    if isinstance(error, StreamInterrupted):
        cause = error.__cause__
        if isinstance(cause, StreamTimeout):
            # The caller's time is up, whoever is to blame.
            return cause.kind != "total"
        return isinstance(cause, TransportError) and cause.retryable
    return isinstance(error, StreamTruncated)


def _asked_delay(headers: Headers, wall: float) -> float | None:
    """Return the seconds that a response asks to wait; None if it asks for nothing sensible."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        # Written so that NaN fails too.
        if 0 < seconds < float("inf"):
            return seconds
    date = parse_retry_after(headers, wall)
    return date if date else None


def _named(error: ClaudeError) -> str:
    """Return what the log says about an error: never what the peer wrote."""
    status = "" if error.status is None else f" {error.status}"
    cause = "" if error.__cause__ is None else f": {error.__cause__}"
    return f"{type(error).__name__}{status}{cause}"


def response_error(status: int, headers: Headers, body: bytes) -> APIError:
    """Return the error that a response of another status than 2xx is."""
    text = body.decode("utf-8-sig", "replace")
    decoded: Any = text
    try:
        decoded = decode(text)
    except ValueError:
        pass  # HTML of a proxy: the text is all there is.
    error = api_error(decoded, status)
    error.headers = headers
    error.request_id = headers.get("request-id") or error.request_id
    return error
