# SPDX-License-Identifier: MIT
"""How do our time and memory grow with one event? `python -m benchmarks.scaling`.

Each implementation in a process of its own; it says which targets are reached. One
event of 64 KiB to 64 MiB is fed in 16-byte and in 1 KiB chunks with the limit lifted,
one of 1,000 to 100,000 data lines, and many small ones, one a feed and in 64 KiB
chunks: what a feed costs.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from .harness import processes, shapes, tracing
from .harness.rounds import best
from .harness.tables import KIB, MIB
from .harness.targets import verdict

SIZES = (64 * KIB, MIB, 8 * MIB, 64 * MIB)
PIECES = (16, KIB)
LINES = (1_000, 10_000, 100_000)
# Size of the event that ends in an emoji: the str has four bytes a character then.
WIDE = 8 * MIB

# Time per line, or per byte against memory alone, of the largest over that of a
# small one, at most: noise stays below, quadratic would be 64 and 100. Per byte as
# such would measure the machine: in 1 KiB pieces a bytearray, too, takes several
# times as long per byte at 64 MiB as at 1 MiB, where it stays in the caches.
LINEAR = 2.0
# tracemalloc's peak over the event's size, at most.
PEAK = {"python": 2.3, "cython": 2.5}
# One event a feed over 64 KiB chunks, per event, below. Asked of the compiled one.
FEED = 3.0


def feed_large(size: int, piece: int, last: bytes = b"") -> str:
    """Feed one event of one line of `size` bytes in pieces; return its data.

    The same bytes object over and over, so that no memory is taken but the parser's.
    """
    from ssewire import Parser

    feed = Parser(max_event_size=None).feed
    chunk = b"x" * piece
    feed(b"data: ")
    for _ in range(size // piece):
        feed(chunk)
    (event,) = feed(last + b"\n\n")
    assert len(event.data) == size + len(last.decode())
    return event.data


def memory_alone(size: int, piece: int) -> None:
    """Collect and decode as many bytes without parsing: what the memory takes."""
    collected = bytearray()
    chunk = b"x" * piece
    for _ in range(size // piece):
        collected += chunk
    assert len(collected.decode()) == size


def feed_lines(count: int) -> None:
    """Feed one event of `count` data lines in chunks of a thousand."""
    from ssewire import Parser

    feed = Parser(max_event_size=None).feed
    chunk = b"data: abcdefghij\n" * 1000
    for _ in range(count // 1000):
        feed(chunk)
    assert len(feed(b"\n")) == 1


def feed_all(chunks: list[bytes]) -> int:
    """Feed a stream; return the number of events."""
    from ssewire import Parser

    feed = Parser().feed
    count = 0
    for chunk in chunks:
        count += len(feed(chunk))
    return count


def peak(size: int, piece: int, last: bytes = b"") -> tuple[int, int]:
    """Return tracemalloc's peak while an event is fed, and the size of its str."""
    found, data = tracing.peak(partial(feed_large, size, piece, last))
    return found, sys.getsizeof(data)


def measured() -> dict[str, Any]:
    """Return the figures of the implementation that this process has."""
    one_event: dict[str, list[list[float]]] = {}
    for piece in PIECES:
        rows = []
        for size in SIZES:
            # The largest takes seconds; what a small one takes must not be noise.
            seconds, alone = best(
                3 if size > MIB else 7,
                partial(feed_large, size, piece),
                partial(memory_alone, size, piece),
            )
            rows.append([size, seconds / size, alone / size, peak(size, piece)[0] / size])
        one_event[str(piece)] = rows
    wide = []
    for piece in PIECES:
        found, str_size = peak(WIDE, piece, "\N{PARTY POPPER}".encode())
        wide.append((found - str_size) / WIDE)
    lines = []
    for count in LINES:
        (seconds,) = best(7, partial(feed_lines, count))
        lines.append([count, seconds / count])
    corpus = shapes.build("claude")
    bulk, single = best(
        7,
        lambda: feed_all(shapes.cut(corpus, "64k")),
        lambda: feed_all(shapes.cut(corpus, "event")),
    )
    events = len(corpus.expected)
    return {
        "one_event": one_event,
        "wide": wide,
        "lines": lines,
        "feed": [bulk / events, single / events],
    }


def report(implementation: str, found: dict[str, Any]) -> bool:
    """Print the figures of one implementation; return whether its targets are reached."""
    fine = []

    def line(text: str, reached: bool) -> None:
        fine.append(reached)
        print(f"  {text:<74} {verdict(reached)}")

    print(f"{implementation}:")
    for piece, rows in found["one_event"].items():
        print(f"  one event in {piece}-byte chunks: size, ns a byte, memory alone, peak over size")
        for size, per_byte, alone, times in rows:
            print(
                f"    {size / MIB:9.4g} MiB {per_byte * 1e9:8.3f} {alone * 1e9:8.3f} {times:6.2f}"
            )
        # From 1 MiB: below, what a first feed costs still shows.
        small, large = rows[1], rows[-1]
        raw, alone = large[1] / small[1], large[2] / small[2]
        line(
            f"linear: 64 MiB over 1 MiB: {raw:.2f}, memory alone {alone:.2f}: "
            f"{raw / alone:.2f} (at most {LINEAR})",
            raw / alone <= LINEAR,
        )
        times = large[3]
        line(
            f"peak at 64 MiB: {times:.2f} x (at most {PEAK[implementation]})",
            times <= PEAK[implementation],
        )
    times = max(found["wide"])
    line(
        f"peak with one emoji, less the str: {times:.2f} x (at most {PEAK[implementation]})",
        times <= PEAK[implementation],
    )
    print("  one event of many data lines: lines, ns a line")
    for count, per_line in found["lines"]:
        print(f"    {count:9} {per_line * 1e9:12.1f}")
    growth = found["lines"][-1][1] / found["lines"][0][1]
    line(
        f"linear: 100,000 lines over 1,000, a line: {growth:.2f} (at most {LINEAR})",
        growth <= LINEAR,
    )
    bulk, single = found["feed"]
    text = f"{single * 1e9:.0f} ns an event, one a feed; {bulk * 1e9:.0f} in 64 KiB chunks"
    times = single / bulk
    if implementation == "cython":
        line(f"{text}: {times:.2f} x (below {FEED})", times < FEED)
    else:
        print(f"  {text}: {times:.2f} x (no target)")
    return all(fine)


if __name__ == "__main__":
    raise SystemExit(processes.main_of_both("scaling", measured, report))
