# SPDX-License-Identifier: MIT
"""Figures of several runs: their median, their spread, and who comes before whom.

A sheet is one table of the page: candidates, each with figures in some columns, of several
runs in which all took turns. Less is better in every one. A candidate comes before another
only where the difference is larger than what two runs of one candidate differ by; what is
nearer than that has one place together. `python -m benchmarks.order` tells whether the order
that comes of it is that of another run.
May import: processes, progress, tables.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any, Callable, NamedTuple

from . import progress
from .processes import NO_FIGURES, NoAnswer
from .tables import significant, table

# So many runs at least stand behind a published figure: their middle half is three of them.
RUNS = 5
# What is nearer than this has one place: two figures of one candidate on a quiet machine differ by
# a few in a hundred as a rule, and by up to a tenth.
APART = 1.1
INFINITE = float("inf")


class Cell(NamedTuple):
    """One candidate's figures in one column."""

    runs: tuple[float, ...] = ()  # one a run; empty: it could not be measured
    fault: str = ""  # what is wrong with what it gives, or why there is no figure

    @property
    def median(self) -> float:
        return statistics.median(self.runs) if self.runs else INFINITE

    @property
    def low(self) -> float:
        """The lower end of the middle half of the runs; of five the second."""
        return sorted(self.runs)[len(self.runs) // 4] if self.runs else INFINITE

    @property
    def high(self) -> float:
        """The upper end of the middle half; of five the fourth."""
        return sorted(self.runs)[-1 - len(self.runs) // 4] if self.runs else INFINITE

    @property
    def spread(self) -> float:
        """How far the middle half of the runs is from the median at most, as a share of it."""
        if not self.runs:
            return 0.0
        return max(self.high / self.median, self.median / self.low) - 1


class Sheet(NamedTuple):
    """One table of the page."""

    title: str
    about: str  # what is measured and how, in plain sentences
    unit: str  # of all figures: "µs", "ns", "KiB", "ms", "MiB"
    command: str  # what measures it alone, from a checkout
    cells: dict[str, dict[str, Cell]]  # candidate -> column -> cell

    @property
    def columns(self) -> list[str]:
        """All columns, in the order in which they were first met."""
        return list(dict.fromkeys(column for row in self.cells.values() for column in row))

    def column(self, name: str) -> dict[str, Cell]:
        """Return the cells of a column, of the candidates that have one."""
        return {who: row[name] for who, row in self.cells.items() if name in row}


def in_turn(
    candidates: Iterable[str],
    runs: int,
    once: Callable[[str], Mapping[str, float]],
    title: str = "",
) -> dict[str, dict[str, Cell]]:
    """Return what `once` gives of each candidate in so many runs, in which they take turns.

    Args:
        once: measures a candidate one time; gives a figure for each column.
        title: shown while it is measured, "" for nothing.

    A candidate for which `once` raises `NoAnswer`, or whose figures are none, is not asked again;
    its fault is all that is told then.
    """
    names = list(candidates)
    found: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    faults: dict[str, str] = {}
    turns = [(number, name) for number in range(runs) for name in names]
    for _, name in progress.shown(title, turns) if title else turns:
        if name in faults:
            continue
        try:
            figures = once(name)
        except NoAnswer as exc:
            faults[name] = str(exc)
            continue
        except (LookupError, TypeError, ValueError, AttributeError):
            # What a candidate printed is not what was asked for.
            faults[name] = NO_FIGURES
            continue
        for column, figure in figures.items():
            found[name].setdefault(column, []).append(figure)
    columns = list(dict.fromkeys(column for row in found.values() for column in row)) or [""]
    return {
        name: {
            column: Cell((), faults[name]) if name in faults else Cell(tuple(row[column]))
            for column in columns
            if name in faults or column in row
        }
        for name, row in found.items()
    }


# --- order --------------------------------------------------------------------


def places(cells: Mapping[str, Cell]) -> dict[str, int]:
    """Return the place of each candidate with right figures, from 1; some share one.

    A place begins with the fastest that is clearly slower than all of the place before: its
    median by `APART`, and the middle halves of their runs do not overlap.
    """
    ranked = sorted(
        (name for name, cell in cells.items() if cell.runs and not cell.fault),
        key=lambda name: (cells[name].median, name),
    )
    found: dict[str, int] = {}
    together: list[Cell] = []
    place = 0
    for number, name in enumerate(ranked, 1):
        cell = cells[name]
        if all(before(other, cell) for other in together):
            together, place = [], number
        together.append(cell)
        found[name] = place
    return found


def by_place(cells: Mapping[str, Cell]) -> list[str]:
    """Return all candidates by their places, and those who share one by name.

    Behind them those without a place, the fastest first: the order is that of another day.
    """
    place = places(cells)

    def rank(name: str) -> tuple[float, float, str]:
        return (place[name], 0.0, name) if name in place else (INFINITE, cells[name].median, name)

    return sorted(cells, key=rank)


def before(one: Cell, other: Cell) -> bool:
    """Return whether one is clearly faster than the other."""
    return one.median * APART < other.median and one.high < other.low


# --- the page and the file ------------------------------------------------------


def sheet_table(sheet: Sheet) -> str:
    """Return the table of a sheet: a row each in the order of the first column.

    Before each name stands its place in the first column. A cell has the median and, behind ±,
    the spread in percent, if there was more than one run; `*` marks what is wrong.
    """
    columns = sheet.columns
    first = {name: row.get(columns[0], Cell()) for name, row in sheet.cells.items()}
    place = places(first)
    rows = [
        [str(place.get(name, "")), name, *(cell_text(sheet.cells[name].get(c)) for c in columns)]
        for name in by_place(first)
    ]
    return table(["", "", *columns], rows, words=(1,))


def cell_text(cell: Cell | None) -> str:
    """Return a cell as a table shows it."""
    if cell is None:
        return ""
    if not cell.runs:
        return cell.fault
    mark = "*" if cell.fault else ""
    if len(cell.runs) == 1:
        # Such are counts and sizes, too, which are whole.
        figure = cell.median
        return (f"{figure:,.0f}" if figure == int(figure) else significant(figure)) + mark
    return f"{significant(cell.median)}{mark} ±{cell.spread:.0%}".replace("%", " %")


def to_json(sheet: Sheet) -> dict[str, Any]:
    """Return a sheet as docs/benchmarks/schema.json describes it."""
    rows = [
        {"candidate": name, "column": column, "runs": list(cell.runs), "fault": cell.fault}
        for name, row in sheet.cells.items()
        for column, cell in row.items()
    ]
    return {**sheet._asdict(), "cells": rows}


def from_json(value: dict[str, Any]) -> Sheet:
    """Return the sheet of what `to_json` gave."""
    cells: dict[str, dict[str, Cell]] = {}
    for row in value["cells"]:
        cells.setdefault(row["candidate"], {})[row["column"]] = Cell(
            tuple(row["runs"]), row["fault"]
        )
    title, about, unit, command = (value[name] for name in ("title", "about", "unit", "command"))
    return Sheet(title, about, unit, command, cells)
