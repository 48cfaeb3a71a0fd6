"""How fast is each parser on the same bytes? `python -m benchmarks --only parsers`.

Round by round in turn, which is what makes ratios hold on a machine that others use: a
slow minute slows everybody's round. The best of all rounds counts. And what was
asked of our parsers, and what of it this run reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .harness import candidates, progress, shapes
from .harness.asking import NoAnswer
from .harness.field import NODE_PEER, OURS, Field
from .harness.targets import Target

# A candidate stops its rounds once they have taken so many seconds, after so many of them:
# the slowest at 16-byte chunks would make up half of the run.
ENOUGH = 0.6
LEAST = 3

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


class Cell(NamedTuple):
    """One candidate on one corpus in one chunk shape."""

    seconds: float  # of the best round; infinite if it could not be measured
    events: int
    fault: str  # what is wrong with its events; "" if nothing is

    @property
    def per_event(self) -> float:
        return self.seconds / self.events if self.events else float("nan")


Results = dict[tuple[str, str], dict[str, Cell]]  # (corpus, chunks) -> candidate -> cell


def measure(field: Field, corpora: list[str], chunk_shapes: list[str], rounds: int) -> Results:
    """Return the best time of each candidate on each corpus and chunk shape."""
    results: Results = {}
    # Corpus by corpus, since a worker keeps one at a time.
    steps = [(corpus, chunks) for corpus in corpora for chunks in chunk_shapes]
    for corpus, chunks in progress.shown("parsers", steps):
        names = [name for name in field.workers if name != "floor" or chunks == "64k"]
        cells = _measure_step(field, names, corpus, chunks, rounds)
        expected = len(shapes.CORPORA[corpus]().expected)
        for name in (*OURS, "floor"):
            if name in cells and (cells[name].fault or cells[name].events != expected):
                raise SystemExit(f"{name} is wrong on {corpus} in {chunks} chunks: {cells[name]}")
        results[corpus, chunks] = cells
    return {
        (corpus, chunks): results[corpus, chunks] for chunks in chunk_shapes for corpus in corpora
    }


def _measure_step(
    field: Field, names: list[str], corpus: str, chunks: str, rounds: int
) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    spent = dict.fromkeys(names, 0.0)
    for name in names:
        try:
            fault = field.workers[name].ask("check", corpus, chunks)
        except NoAnswer as exc:
            fault = str(exc)
            spent[name] = float("inf")
        cells[name] = Cell(float("inf"), 0, fault)
    for number in range(rounds):
        for name in names:
            if spent[name] == float("inf") or (number >= LEAST and spent[name] >= ENOUGH):
                continue
            try:
                seconds, events = field.workers[name].ask("count", corpus, chunks)
            except NoAnswer as exc:
                cells[name] = cells[name]._replace(fault=str(exc))
                spent[name] = float("inf")
                continue
            spent[name] += seconds
            best = min(seconds, cells[name].seconds)
            cells[name] = cells[name]._replace(seconds=best, events=events)
    return cells


def fastest_peer(cells: dict[str, Cell]) -> Cell:
    """Return the cell of the fastest pure-Python peer, right or wrong: a bar is a bar."""
    return min((cells[n] for n in candidates.PEERS if n in cells), key=lambda c: c.seconds)


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
