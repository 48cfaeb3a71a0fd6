# SPDX-License-Identifier: MIT
"""json's scanner of strings, which takes exactly what json.loads takes.

scanstring(text, start) reads the string whose opening quote is before `start`;
it returns the string and the position after its closing quote, and raises a
ValueError for what is none. May import: json, re.
"""

from __future__ import annotations

import re
import sys
from json.decoder import scanstring as _scanstring  # type: ignore[attr-defined] # ty: ignore

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Callable


def _strict(text: str, start: int) -> tuple[str, int]:
    string: str
    string, end = _scanstring(text, start)
    written = text[start:end]
    if "\\u" in written and "\\" in re.sub(r"\\(?:[^u]|u[0-9a-fA-F]{4})", "", written):
        raise ValueError("Invalid \\uXXXX escape")
    return string, end


# PyPy's json.loads has a scanner of its own; the one that it leaves to others
# takes whatever int() takes for the digits of \uXXXX: "+123", "1_23".
scanstring: Callable[[str, int], tuple[str, int]]
scanstring = _strict if sys.implementation.name == "pypy" else _scanstring
