# SPDX-License-Identifier: MIT
"""How soon is there a first event, on how much disk? `python -m benchmarks.footprint`.

From the start of a process to Claude's first text and to the first event of plain clients, from
a server in another process; and what is installed with each package, without byte code, which
is exact. Between them stand the sheets of imports.py; the wheel's size is in wheel.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Callable

from . import imports
from .harness import alone
from .harness.figures import Cell, Sheet, in_turn
from .harness.message_server import server
from .harness.messages import text_events, text_of
from .harness.processes import NoAnswer, ended, environment, kill_all, start, within
from .harness.tables import MIB

COMMAND = "python -m benchmarks.footprint"
IMPORTS = imports.TITLE

# --- the start of a process

# Seconds; the slowest start there is takes five on a busy machine.
LIMIT = 30.0
# Starts of one run, of which the fastest counts: what disturbs one only makes it slower.
TRIES = 2
DELTAS = 3

_CLAUDE = """
from {library} import {client}
with {client}().messages.stream(
    model="claude-sonnet-5-5", max_tokens=1024, messages=[{{"role": "user", "content": "Hello"}}]
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
"""
_OURS = ["-c", _CLAUDE.format(library="ssewire.claude", client="Claude")]
_OURS_BY_COMMAND = ["-m", "ssewire", "claude", "Hello"]
_SDK = ["-c", _CLAUDE.format(library="anthropic", client="Anthropic")]
# Candidate -> what has to be installed, implementation, and what a new interpreter is told.
FIRST_TEXT: dict[str, tuple[tuple[str, ...], str, list[str]]] = {
    "ssewire": ((), "cython", _OURS),
    "ssewire py": ((), "python", _OURS),
    "ssewire, by command": ((), "cython", _OURS_BY_COMMAND),
    "ssewire py, by command": ((), "python", _OURS_BY_COMMAND),
    "anthropic": (("anthropic",), "auto", _SDK),
}

_FIRST_EVENT = {
    "ssewire.client": """
        import sys
        from ssewire import client
        with client.open_stream(sys.argv[1]) as stream:
            print(next(stream).data, flush=True)
        """,
    "ssewire.aio": """
        import asyncio, sys
        from ssewire import aio
        async def main():
            async with aio.open_stream(sys.argv[1]) as stream:
                async for event in stream:
                    return print(event.data, flush=True)
        asyncio.run(main())
        """,
    "httpx-sse": """
        import sys
        import httpx
        from httpx_sse import connect_sse
        with httpx.Client() as client:
            with connect_sse(client, "GET", sys.argv[1]) as source:
                print(next(source.iter_sse()).data, flush=True)
        """,
    "httpx2": """
        import sys
        import httpx2
        with httpx2.Client() as client:
            with client.stream("GET", sys.argv[1]) as response:
                print(next(iter(httpx2.EventSource(response))).data, flush=True)
        """,
    "requests-sse": """
        import sys
        from requests_sse import EventSource
        with EventSource(sys.argv[1]) as source:
            print(next(iter(source)).data, flush=True)
        """,
    "ry": """
        import sys
        import ry
        with ry.BlockingClient().get(sys.argv[1]).sse() as events:
            print(next(iter(events)).data, flush=True)
        """,
    "ry, asyncio": """
        import asyncio, sys
        import ry
        async def main():
            response = await ry.Client().get(sys.argv[1])
            async for event in response.sse():
                return print(event.data, flush=True)
        asyncio.run(main())
        """,
    "sseclient-py + requests": """
        import sys
        import requests, sseclient
        response = requests.get(sys.argv[1], stream=True, headers={"Accept": "text/event-stream"})
        print(next(sseclient.SSEClient(response).events()).data, flush=True)
        """,
}


def first_output(
    command: list[str], env: dict[str, str], limit: float = LIMIT
) -> tuple[float, str]:
    """Return the seconds from the start of a process to the first of its output, and its line.

    The process is stopped then, and what it started with it.

    Raises:
        NoAnswer: it cannot be started, gave none within `limit` seconds, or ended without.
    """
    # What it complains about goes to a file: a pipe that nobody reads would stop it when full.
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = start(command, env, stdout=subprocess.PIPE, stderr=errors, bufsize=0)
        with process, within(limit, process) as late:
            assert process.stdout is not None
            first = process.stdout.read(1)
            seconds = time.perf_counter() - begin
            line = (first + process.stdout.readline()).decode("utf-8", "replace")
            try:
                if first and not late.is_set():
                    return seconds, line.strip("\n")
                # It may have closed its output, and go on.
                process.wait()
            finally:
                kill_all(process)
        if late.is_set():
            raise NoAnswer(f"over {limit:g} s")
        raise NoAnswer(ended(process.returncode, errors))


def _started(
    title: str,
    candidates: Mapping[str, tuple[tuple[str, ...], Callable[[], tuple[float, str]]]],
    right: str,
    runs: int,
    quick: bool,
) -> alone.Cells:
    """Return the milliseconds of each candidate: what it needs, and one start of it."""
    tries = 1 if quick else TRIES
    # The first start writes byte code, and brings files into memory; not in a quick run.
    met = set(candidates if quick else ())

    def ask(name: str) -> dict[str, Any]:
        packages, start = candidates[name]
        for package in packages:
            alone.need(package)
        if name not in met:
            start()
        met.add(name)
        taken = [start() for _ in range(tries)]
        said = [text for _, text in taken if text != right]
        seconds = min(seconds for seconds, _ in taken)
        return {
            "figures": {"start to first": seconds * 1e3},
            "results": {"start to first": said[0] if said else right},
        }

    return alone.checked(candidates, runs, ask, {"start to first": right}, title)


def _environment(implementation: str, **more: str) -> dict[str, str]:
    env = alone.local({**environment(implementation), **more})
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def first_text(url: str, name: str) -> tuple[float, str]:
    """Return the seconds from the start of a process to Claude's first text, and all of it."""
    _, implementation, arguments = FIRST_TEXT[name]
    env = _environment(implementation, ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY="none")
    return first_output([sys.executable, *arguments], env)


def needed(name: str) -> tuple[str, ...]:
    """Return the packages that a client's script needs; what follows a comma is how it is used."""
    return () if name.startswith("ssewire") else tuple(name.partition(",")[0].split(" + "))


def first_event(url: str, name: str) -> tuple[float, str]:
    """Return the seconds from the start of a process to its first event, and the event's data."""
    script = re.sub("(?m)^ {8}", "", _FIRST_EVENT[name])
    return first_output([sys.executable, "-c", script, url], _environment("auto"))


def start_sheets(runs: int, quick: bool) -> Iterator[Sheet]:
    """Yield the sheets of the start of a process."""
    with server() as address:
        url = f"{address}/paced/{DELTAS}"
        texts = {
            name: (packages, partial(first_text, url, name))
            for name, (packages, *_) in FIRST_TEXT.items()
        }
        yield Sheet(
            "Start of a process to Claude's first text",
            "From the start of the interpreter to the first text on its output, by the clock on "
            "the wall: imports, request and answer of a server on loopback, which takes 2 ms. The "
            "same script for both libraries, as short as it can be, and our command line. Byte "
            "code is there and files are in memory; the whole text is checked.",
            "ms",
            COMMAND,
            _started("first text", texts, text_of(DELTAS), runs, quick),
        )
        events = {
            name: (
                needed(name),
                partial(first_event, url, name),
            )
            for name in _FIRST_EVENT
        }
        data = text_events(DELTAS)[0].decode().partition("data: ")[2].strip("\n")
        yield Sheet(
            "Start of a process to a client's first event",
            "From the start of the interpreter to the data of the first event on its output, by "
            "the clock on the wall: imports, request and answer of a server on loopback. Each "
            "client is used by the shortest script of its documentation, the blocking one where it "
            "has two; ry's of asyncio stands beside, as ours does. Byte code is there and files "
            "are in memory; the data is checked.",
            "ms",
            COMMAND,
            _started("first event", events, data, runs, quick),
        )


# --- disk

DISK = "Disk"
# What one installs for Claude, for event streams, or for HTTP -> what else it takes: httpx-sse
# asks for no httpx, and does nothing without.
INSTALLED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("anthropic", "openai"), ()),
    "httpx-sse": ("httpx",),
    **dict.fromkeys(("httpx2", "requests-sse", "sseclient-py"), ()),
    "sseclient-py + requests": (),
    **dict.fromkeys(("ry", "aiohttp-sse-client", "launchdarkly-eventsource", "sse-starlette"), ()),
    **dict.fromkeys(("axio-sse", "larzsse", "assel", "httpx", "requests", "aiohttp"), ()),
}
COMPILED = (".so", ".pyd")


