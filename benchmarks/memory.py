# SPDX-License-Identifier: MIT
"""How much memory does a candidate take at most? `python -m benchmarks --only memory`.

Counted by tracemalloc: while one event of one line passes, over its size; and while a
stream of small events passes, of which nothing should stay. The chunks are made before
the count begins, and no event is kept. Node's memory is not counted so, and not
measured.
"""

from __future__ import annotations

from typing import NamedTuple

from .harness import javascript, progress
from .harness.asking import NoAnswer
from .harness.field import OURS, Field
from .harness.tables import MIB

# Bytes of the one event. Tracing makes the quadratic ones slower still: with more they
# would not end in time.
LINE = MIB
# Claude's deltas in the stream, 120 bytes each.
STREAM = 20_000


class Peak(NamedTuple):
    """The most bytes taken; None where there is a fault instead."""

    line: int | None
    stream: int | None
    fault: str


def measure(field: Field) -> dict[str, Peak]:
    names = [
        name
        for name in (*OURS, *field.peers)
        if name in field.workers and not javascript.is_one(name)
    ]
    found = {}
    for name in progress.shown("memory", names):
        peaks: list[int | None] = []
        faults = []
        for kind, size in (("line", LINE), ("stream", STREAM)):
            try:
                peaks.append(field.workers[name].ask("peak", kind, size)[0])
            except NoAnswer as exc:
                peaks.append(None)
                faults.append(str(exc))
        found[name] = Peak(peaks[0], peaks[1], "; ".join(dict.fromkeys(faults)))
    return found
