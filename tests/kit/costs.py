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
# Between linear and quadratic, with room for caches that grow too small on the way.
AT_MOST = 22.0
ROUNDS = 3
TRIES = 5
# Seconds. Work grows until it takes this long, or else the clock would be measured;
# but not to sizes where what is measured is the memory's levels.
SHORTEST = 0.004
LARGEST = 32_000

Work = Callable[[], object]
Make = Callable[[int], Work]


def cpu_time(make: Make, size: int, rounds: int = ROUNDS) -> float:
    """Return the seconds of CPU time of the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        work = make(size)
        collecting = gc.isenabled()
        # What the collector walks through is the whole process, other tests' objects included.
        gc.disable()
        try:
            start = time.process_time()
            work()
            best = min(best, time.process_time() - start)
        finally:
            if collecting:
                gc.enable()
    return best


def growth(make: Make, size: int = 500, largest: int = LARGEST) -> float:
    """Return how many times the time of `size` it takes for eight times that size.

    `size` is doubled, up to `largest`, until the clock can tell it. A measure that looks bad
    is taken again, in case the machine was busy in the wrong moment.
    """
    while True:
        small = cpu_time(make, size)
        if small >= SHORTEST or size >= largest:
            break
        size *= 2
    ratio = float("inf")
    for _ in range(TRIES):
        # One round at a time: the best of several can only be better than a first that will do.
        large = cpu_time(make, size * FACTOR, 1)
        ratio = min(ratio, large / max(small, SHORTEST / 4))
        if ratio <= AT_MOST:
            break
        small = max(small, cpu_time(make, size, 1))
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
