# SPDX-License-Identifier: MIT
"""How fast is each parser on the same bytes? `python -m benchmarks --only parsers`.

Run by run in turn, which is what makes ratios hold on a machine that others use: a slow
minute slows everybody's run. Each run has processes of its own, since where a process has its
memory is luck that its rounds share; the median of all counts. And what was asked of our
parsers, and what of it this run reached.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .harness import candidates, figures, javascript, progress, shapes
from .harness.asking import Worker
from .harness.field import OURS, Field
from .harness.processes import NoAnswer
from .harness.tables import significant, table
from .harness.targets import Target

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

# The quadratic peers take minutes on these; growth.py has them with a time limit.
LEFT_OUT = ("one_huge_line", "many_data_lines")

# Rounds of JavaScript in a run; after one, Bun's times are five times those after three.
JIT_ROUNDS = 3
# Who could not be measured so often is asked for nothing new: each time may have taken what
# `asking.LIMIT` allows.
GIVE_UP = 3

# What `--quick` measures, and times the floor at most, 64 KiB chunks.
FLOOR = {"claude": 1.6, "openai": 1.4, "cjk": 1.7, "small": 1.4, "multiline": 2.5, "crlf": 1.6}
# Times faster than the SDKs' decoders, at least: (64 KiB chunks, one event a chunk).
SDK = (25.0, 15.0)
# One event a feed against 64 KiB chunks, per event, below.
EVENT_FEED = 3.0


class Cell(NamedTuple):
    """One candidate on one corpus in one chunk shape."""

    runs: tuple[float, ...]  # seconds of each run's best pass; empty: it could not be measured
    events: int
    fault: str  # what is wrong with its events; "" if nothing is

    @property
    def seconds(self) -> float:
        """The median of the runs; infinite if there are none."""
        return figures.Cell(self.runs).median

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
    runs: int,
    chosen: Sequence[str] | None = None,
) -> Results:
    """Return the times of each candidate on each corpus and chunk shape.

    Args:
        chosen: the names of those that are measured, if they are in the field.
    """
    names = [name for name in field.workers if chosen is None or name in chosen]
    results: Results = {
        (corpus, chunks): {name: Cell((), 0, "") for name in names}
        for chunks in chunk_shapes
        for corpus in corpora
    }
    silent = dict.fromkeys(names, 0)
    # Corpus by corpus, since a worker keeps one at a time.
    steps = list(itertools.product(range(runs), corpora, chunk_shapes))
    for number, corpus, chunks in progress.shown("parsers", steps):
        if (corpus, chunks) == (corpora[0], chunk_shapes[0]):
            for name in names:
                field.workers[name].close()
        cells = results[corpus, chunks]
        for name in names:
            if silent[name] >= GIVE_UP and not cells[name].runs:
                cells[name] = cells[name]._replace(fault=cells[name].fault or "not asked any more")
                continue
            cells[name] = _after_run(field.workers[name], cells[name], name, corpus, chunks, number)
            silent[name] += not cells[name].runs
        expected = len(shapes.CORPORA[corpus]().expected)
        for name in OURS:
            if name in cells and (cells[name].fault or cells[name].events != expected):
                raise SystemExit(f"{name} is wrong on {corpus} in {chunks} chunks: {cells[name]}")
    return results


def _after_run(
    worker: Worker, cell: Cell, name: str, corpus: str, chunks: str, number: int
) -> Cell:
    """Return a cell with what one more run gives; who gave no answer is not asked again."""
    expected = len(shapes.CORPORA[corpus]().expected)
    if cell.fault and len(cell.runs) < number:
        return cell
    try:
        if number == 0:
            cell = cell._replace(fault=worker.ask("check", corpus, chunks))
        # Compilers of JavaScript are at work while a function is new: the best of several rounds.
        rounds = JIT_ROUNDS if javascript.is_one(name) else 1
        seconds, events = min(worker.ask_counted("count", corpus, chunks) for _ in range(rounds))
    except NoAnswer as exc:
        return Cell((), 0, str(exc))
    if events != expected and not cell.fault:
        cell = cell._replace(fault=f"{events} events for {expected}")
    return Cell((*cell.runs, seconds), events, cell.fault)


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
