"""Measure all candidates on the same bytes in one run, round by round in turn.

Taking turns is what makes ratios hold on a machine that others use: a slow
minute slows everybody's round. The best of all rounds counts.
"""

from __future__ import annotations

from typing import NamedTuple

from .harness import candidates, progress, shapes
from .harness.field import OURS, Field, NoAnswer

# A candidate stops its rounds once they have taken so many seconds, after so many of them:
# the slowest at 16-byte chunks would make up half of the run.
ENOUGH = 0.6
LEAST = 3


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
