# SPDX-License-Identifier: MIT
"""When to connect again, and when to stop: a state machine without I/O.

A client reports what became of each connection (`on_request`, `on_open`, `on_event`,
`on_up`, `on_end`, `on_failure`) and carries out the command that it gets back:
`Connect` after a delay, or `Stop`. The rules are written here once, for both
clients; no clock is read and chance is passed in. An attempt is failed when no
event of it was handed out and it was not up for long either: a server that
answers 200 and hangs up at once must not be asked again every second for ever.
May import: _checks, _frozen, errors.
"""

from __future__ import annotations

from ._checks import check_count, check_seconds, exact_int, plain_callable, wrong_type
from ._frozen import Frozen
from .errors import (
    ConnectionLost,
    RetriesExhausted,
    StateError,
    StatusError,
    TransportError,
)

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Callable, Literal, Union

    from .errors import SSEWireError

    State = Literal["connecting", "open", "closed"]
    Command = Union["Connect", "Stop"]

__all__ = [
    "MAX_RETRY_AFTER",
    "MIN_RETRY",
    "RETRY_STATUSES",
    "Connect",
    "ReconnectPolicy",
    "Reconnection",
    "Stop",
]

RETRY_STATUSES = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529)
"""The statuses after which a source tries again, unless told otherwise: servers and the proxies
before them send these when asking later may help. 520 to 524 and 529 are not registered, but
large operators use them so."""

MAX_RETRY_AFTER = 3600.0
"""The longest wait that a server can ask for, by `retry` or Retry-After, in seconds: a
mistaken value, such as a date years ahead, must not silence a client for good."""

MIN_RETRY = 0.25
"""The shortest wait that a server can ask for, in seconds: one that sends `retry: 0` and an
event a connection is polled some four times a second, not as fast as both can."""

# So many failed attempts in a row are made without a pause where a caller's `initial_delay`
# is 0, as in tests; who goes on failing is no test, and gets MIN_RETRY, growing.
_AT_ONCE = 20

# Repeating these does what doing them once does (RFC 9110, 9.2.2). A POST may
# be billed again each time.
_IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))

# 2**64 times any delay is past any max_delay; 2**2000 would not fit a float.
_MAX_DOUBLINGS = 64


