# SPDX-License-Identifier: MIT
"""What do Claude clients cost beside the official SDK's? `python -m benchmarks.claude_clients`.

Messages from a server in another process, one event a packet: CPU time per event and memory
per open stream, each figure that of a process of its own. Many streams are all open before
the first event comes, and all have taken an event before the next one: what opening and
closing take is not in it.
"""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Callable

from .harness import alone, processes
from .harness.event_server import address
from .harness.figures import Sheet
from .harness.message_server import server
from .harness.messages import text_of
from .harness.processes import raise_file_limit, resident
from .harness.targets import Target

# Events of one stream that are timed; of many at once, so many rounds.
EVENTS = 300
ROUNDS = {100: 40, 1000: 8}
# Events that fill caches and free lists before the clock starts.
WARM_UP = 5
# Seconds for one process: the slowest opens a stream in 8 ms and takes an event in 0.3 ms where
# it has a core to itself.
LIMIT = 60.0

# What was allowed: of the SDK's CPU time per event, and memory per stream.
CPU, MEMORY = 0.2, 0.2

ASKED: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Hello"}],
}


_CLASSES = {
    # library -> its blocking client, and asyncio's
    "ssewire.claude": ("Claude", "AsyncClaude"),
    "anthropic": ("Anthropic", "AsyncAnthropic"),
}
BLOCKING = ("ssewire", "ssewire py", "anthropic")
ASYNCIO = ("ssewire", "ssewire py", "anthropic", "anthropic on aiohttp")
# What a candidate has to have: the SDK says of aiohttp that many streams are better served by it.
NEEDS = {
    "anthropic": ("anthropic",),
    "anthropic on aiohttp": ("anthropic", "aiohttp"),
}


# --- what a candidate's process does


def client(name: str, url: str, asynchronous: bool) -> Any:
    """Return a client of a candidate."""
    library = "ssewire.claude" if name in alone.OURS else "anthropic"
    module = import_module(library)
    options = {"base_url": url, "api_key": "none"}
    if name == "anthropic on aiohttp":
        options["http_client"] = module.DefaultAioHttpClient()
    return getattr(module, _CLASSES[library][asynchronous])(**options)


async def warm(name: str, url: str) -> None:
    """Take one short message: what is imported and made once does not belong to a stream."""
    first = client(name, f"{url}/paced/{WARM_UP}", True)
    async with first.messages.stream(**ASKED) as stream:
        await stream.get_final_message()
    await first.close()


async def measure(
    name: str, url: str, streams: int, rounds: int, held: Callable[[], int] = resident
) -> dict[str, float]:
    """Return the CPU microseconds per event, the KiB per open stream, how many messages are wrong.

    Args:
        held: tells the bytes that the process holds.
    """
    asked = client(name, f"{url}/rounds", True)
    taken = wrong = 0
    opened, round_over = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[None]] = []
    ended: list[asyncio.Task[None]] = []
    text = text_of(WARM_UP + rounds)

    async def consume() -> None:
        nonlocal taken, wrong
        async with asked.messages.stream(**ASKED) as stream:
            async for event in stream:
                if event.type == "content_block_delta":
                    taken += 1
                    if taken % streams == 0:
                        round_over.set()
                elif event.type == "content_block_start":
                    opened.set()
            message = await stream.get_final_message()
        wrong += message.content[0].text != text

    def end(task: asyncio.Task[None]) -> None:
        ended.append(task)
        opened.set()
        round_over.set()

    async def until(happened: asyncio.Event) -> None:
        await happened.wait()
        happened.clear()
        for task in ended:
            # None ends before it is told to, but by an error.
            task.result()

    async def take(rounds: int) -> None:
        for _ in range(rounds):
            control.write(b"r")
            await until(round_over)

    await warm(name, url)
    gc.collect()
    before = held()
    for _ in range(streams):
        # One after the other: what opening takes for a moment does not belong to a stream.
        tasks.append(asyncio.ensure_future(consume()))
        tasks[-1].add_done_callback(end)
        await until(opened)
    _, control = await asyncio.open_connection(*address(url))
    control.write(b"GET /control HTTP/1.1\r\n\r\n")
    await take(WARM_UP)
    gc.collect()
    memory = (held() - before) / streams
    begin = time.process_time()
    await take(rounds)
    spent = time.process_time() - begin
    control.close()
    await asyncio.gather(*tasks)
    await asked.close()
    return {"cpu": spent / (streams * rounds) * 1e6, "memory": memory / 1024, "wrong": wrong}


