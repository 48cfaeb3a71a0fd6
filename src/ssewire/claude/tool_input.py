# SPDX-License-Identifier: MIT
"""Where a tool input becomes a value: from fragments of JSON to what the tool is given.

While the fragments come, the value is what can be told of it so far. At the
end the whole document is parsed strictly, once. May import: _json, _text, partial_json.
"""

from __future__ import annotations

from ._json import MISSING, Slotted, decode
from ._text import GrowingText
from .partial_json import PartialJSON

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any


class ToolInput(Slotted):
    """The input of one tool call.

    Args:
        start: the value that the block began with; it stays where no fragment comes.
        mode: how PartialJSON shows what is unfinished.
    """

    __slots__ = (
        "_fragments",
        "_mode",
        "_parser",
        "_reopened",
        "_settled",
        "_torn",
        "_value",
        "complete",
        "error",
    )

    def __init__(self, start: Any, mode: str) -> None:
        # The start's value; the result once `_settled`.
        self._value = start
        self._settled = False
        # Fragments came after the stop: `_parser` says what they make, until the message's end.
        self._reopened = False
        self._fragments = GrowingText()
        self._mode = mode
        # Made when the value is first looked at, or when fragments come after the block's
        # stop; then fed by `add`.
        self._parser: PartialJSON | None = None
        # The parser is at work, or was left halfway by an exception: another one is made.
        self._torn = False
        # Whether the value is the whole one.
        self.complete: bool = False
        # Why the finished document is no input.
        self.error: ValueError | None = None

    @property
    def value(self) -> Any:
        """The value as far as it can be told, live until the end. Cost: what came since."""
        parser = self._parser
        if parser is None or self._torn:
            parser = self._whole_parser()
            if parser is None:
                return self._value
        # It shows what is unfinished now.
        self._torn = True
        value = parser.value
        self._torn = False
        return self._value if value is MISSING else value

    @property
    def raw(self) -> str:
        """The fragments as they came, joined. Cost: what came since the last use."""
        return self._fragments.get()

    def add(self, fragment: str) -> None:
        """Take the next fragment; cost: its own length."""
        if fragment and (self._settled or self._reopened):
            # After the block's stop: the message's end decides anew. Until then a parser
            # tells that is kept, for a peer may send any number of such stops.
            self._settled = self.complete = False
            self._reopened = True
            self.error = None
            self._whole_parser()
        self._fragments.add(fragment)
        if self._parser is not None and not self._torn:
            self._torn = True
            self._parser.feed(fragment)
            self._torn = False

    def stop(self) -> None:
        """React to the block's stop. The first one parses the whole; cost: its length."""
        if self._settled:
            return
        parser = self._whole_parser() if self._reopened else None
        if parser is None:
            self._settle(True)
        else:
            self.complete = parser.complete and isinstance(self.value, dict)
            self.error = parser.error

    def finish(self) -> None:
        """React to the message's end: a block without a stop was cut, or its stop was left out."""
        if not self._settled:
            self._settle(False)

    def _settle(self, stopped: bool) -> None:
        """Parse the whole, strictly.

        A document that is not JSON leaves the partial value, and one that is no object its
        own; either sets `error`.
        """
        self._fragments.settle()
        raw = self._fragments.get()
        value, error = self._value, None
        if raw:
            try:
                value = decode(raw)
            except ValueError as exc:
                value, error = self.value, exc
        if error is None:
            value, error = _as_object(value)
        self._value = value
        # The start's value is the whole input where no fragment came; {} alone is but a
        # placeholder.
        self.complete = error is None and (stopped or bool(raw or value))
        self.error = error
        self._parser = None
        self._settled = True

    def frozen(self, value: Any) -> ToolInput:
        """Return one that never changes again, whose value is `value`: a copy of this one's."""
        frozen = ToolInput(value, self._mode)
        frozen._fragments = GrowingText(self.raw)
        frozen._settled = True
        frozen.complete = self.complete
        frozen.error = self.error
        return frozen

    def _whole_parser(self) -> PartialJSON | None:
        """Return what tells the value, having read all of it; None where nothing is to be parsed.

        Cost: the length of the whole, where there is none yet or an exception left it halfway.
        """
        if self._parser is not None and not self._torn:
            return self._parser
        raw = "" if self._settled else self._fragments.whole()
        if not raw:
            return None
        parser = PartialJSON(self._mode)
        parser.feed(raw)
        self._parser, self._torn = parser, False
        return parser


def _as_object(value: Any) -> tuple[Any, ValueError | None]:
    """Return an input, and why it is none; relays send objects inside a string."""
    inner = value
    while isinstance(inner, str):
        try:
            inner = decode(inner)
        except ValueError:
            break
    if isinstance(inner, dict):
        return inner, None
    kind = "null" if value is None else type(value).__name__
    return value, ValueError(f"the tool input is not an object but {kind}")
