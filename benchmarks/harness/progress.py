# SPDX-License-Identifier: MIT
"""One line on a terminal that says how far a long run is; nothing elsewhere.

May import: the standard library.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

Step = TypeVar("Step")
_BEGAN = time.monotonic()


def shown(title: str, steps: Sequence[Step]) -> Iterator[Step]:
    """Yield each step, and show which one it is and how long the run has taken."""
    for number, step in enumerate(steps, 1):
        if sys.stderr.isatty():
            words = step if isinstance(step, tuple) else (step,)
            text = f"{title} {number}/{len(steps)}: {' '.join(map(str, words))}"
            minutes, seconds = divmod(int(time.monotonic() - _BEGAN), 60)
            print(f"\r\033[K[{minutes}:{seconds:02}] {text}", end="", file=sys.stderr, flush=True)
        yield step
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
