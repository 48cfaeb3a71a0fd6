"""Where a tool input becomes a value: from fragments of JSON to what the tool is given.

While the fragments come, the value is what can be told of it so far. At the
end the whole document is parsed strictly, once. May import: _json, _text, partial_json.
"""

from __future__ import annotations

import json

from ._json import MISSING, NOT_JSON
from ._text import GrowingText
from .partial_json import PartialJSON

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any


class ToolInput:
    """The input of one tool call.

    Args:
        start: the value that the block began with; it stays where no fragment comes.
        mode: how PartialJSON shows what is unfinished.
    """

    __slots__ = ("_fragments", "_mode", "_parser", "_settled", "_value", "complete", "error")

    def __init__(self, start: Any, mode: str) -> None:
        # The start's value; the result once `_settled`.
        self._value = start
        self._settled = False
        self._fragments = GrowingText()
        self._mode = mode
        # Made when the value is first looked at, then fed by `add`.
        self._parser: PartialJSON | None = None
        # Whether the value is the whole one.
        self.complete: bool = False
        # Why the finished document is not JSON.
        self.error: ValueError | None = None

    @property
    def value(self) -> Any:
        """The value as far as it can be told, live until the end."""
        parser = self._parser
        if parser is None:
            parser = self._start_parser()
            if parser is None:
                return self._value
        value = parser.value
        return self._value if value is MISSING else value

    @property
    def raw(self) -> str:
        """The fragments as they came, joined."""
        return self._fragments.get()

    def add(self, fragment: str) -> None:
        """Take the next fragment; cost: its own length."""
        self._fragments.add(fragment)
        if self._parser is not None:
            self._parser.feed(fragment)
        if self._settled and fragment:
            # A fragment after the block's end: the message's end decides anew.
            self._settled = self.complete = False
            self.error = None

    def finish(self, stopped: bool) -> None:
        """Parse the whole; not `stopped`: it was cut, or its stop was left out.

        A document that is not JSON leaves the partial value and sets `error`.
        """
        if self._settled:
            return
        raw = self._fragments.get()
        if not raw:
            # The start's value is the whole input; {} alone is but a placeholder.
            self.complete = stopped or bool(self._value)
        else:
            try:
                self._value = json.loads(raw)
                self.complete = True
            except NOT_JSON as exc:
                self._value = self.value
                self.error = _as_value_error(exc)
        self._settled = True
        self._parser = None

    def frozen(self, value: Any) -> ToolInput:
        """Return one that never changes again, whose value is `value`: a copy of this one's."""
        frozen = ToolInput(value, self._mode)
        frozen._fragments = GrowingText(self.raw)
        frozen._settled = True
        frozen.complete = self.complete
        frozen.error = self.error
        return frozen

    def _start_parser(self) -> PartialJSON | None:
        """Return what tells the value from now on; None where no fragment is to be parsed."""
        raw = "" if self._settled else self._fragments.get()
        if not raw:
            return None
        parser = self._parser = PartialJSON(self._mode)
        parser.feed(raw)
        return parser


def _as_value_error(exc: Exception) -> ValueError:
    if isinstance(exc, ValueError):
        return exc
    error = ValueError("the tool input is nested too deeply")
    error.__cause__ = exc
    return error
