# SPDX-License-Identifier: MIT
"""What the commands that print events have in common: which of them, how many, as what.

May import: event, _color, _output, _terminal, _values.
"""

from __future__ import annotations

import sys

from ..event import Comment
from ._color import add_color, colored_json, wants_color
from ._output import json_text
from ._terminal import plain_json, unguarded
from ._values import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from ..event import ServerSentEvent


def add_event_options(parser: argparse.ArgumentParser, *, decode: bool = True) -> None:
    """Add -n, --event and --color; and --decode where events come as the stream has them."""
    parser.add_argument(
        "-n", "--count", type=count, metavar="COUNT", help="end after so many events"
    )
    parser.add_argument(
        "--event",
        action="append",
        metavar="NAME",
        help="only events of this type; repeatable",
    )
    if decode:
        parser.add_argument(
            "--decode",
            action="store_true",
            help="JSON objects whose data, where it is JSON, is that JSON and not a string of it",
        )
    add_color(parser)


class Wanted:
    """Which events a command prints, and whether there have been enough of them.

    Comments pass, and are not counted: who did not ask for them gets none.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._names = None if args.event is None else frozenset(args.event)
        # How many are still to come; None: all.
        self._left: int | None = args.count
        # There have been enough.
        self.done: bool = False

    def takes(self, item: ServerSentEvent | Comment) -> bool:
        """Say whether this one is to be printed."""
        return self._names is None or isinstance(item, Comment) or item.event in self._names

    def takes_type(self, name: str) -> bool:
        """Say whether events of this type are to be printed."""
        return self._names is None or name in self._names

    def enough(self, item: object = None) -> bool:
        """Note that `item` was printed; say whether it was the last one that is wanted."""
        if self._left is not None and not isinstance(item, Comment):
            self._left -= 1
            self.done = self._left <= 0
        return self.done


class JSONLines:
    """Write events and comments to standard output, each as one JSON object on a line.

    Args:
        color: the value of --color.
        decode: data that is JSON is written as that JSON, its numbers as they stand there.
    """

    def __init__(self, color: str, *, decode: bool = False) -> None:
        self._decode = decode
        self._colored = wants_color(color)
        # Of JSON nothing can steer a terminal; our own colours are to get through.
        self._out: Any = unguarded(sys.stdout).buffer

    def write(self, item: ServerSentEvent | Comment, **more: object) -> None:
        """Write one item, with the fields `more` at the end of its object."""
        self.write_text(json_text(item, self._decode, **more))

    def write_text(self, text: str) -> None:
        """Write the JSON `text` on a line."""
        text = plain_json(text)
        if self._colored:
            text = colored_json(text)
        self._out.write(f"{text}\n".encode())
