# SPDX-License-Identifier: MIT
"""A block whose lines are traced, and nothing else. May import: the standard library."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class Traced:
    """Trace what this thread runs within the block with `_trace`.

    The collector waits until the end: the destructors of what other tests left would be
    traced, counted and interrupted like lines of the block.
    """

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        self._collecting = gc.isenabled()
        gc.disable()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exc_info: object) -> None:
        sys.settrace(self._before)
        if self._collecting:
            gc.enable()

    def _trace(self, frame: Any, event: str, argument: object) -> Any:
        raise NotImplementedError
