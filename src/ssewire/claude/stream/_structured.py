# SPDX-License-Identifier: MIT
"""The text of an answer as JSON: its live value while it comes, and the whole at the end.

May import: claude._json, claude.errors, claude.partial_json.
"""

from __future__ import annotations

from .._json import decode
from ..errors import MalformedJSON

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any


class JSONText:
    """What can be told of a text that is to be JSON.

    Args:
        mode: how PartialJSON shows what is unfinished.
        before: the text that came before.
    """

    __slots__ = ("_parser", "pending", "torn")

    def __init__(self, mode: str, before: str) -> None:
        # Few read their answer as JSON, and compiling its patterns takes a fifth of the
        # time that importing this package does (-X importtime).
        from ..partial_json import PartialJSON

        self._parser = PartialJSON(mode)
        # What came and was not looked at.
        self.pending: list[str] = [before]
        # Looking at it is under way, or was left halfway by an exception.
        self.torn = False

    def look(self) -> None:
        """Take what came; cost: its length."""
        self.torn = True
        for piece in self.pending:
            self._parser.feed(piece)
        self.pending.clear()
        self.torn = False

    @property
    def value(self) -> Any:
        """The live value; MISSING while there is none. Cost: what came since the last time."""
        # It shows what is unfinished now, which an exception can leave halfway too.
        self.torn = True
        value = self._parser.value
        self.torn = False
        return value

    @property
    def error(self) -> ValueError | None:
        """Why it is not JSON, as far as it has come."""
        return self._parser.error


def whole_json(text: str) -> Any:
    """Return the value of a text that must be JSON.

    Raises:
        MalformedJSON: it is not.
    """
    try:
        return decode(text)
    except ValueError as exc:
        raise MalformedJSON(text) from exc
