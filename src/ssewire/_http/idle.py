"""Which idle connections to keep: the policy of both clients' pools, without I/O.

What is kept longest ago goes first: where there are too many of a key, and
where they have grown old. A connection used a moment ago is the least likely
to have been closed by its server. May import: nothing.
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


class Shelf(Generic[_T]):
    """Idle connections by what they may be used for. Whoever calls closes what it returns.

    Args:
        process: the ID of the process that they belong to.
    """

    __slots__ = ("_kept", "_process")

    def __init__(self, process: int) -> None:
        self._process = process
        # With the time at which each grows old; those given last stand last.
        self._kept: dict[Hashable, list[tuple[float, _T]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

    def take(self, key: Hashable, now: float) -> tuple[_T | None, list[_T]]:
        """Return the connection given last for `key` if it is not too old, and what to close."""
        kept = self._kept.get(key)
        if not kept:
            return None, []
        until, newest = kept[-1]
        if until > now:
            kept.pop()
            if not kept:
                del self._kept[key]
            return newest, []
        # The others are older still.
        del self._kept[key]
        return None, [idle for _, idle in kept]

    def give(self, key: Hashable, idle: _T, now: float) -> list[_T]:
        """Keep a connection; return those that are to be closed, the oldest first."""
        kept = [*self._kept.get(key, ()), (now + POOL_IDLE, idle)]
        fresh = [one for one in kept if one[0] > now][-POOL_SIZE:]
        self._kept[key] = fresh
        return [one for _, one in kept[: len(kept) - len(fresh)]]

    def discard(self, idle: _T) -> None:
        """Forget a connection that has been closed; nothing if it is not there."""
        for key, kept in self._kept.items():
            for place, (_, one) in enumerate(kept):
                if one is idle:
                    del kept[place]
                    if not kept:
                        del self._kept[key]
                    return

    def clear(self) -> list[_T]:
        """Forget all; return them."""
        kept_by_key, self._kept = self._kept, {}
        return [idle for kept in kept_by_key.values() for _, idle in kept]

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
