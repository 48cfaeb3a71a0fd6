# SPDX-License-Identifier: MIT
"""How do we compare with the field? `python -m benchmarks`.

Everybody on the same work in one run: clients, Claude, parsers, embedding, serving, start-up and
size, growth, memory. Writes docs/benchmarks.md with tables and charts, and the figures
as JSON beside it, which takes about half an hour; on a machine that is busy with something
else it refuses to, unless `--force` is given. With `--quick`, or a choice of what is
measured, the page goes to build/benchmarks instead; `--quick` takes four minutes.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, Callable

from . import (
    claude_clients,
    claude_pipeline,
    clients,
    embedding,
    footprint,
    growth,
    memory,
    parsers,
    partial_json,
    report,
    sdk_decoder,
    serving,
)
from .harness import figures, processes, published, shapes
from .harness.field import Field, ssewire_version
from .harness.figures import RUNS, Sheet
from .harness.processes import ROOT
from .harness.tables import as_json
from .harness.targets import targets_table

# Seconds to wait for the load to fall: what built and installed all this counts in the average of
# the last minute, and is a twentieth of it after three.
PATIENCE = 180.0
QUICK_RUNS = 2

# What gives sheets, part by part: modules with `sheets(runs, quick)` and `versions()`.
OF_SHEETS: dict[str, tuple[Any, ...]] = {
    "clients": (clients,),
    "claude": (claude_pipeline, claude_clients, partial_json),
    "embedding": (embedding, sdk_decoder),
    "serving": (serving,),
    "footprint": (footprint,),
}


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="two runs of less")
    arguments.add_argument("--only", action="append", choices=report.PARTS)
    arguments.add_argument("--corpus", action="append", choices=list(shapes.CORPORA))
    arguments.add_argument("--chunks", action="append", choices=list(shapes.CHUNKS))
    arguments.add_argument("--runs", type=int)
    arguments.add_argument("--output", type=Path, metavar="FOLDER", help="where the page goes")
    arguments.add_argument("--force", action="store_true", help="on a busy machine too")
    args = arguments.parse_args()
    narrowed = args.quick or args.only or args.corpus or args.chunks or args.runs
    folder = args.output or (ROOT / "build" / "benchmarks" if narrowed else ROOT / "docs")
    only = args.only or (["parsers"] if args.corpus or args.chunks else report.PARTS)
    every = [name for name in shapes.CORPORA if name not in parsers.LEFT_OUT]
    corpora = args.corpus or (list(parsers.FLOOR) if args.quick else every)
    chunk_shapes = args.chunks or (["event", "64k"] if args.quick else list(shapes.CHUNKS))
    runs = args.runs or (QUICK_RUNS if args.quick else RUNS)

    busy = "" if args.quick else wait_for_quiet(PATIENCE)
    if busy and not args.force:
        most = processes.MOST_LOAD * processes.cores()
        print(
            f"{busy}, which is too busy for figures to keep (at most {most:g}): end what else "
            "runs, or say --force, and the page will tell"
        )
        return 2
    (folder / "benchmarks").mkdir(parents=True, exist_ok=True)
    # Before what follows, which is our own work.
    load = processes.load()
    began = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    with ExitStack() as stack:
        field = Field(stack, corpora if "parsers" in only else [])
        print(f"{processes.machine()}; {load}")
        measures: dict[str, Callable[[], dict[str, Any]]] = {
            "parsers": lambda: measure_parsers(field, corpora, chunk_shapes, runs),
            "growth": lambda: {"kinds": growth.measure(field, args.quick, runs), **_of(field)},
            "memory": lambda: {"peaks": memory.measure(field), **_of(field)},
            **{part: partial(measure_sheets, part, runs, args.quick) for part in OF_SHEETS},
        }
        for part in report.PARTS:
            if part not in only:
                continue
            # Whoever ran counts when it has ended.
            field.close()
            watch = processes.Watch()
            head: dict[str, Any] = {
                "machine": processes.machine(),
                "began": began,
                "load": load,
            }
            if busy:
                head["forced"] = busy
            if args.quick:
                head["quick"] = True
            if part != "memory":  # counted, not timed
                head["runs"] = runs
            found = measures[part]()
            field.close()
            others = watch.others()
            if others is not None:
                head["others"] = round(others, 4)
            for name, why in found["skipped"].items():
                print(f"not measured: {name}: {why}")
            path = folder / "benchmarks" / f"{part}.json"
            path.write_text(as_json({**head, **found}) + "\n", "utf-8")
            if path == published.SOURCE:
                published.write()
    print(report.write(folder))
    return 0


def wait_for_quiet(patience: float) -> str:
    """Return "" as soon as the machine is quiet, or what `processes.too_busy` says to the end."""
    end = time.monotonic() + patience
    while busy := processes.too_busy():
        if time.monotonic() > end:
            return busy
        time.sleep(5)
    return ""


def _of(field: Field) -> dict[str, Any]:
    return {
        "versions": {"ssewire": ssewire_version(), **field.versions},
        "skipped": field.skipped,
    }


def measure_sheets(part: str, runs: int, quick: bool) -> dict[str, Any]:
    """Measure a part that consists of sheets, print them, and return its figures."""
    versions = {"ssewire": ssewire_version()}
    skipped: dict[str, str] = {}
    found: list[Sheet] = []
    for module in OF_SHEETS[part]:
        there, missing = module.versions()
        versions.update(there)
        skipped.update(missing)
        for sheet in module.sheets(runs, quick):
            print(f"\n{sheet.title}, {sheet.unit}\n{figures.sheet_table(sheet)}")
            found.append(sheet)
    return {
        "versions": versions,
        "skipped": skipped,
        "sheets": [figures.to_json(sheet) for sheet in found],
    }


def measure_parsers(
    field: Field, corpora: list[str], chunk_shapes: list[str], runs: int
) -> dict[str, Any]:
    """Measure, print what was reached of the targets, and return the figures."""
    results = parsers.measure(field, corpora, chunk_shapes, runs)
    rows = [
        {
            "corpus": corpus,
            "chunks": chunks,
            "candidate": name,
            "seconds": cell.seconds if cell.events else None,
            "runs": list(cell.runs),
            "events": cell.events,
            "fault": cell.fault,
        }
        for (corpus, chunks), cells in results.items()
        for name, cell in cells.items()
    ]
    about = {name: shapes.described(name) for name in corpora}
    found = {**_of(field), "corpora": about, "rows": rows}
    for chunks, text in report.parser_tables(found).items():
        print(f"\n{report.CHUNK_TITLES[chunks]}: ns per event; * wrong events\n{text}")
    print("\ntargets")
    print(targets_table(parsers.targets(results)))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
