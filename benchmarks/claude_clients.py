# SPDX-License-Identifier: MIT
"""What do Claude clients cost beside the official SDK's? `python -m benchmarks.claude_clients`.

Many asynchronous streams from the replay server in another process, one event
per packet: CPU time per event and memory per stream. And the time from the
start of a process to the first text. Each figure is that of a process of its
own, the best of `--repeat`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Callable

from .harness import processes
from .harness.processes import ROOT, environment, machine, raise_file_limit, resident
from .harness.replaying import replaying
from .harness.targets import Target

# Text deltas of one stream, and how many come in a second: few enough that the
# slowest client keeps up with all streams, so that events come one a packet.
DELTAS = 40
PER_SECOND = 2.5

# What was allowed: of the SDK's CPU time per event, memory per stream, and time to first text.
CPU, MEMORY, FIRST_TEXT = 0.2, 0.2, 0.2

ASKED: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Hello"}],
}
CLIENTS = {
    "ssewire": ("ssewire.claude", "AsyncClaude"),
    "anthropic": ("anthropic", "AsyncAnthropic"),
}
# A script as short as it can be with the SDK, for the time to first text.
SDK_SCRIPT = """
import anthropic
with anthropic.Anthropic().messages.stream(
    model="claude-sonnet-5-5", max_tokens=1024, messages=[{"role": "user", "content": "Hello"}]
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
"""


async def measure(
    name: str, url: str, streams: int, held: Callable[[], int] = resident
) -> dict[str, float]:
    """Return the CPU microseconds per event and the KiB per open stream.

    Args:
        held: tells the bytes that the process holds.
    """
    module, cls = CLIENTS[name]
    client = getattr(import_module(module), cls)(base_url=url, api_key="none")
    events = 0

    async def consume(opened: asyncio.Future[None]) -> None:
        nonlocal events
        async with client.messages.stream(**ASKED) as stream:
            async for event in stream:
                events += event.type == "content_block_delta"
                if event.type == "content_block_start":
                    opened.set_result(None)
            message = await stream.get_final_message()
        assert message.usage.output_tokens == 2 * DELTAS, message.usage

    # What is imported and made once does not belong to a stream.
    async with client.messages.stream(**ASKED) as stream:
        async for event in stream:
            if event.type == "content_block_start":
                break
    gc.collect()
    before = held()
    tasks = []
    for _ in range(streams):
        # One after the other: what opening takes for a moment does not belong to a stream.
        opened = asyncio.get_running_loop().create_future()
        tasks.append(asyncio.ensure_future(consume(opened)))
        await opened
    assert events == 0, "the streams took too long to open"
    gc.collect()
    memory = (held() - before) / streams
    begin = time.process_time()
    await asyncio.gather(*tasks)
    spent = time.process_time() - begin
    assert events == streams * DELTAS, events
    await client.close()
    return {"cpu": spent / events * 1e6, "memory": memory / 1024}


def first_text(command: list[str], url: str) -> float:
    """Return the seconds from the start of a process to the first of its output."""
    variables = {
        **environment(os.environ.get("SSEWIRE_PARSER", "auto")),
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "none",
    }
    begin = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(1)
        seconds = time.perf_counter() - begin
        process.stdout.read()
    return seconds


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.claude_clients", description=__doc__
    )
    arguments.add_argument("--quick", action="store_true", help="200 streams, one repeat")
    arguments.add_argument("--streams", type=int)
    arguments.add_argument("--repeat", type=int)
    arguments.add_argument("--json", type=Path, metavar="FILE")
    arguments.add_argument("--measure", metavar="CLIENT", help=argparse.SUPPRESS)
    arguments.add_argument("--url", help=argparse.SUPPRESS)
    args = arguments.parse_args()
    streams = args.streams or (200 if args.quick else 1000)
    if args.measure:
        raise_file_limit()
        print(json.dumps(asyncio.run(measure(args.measure, args.url, streams))))
    else:
        show(streams, args.repeat or (1 if args.quick else 3), args.json)


def show(streams: int, repeat: int, output: Path | None) -> None:
    print(f"{machine()}; best of {repeat}")
    best: dict[str, dict[str, float]] = {}
    # The SDK takes some milliseconds to open a stream.
    opening = 2.0 + streams * 0.008
    with replaying(DELTAS, opening, PER_SECOND) as url:
        for _ in range(repeat):
            for name in CLIENTS:
                options = ["--url", url, "--streams", str(streams)]
                figures = processes.measure("claude_clients", name, *options)
                kept = best.setdefault(name, figures)
                best[name] = {key: min(kept[key], figures[key]) for key in figures}
    with replaying(3, 0.0, 1000.0) as url:
        for _ in range(max(3, repeat)):
            for name, command in {
                "ssewire": [sys.executable, "-m", "ssewire", "claude", "Hello"],
                "anthropic": [sys.executable, "-c", SDK_SCRIPT],
            }.items():
                seconds = first_text(command, url)
                best[name]["first"] = min(seconds, best[name].get("first", seconds))

    print(f"\nasyncio, {streams} streams, one event per packet; process start to first text")
    for name, row in best.items():
        print(
            f"  {name:<12}{row['cpu']:9.2f} us per event{row['memory']:9.1f} KiB per stream"
            f"{row['first'] * 1000:9.0f} ms to first text"
        )
    print("\ntargets")
    ours, theirs = best["ssewire"], best["anthropic"]
    for what, key, bound in (
        ("CPU per event", "cpu", CPU),
        ("memory per stream", "memory", MEMORY),
        ("process start to first text", "first", FIRST_TEXT),
    ):
        print(" ", Target(f"{what}: times the SDK's", ours[key] / theirs[key], bound, False))
    if output:
        output.write_text(json.dumps({"machine": machine(), "clients": best}, indent=1))


if __name__ == "__main__":
    main()
