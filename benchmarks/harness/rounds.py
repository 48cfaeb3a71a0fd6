"""Round by round in turn: how functions of one process are timed.

May import: the standard library.
"""

from __future__ import annotations

import time
from typing import Callable


def best(rounds: int, *functions: Callable[[], object]) -> list[float]:
    """Return each one's best time in seconds; they take turns, so that all see the same noise."""
    found = [float("inf")] * len(functions)
    for _ in range(rounds):
        for number, function in enumerate(functions):
            start = time.perf_counter()
            function()
            found[number] = min(found[number], time.perf_counter() - start)
    return found
