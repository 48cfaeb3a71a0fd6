"""What reading an event's attribute costs: `python -m benchmarks.attributes`.

Beside it a plain object with slots, in the same process, in turn. Each object
is read by a function of its own, whose code the interpreter fits to its class;
the cost of the loop and of a name alone is measured too and taken off.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Callable

from .harness import processes

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
    best = [float("inf")] * len(items)
    for _ in range(ROUNDS):
        for number, (read, item) in enumerate(items):
            start = time.perf_counter()
            read(item)
            best[number] = min(best[number], time.perf_counter() - start)
    empty, *reads = (seconds / LOOPS / READS * 1e9 for seconds in best)
    costs = [seconds - empty for seconds in reads]
    return {field: [costs[2 * i], costs[2 * i + 1]] for i, field in enumerate(FIELDS)}


def main() -> int:
    """Print the costs of both event classes; 0 if the target is reached."""
    if "--measure" in sys.argv:
        print(json.dumps(measured()))
        return 0
    print(processes.machine())
    reached = True
    for implementation in processes.IMPLEMENTATIONS:
        found = processes.measure("attributes", implementation)
        if found is None:
            print(f"{implementation}: skipped, the extension was never built")
            continue
        print(f"{implementation}: ns a read, of the event and of a plain object with slots")
        for field, (event, plain) in found.items():
            text = f"  {field:<6} {event:6.2f} {plain:6.2f}  {event / plain:.2f} x"
            if implementation == "cython" and sys.version_info >= FITTED:
                fine = event <= AT_MOST * plain
                reached = reached and fine
                text += f" (at most {AT_MOST}): {'reached' if fine else 'MISSED'}"
            print(text)
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
