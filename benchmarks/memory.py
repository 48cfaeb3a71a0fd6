# SPDX-License-Identifier: MIT
"""How much memory does a candidate take at most? `python -m benchmarks --only memory`.

Counted by tracemalloc: while one event of one line passes, over its size; and while a
stream of small events passes, of which nothing should stay. The chunks are made before
the count begins, and no event is kept. The memory of other languages is not counted so, and
not measured.
"""

from __future__ import annotations

from typing import NamedTuple

from .harness import progress, shapes
from .harness.field import OURS, Field
from .harness.processes import NoAnswer
from .harness.tables import MIB

# Bytes of the one event. Tracing makes the quadratic ones slower still: with more they
# would not end in time.
LINE = MIB
# Claude's deltas in the stream, 120 bytes each.
STREAM = 20_000


class Peak(NamedTuple):
    """The most bytes taken; None where there is a fault instead, which may stand beside both."""

    line: int | None
    stream: int | None
    fault: str


def measure(field: Field) -> dict[str, Peak]:
    names = [
        name
        for name in (*OURS, *field.peers)
        if name in field.workers and name not in field.foreign
    ]
    of_stream = len(shapes.build("claude", STREAM).expected)
    found = {}
    for name in progress.shown("memory", names):
        peaks: list[int | None] = []
        faults = []
        for kind, size, expected in (("line", LINE, 1), ("stream", STREAM, of_stream)):
            try:
                most, events = field.workers[name].ask_counted("peak", kind, size)
            except NoAnswer as exc:
                peaks.append(None)
                faults.append(str(exc))
                continue
            peaks.append(most)
            if events != expected:
                faults.append(f"{events} events for {expected}")
        found[name] = Peak(peaks[0], peaks[1], "; ".join(dict.fromkeys(faults)))
    return found
