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
    # Named after this module, so that a pickle is read by either implementation.
    __slots__ = ()
    __doc__ = _PartialJSON.__doc__


__all__ = ["MAX_DEPTH", "MISSING", "PartialJSON"]