def required(roots: tuple[str, ...]) -> dict[str, metadata.Distribution]:
    """Return the distributions that packages come with, themselves among them, by name.

    Extras are not among them, but where another asks for them.

    Raises:
        NoAnswer: one is not installed.
    """
    requirement = import_module("packaging.requirements").Requirement
    canonical = import_module("packaging.utils").canonicalize_name
    found: dict[str, metadata.Distribution] = {}
    met = set()
    wanted = [(root, "") for root in roots]
    while wanted:
        name, extra = key = wanted.pop()
        if key in met:
            continue
        met.add(key)
        try:
            found[canonical(name)] = distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            missing = "not installed" if name in roots else f"{name} is not installed"
            raise NoAnswer(missing) from None
        for text in distribution.requires or ():
            one = requirement(text)
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                wanted += [(canonical(one.name), wish) for wish in ("", *one.extras)]
    return found


def size(distribution: metadata.Distribution, without: tuple[str, ...] = ()) -> int:
    """Return the bytes of the files of a distribution but byte code, as its RECORD lists them.

    Args:
        without: ends of the names of files that do not count.

    Raises:
        NoAnswer: it has no list, or the list has no code: an editable installation.
    """
    files = [Path(str(file.locate())) for file in distribution.files or ()]
    if not any(file.suffix == ".py" or file.name.endswith(COMPILED) for file in files):
        raise NoAnswer("not installed from a wheel")
    skipped = (".pyc", *without)
    return sum(os.path.getsize(f) for f in files if not f.name.endswith(skipped) and f.exists())