class ReconnectPolicy(Frozen):
    """How `EventSource` reconnects. Immutable.

    The delay before an attempt is min(max_delay, base * 2**(n-1)) *
    (1 + jitter * random), where base is the server's `retry`, else
    `initial_delay`, and n the number of failed attempts since the last progress
    (at least 1). Progress is an event handed out, or a connection that was up for
    `healthy_after` seconds and brought bytes.

    What the server asks for, by `retry` or Retry-After, is never cut short by
    `max_delay`, but to an hour, and never less than a quarter of a second.
    A `retry` of 0 counts as `initial_delay` after a failed attempt.

    Args:
        initial_delay, max_delay: seconds. An `initial_delay` of 0 connects at once
            until twenty attempts in a row have failed.
        jitter: the largest part of the delay that chance adds to it; it keeps
            the clients of a server that restarts from coming back all at once.
        max_attempts: give up with RetriesExhausted after so many failed
            attempts in a row; None never does.
        retry_statuses: the HTTP statuses that are worth another attempt.
        retry_unsafe_methods: reconnect, with the same body, after POST and
            PATCH too.
        healthy_after: seconds that a connection with bytes, if only comments, must
            have been up to count as progress.
        should_retry: called with each failure (an attempt without progress, a broken
            connection), before the rules above are asked: True has it tried again, False
            stops with it, None leaves it to the rules. Status 204 is no failure, and
            a method that may not be repeated is not, whatever it says. What it raises
            ends the source.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
    """

    __slots__ = (  # noqa: RUF023 - in the order of the arguments
        "initial_delay",
        "max_delay",
        "jitter",
        "max_attempts",
        "retry_statuses",
        "retry_unsafe_methods",
        "healthy_after",
        "should_retry",
    )

    initial_delay: float
    max_delay: float
    jitter: float
    max_attempts: int | None
    retry_statuses: frozenset[int]
    retry_unsafe_methods: bool
    healthy_after: float
    should_retry: Callable[[SSEWireError], bool | None] | None

    def __init__(
        self,
        # The standard asks for "a few seconds"; Chromium has 3.
        initial_delay: float = 3.0,
        # A server that is back is found within a minute.
        max_delay: float = 60.0,
        jitter: float = 0.5,
        max_attempts: int | None = None,
        retry_statuses: Iterable[int] = RETRY_STATUSES,
        retry_unsafe_methods: bool = False,
        # Balancers cut quiet connections after a minute, and call it a day's work.
        healthy_after: float = 60.0,
        should_retry: Callable[[SSEWireError], bool | None] | None = None,
    ) -> None:
        keep = object.__setattr__
        keep(self, "initial_delay", check_seconds("initial_delay", initial_delay, zero=True))
        keep(self, "max_delay", check_seconds("max_delay", max_delay, zero=True))
        # Not seconds, but a number of the same kind.
        keep(self, "jitter", check_seconds("jitter", jitter, zero=True))
        if max_attempts is not None:
            max_attempts = check_count("max_attempts", max_attempts, 1, "an int or None")
        keep(self, "max_attempts", max_attempts)
        statuses = []
        for status in retry_statuses:
            if not issubclass(type(status), int):
                raise wrong_type("each of retry_statuses", "an int", status)
            statuses.append(exact_int(status))
        keep(self, "retry_statuses", frozenset(statuses))
        keep(self, "retry_unsafe_methods", bool(retry_unsafe_methods))
        keep(self, "healthy_after", check_seconds("healthy_after", healthy_after, zero=True))
        keep(self, "should_retry", plain_callable("should_retry", should_retry))

    def __repr__(self) -> str:
        return (
            f"ReconnectPolicy(initial_delay={self.initial_delay!r}, max_delay={self.max_delay!r}, "
            f"jitter={self.jitter!r}, max_attempts={self.max_attempts!r}, "
            f"retry_statuses={tuple(sorted(self.retry_statuses))!r}, "
            f"retry_unsafe_methods={self.retry_unsafe_methods!r}, "
            f"healthy_after={self.healthy_after!r}, should_retry={self.should_retry!r})"
        )


class Connect:
    """Command: connect after `delay` seconds. `error` is why, None at the start and on restart.

    `failed` says that the attempt before brought no progress.
    """

    __slots__ = ("delay", "error", "failed")

    def __init__(
        self, delay: float = 0.0, error: SSEWireError | None = None, failed: bool = False
    ) -> None:
        self.delay: float = delay
        self.error: SSEWireError | None = error
        self.failed: bool = failed

    def __repr__(self) -> str:
        return f"Connect(delay={self.delay!r}, error={self.error!r}, failed={self.failed!r})"


class Stop:
    """Command: connect no more. `error` is to be raised, after what is still to be handed out."""

    __slots__ = ("error",)

    def __init__(self, error: SSEWireError | None = None) -> None:
        self.error: SSEWireError | None = error

    def __repr__(self) -> str:
        return f"Stop(error={self.error!r})"


