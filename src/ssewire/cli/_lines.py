# SPDX-License-Identifier: MIT
"""Text on a terminal, wrapped between words as it comes, and a line that is written over.

Neither ever writes to the last column, where terminals differ in what they do next. Where there
is no terminal, or one that knows no escape sequences, text goes as it is, and each state of the
line that would be written over is a line of its own.
May import: _color, _terminal.
"""

from __future__ import annotations

import shutil
import unicodedata

from ._color import DIM, PLAIN, shows_commands
from ._terminal import control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WIPE = "\r\033[K"


class Lines:
    """Write to `stream`, a text stream; with `color` what is dim is dim."""

    def __init__(self, stream: Any, *, color: bool) -> None:
        self._stream = stream
        self._color = color
        # Whether a line can be written over.
        self.live: bool = shows_commands(stream)
        # The columns that are taken in this line.
        self._at = 0
        # What has come of a word that may go on, and whether it is dim.
        self._word = ""
        self._dim = False
        # A space that is written if the word after it stays in the line.
        self._space = False
        # The line that is written over at the moment.
        self._state: str | None = None

    def text(self, text: str, *, dim: bool = False) -> None:
        """Write text, which may go on in the middle of a word."""
        self._dim = dim
        if not self.live:
            self._write(text)
            return
        for char in text:
            if char == " ":
                self._end_word()
                if self._at == 0:
                    # What begins a line is indentation.
                    self._word += char
                else:
                    self._space = True
            elif char == "\n":
                self._end_word()
                self._new_line()
            else:
                self._word += char

    def line(self, text: str) -> None:
        """Write text, and end the line."""
        self.text(text)
        self._end_word()
        self._new_line()

    def state(self, text: str) -> None:
        """Write a line over the state before; what is too long loses its beginning."""
        if not self.live:
            self._write(f"{text}\n")
            return
        self._state = text
        room = shutil.get_terminal_size().columns - 1
        if _columns(text) > room:
            mark = "  …" if room > 3 else ""
            # The end is what is new; of characters no more than of columns.
            text = text[-room:] if room > 0 else ""
            while text and _columns(mark + text) > room:
                text = text[1:]
            text = mark + text
        control(self._stream, f"{_WIPE}{text}")

    def settle(self) -> None:
        """End the line; the last state stays, as text."""
        state = self._state
        self.forget()
        if state is not None:
            self.line(state)
        elif self._at or self._word:
            self.line("")
        elif not self.live:
            self._write("\n")

    def forget(self) -> None:
        """Wipe the state."""
        if self._state is not None:
            self._state = None
            control(self._stream, _WIPE)

    def _end_word(self) -> None:
        word, self._word = self._word, ""
        if not word:
            return
        columns = _columns(word)
        if self._at and self._at + self._space + columns >= shutil.get_terminal_size().columns:
            self._new_line()
        if self._space:
            word = " " + word
        self._space = False
        self._at += _columns(word)
        self._write(word)

    def _new_line(self) -> None:
        self._at = 0
        self._space = False
        self._write("\n")

    def _write(self, text: str) -> None:
        if self._dim and self._color and text.strip():
            text = f"{DIM}{text}{PLAIN}"
        control(self._stream, text)


def _columns(text: str) -> int:
    """Return how wide text is on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
