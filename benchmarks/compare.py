"""Measure all candidates on the same bytes in one run, round by round in turn.

Taking turns is what makes ratios hold on a machine that others use: a slow
minute slows everybody's round. The best of all rounds counts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from . import parsers, shapes

ROOT = Path(__file__).resolve().parent.parent
NODE_PEER = "eventsource-parser"


class Cell(NamedTuple):
    """One candidate on one corpus in one chunk shape."""

    seconds: float  # of the best round
    events: int
    fault: str  # what is wrong with its events; "" if nothing is

    @property
    def per_event(self) -> float:
        return self.seconds / self.events if self.events else float("nan")


Results = dict[tuple[str, str], dict[str, Cell]]  # (corpus, chunks) -> candidate -> cell


class Worker:
    """A process that times candidates on request."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **env},
            cwd=ROOT,
            text=True,
        )

    def ask(self, what: str, name: str, corpus: str, chunks: str) -> list[Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, name, corpus, chunks]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker for {name} ended on {corpus} in {chunks} chunks")
        answer: list[Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.communicate()


class Field:
    """The candidates that can run here, and why the others cannot."""

    def __init__(self, stack: ExitStack, corpora: list[str]) -> None:
        self.workers: dict[str, Worker] = {}
        self.skipped: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        python = self._start(stack, "python")
        self.workers["ssewire py"] = python
        try:
            import ssewire._parser_cy  # noqa: F401
        except ModuleNotFoundError:
            self.skipped["ssewire cy"] = "the extension was never built"
        else:
            compiled = self._start(stack, "cython")
            self.workers["ssewire cy"] = compiled
            if parsers.floor(b"", 1) is None:
                self.skipped["floor"] = "not built (python benchmarks/floor/setup.py)"
            else:
                self.workers["floor"] = compiled
        for name in parsers.PEERS:
            version = parsers.installed(name)
            if version is None:
                self.skipped[name] = "not installed"
            else:
                self.versions[name] = version
                self.workers[name] = python
        self._start_node(stack, corpora)

    @staticmethod
    def _start(stack: ExitStack, implementation: str) -> Worker:
        worker = Worker(
            [sys.executable, "-m", "benchmarks.worker"], {"SSEWIRE_PARSER": implementation}
        )
        stack.callback(worker.close)
        return worker

    def _start_node(self, stack: ExitStack, corpora: list[str]) -> None:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            self.skipped[NODE_PEER] = "no node or npm on the PATH"
            return
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("package.json", "worker.mjs"):
            shutil.copy(ROOT / "benchmarks" / "node_peer" / name, folder)
        install = subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if install.returncode != 0:
            self.skipped[NODE_PEER] = "npm install failed"
            return
        for name in corpora:
            corpus = shapes.CORPORA[name]()
            (folder / f"{name}.sse").write_bytes(corpus.document)
            (folder / f"{name}.json").write_text(
                json.dumps([[data, event] for data, event, _ in corpus.expected])
            )
            ends = []
            end = 0
            for event in corpus.wire:
                end += len(event)
                ends.append(end)
            (folder / f"{name}.ends").write_text(json.dumps(ends))
        worker = Worker([node, str(folder / "worker.mjs"), str(folder)], {})
        stack.callback(worker.close)
        self.workers[NODE_PEER] = worker
        package = folder / "node_modules" / NODE_PEER / "package.json"
        self.versions[NODE_PEER] = json.loads(package.read_text())["version"]


def measure(corpora: list[str], chunk_shapes: list[str], rounds: int) -> tuple[Results, Field]:
    """Return the best time of each candidate on each corpus and chunk shape."""
    results: Results = {}
    with ExitStack() as stack:
        field = Field(stack, corpora)
        steps = [(c, s) for s in chunk_shapes for c in corpora]
        for corpus, chunks in _shown(steps):
            names = [n for n in field.workers if n != "floor" or chunks == "64k"]
            faults = {
                n: "" if n == "floor" else field.workers[n].ask("check", n, corpus, chunks)[1]
                for n in names
            }
            best = dict.fromkeys(names, float("inf"))
            count = dict.fromkeys(names, 0)
            for _ in range(rounds):
                for name in names:
                    if not faults[name].endswith("Error"):  # one that raises has no time
                        seconds, count[name] = field.workers[name].ask(
                            "count", name, corpus, chunks
                        )
                        best[name] = min(best[name], seconds)
            results[corpus, chunks] = {n: Cell(best[n], count[n], faults[n]) for n in names}
            expected = len(shapes.CORPORA[corpus]().expected)
            for name in ("ssewire py", "ssewire cy", "floor"):
                if name in names and (faults[name] or count[name] != expected):
                    raise SystemExit(
                        f"{name} is wrong on {corpus} in {chunks} chunks: "
                        f"{faults[name] or f'{count[name]} events, not {expected}'}"
                    )
    return results, field


def _shown(steps: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for number, step in enumerate(steps, 1):
        if sys.stderr.isatty():
            print(f"\r\033[K{number}/{len(steps)} {step[0]} {step[1]}", end="", file=sys.stderr)
        yield step
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)


def fastest_peer(cells: dict[str, Cell]) -> Cell:
    """Return the cell of the fastest pure-Python peer, right or wrong: a bar is a bar."""
    return min((cells[n] for n in parsers.PEERS if n in cells), key=lambda c: c.seconds)
