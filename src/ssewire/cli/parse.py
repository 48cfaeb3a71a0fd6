# SPDX-License-Identifier: MIT
"""The command `ssewire parse`: one JSON object a line for each event, as soon as it is complete.

May import: encoder, event, parser, stream, _events, _exit, _input, _output, _terminal.
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
from ._events import JSONLines, Wanted, add_event_options
from ._exit import BAD_STREAM
from ._input import Seen, add_files, add_max_event_size, each_file, flushing, read_chunks
from ._output import CommandError, warn, warn_of_dropped
from ._terminal import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable

    from ..event import Item


DESCRIPTION = "Write each event as one JSON object on a line of its own, as soon as it is complete."
NOTES = ""
EXITS = (0, 1, 2, 130, 141)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_files(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json", action="store_true", help="one JSON object a line: what is done without it, too"
    )
    form.add_argument(
        "--raw", action="store_true", help="write events in the wire format again, not as JSON"
    )
    form.add_argument(
        "--stats", action="store_true", help="write counts by type and speed at the end, not events"
    )
    parser.add_argument("--comments", action="store_true", help="write comments too")
    add_event_options(parser)
    parser.add_argument(
        "-u",
        "--unbuffered",
        action="store_true",
        help="write out each event by itself, not all together that one read brought",
    )
    add_max_event_size(parser)


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire parse`."""
    if args.decode and (args.raw or args.stats):
        raise CommandError(f"--decode makes no sense with --{'raw' if args.raw else 'stats'}")
    wanted = Wanted(args)
    stats = _Stats()
    write = _writer(args)

    def carry_out(path: str, prefix: str) -> int:
        if wanted.done:
            return 0
        parser = Parser(comments=args.comments, max_event_size=args.max_event_size)
        seen = Seen(path)
        chunks = seen.through(read_chunks(path))
        if args.stats:
            dropped = stats.count(chunks, parser, wanted)
            seen.found = stats.any
        else:
            dropped = _write_items(flushing(chunks), parser, seen, wanted, write)
        nothing = seen.nothing()
        if nothing is not None:
            warn(f"{prefix}{nothing}")
            return BAD_STREAM
        warn_of_dropped(dropped, prefix)
        return 0

    code = each_file(args.files, carry_out)
    if args.stats:
        stats.show()
    return code


def _writer(args: argparse.Namespace) -> Callable[[Item], None]:
    """Return what writes one item, as the options say."""
    write = _Raw().write if args.raw else JSONLines(args.color, decode=args.decode).write
    if not args.unbuffered:
        return write

    def write_out(item: Item) -> None:
        write(item)
        sys.stdout.flush()

    return write_out


def _write_items(
    chunks: Iterator[bytes],
    parser: Parser[Any],
    seen: Seen,
    wanted: Wanted,
    write: Callable[[Item], None],
) -> int:
    """Write the items of a stream; return how many bytes its end dropped."""
    with iter_events(chunks, parser) as events:
        try:
            for item in events:
                seen.found = True
                if wanted.takes(item):
                    write(item)
                    if wanted.enough(item):
                        return 0
        finally:
            # What was complete before a failure still reaches the reader.
            sys.stdout.flush()
    return events.dropped


class _Raw:
    """Events as bytes that parse to the same events in a row: an ID that was reset is reset."""

    def __init__(self) -> None:
        self._last_event_id = ""
        self._out = sys.stdout.buffer

    def write(self, item: Item) -> None:
        self._out.write(encode(item, last_event_id=self._last_event_id))
        if isinstance(item, ServerSentEvent):
            self._last_event_id = item.id


class _Stats:
    """How many events of each type there were, of all files, and how fast they were parsed."""

    def __init__(self) -> None:
        # Whether the stream counted last had any event or comment.
        self.any: bool = False
        self._types: Counter[str] = Counter()
        self._size = 0
        self._parsing = 0.0

    def count(self, chunks: Iterator[bytes], parser: Parser[Any], wanted: Wanted) -> int:
        """Count a stream in; return how many bytes its end dropped."""
        self.any = False
        for chunk in chunks:
            self._size += len(chunk)
            start = time.perf_counter()
            items = parser.feed(chunk)
            self._parsing += time.perf_counter() - start
            self.any = self.any or bool(items)
            for item in items:
                if wanted.takes(item):
                    self._types["(comment)" if isinstance(item, Comment) else item.event] += 1
                    if wanted.enough(item):
                        return 0
        return parser.pending

    def show(self) -> None:
        """Write the table to standard output."""
        print(f"{'events':>12}  {sum(self._types.values())}")
        for name, number in self._types.most_common():
            print(f"{number:>12}  {one_line(name)}")
        rate = self._size / self._parsing / 1e6 if self._parsing else 0.0
        print(f"{'bytes':>12}  {self._size}")
        print(f"{'seconds':>12}  {self._parsing:.6f} parsing")
        print(f"{'MB/s':>12}  {rate:.1f}")
