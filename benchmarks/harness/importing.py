"""What imports cost: each in a new interpreter, from byte code that is kept for the run.

It does not matter, then, whether an installer or PYTHONDONTWRITEBYTECODE left any.
May import: processes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

from .processes import environment


def best(
    rounds: int, candidates: list[tuple[str, str]], clock: str = "perf_counter"
) -> list[float]:
    """Return the seconds of the fastest import of each (module, implementation), taken in turns.

    Args:
        clock: the function of `time` that tells them.
    """
    found = [float("inf")] * len(candidates)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for number, (module, implementation) in enumerate(candidates):
                code = (
                    f"import time; start = time.{clock}(); "
                    f"import {module}; print(time.{clock}() - start)"
                )
                found[number] = min(found[number], float(_run(code, implementation, folder)))
    return found


def loaded(module: str, implementation: str) -> list[str]:
    """Return the modules that an import loads into a new interpreter, packages among them."""
    code = (
        f"import sys; before = set(sys.modules); import {module}; "
        "print(*sorted(set(sys.modules) - before))"
    )
    with tempfile.TemporaryDirectory() as folder:
        return _run(code, implementation, folder).split()


def _run(code: str, implementation: str, folder: str) -> str:
    env = {**environment(implementation), "PYTHONPYCACHEPREFIX": folder}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout
