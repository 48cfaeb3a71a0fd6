# SPDX-License-Identifier: MIT
"""Does a path take more instructions than it did? `python -m benchmarks.regress`.

Times of a busy machine tell a change of 2 % from noise only after many rounds; instructions
are the same each time. Those of each path (harness/paths.py), compiled and not, are
counted under valgrind (harness/counting.py) and compared with the numbers in
regress.json, which were counted with the same Python, compiler and C library. A path
that takes over 2 % more or less is named. Less is said too: a number that is too high
would let as much creep in again unseen. Before it is named it is counted again, up to three
times, with everything elsewhere in memory: what is the path's own stays (harness/counting.py).

With another Python or compiler the same sources take other numbers, and only what is
coarse can be said: each path is set against a piece of work without ours in it, counted in
the same run, and may take a quarter more of that than it did where the numbers are from. The
report ends with what was checked and what was not.

`--update` writes the numbers of here; commit them with the change that moved them, and
say there why. `make regress` runs it in the environment of the tests.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from .harness.counting import CannotCount, count, counts, where
from .harness.paths import CALIBRATION, PATHS
from .harness.processes import IMPLEMENTATIONS, built
from .harness.tables import table

KEPT = Path(__file__).with_suffix(".json")

# What a path may take more or less. Where its objects lie in memory, which any change of any
# module moves, accounts for some tenths of a percent.
ALLOWED = 0.02
# How often what differs is counted again: a path that took 3 % less at one place was within 0.1 %
# of the same at seven others. A quarter of a minute each, and only then.
AGAIN = 3
# What the work without ours may differ by before the interpreter is taken for another one.
SAME = 0.005
# What a path may take more, set against that work, with other numbers than those of here. With
# those of CPython 3.11.7 Debian's 3.11.2 takes up to 12 % more, compiled and not, and
# 3.13.0, not compiled, up to 4 %.
COARSE = 1 / 4

_SHOWN = {"python": "Python", "cython": "compiled"}
NOT_OURS = "(nothing of ours)"

# Path and implementation -> instructions a unit.
Counts = dict[str, float]


class Kept(NamedTuple):
    """Numbers as they are kept: what decides them, and they."""

    where: dict[str, str]
    counts: Counts


class Judged(NamedTuple):
    """One path beside what it took before, both in the same unit."""

    name: str
    before: float | None
    after: float | None
    verdict: str

    @property
    def percent(self) -> str:
        if self.before is None or self.after is None:
            return "-"
        return f"{(self.after / self.before - 1) * 100:+.1f} %"


def title(path: str, implementation: str) -> str:
    return f"{path}, {_SHOWN[implementation]}"


# --- comparing


def choose(here: dict[str, str], found: Counts, kept: list[Kept]) -> tuple[Kept | None, bool, str]:
    """Return the numbers to compare with, whether to 2 %, and if not, why not."""
    if not kept:
        return None, False, "no numbers are kept yet"
    alike = max(kept, key=lambda each: sum(each.where.get(k) == v for k, v in here.items()))
    other = [
        f"{k} {v} (kept: {alike.where.get(k)})" for k, v in here.items() if alike.where[k] != v
    ]
    if other:
        return alike, False, f"here is {'; '.join(other)}"
    for implementation in IMPLEMENTATIONS:
        name = title(NOT_OURS, implementation)
        if name in found and abs(found[name] / alike.counts[name] - 1) > SAME:
            figures = f"{found[name]:,.1f}, kept {alike.counts[name]:,.1f}"
            why = f"{name}: {figures}: this Python is another than its version and compiler say"
            return alike, False, why
    return alike, True, ""


def compare(found: Counts, kept: Counts, exact: bool) -> list[Judged]:
    """Return all paths with what is to be said of each; "" where nothing is."""
    rows = []
    for implementation in IMPLEMENTATIONS:
        base = title(NOT_OURS, implementation)
        if base not in found:
            continue
        for name in sorted({*found, *kept}, key=list({**found, **kept}).index):
            if name == base or not name.endswith(_SHOWN[implementation]):
                continue
            before, after = kept.get(name), found.get(name)
            if before is None:
                verdict = "NEW"
            elif after is None:
                verdict = "GONE"
            elif exact:
                ratio = after / before
                verdict = "MORE" if ratio > 1 + ALLOWED else "LESS" if ratio < 1 - ALLOWED else ""
            else:
                before, after = before / kept[base], after / found[base]
                verdict = "MORE" if after / before > 1 + COARSE else ""
            rows.append(Judged(name, before, after, verdict))
    return rows


# What another place in memory may do to a path.
_MOVABLE = ("MORE", "LESS")

_ADVICE = {
    "MORE": "takes more. Look for what it does that it did not; `make compare BASE=main` times it. "
    "If that is worth it, `make regress REGRESS_ARGS=--update`, and say why in the commit.",
    "LESS": "takes less, and nothing holds it there until `make regress REGRESS_ARGS=--update` "
    "writes the number: commit that too.",
    "NEW": "has no number yet: `make regress REGRESS_ARGS=--update` writes it.",
    "GONE": "has a number and is not counted any more: `make regress REGRESS_ARGS=--update` "
    "takes it away.",
}


def report(rows: list[Judged], exact: bool) -> bool:
    """Print the table and what is to be done; return whether nothing is."""

    def shown(figure: float | None) -> str:
        return "-" if figure is None else f"{figure:,.1f}" if exact else f"{figure:.3f}"

    lines = [[r.name, shown(r.before), shown(r.after), r.percent, r.verdict] for r in rows]
    unit = "instructions a unit" if exact else "times the work that is not ours"
    print(table([f"path ({unit})", "kept", "here", "", ""], lines, words=(0, 4)))
    marked = [row for row in rows if row.verdict]
    for row in marked:
        figures = f"{shown(row.before)} before, {shown(row.after)} now, {row.percent}"
        print(f"\n{row.name}: {figures}: {_ADVICE[row.verdict]}")
    return not marked


# --- what is kept


def read(file: Path) -> list[Kept]:
    """Return the numbers that are kept; none where there is no file yet."""
    if not file.exists():
        return []
    return [Kept(each["where"], each["counts"]) for each in json.loads(file.read_text())["kept"]]


def written(kept: list[Kept]) -> str:
    """Return the file of these numbers, with a line for each."""
    about = "Instructions a unit, written by `make regress REGRESS_ARGS=--update`."
    entries: list[dict[str, Any]] = [each._asdict() for each in kept]
    return json.dumps({"about": about, "kept": entries}, indent=1) + "\n"


def updated(kept: list[Kept], here: dict[str, str], found: Counts) -> list[Kept]:
    """Return the numbers with those of here in the place of what was kept for the same."""
    figures = {name: round(figure, 1) for name, figure in found.items()}
    return [*(each for each in kept if each.where != here), Kept(here, figures)]


# --- counting


def paths(implementation: str) -> dict[str, Any]:
    """Return what `count` takes, with the work that is not ours."""
    chosen = {NOT_OURS: CALIBRATION[implementation], **PATHS}
    return {
        name: (path.make, path.compiled if implementation == "cython" else path.python)
        for name, path in chosen.items()
    }


def counted(implementations: list[str], seed: int = 0, moved: int = 0) -> Counts:
    """Return what all paths take here; `seed` and `moved` as for `counts`.

    Raises:
        CannotCount: as `counts`.
    """
    found = {}
    for implementation in implementations:
        began = time.monotonic()
        for name, figure in counts("benchmarks.regress", implementation, seed, moved).items():
            found[title(name, implementation)] = figure
        took = time.monotonic() - began
        print(f"{_SHOWN[implementation]}: counted in {took:.0f} s", flush=True)
    return found


def counted_again(
    here: dict[str, str], found: Counts, kept: list[Kept], implementations: list[str]
) -> Counts:
    """Return what was found; where that differs, what is nearest to the kept of some more counts.

    Raises:
        CannotCount: as `counts`.
    """
    chosen, exact, _ = choose(here, found, kept)
    if chosen is None or not exact:
        return found
    for moved in range(1, AGAIN + 1):
        differ = [row for row in compare(found, chosen.counts, exact) if row.verdict in _MOVABLE]
        if not differ:
            break
        print(f"{len(differ)} differ: counted again with all elsewhere in memory", flush=True)
        names = [row.name for row in differ]
        concerned = [i for i in implementations if any(n.endswith(_SHOWN[i]) for n in names)]
        other = counted(concerned, moved=moved)
        for row in differ:
            before, after = chosen.counts[row.name], [found[row.name], other[row.name]]
            found[row.name] = min(after, key=lambda figure: abs(figure - before))
    return found


def spread(rounds: int, implementations: list[str]) -> None:
    """Print by how much counts of the same differ: as they are, with other hash seeds, moved."""
    same = [counted(implementations) for _ in range(rounds)]
    seeds = same[:1] + [counted(implementations, seed) for seed in range(1, rounds)]
    moved = same[:1] + [counted(implementations, moved=number) for number in range(1, rounds)]
    kinds = (same, seeds, moved)
    rows = [
        [name, *(f"{_spread([each[name] for each in found]):.3%}" for found in kinds)]
        for name in same[0]
    ]
    heads = ["path", f"spread of {rounds}", f"of {rounds} hash seeds", f"of {rounds} places"]
    print(table(heads, rows))


def _spread(figures: list[float]) -> float:
    return max(figures) / min(figures) - 1


def main() -> int:
    """Count and compare: 0 if all is well, 1 if something is to be said, 2 if none was counted."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.regress", description=__doc__)
    arguments.add_argument("--update", action="store_true", help="write the numbers of here")
    arguments.add_argument(
        "--spread", type=int, metavar="N", help="count N times, and compare those"
    )
    arguments.add_argument("--count", action="store_true", help=argparse.SUPPRESS)
    args = arguments.parse_args()
    if args.count:
        from ssewire import IMPLEMENTATION

        count(paths(IMPLEMENTATION))
        return 0
    here = where()
    print("; ".join(f"{key} {value}" for key, value in here.items()), flush=True)
    implementations = [each for each in IMPLEMENTATIONS if each == "python" or built()]
    try:
        if args.spread:
            spread(args.spread, implementations)
            return 0
        found = counted(implementations)
        kept = read(KEPT)
        if not args.update:
            found = counted_again(here, found, kept, implementations)
    except CannotCount as exc:
        print(f"nothing was checked: {exc}", file=sys.stderr)
        return 2
    if args.update:
        if len(implementations) < len(IMPLEMENTATIONS):
            print("nothing is written: SSEWIRE_BUILD_EXTENSION=require builds the compiled paths")
            return 2
        KEPT.write_text(written(updated(kept, here, found)))
        print(f"{KEPT.name}: {len(found)} numbers are written")
        return 0
    return judged(here, found, kept)


def judged(here: dict[str, str], found: Counts, kept: list[Kept]) -> int:
    """Print the comparison, and what was checked; return the exit status."""
    chosen, exact, why = choose(here, found, kept)
    if chosen is None:
        for name, figure in found.items():
            print(f"{name}: {figure:,.1f}")
        print(f"\nNothing was checked: {why}. `make regress REGRESS_ARGS=--update` writes these.")
        return 1
    rows = compare(found, chosen.counts, exact)
    if not exact:
        for name, figure in found.items():
            print(f"{name}: {figure:,.1f} instructions a unit")
        print()
    fine = report(rows, exact)
    checked = sum(row.before is not None and row.after is not None for row in rows)
    if exact:
        print(f"\n{checked} paths were checked, to {ALLOWED:.0%} in both directions.")
    else:
        print(
            f"\n{checked} paths were checked coarsely, by what they take of work that is not ours: "
            f"none may take {COARSE:.0%} more of it than where the numbers are from. "
            f"{ALLOWED:.0%} was NOT checked: {why}."
        )
    for implementation in IMPLEMENTATIONS:
        if title(NOT_OURS, implementation) not in found:
            print(f"No {_SHOWN[implementation]} path was checked: none was built.")
            fine = False
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
