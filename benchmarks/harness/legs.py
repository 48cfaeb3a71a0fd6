# SPDX-License-Identifier: MIT
"""Commits built into environments of their own, and their processes that answer.

A leg is a virtual environment with the wheel of one commit and nothing else; what is
run in it is the benchmarks' code of this working tree. May import: asking, processes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from .asking import Worker
from .processes import ROOT

FOLDER = ROOT / "build" / "commits"
# Seconds for one answer: the longest, many streams, takes some ten on a quiet machine.
LIMIT = 90.0


class Leg:
    """One environment: asks its processes, of which there is one an implementation and round."""

    def __init__(self, python: str, home: Path | None = None) -> None:
        self.python = python
        # Where its ssewire must come from; None: wherever it is.
        self._home = home
        self._worker: Worker | None = None
        self._env: dict[str, str] = {}

    def start(self, implementation: str, seed: int) -> None:
        """Begin with a new process.

        Args:
            seed: of the hashes of str: where dicts have their collisions is luck, which is to
                be the same for all legs of a round, and another in the next.
        """
        self.close()
        left_out = ("PYTHONHOME", "PYTHONPATH") if self._home else ()
        self._env = {key: value for key, value in os.environ.items() if key not in left_out}
        self._env.update(SSEWIRE_PARSER=implementation, PYTHONHASHSEED=str(seed))
        self._worker = self._new()
        file, found = self._worker.ask("where", limit=LIMIT)
        if found != implementation or not (self._home is None or self._home in Path(file).parents):
            raise RuntimeError(f"{self.python} has {file} ({found}), not its own {implementation}")

    def ask(self, function: str, arguments: tuple[Any, ...], alone: bool) -> Any:
        """Return the answer of this round's process, or of one for this request alone.

        Raises:
            NoAnswer: it could not be measured; the text says why.
        """
        assert self._worker is not None
        worker = self._new() if alone else self._worker
        try:
            return worker.ask(function, *arguments, limit=LIMIT)
        finally:
            if alone:
                worker.close()

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _new(self) -> Worker:
        return Worker([self.python, "-m", "benchmarks.rows", "--answer"], self._env)


def commit(revision: str) -> str:
    """Return the full hash of a commit."""
    command = ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"no such commit: {revision}")
    return done.stdout.strip()


def uncommitted() -> bool:
    """Return whether the working tree has sources that no commit has."""
    command = ["git", "status", "--porcelain", "--", "src"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return bool(done.stdout)


def wheel(sha: str) -> Path:
    """Return the wheel of a commit, built by this interpreter with the compiled modules."""
    folder = FOLDER / str(sysconfig.get_config_var("SOABI")) / sha
    found = list(folder.glob("*.whl"))
    if not found:
        source = folder / "source"
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "archive", sha], cwd=ROOT, stdout=subprocess.PIPE, check=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
        # No isolation: both commits by the same build tools, those of this environment.
        _pip(
            *("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)),
            str(source),
            SSEWIRE_BUILD_EXTENSION="require",
        )
        shutil.rmtree(source)
        found = list(folder.glob("*.whl"))
    (path,) = found
    return path


def leg(name: str, built: Path) -> Leg:
    """Return a new environment with a wheel.

    Args:
        name: of its folder. Names of one length: what paths take in memory is to be the same.
    """
    home = built.parent.parent / f"leg-{name}"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--clear", str(home)], check=True
    )
    python = str(home / "bin" / "python")
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.strip()
    _pip("install", "--no-deps", "--no-index", "--target", purelib, str(built))
    return Leg(python, home)


def _pip(*arguments: str, **env: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, check=True)
