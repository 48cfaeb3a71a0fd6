# SPDX-License-Identifier: MIT
"""How long is left, and what has run out: `Deadlines` as waiting code asks it, with no clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire._http.refusal import ERROR_BODY_PATIENCE
from ssewire._http.timeouts import Deadlines, Timeouts
from ssewire.errors import StreamTimeout


def test_what_is_left_is_until_the_next_to_run_out() -> None:
    deadlines = Deadlines(Timeouts(connect=5.0, total=7.0), 100.0)
    assert deadlines.remaining(100.0) == 5.0
    assert deadlines.remaining(104.5) == 0.5
    deadlines.start_head(104.5)
    assert deadlines.remaining(104.5) == 2.5


def test_without_any_that_runs_nothing_is_left_to_wait_for() -> None:
    deadlines = Deadlines(Timeouts(connect=None, head=3.0), 100.0)
    assert deadlines.remaining(1e9) is None
    deadlines.start_head(200.0)
    assert deadlines.remaining(200.0) == 3.0
    deadlines.start_body()
    assert deadlines.remaining(1e9) is None


@pytest.mark.parametrize("now", [105.0, 106.0, 1e9])
def test_one_that_has_passed_is_raised_with_its_kind_and_its_seconds(now: float) -> None:
    deadlines = Deadlines(Timeouts(connect=5.0, total=7.0), 100.0)
    with pytest.raises(StreamTimeout) as caught:
        deadlines.remaining(now)
    assert (caught.value.kind, caught.value.seconds) == ("connect", 5.0)


@pytest.mark.parametrize("now", [0.0, 104.0, 105.0, 106.0])
def test_what_timed_out_is_told_even_if_the_clock_is_a_little_early(now: float) -> None:
    # Somebody else's timer said so; its clock may be coarser than ours.
    deadlines = Deadlines(Timeouts(connect=5.0, total=7.0), 100.0)
    error = deadlines.timed_out(now)
    assert (error.kind, error.seconds) == ("connect", 5.0)


def test_the_patience_with_the_body_of_a_refusal_counts_as_total() -> None:
    deadlines = Deadlines(Timeouts(idle=0.5), 100.0)
    deadlines.start_head(100.0)
    deadlines.start_body()
    deadlines.start_error_body(200.0)
    assert deadlines.remaining(200.0) == ERROR_BODY_PATIENCE
    error = deadlines.timed_out(200.0)
    assert (error.kind, error.seconds) == ("total", ERROR_BODY_PATIENCE)
    # One of the caller's that runs out before is that one.
    deadlines.start_idle(200.0)
    error = deadlines.timed_out(200.0)
    assert (error.kind, error.seconds) == ("idle", 0.5)


def test_the_patience_does_not_lengthen_the_total() -> None:
    deadlines = Deadlines(Timeouts(connect=None, total=10.0), 100.0)
    deadlines.start_error_body(109.5)
    assert deadlines.remaining(109.5) == 0.5
    error = deadlines.timed_out(110.0)
    assert (error.kind, error.seconds) == ("total", 10.0)


SECONDS = st.one_of(st.none(), st.floats(0.001, 100.0))
MOVES = ("connect", "head", "body", "idle", "stall", "error_body")


@given(
    st.tuples(SECONDS, SECONDS, SECONDS, SECONDS, SECONDS),
    st.lists(st.tuples(st.sampled_from(MOVES), st.floats(0.0, 50.0)), max_size=12),
)
def test_whatever_starts_remaining_and_expired_agree(
    seconds: tuple[float | None, ...], moves: list[tuple[str, float]]
) -> None:
    now = 1000.0
    deadlines = Deadlines(Timeouts(*seconds), now)
    for name, later in moves:
        now += later
        start = getattr(deadlines, f"start_{name}")
        start(*(() if name == "body" else (now,)))
        error = deadlines.expired(now)
        if error is not None:
            with pytest.raises(StreamTimeout) as caught:
                deadlines.remaining(now)
            assert (caught.value.kind, caught.value.seconds) == (error.kind, error.seconds)
            continue
        left = deadlines.remaining(now)
        assert (left is None) is (deadlines.earliest() is None)
        if left is not None:
            assert left > 0
            due = deadlines.expired(now + left + 1e-6)
            assert due is not None
            assert deadlines.timed_out(now).kind == due.kind
