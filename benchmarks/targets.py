# SPDX-License-Identifier: MIT
"""What was asked of our speed, and what is reached? `python -m benchmarks.targets`.

One table: each figure is a share of the fastest other's on the same work in this run, with
what was asked, what was hoped for and what was reached. Each row is measured by the file
that has it; here is only the least that it takes. What is missing is named. `make targets`
runs it on several interpreters.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Callable

from . import claude_pipeline, clients, parsers, partial_json
from .harness import candidates, javascript, processes
from .harness.field import Field
from .harness.targets import Target, missing, targets_table

ROUNDS = 7
# Peers in Python that were fastest or next to it somewhere (docs/benchmarks.md): the others
# would take most of the time.
FAST_PEERS = ("launchdarkly-eventsource", "httpx-sse", "larzsse", "anthropic", "sseclient-py")

# At most, and hoped for.
AIO_CPU = (1.0, 0.8)
AIO_MEMORY = (1 / 8, None)
BLOCKING_CPU = (1.1, 1.0)
PARTIAL_JSON = (1.0, 0.5)
STREAMS = 300
REPEAT = 5


def parser_targets() -> Iterator[Target]:
    with ExitStack() as stack:
        corpora = list(parsers.ASKED)
        field = Field(stack, corpora)
        for name, why in field.skipped.items():
            print(f"skipped: {name}: {why}")
        scripts = [name for name in field.workers if javascript.is_one(name)]
        compiled = ["ssewire cy", "floor", *scripts]
        pure = ["ssewire py", *FAST_PEERS]
        both = parsers.measure(field, corpora, ["event", "64k"], ROUNDS, [*compiled, *pure])
        rest = parsers.measure(field, corpora, ["1400", "16"], ROUNDS, pure)
        results = {**both, **rest}
    print(parsers.text_tables(results))
    yield from parsers.asked(results)
    runtimes = {name.partition(" on ")[2] for name in scripts}
    for what in ("Node", "Bun"):
        if not any(runtime.startswith(what) for runtime in runtimes):
            title = f"cython: of {javascript.NAME} on {what}"
            yield missing(title, parsers.EVENT_BOUND, parsers.EVENT_HOPED, "it is not there")


def claude_targets() -> Iterator[Target]:
    if candidates.installed("anthropic") is None:
        for what, (bound, hoped) in claude_pipeline.OF_SDK.items():
            yield missing(
                f"MessageStream, {what}: of the SDK", bound, hoped, "anthropic is not installed"
            )
        return
    if not processes.built():
        print("MessageStream: the extension was never built")
        return
    found = processes.measure("targets", implementation="cython")
    for what, (ours, theirs) in found.items():
        print(f"MessageStream, {what}: {ours:.2f} us a delta, the SDK {theirs:.1f}")
        bound, hoped = claude_pipeline.OF_SDK[what]
        yield Target(f"MessageStream, {what}: of the SDK", ours / theirs, bound, False, hoped)


def partial_json_targets() -> Iterator[Target]:
    for shape in partial_json.SHAPES:
        what = f"PartialJSON, {shape}: of streaming-json-parser"
        if candidates.installed("streaming-json-parser-native") is None:
            yield missing(what, *PARTIAL_JSON, "not installed")
        else:
            ours, theirs = partial_json.of_peer(shape)
            print(f"PartialJSON, {shape}: {ours:.2f} us a fragment, the peer {theirs:.2f}")
            yield Target(what, ours / theirs, PARTIAL_JSON[0], False, PARTIAL_JSON[1])


def asyncio_targets() -> Iterator[Target]:
    what = f"aio, {STREAMS} streams, one event a packet"
    rows = (("CPU", "cpu", AIO_CPU), ("memory of a stream", "memory", AIO_MEMORY))
    if candidates.installed("ry") is None:
        for name, _, (bound, hoped) in rows:
            yield missing(f"{what}, {name}: of ry", bound, hoped, "not installed")
        return
    found = clients.compare(["ssewire", "ry"], ["--streams", str(STREAMS)], REPEAT)
    for name, key, (bound, hoped) in rows:
        ours, theirs = found["ssewire"][key], found["ry"][key]
        print(f"{what}, {name}: {ours:.2f}, ry {theirs:.2f}")
        yield Target(f"{what}, {name}: of ry", ours / theirs, bound, False, hoped)


def blocking_targets() -> Iterator[Target]:
    what = "blocking, one event a packet, CPU: of urllib with our parser"
    found = clients.compare(["ssewire", "urllib"], ["--path", "paced", "--count", "6000"], REPEAT)
    ours, theirs = found["ssewire"]["cpu"], found["urllib"]["cpu"]
    print(f"blocking: {ours:.2f} us an event, urllib {theirs:.2f}")
    yield Target(what, ours / theirs, BLOCKING_CPU[0], False, BLOCKING_CPU[1])


GROUPS: dict[str, Callable[[], Iterator[Target]]] = {
    "parsers": parser_targets,
    "claude": claude_targets,
    "partial_json": partial_json_targets,
    "aio": asyncio_targets,
    "blocking": blocking_targets,
}


def main() -> int:
    """Print the figures and the table; 0 if all that was measured reached what was asked."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.targets", description=__doc__)
    arguments.add_argument("--only", action="append", choices=GROUPS)
    arguments.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    args = arguments.parse_args()
    if args.measure:
        print(json.dumps(claude_pipeline.of_sdk()))
        return 0
    print(f"{processes.machine()}; {processes.load()} before")
    found = [target for group in args.only or GROUPS for target in GROUPS[group]()]
    print(f"\n{targets_table(found)}")
    print(f"\n{processes.load()} after")
    return 0 if all(target.reached for target in found if target.measured) else 1


if __name__ == "__main__":
    raise SystemExit(main())
