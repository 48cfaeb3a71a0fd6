# SPDX-License-Identifier: MIT
"""The candidates that can run here, each in a process of its own with a time limit.

A process each: there is one event class in a process, which ssewire's
implementations are to have their own of; a peer that hangs is stopped without
harm to the others; and memory is that of one candidate.
May import: asking, candidates, golang, javascript, processes, shapes.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

from . import candidates, golang, javascript, processes, shapes
from .asking import Worker

OURS = {"ssewire py": "python", "ssewire cy": "cython"}


class Field:
    """The candidates by name, their versions, and why others are not among them.

    Args:
        corpora: the names of those that are asked for, which other languages get as files.
        clients: also those that only read from a server, which can be judged, not timed.
    """

    def __init__(self, stack: ExitStack, corpora: list[str], clients: bool = False) -> None:
        self.workers: dict[str, Worker] = {}
        self.versions: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        # Those that are not Python: their memory is not counted as that of the others.
        self.foreign: set[str] = set()
        self._stack = stack
        for name, implementation in OURS.items():
            if implementation == "cython" and not processes.built():
                self.skipped[name] = "the extension was never built"
            else:
                self._add(name, processes.environment(implementation))
        if "ssewire cy" in self.workers:
            if candidates.floor(b"", []) is None:
                self.skipped["floor"] = "not built (python benchmarks/harness/floor/setup.py)"
            else:
                self._add("floor", processes.environment("cython"))
        for name in (*candidates.PEERS, *(candidates.CLIENTS if clients else ())):
            version = candidates.installed(name)
            if version is None:
                self.skipped[name] = "not installed"
            else:
                self.versions[name] = version
                self._add(name, processes.environment("python"))
        self._add_programs(corpora)

    def _add(self, name: str, env: dict[str, str]) -> None:
        worker = Worker([sys.executable, "-m", "benchmarks.harness.worker", name], env)
        self._stack.callback(worker.close)
        self.workers[name] = worker

    def _add_programs(self, corpora: list[str]) -> None:
        """Add the candidates in other languages."""
        found: list[javascript.Peer] = []
        for language in (javascript, golang):
            peers, missing = language.peers()
            found += peers
            self.skipped.update(missing)
        if not found:
            return
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        for name in corpora:
            _write_corpus(folder, shapes.CORPORA[name]())
            shapes.build.cache_clear()
        for peer in found:
            worker = Worker([*peer.command, str(folder)], dict(os.environ))
            self._stack.callback(worker.close)
            self.workers[peer.name] = worker
            self.versions[peer.name] = peer.versions
            self.foreign.add(peer.name)

    def close(self) -> None:
        """End all processes; each is started again when it is asked."""
        for worker in self.workers.values():
            worker.close()

    @property
    def peers(self) -> list[str]:
        """The names of all candidates that are neither ours nor the floor."""
        return [name for name in self.workers if name not in OURS and name != "floor"]


def _write_corpus(folder: Path, corpus: shapes.Corpus) -> None:
    (folder / f"{corpus.name}.sse").write_bytes(corpus.document)
    (folder / f"{corpus.name}.json").write_text(json.dumps(corpus.expected))
    ends = []
    end = 0
    for event in corpus.wire:
        end += len(event)
        ends.append(end)
    (folder / f"{corpus.name}.ends").write_text(json.dumps(ends))


def ssewire_version() -> str:
    try:
        return metadata.version("ssewire")
    except metadata.PackageNotFoundError:
        import ssewire

        return ssewire.__version__
