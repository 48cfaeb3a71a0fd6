# SPDX-License-Identifier: MIT
"""Text that grows by deltas, and the halves of characters that deltas may cut.

Text is kept in pieces and joined when it is read, so that a message of any
number of deltas costs linear time. May import: _json, ssewire.errors.
"""

from __future__ import annotations

from ..errors import StateError
from ._json import Slotted

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


# Pieces are joined when so many have come: a short str takes four times the
# memory of its text (`python -m benchmarks.claude_pipeline` measures it).
_MAX_PIECES = 512


class TextRun(Slotted):
    """Pieces on their way to a reader: those that it has passed belong to the text.

    The reader walks a list iterator, with no Python code for each piece; how far it has
    come, the iterator itself tells. What it walks are the pieces, or events made of them.
    """

    __slots__ = ("added", "each", "items", "pieces", "walker")

    def __init__(self) -> None:
        # None while there is no run.
        self.pieces: list[str] | None = None
        # What is walked: so many items for each piece, the first of which is the piece's.
        self.items: list[Any] = []
        self.each = 1
        self.walker: Any = None
        # How many of the pieces were added to the text.
        self.added = 0

    def passed(self) -> int:
        """Return how many pieces the reader has taken."""
        pieces = self.pieces
        if pieces is None:
            return 0
        left: int = self.walker.__length_hint__()
        return len(pieces) - left // self.each


class GrowingText(Slotted):
    """A text that deltas are added to: linear in time, little more than the text in memory.

    Half of a surrogate pair at the end waits for its other half, and is no part of the
    text until `settle`: to put both together afterwards would copy the whole text.
    """

    __slots__ = ("_chunks", "_half", "_joined", "_pieces", "_run")

    def __init__(self, text: str = "") -> None:
        # The text is _joined, then _half, _chunks, _pieces, and what was handed out of _run.
        # None while `_append` is at work: if it stays, the text is lost.
        self._joined: str | None = text
        # Half of a pair, or ""; None while _joined is what the text began with, which may
        # end in one.
        self._half: str | None = None
        self._chunks: list[str] | None = None
        self._pieces: list[str] = []
        # Kept from run to run: a quick reader begins one for each packet.
        self._run: TextRun | None = None

    def add(self, piece: str) -> None:
        """Append a piece; amortised cost: its own length."""
        pieces = self._pieces
        pieces.append(piece)
        if len(pieces) > _MAX_PIECES:
            self._fold()

    # Here and below: no call between two changes that belong together. A call is where
    # the exceptions of signal handlers come (Python 3.10 on).

    def _fold(self) -> None:
        """Make one chunk of the pieces."""
        chunk = "".join(self._pieces)
        chunks = self._chunks or []
        chunks += (chunk,)
        self._chunks = chunks
        self._pieces = []

    def start_run(
        self, pieces: list[str], items: list[Any] | None = None, each: int = 1
    ) -> Iterator[Any]:
        """Return an iterator over `pieces`, or over `items`, of which each piece has `each`.

        A piece is part of the text once it, or the first of its items, was handed out.
        """
        if items is None:
            items = pieces
        run = self._run
        if run is None:
            run = self._run = TextRun()
        walker = iter(items)
        run.pieces = None
        run.added = 0
        run.items = items
        run.each = each
        run.walker = walker
        run.pieces = pieces
        return walker

    def handed_out(self) -> list[str]:
        """Return the pieces of the run that were handed out."""
        self._follow_run()
        run = self._run
        pieces = None if run is None else run.pieces
        return [] if run is None or pieces is None else pieces[: run.added]

    def end_run(self) -> int:
        """End the run; return how many of its pieces were handed out. The others are no more."""
        self._follow_run()
        run = self._run
        if run is None:
            return 0
        # One statement: none of them is handed out any more, wherever its reader may have
        # put the iterator, and none counts as handed out.
        run.pieces, run.items[:] = None, ()
        return run.added

    def _follow_run(self) -> None:
        """Add what was handed out of the run since the last look.

        A signal handler that closes the stream comes here too, in the middle of this: who
        adds a piece sees first that nobody has, without a call in between.
        """
        run = self._run
        if run is None:
            return
        pieces, added = run.pieces, run.added
        passed = run.passed()
        if pieces is None or passed <= added:
            return
        piece = "".join(pieces[added:passed])
        if run.added == added: self._pieces, run.added = [*self._pieces, piece], passed  # fmt: skip  # noqa: E701
        if len(self._pieces) > _MAX_PIECES:
            self._fold()

    def get(self) -> str:
        """Return the text; each call costs what was added since the last one.

        CPython appends in place as long as nobody holds the str of the call
        before; otherwise the whole text is copied.

        Raises:
            StateError: memory was too short for an earlier call, which cost the text.
        """
        if self._run is not None:
            self._follow_run()
        text = self._joined
        if text is None:
            raise StateError("this text was lost when memory was short")
        if self._chunks or self._pieces:
            if self._half is None:
                half = text[-1:] if is_high_surrogate(text[-1:]) else ""
                self._joined, self._half = text[:-1] if half else text, half
            del text  # or it could not be appended to in place
            new = (self._half or "") + "".join(self._chunks or ()) + "".join(self._pieces)
            new = join_surrogates(new)
            if is_high_surrogate(new[-1:]):
                return self._append(new[:-1], new[-1])
            return self._append(new, "")
        return text

    def settle(self) -> None:
        """Have half of a pair at the end stand alone: its block has ended."""
        self.get()
        if self._half:
            self._append(self._half, "")
        self._half = ""

    def whole(self) -> str:
        """Return the text with the half that waits; as a copy where there is one."""
        text = self.get()
        return text + self._half if self._half else text

    def _append(self, new: str, half: str) -> str:
        """Have `new` at the end of what was joined, and `half` wait; no pieces are left.

        Return the text.
        """
        text: Any = self._joined
        # In one line and without a call: no exception of a handler's comes between. Appending
        # in place needs the only reference, which CPython drops where memory is short: the text
        # is lost then, and None says so. It also needs to be a store of its own: CPython 3.13
        # makes one instruction of it and the load of a variable that follows, and copies.
        self._joined = None; text += new; self._chunks, self._pieces, self._joined, self._half = None, [], text, half  # fmt: skip  # noqa: E501, E702
        return text  # type: ignore[no-any-return]


def is_high_surrogate(character: str) -> bool:
    """Say whether a character is the first half of a surrogate pair."""
    return "\ud800" <= character <= "\udbff"


def has_surrogates(text: str) -> bool:
    """Say whether a text holds half of a surrogate pair."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def join_surrogates(text: str) -> str:
    """Return text in which pairs that were cut between two deltas are one character.

    Relays written in JavaScript cut them; halves that stand alone stay.
    """
    if not has_surrogates(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