class _One:
    """What one stream took: told each event and the message."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._taken = 0
        self._begin = self._end = 0.0

    def take(self, event: Any) -> None:
        if event.type == "content_block_delta":
            self._taken += 1
            if self._taken == WARM_UP:
                self._begin = time.process_time()
            elif self._taken == WARM_UP + self._events:
                self._end = time.process_time()

    def figures(self, message: Any) -> dict[str, float]:
        wrong = message.content[0].text != text_of(WARM_UP + self._events)
        return {"cpu": (self._end - self._begin) / self._events * 1e6, "wrong": float(wrong)}


async def measure_one(name: str, url: str, events: int) -> dict[str, float]:
    """Return the CPU microseconds per event of one asyncio stream."""
    one = _One(events)
    await warm(name, url)
    asked = client(name, f"{url}/paced/{WARM_UP + events}", True)
    async with asked.messages.stream(**ASKED) as stream:
        async for event in stream:
            one.take(event)
        message = await stream.get_final_message()
    await asked.close()
    return one.figures(message)


def measure_blocking(name: str, url: str, events: int) -> dict[str, float]:
    """Return the CPU microseconds per event of one blocking stream."""
    one = _One(events)
    # As `warm`: else the first events pile up behind what is imported, and are read at once.
    first = client(name, f"{url}/paced/{WARM_UP}", False)
    with first.messages.stream(**ASKED) as stream:
        stream.get_final_message()
    first.close()
    asked = client(name, f"{url}/paced/{WARM_UP + events}", False)
    with asked.messages.stream(**ASKED) as stream:
        for event in stream:
            one.take(event)
        message = stream.get_final_message()
    asked.close()
    return one.figures(message)


def answer(name: str, kind: str, url: str, streams: str, count: str) -> dict[str, Any]:
    """Measure a candidate in this process.

    Args:
        kind: "blocking" or "asyncio".
        count: events of one stream, or rounds of many.
    """
    raise_file_limit()
    if kind == "blocking":
        figures = measure_blocking(name, url, int(count))
    elif streams == "1":
        figures = asyncio.run(measure_one(name, url, int(count)))
    else:
        figures = asyncio.run(measure(name, url, int(streams), int(count)))
    wrong = figures.pop("wrong")
    return {"figures": figures, "results": dict.fromkeys(figures, wrong)}


# --- the sheets


def cells(
    url: str, kind: str, streams: int, count: int, runs: int, title: str = ""
) -> tuple[alone.Cells, alone.Cells]:
    """Return CPU time per event and, of many streams, memory per stream of all candidates."""

    def ask(name: str) -> Any:
        for package in NEEDS.get(name, ()):
            alone.need(package)
        arguments = (name, kind, url, str(streams), str(count))
        chosen = alone.implementation(name)
        return processes.measure("claude_clients", *arguments, implementation=chosen, limit=LIMIT)

    names = BLOCKING if kind == "blocking" else ASYNCIO
    found = alone.checked(names, runs, ask, {"cpu": 0, "memory": 0}, title)
    column = f"{kind}, {streams:,} stream{'s' * (streams > 1)}"
    memory = alone.only(found, {"memory": column}) if streams > 1 else {}
    return alone.only(found, {"cpu": column}), memory


def sheets(runs: int, quick: bool) -> list[Sheet]:
    """Return the sheets; with `quick` of one run, fewer events, and at most 100 streams."""
    runs = 1 if quick else runs
    cpu, memory = [], []
    events = EVENTS // 5 if quick else EVENTS
    wanted = [("blocking", 1, events), ("asyncio", 1, events)]
    for streams, rounds in ROUNDS.items():
        if not quick or streams <= 100:
            wanted.append(("asyncio", streams, rounds // 10 if quick else rounds))
    with server() as url:
        for kind, streams, count in wanted:
            title = f"Claude, {kind}, streams: {streams}"
            spent, held = cells(url, kind, streams, count, runs, title)
            cpu.append(spent)
            memory.append(held)
    return [
        Sheet(
            "Claude clients, CPU time of an event",
            "Text messages come over HTTP on loopback, one event a packet: CPU time of the "
            "client's process, user and system, for an event. A single stream gets one every "
            "2 ms. Of many, all are open before the first event comes, and all have taken it "
            "before the next: opening and closing are not in it. Each client has a process of its "
            "own, and the message at the end is checked.",
            "µs",
            "python -m benchmarks.claude_clients",
            alone.beside(*cpu),
        ),
        Sheet(
            "Claude clients, memory of an open stream",
            "What the client's process has grown by with all streams open and five events "
            "taken on each, as the system counts it (resident), for one stream. What is imported "
            "and made once, by a stream before these, is not in it.",
            "KiB",
            "python -m benchmarks.claude_clients",
            alone.beside(*memory),
        ),
    ]


def versions() -> tuple[dict[str, str], dict[str, str]]:
    return alone.versions_of(["anthropic", "aiohttp"])


# --- the whole


def targets(found: list[Sheet]) -> Iterator[Target]:
    """Yield what was asked of the many streams, of those columns that were measured."""
    for sheet, what, bound in zip(found, ("CPU per event", "memory per stream"), (CPU, MEMORY)):
        for column in sheet.columns:
            cells = sheet.column(column)
            ours, sdk = cells["ssewire"].median, cells["anthropic"].median
            if "streams" in column and math.isfinite(ours) and math.isfinite(sdk):
                yield Target(f"{what}, {column}: times the SDK's", ours / sdk, bound, False)


def asked() -> int:
    """Print what was asked and reached; 0 if all of it was reached."""
    found = list(targets(sheets(3, False)))
    for target in found:
        print(target)
    return 0 if all(target.reached for target in found) else 1


if __name__ == "__main__":
    raise SystemExit(alone.program("claude_clients", __doc__, sheets, answer, asked))
