"""`python -m benchmarks`: tables of all parsers on all corpora, and the targets.

`python -m benchmarks --quick` keeps to the six main corpora and two chunk shapes.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

from . import shapes
from .compare import Field, Results, fastest_peer, measure
from .targets import PURE_BULK, targets

# Best of so many rounds: fewer leave noise in the ratios on a shared machine.
ROUNDS = 9


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    default = [n for n in shapes.CORPORA if n not in ("one_huge_line", "many_data_lines")]
    arguments.add_argument("--corpus", action="append", choices=list(shapes.CORPORA))
    arguments.add_argument("--chunks", action="append", choices=list(shapes.CHUNKS))
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--quick", action="store_true", help="six corpora, 64k and event")
    arguments.add_argument("--json", type=Path, metavar="FILE")
    args = arguments.parse_args()
    corpora = args.corpus or (list(PURE_BULK) if args.quick else default)
    chunk_shapes = args.chunks or (["64k", "event"] if args.quick else list(shapes.CHUNKS))
    results, field = measure(corpora, chunk_shapes, args.rounds)
    show(results, field, args.rounds)
    if args.json:
        rows = [
            {"corpus": corpus, "chunks": chunks, "candidate": name, **cell._asdict()}
            for (corpus, chunks), cells in results.items()
            for name, cell in cells.items()
        ]
        args.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))


def machine() -> str:
    return (
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} "
        f"{platform.machine()}"
    )


def show(results: Results, field: Field, rounds: int) -> None:
    print(f"{machine()}; best of {rounds} interleaved rounds; ns per event")
    print("peers:", ", ".join(f"{n} {v}" for n, v in field.versions.items()) or "none")
    for name, why in field.skipped.items():
        print(f"skipped: {name}: {why}")
    for chunks in dict.fromkeys(shape for _, shape in results):
        corpora = [corpus for corpus, shape in results if shape == chunks]
        names = list(dict.fromkeys(n for c in corpora for n in results[c, chunks]))
        print(
            f"\n{chunks} chunks" + " " * (26 - len(chunks)) + "".join(f"{c:>12}" for c in corpora)
        )
        for name in names:
            row = f"  {name:<30}"
            for corpus in corpora:
                cell = results[corpus, chunks][name]
                row += f"{cell.seconds / len(shapes.CORPORA[corpus]().expected) * 1e9:11.0f}"
                row += "*" if cell.fault else " "
            print(row)
        row = "  fastest peer / ssewire py     "
        for corpus in corpora:
            cells = results[corpus, chunks]
            if set(cells) & set(field.versions) - {"eventsource-parser"}:
                row += f"{fastest_peer(cells).seconds / cells['ssewire py'].seconds:11.2f} "
        print(row)
    faults = {
        f"  {name}, {corpus}, {chunks}: {cell.fault}"
        for (corpus, chunks), cells in results.items()
        for name, cell in cells.items()
        if cell.fault
    }
    if faults:
        print("\n* not the events expected:")
        print("\n".join(sorted(faults)))
    print("\ntargets")
    for target in targets(results):
        print(" ", target)


if __name__ == "__main__":
    main()
