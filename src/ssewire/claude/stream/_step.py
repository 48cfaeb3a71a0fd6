# SPDX-License-Identifier: MIT
"""The steps of a stream that are compiled, where the compiled ones are in use.

May import: _choice, _place, _reader.
"""

from __future__ import annotations

from ..._choice import load_compiled
from ._place import STEP_CONTRACT, Place
from ._reader import Reader

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any

_compiled = load_compiled("claude.stream._step_cy", STEP_CONTRACT)

_SLOTS = [name for cls in (Place, Reader) for name in cls.__slots__ if not name.startswith("__")]


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

        def __init_subclass__(cls, **options: Any) -> None:
            """Leave a class to the plain steps that has something else where a slot was.

            An attribute of a caller's class that happens to have a slot's name hides it, and
            what is set then stands elsewhere.
            """
            super().__init_subclass__(**options)
            if any(getattr(cls, name) is not getattr(Reader, name) for name in _SLOTS):
                plain = super()
                cls._more_events, cls._more_texts = plain._more_events, plain._more_texts
                cls._plan, cls._take_in = plain._plan, plain._take_in
                cls._run_events = staticmethod(plain._run_events)
                # An asynchronous one has none.
                cls._endless = getattr(plain, "_endless", None)
