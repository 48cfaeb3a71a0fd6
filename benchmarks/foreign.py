# SPDX-License-Identifier: MIT
"""How fast is a parser of yours? `python -m benchmarks.foreign --name NAME -- COMMAND` tells.

For a program in any language that reads a file and prints events as NDJSON. Its events are
compared with those expected, of the corpora and of the wire cases; it is timed beside ours in
the same run; and the figures are written in the format of docs/benchmarks/schema.json.
docs/how-to/join-the-benchmark.md says how to write one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from . import conformance, parsers
from .harness import files, processes, progress, shapes
from .harness.asking import Worker
from .harness.field import OURS, ssewire_version
from .harness.processes import ROOT, NoAnswer
from .harness.program import LIMIT, Failed, Program, events, fault, seconds_of_pass
from .harness.tables import as_json, table

# Of a run of a program, which starts anew each time: best of so many.
ROUNDS = 3
MOST_LIMIT = 3600
# How wire cases are cut, beside whole.
CUTS = (1, 2)


def measure(
    name: str, program: Program, corpora: list[str], chunks: list[str], rounds: int, with_id: bool
) -> list[dict[str, Any]]:
    """Return the rows of a program, each right after those of ours on the same bytes."""
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = {}
        for each, implementation in OURS.items():
            if implementation == "python" or processes.built():
                command = [sys.executable, "-m", "benchmarks.harness.worker", each]
                ours[each] = Worker(command, processes.environment(implementation))
                stack.callback(ours[each].close)
        for corpus_name in progress.shown("corpora", corpora):
            corpus = shapes.CORPORA[corpus_name]()
            shapes.build.cache_clear()
            files.write(folder, corpus)
            for shape in chunks:
                rows += [_ours(worker, each, corpus, shape) for each, worker in ours.items()]
                rows.append(_theirs(program, name, folder, corpus, shape, rounds, with_id))
    return rows


def _row(name: str, corpus: shapes.Corpus, shape: str) -> dict[str, Any]:
    """Return the row of what was not measured."""
    where = {"corpus": corpus.name, "chunks": shape, "candidate": name}
    return {**where, "seconds": None, "events": 0, "fault": ""}


def _ours(worker: Worker, name: str, corpus: shapes.Corpus, shape: str) -> dict[str, Any]:
    row = _row(name, corpus, shape)
    try:
        # As often as a program is run.
        found = [worker.ask("count", corpus.name, shape) for _ in range(ROUNDS)]
    except NoAnswer as exc:
        return {**row, "fault": str(exc)}
    seconds, number = min(found)
    return {**row, "seconds": seconds, "events": number}


def _theirs(
    program: Program,
    name: str,
    folder: Path,
    corpus: shapes.Corpus,
    shape: str,
    rounds: int,
    with_id: bool,
) -> dict[str, Any]:
    row = _row(name, corpus, shape)
    file, ends = folder / f"{corpus.name}.sse", folder / f"{corpus.name}.ends"
    chunk = shapes.CHUNKS[shape]
    try:
        found = events(program.run(file, ends, chunk).output)
        row["fault"] = fault(found, corpus.expected, with_id)
        # What is wrong is timed too, and marked, as in the tables of `python -m benchmarks`.
        row["seconds"] = seconds_of_pass(program, file, ends, chunk, rounds)
        row["events"] = len(found)
    except Failed as exc:
        row["fault"] = str(exc)
    return row


def run_cases(
    program: Program, chosen: list[conformance.Case], with_id: bool
) -> dict[str, list[Any]]:
    """Return the verdict on each wire case that the program fails, as conformance.json has it."""
    failed = {}
    with tempfile.TemporaryDirectory() as folder:
        ends = Path(folder) / "case.ends"
        for case in progress.shown("wire cases", chosen):
            ends.write_text(f"{len(case.wire)}\n")
            expected = [(e["data"], e["event"], e["id"]) for e in case.events]
            for kind, what, whole in _verdicts(program, case, ends, expected, with_id):
                failed[case.name] = [kind, what, whole]
                break
    return failed


def _verdicts(
    program: Program,
    case: conformance.Case,
    ends: Path,
    expected: list[tuple[str, str, str]],
    with_id: bool,
) -> Iterator[tuple[str, str, bool]]:
    file = conformance.CORPUS / f"{case.name}.sse"
    whole = max(1, len(case.wire))
    for chunk in (whole, *(CUTS if program.has("chunk") else ())):
        try:
            what = fault(events(program.run(file, ends, chunk).output), expected, with_id)
        except Failed as exc:
            yield "stopped", str(exc), chunk == whole
        else:
            if what:
                yield "wrong", "ID" if what == "id" else what, chunk == whole


def shown(rows: list[dict[str, Any]]) -> str:
    """Return the rows as text, a column for each corpus: nanoseconds per event; * wrong events."""
    results: parsers.Results = {}
    for row in rows:
        times = () if row["seconds"] is None else (row["seconds"],)
        cells = results.setdefault((row["corpus"], row["chunks"]), {})
        cells[row["candidate"]] = parsers.Cell(times, row["events"], row["fault"])
    return parsers.text_tables(results)


def main() -> int:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.foreign",
        description=__doc__,
        usage="%(prog)s --name NAME [OPTION ...] -- COMMAND [WORD ...]",
    )
    arguments.add_argument("--name", required=True, help="what the program is called in the tables")
    arguments.add_argument("--version", default="", help="which version it is")
    arguments.add_argument("--corpus", action="append", choices=list(shapes.CORPORA))
    arguments.add_argument("--chunks", action="append", choices=list(shapes.CHUNKS))
    arguments.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    arguments.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help="of a run")
    arguments.add_argument(
        "--no-id", action="store_true", help="it tells no IDs, so none is judged"
    )
    arguments.add_argument("--no-cases", action="store_true", help="the corpora only")
    arguments.add_argument("--output", type=Path, metavar="FILE", help="default: below build")
    arguments.add_argument("command", nargs="+", metavar="COMMAND", help="with {file} in it")
    args = arguments.parse_args()
    program = Program(args.command, args.limit)
    if not program.has("file"):
        arguments.error("the command has no {file}")
    if args.name in (*OURS, "floor", "ssewire"):
        arguments.error(f"{args.name} is one of ours")
    if not args.name or args.rounds < 1 or not 0 < args.limit <= MOST_LIMIT:
        arguments.error(
            f"a name, at least one round, and a limit of at most {MOST_LIMIT:,} s are needed"
        )
    path = args.output or ROOT / "build" / "foreign" / f"{args.name.replace('/', '-')}.json"
    corpora = args.corpus or [name for name in shapes.CORPORA if name not in parsers.LEFT_OUT]
    chunks = [
        shape
        for shape, size in shapes.CHUNKS.items()
        if (shape in args.chunks if args.chunks else True)
        and (program.has("chunk") or shape == "64k")
        and (program.has("ends") or size)
    ]
    if not chunks:
        arguments.error("for these --chunks the command needs {chunk}, and for `event` {ends}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Before minutes are spent on what could not be kept.
        path.open("a").close()
    except OSError as exc:
        arguments.error(f"cannot write {path}: {exc.strerror}")
    print(f"{processes.machine()}; {processes.load()}")
    found: dict[str, Any] = {
        "machine": processes.machine(),
        "load": processes.load(),
        "versions": {"ssewire": ssewire_version(), args.name: args.version},
        "skipped": {},
        "rounds": args.rounds,
        "corpora": {name: shapes.described(name) for name in corpora},
        "rows": measure(args.name, program, corpora, chunks, args.rounds, not args.no_id),
    }
    print(f"ns per event; * wrong events\n\n{shown(found['rows'])}")
    wrong = {
        f"{row['corpus']}, {row['chunks']}": row["fault"] for row in found["rows"] if row["fault"]
    }
    if not args.no_cases:
        chosen = [case for case in conformance.cases() if case.common]
        failed = run_cases(program, chosen, not args.no_id)
        found["failed"] = {args.name: failed}
        print(f"\nwire cases: {len(chosen) - len(failed)} of {len(chosen)} right")
        wrong.update({case: what for case, (_, what, _) in failed.items()})
    if wrong:
        print(
            f"\n{table(['where', 'what is wrong'], list(map(list, wrong.items())), words=(0, 1))}"
        )
    path.write_text(as_json(found) + "\n", "utf-8")
    print(path)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
