# SPDX-License-Identifier: MIT
"""The command `ssewire parse`: one JSON object a line for each event, as soon as it is complete.

May import: encoder, event, parser, stream, _input, _main, _output,
_terminal.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from ..encoder import encode
from ..event import Comment, ServerSentEvent
from ..parser import Parser
from ..stream import iter_events
from ._input import Seen, add_file, add_max_event_size, flushing, read_chunks
from ._main import EXIT_BAD_STREAM
from ._output import json_line, warn, warn_of_dropped
from ._terminal import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# What argparse is told of the command.
PARSER: dict[str, Any] = {
    "description": "Write each event as one JSON object on a line of its own, as soon as it is "
    "complete. Exit code: 0 done, 1 an event was too large, or there are no events in what was "
    "read, 2 the file cannot be read.",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_file(parser)
    parser.add_argument("--comments", action="store_true", help="write comments too")
    parser.add_argument(
        "--raw", action="store_true", help="write events in the wire format again, not as JSON"
    )
    parser.add_argument(
        "--stats", action="store_true", help="write counts by type and speed at the end, not events"
    )
    add_max_event_size(parser)


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire parse`."""
    parser = Parser(comments=args.comments, max_event_size=args.max_event_size)
    seen = Seen()
    if args.stats:
        dropped = _write_stats(args.file, parser, seen)
    else:
        dropped = _write_items(args, parser, seen)
    nothing = seen.nothing()
    if nothing is not None:
        warn(nothing)
        return EXIT_BAD_STREAM
    warn_of_dropped(dropped)
    return 0


def _write_items(args: argparse.Namespace, parser: Parser[Any], seen: Seen) -> int:
    """Write the items; return how many bytes the end dropped."""
    write = _Raw().line if args.raw else json_line
    out = sys.stdout.buffer
    with iter_events(flushing(seen.through(read_chunks(args.file))), parser) as events:
        try:
            for item in events:
                seen.found = True
                out.write(write(item))
        finally:
            # What was complete before a failure still reaches the reader.
            out.flush()
    return events.dropped


class _Raw:
    """Events as bytes that parse to the same events in a row: an ID that was reset is reset."""

    def __init__(self) -> None:
        self._last_event_id = ""

    def line(self, item: ServerSentEvent | Comment) -> bytes:
        wire = encode(item, last_event_id=self._last_event_id)
        if isinstance(item, ServerSentEvent):
            self._last_event_id = item.id
        return wire


def _write_stats(path: str, parser: Parser[Any], seen: Seen) -> int:
    types: Counter[str] = Counter()
    size = 0
    parsing = 0.0
    for chunk in seen.through(read_chunks(path)):
        size += len(chunk)
        start = time.perf_counter()
        items = parser.feed(chunk)
        parsing += time.perf_counter() - start
        types.update("(comment)" if isinstance(i, Comment) else i.event for i in items)
    seen.found = bool(types)
    print(f"{'events':>12}  {sum(types.values())}")
    for name, count in types.most_common():
        print(f"{count:>12}  {one_line(name)}")
    rate = size / parsing / 1e6 if parsing else 0.0
    print(f"{'bytes':>12}  {size}")
    print(f"{'seconds':>12}  {parsing:.6f} parsing")
    print(f"{'MB/s':>12}  {rate:.1f}")
    return parser.pending
