# SPDX-License-Identifier: MIT
"""What may reach a terminal: text, never a command of the peer's.

`_main` puts a `Notices` in the place of stderr, and a `PrintableText` in that of stdout where it
is a terminal. So whatever a command, a traceback or a warning writes goes through `printable`, and
a new command cannot forget to. What commands a terminal of our own accord is written by `control`.
To a pipe or a file results go as they are. May import: nothing.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# C0 and DEL, C1 (which some terminals take for ESC and a letter), and what shows the text around
# it in another order than it has: all that Unicode calls Bidi_Control. A tab and a line feed do
# no harm.
_STEERING = (
    *(*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F),
    *(*range(0x202A, 0x202F), *range(0x2066, 0x206A)),
)
# What UTF-8 cannot say, which other streams would raise for.
_HALVES = range(0xD800, 0xE000)

_PRINTABLE = {
    **{code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _STEERING},
    **{code: f"\\u{code:04x}" for code in _HALVES},
}
_ONE_LINE = {**_PRINTABLE, 0x2028: "\\u2028", 0x2029: "\\u2029"}
del _PRINTABLE[ord("\t")], _PRINTABLE[ord("\n")]
_IN_JSON = {code: f"\\u{code:04x}" for code in (*_STEERING, *_HALVES) if code >= 0x7F}


def printable(text: str) -> str:
    """Return the peer's text without what would steer a terminal; it may have several lines."""
    return text.translate(_PRINTABLE)


def one_line(text: str) -> str:
    """Return `printable` text that cannot pass for another line either."""
    return text.translate(_ONE_LINE)


def plain_json(text: str) -> str:
    """Return the same JSON without what would steer a terminal: escaped, as JSON has it."""
    # All of these can stand within strings only.
    return text.translate(_IN_JSON)


def control(stream: Any, text: str) -> None:
    """Write our own text to a terminal's stream as it is, and at once."""
    stream = unguarded(stream)
    stream.write(text)
    stream.flush()


def unguarded(stream: Any) -> Any:
    """Return the stream that a `PrintableText` writes to, or `stream` if it is none."""
    return getattr(stream, "terminal", stream)


class PrintableText:
    """A text stream that writes `printable` text to another one; in all else it is that one."""

    def __init__(self, terminal: Any) -> None:
        self.terminal = terminal

    def write(self, text: str) -> int:
        self.terminal.write(printable(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> PrintableBytes:
        return PrintableBytes(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal, name)


class Notices(PrintableText):
    """Text beside the results: where it cannot be written, as on a full disk, it goes nowhere.

    The command goes on, and ends with the code that it would have ended with. Only a reader that
    has gone away is told of, as that of results is.
    """

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except BrokenPipeError:
            raise
        except OSError:
            drop(self.terminal)
            return len(text)

    def flush(self) -> None:
        try:
            self.terminal.flush()
        except BrokenPipeError:
            raise
        except OSError:
            drop(self.terminal)


def drop(stream: Any) -> None:
    """Send what a stream still holds nowhere: Python flushes it at exit, and would fail then."""
    try:
        number = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return  # closed from the start, or something else stands for it, as in tests
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)


class PrintableBytes:
    """A stream of bytes whose text is written by a `PrintableText`; a write cuts no character."""

    def __init__(self, text: PrintableText) -> None:
        self._text = text

    def write(self, data: bytes) -> int:
        self._text.write(data.decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        self._text.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._text.terminal.buffer, name)
