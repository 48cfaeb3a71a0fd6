"""A figure, what was asked of it, and whether this run reached it.

May import: the standard library.
"""

from __future__ import annotations

from typing import NamedTuple


def verdict(reached: bool) -> str:
    return "reached" if reached else "MISSED"


class Target(NamedTuple):
    what: str
    figure: float
    bound: float
    at_least: bool

    @property
    def reached(self) -> bool:
        return self.figure >= self.bound if self.at_least else self.figure <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{verdict(self.reached):8} {self.figure:7.2f} {sign} {self.bound:5.2f}  {self.what}"
