# SPDX-License-Identifier: MIT
"""Let one allocation after the other fail, as where memory is short. CPython's debugging aid."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Callable

import pytest

testcapi: Any = None
try:
    testcapi = importlib.import_module("_testcapi")
except (ImportError, OSError):  # PyPy's compiles it, from a file that a distribution may leave out
    pass


needs_shortage = pytest.mark.skipif(
    not hasattr(testcapi, "set_nomemory"), reason="no _testcapi.set_nomemory"
)


def failing(call: Callable[[], Any]) -> Iterator[tuple[int, Any]]:
    """Call with the n-th allocation failing, n = 0, 1, ...; yield each n and what came of it."""
    for number in range(10_000):
        result: Any = None
        testcapi.set_nomemory(number, number + 1)
        try:
            result = call()
        except (MemoryError, SystemError):
            # The latter where CPython itself loses its own MemoryError, as 3.11 does in places.
            pass
        finally:
            testcapi.remove_mem_hooks()
        yield number, result
        if result is not None:
            return
