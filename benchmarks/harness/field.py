"""The candidates that can run here, each in a process of its own with a time limit.

A process each: there is one event class in a process, which ssewire's
implementations are to have their own of; a peer that hangs is stopped without
harm to the others; and memory is that of one candidate.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Any

from . import candidates, processes, shapes

ROOT = Path(__file__).resolve().parents[2]
NODE_PEER = "eventsource-parser"
OURS = {"ssewire py": "python", "ssewire cy": "cython"}
# Seconds for one answer. The slowest that get anywhere need less for any corpus.
LIMIT = 20.0


class NoAnswer(Exception):
    """A candidate raised, took too long or died; the text says which."""


class Worker:
    """A process that does what it is told with one candidate; started when first needed."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._command = command
        self._env = env
        self._process: subprocess.Popen[str] | None = None

    def ask(self, *request: Any, limit: float = LIMIT) -> Any:
        """Return the answer to a request (benchmarks/harness/worker.py says which there are).

        Raises:
            NoAnswer: the candidate raised, did not answer within `limit` seconds and
                was stopped, or ended; the next request finds a new process.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=self._env,
                cwd=ROOT,
                text=True,
                encoding="utf-8",
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit, stop)
        timer.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            self.close()
            raise NoAnswer(f"over {limit:g} s" if late.is_set() else "its process died")
        answer: dict[str, Any] = json.loads(line)
        if "raised" in answer:
            raise NoAnswer(f"raises {answer['raised']}")
        return answer["answer"]

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


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
