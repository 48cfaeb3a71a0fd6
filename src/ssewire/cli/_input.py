# SPDX-License-Identifier: MIT
"""Read a file or standard input as it comes, with a progress bar where one helps.

May import: _checks, _limits, _output, _terminal.
"""

from __future__ import annotations

import argparse
import os
import re
import stat
import sys
import time

from .._checks import excerpt
from .._limits import MAX_EVENT_SIZE
from ._output import standard_input
from ._terminal import control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

# One read: what a pipe holds by default, and small enough to show progress.
_CHUNK = 64 * 1024

# Files that are through before a bar could be read get none.
_BAR_FROM = 8 * 2**20
_BAR_WIDTH = 30
_BAR_EVERY = 0.1  # seconds; a terminal shows no more


def add_max_event_size(parser: argparse.ArgumentParser) -> None:
    """Add the option --max-event-size, which gives what `Parser` takes."""
    parser.add_argument(
        "--max-event-size",
        type=_size,
        default=MAX_EVENT_SIZE,
        metavar="BYTES",
        help="refuse larger events (default: %(default)s; 0: no limit)",
    )


def _size(text: str) -> int | None:
    try:
        size = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number of bytes: {text!r}") from None
    if size < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return size or None


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add the argument FILE, which gives what `read_chunks` takes."""
    parser.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="default: - (standard input)"
    )


def read_chunks(path: str) -> Iterator[bytes]:
    """Yield the bytes of the file `path`, or of standard input for "-", as they arrive.

    Large regular files show a progress bar on stderr when it is a terminal.

    Raises:
        OSError: the file is missing or unreadable; `filename` says which.
    """
    if path == "-":
        # Unbuffered: read() of a buffered stdin waits for all the bytes asked for.
        source = standard_input()
        yield from _read(getattr(source, "raw", source))
        return
    with open(path, "rb", buffering=0) as file:
        try:
            status = os.fstat(file.fileno())
            regular = stat.S_ISREG(status.st_mode)
            if regular and status.st_size >= _BAR_FROM and sys.stderr.isatty():
                yield from _with_bar(_read(file), status.st_size)
            else:
                yield from _read(file)
        except OSError as exc:
            exc.filename = exc.filename or path
            raise


# Bytes kept of a beginning: enough for white space before a document, and to show what it is.
_BEGINNING = 256

# How a stream of events begins, after white space: a comment, or a field that the standard knows.
_STREAM = re.compile(rb":|(?:data|event|id|retry)(?:[:\r\n]|$)")

# What other things begin with, and their names for people.
_OTHERS = (
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"<", "HTML"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


class Seen:
    """What has been read: to say what it was, if there were no events in it."""

    def __init__(self) -> None:
        self._size = 0
        self._beginning = b""
        # An event, or a comment that was asked for, has come of it.
        self.found: bool = False

    def add(self, chunk: bytes) -> None:
        """Note that these bytes were read."""
        self._size += len(chunk)
        if len(self._beginning) < _BEGINNING:
            self._beginning += bytes(chunk[:_BEGINNING])

    def through(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass `chunks` on, and note them."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk

    def nothing(self) -> str | None:
        """Return what to say of bytes that held no events; None if there is nothing to say.

        A stream that begins as one, and then has no events, is a quiet one.
        """
        start = self._beginning.lstrip(b"\xef\xbb\xbf \t\r\n")
        if self.found or self._size == 0 or not start or _STREAM.match(start):
            return None
        names = [name for magic, name in _OTHERS if start.startswith(magic)]
        guess = f"looks like {names[0]}" if names else f"they begin with {excerpt(start)}"
        return f"no events in {self._size} bytes ({guess})"


def flushing(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass `chunks` on, and before each wait for the next let our reader see all so far."""
    for chunk in chunks:
        yield chunk
        sys.stdout.flush()


def _read(file: BinaryIO) -> Iterator[bytes]:
    while True:
        chunk = file.read(_CHUNK)
        if not chunk:
            return
        yield chunk


def _with_bar(chunks: Iterator[bytes], total: int) -> Iterator[bytes]:
    done = 0
    drawn = 0.0
    try:
        for chunk in chunks:
            yield chunk
            done += len(chunk)
            now = time.monotonic()
            if now - drawn >= _BAR_EVERY:
                drawn = now
                share = min(done / total, 1.0) if total else 1.0
                bar = "#" * int(share * _BAR_WIDTH)
                control(sys.stderr, f"\r[{bar:<{_BAR_WIDTH}}] {share:4.0%}")
    finally:
        control(sys.stderr, "\r" + " " * (_BAR_WIDTH + 10) + "\r")
