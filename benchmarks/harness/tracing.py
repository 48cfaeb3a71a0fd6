# SPDX-License-Identifier: MIT
"""What Python holds, as tracemalloc counts it: without noise, and nothing of other libraries'.

PyPy has no tracemalloc; this module can be imported there all the same.
May import: the standard library.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable, TypeVar

T = TypeVar("T")


@contextmanager
def tracing() -> Iterator[None]:
    """Count what is taken from here on."""
    import tracemalloc

    gc.collect()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def held() -> int:
    """Return the bytes that are held now, of those taken since tracing began."""
    import tracemalloc

    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def peak(work: Callable[[], T]) -> tuple[int, T]:
    """Return the most bytes that were held at once during some work, and its result."""
    import tracemalloc

    with tracing():
        result = work()
        return tracemalloc.get_traced_memory()[1], result
