# SPDX-License-Identifier: MIT
"""The command `ssewire claude-parse`: the text, message or events of a recorded Claude stream.

May import: claude.errors, claude.stream, _claude_output, _input, _output, _terminal.
"""

from __future__ import annotations

import argparse
import sys

from ..claude.errors import ClaudeError, MalformedEvent, StreamTruncated
from ..claude.stream import MessageStream
from ._claude_output import event_line, summary
from ._input import Seen, add_file, flushing, read_chunks
from ._output import standard_input, warn
from ._terminal import plain_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# What argparse is told of the command.
PARSER: dict[str, Any] = {
    "description": "Print the text of a Claude stream as it comes, and why it stopped and its "
    "usage on stderr. Exit code: 0 the message is complete, 1 the stream failed (what had "
    "come is printed), 2 the file cannot be read.",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_file(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the final message as JSON")
    form.add_argument(
        "--events",
        action="store_true",
        help="write each event, also those derived from deltas, as one JSON object on a line",
    )


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire claude-parse`."""
    if args.file == "-":
        standard_input()  # a closed one is no stream that failed
    seen = Seen()
    with MessageStream(flushing(seen.through(read_chunks(args.file)))) as stream:
        try:
            if args.events:
                for event in stream:
                    sys.stdout.write(event_line(event))
            elif args.json:
                print(plain_json(stream.get_final_message().to_json()))
            else:
                for text in stream.text_stream:
                    sys.stdout.write(text)
        except ClaudeError as exc:
            if args.json and exc.partial_message is not None:
                print(plain_json(exc.partial_message.to_json()))
            if isinstance(exc.__cause__, OSError):
                raise exc.__cause__ from None  # it is the file that cannot be read
            nothing = seen.nothing() if isinstance(exc, (MalformedEvent, StreamTruncated)) else None
            if nothing is not None and exc.partial_message is None:
                warn(nothing)
            raise
        finally:
            if not args.json and not args.events:
                sys.stdout.write("\n")
            sys.stdout.flush()
            message = stream.partial_message
            if message is not None:
                print(summary(message), file=sys.stderr)
    return 0
