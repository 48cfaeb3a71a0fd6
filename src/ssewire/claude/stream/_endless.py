# SPDX-License-Identifier: MIT
"""Iterators over what a blocking stream gives, which no exception ends.

May import: nothing.
"""

from __future__ import annotations

from itertools import chain, repeat, takewhile

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# What such an iterator is over.
EVENTS, TEXTS, VALUES = range(3)


def endless(stream: Any, what: int) -> Iterator[Any]:
    """Return an iterator over all that comes of EVENTS, TEXTS or VALUES.

    It walks what is ready with no Python code for each item. An iterator that itertools
    chains, as a generator, would be over for good after the first exception; so those that
    are chained are made anew, by C, until there is no more.
    """
    more = (stream._more_events, stream._more_texts, stream._more_values)[what]
    alive: list[Any] = []
    # Not iter(wait, None): PyPy makes a generator of that, which is over after an
    # exception, and here it would be begun anew for ever. Iterators are true, None is not.
    batches: Iterator[Any] = takewhile(bool, map(stream._await, repeat(more), repeat(alive)))
    alive.append(batches)
    again = takewhile(alive.__contains__, repeat(batches))
    return chain.from_iterable(map(chain.from_iterable, again))
