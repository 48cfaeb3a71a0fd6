# SPDX-License-Identifier: MIT
"""Which idle connections to keep: the policy of both clients' pools, without I/O.

What is kept longest ago goes first: where there are too many of a key, and
where they have grown old, of whichever key. A connection used a moment ago is
the least likely to have been closed by its server. Threads and signal handlers
may share a shelf without a lock: each step is one operation of a list's.
May import: nothing.
"""

from __future__ import annotations

from typing import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

# Idle connections that are kept for one server: a client talks to one, and what
# is idle beyond these is left over from a burst.
POOL_SIZE = 20

# Seconds after which an idle connection is not used again: below the 60 s and
# 75 s after which common balancers and nginx close it.
POOL_IDLE = 30.0

_T = TypeVar("_T")


class _Place(Generic[_T]):
    """Where a connection is kept: for which key, and up to when."""

    __slots__ = ("idle", "key", "until")

    def __init__(self, key: Hashable, idle: _T, until: float) -> None:
        self.key = key
        self.idle = idle
        self.until = until


class Shelf(Generic[_T]):
    """Idle connections by what they may be used for. Whoever calls closes what it returns.

    Args:
        process: the ID of the process that they belong to.
    """

    __slots__ = ("_kept", "_process")

    def __init__(self, process: int) -> None:
        self._process = process
        # Those given last at the end.
        self._kept: list[_Place[_T]] = []

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, key: Hashable, now: float) -> tuple[_T | None, list[_T]]:
        """Return the connection given last for `key` if there is one, and what to close.

        Cost: the number of those that are kept.
        """
        old = self._old(now)
        for place in reversed([*self._kept]):
            if place.key == key and self._leave(place):
                return place.idle, old
        return None, old

    def give(self, key: Hashable, idle: _T, now: float) -> list[_T]:
        """Keep a connection; return those that are to be closed, the oldest first.

        Cost: the number of those that are kept.
        """
        self._kept.append(_Place(key, idle, now + POOL_IDLE))
        old = self._old(now)
        same = [place for place in [*self._kept] if place.key == key]
        return old + [place.idle for place in same[:-POOL_SIZE] if self._leave(place)]

    def discard(self, idle: _T) -> None:
        """Forget a connection that has been closed; nothing if it is not there."""
        for place in [*self._kept]:
            if place.idle is idle:
                self._leave(place)

    def clear(self) -> list[_T]:
        """Forget all; return them."""
        return [place.idle for place in [*self._kept] if self._leave(place)]

    def _old(self, now: float) -> list[_T]:
        """Forget those that have grown old, of whichever key; return them."""
        return [place.idle for place in [*self._kept] if place.until <= now and self._leave(place)]

    def _leave(self, place: _Place[_T]) -> bool:
        """Give up a place; return whether it was still there: only then is it the caller's."""
        try:
            self._kept.remove(place)
        except ValueError:
            return False
        return True

    def forked(self, process: int) -> bool:
        """Say whether all this is a parent's, and `process` its forked child."""
        return process != self._process

    def leave_parent(self, process: int) -> list[_T]:
        """Forget what is a parent's; return it, and be that of `process`.

        A child may close its copies, but must neither write to them nor say goodbye.
        """
        kept = self.clear()
        self._process = process
        return kept
