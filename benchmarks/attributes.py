# SPDX-License-Identifier: MIT
"""What does reading an event's attribute cost? `python -m benchmarks.attributes`.

Beside it a plain object with slots, in the same process, in turn. Each object
is read by a function of its own, whose code the interpreter fits to its class;
the cost of the loop and of a name alone is measured too and taken off.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, Callable

from .harness import processes
from .harness.rounds import best
from .harness.targets import verdict

# Many short rounds: on a machine that others use, some of them run undisturbed.
ROUNDS = 1_000
LOOPS = 500
# Reads written out in a row, so that the loop hardly counts.
READS = 50
# The interpreters from here on fit an instruction to the class.
FITTED = (3, 11)
AT_MOST = 1.3
FIELDS = ("data", "event", "id", "retry")


class Plain:
    __slots__ = ("data", "event", "id", "retry")

    def __init__(self, data: str, event: str, id: str, retry: int | None) -> None:
        self.data = data
        self.event = event
        self.id = id
        self.retry = retry


def reader(expression: str) -> Callable[[Any], None]:
    """Return a function, with code of its own, that evaluates an expression over and over."""
    body = "; ".join([expression] * READS)
    source = f"def read(item):\n for _ in range({LOOPS}):\n  {body}\n"
    names: dict[str, Any] = {}
    exec(source, names)
    read: Callable[[Any], None] = names["read"]
    return read


def measured() -> dict[str, list[float]]:
    """Return, for each field, nanoseconds a read of the event and of the plain object."""
    from ssewire import ServerSentEvent

    event = ServerSentEvent("some data", "message", "1", 3000)
    plain = Plain("some data", "message", "1", 3000)
    items: list[tuple[Callable[[Any], None], object]] = [(reader("item"), plain)]
    for field in FIELDS:
        items += [(reader(f"item.{field}"), event), (reader(f"item.{field}"), plain)]
    seconds = best(ROUNDS, *(partial(read, item) for read, item in items))
    empty, *reads = (each / LOOPS / READS * 1e9 for each in seconds)
    costs = [each - empty for each in reads]
    return {field: [costs[2 * i], costs[2 * i + 1]] for i, field in enumerate(FIELDS)}


def report(implementation: str, found: dict[str, list[float]]) -> bool:
    """Print the costs of one event class; return whether the target is reached."""
    reached = True
    print(f"{implementation}: ns a read, of the event and of a plain object with slots")
    for field, (event, plain) in found.items():
        text = f"  {field:<6} {event:6.2f} {plain:6.2f}  {event / plain:.2f} x"
        if implementation == "cython" and sys.version_info >= FITTED:
            fine = event <= AT_MOST * plain
            reached = reached and fine
            text += f" (at most {AT_MOST}): {verdict(fine)}"
        print(text)
    return reached


if __name__ == "__main__":
    raise SystemExit(processes.main_of_both("attributes", measured, report))
