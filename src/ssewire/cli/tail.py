# SPDX-License-Identifier: MIT
"""The command `ssewire tail`: follow a stream across reconnects, and with --save-id across runs.

An event counts as handed out once it has been printed and flushed; its ID is
saved after that and before anything else happens. Killed in between, the next
run gets that one event again; none is ever lost.
May import: _http.refusal, client, errors, event, _input, _main, _output,
_request_options, _terminal.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import stat
import sys
import tempfile
import time

from .._http.refusal import EVENT_STREAM
from ..client import EventSource, EventStream, ReconnectPolicy, open_stream
from ..errors import StatusError
from ..event import Comment
from ._input import Seen, add_max_event_size
from ._main import EXIT_BAD_STREAM
from ._output import (
    CommandError,
    Interrupts,
    file_errors,
    json_line,
    refuse_special,
    usage_errors,
    warn,
    warn_of_dropped,
)
from ._request_options import add_request_options, request_arguments
from ._terminal import one_line, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Union

    from ..errors import SSEWireError
    from ..event import Item

    Source = Union[EventSource[Item], EventStream[Item]]

_EPILOG = """\
POST (as with -d) and PATCH are never sent again: there are no reconnects. With
-d and another -X, such as PUT, the body goes out again with each.

exit codes:
  0    no more events: status 204, or the end of a stream that is not reconnected
  1    refused, or a bad stream: status, content type, an event too large; with
       --no-reconnect also one without any events that begins like none
  2    wrong usage, or a file that cannot be read or written
  3    the transport failed for good
  130  interrupted (SIGINT)
  141  the reader of the output went away (SIGPIPE)
"""

# An ID is a header's value in the end, and servers refuse heads of 8 KiB and
# more; a larger file is something else, named by mistake.
_MAX_ID = 64 * 1024

# Of the package's logger: without one, logging writes to stderr what our notices say.
_NO_LOG = logging.NullHandler()


# What argparse is told of the command.
PARSER: dict[str, Any] = {
    "description": "Follow an event stream across reconnects. Print each event as soon as it\n"
    "is complete: its type, two spaces, its data.",
    "epilog": _EPILOG,
    "formatter_class": argparse.RawDescriptionHelpFormatter,
}


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
        type=int,
        metavar="N",
        help="give up after so many failed attempts in a row (default: never)",
    )
    parser.add_argument(
        "--retry-delay",
        type=float,
        default=ReconnectPolicy().initial_delay,
        metavar="S",
        help="seconds until the first reconnect where the server does not say (default: "
        "%(default)g); longer after each failed attempt",
    )
    add_request_options(parser, stall=True)


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire tail`."""
    saved = None if args.save_id is None else _SavedID(args.save_id, args.last_event_id)
    reads = _Reads()
    logging.getLogger("ssewire").addHandler(_NO_LOG)
    out = sys.stdout.buffer
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
                    return EXIT_BAD_STREAM
                if isinstance(source, EventStream):
                    warn_of_dropped(source.dropped)
                return 0
            reads.seen.found = True
            out.write(_form(item, args.json, reads if args.timing else None))
            out.flush()
            if saved is not None:
                saved.save(source.last_event_id)


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


def _form(item: Item, as_json: bool, reads: _Reads | None) -> bytes:
    """Return what is printed of an event or comment; with its timing if `reads` is given."""
    if as_json:
        if reads is None:
            return json_line(item)
        return json_line(
            item, time=round(reads.at, 6), gap=round(reads.gap(), 6), chunk=reads.number
        )
    prefix = ""
    if reads is not None:
        # Cut, not rounded: rounding could make a 60th second.
        clock = time.strftime("%H:%M:%S", time.localtime(reads.at))
        milliseconds = int(reads.at % 1 * 1000)
        prefix = f"{clock}.{milliseconds:03d} {reads.gap():+9.3f} #{reads.number:<4} "
    if isinstance(item, Comment):
        text = f"{prefix}:{printable(item.text)}"
    else:
        text = f"{prefix}{one_line(item.event)}  {printable(item.data)}"
    # What begins a line is an event; the further lines of its data are set in.
    return (text.replace("\n", "\n" + " " * max(len(prefix), 4)) + "\n").encode()


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
        with file_errors("write", self._shown):
            handle, name = tempfile.mkstemp(prefix=".ssewire-", dir=os.path.dirname(self._path))
            try:
                with open(handle, "wb") as file:
                    file.write(self.id.encode("utf-8", "surrogateescape") + b"\n")
                # Whoever could read it before still can.
                with contextlib.suppress(FileNotFoundError):
                    os.chmod(name, stat.S_IMODE(os.stat(self._path).st_mode))
                os.replace(name, self._path)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name)
                raise
