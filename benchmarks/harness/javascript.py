# SPDX-License-Identifier: MIT
"""The JavaScript candidates: each version of eventsource-parser on each runtime, and undici.

undici is what Node's own EventSource is made of: its parser runs on the newest Node. npm
installs all beside the copy of node_peer in build/node_peer, the runtimes as packages
that hold a program for one kind of machine each, of which npm takes the one that fits. Some
300 MB in all, kept until `make clean`. What is missing is named, and costs its rows only.
May import: processes, tables.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
from typing import NamedTuple

from .processes import ROOT, NoAnswer, output_of

NAME = "eventsource-parser"
UNDICI = "undici"
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
# Seconds; a runtime says its version in less than one.
VERSION_LIMIT = 60.0


class Peer(NamedTuple):
    """A candidate: its name, its versions, and how its worker is started."""

    name: str
    versions: str
    command: list[str]


def is_one(name: str) -> bool:
    """Return whether a candidate is JavaScript."""
    return name.startswith((NAME, UNDICI))


def peers() -> tuple[list[Peer], dict[str, str]]:
    """Install what is needed; return the candidates, and why others are not among them."""
    npm = shutil.which("npm")
    if npm is None:
        return [], dict.fromkeys((NAME, UNDICI), "no npm on the PATH")
    why = _install(npm)
    if why:
        return [], dict.fromkeys((NAME, UNDICI), why)
    runtimes, skipped = _runtimes()
    found = [
        _peer(f"{NAME} {parser}", f"{NAME}-{parser}", runtime, *runtimes[runtime])
        for parser in PARSERS
        for runtime in runtimes
    ]
    nodes = [runtime for runtime in runtimes if runtime != "Bun"]
    if nodes:
        runtime = max(nodes, key=_generation)
        found.append(_peer(UNDICI, UNDICI, runtime, *runtimes[runtime]))
    else:
        skipped[UNDICI] = "no Node runs"
    return found, skipped


def _peer(title: str, package: str, runtime: str, program: str, version: str) -> Peer:
    command = [program, str(FOLDER / "worker.mjs"), package]
    return Peer(f"{title} on {runtime}", f"({installed(package)}, {version})", command)


def _generation(runtime: str) -> int:
    return int(runtime.partition(" ")[2] or 0)


def newest_node() -> tuple[str, str]:
    """Install what is needed; return the program of the newest Node that runs, and its version.

    Raises:
        NoAnswer: there is none; the text says why.
    """
    npm = shutil.which("npm")
    why = "no npm on the PATH" if npm is None else _install(npm)
    runtimes = {} if why else _runtimes()[0]
    nodes = [name for name in runtimes if name != "Bun"]
    if not nodes:
        raise NoAnswer(why or "no Node that runs")
    return runtimes[max(nodes, key=_generation)]


def installed(package: str) -> str:
    """Return the version of a package that was installed from npm."""
    text = (FOLDER / "node_modules" / package / "package.json").read_text("utf-8")
    return str(json.loads(text)["version"])


@functools.cache
def _install(npm: str) -> str:
    """Return why nothing could be installed; "" if all is there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in SOURCE.iterdir():
        shutil.copy(path, FOLDER)
    # Neither needs a script of its own to be run, and what is in npm's cache needs no network.
    flags = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    try:
        output_of([npm, "install", *flags], dict(os.environ), INSTALL_LIMIT, FOLDER)
    except NoAnswer as exc:
        return f"npm install: {exc}"
    packages = json.loads((SOURCE / "package.json").read_text("utf-8"))["dependencies"]
    if not all((FOLDER / "node_modules" / name).is_dir() for name in packages):
        return "npm install brought nothing"
    return ""


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
        version = output_of([program, "--version"], dict(os.environ), VERSION_LIMIT).strip()
    except NoAnswer:
        return None
    version = version.lstrip("v")
    return version if version.partition(".")[0].isdigit() else None


def newest(names: list[str], runtime: str) -> list[str]:
    """Return the candidates on a runtime; of several generations of Node those on the newest."""
    generations: dict[int, list[str]] = {}
    for name in filter(is_one, names):
        on = name.partition(" on ")[2]
        if on.partition(" ")[0] == runtime:
            generations.setdefault(_generation(on), []).append(name)
    return generations[max(generations)] if generations else []
