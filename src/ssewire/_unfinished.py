# SPDX-License-Identifier: MIT
"""What becomes of an event that the input ends within: dropped, as the standard says, and said so.

May import: _checks, _logger.
"""

from __future__ import annotations

from ._checks import exact_str, excerpt
from ._logger import known_logger

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Literal

    from ._standard import ItemT, LineParser

    Unfinished = Literal["drop", "dispatch"]


def dispatches(unfinished: Unfinished) -> bool:
    """Return whether the option `unfinished` has such an event given out.

    Raises:
        TypeError, ValueError: it is not one of its values.
    """
    name = exact_str("unfinished", unfinished)
    if name not in ("drop", "dispatch"):
        raise ValueError(f"unfinished must be 'drop' or 'dispatch', not {excerpt(name)}")
    return name == "dispatch"


def end_input(parser: LineParser[ItemT], dispatch: bool) -> tuple[list[ItemT], int]:
    """Return what the end of the input completes, and how many bytes it drops.

    Args:
        dispatch: give the unfinished event out, if it has data.
    """
    dropped = parser.pending
    if dispatch:
        items = parser.flush()
        if items:
            return items, 0
    if dropped:
        log = known_logger()
        if log is not None:
            text = "%d bytes of an unfinished event were dropped at the end of the stream"
            log.debug(text, dropped)
    return [], dropped
