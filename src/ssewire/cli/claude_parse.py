# SPDX-License-Identifier: MIT
"""The command `ssewire claude-parse`: the text, message or events of recorded Claude streams.

May import: claude.errors, claude.stream, _claude_output, _events, _exit, _input, _output,
_terminal.
"""

from __future__ import annotations

import argparse
import sys

from ..claude.errors import ClaudeError, MalformedEvent, StreamTruncated
from ..claude.stream import MessageStream
from ._claude_output import event_text, summary
from ._events import JSONLines, Wanted, add_event_options
from ._exit import BAD_STREAM
from ._input import Seen, add_files, each_file, flushing, read_chunks
from ._output import CommandError, standard_input, warn
from ._terminal import one_line

DESCRIPTION = (
    "Print the text of a Claude stream as it comes, and why it stopped and its usage on stderr. "
    "What had come of a stream that failed is printed."
)
NOTES = ""
EXITS = (0, 1, 2, 130, 141)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_files(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the final message as JSON")
    form.add_argument(
        "--events",
        action="store_true",
        help="write each event, also those derived from deltas, as one JSON object on a line; "
        "--event and -n are of these",
    )
    add_event_options(parser, decode=False)


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire claude-parse`."""
    if not args.events and (args.event is not None or args.count is not None):
        raise CommandError("--event and -n choose among events: give --events too")
    wanted = Wanted(args)

    def carry_out(path: str, prefix: str) -> int:
        return 0 if wanted.done else _parse(path, prefix, args, wanted)

    return each_file(args.files, carry_out)


def _parse(path: str, prefix: str, args: argparse.Namespace, wanted: Wanted) -> int:
    if path == "-":
        standard_input()  # a closed one is no stream that failed
    seen = Seen(path)
    lines = JSONLines(args.color)
    with MessageStream(flushing(seen.through(read_chunks(path)))) as stream:
        try:
            if args.events:
                _write_events(stream, lines, wanted)
            elif args.json:
                lines.write_text(stream.get_final_message().to_json())
            else:
                _write_text(stream)
        except ClaudeError as exc:
            if isinstance(exc.__cause__, (OSError, CommandError)):
                raise exc.__cause__ from None  # it is the file that cannot be read
            if args.json and exc.partial_message is not None:
                lines.write_text(exc.partial_message.to_json())
            nothing = seen.nothing() if isinstance(exc, (MalformedEvent, StreamTruncated)) else None
            if nothing is None or exc.partial_message is not None:
                raise
            warn(f"{prefix}{nothing}")
            return BAD_STREAM
        finally:
            sys.stdout.flush()
            message = stream.partial_message
            if message is not None and not wanted.done:
                print(one_line(prefix) + summary(message), file=sys.stderr)
    return 0


def _write_events(stream: MessageStream, lines: JSONLines, wanted: Wanted) -> None:
    for event in stream:
        if wanted.takes_type(event.type):
            lines.write_text(event_text(event))
            if wanted.enough():
                return


def _write_text(stream: MessageStream) -> None:
    written = False
    try:
        for text in stream.text_stream:
            sys.stdout.write(text)
            written = written or bool(text)
    finally:
        if written:
            sys.stdout.write("\n")
