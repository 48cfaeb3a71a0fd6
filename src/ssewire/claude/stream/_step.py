# SPDX-License-Identifier: MIT
"""The steps of a stream that are compiled, where the compiled ones are in use.

May import: _choice, _place.
"""

from __future__ import annotations

from ..._choice import load_compiled
from ._place import STEP_CONTRACT

TYPE_CHECKING = False  # importing typing costs more than the rest of the package

_compiled = load_compiled("claude.stream._step_cy", STEP_CONTRACT)


class Stepping:
    """To be the first base of a stream: has the compiled twins of methods of the others."""

    __slots__ = ()

    # Type checkers see the Python methods only: they are the specification of both.
    if not TYPE_CHECKING and _compiled is not None:
        _more_events = _compiled.more_events
        _more_texts = _compiled.more_texts
        _plan = _compiled.plan
        _take_in = _compiled.take_in
        _run_events = staticmethod(_compiled.run_events)
        _endless = _compiled.endless
