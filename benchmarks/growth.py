# SPDX-License-Identifier: MIT
"""How does a candidate's time grow with its input? `python -m benchmarks --only growth`.

One event of one line, one event of many data lines, and one Claude message of
many deltas to its end. A candidate that passes the time limit is not asked
for more of the same: it is marked, and its row ends there.
"""

from __future__ import annotations

from typing import NamedTuple

from .harness import progress
from .harness.field import OURS, Field
from .harness.processes import NoAnswer
from .harness.tables import KIB, MIB

# Seconds for one point: of one event, of which linear parsers need a fifth for the largest;
# and of a message.
LIMIT = 5.0
MESSAGE_LIMIT = 10.0
# Points below so many seconds are measured once a run, in turns, and their median counts; the
# others once, since the lines that they lie on are many times apart.
REPEATED_BELOW = 0.5


class Kind(NamedTuple):
    """One way to grow: what is asked of the workers, and how far."""

    title: str
    unit: str
    request: tuple[str, str]
    sizes: tuple[int, ...]
    quick: int  # so many of the sizes with --quick


KINDS = {
    "line": Kind(
        "One event of one line, in 1 KiB chunks",
        "bytes",
        ("grow", "line"),
        (64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB),
        3,
    ),
    "data_lines": Kind(
        "One event of many data lines of 15 bytes, in chunks of 1,000 lines",
        "lines",
        ("grow", "data_lines"),
        (1_000, 3_000, 10_000, 30_000, 100_000),
        3,
    ),
    "text": Kind(
        "One Claude message of many text deltas, from the bytes to the final message",
        "deltas",
        ("deltas", "text"),
        (1_000, 4_000, 16_000, 64_000),
        2,
    ),
    "tool": Kind(
        "One Claude tool call, its input in many deltas, from the bytes to the final message",
        "deltas",
        ("deltas", "tool"),
        (1_000, 4_000, 16_000, 64_000),
        2,
    ),
}


class Point(NamedTuple):
    size: int
    seconds: float | None  # None: see fault
    fault: str


Growth = dict[str, dict[str, list[Point]]]  # kind -> candidate -> points


def measure(field: Field, quick: bool, runs: int) -> Growth:
    found: Growth = {}
    steps = []
    for key, kind in KINDS.items():
        names = [*OURS, "anthropic"] if _is_message(kind) else [*OURS, *field.peers]
        found[key] = {name: [] for name in names if name in field.workers}
        steps += [(key, size) for size in (kind.sizes[: kind.quick] if quick else kind.sizes)]
    for key, size in progress.shown("growth", steps):
        going = {
            name: points
            for name, points in found[key].items()
            if not points or points[-1].seconds is not None
        }
        taken: dict[str, list[Point]] = {name: [] for name in going}
        for number in range(runs):
            for name, asked in taken.items():
                if number == 0 or all(_is_short(point) for point in asked):
                    asked.append(_point(field, KINDS[key], size, name))
        for name, points in going.items():
            points.append(_middle(taken[name]))
    return found


def _is_short(point: Point) -> bool:
    return point.seconds is not None and point.seconds < REPEATED_BELOW


def _middle(points: list[Point]) -> Point:
    """Return the point of the median time; one that could not be measured tells more."""
    missed = [point for point in points if point.seconds is None]
    return missed[0] if missed else sorted(points, key=lambda p: p.seconds or 0.0)[len(points) // 2]


def _is_message(kind: Kind) -> bool:
    return kind.request[0] == "deltas"


def _point(field: Field, kind: Kind, size: int, name: str) -> Point:
    limit = MESSAGE_LIMIT if _is_message(kind) else LIMIT
    try:
        # Making the input and starting a process come on top of the work, but are little.
        seconds, events = field.workers[name].ask_counted(*kind.request, size, limit=limit)
    except NoAnswer as exc:
        return Point(size, None, str(exc))
    wrong = "wrong message" if _is_message(kind) else f"{events} events for 1"
    return Point(size, seconds, "" if events == 1 else wrong)
