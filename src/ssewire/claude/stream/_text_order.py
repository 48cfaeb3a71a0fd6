# SPDX-License-Identifier: MIT
"""The text of a message in the order in which it came.

A message has its text block by block, and as servers finish one block before
they begin the next, that is the order in which it comes. Where one mixes the
deltas of two text blocks, text is joined as it came: what was shown cannot be
taken back, and holding it back until a block stops would be a stall. Halves of
a character are joined within a block that has not stopped, and within its turn.
May import: claude._text, claude.blocks.
"""

from __future__ import annotations

from .._text import is_high_surrogate, join_surrogates
from ..blocks import TextBlock

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..blocks import ContentBlock


def text_of(content: Iterable[ContentBlock]) -> str:
    """Return the text of all text blocks, joined, with halves of characters that wait."""
    return "".join([block._growing.whole() for block in content if isinstance(block, TextBlock)])


class TextOrder:
    """What has come of a text whose blocks take turns; kept only for such.

    Args:
        content: the blocks, each later one with text that came later, but for
            `piece`, which was the last to come and belongs to `block`.
    """

    __slots__ = ("_block", "_pieces", "_turns")

    def __init__(self, content: Iterable[ContentBlock], block: TextBlock, piece: str) -> None:
        texts = [
            _less(each._growing.whole(), piece) if each is block else each._growing.whole()
            for each in content
            if isinstance(each, TextBlock)
        ]
        # What the turns before the current one came to.
        self._turns: list[str] = ["".join(texts)]
        self._block: TextBlock | None = block
        self._pieces = [piece]

    def add(self, block: TextBlock, piece: str) -> None:
        """Take the next piece, not "", of any block; amortised cost: its own length."""
        if block is not self._block:
            self._end_turn()
            self._block = block
        self._pieces.append(piece)

    def stop(self, block: ContentBlock) -> None:
        """Join no halves of what comes with those of what came: the block has stopped."""
        if block is self._block:
            self._end_turn()

    def _end_turn(self) -> None:
        self._turns.append(join_surrogates("".join(self._pieces)))
        self._block = None
        self._pieces = []

    def get(self) -> str:
        """Return the text so far; cost: its length."""
        return "".join([*self._turns, join_surrogates("".join(self._pieces))])


class HalfKept:
    """Half of a surrogate pair at the end of a piece, kept back until its other half comes."""

    __slots__ = ("block", "half")

    def __init__(self) -> None:
        self.half = ""
        # The block that it belongs to.
        self.block: TextBlock | None = None

    def whole(self, block: TextBlock, piece: str) -> str:
        """Return a piece after the half before it; half a pair at its end is kept back."""
        if not piece:
            return ""
        half, self.half = self.half, ""
        if half:
            # What another block begins with is no other half of this one's character.
            piece = join_surrogates(half + piece) if block is self.block else half + piece
        if is_high_surrogate(piece[-1]):
            self.half = piece[-1]
            self.block = block
            piece = piece[:-1]
        return piece


def _less(text: str, piece: str) -> str:
    """Return `text` as it was before `piece` was added to it."""
    # Counted in halves of pairs: the first of `piece` may have become one with the last of `text`.
    size = len(piece.encode("utf-16-le", "surrogatepass"))
    data = text.encode("utf-16-le", "surrogatepass")
    return data[: len(data) - size].decode("utf-16-le", "surrogatepass")
