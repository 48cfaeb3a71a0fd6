# SPDX-License-Identifier: MIT
"""What imports cost: each in a new interpreter, from byte code.

May import: processes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

from .processes import environment


def best(rounds: int, candidates: list[tuple[str, str]]) -> list[float]:
    """Return the seconds of the fastest import of each (module, implementation), taken in turns.

    Byte code is kept in a folder for these rounds, so that it does not matter whether an
    installer or PYTHONDONTWRITEBYTECODE left any.
    """
    found = [float("inf")] * len(candidates)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for number, (module, implementation) in enumerate(candidates):
                seconds, _ = once(module, implementation, PYTHONPYCACHEPREFIX=folder)
                found[number] = min(found[number], seconds)
    return found


def once(
    module: str, implementation: str, clock: str = "perf_counter", **variables: str
) -> tuple[float, list[str]]:
    """Import a module; return the seconds that it took, and the names that it loaded.

    Args:
        clock: the function of `time` that tells the seconds.
        variables: of the environment.
    """
    code = (
        f"import sys, time; before = set(sys.modules); start = time.{clock}(); "
        f"import {module}; print(time.{clock}() - start, *sorted(set(sys.modules) - before))"
    )
    env = {**environment(implementation), **variables}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    seconds, *names = done.stdout.split()
    return float(seconds), names
