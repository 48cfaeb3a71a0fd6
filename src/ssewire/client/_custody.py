# SPDX-License-Identifier: MIT
"""Who owns bytes that were received when an exception comes: the rules of `taken`.

A signal handler may raise between any two steps of the thread that reads. Then
either nothing is lost and the next step goes on, or the stream says that it
is not whole. docs/design/0009-interruptions.md has the rules and their order.

- Waiting takes nothing: an exception that comes while bytes are waited for costs none.
- Bytes in `inbox` are safe: the next receive hands them out.
- From the inbox to the events that become ready, `taken` is set. An exception
  there has lost them, and the next step is a ConnectionLost, never a gap.
- `close` clears it: what the caller gave up is not lost.

May import: errors.
"""

from __future__ import annotations

from ..errors import ConnectionLost


class Custody:
    """What one reading thread has received and not yet made into what its caller wanted."""

    __slots__ = ("inbox", "taken")

    inbox: list[bytes]
    taken: bool

    def __init__(self) -> None:
        # What was received and not yet looked at: at most one piece.
        self.inbox = []
        # Bytes were taken out of the inbox, and have not become what the caller asked for.
        # Set and cleared inline, once or twice a read (benchmarks/clients.py).
        self.taken = False

    def lost(self) -> ConnectionLost:
        """Return the error for bytes that an exception took."""
        return ConnectionLost("an exception interrupted the reading")
