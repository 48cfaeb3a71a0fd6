# SPDX-License-Identifier: MIT
"""Figures of another run beside those of this machine, for --against of `ssewire bench`.

The file is one that `make bench` writes (docs/benchmarks/schema.json says what is in it); whatever
else it holds is not looked at. May import: _version, _output, _published.
"""

from __future__ import annotations

import json
import os
import platform
import sys

from .._version import __version__
from ._output import CommandError, file_errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # (corpus, chunks), as the file calls them.
    Key = tuple[str, str]

PUBLISHED = "published"
# Ours and the file's names of the implementations.
_CANDIDATES = {"python": "ssewire py", "cython": "ssewire cy"}
# The file of all candidates has some 100 KB; a hundred times that is no file of figures.
_MOST = 10 * 1024 * 1024
# Wider than any figure, and than most names.
_WIDTH = 24


class Figures:
    """What a file tells: nanoseconds per event of each implementation, and of which machine.

    Raises:
        CommandError: there is no such file, or nothing to compare with in it.
    """

    def __init__(self, name: str, wanted: list[Key]) -> None:
        self.name = name
        found = _content(name)
        self.facts = _facts(found)
        # Implementation -> figures; those that were not measured are missing.
        self.costs: dict[str, dict[Key, float]] = {}
        candidates = {candidate: ours for ours, candidate in _CANDIDATES.items()}
        for row in _list(found.get("rows")):
            if not isinstance(row, dict):
                continue
            key = (row.get("corpus"), row.get("chunks"))
            candidate = row.get("candidate")
            ours = candidates.get(candidate) if isinstance(candidate, str) else None
            cost = _cost(row)
            if ours is not None and key in wanted and cost is not None:
                self.costs.setdefault(ours, {})[str(key[0]), str(key[1])] = cost
        if not self.costs:
            corpora, chunks = (", ".join(dict.fromkeys(each)) for each in zip(*wanted))
            raise CommandError(
                f"nothing to compare with in {name}: no row of {' or '.join(_CANDIDATES.values())} "
                f"for the corpora {corpora} in the chunks {chunks}"
            )


def _content(name: str) -> dict[str, Any]:
    if name == PUBLISHED and not os.path.exists(name):
        from ._published import FIGURES

        return FIGURES
    with file_errors("read", name), open(name, "rb") as file:
        data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise CommandError(f"{name} is no file of figures: over {_MOST >> 20} MiB")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise CommandError(f"{name} is no file of figures: not JSON") from None
    if not isinstance(found, dict):
        raise CommandError(f"{name} is no file of figures: not a JSON object")
    return found


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _cost(row: dict[str, Any]) -> float | None:
    """Return the nanoseconds per event of a row; None if it was not measured, or was wrong."""
    seconds, events = _figure(row.get("seconds")), _figure(row.get("events"))
    if seconds is None or events is None or row.get("fault"):
        return None
    return seconds / events * 1e9


def _figure(value: object) -> float | None:
    # NaN and the infinities, which Python's JSON has, are none; nor is an integer beyond them.
    if isinstance(value, (int, float)) and 0 < value < 1e300:
        return float(value)
    return None


def _facts(found: dict[str, Any]) -> dict[str, str]:
    """Return what a file says of its machine, as `_here` says it of this one."""
    machine = found.get("machine")
    if not isinstance(machine, str):
        machine = ""
    python, _, rest = machine.partition(", ")
    cpu, _, cores = rest.rpartition(", ")
    versions = found.get("versions")
    version = versions.get("ssewire") if isinstance(versions, dict) else None
    load = found.get("load")
    facts = {
        "ssewire": version,
        "Python": python,
        "CPU": cpu,
        "cores": cores.partition(" ")[0],
        "load": load.partition(" ")[2].partition(" ")[0] if isinstance(load, str) else None,
    }
    return {
        name: fact if isinstance(fact, str) and fact else "unknown" for name, fact in facts.items()
    }


def _here() -> dict[str, str]:
    """Return the same of this machine, in the words of benchmarks/harness/processes.py."""
    return {
        "ssewire": __version__,
        "Python": f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}",
        "CPU": _cpu(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown",
    }


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or "unknown"
    return "unknown"


def comparison(
    figures: Figures, here: dict[str, dict[Key, float]], titles: dict[Key, tuple[str, str]]
) -> str:
    """Return the ratios, and what differs in the machine.

    Args:
        figures: those to compare with.
        here: nanoseconds per event of this machine's implementations.
        titles: what is measured -> the stream and the chunks in words, in the order of the rows.
    """
    names = [name for name in here if here[name] and name in figures.costs]
    lines = [f"this machine's time over that of {figures.name}: less than 1 is faster here"]
    if names:
        lines.append(" " * _WIDTH + "".join(f"{name:>18}" for name in names))
    title = ""
    for key, (stream, chunks) in titles.items() if names else ():
        if stream != title:
            title = stream
            lines.append(title)
        row = f"  {chunks:<{_WIDTH - 2}}"
        for name in names:
            there = figures.costs[name].get(key)
            row += f"{here[name][key] / there:>16.2f} x" if there else f"{'-':>18}"
        lines.append(row)
    for name, candidate in _CANDIDATES.items():
        if bool(here.get(name)) != (name in figures.costs):
            where = "here only" if here.get(name) else "there only"
            lines.append(f"no ratio of {name} ({candidate}): measured {where}")
    return "\n".join([*lines, "", *_differences(figures.facts)])


def _differences(there: dict[str, str]) -> list[str]:
    here = _here()
    # A load is never the same twice; it says how far the figures are to be trusted.
    unlike = [name for name in here if here[name] != there[name] or name == "load"]
    width = max(len("there"), *(len(there[name]) for name in unlike))
    lines = [f"{'what differs':<14}{'there':<{width}}  here"]
    lines += [f"  {name:<12}{there[name]:<{width}}  {here[name]}" for name in unlike]
    alike = [name for name in here if name not in unlike]
    if alike:
        lines.append(f"the same: {', '.join(f'{name} {here[name]}' for name in alike)}")
    return lines