def disk_sheets() -> Iterator[Sheet]:
    """Yield the sheets of what is installed."""

    def once(name: str) -> dict[str, float]:
        without = COMPILED if name == "ssewire py" else ()
        roots = ("ssewire",) if name.startswith("ssewire") else tuple(name.split(" + "))
        found = required((*roots, *INSTALLED.get(name, ())))
        sizes = {key: size(one, without) for key, one in found.items()}
        own = sum(size(metadata.distribution(root), without) for root in roots)
        return {
            "with all it requires": sum(sizes.values()) / MIB,
            "itself": own / MIB,
            "packages": float(len(sizes)),
        }

    cells: dict[str, dict[str, Cell]] = in_turn(("ssewire", "ssewire py", *INSTALLED), 1, once)
    yield Sheet(
        DISK,
        "Size of the files that are installed with a package and all that it requires, without "
        "extras, and of its own, as pip lists them here; byte code is not counted. ssewire py is "
        "without the compiled modules; httpx, which httpx-sse needs and does not ask for, is "
        "counted with it. Exact, so that one run is enough.",
        "MiB",
        COMMAND,
        alone.only(cells, {name: name for name in ("with all it requires", "itself")}),
    )
    yield Sheet(
        "Packages to install",
        "How many packages are installed with one, itself among them. Exact, so that one run is "
        "enough.",
        "packages",
        COMMAND,
        alone.only(cells, {"packages": "packages"}),
    )


# --- the whole


def sheets(runs: int, quick: bool) -> list[Sheet]:
    """Return the sheets; with `quick` of one run, in which all is started once."""
    runs = 1 if quick else runs
    return [*start_sheets(runs, quick), *imports.sheets(runs, quick), *disk_sheets()]


def package(parser: str) -> str:
    """Return the candidate of the sheets of imports and disk to which a parser belongs."""
    return "ssewire" if parser == "ssewire cy" else parser


def versions() -> tuple[dict[str, str], dict[str, str]]:
    names = [package for name in INSTALLED for package in name.split(" + ")]
    return alone.versions_of(dict.fromkeys([*names, *imports.PACKAGES]))


if __name__ == "__main__":
    raise SystemExit(alone.program("footprint", __doc__, sheets))
