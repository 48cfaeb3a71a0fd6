# SPDX-License-Identifier: MIT
"""How do all parsers and clients compare? `python -m benchmarks`.

Everybody on the same bytes in one run: parsers, growth, memory, clients. Writes
docs/benchmarks.md with tables and plots, and the figures as JSON beside it; takes
about fifteen minutes. With `--quick`, or a choice of what is measured, the page goes
to build/benchmarks instead; `--quick` takes three.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable

from . import clients, growth, memory, parsers, report
from .harness import processes, progress, published, shapes
from .harness.event_server import BULK_EVENTS
from .harness.field import Field, ssewire_version
from .harness.processes import ROOT
from .harness.tables import as_json
from .harness.targets import targets_table

# Best of so many rounds: fewer leave noise in the ratios on a shared machine.
ROUNDS = 7
# The quadratic peers take minutes on these; growth.py has them with a time limit.
LEFT_OUT = ("one_huge_line", "many_data_lines")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="six corpora, 64k and event; less")
    arguments.add_argument("--only", action="append", choices=report.PARTS)
    arguments.add_argument("--corpus", action="append", choices=list(shapes.CORPORA))
    arguments.add_argument("--chunks", action="append", choices=list(shapes.CHUNKS))
    arguments.add_argument("--rounds", type=int)
    arguments.add_argument("--output", type=Path, metavar="FOLDER", help="where the page goes")
    args = arguments.parse_args()
    narrowed = args.quick or args.corpus or args.chunks or args.rounds
    folder = args.output or (ROOT / "build" / "benchmarks" if narrowed else ROOT / "docs")
    only = args.only or (["parsers"] if args.corpus or args.chunks else report.PARTS)
    every = [name for name in shapes.CORPORA if name not in LEFT_OUT]
    corpora = args.corpus or (list(parsers.FLOOR) if args.quick else every)
    chunk_shapes = args.chunks or (["64k", "event"] if args.quick else list(shapes.CHUNKS))
    rounds = args.rounds or (3 if args.quick else ROUNDS)

    (folder / "benchmarks").mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        field = Field(stack, corpora if "parsers" in only else [])
        print(f"{processes.machine()}; {processes.load()}")
        for name, why in field.skipped.items():
            print(f"skipped: {name}: {why}")
        measures: dict[str, Callable[[], dict[str, Any]]] = {
            "parsers": lambda: measure_parsers(field, corpora, chunk_shapes, rounds),
            "growth": lambda: {"kinds": growth.measure(field, args.quick)},
            "memory": lambda: {"peaks": memory.measure(field)},
            "clients": lambda: {"tables": measure_clients(args.quick)},
        }
        for part in report.PARTS:
            if part in only:
                found = {
                    "machine": processes.machine(),
                    "load": processes.load(),
                    "versions": {"ssewire": ssewire_version(), **field.versions},
                    "skipped": field.skipped,
                    **measures[part](),
                }
                path = folder / "benchmarks" / f"{part}.json"
                path.write_text(as_json(found) + "\n", "utf-8")
                if path == published.SOURCE:
                    published.write()
    print(report.write(folder))


def measure_parsers(
    field: Field, corpora: list[str], chunk_shapes: list[str], rounds: int
) -> dict[str, Any]:
    """Measure, print what was reached of the targets, and return the figures."""
    results = parsers.measure(field, corpora, chunk_shapes, rounds)
    rows = [
        {
            "corpus": corpus,
            "chunks": chunks,
            "candidate": name,
            "seconds": cell.seconds if cell.events else None,
            "events": cell.events,
            "fault": cell.fault,
        }
        for (corpus, chunks), cells in results.items()
        for name, cell in cells.items()
    ]
    about = {name: shapes.described(name) for name in corpora}
    found = {"rounds": rounds, "corpora": about, "rows": rows}
    for chunks, text in report.parser_tables(found).items():
        print(f"\n{report.CHUNK_TITLES[chunks]}: ns per event; * wrong events\n{text}")
    print("\ntargets")
    print(targets_table(parsers.targets(results)))
    return found


def measure_clients(quick: bool) -> dict[str, dict[str, dict[str, float]]]:
    """Return the figures of clients.py: one stream, many streams, and blocking ones."""
    installed, _ = clients.versions(list({**clients.ASYNC, **clients.SYNC}))
    concurrent = [name for name in clients.ASYNC if name in installed]
    blocking = [name for name in clients.SYNC if name in installed]
    repeat = 1 if quick else 3
    many = 200 if quick else 1000
    flags = ["--quick"] if quick else []
    bulk = BULK_EVENTS * (40 if quick else 200)
    plan: dict[str, tuple[list[str], list[str]]] = {
        "asyncio, one stream, one event per packet": (concurrent, ["--streams", "1", *flags]),
        f"asyncio, {many:,} streams, one event per packet": (
            concurrent,
            ["--streams", str(many), *flags],
        ),
        "blocking, one event per packet": (
            blocking,
            ["--path", "paced", "--count", "2000" if quick else "6000"],
        ),
        "blocking, in bulk": (blocking, ["--path", "bulk", "--count", str(bulk)]),
    }
    tables = {}
    for title in progress.shown("clients", list(plan)):
        names, options = plan[title]
        tables[title] = clients.compare(names, options, repeat)
    return tables


if __name__ == "__main__":
    main()
