"""Text that grows by deltas, and the halves of characters that deltas may cut.

Text is kept in pieces and joined when it is read, so that a message of any
number of deltas costs linear time. May import: nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterator


# Pieces are joined when so many have come: a short str takes four times the
# memory of its text (`python -m benchmarks.claude_pipeline` measures it).
_MAX_PIECES = 512


class GrowingText:
    """A text that deltas are added to: linear in time, little more than the text in memory."""

    __slots__ = ("_chunks", "_joined", "_passed", "_pieces", "_run", "_walker")

    def __init__(self, text: str = "") -> None:
        # The text is _joined, then _chunks, then _pieces, then what was handed out of _run.
        self._joined = text
        self._chunks: list[str] | None = None
        self._pieces: list[str] = []
        # Pieces on their way to a reader of `text_stream`, and the list iterator that it
        # walks: those it has passed belong to the text; `_passed` of them were added.
        self._run: list[str] | None = None
        self._walker: Iterator[str] | None = None
        self._passed = 0

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

    def start_run(self, run: list[str]) -> Iterator[str]:
        """Return an iterator over `run`; a piece is part of the text once it was handed out."""
        walker = iter(run)
        self._passed = 0
        self._walker = walker
        self._run = run
        return walker

    def end_run(self) -> int:
        """Return how many pieces of the run were handed out; the others are taken back."""
        self._follow_run()
        run = self._run
        self._run = self._walker = None
        if run is not None:
            # Ends the iterator, wherever its reader may have put it.
            run.clear()
        return self._passed

    def _follow_run(self) -> None:
        run = self._run
        if run is None:
            return
        # A list iterator says how many items are left, which costs its reader nothing.
        passed = len(run) - self._walker.__length_hint__()  # type: ignore[union-attr]
        if passed > self._passed:
            piece = "".join(run[self._passed : passed])
            self._pieces, self._passed = [*self._pieces, piece], passed
            if len(self._pieces) > _MAX_PIECES:
                self._fold()

    def get(self) -> str:
        """Return the text; each call costs what was added since the last one.

        CPython appends in place as long as nobody holds the str of the call
        before; otherwise the whole text is copied.
        """
        if self._run is not None:
            self._follow_run()
        if self._chunks or self._pieces:
            new = "".join(self._chunks or ()) + "".join(self._pieces)
            kept = len(self._joined)
            if self._joined and is_high_surrogate(self._joined[-1]):
                kept -= 1
                new = self._joined[-1] + new
            new = join_surrogates(new)
            text = self._joined if kept == len(self._joined) else self._joined[:kept]
            self._joined = ""  # appending in place needs the only reference
            text += new
            self._joined = text
            self._chunks = None
            self._pieces = []
        return self._joined


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
