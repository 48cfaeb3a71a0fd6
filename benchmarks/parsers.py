# SPDX-License-Identifier: MIT
"""How fast is each parser on the same bytes? `python -m benchmarks --only parsers`.

Round by round in turn, which is what makes ratios hold on a machine that others use: a
slow minute slows everybody's round. The best of all rounds counts. And what was
asked of our parsers, and what of it this run reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .harness import candidates, javascript, progress, shapes
from .harness.asking import NoAnswer
from .harness.field import OURS, Field
from .harness.tables import significant, table
from .harness.targets import Target

# A candidate stops its rounds once they have taken so many seconds, after so many of them:
# the slowest at 16-byte chunks would make up half of the run.
ENOUGH = 0.6
LEAST = 3

# What is asked of our parsers: of another's time at most so much, and what is hoped for.
ASKED = ("claude", "openai", "cjk", "small", "multiline")
# One event a chunk, of the fastest of Bun and the newest Node, on so many of the five.
EVENT_BOUND, EVENT_HOPED, EVENT_MOST = 1.0, 0.8, 4
# 64 KiB chunks, of the newest Node. Not asked of `small`: V8's strings are slices of the chunk,
# and an event of `data: 1` is hardly more than its string.
BULK_BOUND, BULK_HOPED = 0.9, 0.7
BULK_LEFT_OUT = ("small",)
# The parser in Python, every chunk size, of the fastest peer in Python.
PURE_BOUND, PURE_HOPED = 0.9, 0.6

# What `--quick` measures, and times the floor at most, 64 KiB chunks.
FLOOR = {"claude": 1.6, "openai": 1.4, "cjk": 1.7, "small": 1.4, "multiline": 2.5, "crlf": 1.6}
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


# How a chunk shape is called in words.
CHUNK_TITLES = {
    "64k": "64 KiB chunks",
    "1400": "1400 B chunks",
    "event": "one event a chunk",
    "16": "16 B chunks",
}

Results = dict[tuple[str, str], dict[str, Cell]]  # (corpus, chunks) -> candidate -> cell


def measure(
    field: Field,
    corpora: list[str],
    chunk_shapes: list[str],
    rounds: int,
    chosen: Sequence[str] | None = None,
) -> Results:
    """Return the best time of each candidate on each corpus and chunk shape.

    Args:
        chosen: the names of those that are measured, if they are in the field.
    """
    results: Results = {}
    # Corpus by corpus, since a worker keeps one at a time.
    steps = [(corpus, chunks) for corpus in corpora for chunks in chunk_shapes]
    for corpus, chunks in progress.shown("parsers", steps):
        names = [name for name in field.workers if chosen is None or name in chosen]
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


def text_tables(results: Results) -> str:
    """Return nanoseconds an event as text, a table for each chunk shape; * wrong events."""
    text = []
    for chunks in dict.fromkeys(chunks for _, chunks in results):
        columns = {corpus: cells for (corpus, each), cells in results.items() if each == chunks}
        names = dict.fromkeys(name for cells in columns.values() for name in cells)
        rows = [[name, *(_shown(cells.get(name)) for cells in columns.values())] for name in names]
        text.append(table([CHUNK_TITLES[chunks], *columns], rows))
    return "\n\n".join(text)


def _shown(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return significant(cell.per_event * 1e9) + ("*" if cell.fault else "")


def asked(results: Results) -> Iterator[Target]:
    """Yield what is asked of our parsers beside the fastest others, as far as it was measured."""
    yield from _one_event(results)
    for corpus in ASKED:
        cells = results.get((corpus, "64k"), {})
        bar = _least(cells, javascript.newest(list(cells), "Node"))
        if bar is not None and "ssewire cy" in cells and corpus not in BULK_LEFT_OUT:
            figure = cells["ssewire cy"].seconds / bar[1]
            what = f"cython, {corpus}, {CHUNK_TITLES['64k']}: of {bar[0]}"
            yield Target(what, figure, BULK_BOUND, False, BULK_HOPED)
    for (corpus, chunks), cells in results.items():
        bar = _least(cells, list(candidates.PEERS))
        if bar is not None and "ssewire py" in cells:
            figure = cells["ssewire py"].seconds / bar[1]
            what = f"python, {corpus}, {CHUNK_TITLES[chunks]}: of {bar[0]}"
            yield Target(what, figure, PURE_BOUND, False, PURE_HOPED)


def _one_event(results: Results) -> Iterator[Target]:
    ratios = []
    for corpus in ASKED:
        cells = results.get((corpus, "event"), {})
        names = list(cells)
        bar = _least(cells, javascript.newest(names, "Node") + javascript.newest(names, "Bun"))
        if bar is not None and "ssewire cy" in cells:
            ratios.append(cells["ssewire cy"].seconds / bar[1])
            what = f"cython, {corpus}, {CHUNK_TITLES['event']}: of {bar[0]}"
            yield Target(what, ratios[-1], EVENT_BOUND, False, EVENT_HOPED)
    if len(ratios) == len(ASKED):
        what = f"cython, one event a chunk: corpora of {len(ASKED)} at most {EVENT_BOUND:g}"
        yield Target(what, sum(ratio <= EVENT_BOUND for ratio in ratios), EVENT_MOST, True)


def _least(cells: dict[str, Cell], names: list[str]) -> tuple[str, float] | None:
    """Return the fastest of some candidates and its time; None if none of them was measured."""
    measured = [(cells[n].seconds, n) for n in names if n in cells and cells[n].events]
    if not measured:
        return None
    seconds, name = min(measured)
    return name, seconds


def targets(results: Results) -> Iterator[Target]:
    """Yield each target that the results say something about: `asked`, and those before it."""
    yield from asked(results)
    for (corpus, chunks), cells in results.items():
        if "ssewire cy" in cells:
            yield from _compiled(corpus, chunks, cells, cells["ssewire cy"], results)


def _compiled(
    corpus: str, chunks: str, cells: dict[str, Cell], compiled: Cell, results: Results
) -> Iterator[Target]:
    if chunks == "64k" and corpus in FLOOR and "floor" in cells:
        figure = compiled.seconds / cells["floor"].seconds
        yield Target(f"cython, {corpus}, 64k: times the floor", figure, FLOOR[corpus], False)
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
