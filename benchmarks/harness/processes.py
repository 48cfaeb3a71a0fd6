# SPDX-License-Identifier: MIT
"""Processes of their own for what is measured, and what this machine is.

A process has one event class, chosen by SSEWIRE_PARSER at import: the Python
parser is to be measured with Python events, the compiled one with compiled ones.
May import: the standard library, ssewire.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parents[2]
IMPLEMENTATIONS = ("python", "cython")


def environment(implementation: str) -> dict[str, str]:
    """Return the environment in which a new process has an implementation of this one's ssewire."""
    import ssewire

    path = [str(Path(ssewire.__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "SSEWIRE_PARSER": implementation,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }


def measure(module: str, *arguments: str, implementation: str | None = None) -> Any:
    """Return what `python -m benchmarks.MODULE --measure ARGUMENT...` prints, which is JSON.

    Args:
        implementation: the one of this process unless told otherwise.
    """
    chosen = implementation or os.environ.get("SSEWIRE_PARSER", "auto")
    command = [sys.executable, "-m", f"benchmarks.{module}", "--measure", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(chosen), stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def main_of_both(
    module: str, measured: Callable[[], Any], report: Callable[[str, Any], bool]
) -> int:
    """Be the program of a benchmark that measures each implementation in a process of its own.

    Args:
        measured: gives the figures of the implementation that a process has.
        report: prints those of one, and returns whether its targets are reached.

    Returns:
        The exit status: 0 if all targets are reached.
    """
    if "--measure" in sys.argv:
        print(json.dumps(measured()))
        return 0
    print(f"{machine()}; {load()}")
    reached = True
    for implementation in IMPLEMENTATIONS:
        if implementation == "cython" and not built():
            print(f"{implementation}: skipped, the extension was never built")
        else:
            found = measure(module, implementation=implementation)
            reached = report(implementation, found) and reached
    return 0 if reached else 1


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


def load() -> str:
    """Return how busy the machine has been in the last minute, in one line."""
    if not hasattr(os, "getloadavg"):
        return "load unknown"
    return f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores"


def resident() -> int:
    """Return the bytes of memory that this process has now; the most so far where unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def raise_file_limit() -> None:
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
