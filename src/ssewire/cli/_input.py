# SPDX-License-Identifier: MIT
"""Read a file or standard input as it comes, with a progress bar where one helps.

May import: _checks, _limits, errors, _exit, _output, _terminal, _values.
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
from ..errors import SSEWireError
from ._exit import BAD_STREAM, USAGE
from ._output import CommandError, sentence, standard_input, warn
from ._terminal import control
from ._values import size_or_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, Callable

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
        type=size_or_none,
        default=MAX_EVENT_SIZE,
        metavar="SIZE",
        help=f"refuse larger events; 4096, 64k, 1M (default: {MAX_EVENT_SIZE // 2**20}M; 0: no "
        "limit)",
    )


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add the arguments FILE, which `each_file` goes through."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="- or none: standard input; each is a stream"
    )


def each_file(paths: list[str], carry_out: Callable[[str, str], int]) -> int:
    """Call `carry_out` with each path, and with what its notices begin with; return the exit code.

    What goes wrong with one of several is told, and the next one is read all the same. The code
    is then the highest.
    """
    if len(paths) < 2:
        return carry_out(paths[0] if paths else "-", "")
    code = 0
    for path in paths:
        prefix = f"{'standard input' if path == '-' else path}: "
        try:
            code = max(code, carry_out(path, prefix))
        except CommandError as exc:
            warn(str(exc))
            code = max(code, USAGE)
        except SSEWireError as exc:
            warn(f"{prefix}{sentence(exc)}")
            code = max(code, BAD_STREAM)
        except OSError as exc:
            if exc.filename != path:
                raise
            warn(f"cannot read {path}: {exc.strerror}")
            code = max(code, USAGE)
    return code


def read_chunks(path: str) -> Iterator[bytes]:
    """Yield the bytes of the file `path`, or of standard input for "-", as they arrive.

    Large regular files show a progress bar on stderr when it is a terminal.

    Raises:
        OSError: the file is missing or unreadable; `filename` says which.
        CommandError: it is a URL, or standard input, which is closed.
    """
    if path.startswith(("http://", "https://")) and not os.path.exists(path):
        raise CommandError(
            "a URL is no file: ssewire tail URL follows it, ssewire record URL -o FILE keeps it"
        )
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

# What other things begin with, their names for people, and what to do about them.
_OTHERS = (
    (b"{", "JSON", 'one document and no stream: was "stream": true asked for?'),
    (b"[", "JSON", "one document and no stream"),
    (b"<", "HTML", "a page and no stream: is it the right address?"),
    (b"\x1f\x8b", "gzip", "unpack it first, as with gzip -dc"),
    (b"\x28\xb5\x2f\xfd", "zstd", "unpack it first, as with zstd -dc"),
    (b"\xfd7zXZ", "xz", "unpack it first, as with xz -dc"),
    (b"BZh", "bzip2", "unpack it first, as with bzip2 -dc"),
    (b"PK\x03\x04", "zip", "unpack it first, as with unzip -p"),
    (b"\xff\xfe", "UTF-16", "make UTF-8 of it first, as with iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "UTF-16", "make UTF-8 of it first, as with iconv -f UTF-16 -t UTF-8"),
)


class Seen:
    """What has been read: to say what it was, if there were no events in it."""

    def __init__(self, name: str = "") -> None:
        # What has no mark of its own at the start is told by the name of its file.
        self._brotli = name.endswith(".br")
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
        for magic, name, advice in _OTHERS:
            if start.startswith(magic):
                return f"no events in {self._size} bytes (looks like {name}); {advice}"
        if self._brotli:
            what = "looks like brotli"
            return f"no events in {self._size} bytes ({what}); unpack it first, as with brotli -dc"
        return f"no events in {self._size} bytes (they begin with {excerpt(start)})"


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
