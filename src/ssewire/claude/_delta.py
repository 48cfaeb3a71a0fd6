# SPDX-License-Identifier: MIT
"""The delta decoder of this process: the compiled one where it is in use, else the Python one.

May import: _choice, _delta_py.
"""

from __future__ import annotations

from .._choice import load_compiled
from ._delta_py import DELTA_CONTRACT

TYPE_CHECKING = False  # importing typing costs more than the rest of the package

_compiled = load_compiled("claude._delta_cy", DELTA_CONTRACT)

# Type checkers see the Python class only: it is the specification of both.
if TYPE_CHECKING or _compiled is None:
    from ._delta_py import DeltaDecoder
else:
    DeltaDecoder = _compiled.DeltaDecoder

__all__ = ["DeltaDecoder"]
