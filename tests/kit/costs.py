# SPDX-License-Identifier: MIT
"""Is a call's cost linear in its input? Measured, without depending on the machine's speed.

`make(n)` prepares work of size n, untimed and anew for each round, and returns
what is measured: a function without arguments. Work of a size and of eight
times that size are compared, as CPU time of this process (`assert_linear`) or
as a number of calls (`assert_linear_calls`, exact, but blind to what one call
into C does). Eight times is linear, sixty-four is quadratic; n * log n is
below eleven. On CPython: what a moment costs on PyPy depends on when its compiler
comes, and each piece added to a text copies it. May import: the standard library, pytest.
"""

from __future__ import annotations

import gc
import sys
import time
from typing import Any, Callable

import pytest

FACTOR = 8
# Linear work was seen up to 15, where caches grow too small on the way, and quadratic from 59.
AT_MOST = 30.0
TRIES = 5
# Work grows until it takes this many seconds, for what each call costs besides hides what grows,
# but not on to sizes where what is measured is the memory: its caches, and pages anew.
SHORTEST = 0.002
LARGEST = 4_000
# Seconds: so long rounds of one size are repeated. The best of many short ones met nothing
# else that the machine did; of a few long ones, each meets something.
MEASURED = 0.01
# Also where one takes longer, for one alone may meet something; and no more than so many, for
# making the work of a short one takes long.
ROUNDS = 3
MOST_ROUNDS = 50

Work = Callable[[], object]
Make = Callable[[int], Work]


def cpu_time(make: Make, size: int) -> float:
    """Return the seconds of CPU time of the best of the rounds that `MEASURED` has room for."""
    best = float("inf")
    rounds = 0
    spent = 0.0
    while rounds < ROUNDS or (spent < MEASURED and rounds < MOST_ROUNDS):
        work = make(size)
        collecting = gc.isenabled()
        # What the collector walks through is the whole process, other tests' objects included.
        gc.disable()
        try:
            start = time.process_time()
            work()
            took = time.process_time() - start
        finally:
            if collecting:
                gc.enable()
        best = min(best, took)
        rounds += 1
        spent += took
    return best


def growth(make: Make, size: int = 500, largest: int = LARGEST) -> float:
    """Return how many times the time of `size` it takes for eight times that size.

    `size` is doubled, up to `largest`, until its work takes `SHORTEST`. A measure that looks
    bad is taken again, of both sizes, in case the machine was busy in the wrong moment.
    """
    while size < largest and cpu_time(make, size) < SHORTEST:
        size *= 2
    small = large = ratio = float("inf")
    for _ in range(TRIES):
        small = min(small, cpu_time(make, size))
        large = min(large, cpu_time(make, size * FACTOR))
        ratio = large / small
        if ratio <= AT_MOST:
            break
    return ratio


def assert_linear(make: Make, size: int = 500, largest: int = LARGEST) -> None:
    """Fail where eight times the size takes much more than eight times the time; skip on PyPy."""
    if sys.implementation.name != "cpython":
        pytest.skip("costs are measured on CPython")
    ratio = growth(make, size, largest)
    assert ratio <= AT_MOST, f"eight times the size takes {ratio:.0f} times the time"


def count_calls(work: Work) -> int:
    """Return how many calls, of Python's functions and of C's, `work` makes."""
    calls = 0

    def profile(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before: Any = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def assert_linear_calls(make: Make, size: int = 200) -> None:
    """Fail where eight times the size takes more than eleven times the calls: an exact measure."""
    small, large = count_calls(make(size)), count_calls(make(size * FACTOR))
    assert large <= 11 * small, f"{small} calls for {size}, {large} for {size * FACTOR}"
