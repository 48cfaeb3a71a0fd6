# SPDX-License-Identifier: MIT
"""Work whose instructions a test counts (tests/project/test_benchmark_regress.py)."""

from __future__ import annotations

from typing import Callable

from benchmarks.harness.counting import count


def loop(steps: int) -> Callable[[], Callable[[], int]]:
    """Return what makes the work of some steps in Python."""

    def work() -> int:
        seen = {}
        for step in range(steps):
            seen[step & 7] = str(step)
        return len(seen)

    return lambda: work


if __name__ == "__main__":
    count({"once": (loop(5_000), 4), "again": (loop(5_000), 4), "slowed": (loop(5_150), 4)})
