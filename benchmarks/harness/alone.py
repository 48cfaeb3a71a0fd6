# SPDX-License-Identifier: MIT
"""Sheets of candidates that are each measured in a process of its own, and checked.

A process answers with a figure for each column and the result that it came to, which is held
against the right one: a candidate whose result is wrong keeps its figures, marked. One that is
missing, crashes or hangs costs its own row. May import: candidates, figures, processes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from .candidates import installed
from .figures import RUNS, Cell, Sheet, in_turn, sheet_table
from .processes import NO_FIGURES, NoAnswer, load, machine

# Ours, as the sheets name them: name -> implementation.
OURS = {"ssewire": "cython", "ssewire py": "python"}
WRONG = "a wrong result"

Cells = dict[str, dict[str, Cell]]


def implementation(name: str) -> str:
    """Return the implementation of ours that a candidate's process is to have."""
    return OURS.get(name, "auto")


def need(package: str) -> None:
    """Raise `NoAnswer` if a package is not installed; ours are always there."""
    if package != "ssewire" and installed(package) is None:
        raise NoAnswer("not installed")


def tell(value: Any) -> None:
    """Print what a candidate's process found on a line of its own, whatever was printed before."""
    print(f"\n{json.dumps(value)}", flush=True)


def numbers(told: Any) -> dict[str, float]:
    """Return the figures that a candidate's process told, by column.

    Raises:
        NoAnswer: it told something else; whatever is imported there may print and exit.
    """
    try:
        found = {str(column): float(figure) for column, figure in told.items()}
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise NoAnswer(NO_FIGURES) from None
    if not found or not all(map(math.isfinite, found.values())):
        raise NoAnswer(NO_FIGURES)
    return found


def part(told: Any, *names: str) -> list[Any]:
    """Return the parts of what a candidate's process told.

    Raises:
        NoAnswer: it has none of that name.
    """
    if not isinstance(told, Mapping) or not all(name in told for name in names):
        raise NoAnswer(NO_FIGURES)
    return [told[name] for name in names]


def checked(
    names: Iterable[str],
    runs: int,
    ask: Callable[[str], Any],
    right: Mapping[str, Any],
    title: str = "",
) -> Cells:
    """Return the cells of candidates that take turns.

    Args:
        ask: measures a candidate one time; gives its "figures" and "results", each by column.
            Raises `NoAnswer` where it cannot.
        right: column -> the right result; a column without one is not checked.
    """
    wrong = set()

    def once(name: str) -> Mapping[str, float]:
        told, results = part(ask(name), "figures", "results")
        figures = numbers(told)
        if not isinstance(results, Mapping):
            raise NoAnswer(NO_FIGURES)
        for column, expected in right.items():
            if column in figures and results.get(column) != expected:
                wrong.add((name, column))
        return figures

    return {
        name: {
            column: cell._replace(fault=WRONG) if (name, column) in wrong and cell.runs else cell
            for column, cell in row.items()
        }
        for name, row in in_turn(names, runs, once, title).items()
    }


def beside(*tables: Cells) -> Cells:
    """Return the tables as one: the columns of each after those of the one before."""
    found: Cells = {}
    for cells in tables:
        for name, row in cells.items():
            found.setdefault(name, {}).update(row)
    return found


def only(cells: Cells, columns: Mapping[str, str]) -> Cells:
    """Return some columns by other names: name so far -> new name.

    A candidate that could not be measured has its fault in each.
    """
    found: Cells = {}
    for name, row in cells.items():
        fault = next((cell.fault for cell in row.values() if not cell.runs), "")
        for old, new in columns.items():
            if old in row:
                found.setdefault(name, {})[new] = row[old]
            elif fault:
                found.setdefault(name, {})[new] = Cell((), fault)
    return found


def versions_of(packages: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the versions of those that are installed, and why the others are not measured."""
    found, missing = {}, {}
    for package in packages:
        version = installed(package)
        if version is None:
            missing[package] = "not installed"
        else:
            found[package] = version
    return found, missing


def program(
    module: str,
    about: str | None,
    sheets: Callable[[int, bool], list[Sheet]],
    answer: Callable[..., Any] | None = None,
    asked: Callable[[], int] | None = None,
) -> int:
    """Be the program of a benchmark that has sheets: print them, or answer for one candidate.

    Args:
        answer: what a candidate's process does with the arguments that follow `--measure`.
        asked: what `--targets` does: prints what was asked and reached; gives the exit status.
    """
    if answer is not None and sys.argv[1:2] == ["--measure"]:
        tell(answer(*sys.argv[2:]))
        return 0
    arguments = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=about)
    arguments.add_argument("--quick", action="store_true", help="one run, of less")
    arguments.add_argument("--runs", type=int, help=f"{RUNS} unless told otherwise")
    if asked is not None:
        arguments.add_argument("--targets", action="store_true", help="what was asked and reached")
    args = arguments.parse_args()
    if asked is not None and args.targets:
        return asked()
    print(f"{machine()}; {load()}")
    for sheet in sheets(args.runs or (1 if args.quick else RUNS), args.quick):
        print(f"\n{sheet.title}, {sheet.unit}\n{sheet.about}\n\n{sheet_table(sheet)}", flush=True)
    return 0


def local(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which servers of this machine are asked without a proxy."""
    hosts = "127.0.0.1,localhost"
    return {**env, "NO_PROXY": hosts, "no_proxy": hosts}
