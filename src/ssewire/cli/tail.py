# SPDX-License-Identifier: MIT
"""The command `ssewire tail`: follow a stream across reconnects, and with --save-id across runs.

An event counts as handed out once it has been printed and flushed; its ID is
saved after that and before anything else happens. Killed in between, the next
run gets that one event again; none is ever lost.
May import: _http.refusal, client, errors, event, _color, _events, _exit, _input, _output,
_request_options, _terminal, _values.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time

from .._http.refusal import EVENT_STREAM
from ..client import EventSource, EventStream, ReconnectPolicy, open_stream
from ..errors import StatusError
from ..event import Comment
from ._color import DIM, PLAIN, TYPE, wants_color
from ._events import JSONLines, Wanted, add_event_options
from ._exit import BAD_STREAM
from ._input import Seen, add_max_event_size
from ._output import (
    CommandError,
    Interrupts,
    file_errors,
    refuse_special,
    replace_file,
    usage_errors,
    warn,
    warn_of_dropped,
)
from ._request_options import add_request_options, request_arguments
from ._terminal import one_line, printable, unguarded
from ._values import count, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Union

    from ..errors import SSEWireError
    from ..event import Item

    Source = Union[EventSource[Item], EventStream[Item]]

# An ID is a header's value in the end, and servers refuse heads of 8 KiB and
# more; a larger file is something else, named by mistake.
_MAX_ID = 64 * 1024

# Of the package's logger: without one, logging writes to stderr what our notices say.
_NO_LOG = logging.NullHandler()


DESCRIPTION = (
    "Follow an event stream across reconnects. Print each event as soon as it is complete: its "
    "type, two spaces, its data."
)
NOTES = (
    "POST (as with -d) and PATCH are never sent again: there are no reconnects. With -d and "
    "another -X, such as PUT, the body goes out again with each."
)
EXITS = (0, 1, 2, 3, 130, 141)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--json", action="store_true", help="write each event as one JSON object on a line"
    )
    parser.add_argument(
        "--timing",
        action="store_true",
        help="show when each event arrived, the seconds since the one before, and the number of "
        "the read that completed it",
    )
    parser.add_argument("--comments", action="store_true", help="write comments too")
    add_event_options(parser)
    parser.add_argument(
        "--any", action="store_true", help="take any media type for an event stream, or none"
    )
    add_max_event_size(parser)
    parser.add_argument(
        "--last-event-id",
        default="",
        metavar="ID",
        help="go on after this event; the ID in the file of --save-id wins over it",
    )
    parser.add_argument(
        "--save-id",
        metavar="FILE",
        help="keep the ID of the last event printed in FILE, and go on after it in the next run",
    )
    reconnecting = parser.add_mutually_exclusive_group()
    reconnecting.add_argument(
        "--no-reconnect", action="store_true", help="end with the first connection"
    )
    reconnecting.add_argument(
        "--max-attempts",
        type=count,
        metavar="N",
        help="give up after so many failed attempts in a row (default: never)",
    )
    parser.add_argument(
        "--retry-delay",
        type=seconds,
        default=ReconnectPolicy().initial_delay,
        metavar="TIME",
        help="time until the first reconnect where the server does not say (default: "
        "%(default)g seconds); longer after each failed attempt",
    )
    add_request_options(parser, stall=True)


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire tail`."""
    saved = None if args.save_id is None else _SavedID(args.save_id, args.last_event_id)
    reads = _Reads()
    logging.getLogger("ssewire").addHandler(_NO_LOG)
    wanted = Wanted(args)
    as_json = args.json or args.decode
    lines = JSONLines(args.color, decode=args.decode)
    texts = _Texts(reads if args.timing else None, wants_color(args.color))
    try:
        source = _open(args, args.last_event_id if saved is None else saved.id, reads)
    except StatusError as exc:
        if exc.status == 204:
            return 0
        raise
    with Interrupts() as interrupts, source:
        items: Iterator[Item] = source
        while True:
            item = interrupts.wait(items)
            if item is None:
                nothing = reads.seen.nothing()
                if nothing is not None:
                    warn(nothing)
                    return BAD_STREAM
                if isinstance(source, EventStream):
                    warn_of_dropped(source.dropped)
                return 0
            reads.seen.found = True
            if wanted.takes(item):
                if not as_json:
                    texts.write(item)
                elif args.timing:
                    lines.write(item, **reads.timing())
                else:
                    lines.write(item)
                sys.stdout.flush()
                wanted.enough(item)
            if saved is not None:
                saved.save(source.last_event_id)
            if wanted.done:
                return 0


