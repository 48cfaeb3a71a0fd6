# SPDX-License-Identifier: MIT
"""Round by round in turn: how functions of one process are timed.

May import: the standard library.
"""

from __future__ import annotations

import time
from typing import Callable


def best(
    rounds: int,
    *functions: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Return each one's best time in seconds; they take turns, so that all see the same noise."""
    found = [float("inf")] * len(functions)
    for _ in range(rounds):
        for number, function in enumerate(functions):
            start = clock()
            function()
            found[number] = min(found[number], clock() - start)
    return found


def best_pass(
    work: Callable[[], int],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, int]:
    """Return the seconds of the fastest pass, of as many as begin within `seconds`, and its result.

    A process that has just been woken finds cold caches and a slow clock: its first passes
    are slower than what it can do.
    """
    best = float("inf")
    spent = 0.0
    result = 0
    while spent < seconds:
        start = clock()
        result = work()
        took = clock() - start
        best = min(best, took)
        spent += took
    return best, result
