"""What was asked of the parsers, and what this run reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .compare import Cell, Results, fastest_peer
from .harness.field import NODE_PEER

# Times faster than the fastest pure-Python peer, 64 KiB chunks, at least.
PURE_BULK = {
    "claude": 2.0,
    "openai": 1.6,
    "cjk": 2.0,
    "small": 1.4,
    "multiline": 2.5,
    "crlf": 1.6,
}
# The fastest peer's time at one event a chunk, at most.
PURE_EVENT = {name: 1.3 if name == "small" else 1.1 for name in PURE_BULK}
# Times the floor, 64 KiB chunks, at most.
FLOOR = {"claude": 1.6, "openai": 1.4, "cjk": 1.7, "small": 1.4, "multiline": 2.5, "crlf": 1.6}
# Times faster than eventsource-parser on Node, 64 KiB chunks, at least.
NODE = {"claude": 4.0, "openai": 4.0, "cjk": 2.5, "small": 0.8, "multiline": 4.0, "crlf": 4.0}
# Times faster than the SDKs' decoders, at least: (64 KiB chunks, one event a chunk).
SDK = (25.0, 15.0)
# One event a feed against 64 KiB chunks, per event, below.
EVENT_FEED = 3.0


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
        verdict = "reached" if self.reached else "MISSED"
        return f"{verdict:8} {self.figure:7.2f} {sign} {self.bound:5.2f}  {self.what}"


def targets(results: Results) -> Iterator[Target]:
    """Yield each target that the results say something about."""
    for (corpus, chunks), cells in results.items():
        pure, compiled = cells["ssewire py"], cells.get("ssewire cy")
        if chunks == "64k" and corpus in PURE_BULK:
            figure = fastest_peer(cells).seconds / pure.seconds
            what = f"python, {corpus}, 64k: times faster than the fastest peer"
            yield Target(what, figure, PURE_BULK[corpus], True)
        if chunks == "event" and corpus in PURE_EVENT:
            figure = pure.seconds / fastest_peer(cells).seconds
            what = f"python, {corpus}, one event: times the fastest peer's time"
            yield Target(what, figure, PURE_EVENT[corpus], False)
        if compiled is not None:
            yield from _compiled(corpus, chunks, cells, compiled, results)


def _compiled(
    corpus: str, chunks: str, cells: dict[str, Cell], compiled: Cell, results: Results
) -> Iterator[Target]:
    if chunks == "64k" and corpus in FLOOR:
        if "floor" in cells:
            figure = compiled.seconds / cells["floor"].seconds
            yield Target(f"cython, {corpus}, 64k: times the floor", figure, FLOOR[corpus], False)
        if NODE_PEER in cells:
            figure = cells[NODE_PEER].seconds / compiled.seconds
            what = f"cython, {corpus}, 64k: times faster than {NODE_PEER}"
            yield Target(what, figure, NODE[corpus], True)
    if corpus in ("claude", "openai") and chunks in ("64k", "event"):
        for sdk in ("anthropic", "openai"):
            if sdk in cells:
                figure = cells[sdk].seconds / compiled.seconds
                what = f"cython, {corpus}, {chunks}: times faster than the {sdk} SDK's decoder"
                yield Target(what, figure, SDK[chunks == "event"], True)
    if chunks == "event" and corpus in FLOOR and (corpus, "64k") in results:
        bulk = results[corpus, "64k"]["ssewire cy"]
        figure = compiled.per_event / bulk.per_event
        what = f"cython, {corpus}: one event a feed, times the cost at 64k"
        yield Target(what, figure, EVENT_FEED, False)
