"""The parser of partial JSON of this process: the compiled one where it is in use.

May import: _choice, _json, _partial_json_py.
"""

from __future__ import annotations

from .._choice import load_compiled
from ._json import MAX_DEPTH, MISSING
from ._partial_json_py import PARTIAL_JSON_CONTRACT

TYPE_CHECKING = False  # importing typing costs more than the rest of the package

_compiled = load_compiled("claude._partial_json_cy", PARTIAL_JSON_CONTRACT)

# Type checkers see the Python class only: it is the specification of both.
if TYPE_CHECKING or _compiled is None:
    from ._partial_json_py import PartialJSON as _PartialJSON
else:
    _PartialJSON = _compiled.PartialJSON


class PartialJSON(_PartialJSON):
    """Parse one JSON document in fragments cut anywhere; show what is known of it.

    In mode "A" a string shows up when it is complete, in mode "B" it grows as
    it comes, without a half escape or surrogate pair at its end. In both a
    container shows up when it opens, a number as soon as it could end, and
    true, false and null when they are complete. A container nested deeper than `MAX_DEPTH` is
    an error, as is all that is not JSON. Each fragment costs its own length.

    Raises:
        ValueError: another mode.
    """

    # Named after this module, so that a pickle is read by either implementation.
    __slots__ = ()


__all__ = ["MAX_DEPTH", "MISSING", "PartialJSON"]
