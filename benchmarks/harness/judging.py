# SPDX-License-Identifier: MIT
"""What a comparison of two commits says, when one of them was measured twice.

`before` and `again` are figures of the same commit, `after` those of another: by how much
the first two differ is noise. The nth figures of all three were taken one right after the
other. May import: the standard library.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from typing import NamedTuple

# More than this, beyond noise, is too much.
ALLOWED = 0.03
# So often chance decides anew which figures of one commit are `before` and which `again`;
# noise is what so many in a hundred of them stay below.
SHARES = 200
PERCENT = 90


class Row(NamedTuple):
    """What the figures of one row come to."""

    before: float
    after: float
    ratio: float
    noise: float  # as a share: two measurements of one commit differ by so much
    of_least: float  # the ratio of the least figures, to look at

    @property
    def verdict(self) -> str:
        if self.ratio > 1 + ALLOWED + self.noise:
            return "MORE"
        if self.noise > ALLOWED:
            return "noisy"
        return "less" if self.ratio < 1 - ALLOWED - self.noise else ""

    @property
    def settled(self) -> bool:
        """Whether more figures would say no more."""
        return self.verdict in ("", "less")


def judge(before: Sequence[float], after: Sequence[float], again: Sequence[float]) -> Row:
    """Return the row of three legs' figures.

    The ratio is the median of those of neighbours, which a slow minute slows alike. The least
    figures, each of a quiet moment, tell as much on a machine that is quiet. On one that
    others use, with twice as many at work as it has cores, two measurements of one commit
    differed by 6 to 60 % in their least figures, and by 0.5 to 2 % by their neighbours.
    """
    return Row(
        statistics.median(before),
        statistics.median(after),
        _of_neighbours(before, after),
        _noise(before, again),
        _ratio(min(after), min(before)),
    )


def _ratio(figure: float, reference: float) -> float:
    if not reference:
        return 1.0 if not figure else float("inf")
    return figure / reference


def _of_neighbours(one: Sequence[float], other: Sequence[float]) -> float:
    return statistics.median(_ratio(b, a) for a, b in zip(one, other))


def _noise(before: Sequence[float], again: Sequence[float]) -> float:
    """Return by how much two measurements of one commit differ, as a share.

    The larger of how they do differ, and of how they would in nine of ten cases if chance
    had called some of the figures the other's: two measurements may be alike by luck.
    """
    rng = random.Random(0)
    apart = []
    for _ in range(SHARES):
        swapped = [(b, a) if rng.random() < 0.5 else (a, b) for a, b in zip(before, again)]
        apart.append(_share(_of_neighbours(*zip(*swapped))))
    return max(
        _share(_of_neighbours(before, again)), statistics.quantiles(apart, n=100)[PERCENT - 1]
    )


def _share(ratio: float) -> float:
    return max(ratio, 1 / ratio) - 1 if ratio else float("inf")
