# SPDX-License-Identifier: MIT
"""What imports cost: each in a new interpreter, from byte code.

May import: processes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import NamedTuple

from .processes import NO_FIGURES, NoAnswer, answer_of, environment

# Seconds; the slowest import there is takes two.
_LIMIT = 30.0
# Run in an interpreter that is to load nothing else, so that the answer is written by hand.
_CODE = """\
import sys, time
before = set(sys.modules)
start = time.{clock}()
{statement}
seconds = time.{clock}() - start
names = sorted(set(sys.modules) - before)
try:
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[1])
except OSError:
    size = 0
# On a line of its own, whatever the import has printed.
print()
print("[%r, %d, [%s]]" % (seconds, size, ", ".join('"%s"' % name for name in names)))
"""


class Imported(NamedTuple):
    """What an import came to."""

    seconds: float
    names: list[str]  # of the modules that it loaded
    resident: int  # bytes of the whole process afterwards; 0 where the system does not tell


def best(rounds: int, candidates: list[tuple[str, str]]) -> list[float]:
    """Return the seconds of the fastest import of each (module, implementation), taken in turns.

    Byte code is kept in a folder for these rounds, so that it does not matter whether an
    installer or PYTHONDONTWRITEBYTECODE left any.
    """
    found = [float("inf")] * len(candidates)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for number, (module, implementation) in enumerate(candidates):
                imported = once(module, implementation, PYTHONPYCACHEPREFIX=folder)
                found[number] = min(found[number], imported.seconds)
    return found


def once(
    module: str, implementation: str, clock: str = "perf_counter", **variables: str
) -> Imported:
    """Import a module, "" for none.

    Args:
        clock: the function of `time` that tells the seconds.
        variables: of the environment.

    Raises:
        NoAnswer: it cannot be imported, or not in time, or it ends the interpreter.
    """
    statement = f"import {module}" if module else "pass"
    env = {**environment(implementation), **variables}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", _CODE.format(clock=clock, statement=statement)]
    told = answer_of(command, env, _LIMIT)
    try:
        seconds, pages, names = told
        resident = int(pages) and int(pages) * os.sysconf("SC_PAGE_SIZE")
        return Imported(float(seconds), list(names), resident)
    except (TypeError, ValueError, OverflowError):
        raise NoAnswer(NO_FIGURES) from None
