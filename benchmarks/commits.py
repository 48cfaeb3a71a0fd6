# SPDX-License-Identifier: MIT
"""Is a commit slower or larger than another? `python -m benchmarks.commits BASE [HEAD]`.

Both are built into environments of their own, BASE into two: a difference between those is
noise. The code of this working tree measures all three (rows.py), row by row in turn,
each round in new processes. A row is marked where HEAD takes over 3 % more than BASE beyond
the noise (harness/judging.py); rows that are marked, or too noisy to tell, get more rounds
first, but not with `--quick`. `make compare BASE=REV` runs it in an environment that has
what it takes to build.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from importlib import metadata
from pathlib import Path

from . import rows
from .harness import judging
from .harness.legs import Leg, commit, leg, uncommitted, wheel
from .harness.processes import IMPLEMENTATIONS, NoAnswer, machine
from .harness.tables import significant, table

ROUNDS = 7
# How often rows that are not settled get as many rounds again, at most.
MORE = 2
# What is counted by names, not judged: a module that becomes a package has more of them.
TOLD = ", modules of its own"

# How often a process is asked for a row in a round: in several moments rather than in one.
SWEEPS = 3

LEGS = ("before", "after", "again")
# Row -> leg -> its figures, of which the nth of all legs are neighbours in time.
Figures = dict[str, dict[str, list[float]]]


class Comparison:
    """The legs, and what they have given so far."""

    def __init__(self, legs: dict[str, Leg], requests: list[rows.Request]) -> None:
        self.legs = legs
        self.requests = requests
        self.figures: Figures = defaultdict(lambda: {name: [] for name in LEGS})
        # Why a request was not answered by a leg, the last time.
        self.faults: dict[rows.Request, str] = {}
        self._rows: dict[rows.Request, set[str]] = defaultdict(set)
        self._round = 0

    def measure(self, requests: list[rows.Request], rounds: int) -> None:
        """Measure so many rounds of some requests."""
        for number in range(rounds):
            began = time.monotonic()
            for implementation in IMPLEMENTATIONS:
                chosen = [each for each in requests if each.implementation == implementation]
                if chosen:
                    self._measure_round(implementation, chosen)
            took = time.monotonic() - began
            print(
                f"{len(requests)} requests, round {number + 1} of {rounds}: {took:.0f} s, "
                f"load {os.getloadavg()[0]:.1f}",
                flush=True,
            )

    def _measure_round(self, implementation: str, requests: list[rows.Request]) -> None:
        self._round += 1
        try:
            for one in self.legs.values():
                one.start(implementation, self._round)
            for sweep in range(SWEEPS):
                for number, request in enumerate(requests):
                    if sweep == 0 or not request.alone:
                        # Each leg is first, second and last equally often.
                        self._ask(request, (self._round + sweep + number) % len(LEGS))
        finally:
            for one in self.legs.values():
                one.close()

    def _ask(self, request: rows.Request, turn: int) -> None:
        """Ask all legs, one right after the other; what one cannot say counts for none."""
        answers: dict[str, rows.Figures] = {}
        for name in LEGS[turn:] + LEGS[:turn]:
            try:
                answers[name] = self.legs[name].ask(*request[2:])
            except NoAnswer as exc:
                self.faults[request] = f"{name}: {exc}"
                return
        for row in answers["before"]:
            title = f"{request.title}, {row}"
            self._rows[request].add(title)
            for name, found in answers.items():
                self.figures[title][name].append(found[row])

    def judged(self) -> dict[str, judging.Row]:
        """Return what the figures of each row come to."""
        return {
            title: judging.judge(found["before"], found["after"], found["again"])
            for title, found in self.figures.items()
        }

    def unsettled(self) -> list[rows.Request]:
        """Return the requests that have a row of which more rounds may say more."""
        judged = self.judged()
        open_ = {title for title, row in judged.items() if not row.settled and judge_it(title)}
        return [request for request in self.requests if self._rows[request] & open_]

    def missing(self) -> list[str]:
        """Return the requests that were never answered by all legs, and why."""
        return [
            f"{' '.join(map(str, request[:3]))} {' '.join(map(str, request.arguments))}: {why}"
            for request, why in self.faults.items()
            if not self._rows[request]
        ]


def judge_it(title: str) -> bool:
    return not title.endswith(TOLD)


def report(comparison: Comparison) -> bool:
    """Print the table and what is marked; return whether nothing is."""
    judged = comparison.judged()
    lines = []
    marked = []
    noisy = 0
    for title, row in judged.items():
        verdict = row.verdict if judge_it(title) else "(told)"
        if verdict == "MORE":
            marked.append(title)
        noisy += verdict == "noisy"
        figures = [significant(row.before), significant(row.after), f"{row.ratio:.3f}"]
        lines.append([title, *figures, f"{row.noise:.1%}", f"{row.of_least:.3f}", verdict])
    print(table(["row", "before", "after", "ratio", "noise", "of least", ""], lines, words=(0, 6)))
    missing = comparison.missing()
    for line in missing:
        print("not measured:", line)
    allowed = f"{judging.ALLOWED * 100:.0f} %"
    print(
        f"\n{len(judged)} rows; {len(marked)} take over {allowed} more beyond noise, "
        f"{noisy} are too noisy to tell {allowed}, {len(missing)} could not be measured"
    )
    return not marked and not missing


def main() -> int:
    """Print the table; 0 if no row takes more and none is missing, else 1."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.commits", description=__doc__)
    arguments.add_argument("base", metavar="BASE", help="the commit before")
    arguments.add_argument("head", metavar="HEAD", nargs="?", default="HEAD", help="after (HEAD)")
    arguments.add_argument("--rows", metavar="GROUP,...", help=f"of {', '.join(rows.GROUPS)}")
    arguments.add_argument("--quick", action="store_true", help="fewer corpora, shorter streams")
    arguments.add_argument("--rounds", type=int, default=ROUNDS, help="of each leg (7)")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="all rounds, as JSON")
    args = arguments.parse_args()
    groups = args.rows.split(",") if args.rows else list(rows.GROUPS)
    if not set(groups) <= set(rows.GROUPS):
        arguments.error(f"--rows takes {', '.join(rows.GROUPS)}")
    shas = {"before": commit(args.base), "after": commit(args.head)}
    shas["again"] = shas["before"]
    print(f"before {shas['before'][:12]} ({args.base}), after {shas['after'][:12]} ({args.head})")
    if uncommitted():
        print("what is not committed is not measured")
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"built by setuptools {metadata.version('setuptools')}, Cython", end=" ")
    print(metadata.version("Cython"), flush=True)
    legs = {name: leg(f"{name:_<6}", wheel(sha)) for name, sha in shas.items()}
    with rows.serving(groups, legs["before"].python) as urls:
        comparison = Comparison(legs, rows.requests(groups, args.quick, urls))
        open_ = comparison.requests
        for _ in range(1 if args.quick else 1 + MORE):
            if open_:
                comparison.measure(open_, args.rounds)
            open_ = comparison.unsettled()
    print()
    fine = report(comparison)
    if args.json:
        args.json.write_text(json.dumps({"commits": shas, "rounds": comparison.figures}, indent=1))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
