# SPDX-License-Identifier: MIT
"""How does a candidate's time grow with its input? `python -m benchmarks --only growth`.

One event of one line, one event of many data lines, and one Claude message of
many deltas to its end. A candidate that passes the time limit is not asked
for more of the same: it is marked, and its row ends there.
"""

from __future__ import annotations

from typing import NamedTuple

from .harness import progress
from .harness.asking import NoAnswer
from .harness.field import OURS, Field
from .harness.tables import KIB, MIB

# Seconds for one point: of one event, of which linear parsers need a tenth for the largest;
# and of a message.
LIMIT = 10.0
MESSAGE_LIMIT = 30.0
# Points below so many seconds are measured so often, in turns: the best counts.
REPEATED_BELOW = 0.5
ROUNDS = 3


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


def measure(field: Field, quick: bool) -> Growth:
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
        for number in range(ROUNDS):
            for name, points in going.items():
                if number == 0:
                    points.append(_point(field, KINDS[key], size, name))
                elif points[-1].seconds is not None and points[-1].seconds < REPEATED_BELOW:
                    again = _point(field, KINDS[key], size, name)
                    if again.seconds is not None and again.seconds < points[-1].seconds:
                        points[-1] = again
    return found


def _is_message(kind: Kind) -> bool:
    return kind.request[0] == "deltas"


def _point(field: Field, kind: Kind, size: int, name: str) -> Point:
    limit = MESSAGE_LIMIT if _is_message(kind) else LIMIT
    try:
        # Making the input and starting a process come on top of the work, but are little.
        answer = field.workers[name].ask(*kind.request, size, limit=limit)
    except NoAnswer as exc:
        return Point(size, None, str(exc))
    seconds, events = answer if isinstance(answer, list) else (answer, 1)
    return Point(size, seconds, "" if events == 1 else f"{events} events for 1")
