"""Run a benchmark module once for each implementation, in a process of its own.

A process has one event class, chosen by SSEWIRE_PARSER at import: the Python
parser is to be measured with Python events, the compiled one with compiled ones.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ssewire

ROOT = Path(__file__).resolve().parents[2]
IMPLEMENTATIONS = ("python", "cython")


def environment(implementation: str) -> dict[str, str]:
    """Return the environment in which a new process has an implementation of this one's ssewire."""
    path = [str(Path(ssewire.__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "SSEWIRE_PARSER": implementation,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }


def measure(module: str, implementation: str, *arguments: str) -> Any:
    """Return what `python -m benchmarks.MODULE --measure` prints; None if it was never built."""
    if implementation == "cython" and not built():
        return None
    command = [sys.executable, "-m", f"benchmarks.{module}", "--measure", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(implementation), stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def built() -> bool:
    """Return whether there is a compiled parser."""
    return importlib.util.find_spec("ssewire._parser_cy") is not None


def machine() -> str:
    """Return what the figures were measured on, in one line."""
    cpu = "unknown CPU"
    if os.path.exists("/proc/cpuinfo"):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{sys.implementation.name} {version}, {cpu}, {os.cpu_count()} cores"
