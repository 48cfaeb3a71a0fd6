# SPDX-License-Identifier: MIT
"""The JavaScript candidates: each version of eventsource-parser on each runtime.

npm installs both beside the copy of node_peer in build/node_peer, the runtimes as packages
that hold a program for one kind of machine each, of which npm takes the one that fits. Some
300 MB in all, kept until `make clean`. What is missing is named, and costs its rows only.
May import: processes, tables.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import NamedTuple

from .processes import ROOT

NAME = "eventsource-parser"
SOURCE = ROOT / "benchmarks" / "harness" / "node_peer"
FOLDER = ROOT / "build" / "node_peer"
PARSERS = ("3", "4")
# The runtimes from npm: where each lies, whatever the machine.
FROM_NPM = {
    "Node": ("node-*/bin/node", "node-bin-*/bin/node"),
    "Bun": ("@oven/bun-*/bin/bun",),
}
# Seconds; a slow connection takes minutes for the runtimes.
INSTALL_LIMIT = 600.0


class Peer(NamedTuple):
    """A candidate: its name, its versions, and how its worker is started."""

    name: str
    versions: str
    command: list[str]


def is_one(name: str) -> bool:
    """Return whether a candidate is JavaScript."""
    return name.startswith(NAME)


def peers() -> tuple[list[Peer], dict[str, str]]:
    """Install what is needed; return the candidates, and why others are not among them."""
    npm = shutil.which("npm")
    if npm is None:
        return [], {NAME: "no npm on the PATH"}
    why = _install(npm)
    if why:
        return [], {NAME: why}
    runtimes, skipped = _runtimes()
    found = []
    for parser in PARSERS:
        package = f"{NAME}-{parser}"
        text = (FOLDER / "node_modules" / package / "package.json").read_text("utf-8")
        for runtime, (program, version) in runtimes.items():
            command = [program, str(FOLDER / "worker.mjs"), package]
            versions = f"({json.loads(text)['version']}, {version})"
            found.append(Peer(f"{NAME} {parser} on {runtime}", versions, command))
    return found, skipped


def _install(npm: str) -> str:
    """Return why nothing could be installed; "" if all is there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in SOURCE.iterdir():
        shutil.copy(path, FOLDER)
    # Neither needs a script of its own to be run, and what is in npm's cache needs no network.
    flags = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    try:
        done = subprocess.run(
            [npm, "install", *flags], cwd=FOLDER, capture_output=True, timeout=INSTALL_LIMIT
        )
    except subprocess.TimeoutExpired:
        return f"npm install took over {INSTALL_LIMIT:g} s"
    return "" if done.returncode == 0 else "npm install failed"


def _runtimes() -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return name -> program and version of each runtime, and why others are not there."""
    found: dict[str, tuple[str, str]] = {}
    skipped = {}
    places = [(name, "from npm", _from_npm(patterns)) for name, patterns in FROM_NPM.items()]
    # That of the PATH last: where it is of npm's generation, one row says all.
    places.append(("Node", "of the PATH", shutil.which("node")))
    for name, origin, program in places:
        version = _version(program)
        if program is None or version is None:
            why = "there is none for this machine" if program is None else "does not run"
            skipped[f"{NAME} on {name} {origin}"] = why
            continue
        title = name if name == "Bun" else f"{name} {version.partition('.')[0]}"
        found.setdefault(title, (program, version))
    return found, skipped


def _from_npm(patterns: tuple[str, ...]) -> str | None:
    paths = [path for pattern in patterns for path in (FOLDER / "node_modules").glob(pattern)]
    return str(paths[0]) if paths else None


def _version(program: str | None) -> str | None:
    """Return what a runtime calls its version; None if it does not run."""
    if program is None:
        return None
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().lstrip("v") if done.returncode == 0 else None


def newest(names: list[str], runtime: str) -> list[str]:
    """Return the candidates on a runtime; of several generations of Node those on the newest."""
    generations: dict[int, list[str]] = {}
    for name in filter(is_one, names):
        kind, _, generation = name.partition(" on ")[2].partition(" ")
        if kind == runtime:
            generations.setdefault(int(generation or 0), []).append(name)
    return generations[max(generations)] if generations else []
