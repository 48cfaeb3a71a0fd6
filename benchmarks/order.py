# SPDX-License-Identifier: MIT
"""Does a second run give the same order? `python -m benchmarks.order FOLDER FOLDER`.

Each folder has the files of figures of one run, as docs/benchmarks has them. In every row
that is ranked, each pair of candidates that has an order in both runs is compared; those
that share a place in one of them have none.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path
from typing import Any

from . import report
from .harness import figures


def compare(one: dict[str, Any], other: dict[str, Any]) -> tuple[int, int, list[str]]:
    """Return how many pairs have the same order, how many an order in one run only, and those
    of opposite orders in words."""
    rows = dict(report.ranked(other))
    same = only_one = 0
    opposite = []
    for title, cells in report.ranked(one):
        here, there = figures.places(cells), figures.places(rows.get(title, {}))
        for a, b in combinations([name for name in here if name in there], 2):
            first, second = here[a] - here[b], there[a] - there[b]
            if first * second < 0:
                opposite.append(f"{title}: {a} and {b}")
            elif first and second:
                same += 1
            elif first or second:
                only_one += 1
    return same, only_one, opposite


def main() -> int:
    """Print what differs; 0 if no two candidates changed places."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.order", description=__doc__)
    arguments.add_argument("one", type=Path, metavar="FOLDER")
    arguments.add_argument("other", type=Path, metavar="FOLDER")
    args = arguments.parse_args()
    one, other = report.read(args.one), report.read(args.other)
    for folder, parts in ((args.one, one), (args.other, other)):
        if not parts:
            print(f"{folder}: no files of figures there")
            return 2
    same, only_one, opposite = compare(one, other)
    print(f"{same} pairs of candidates in the same order, {len(opposite)} in the opposite one,")
    print(f"{only_one} apart in one run and on one place in the other")
    for line in opposite:
        print(f"  {line}")
    return 1 if opposite else 0


if __name__ == "__main__":
    raise SystemExit(main())
