# SPDX-License-Identifier: MIT
"""How long to wait for what, and when that is over. Clock-free: each call is told the time.

May import: _checks, _frozen, errors, refusal.
"""

from __future__ import annotations

from .._checks import check_seconds, wrong_type
from .._frozen import Frozen
from ..errors import StreamTimeout
from .refusal import ERROR_BODY_PATIENCE


class Timeouts(Frozen):
    """How long to wait for what, in seconds; None waits for ever. Immutable.

    Args:
        connect: name lookup, TCP, TLS and a proxy's CONNECT together.
        head: until the response head is there.
        idle: without any byte of the body.
        stall: without an event; comments do not count.
        total: the whole exchange, from connecting to the end of the body.

    Raises:
        TypeError: not a number.
        ValueError: zero, negative or not finite.
    """

    __slots__ = ("connect", "head", "idle", "stall", "total")

    connect: float | None
    head: float | None
    idle: float | None
    stall: float | None
    total: float | None

    def __init__(
        self,
        # Three lost SYN packets (1 + 2 + 4 s) still fit. The others depend on
        # the service: a quiet stream is a good stream.
        connect: float | None = 10.0,
        head: float | None = None,
        idle: float | None = None,
        stall: float | None = None,
        total: float | None = None,
    ) -> None:
        values = (connect, head, idle, stall, total)
        for name, value in zip(self.__slots__, values):
            if value is not None:
                value = check_seconds(f"timeout {name}", value, expected="a number or None")
            object.__setattr__(self, name, value)


class NotGiven:
    """The type of `NOT_GIVEN`, which stands for an argument where None means something."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()


def given_timeouts(
    timeouts: Timeouts | float | NotGiven | None, timeout: Timeouts | float | NotGiven | None
) -> Timeouts | float | NotGiven | None:
    """Return what was given under either name.

    Raises:
        TypeError: both were given.
    """
    if isinstance(timeouts, NotGiven):
        return timeout
    if not isinstance(timeout, NotGiven):
        raise TypeError("timeout is another name of timeouts: give one of them")
    return timeouts


def timeouts_of(given: object) -> Timeouts:
    """Return what a `timeout` means: seconds are for the head and for each wait for bytes.

    None is none at all.

    Raises:
        TypeError, ValueError: it makes no sense.
    """
    if isinstance(given, NotGiven):
        return Timeouts()
    if isinstance(given, Timeouts):
        return given
    if given is None:
        return Timeouts(connect=None)
    if not isinstance(given, (int, float)) or isinstance(given, bool):
        raise wrong_type("timeout", "seconds, a Timeouts object or None", given)
    check_seconds("timeout", given)
    connect = Timeouts().connect
    assert connect is not None
    return Timeouts(connect=min(connect, given), head=given, idle=given)


class Deadlines:
    """When which timeout of an exchange runs out. Clock-free: each call is told the time.

    The phases are connect, head and body; a redirect goes back to connect.
    Idle and stall run only while somebody waits for the peer, so that a
    consumer that takes its time cannot time out a good stream.

    Args:
        now: seconds on any clock that only goes forward.
    """

    __slots__ = ("_stall_left", "_timeouts", "idle", "running", "stall")

    def __init__(self, timeouts: Timeouts, now: float) -> None:
        self._timeouts = timeouts
        # Kind -> time; only those that are running.
        self.running: dict[str, float] = {}
        # Seconds. Public like `running`: a read needs no clock where there are none.
        self.idle: float | None = timeouts.idle
        self.stall: float | None = timeouts.stall
        # What is left of it while nobody waits for the event that it began with.
        self._stall_left: float | None = None
        self._set("total", now)
        self._set("connect", now)

    def _set(self, kind: str, now: float) -> None:
        seconds = getattr(self._timeouts, kind)
        if seconds is not None:
            self.running[kind] = now + seconds

    def start_connect(self, now: float) -> None:
        """Begin to connect (again, for a redirect)."""
        self.running.pop("head", None)
        self._set("connect", now)

    def start_head(self, now: float) -> None:
        """Begin to send the request and to wait for the response head."""
        self.running.pop("connect", None)
        self._set("head", now)

    def start_body(self) -> None:
        """Note that the response head is there; only `total` runs until somebody waits."""
        self.running.pop("head", None)

    def start_idle(self, now: float) -> None:
        """Begin to wait for bytes, or go on after some came."""
        if self.idle is not None:
            self.running["idle"] = now + self.idle

    def start_stall(self, now: float, anew: bool = True) -> None:
        """Begin to wait for an event, or go on with that where `stop_stall` left it.

        Args:
            anew: an event was handed out since.
        """
        if self.stall is not None:
            left = self.stall if anew else self._stall_left
            self._stall_left = None
            if left is not None:
                self.running["stall"] = now + left

    def start_error_body(self, now: float) -> None:
        """Begin to read the body of a refused response."""
        self.running["refused"] = now + ERROR_BODY_PATIENCE

    def stop_stall(self, now: float) -> None:
        """Note that nobody waits: something, if only a comment, is in the consumer's hands."""
        ends = self.running.pop("stall", None)
        if ends is not None:
            self._stall_left = ends - now

    def earliest(self) -> float | None:
        """Return when the next one runs out; None if none is running."""
        return min(self.running.values()) if self.running else None

    def remaining(self, now: float) -> float | None:
        """Return the seconds until the next one runs out; None if none is running.

        Raises:
            StreamTimeout: it has.
        """
        if not self.running:
            return None
        left = min(self.running.values()) - now
        if left > 0:
            return left
        raise self.timed_out(now)

    def timed_out(self, now: float) -> StreamTimeout:
        """Return the error for the first to run out, which by somebody else's clock it has."""
        error = self.expired(max(now, min(self.running.values())))
        assert error is not None
        return error

    def expired(self, now: float) -> StreamTimeout | None:
        """Return the error for the first that has run out by now."""
        due = [(at, kind) for kind, at in self.running.items() if at <= now]
        if not due:
            return None
        kind = min(due)[1]
        if kind == "refused":
            return StreamTimeout("total", ERROR_BODY_PATIENCE)
        return StreamTimeout(kind, getattr(self._timeouts, kind))


# For all connections that have none: nothing ever runs in it.
NO_DEADLINES = Deadlines(Timeouts(connect=None), 0.0)
