# SPDX-License-Identifier: MIT
"""What does an import cost, ours and others'? `python -m benchmarks.imports`.

Each import is timed in a fresh interpreter, in turn, and the memory of the process counted
after it. With `--targets`: `import ssewire` beside `import json`, the fastest of many, and what
must not come with it is looked for.
"""

from __future__ import annotations

from typing import Any

from .harness import alone, importing, processes
from .harness.figures import Sheet
from .harness.tables import MIB
from .harness.targets import verdict

ROUNDS = 40
AT_MOST = 1.5
BANNED = ("asyncio", "ssl", "urllib", "http", "socket", "json", "dataclasses", "inspect", "typing")

# Imports of one run, of which the fastest counts: what disturbs one only makes it slower.
TRIES = 2
NOTHING = "python, no import"
TITLE = "Import"
_OURS = {
    **{name: name for name in ("ssewire", "ssewire.client", "ssewire.aio", "ssewire.claude")},
    "ssewire py": "ssewire",
    "ssewire.claude py": "ssewire.claude",
}
# Package -> the module that its users import.
PACKAGES = {
    **{name: name for name in ("httpx", "httpx2", "requests", "aiohttp", "ry", "anthropic")},
    **{name: name for name in ("openai", "assel", "larzsse")},
    **{name: name.replace("-", "_") for name in ("httpx-sse", "requests-sse", "axio-sse")},
    "sseclient-py": "sseclient",
    "aiohttp-sse-client": "aiohttp_sse_client.client",
    "launchdarkly-eventsource": "ld_eventsource",
}
# Candidate -> what it imports.
MODULES = {**_OURS, "json": "json", **PACKAGES}


def implementation(name: str) -> str:
    return "auto" if name in PACKAGES else "python" if name.endswith(" py") else "cython"


def sheets(runs: int, quick: bool) -> list[Sheet]:
    tries = 1 if quick else TRIES
    # The first try of each writes byte code, and brings files into memory; not in a quick run.
    met = set(MODULES if quick else ())

    def ask(name: str) -> dict[str, Any]:
        if name in PACKAGES:
            alone.need(name)
        taken = [
            importing.once(MODULES.get(name, ""), implementation(name))
            for _ in range(tries if name in met else tries + 1)
        ][-tries:]
        met.add(name)
        figures = {"import": min(one.seconds for one in taken) * 1e3}
        if taken[0].resident:
            figures["memory"] = min(one.resident for one in taken) / MIB
        return {"figures": figures, "results": {}}

    cells = alone.checked([*MODULES, NOTHING], runs, ask, {}, "imports")
    times = alone.only(cells, {"import": "import"})
    # There is nothing to time, a clock's own step.
    del times[NOTHING]
    command = "python -m benchmarks.imports"
    return [
        Sheet(
            TITLE,
            "Time of an import statement in a new interpreter, by the clock on the wall, from byte "
            f"code that is there and files that are in memory; {tries} in each run, of which the "
            "fastest counts. json, of the standard library, is there for comparison.",
            "ms",
            command,
            times,
        ),
        Sheet(
            "Memory after an import",
            "All memory of a new process after one import statement, as the system counts it "
            "(resident): the interpreter, the module and what it loads.",
            "MiB",
            command,
            alone.only(cells, {"memory": "memory"}),
        ),
    ]


def versions() -> tuple[dict[str, str], dict[str, str]]:
    return alone.versions_of(PACKAGES)


def asked() -> int:
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
        loaded = importing.once("ssewire", name).names
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
    raise SystemExit(alone.program("imports", __doc__, sheets, asked=asked))
