# SPDX-License-Identifier: MIT
"""An event source but for waiting: requests, parsers and outcomes, with no socket and no clock."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ssewire._following import Following, check_hook_error, prepared_request
from ssewire._headers import Headers
from ssewire._http.request import HTTPRequest
from ssewire.errors import (
    ConnectionLost,
    EventTooLarge,
    RetriesExhausted,
    SSEWireError,
    StateError,
    StatusError,
)
from ssewire.event import Comment
from ssewire.reconnect import Connect, ReconnectPolicy, Stop

LOST = ConnectionLost("reset")


class Stream:
    """The events of one connection, all received at once; handed out one by one."""

    def __init__(self, source: Following, data: bytes) -> None:
        self._source = source
        self._items: list[Any] = source._parser.feed(data)
        self._heard = bool(data)
        self.dropped = source._parser.pending
        self.last_event_id = source._given_id

    def step(self) -> Any:
        """Hand out an item, as the clients do."""
        item = self._items.pop(0)
        if item.__class__ is not Comment:
            self.last_event_id = item.id
            self._source._progress = True
        return item

    def drain(self) -> None:
        while self._items:
            self.step()
        # Lines of ID without an event count once all has been handed out.
        self.last_event_id = self._source._parser.last_event_id


def following(
    method: str = "GET",
    headers: dict[str, str] | None = None,
    *,
    last_event_id: str = "",
    comments: bool = False,
    max_event_size: int | None = None,
    default_event: str = "message",
    reconnect: Any = None,
    **policy: Any,
) -> Following:
    """Return a source; the policy gets what no argument names, and by default no jitter."""
    if policy:
        reconnect = ReconnectPolicy(**{"jitter": 0.0, **policy})
    return Following(
        HTTPRequest("http://h/", method=method, headers=headers),
        last_event_id=last_event_id,
        max_event_size=max_event_size,
        comments=comments,
        default_event=default_event,
        reconnect=reconnect,
        on_open=None,
        on_error=None,
        prepare=None,
        random=lambda: 0.0,
    )


def attempt(source: Following) -> str | None:
    """Begin an attempt; return the Last-Event-ID that its request has."""
    request = source._attempt()
    assert request is not None
    return request.headers.get("Last-Event-ID")


def opened(source: Following, data: bytes = b"", at: float = 90.0) -> Stream:
    """Return the stream that an attempt has brought."""
    stream = Stream(source, data)
    source._opened(stream, at)
    return stream


def ended(source: Following, stream: Stream, error: SSEWireError | None = None) -> Any:
    """Return the command that follows the end of a stream, at 100 s."""
    source._ended(stream)
    return source._outcome(error, 100.0, 0.0)


def status(code: int, **headers: str) -> StatusError:
    return StatusError(
        code, Headers({name.replace("_", "-"): text for name, text in headers.items()})
    )


# --- arguments


def test_an_id_comes_from_the_argument_else_from_the_header() -> None:
    assert following().last_event_id == ""
    assert following(last_event_id="a").last_event_id == "a"
    assert following(headers={"last-event-id": "b"}).last_event_id == "b"
    both = following(headers={"Last-Event-ID": "b"}, last_event_id="a")
    assert both.last_event_id == "a"
    assert attempt(both) == "a"


@pytest.mark.parametrize("text", ["a\nb", "a\0", "\ud800"])
def test_an_id_that_no_header_can_carry_fails_at_once(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)last.event.id"):
        following(last_event_id=text)


@pytest.mark.parametrize("policy", [3, ReconnectPolicy, {"max_attempts": 1}])
def test_a_policy_of_another_type_is_a_type_error(policy: object) -> None:
    with pytest.raises(TypeError, match="reconnect must be a ReconnectPolicy"):
        following(reconnect=policy)


def test_parser_options_are_checked_and_hold_for_every_parser() -> None:
    with pytest.raises(ValueError, match="max_event_size"):
        following(max_event_size=-1)
    source = following(comments=True, default_event="x", max_event_size=20)
    for _ in range(2):
        attempt(source)
        stream = opened(source, b":c\ndata: a\nid: 1\n\nid: 2\ndata: b\n\n")
        assert stream.step() == Comment("c")
        assert stream.step().event == "x"
        # Not drained, so that the next parser is another one.
        first = source._parser
        ended(source, stream)
        with pytest.raises(EventTooLarge):
            first.feed(b"data:" + b"a" * 20)
    assert attempt(source) == "1"
    assert source._parser is not first


# --- last_event_id


def test_the_id_is_that_of_the_last_event_handed_out_not_received() -> None:
    source = following()
    assert attempt(source) is None
    stream = opened(source, b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n")
    assert source.last_event_id == ""
    stream.step()
    assert source.last_event_id == "1"
    ended(source, stream, LOST)
    assert source.last_event_id == "1"
    assert attempt(source) == "1"
    # The parser of the new connection starts from there, too.
    stream = opened(source, b"data: d\n\n")
    assert stream.step().id == "1"


def test_an_id_without_an_event_counts_once_everything_was_handed_out() -> None:
    source = following()
    attempt(source)
    stream = opened(source, b"data: a\n\nid: 7\n\n")
    stream.drain()
    ended(source, stream)
    assert attempt(source) == "7"


def test_an_id_that_was_reset_is_sent_no_more() -> None:
    source = following(last_event_id="5")
    assert attempt(source) == "5"
    stream = opened(source, b"id\ndata: a\n\n")
    stream.drain()
    ended(source, stream)
    assert attempt(source) is None


def test_an_attempt_without_a_stream_leaves_the_id_alone() -> None:
    source = following(last_event_id="5")
    for _ in range(3):
        assert attempt(source) == "5"
        source._outcome(LOST, 0.0, 0.0)


def test_after_close_the_id_is_what_it_was_then() -> None:
    source = following()
    attempt(source)
    stream = opened(source, b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n")
    stream.step()
    source._closing, source._decided["id"] = True, source.last_event_id
    stream.drain()
    source._ended(stream)
    assert (source.last_event_id, source.state) == ("1", "closed")


def test_what_a_connection_left_unfinished_is_nothing_to_the_next() -> None:
    source = following()
    attempt(source)
    stream = opened(source, b"data: a\n\nid: 2\ndata: half")
    stream.drain()
    parser = source._parser
    ended(source, stream, LOST)
    assert attempt(source) is None
    assert source._parser is parser
    assert opened(source, b"data: b\n\n").step().data == "b"


# --- retry across parsers


def test_retry_outlives_the_parser_that_heard_of_it() -> None:
    source = following(initial_delay=0.1)
    assert source.retry is None
    attempt(source)
    stream = opened(source, b"retry: 1500\nid: 1\ndata: a\n\nid: 2\ndata: b\n\n")
    stream.step()
    first = source._parser
    assert source.retry == 1500
    assert ended(source, stream).delay == 1.5
    attempt(source)
    # A new one, as the old one was ahead.
    assert source._parser is not first
    assert source._parser.retry is None
    assert source.retry == 1500
    stream = opened(source, b"retry: 20\ndata: c\n\n")
    stream.drain()
    assert source.retry == 20
    second = source._parser
    ended(source, stream)
    attempt(source)
    # The same, begun anew, where it was not ahead; it keeps what it heard.
    assert source._parser is second
    assert source.retry == 20


def test_a_retry_heard_before_an_interrupted_attempt_is_kept() -> None:
    source = following()
    attempt(source)
    stream = opened(source, b"retry: 1500\nid: 1\ndata: a\n\nid: 2\ndata: b\n\n")
    stream.step()
    # Interrupted: the machine hears of no outcome.
    source._ended(stream)
    attempt(source)
    assert source.retry == 1500


# --- methods that may not be repeated


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_request_that_may_not_be_repeated_is_made_once_whatever_interrupts_it(
    method: str,
) -> None:
    source = following(method)
    attempt(source)
    assert source._attempt() is None
    assert source._attempt() is None


def test_a_restart_that_was_asked_for_allows_one_more() -> None:
    source = following("POST")
    attempt(source)
    source._restarting = True
    attempt(source)
    assert source._restarting is False
    assert source._attempt() is None


@pytest.mark.parametrize("error", [None, LOST])
def test_an_outcome_of_a_request_that_may_not_be_repeated_stops(error: Any) -> None:
    source = following("POST")
    attempt(source)
    stream = opened(source, b"data: a\n\n")
    stream.drain()
    command = ended(source, stream, error)
    assert isinstance(command, Stop)
    assert command.error is error
    assert source.state == "closed"


def test_others_are_repeated_and_so_is_what_the_caller_allows() -> None:
    for source in (following("PUT"), following("POST", retry_unsafe_methods=True)):
        for _ in range(3):
            attempt(source)


# --- restart


def test_a_restart_forgets_failures_progress_and_what_was_left_of_the_wait() -> None:
    source = following(initial_delay=1.0, max_attempts=3)
    for _ in range(2):
        attempt(source)
        source._outcome(LOST, 100.0, 0.0)
    assert source._due == 102.0
    source._restarting = True
    source._progress = True
    attempt(source)
    # Should this attempt be interrupted, the next one is due at once.
    assert source._due == float("-inf")
    assert source._progress is False
    command = source._outcome(LOST, 100.0, 0.0)
    assert isinstance(command, Connect)
    assert (command.delay, command.failed) == (1.0, True)
    assert source._due == 101.0


def test_a_wait_that_was_interrupted_is_due_when_it_was() -> None:
    source = following(initial_delay=1.0)
    assert source._due == float("-inf")
    attempt(source)
    source._outcome(LOST, 100.0, 0.0)
    attempt(source)
    assert source._due == 101.0


def test_a_source_that_is_closed_cannot_be_restarted() -> None:
    source = following()
    source._check_open()
    source._closing = True
    with pytest.raises(StateError, match=r"restart\(\) after close\(\)"):
        source._check_open()
    source = following()
    attempt(source)
    source._outcome(status(204), 0.0, 0.0)
    with pytest.raises(StateError):
        source._check_open()


# --- outcomes against the rules of `reconnect`


def test_an_event_makes_an_end_no_failure_and_is_counted_once() -> None:
    source = following(initial_delay=1.0)
    attempt(source)
    stream = opened(source, b"data: a\n\n")
    assert source.state == "open"
    stream.step()
    command = ended(source, stream)
    assert (command.failed, command.delay) == (False, 1.0)
    assert source.state == "connecting"
    for delay in (1.0, 2.0, 4.0):
        attempt(source)
        command = ended(source, opened(source))
        assert (command.failed, command.delay) == (True, delay)


def test_a_comment_is_no_progress() -> None:
    source = following(comments=True, initial_delay=1.0)
    attempt(source)
    stream = opened(source, b": hello\n")
    stream.step()
    assert ended(source, stream).failed


@pytest.mark.parametrize("data", [b":\n", b"id: 5\n", b"{}"])
def test_a_connection_that_was_up_for_long_with_bytes_is_progress(data: bytes) -> None:
    source = following(initial_delay=1.0, max_attempts=2)
    for _ in range(5):
        attempt(source)
        command = ended(source, opened(source, data, at=40.0))
        assert (command.failed, command.delay) == (False, 1.0)
    for error in (None, LOST):
        source = following(initial_delay=1.0)
        attempt(source)
        assert ended(source, opened(source, data, at=40.1), error).failed


def test_one_without_a_byte_is_none_however_long_it_was_up() -> None:
    source = following()
    attempt(source)
    assert ended(source, opened(source, b"", at=-1e6)).failed


def test_how_long_it_was_up_is_told_once_and_of_no_other_attempt() -> None:
    source = following()
    attempt(source)
    assert not ended(source, opened(source, b":\n", at=0.0)).failed
    attempt(source)
    command: Any = source._outcome(LOST, 1000.0, 0.0)
    assert command.failed
    # Interrupted: the machine hears of no outcome of that connection.
    attempt(source)
    source._ended(opened(source, b":\n", at=0.0))
    attempt(source)
    command = source._outcome(LOST, 1000.0, 0.0)
    assert command.failed


def test_dropped_is_that_of_the_stream_or_of_the_last_one() -> None:
    source = following()
    assert source.dropped == 0
    attempt(source)
    stream = opened(source, b"data: a\n\ndata: half")
    assert source.dropped == len(b"data: half")
    stream.drain()
    ended(source, stream)
    assert source.dropped == len(b"data: half")
    attempt(source)
    opened(source, b"")
    assert source.dropped == 0


@pytest.mark.parametrize("error", [None, LOST])
def test_what_should_retry_raises_comes_out_and_ends_it(error: Any) -> None:
    def should_retry(error: SSEWireError) -> bool:
        raise kind

    for kind in (ZeroDivisionError(), KeyboardInterrupt(), StopIteration(), StopAsyncIteration()):
        source = following(should_retry=should_retry)
        attempt(source)
        stops = isinstance(kind, (StopIteration, StopAsyncIteration))
        with pytest.raises(RuntimeError if stops else type(kind)):
            ended(source, opened(source), error)
        assert source.state == "closed"
        assert source._attempt() is None
        with pytest.raises(StateError):
            source._check_open()


def test_what_prepare_returns_is_checked_as_the_first_request_was() -> None:
    request = HTTPRequest("http://h/", headers={"A": "b"}, body=b"x", method="POST")
    checked = prepared_request(request)
    assert (checked.url, checked.method, checked.body) == ("http://h/", "POST", b"x")
    assert checked.headers.multi_items() == request.headers.multi_items()
    for other in (None, "http://h/", {}, object()):
        with pytest.raises(TypeError, match="what prepare returns must be an HTTPRequest"):
            prepared_request(other)
    for name, value in (
        ("url", "ftp://h/"),
        ("url", "http://user:pass@h/"),
        ("method", "GET x"),
        ("headers", {"A": "b\r\nC: d"}),
        ("headers", {"Content-Length": "5"}),
        ("body", "text"),
        ("timeouts", 5),
    ):
        request = HTTPRequest("http://h/")
        setattr(request, name, value)
        with pytest.raises((TypeError, ValueError)):
            prepared_request(request)


def test_retry_after_is_read_off_the_refusal_by_the_walls_clock() -> None:
    source = following(initial_delay=1.0)
    attempt(source)
    command: Any = source._outcome(status(503, Retry_After="90"), 100.0, 0.0)
    assert (command.delay, source._due) == (90.0, 190.0)
    attempt(source)
    date = "Thu, 01 Jan 1970 00:02:00 GMT"
    command = source._outcome(status(503, Retry_After=date), 100.0, 60.0)
    assert (command.delay, source._due) == (60.0, 160.0)


def test_a_refusal_that_is_final_stops_with_its_error_and_is_not_due_again() -> None:
    source = following()
    attempt(source)
    error = status(401)
    command = source._outcome(error, 100.0, 0.0)
    assert isinstance(command, Stop)
    assert command.error is error
    assert source._due == float("-inf")


def test_the_last_attempt_allowed_ends_in_retries_exhausted() -> None:
    source = following(max_attempts=2, initial_delay=0.0)
    attempt(source)
    source._outcome(LOST, 0.0, 0.0)
    attempt(source)
    command = source._outcome(LOST, 0.0, 0.0)
    assert isinstance(command, Stop)
    assert isinstance(command.error, RetriesExhausted)
    assert command.error.__cause__ is LOST


# --- hooks, repr


def test_what_would_end_the_iteration_out_of_a_hook_is_a_runtime_error() -> None:
    check_hook_error(ValueError(), StopIteration)
    check_hook_error(KeyboardInterrupt(), StopIteration)
    check_hook_error(StopAsyncIteration(), StopIteration)
    error = StopAsyncIteration()
    with pytest.raises(RuntimeError, match=r"^a hook raised StopAsyncIteration$") as caught:
        check_hook_error(error, StopIteration, StopAsyncIteration)
    assert caught.value.__cause__ is error


def test_the_repr_says_where_it_stands() -> None:
    source = following()
    told = "<EventSource {}, 'http://h/', last_event_id=''>"
    assert repr(source) == told.format("connecting")
    attempt(source)
    opened(source)
    assert repr(source) == told.format("open")
    source._closing = True
    assert repr(source) == told.format("closed")
    assert repr(type(source).__new__(type(source))) == "<EventSource of nowhere>"


# --- a walk


class Walk(RuleBasedStateMachine):
    """A server with numbered events, connections that end anyhow, a consumer that takes its time.

    What is handed out must be each event once, in order, whatever happens.
    """

    def __init__(self) -> None:
        super().__init__()
        self.source = following(initial_delay=0.0)
        self.stream: Stream | None = None
        self.handed: list[int] = []
        self.now = 0.0
        self.attempts = 0

    @precondition(lambda self: self.stream is None)
    @rule(count=st.integers(0, 5), retry=st.booleans(), opens=st.booleans())
    def connect(self, count: int, retry: bool, opens: bool) -> None:
        given = attempt(self.source)
        self.attempts += 1
        assert given == (str(self.handed[-1]) if self.handed else None)
        if not opens:
            return
        first = int(given or 0) + 1
        data = b"retry: 5\n" if retry else b""
        for number in range(first, first + count):
            data += b"id: %d\ndata: %d\n\n" % (number, number)
        self.stream = opened(self.source, data)

    @precondition(lambda self: self.stream is not None and self.stream._items)
    @rule()
    def step(self) -> None:
        assert self.stream is not None
        self.handed.append(int(self.stream.step().data))

    @precondition(lambda self: self.stream is not None)
    @rule(error=st.sampled_from([None, LOST, status(503)]), told=st.booleans())
    def end(self, error: SSEWireError | None, told: bool) -> None:
        assert self.stream is not None
        progress = self.source._progress
        self.source._ended(self.stream)
        self.stream = None
        if told:
            self.now += 1.0
            command = self.source._outcome(error, self.now, 0.0)
            assert isinstance(command, Connect)
            assert command.failed is not progress
            assert self.source._due == self.now + command.delay

    @rule()
    def restart(self) -> None:
        self.source._check_open()
        self.source._restarting = True

    @invariant()
    def each_event_once_in_order(self) -> None:
        assert self.handed == list(range(1, len(self.handed) + 1))
        assert self.source.last_event_id == (str(self.handed[-1]) if self.handed else "")
        assert self.source.state in ("connecting", "open")


TestWalk: Callable[..., Any] = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)  # type: ignore[attr-defined]
