# SPDX-License-Identifier: MIT
"""An event source but for waiting: what it was given, where it stands, what comes next.

Both `EventSource` classes are a `Following` that waits and moves bytes. When
to connect again is for `reconnect` to say; what goes into the next request,
which parser reads its answer and what an end amounts to is said here. Time is
passed in. May import: _checks, _headers, _http, _standard, errors, parser,
reconnect.
"""

from __future__ import annotations

from ._checks import exact_str, excerpt, shown_url, wrong_type
from ._headers import Headers
from ._http.refusal import parse_retry_after
from ._http.request import HTTPRequest
from ._standard import Generic, ItemT
from .errors import StateError, StatusError
from .parser import Parser
from .reconnect import Connect, Reconnection, ReconnectPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol

    from .errors import SSEWireError
    from .reconnect import Command

    class Followed(Protocol):
        """The events of one connection."""

        dropped: int

        @property
        def last_event_id(self) -> str: ...

        @property
        def _heard(self) -> bool: ...


class Following(Generic[ItemT]):
    """The state of an event source.

    Args:
        first: the request, without a Last-Event-ID unless its caller gave one.
        last_event_id: where to go on; "" for what the request says.
        max_event_size, comments, default_event: of `Parser`.
        reconnect: when and how often to try again.
        on_open, on_error, prepare: hooks, checked.
        random: gives a float from [0, 1).

    Raises:
        TypeError, ValueError: an option that makes no sense.
    """

    __slots__ = (
        "_attempted",
        "_closing",
        "_decided",
        "_dropped",
        "_due",
        "_given_id",
        "_machine",
        "_on_error",
        "_on_open",
        "_opened_at",
        "_parser",
        "_parser_options",
        "_prepare",
        "_progress",
        "_request",
        "_restarting",
        "_stream",
    )

    def __init__(
        self,
        first: HTTPRequest,
        *,
        last_event_id: str,
        max_event_size: int | None,
        comments: bool,
        default_event: str,
        reconnect: ReconnectPolicy | None,
        on_open: Callable[[Any], object] | None,
        on_error: Callable[[SSEWireError, float | None], object] | None,
        prepare: Callable[[HTTPRequest], Any] | None,
        random: Callable[[], float],
    ) -> None:
        self._request = first
        self._parser_options: dict[str, Any] = {
            "max_event_size": max_event_size,
            "comments": comments,
            "default_event": default_event,
        }
        parser: Any = Parser(
            last_event_id=exact_str("last_event_id", last_event_id)
            or first.headers.get("Last-Event-ID", ""),
            **self._parser_options,
        )
        self._parser: Parser[ItemT] = parser
        # An ID that no header can carry fails here, not in a later attempt.
        first.with_last_event_id(self._parser.last_event_id)
        if reconnect is None:
            reconnect = ReconnectPolicy()
        elif not isinstance(reconnect, ReconnectPolicy):
            raise wrong_type("reconnect", "a ReconnectPolicy", reconnect)
        self._on_open = on_open
        self._on_error = on_error
        self._prepare = prepare
        self._machine = Reconnection(reconnect, random=random, method=first.method)
        # When to connect next: a wait that was interrupted goes on where it was.
        self._due = float("-inf")
        # The request has been made, and restart() not asked for another.
        self._attempted = False
        # An event was handed out that the machine does not know of yet. Set inline by whoever
        # hands it out, so that an event costs no call here.
        self._progress = False
        # The last event ID as of what streams that have ended handed out.
        self._given_id: str = self._parser.last_event_id
        # The last event ID at close(): no event with another is handed out after that. Whoever
        # of close() and a thread that hands one out meanwhile is first has decided it.
        self._decided: dict[str, str] = {}
        self._stream: Any = None
        # When the connection was opened; None without one, or where it brought no bytes.
        self._opened_at: float | None = None
        # Of the last stream that has ended.
        self._dropped = 0
        self._closing = False
        self._restarting = False

    @property
    def last_event_id(self) -> str:
        """The last event ID as of the last event that was handed out."""
        final_id = self._decided.get("id")
        if final_id is not None:
            return final_id
        stream = self._stream
        return self._given_id if stream is None else stream.last_event_id

    @property
    def retry(self) -> int | None:
        """The server's reconnection time in milliseconds, if it sent one."""
        retry = self._parser.retry
        # A parser made for a new connection has not heard of it.
        return self._machine.retry if retry is None else retry

    @property
    def dropped(self) -> int:
        """Bytes of the unfinished event that the last connection ended within."""
        stream = self._stream
        dropped: int = self._dropped if stream is None else stream.dropped
        return dropped

    @property
    def state(self) -> str:
        """Where it stands: "connecting" (also while it waits to), "open" or "closed"."""
        return "closed" if self._closing else self._machine.state

    def _check_open(self) -> None:
        """Refuse a restart of what is closed.

        Raises:
            StateError: it is.
        """
        if self.state == "closed":
            raise StateError("restart() after close()")

    def _attempt(self) -> HTTPRequest | None:
        """Begin an attempt; return its request, or None where none may be made any more.

        That is where the only one has been made, and an exception interrupted it: the server may
        have acted on it. Or what the policy's `should_retry` raised has ended it all.
        """
        if self._machine.state == "closed":
            return None
        if self._restarting:
            self._restarting = False
            self._attempted = False
            self._progress = False
            # Of the wait that it ended nothing is left, should this attempt be interrupted.
            self._due = float("-inf")
            self._machine.restart()
        if self._attempted and not self._machine.may_repeat:
            return None
        self._attempted = True
        self._opened_at = None
        if self._parser.last_event_id == self._given_id:
            self._parser.reset()
        else:
            # The parser is ahead of what was handed out.
            self._machine.retry = self.retry
            parser: Any = Parser(last_event_id=self._given_id, **self._parser_options)
            self._parser = parser
        return self._request.with_last_event_id(self._given_id)

    def _opened(self, stream: Followed, now: float) -> None:
        """Note that an attempt has brought a stream of events."""
        self._stream = stream
        self._opened_at = now
        self._machine.on_open()

    def _ended(self, stream: Followed) -> None:
        """Note that there is no stream any more, and how far it has come."""
        self._given_id = stream.last_event_id
        self._dropped = stream.dropped
        if not stream._heard:
            self._opened_at = None
        self._stream = None

    def _outcome(self, error: SSEWireError | None, now: float, wall: float) -> Command:
        """Return what to do after the end of a connection, or of the attempt at one.

        Args:
            error: None where the response ended as HTTP says it should.
            now: on the clock of `_due` and `_opened`; the former is set.
            wall: seconds since 1970, for a date in Retry-After.

        Raises:
            Exception: what the policy's `should_retry` raised; there is no next attempt.
        """
        machine = self._machine
        if self._progress:
            self._progress = False
            machine.on_event()
        elif self._opened_at is not None:
            machine.on_up(now - self._opened_at)
        self._opened_at = None
        machine.retry = self.retry
        try:
            if error is None:
                command = machine.on_end()
            else:
                retry_after = None
                if isinstance(error, StatusError):
                    retry_after = parse_retry_after(error.headers, wall)
                command = machine.on_failure(error, retry_after)
        except BaseException as exc:
            check_hook_error(exc, StopIteration, StopAsyncIteration)
            raise
        if isinstance(command, Connect):
            self._due = now + command.delay
        return command

    def __repr__(self) -> str:
        if not hasattr(self, "_given_id"):
            return "<EventSource of nowhere>"  # Its __init__ failed; debuggers ask for it.
        where, known = shown_url(self._request.url), excerpt(self.last_event_id)
        return f"<EventSource {self.state}, {where}, last_event_id={known}>"


def prepared_request(request: object) -> HTTPRequest:
    """Return what `prepare` returned, checked as the first request was.

    Raises:
        TypeError, ValueError: it cannot be sent.
    """
    if not isinstance(request, HTTPRequest):
        raise wrong_type("what prepare returns", "an HTTPRequest", request)
    # Anew, should it have been changed in place.
    headers = Headers(request.headers)
    return request.changed(request.url, request.method, headers, request.body)


def check_hook_error(error: BaseException, *ends: type[Exception]) -> None:
    """Let what a hook raised come out of the iteration, unless that would take it for its end.

    Args:
        ends: what ends such an iteration.

    Raises:
        RuntimeError: it is one of those, which is the cause (PEP 479).
    """
    if isinstance(error, ends):
        raise RuntimeError(f"a hook raised {type(error).__name__}") from error
