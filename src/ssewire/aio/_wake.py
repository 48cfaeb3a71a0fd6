# SPDX-License-Identifier: MIT
"""The wait of this process: the compiled one where it is in use, else the Python one.

May import: _choice, _wake_py.
"""

from __future__ import annotations

from .._choice import load_compiled
from ._wake_py import WAKE_CONTRACT

TYPE_CHECKING = False

_compiled = load_compiled("aio._wake_cy", WAKE_CONTRACT)

# Type checkers see the Python class only: it is the specification of both.
if TYPE_CHECKING or _compiled is None:
    from ._wake_py import Turn, Wake
else:
    Turn = _compiled.Turn
    Wake = _compiled.Wake

__all__ = ["Turn", "Wake"]
