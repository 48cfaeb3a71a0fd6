# SPDX-License-Identifier: MIT
"""What does examples/relay add, and how many viewers does it hold? `python -m benchmarks.relay`.

The replay server, the relay under one uvicorn worker, and the viewers are each a
process of its own, on loopback. The time to the first text is that from opening a
connection, to the relay and to the replay server by turns: the median of a round, the
best of `--repeat` rounds. The viewers all read at once.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from ssewire import ServerSentEvent, aio

from .claude_clients import ASKED
from .harness.processes import ROOT, environment, machine, raise_file_limit
from .harness.replaying import replaying
from .harness.targets import Target

# What was allowed: milliseconds added to the time to the first text; viewers at once.
ADDED = 2.0
VIEWERS = 500

# Text deltas of a message, and how many come in a second: few enough that all viewers keep up.
DELTAS = 40
PER_SECOND = 2.5

# First texts of each in a round; those of the round that fills caches and pools do not count.
IN_A_ROUND = 50


class Request(NamedTuple):
    """How to ask for an answer, and how to know its text."""

    url: str
    body: bytes

    def open(self) -> aio.Opening[Any]:
        headers = {"content-type": "application/json", "x-api-key": "none"}
        return aio.open_stream(self.url, method="POST", headers=headers, body=self.body, proxy=None)


def is_text(event: ServerSentEvent) -> bool:
    return event.event in ("text", "content_block_delta")


@contextmanager
def relaying(upstream: str) -> Iterator[tuple[str, int]]:
    """Run the relay with one worker; give its URL and process ID."""
    variables = {
        **environment(os.environ.get("SSEWIRE_PARSER", "auto")),
        "ANTHROPIC_BASE_URL": upstream,
        "ANTHROPIC_API_KEY": "none",
    }
    command = [
        *(sys.executable, "-m", "uvicorn", "--port", "0", "--no-access-log"),
        "examples.relay.app:app",
    ]
    with subprocess.Popen(
        command, cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            yield announced(process.stderr), process.pid
        finally:
            process.terminate()
            process.wait(10)


def announced(lines: Iterable[str]) -> str:
    """Return the URL that uvicorn says it runs on.

    Raises:
        RuntimeError: it ended without; the text is what it said.
    """
    said = ""
    for line in lines:
        said += line
        found = re.search(r"running on (http://\S+)", line)
        if found:
            return found[1]
    raise RuntimeError(said)


async def first_text(request: Request) -> float:
    """Return the seconds until the first text, and read the rest."""
    begin = time.perf_counter()
    seconds = 0.0
    async with request.open() as stream:
        async for event in stream:
            if not seconds and is_text(event):
                seconds = time.perf_counter() - begin
    assert seconds, "an answer without text"
    return seconds


async def first_texts(requests: list[Request], rounds: int) -> list[float]:
    """Return the seconds until the first text of each request: the best median of a round."""
    best = [float("inf")] * len(requests)
    for number in range(1 + rounds):
        found: list[list[float]] = [[] for _ in requests]
        for _ in range(IN_A_ROUND):
            for request, seconds in zip(requests, found):
                seconds.append(await first_text(request))
        if number:
            best = [min(each, statistics.median(taken)) for each, taken in zip(best, found)]
    return best


async def view(request: Request, opened: asyncio.Future[None]) -> list[float]:
    """Return when each text of an answer came."""
    came = []
    last = ""
    async with request.open() as stream:
        opened.set_result(None)
        async for event in stream:
            last = event.data
            if is_text(event):
                came.append(time.perf_counter())
    assert last == "[DONE]", last
    return came


async def views(request: Request, viewers: int, pid: int) -> dict[str, float]:
    """Open so many streams, then read them all; return what came and what it took."""
    # What the first viewer alone takes does not belong to a viewer.
    await first_text(request)
    before = usage(pid)
    tasks = []
    for _ in range(viewers):
        opened = asyncio.get_running_loop().create_future()
        tasks.append(asyncio.ensure_future(view(request, opened)))
        await asyncio.wait({opened, tasks[-1]}, return_when=asyncio.FIRST_COMPLETED)
    at_once = sum(not task.done() for task in tasks)
    open_ = usage(pid)
    begin = time.perf_counter()
    came = await asyncio.gather(*tasks, return_exceptions=True)
    seconds = time.perf_counter() - begin
    after = usage(pid)
    whole = [each for each in came if not isinstance(each, BaseException) and len(each) == DELTAS]
    late = sorted(
        (at - each[0]) - number / PER_SECOND for each in whole for number, at in enumerate(each)
    )
    found = {
        "whole": min(len(whole), at_once),
        "late": late[len(late) * 99 // 100] if late else float("nan"),
    }
    if before and open_ and after:
        found["memory"] = (open_[0] - before[0]) / viewers
        found["cpu"] = (after[1] - open_[1]) / (viewers * DELTAS)
        found["share"] = (after[1] - open_[1]) / seconds
    return found


def usage(pid: int) -> tuple[int, float] | None:
    """Return the bytes of memory and seconds of CPU of a process; None where nobody tells."""
    folder = Path(f"/proc/{pid}")
    if not folder.exists():
        return None
    pages = int((folder / "statm").read_text().split()[1])
    # The fields after the name, which may hold anything; user and system time.
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return pages * os.sysconf("SC_PAGE_SIZE"), ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.relay", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="100 viewers, two rounds")
    arguments.add_argument("--viewers", type=int)
    arguments.add_argument("--repeat", type=int, help="rounds of first texts (7)")
    arguments.add_argument("--json", type=Path, metavar="FILE")
    args = arguments.parse_args()
    raise_file_limit()
    viewers = args.viewers or (100 if args.quick else VIEWERS)
    show(viewers, args.repeat or (2 if args.quick else 7), args.json)


def show(viewers: int, repeat: int, output: Path | None) -> None:
    # What uvicorn takes where it is installed; both are faster than what it takes else.
    found = [name for name in ("httptools", "uvloop") if importlib.util.find_spec(name)]
    means = " and ".join(found) or "neither httptools nor uvloop"
    print(f"{machine()}; uvicorn {version('uvicorn')} with {means}, one worker")
    asked = Request("/api/chat", json.dumps({"prompt": "Hello"}).encode())
    direct = Request("/v1/messages", json.dumps({**ASKED, "stream": True}).encode())

    with replaying(3, 0.0, 1000.0) as upstream, relaying(upstream) as (url, _):
        both = [direct._replace(url=upstream + direct.url), asked._replace(url=url + asked.url)]
        alone, relayed = asyncio.run(first_texts(both, repeat))
    print(f"\ntime to the first text, median of {IN_A_ROUND}, best of {repeat} rounds")
    for name, seconds in (("direct", alone), ("relayed", relayed)):
        print(f"  {name:<12}{seconds * 1e3:9.2f} ms")
    added = (relayed - alone) * 1e3

    opening = 3.0 + viewers * 0.008
    with replaying(DELTAS, opening, PER_SECOND) as upstream, relaying(upstream) as (url, pid):
        held = asyncio.run(views(asked._replace(url=url + asked.url), viewers, pid))
    print(f"\n{viewers} viewers at once, {PER_SECOND:g} texts a second each")
    print(f"  {held['whole']:.0f} got the whole answer, 99 of 100 texts")
    print(f"  within {held['late'] * 1e3:.1f} ms of when they were due")
    if "cpu" in held:
        print(
            f"  the relay: {held['cpu'] * 1e6:.0f} us of CPU per text, {held['share']:.0%} of one"
            f" core, {held['memory'] / 1024:.1f} KiB per viewer"
        )

    print("\ntargets")
    print(" ", Target("relay: ms added to the time to the first text", added, ADDED, False))
    print(" ", Target("relay: viewers at once that got all", held["whole"], viewers, True))
    if output:
        figures = {"direct": alone, "relayed": relayed, "viewers": viewers, **held}
        output.write_text(json.dumps({"machine": machine(), "relay": figures}, indent=1))


if __name__ == "__main__":
    main()
