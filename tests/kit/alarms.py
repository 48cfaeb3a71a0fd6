# SPDX-License-Identifier: MIT
"""A clock that rings by SIGALRM, and what its handler does. May import: the standard library.

The system gives a process's signal to any one of its threads, where it lies until that thread
runs: also past the moment in which the clock is stopped. Were the handler taken away by then,
Python would report "ignored due to race condition", or the system would end the process. So one
handler is set once and for good; outside of the blocks it does nothing.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Callable, Optional

import pytest

Act = Callable[[Optional[FrameType]], object]

needs_alarms = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no alarms")

_acts: list[Act] = []


@contextlib.contextmanager
def alarms(act: Act) -> Iterator[None]:
    """Have `act` called with the frame that a SIGALRM came into, within the block."""
    if signal.getsignal(signal.SIGALRM) is not _handle:
        signal.signal(signal.SIGALRM, _handle)
    _acts.append(act)
    try:
        yield
    finally:
        # First the act, which may set the clock anew.
        _acts.pop()
        ring_after(0)


def ring_after(seconds: float, again: float = 0.0) -> None:
    """Send a SIGALRM after so many seconds, then every `again` seconds; 0: none."""
    signal.setitimer(signal.ITIMER_REAL, seconds, again)


def _handle(number: int, frame: FrameType | None) -> None:
    if _acts:
        _acts[-1](frame)
