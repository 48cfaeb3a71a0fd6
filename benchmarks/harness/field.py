"""The candidates that can run here, each in a process of its own with a time limit.

A process each: there is one event class in a process, which ssewire's
implementations are to have their own of; a peer that hangs is stopped without
harm to the others; and memory is that of one candidate.
May import: asking, candidates, processes, shapes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

from . import candidates, processes, shapes
from .asking import Worker
from .processes import ROOT

NODE_PEER = "eventsource-parser"
OURS = {"ssewire py": "python", "ssewire cy": "cython"}


class Field:
    """The candidates by name, their versions, and why others are not among them."""

    def __init__(self, stack: ExitStack, corpora: list[str]) -> None:
        self.workers: dict[str, Worker] = {}
        self.versions: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        self._stack = stack
        for name, implementation in OURS.items():
            if implementation == "cython" and not processes.built():
                self.skipped[name] = "the extension was never built"
            else:
                self._add(name, processes.environment(implementation))
        if "ssewire cy" in self.workers:
            if candidates.floor(b"", 1) is None:
                self.skipped["floor"] = "not built (python benchmarks/harness/floor/setup.py)"
            else:
                self._add("floor", processes.environment("cython"))
        for name in candidates.PEERS:
            version = candidates.installed(name)
            if version is None:
                self.skipped[name] = "not installed"
            else:
                self.versions[name] = version
                self._add(name, processes.environment("python"))
        self._add_node(corpora)

    def _add(self, name: str, env: dict[str, str]) -> None:
        worker = Worker([sys.executable, "-m", "benchmarks.harness.worker", name], env)
        self._stack.callback(worker.close)
        self.workers[name] = worker

    def _add_node(self, corpora: list[str]) -> None:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            self.skipped[NODE_PEER] = "no node or npm on the PATH"
            return
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("package.json", "worker.mjs"):
            shutil.copy(ROOT / "benchmarks" / "harness" / "node_peer" / name, folder)
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
            _write_corpus(folder, shapes.CORPORA[name]())
            shapes.build.cache_clear()
        worker = Worker([node, str(folder / "worker.mjs"), str(folder)], dict(os.environ))
        self._stack.callback(worker.close)
        self.workers[NODE_PEER] = worker
        package = folder / "node_modules" / NODE_PEER / "package.json"
        self.versions[NODE_PEER] = json.loads(package.read_text())["version"]
        done = subprocess.run([node, "--version"], stdout=subprocess.PIPE, text=True, check=True)
        self.versions["node"] = done.stdout.strip().lstrip("v")

    @property
    def peers(self) -> list[str]:
        """The names of all candidates that are neither ours nor the floor."""
        return [name for name in self.workers if name not in OURS and name != "floor"]


def _write_corpus(folder: Path, corpus: shapes.Corpus) -> None:
    (folder / f"{corpus.name}.sse").write_bytes(corpus.document)
    expected = [[data, event] for data, event, _ in corpus.expected]
    (folder / f"{corpus.name}.json").write_text(json.dumps(expected))
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