class Reconnection:
    """The state of one event source.

    Args:
        policy: how to go about it.
        method: of the request; decides whether it may be repeated.
        random: gives a float from [0, 1), for the jitter.
    """

    def __init__(
        self, policy: ReconnectPolicy, *, random: Callable[[], float], method: str = "GET"
    ) -> None:
        self._policy = policy
        self._random = random
        # Whether the source's own request may be sent more than once, and the one sent last.
        self._own_may = self._may_repeat = self._allows(method)
        self.state: State = "connecting"
        # The server's reconnection time in milliseconds, from whichever connection.
        self.retry: int | None = None
        # Failed attempts since the last progress.
        self.failures: int = 0
        # An event of the current connection has been handed out, or it was up for long.
        self._progress = False

    def _allows(self, method: str) -> bool:
        return self._policy.retry_unsafe_methods or method.upper() in _IDEMPOTENT

    @property
    def may_repeat(self) -> bool:
        """Whether the request may be sent more than once."""
        return self._may_repeat

    def start(self) -> Command:
        """Return the first command."""
        return Connect() if self.state != "closed" else Stop()

    def on_request(self, method: str) -> None:
        """Note the method of a request that is about to be sent, where it may be another one.

        A source of a GET whose caller makes a POST of it ends as one of a POST does.
        """
        self._may_repeat = self._own_may and self._allows(method)

    def on_open(self) -> None:
        """Note that a response has been accepted as an event stream."""
        if self.state != "closed":
            self.state = "open"

    def on_event(self) -> None:
        """Note that an event has been handed out: progress, which ends the backing off."""
        self._progress = True
        self.failures = 0

    def on_up(self, seconds: float) -> None:
        """Note for how long a connection has been up that brought bytes, before its end is told.

        Balancers end quiet streams that are well, after a minute or so: after
        `healthy_after` seconds it is progress.
        """
        if seconds >= self._policy.healthy_after:
            self.on_event()

    def on_end(self) -> Command:
        """Return what to do after a response that ended as HTTP says it should.

        Raises:
            Exception: what the policy's `should_retry` raised; the state is "closed".
        """
        if self.state == "closed" or not self._may_repeat:
            return self._stop(None)
        error = ConnectionLost("the server ended the stream")
        if not self._progress and self._judged(error) is False:
            return self._stop(error)
        return self._again(error, None)

    def on_failure(self, error: SSEWireError, retry_after: float | None = None) -> Command:
        """Return what to do after any other outcome.

        Args:
            error: what happened. A StatusError of status 204 is the server's
                way to say that there is no more.
            retry_after: seconds that the response asked to wait.

        Raises:
            Exception: what the policy's `should_retry` raised; the state is "closed".
        """
        if self.state == "closed":
            return Stop()
        if isinstance(error, StatusError):
            if error.status == 204:
                return self._stop(None)
            worth_it = error.status in self._policy.retry_statuses
        else:
            # Other errors, such as EventTooLarge, would only come again.
            worth_it = isinstance(error, TransportError) and error.retryable
        if not self._may_repeat:
            return self._stop(error)
        judgement = self._judged(error)
        if not (worth_it if judgement is None else judgement):
            return self._stop(error)
        return self._again(error, retry_after)

    def _judged(self, error: SSEWireError) -> bool | None:
        """Return what the caller thinks of a failure."""
        judge = self._policy.should_retry
        if judge is None:
            return None
        try:
            judgement = judge(error)
            if judgement is not None and not isinstance(judgement, bool):
                raise wrong_type("what should_retry returns", "True, False or None", judgement)
        except BaseException:
            self._stop(None)
            raise
        return judgement

    def restart(self) -> Command:
        """Return the command that follows when the caller wants a new connection now.

        Raises:
            StateError: the source is closed.
        """
        if self.state == "closed":
            raise StateError("restart() after close()")
        self.state = "connecting"
        self.failures = 0
        self._progress = False
        return Connect()

    def close(self) -> Command:
        """Return the last command. Idempotent."""
        return self._stop(None)

    def _again(self, error: SSEWireError, retry_after: float | None) -> Command:
        policy = self._policy
        failed = not self._progress
        self._progress = False
        if failed:
            self.failures += 1
            if policy.max_attempts is not None and self.failures >= policy.max_attempts:
                exhausted = RetriesExhausted(self.failures)
                exhausted.__cause__ = error
                return self._stop(exhausted)
        self.state = "connecting"
        return Connect(self._delay(failed, retry_after), error, failed)

    def _delay(self, failed: bool, retry_after: float | None) -> float:
        policy = self._policy
        spread = 1 + policy.jitter * self._random()
        doublings = min(max(self.failures - 1, 0), _MAX_DOUBLINGS)
        # The least that the server has asked for, from either side.
        asked = 0.0
        base = policy.initial_delay
        if self.retry is not None and (self.retry or not failed):
            base = min(max(self.retry / 1000, MIN_RETRY), MAX_RETRY_AFTER)
            asked = min(base * spread, MAX_RETRY_AFTER)
        elif not base and doublings >= _AT_ONCE:
            base = MIN_RETRY
            doublings -= _AT_ONCE
        if retry_after is not None:
            asked = max(asked, min(retry_after, MAX_RETRY_AFTER))
        return max(asked, min(policy.max_delay, base * 2.0**doublings) * spread)

    def _stop(self, error: SSEWireError | None) -> Command:
        self.state = "closed"
        return Stop(error)
