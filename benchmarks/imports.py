"""What `import ssewire` costs beside `import json`: `python -m benchmarks.imports`.

Each import is timed in a fresh interpreter, in turn, and the fastest of many
counts. Both come from byte code, which is kept in a folder for this run, so that
it does not matter whether an installer or PYTHONDONTWRITEBYTECODE left any.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from .harness import processes

ROUNDS = 40
AT_MOST = 1.5
BANNED = ("asyncio", "ssl", "urllib", "http", "socket", "json", "dataclasses", "inspect", "typing")


def seconds(module: str, implementation: str) -> float:
    """Return how long an import takes in a new interpreter."""
    code = (
        "import time; start = time.perf_counter(); "
        f"import {module}; print(time.perf_counter() - start)"
    )
    return float(run(code, implementation))


def loaded(implementation: str) -> list[str]:
    """Return the banned modules that `import ssewire` loads."""
    code = (
        "import sys; before = set(sys.modules); import ssewire; "
        f"print(*sorted(set({BANNED!r}) & (set(sys.modules) - before)))"
    )
    return run(code, implementation).split()


def run(code: str, implementation: str) -> str:
    environment = processes.environment(implementation)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def compare(implementations: list[str]) -> int:
    candidates = [("json", "python"), *(("ssewire", name) for name in implementations)]
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(ROUNDS):
        for candidate in candidates:
            best[candidate] = min(best[candidate], seconds(*candidate))
    print(processes.machine())
    reference = best["json", "python"]
    print(f"import json              {reference * 1e3:7.2f} ms")
    reached = True
    for name in implementations:
        took = best["ssewire", name]
        banned = loaded(name)
        fine = took <= AT_MOST * reference and not banned
        reached = reached and fine
        print(
            f"import ssewire ({name}) {took * 1e3:7.2f} ms  {took / reference:.2f} x "
            f"(at most {AT_MOST}), loads {', '.join(banned) or 'no banned module'}: "
            f"{'reached' if fine else 'MISSED'}"
        )
    return 0 if reached else 1


def main() -> int:
    """Print the times and ratios; 0 if the target is reached."""
    implementations = [
        name for name in processes.IMPLEMENTATIONS if name == "python" or processes.built()
    ]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        return compare(implementations)


if __name__ == "__main__":
    raise SystemExit(main())
