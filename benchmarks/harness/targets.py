# SPDX-License-Identifier: MIT
"""A figure, what was asked of it and hoped for, and whether this run reached it.

May import: tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from .tables import significant, table


def verdict(reached: bool) -> str:
    return "reached" if reached else "MISSED"


class Target(NamedTuple):
    """One line of what was asked."""

    what: str
    figure: float  # NaN: this run could not measure it
    bound: float
    at_least: bool
    hoped: float | None = None
    why: str = ""  # it could not be measured

    @property
    def reached(self) -> bool:
        return self._within(self.bound)

    @property
    def measured(self) -> bool:
        return not math.isnan(self.figure)

    @property
    def verdict(self) -> str:
        """What the last column says."""
        if not self.measured:
            return f"not measured: {self.why}"
        if self.hoped is not None and self._within(self.hoped):
            return "as hoped"
        return verdict(self.reached)

    def _within(self, bound: float) -> bool:
        return self.figure >= bound if self.at_least else self.figure <= bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{self.verdict:8} {self.figure:7.2f} {sign} {self.bound:5.2f}  {self.what}"


def missing(what: str, bound: float, hoped: float | None, why: str) -> Target:
    """Return the target of a figure that this run cannot have."""
    return Target(what, math.nan, bound, False, hoped, why)


def targets_table(targets: Iterable[Target]) -> str:
    """Return what was asked, hoped for and reached, a row each."""
    rows = []
    for target in targets:
        sign = ">=" if target.at_least else "<="
        rows.append(
            [
                target.what,
                f"{sign} {significant(target.bound)}",
                "" if target.hoped is None else f"{sign} {significant(target.hoped)}",
                significant(target.figure),
                target.verdict,
            ]
        )
    return table(["", "asked", "hoped for", "reached", ""], rows, words=(0, 4))