def _open(args: argparse.Namespace, last_event_id: str, reads: _Reads) -> Source:
    opened: list[EventStream[Item]] = []

    def on_open(stream: EventStream[Item]) -> None:
        opened.append(stream)
        reads.count(stream)

    def on_error(error: SSEWireError, delay: float | None) -> None:
        # There is none where an attempt has failed before that.
        dropped = opened.pop().dropped if opened else 0
        nothing = reads.seen.nothing()
        if nothing is not None:
            warn(nothing)
        else:
            warn_of_dropped(dropped)
        # Of the next connection nothing has been seen.
        reads.seen = Seen()
        # The last one is raised, and told then.
        if delay is not None:
            after = f" after event ID {source.last_event_id!r}" if source.last_event_id else ""
            warn(f"{error}; connecting again in {delay:.1f} s{after}")

    comments: bool = args.comments
    with usage_errors():
        options: dict[str, Any] = {
            **request_arguments(args),
            "last_event_id": last_event_id,
            "max_event_size": args.max_event_size,
            "media_types": None if args.any else EVENT_STREAM,
        }
        if args.no_reconnect:
            stream = open_stream(comments=comments, **options)
            on_open(stream)
            return stream
        policy = ReconnectPolicy(initial_delay=args.retry_delay, max_attempts=args.max_attempts)
        source = EventSource(
            comments=comments, reconnect=policy, on_open=on_open, on_error=on_error, **options
        )
        return source


class _Reads:
    """Number the reads of all connections, and note when the last one was and what it held."""

    def __init__(self) -> None:
        # Of the connection that is open.
        self.seen = Seen()
        self.number = 0
        # As of time.time(), for people.
        self.at = 0.0
        # As of time.monotonic(), for differences.
        self._now = self._before = time.monotonic()

    def count(self, stream: EventStream[Item]) -> None:
        """Count the reads of this stream too."""
        self.seen = Seen()
        stream._pass_chunks_through(lambda chunks: _CountedChunks(self, chunks))

    def note(self, chunk: bytes) -> None:
        """Note that there was a read just now."""
        self.seen.add(chunk)
        self.number += 1
        self.at = time.time()
        self._now = time.monotonic()

    def gap(self) -> float:
        """Return the seconds since the item before arrived; the first's are those of the run."""
        gap = self._now - self._before
        self._before = self._now
        return gap

    def timing(self) -> dict[str, object]:
        """Return the timing of the item at hand, as --json has it."""
        return {"time": round(self.at, 6), "gap": round(self.gap(), 6), "chunk": self.number}


class _CountedChunks:
    def __init__(self, reads: _Reads, chunks: Iterator[Any]) -> None:
        self._reads = reads
        self._chunks = chunks

    def __iter__(self) -> _CountedChunks:
        return self

    def __next__(self) -> Any:
        chunk = next(self._chunks)
        self._reads.note(chunk)
        return chunk


class _Texts:
    """Write items as text, a line for each; with their timing if `reads` is given."""

    def __init__(self, reads: _Reads | None, color: bool) -> None:
        self._reads = reads
        self._dim, self._type, self._plain = (DIM, TYPE, PLAIN) if color else ("", "", "")
        # The text is made printable here; our own colours are to get through.
        self._out: Any = unguarded(sys.stdout).buffer

    def write(self, item: Item) -> None:
        """Write one item to standard output."""
        prefix = ""
        reads = self._reads
        if reads is not None:
            # Cut, not rounded: rounding could make a 60th second.
            clock = time.strftime("%H:%M:%S", time.localtime(reads.at))
            milliseconds = int(reads.at % 1 * 1000)
            prefix = f"{clock}.{milliseconds:03d} {reads.gap():+9.3f} #{reads.number:<4} "
        # What begins a line is an event; the further lines of its data are set in.
        inset = "\n" + " " * max(len(prefix), 4)
        if prefix:
            prefix = f"{self._dim}{prefix}{self._plain}"
        if isinstance(item, Comment):
            text = f"{self._dim}:{printable(item.text)}{self._plain}"
        else:
            name = f"{self._type}{one_line(item.event)}{self._plain}"
            text = f"{name}  {printable(item.data)}"
        text = text.replace("\n", inset)
        self._out.write(f"{prefix}{text}\n".encode())


class _SavedID:
    """The file of --save-id: the ID as it is in UTF-8, and a line feed.

    An empty file holds none, a line feed alone an ID that the server took
    back. The file is replaced as a whole, but not synced: the ID survives
    a killed process, not always a power cut.

    Raises:
        CommandError: the file cannot be read or written, or holds something else.
    """

    def __init__(self, path: str, default: str) -> None:
        # What a link points at is replaced, not the link.
        self._path = os.path.realpath(path)
        self._shown = path
        refuse_special(path)
        self.id = self._load(default)
        if any(char in self.id for char in "\r\n\0"):
            raise CommandError(f"{path} does not hold an event ID")
        # Finds out before the request is made whether it can be.
        self._write()

    def _load(self, default: str) -> str:
        with file_errors("read", self._shown):
            try:
                with open(self._path, "rb") as file:
                    data = file.read(_MAX_ID + 1)
            except FileNotFoundError:
                return default
        if len(data) > _MAX_ID:
            raise CommandError(f"{self._shown} does not hold an event ID")
        if not data:
            return default
        # Other bytes may have come from the command line, and stay as they are.
        text = data.decode("utf-8", "surrogateescape")
        return text[:-1] if text.endswith("\n") else text

    def save(self, last_event_id: str) -> None:
        """Replace the ID in the file, unless it is there already."""
        if last_event_id != self.id:
            self.id = last_event_id
            self._write()

    def _write(self) -> None:
        replace_file(self._path, self.id.encode("utf-8", "surrogateescape") + b"\n", self._shown)
