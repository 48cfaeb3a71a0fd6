# SPDX-License-Identifier: MIT
"""The reconnection state machine: outcomes in, commands out, no socket and no clock."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire._headers import Headers
from ssewire.errors import (
    ConnectFailed,
    ConnectionLost,
    ContentDecodingError,
    ContentTypeError,
    EventTooLarge,
    HTTPFormatError,
    RedirectError,
    RetriesExhausted,
    SSEWireError,
    StateError,
    StatusError,
    StreamTimeout,
    TransportError,
)
from ssewire.reconnect import (
    MIN_RETRY,
    RETRY_STATUSES,
    Connect,
    Reconnection,
    ReconnectPolicy,
    Stop,
)

LOST = ConnectionLost("reset")


def machine(method: str = "GET", chance: float = 0.0, **policy: Any) -> Reconnection:
    return Reconnection(ReconnectPolicy(**policy), random=lambda: chance, method=method)


def status(code: int) -> StatusError:
    return StatusError(code, Headers())


async def coroutine_function(error: object) -> bool:
    raise AssertionError("never awaited")


def delay_of(command: object) -> float:
    assert isinstance(command, Connect), command
    return command.delay


def error_of(command: object) -> SSEWireError | None:
    assert isinstance(command, Stop), command
    return command.error


def test_the_first_command_is_to_connect_at_once() -> None:
    source = machine()
    assert source.state == "connecting"
    command = source.start()
    assert delay_of(command) == 0
    assert isinstance(command, Connect)
    assert command.error is None


def test_delays_double_from_the_initial_delay_up_to_the_largest() -> None:
    source = machine(initial_delay=3.0, max_delay=60.0)
    delays = [delay_of(source.on_failure(LOST)) for _ in range(7)]
    assert delays == [3, 6, 12, 24, 48, 60, 60]


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 1.0), (0.5, 1.25), (0.999, 1.4995)])
def test_jitter_multiplies_the_capped_delay(chance: float, factor: float) -> None:
    source = machine(chance=chance, initial_delay=10.0, max_delay=15.0, jitter=0.5)
    assert delay_of(source.on_failure(LOST)) == pytest.approx(10 * factor)
    assert delay_of(source.on_failure(LOST)) == pytest.approx(15 * factor)


def test_thousands_of_failures_do_not_overflow() -> None:
    source = machine()
    for _ in range(5000):
        delay = delay_of(source.on_failure(LOST))
    assert delay == 60


def test_the_servers_retry_replaces_the_initial_delay_and_is_in_milliseconds() -> None:
    source = machine()
    source.retry = 500
    assert [delay_of(source.on_failure(LOST)) for _ in range(3)] == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_the_servers_time_is_never_cut_short_by_our_cap_but_at_an_hour(chance: float) -> None:
    source = machine(chance=chance, max_delay=60.0)
    source.retry = 300_000
    delays = []
    for _ in range(4):
        source.on_event()
        delays.append(delay_of(source.on_end()))
        delays.append(delay_of(source.on_failure(LOST)))
    assert set(delays) == {300 * (1 + 0.5 * chance)}
    for milliseconds in (3_600_000, 7_200_000, 2**31 - 1):
        source.retry = milliseconds
        assert delay_of(source.on_failure(LOST)) == 3600


def test_growth_beyond_the_servers_time_is_ours_and_capped() -> None:
    source = machine(max_delay=60.0)
    source.retry = 20_000
    assert [delay_of(source.on_failure(LOST)) for _ in range(4)] == [20, 40, 60, 60]
    source.retry = 90_000
    assert delay_of(source.on_failure(LOST)) == 90


@pytest.mark.parametrize("milliseconds", [0, 1, 7, 249])
def test_a_server_is_asked_at_most_some_times_a_second_whatever_it_says(milliseconds: int) -> None:
    source = machine(initial_delay=3.0)
    source.retry = milliseconds
    for _ in range(5):
        source.on_event()
        assert delay_of(source.on_end()) == MIN_RETRY == 0.25
    # Not even where the caller's own delays are shorter.
    source = machine(initial_delay=0.0, max_delay=0.0)
    source.retry = milliseconds
    source.on_event()
    assert delay_of(source.on_failure(LOST)) == 0.25


def test_a_retry_of_0_counts_as_the_initial_delay_after_a_failed_attempt() -> None:
    source = machine(initial_delay=3.0, max_delay=20.0)
    source.retry = 0
    assert [delay_of(source.on_failure(LOST)) for _ in range(4)] == [3, 6, 12, 20]
    source.on_event()
    assert delay_of(source.on_end()) == 0.25
    assert delay_of(source.on_end()) == 3
    # Any other grows from what it is.
    source.restart()
    source.retry = 1
    assert [delay_of(source.on_failure(LOST)) for _ in range(4)] == [0.25, 0.5, 1, 2]


@pytest.mark.parametrize("retry", [None, 0])
def test_who_wants_no_delay_and_goes_on_failing_is_slowed_down_all_the_same(
    retry: int | None,
) -> None:
    source = machine(initial_delay=0.0, max_delay=60.0)
    source.retry = retry
    delays = [delay_of(source.on_failure(LOST)) for _ in range(32)]
    assert delays == [0] * 20 + [0.25 * 2**n for n in range(8)] + [60] * 4
    source.on_event()
    assert delay_of(source.on_failure(LOST)) == (0 if retry is None else 0.25)
    # A cap of 0 is the caller's word too.
    source = machine(initial_delay=0.0, max_delay=0.0)
    assert {delay_of(source.on_failure(LOST)) for _ in range(32)} == {0}


@pytest.mark.parametrize("outcome", [None, LOST, StreamTimeout("idle", 90.0)], ids=repr)
def test_a_connection_that_was_up_for_long_is_progress_also_without_an_event(
    outcome: SSEWireError | None,
) -> None:
    source = machine(max_attempts=2)
    for _ in range(6):
        source.on_open()
        source.on_up(60.0)
        command = source.on_end() if outcome is None else source.on_failure(outcome)
        assert delay_of(command) == 3
        assert isinstance(command, Connect)
        assert not command.failed
    source.on_open()
    source.on_up(59.9)
    assert delay_of(source.on_end()) == 3
    assert source.failures == 1
    source.on_open()
    source.on_up(1e9)
    source.on_end()
    assert source.failures == 0


def test_how_long_is_healthy_is_the_callers_to_say() -> None:
    source = machine(healthy_after=5)
    source.on_up(5.0)
    source.on_end()
    assert source.failures == 0
    source.on_up(4.9)
    source.on_end()
    assert source.failures == 1


@pytest.mark.parametrize(
    ("error", "judgement", "goes_on"),
    [
        (StatusError(401, Headers()), True, True),
        (StatusError(404, Headers()), True, True),
        (ContentTypeError("text/html"), True, True),
        (EventTooLarge(10), True, True),
        (ConnectFailed("h:1", "certificate expired", False), True, True),
        (LOST, False, False),
        (StatusError(503, Headers()), False, False),
        (StreamTimeout("head", 1.0), False, False),
        # The table.
        (LOST, None, True),
        (StatusError(401, Headers()), None, False),
    ],
    ids=repr,
)
def test_should_retry_judges_a_failure_before_the_table_does(
    error: SSEWireError, judgement: bool | None, goes_on: bool
) -> None:
    asked: list[SSEWireError] = []

    def should_retry(error: SSEWireError) -> bool | None:
        asked.append(error)
        return judgement

    source = machine(should_retry=should_retry, max_attempts=3)
    command = source.on_failure(error)
    assert asked == [error]
    if goes_on:
        # What is tried again backs off, and runs out, like any other failure.
        assert delay_of(command) == 3
        assert delay_of(source.on_failure(error)) == 6
        assert isinstance(error_of(source.on_failure(error)), RetriesExhausted)
    else:
        assert error_of(command) is error
    assert source.state == "closed"


def test_should_retry_is_asked_of_failures_alone() -> None:
    asked: list[SSEWireError] = []

    def should_retry(error: SSEWireError) -> bool:
        asked.append(error)
        return False

    source = machine(should_retry=should_retry)
    source.on_event()
    assert isinstance(source.on_end(), Connect)
    assert not asked
    # An end without an event is one, and so is what breaks after events.
    error = error_of(source.on_end())
    assert isinstance(error, ConnectionLost)
    assert asked == [error]
    assert error_of(machine(should_retry=should_retry).on_failure(status(204))) is None
    assert error_of(machine("POST", should_retry=should_retry).on_end()) is None
    assert len(asked) == 1
    source = machine(should_retry=should_retry)
    source.on_event()
    assert error_of(source.on_failure(LOST)) is LOST


def test_should_retry_does_not_make_a_method_safe() -> None:
    source = machine("POST", should_retry=lambda error: True)
    assert error_of(source.on_failure(LOST)) is LOST


@pytest.mark.parametrize("answer", [1, "yes", 0])
def test_what_should_retry_raises_closes_the_source(answer: object) -> None:
    source = machine(should_retry=lambda error: answer)
    with pytest.raises(TypeError, match="should_retry returns must be True, False or None"):
        source.on_failure(LOST)
    assert source.state == "closed"
    source = machine(should_retry=lambda error: bool(1 / 0))
    with pytest.raises(ZeroDivisionError):
        source.on_end()
    assert error_of(source.start()) is None


def test_an_event_handed_out_ends_the_backing_off() -> None:
    source = machine()
    for _ in range(4):
        source.on_failure(LOST)
    source.on_open()
    source.on_event()
    assert delay_of(source.on_failure(LOST)) == 3
    assert source.failures == 0
    assert delay_of(source.on_failure(LOST)) == 3
    assert delay_of(source.on_failure(LOST)) == 6


def test_an_answer_without_an_event_is_a_failed_attempt() -> None:
    source = machine()
    delays = []
    for _ in range(3):
        source.on_open()
        delays.append(delay_of(source.on_end()))
    assert delays == [3, 6, 12]
    assert source.failures == 3


def test_a_clean_end_after_events_is_no_failed_attempt() -> None:
    source = machine(max_attempts=1)
    for _ in range(3):
        source.on_open()
        source.on_event()
        command = source.on_end()
        assert isinstance(command, Connect)
        assert command.delay == 3
        assert not command.failed
        assert isinstance(command.error, ConnectionLost)


def test_progress_of_one_connection_does_not_count_for_the_next() -> None:
    source = machine(max_attempts=1)
    source.on_open()
    source.on_event()
    source.on_end()
    source.on_open()
    assert isinstance(error_of(source.on_end()), RetriesExhausted)


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [(None, 3), (0.0, 3), (2.0, 3), (7.5, 7.5), (3600, 3600), (1e9, 3600)],
)
def test_retry_after_is_a_floor_of_at_most_an_hour(
    retry_after: float | None, expected: float
) -> None:
    assert delay_of(machine().on_failure(status(503), retry_after)) == expected


def test_retry_after_does_not_shorten_a_longer_delay() -> None:
    source = machine(initial_delay=30.0)
    assert delay_of(source.on_failure(status(429), 5)) == 30


def test_status_204_stops_without_an_error() -> None:
    source = machine()
    assert error_of(source.on_failure(status(204))) is None
    assert source.state == "closed"


@pytest.mark.parametrize("code", RETRY_STATUSES)
def test_statuses_that_may_pass_are_tried_again(code: int) -> None:
    assert delay_of(machine().on_failure(status(code))) == 3


@pytest.mark.parametrize("code", [200, 206, 400, 401, 403, 404, 410, 418, 501, 505])
def test_other_statuses_stop_with_the_status_error(code: int) -> None:
    error = status(code)
    source = machine()
    assert error_of(source.on_failure(error)) is error
    assert source.state == "closed"


def test_retry_statuses_are_the_callers_to_choose() -> None:
    source = machine(retry_statuses=[404])
    assert delay_of(source.on_failure(status(404))) == 3
    assert error_of(source.on_failure(status(503))) is not None


@pytest.mark.parametrize(
    "error",
    [
        ConnectFailed("h:1", "refused"),
        ConnectionLost("reset"),
        StreamTimeout("idle", 1.0),
        StreamTimeout("head", 1.0),
        StreamTimeout("total", 1.0),
        HTTPFormatError("garbage"),
        ContentDecodingError("gzip", "damaged"),
        TransportError("the transport raised OSError"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_failures_of_the_network_are_tried_again(error: TransportError) -> None:
    command = machine().on_failure(error)
    assert isinstance(command, Connect)
    assert command.error is error
    assert command.failed


@pytest.mark.parametrize(
    "error",
    [
        ConnectFailed("h:1", "certificate expired", False),
        RedirectError("a redirect loop", "http://h/"),
        ContentTypeError("text/html"),
        ContentDecodingError("br", "not supported", False),
        EventTooLarge(10),
        RetriesExhausted(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_would_only_come_again_stops_at_once(error: SSEWireError) -> None:
    source = machine()
    assert error_of(source.on_failure(error)) is error
    assert source.state == "closed"


def test_the_last_allowed_attempt_ends_in_retries_exhausted_with_its_cause() -> None:
    source = machine(max_attempts=3)
    source.on_failure(LOST)
    source.on_failure(LOST)
    last = StreamTimeout("head", 1.0)
    error = error_of(source.on_failure(last))
    assert isinstance(error, RetriesExhausted)
    assert error.attempts == 3
    assert error.__cause__ is last
    assert source.state == "closed"


def test_an_event_gives_all_attempts_back() -> None:
    source = machine(max_attempts=2)
    for _ in range(5):
        assert isinstance(source.on_failure(LOST), Connect)
        source.on_open()
        source.on_event()
        assert isinstance(source.on_failure(LOST), Connect)
        source.on_open()
        source.on_event()
        source.on_end()


@pytest.mark.parametrize("method", ["POST", "PATCH", "post", "LOCK"])
def test_an_unsafe_method_is_not_repeated(method: str) -> None:
    assert error_of(machine(method).on_end()) is None
    assert error_of(machine(method).on_failure(LOST)) is LOST
    error = status(503)
    assert error_of(machine(method).on_failure(error, 1.0)) is error


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_unsafe_method_is_repeated_where_the_caller_says_so(method: str) -> None:
    source = machine(method, retry_unsafe_methods=True)
    assert delay_of(source.on_end()) == 3
    assert delay_of(source.on_failure(LOST)) == 6


def test_what_was_sent_last_decides_whether_it_may_be_sent_again() -> None:
    source = machine()
    source.on_request("POST")
    assert error_of(source.on_failure(LOST)) is LOST
    source = machine()
    source.on_request("post")
    source.restart()
    source.on_request("GET")
    assert delay_of(source.on_failure(LOST)) == 3
    # A source of a POST may have another one to send.
    source = machine("POST")
    source.on_request("GET")
    assert error_of(source.on_failure(LOST)) is LOST
    source = machine("POST", retry_unsafe_methods=True)
    source.on_request("POST")
    assert delay_of(source.on_failure(LOST)) == 3


@pytest.mark.parametrize("method", ["GET", "get", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_an_idempotent_method_is_repeated(method: str) -> None:
    assert delay_of(machine(method).on_failure(LOST)) == 3


def test_state_goes_from_connecting_to_open_to_connecting_to_closed() -> None:
    source = machine()
    states = [source.state]
    source.on_open()
    states.append(source.state)
    source.on_end()
    states.append(source.state)
    source.close()
    states.append(source.state)
    assert states == ["connecting", "open", "connecting", "closed"]


def test_after_close_every_outcome_stops_without_an_error() -> None:
    source = machine()
    assert error_of(source.close()) is None
    assert error_of(source.close()) is None
    assert error_of(source.on_failure(status(404))) is None
    assert error_of(source.on_failure(LOST)) is None
    assert error_of(source.on_end()) is None
    assert error_of(source.start()) is None
    source.on_open()
    assert source.state == "closed"


def test_restart_connects_at_once_and_forgets_the_failures() -> None:
    source = machine()
    source.on_failure(LOST)
    source.on_failure(LOST)
    command = source.restart()
    assert delay_of(command) == 0
    assert isinstance(command, Connect)
    assert command.error is None
    assert source.state == "connecting"
    assert delay_of(source.on_failure(LOST)) == 3


def test_restart_after_close_is_a_state_error() -> None:
    source = machine()
    source.close()
    with pytest.raises(StateError):
        source.restart()


@given(st.lists(st.sampled_from(["open", "event", "end", "lost", "503", "restart"]), max_size=60))
def test_whatever_happens_delays_stay_within_their_bounds(outcomes: list[str]) -> None:
    source = machine(chance=0.9999, initial_delay=1.0, max_delay=20.0)
    failures = 0
    progress = False
    for outcome in outcomes:
        command: object = None
        if outcome == "open":
            source.on_open()
        elif outcome == "event":
            source.on_event()
            failures, progress = 0, True
        elif outcome == "restart":
            command = source.restart()
            failures, progress = 0, False
            assert delay_of(command) == 0
        else:
            error = LOST if outcome == "lost" else status(503)
            command = source.on_end() if outcome == "end" else source.on_failure(error)
            failures += not progress
            progress = False
            assert 1.0 <= delay_of(command) < 20 * 1.5
            assert delay_of(command) == pytest.approx(
                min(20.0, 2.0 ** max(0, failures - 1)) * (1 + 0.5 * 0.9999)
            )
        assert source.failures == failures


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"initial_delay": -1}, ValueError),
        ({"initial_delay": float("nan")}, ValueError),
        ({"max_delay": 10**400}, ValueError),
        ({"max_delay": float("inf")}, ValueError),
        ({"jitter": -0.1}, ValueError),
        ({"jitter": "1"}, TypeError),
        ({"initial_delay": True}, TypeError),
        ({"max_attempts": 0}, ValueError),
        ({"max_attempts": 1.5}, TypeError),
        ({"max_attempts": True}, TypeError),
        ({"retry_statuses": ["503"]}, TypeError),
        ({"retry_statuses": 503}, TypeError),
        ({"healthy_after": -1}, ValueError),
        ({"healthy_after": None}, TypeError),
        ({"should_retry": 5}, TypeError),
        ({"should_retry": coroutine_function}, TypeError),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ReconnectPolicy(**arguments)


def test_a_policy_is_a_read_only_value() -> None:
    policy = ReconnectPolicy(initial_delay=1, max_attempts=2)
    assert policy == ReconnectPolicy(initial_delay=1.0, max_attempts=2)
    assert policy != ReconnectPolicy()
    assert hash(policy) == hash(copy.copy(policy))
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert "max_attempts=2" in repr(policy)
    assert repr(policy).endswith("healthy_after=60.0, should_retry=None)")
    assert ReconnectPolicy(should_retry=bool) != ReconnectPolicy()
    with pytest.raises(AttributeError):
        policy.jitter = 1.0
    with pytest.raises(AttributeError):
        del policy.jitter
