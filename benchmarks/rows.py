# SPDX-License-Identifier: MIT
"""What does the installed ssewire take, row by row? `python -m benchmarks.rows`.

No peers: these are the rows by which commits.py compares two commits. That runs this
file's code on both, so that it may use only names that both have: public ones, and
those of the payload decoders. Times are CPU time of the process that does the work,
which another process on the machine disturbs least; memory is counted by tracemalloc,
which has no noise, and for open streams once more as the system sees it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from time import process_time
from typing import Any, Callable, NamedTuple

from . import claude_clients, claude_pipeline, delta, partial_json
from .harness import (
    client_costs,
    importing,
    message_server,
    messages,
    readers,
    shapes,
    tracing,
)
from .harness.asking import answer
from .harness.event_server import BULK_EVENTS, address, server
from .harness.legs import Leg
from .harness.processes import IMPLEMENTATIONS, NoAnswer, raise_file_limit
from .harness.replaying import replaying
from .harness.rounds import best_pass
from .harness.tables import significant

# Seconds in which passes begin, of which the fastest counts.
PASSES = 0.02
# A corpus is an eighth of its usual size: more passes fit into a quiet moment. Not so the two
# that are one event.
SHARE = 8
WHOLE = ("one_huge_line", "many_data_lines")
QUICK_CORPORA = ("claude", "cjk", "multiline", "small")
QUICK_CHUNKS = ("64k", "event")

# Events of each of many Claude streams that are timed, or taken before memory is counted.
MESSAGE_ROUNDS = 40

# Row -> its figure.
Figures = dict[str, float]


class Request(NamedTuple):
    """What is asked of a process: a function of `REQUESTS` and its arguments."""

    group: str
    implementation: str
    function: str
    arguments: tuple[Any, ...] = ()
    # In a process of its own, where what others have left would count.
    alone: bool = False

    @property
    def title(self) -> str:
        return f"{self.group}, {self.implementation}"


# --- what a process answers


@functools.cache
def _chunks(corpus: str, chunks: str) -> tuple[list[bytes], int]:
    usual = shapes.SHAPES[corpus][1]
    made = shapes.build(corpus, usual if corpus in WHOLE else usual // SHARE)
    return shapes.cut(made, chunks), len(made.expected)


def where() -> list[str]:
    """Return which ssewire this process has."""
    import ssewire

    return [ssewire.__file__, ssewire.IMPLEMENTATION]


def parser(corpus: str, chunks: str) -> Figures:
    from ssewire import Parser

    pieces, expected = _chunks(corpus, chunks)

    def count() -> int:
        feed = Parser(max_event_size=None).feed
        events = 0
        for piece in pieces:
            events += len(feed(piece))
        return events

    seconds, events = best_pass(count, PASSES, process_time)
    assert events == expected, f"{events} events for {expected}"
    return {f"{corpus}, {chunks}, ns an event": seconds / events * 1e9}


def client(kind: str, way: str, url: str, count: int) -> Figures:
    """Read one stream in bulk, or events that come one a packet."""
    raise_file_limit()
    if kind == "blocking":
        found = client_costs.measure_sync("ssewire", f"{url}/{way}/{count}", count)
    elif way == "bulk":
        found = asyncio.run(client_costs.measure_async_one("ssewire", f"{url}/bulk/{count}", count))
    else:
        streams = 50
        found = asyncio.run(client_costs.measure_async("ssewire", url, streams, count // streams))
    title = "in bulk" if way == "bulk" else "one event a packet"
    return {f"{kind}, {title}, us an event": found["cpu"]}


def claude_client(url: str, streams: int) -> Figures:
    raise_file_limit()
    found = asyncio.run(claude_clients.measure("ssewire", url, streams, MESSAGE_ROUNDS))
    return {
        f"asyncio, {streams} streams, us an event": found["cpu"],
        f"asyncio, {streams} streams, resident KiB a stream": found["memory"],
    }


def claude_command(url: str) -> Figures:
    """Run `ssewire claude` to its end: imports, request, stream and output."""
    env = {**os.environ, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "none"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "ssewire", "claude", "Hello"]
    nowhere = subprocess.DEVNULL
    subprocess.run(command, env=env, stdout=nowhere, stderr=nowhere, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"`ssewire claude`, start to end, ms": spent * 1e3}


def pipeline(kind: str, deltas: int) -> Figures:
    make = messages.tool_stream if kind.startswith("tool") else messages.text_stream
    read: Callable[[bytes], object] = {
        "text": readers.ours_text,
        "all events": readers.ours_events,
        "tool input": readers.ours_tool,
        "tool input, snapshots": readers.ours_tool_snapshots,
    }[kind]
    body = make(deltas)

    def once() -> int:
        read(body)
        return 1

    seconds, _ = best_pass(once, PASSES, process_time)
    return {f"{kind}, us a delta": seconds / deltas * 1e6}


def payloads(kind: str) -> Figures:
    """Decode the payloads of delta.py in all our ways."""
    found = delta.measured(kind, process_time)
    return {f"{kind}, {way}, ns": figure for way, figure in found.items() if "json" not in way}


def fragments(shape: str, count: int) -> Figures:
    text = partial_json.document(shape, count)
    pieces = partial_json.fragments(text)
    expected = json.loads(text)
    return {
        f"{shape}, {title}, us a fragment": partial_json.ours(
            pieces, mode, look, expected, process_time
        )
        for title, mode, look in (("fed", "A", False), ("A", "A", True), ("B", "B", True))
    }


def imported(module: str) -> Figures:
    # From the byte code that the installer left.
    found = importing.once(module, os.environ["SSEWIRE_PARSER"], "process_time")
    own = sum(name.partition(".")[0] == "ssewire" for name in found.names)
    return {
        f"{module}, ms": found.seconds * 1e3,
        f"{module}, modules of others": len(found.names) - own,
        f"{module}, modules of its own": own,
    }


# --- memory


def parser_memory() -> Figures:
    from ssewire import Parser

    def read(chunks: list[bytes]) -> None:
        feed = Parser().feed
        for chunk in chunks:
            feed(chunk)

    def peak(chunks: list[bytes]) -> float:
        return tracing.peak(functools.partial(read, chunks))[0] / 1024

    small, _ = _chunks("claude", "64k")
    peak(small)  # what a first use takes
    with tracing.tracing():
        parsers = [Parser() for _ in range(100)]
        for made in parsers:
            made.feed(b"event: x\ndata: 1\n\ndata: ")
        idle = tracing.held() / 1024 / len(parsers)
    return {
        "one line of 1 MiB, peak KiB": peak([b"data: ", *[b"x" * 1024] * 1024, b"\n\n"]),
        "small events, peak KiB": peak(small),
        "a parser within an event, KiB": idle,
    }


def message_memory(deltas: int) -> Figures:
    return {"a message, peak times its text": claude_pipeline.peak_over_text(deltas)}


def stream_memory(kind: str, url: str, streams: int) -> Figures:
    """Return what Python holds for each open stream that has given an event."""
    raise_file_limit()
    if kind == "blocking":
        held = _blocking_streams(url, streams)
    else:
        with tracing.tracing():
            made = client_costs.measure_async("ssewire", url, streams, 10, tracing.held)
            held = asyncio.run(made)["memory"]
    return {f"{kind}, KiB a stream": held}


def _blocking_streams(url: str, streams: int) -> float:
    from ssewire import client

    with client.open_stream(f"{url}/bulk/{BULK_EVENTS}", proxy=None) as warm:
        assert sum(1 for _ in warm) == BULK_EVENTS
    with tracing.tracing(), ExitStack() as stack:
        before = tracing.held()
        opened = [
            stack.enter_context(client.open_stream(f"{url}/rounds", proxy=None))
            for _ in range(streams)
        ]
        control = stack.enter_context(socket.create_connection(address(url)))
        # The byte asks for an event on each stream.
        control.sendall(b"GET /control HTTP/1.1\r\n\r\nr")
        for stream in opened:
            next(stream)
        return (tracing.held() - before) / 1024 / streams


def claude_stream_memory(url: str, streams: int) -> Figures:
    raise_file_limit()
    with tracing.tracing():
        made = claude_clients.measure("ssewire", url, streams, 1, tracing.held)
        return {"Claude, asyncio, KiB a stream": asyncio.run(made)["memory"]}


REQUESTS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        *(where, parser, client, claude_client, claude_command, pipeline, payloads, fragments),
        *(imported, parser_memory, message_memory, stream_memory, claude_stream_memory),
    )
}


# --- what is asked

GROUPS = (
    *("parser", "clients", "claude_clients", "claude_pipeline", "delta", "partial_json"),
    *("imports", "memory"),
)


class Urls(NamedTuple):
    """Where the servers are; "" where no group needs them."""

    events: str = ""
    messages: str = ""
    short_message: str = ""


@contextlib.contextmanager
def serving(groups: list[str], python: str | None = None) -> Iterator[Urls]:
    """Run the servers that the groups need, the replayed message by an interpreter's ssewire."""
    with ExitStack() as stack:
        urls = Urls()
        if {"clients", "memory"} & set(groups):
            urls = urls._replace(events=stack.enter_context(server()))
        if {"claude_clients", "memory"} & set(groups):
            urls = urls._replace(messages=stack.enter_context(message_server.server()))
        if "claude_clients" in groups:
            short = stack.enter_context(replaying(3, 0.0, 1000.0, python))
            urls = urls._replace(short_message=short)
        yield urls


