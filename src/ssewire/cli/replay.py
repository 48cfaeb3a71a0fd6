# SPDX-License-Identifier: MIT
"""The command `ssewire replay FILE...`: a stand-in for the Claude API on this machine.

May import: ssewire.replay, _output, _terminal, _values.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from ..replay import EXAMPLES, PACE, Recording, ReplayServer
from ._output import CommandError, standard_input, usage_errors, warn
from ._terminal import one_line
from ._values import count, factor, port, seconds, size, whole

DESCRIPTION = (
    "Serve recorded streams, for tests and demos: a stand-in for the Claude API on this machine. "
    "Its base URL is the first line of the output."
)
NOTES = (
    'POST /v1/messages streams the recordings in turn; without "stream": true it answers with the '
    "final message, at once. Any key will do, none is 401, and what the API would refuse is "
    "refused, unless --loose is given. GET serves the first recording as plain events, with their "
    "numbers as IDs unless they bring their own, and goes on after a Last-Event-ID that it knows; "
    "204 when all has been given. Timing is that of FILE.times, as `ssewire record` writes it, "
    f"else {PACE:g} events a second. An event is what ends in a blank line, also a comment that "
    "stands alone. Requests refused for what they are (no key, bad JSON) do not count for --times. "
    "Ctrl-C is the way to end it."
)
EXITS = (1, 2, 130)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="- is standard input")
    parser.add_argument(
        "--example",
        action="append",
        default=[],
        metavar="NAME",
        help="a recording of the package's own; repeatable",
    )
    parser.add_argument("--examples", action="store_true", help="list them, and end")
    parser.add_argument(
        "--loose", action="store_true", help="take requests that the API would refuse"
    )
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=port, default=0, help="default: a free one")
    parser.add_argument(
        "--speed",
        type=factor,
        default=1.0,
        metavar="X",
        help="times as fast as recorded (default: %(default)g); 0 or inf: as fast as it goes",
    )
    parser.add_argument(
        "--chunk-size",
        type=size,
        metavar="SIZE",
        help="of each write; 100, 4k (default: one event)",
    )
    parser.add_argument(
        "--fault",
        metavar="KIND",
        help="reset, truncate (no last chunk), stall (silence), error:TYPE (an error event) or "
        "status:CODE (instead of the stream)",
    )
    at_help = "after how many events the fault comes (default: 0); -1: before the head"
    parser.add_argument("--at", type=whole, default=0, metavar="N", help=at_help)
    parser.add_argument(
        "--times", type=count, metavar="N", help="only the first N requests meet the fault"
    )
    parser.add_argument(
        "--retry-after",
        type=seconds,
        metavar="TIME",
        help="how long a status:CODE asks to wait; 5, 1.5, 2m",
    )


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire replay`."""
    if args.examples:
        for name, what in EXAMPLES.items():
            print(f"{name:<18} {what}")
        return 0
    if not (args.files or args.example):
        raise CommandError("give a FILE, or --example NAME (--examples lists the names)")
    with usage_errors():
        server = ReplayServer(
            [*map(Recording.example, args.example), *map(_source, args.files)],
            host=args.host,
            port=args.port,
            speed=args.speed,
            chunk_size=args.chunk_size,
            fault=args.fault,
            at=args.at,
            times=args.times,
            retry_after=args.retry_after,
            # Nobody here looks at them.
            remember=0,
            strict=not args.loose,
        )
    asyncio.run(_serve(server, args))
    return 0


def _source(path: str) -> Recording:
    if path == "-":
        return Recording(standard_input().read(), name="standard input")
    if path.startswith(("http://", "https://")) and not os.path.exists(path):
        raise CommandError("a URL is no file; record it first: ssewire record URL -o FILE")
    return Recording.load(path)


async def _serve(server: ReplayServer, args: argparse.Namespace) -> None:
    try:
        await server.start()
    except (OSError, UnicodeError) as exc:
        # The latter is of names that no computer can have.
        reason = (isinstance(exc, OSError) and exc.strerror) or exc
        raise CommandError(f"cannot listen on {args.host} port {args.port}: {reason}") from exc
    try:
        if not server.loopback:
            warn("others can reach this server; it checks no keys and has no limits")
        for recording in server.recordings:
            events = len(recording.events)
            print(
                one_line(f"[{recording.name}: {events} events, {recording.duration:.1f} s]"),
                file=sys.stderr,
            )
        # Last: who reads it may end the command at once.
        print(server.url, flush=True)
        await asyncio.Event().wait()
    finally:
        await server.close()
