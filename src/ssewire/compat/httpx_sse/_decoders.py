# SPDX-License-Identifier: MIT
"""The decoders of this package: private in the original, and in use all the same.

May import: _models, _limits, parser.
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder

from ..._limits import MAX_EVENT_SIZE
from ...parser import Parser
from ._models import ServerSentEvent


class SSELineDecoder:
    """Text in pieces to lines, which end at CR, LF or CR LF and nowhere else.

    A CR at the end of a piece counts once the next piece, or `flush`, shows what follows it.
    """

    def __init__(self) -> None:
        # Every line end to LF, a CR LF that was cut included.
        self._newlines = IncrementalNewlineDecoder(None, translate=True)
        # The unfinished line, in the pieces it came in: joined once, when it ends.
        self._pieces: list[str] = []

    def decode(self, text: str) -> list[str]:
        """Return the lines that `text`, the next piece, completes, without their ends."""
        return self._lines(self._newlines.decode(text))

    def flush(self) -> list[str]:
        """Return the unfinished line at the end of the input, where there is one."""
        lines = self._lines(self._newlines.decode("", final=True))
        if self._pieces:
            lines.append("".join(self._pieces))
            self._pieces = []
        return lines

    def _lines(self, text: str) -> list[str]:
        *lines, rest = text.split("\n")
        if lines and self._pieces:
            lines[0] = "".join([*self._pieces, lines[0]])
            self._pieces = []
        if rest:
            self._pieces.append(rest)
        return lines


def _splitlines_sse(text: str) -> list[str]:
    """Return the lines of a text, which end at CR, LF or CR LF and nowhere else."""
    decoder = SSELineDecoder()
    return decoder.decode(text) + decoder.flush()


class SSEDecoder:
    """Lines to events; `EventSource` gives the parser whole chunks instead, at less cost.

    Args:
        max_event_size: as for `ssewire.Parser`. The original has no such argument.
    """

    def __init__(self, max_event_size: int | None = MAX_EVENT_SIZE) -> None:
        self._feed = Parser(max_event_size=max_event_size).feed

    def decode(self, line: str) -> ServerSentEvent | None:
        """Return the event that a line, given without its end, completes, or None.

        Raises:
            EventTooLarge: the event is larger than `max_event_size`.
        """
        # A lone surrogate, which no stream holds, is no reason to raise.
        for event in self._feed(f"{line}\n".encode("utf-8", "surrogatepass")):
            return ServerSentEvent(event.event, event.data, event.id, event.retry)
        return None
