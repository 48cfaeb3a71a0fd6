# SPDX-License-Identifier: MIT
"""The short way of this process: the compiled one where it is in use, else the Python one.

May import: _choice, _chunk_py.
"""

from __future__ import annotations

from .._choice import load_compiled
from ._chunk_py import CHUNK_CONTRACT

TYPE_CHECKING = False  # importing typing costs more than the rest of the package

_compiled = load_compiled("_http._chunk_cy", CHUNK_CONTRACT)

# Type checkers see the Python function only: it is the specification of both.
if TYPE_CHECKING or _compiled is None:
    from ._chunk_py import feed_one_chunk
else:
    feed_one_chunk = _compiled.feed_one_chunk

__all__ = ["feed_one_chunk"]
