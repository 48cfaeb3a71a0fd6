# SPDX-License-Identifier: MIT
"""The replay server for programs of the documentation."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ssewire
from ssewire.cli import replay
from ssewire.replay import Recording, serve_in_thread

RECORDINGS = Path(__file__).resolve().parents[2] / "src" / "ssewire" / "replay" / "examples"


def environment(**variables: str) -> dict[str, str]:
    """Return the variables for another process, which then finds the ssewire of the tests."""
    package = str(Path(ssewire.__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, *sys.path]), **variables}


@contextlib.contextmanager
def served(what: str | None, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Serve recordings, and give an environment in which programs find them.

    Args:
        what: the arguments of `ssewire replay`, or names of recordings and options of the
            server, `name.sse fault=reset at=3`; None serves nothing.
    """
    without = {
        name: value for name, value in environment.items() if not name.startswith("ANTHROPIC_")
    }
    if what is None:
        yield without
        return
    names, options = _as_command(what) if what.startswith("-") else _in_short(what)
    recordings = [Recording.example(name) for name in names]
    with serve_in_thread(recordings, speed=float("inf"), **options) as server:
        yield {**without, "ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-not-a-key"}


def _as_command(what: str) -> tuple[list[str], dict[str, Any]]:
    parser = argparse.ArgumentParser(exit_on_error=False)
    replay.add_options(parser)
    args = parser.parse_args(shlex.split(what))
    assert not args.files
    names = ("fault", "at", "times", "retry_after")
    return args.example, {name: getattr(args, name) for name in names}


def _in_short(what: str) -> tuple[list[str], dict[str, Any]]:
    words = what.split()
    names = [word.partition(".")[0] for word in words if "=" not in word]
    options: dict[str, Any] = dict(word.split("=", 1) for word in words if "=" in word)
    for name in ("at", "times"):
        if name in options:
            options[name] = int(options[name])
    return names, options
