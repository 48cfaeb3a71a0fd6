"""What becomes of an event that the input ends within: dropped, as the standard says, and said so.

May import: _checks.
"""

from __future__ import annotations

from sys import modules

from ._checks import exact_str, excerpt

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any, Literal

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
        # Where nobody has imported it, nobody listens. Most programs need not pay for it.
        logging: Any = modules.get("logging")
        if logging is not None:
            text = "%d bytes of an unfinished event were dropped at the end of the stream"
            logging.getLogger("ssewire").debug(text, dropped)
    return [], dropped
