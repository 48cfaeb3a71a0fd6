# SPDX-License-Identifier: MIT
"""What does `import ssewire` cost beside `import json`? `python -m benchmarks.imports`.

Each import is timed in a fresh interpreter, in turn, and the fastest of many
counts; and what must not come with it is looked for.
"""

from __future__ import annotations

from .harness import importing, processes
from .harness.targets import verdict

ROUNDS = 40
AT_MOST = 1.5
BANNED = ("asyncio", "ssl", "urllib", "http", "socket", "json", "dataclasses", "inspect", "typing")


def main() -> int:
    """Print the times and ratios; 0 if the target is reached."""
    implementations = [
        name for name in processes.IMPLEMENTATIONS if name == "python" or processes.built()
    ]
    candidates = [("json", "python"), *(("ssewire", name) for name in implementations)]
    reference, *ours = importing.best(ROUNDS, candidates)
    print(processes.machine())
    print(f"import json              {reference * 1e3:7.2f} ms")
    reached = True
    for name, took in zip(implementations, ours):
        _, loaded = importing.once("ssewire", name)
        banned = sorted(set(BANNED) & set(loaded))
        fine = took <= AT_MOST * reference and not banned
        reached = reached and fine
        print(
            f"import ssewire ({name}) {took * 1e3:7.2f} ms  {took / reference:.2f} x "
            f"(at most {AT_MOST}), loads {', '.join(banned) or 'no banned module'}: "
            f"{verdict(fine)}"
        )
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
