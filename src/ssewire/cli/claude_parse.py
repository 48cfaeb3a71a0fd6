"""`ssewire claude-parse`: a recorded or piped Claude stream to its text, message or events."""

from __future__ import annotations

import argparse
import json
import sys

from ..claude.errors import ClaudeError
from ..claude.stream import MessageStream
from ._claude_output import event_fields, summary
from ._input import read_chunks
from ._output import standard_input

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "claude-parse",
        description="Print the text of a Claude stream as it comes, and why it stopped and its "
        "usage on stderr. Exit code: 0 the message is complete, 1 the stream failed (what had "
        "come is printed), 2 the file cannot be read.",
    )
    parser.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="default: - (standard input)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the final message as JSON")
    form.add_argument(
        "--events",
        action="store_true",
        help="write each event, also those derived from deltas, as one JSON object on a line",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire claude-parse`."""
    if args.file == "-":
        standard_input()  # a closed one is no stream that failed
    with MessageStream(_flushing(read_chunks(args.file))) as stream:
        try:
            if args.events:
                for event in stream:
                    print(json.dumps(event_fields(event), ensure_ascii=False))
            elif args.json:
                print(stream.get_final_message().to_json())
            else:
                for text in stream.text_stream:
                    sys.stdout.write(text)
        except ClaudeError as exc:
            if args.json and exc.partial_message is not None:
                print(exc.partial_message.to_json())
            if isinstance(exc.__cause__, OSError):
                raise exc.__cause__ from None  # it is the file that cannot be read
            raise
        finally:
            if not args.json and not args.events:
                sys.stdout.write("\n")
            sys.stdout.flush()
            message = stream.partial_message
            if message is not None:
                print(summary(message), file=sys.stderr)
    return 0


def _flushing(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass `chunks` on, and before each wait for the next let the reader see all so far."""
    for chunk in chunks:
        yield chunk
        sys.stdout.flush()