def requests(groups: list[str], quick: bool, urls: Urls) -> list[Request]:
    """Return what is asked of each process for the rows of some groups."""
    found: list[Request] = []
    for group in groups:
        for implementation in IMPLEMENTATIONS:
            # It does not depend on the parser.
            if group == "delta" and implementation == "python":
                continue
            found += [
                Request(group, implementation, function, arguments, alone)
                for function, arguments, alone in _asked(group, quick, urls)
            ]
    return found


def _asked(group: str, quick: bool, urls: Urls) -> Iterator[tuple[str, tuple[Any, ...], bool]]:
    """Yield the requests of a group: function, arguments, whether in a process of its own."""
    if group == "parser":
        for corpus in QUICK_CORPORA if quick else shapes.SHAPES:
            for chunks in QUICK_CHUNKS if quick else shapes.CHUNKS:
                yield "parser", (corpus, chunks), False
    elif group == "clients":
        bulk = (40 if quick else 100) * BULK_EVENTS
        for kind in ("blocking", "asyncio"):
            yield "client", (kind, "bulk", urls.events, bulk), False
        yield "client", ("blocking", "paced", urls.events, 1000 if quick else 2000), False
        yield "client", ("asyncio", "paced", urls.events, 5_000 if quick else 20_000), False
    elif group == "claude_clients":
        yield "claude_client", (urls.messages, 50 if quick else 100), True
        yield "claude_command", (urls.short_message,), False
    elif group == "claude_pipeline":
        for kind in ("text", "all events", "tool input", "tool input, snapshots"):
            yield "pipeline", (kind, 1000), False
    elif group == "delta":
        for kind in delta.TEXTS:
            yield "payloads", (kind,), False
    elif group == "partial_json":
        for shape in partial_json.SHAPES:
            yield "fragments", (shape, 1000 if quick else 4000), False
    elif group == "imports":
        for module in ("ssewire", "ssewire.claude", "ssewire.client", "ssewire.aio"):
            yield "imported", (module,), False
    elif group == "memory":
        yield "parser_memory", (), True
        yield "message_memory", (4_000,), True
        for kind in ("blocking", "asyncio"):
            yield "stream_memory", (kind, urls.events, 50), True
        # Traced, streams open slowly.
        yield "claude_stream_memory", (urls.messages, 20), True


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.rows", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer corpora, shorter streams")
    arguments.add_argument("--rows", metavar="GROUP,...", help=", ".join(GROUPS))
    arguments.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    args = arguments.parse_args()
    if args.answer:
        answer(REQUESTS, why=lambda exc: f"{type(exc).__name__}: {exc}")
        return
    groups = args.rows.split(",") if args.rows else list(GROUPS)
    with serving(groups) as urls:
        leg = Leg(sys.executable)
        started = ""
        for request in requests(groups, args.quick, urls):
            if request.implementation != started:
                started = request.implementation
                leg.start(started, seed=0)
            try:
                figures = leg.ask(request.function, request.arguments, request.alone)
            except NoAnswer as exc:
                print(f"{request.title} {request.function}: {exc}")
                continue
            for name, figure in figures.items():
                print(f"{significant(figure):>10}  {request.title}, {name}", flush=True)
        leg.close()


if __name__ == "__main__":
    main()
