# SPDX-License-Identifier: MIT
"""The command `ssewire record`: a stream to a file as it comes, and beside it when each piece came.

FILE holds the decoded body, nothing else: `ssewire parse FILE` reads it.
FILE.times is described in `replay/times.py`, which makes its lines.
May import: _http.refusal, client, errors, replay.times, _output, _request_options.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from urllib.parse import urlsplit

from .._http.refusal import ERROR_BODY, ERROR_BODY_PATIENCE, accepted, refusal
from ..client import request
from ..errors import SSEWireError
from ..replay.times import TimesWriter, times_path
from ._output import CommandError, Interrupts, file_errors, refuse_special, usage_errors
from ._request_options import add_request_options, request_arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from ..client import HTTPResponse

DESCRIPTION = (
    "Write the body of one response to a file as it comes, decoded but otherwise as it is, and "
    "beside it when each piece arrived."
)
NOTES = (
    "FILE.times, NDJSON, says when each piece of FILE arrived. Both files are whole whatever ends "
    "the recording; an older recording of that name is lost once the response has been accepted."
)
EXITS = (0, 1, 2, 3, 130)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="where to; FILE.times has the timing"
    )
    parser.add_argument(
        "--any", action="store_true", help="record any response, whatever its status and type"
    )
    add_request_options(parser, stall=False)


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire record`."""
    with usage_errors():
        arguments = request_arguments(args)
    # Before the request: one that cannot be kept might have cost something.
    if args.output == "-":
        raise CommandError("-o needs the name of a file: its timing goes to another beside it")
    recording = _Recording(args.output)
    try:
        with usage_errors():
            response = request(**arguments)
        with response:
            if not args.any:
                _check(response, args.url)
            with Interrupts() as interrupts:
                _record(response, arguments["method"], recording, interrupts)
    finally:
        recording.close()
    return 0


def _check(response: HTTPResponse, asked: str) -> None:
    """Refuse a response that is no event stream, as `open_stream` does.

    Raises:
        StatusError, ContentTypeError: with how the body begins.
    """
    if accepted(response.status, response.headers):
        return
    # An error must not hang on a server that says no and then nothing.
    patience = threading.Timer(ERROR_BODY_PATIENCE, response.close)
    patience.start()
    body = b""
    try:
        for chunk in response.chunks:
            body += bytes(chunk)
            if len(body) >= ERROR_BODY:
                break
    except SSEWireError:
        pass  # The status is the news; what there is of the body will do.
    finally:
        patience.cancel()
    raise refusal(response.status, response.headers, body, asked=asked, url=response.url)


def _record(
    response: HTTPResponse, method: str, recording: _Recording, interrupts: Interrupts
) -> None:
    recording.start(response, method)
    how, error = "interrupted", None
    try:
        while True:
            chunk = interrupts.wait(response.chunks)
            if chunk is None:
                how = "complete"
                return
            recording.add(bytes(chunk))
    except (SSEWireError, CommandError) as exc:
        how, error = "failed", str(exc)
        raise
    finally:
        recording.end(how, error)


class _Recording:
    """The two files of a recording.

    Raises:
        CommandError: one of them cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._paths = (path, times_path(path))
        # Those that were not there; to be removed if nothing is recorded.
        self._made: list[str] = []
        self._files: list[BinaryIO] = []
        # Of the response that is accepted; begun with it.
        self._times = TimesWriter()
        for name in self._paths:
            refuse_special(name)
        try:
            for name in self._paths:
                made = not os.path.exists(name)
                with file_errors("write", name):
                    # Kept as it is until a response is accepted. Unbuffered: each
                    # write is to be seen by who follows the file.
                    self._files.append(open(name, "ab", buffering=0))  # noqa: SIM115
                if made:
                    self._made.append(name)
        except BaseException:
            self.close()
            raise

    def start(self, response: HTTPResponse, method: str) -> None:
        """Begin anew with an accepted response."""
        self._times = TimesWriter()
        self._made = []
        for name, file in zip(self._paths, self._files):
            with file_errors("write", name):
                file.truncate(0)
        url = urlsplit(response.url)._replace(query="", fragment="").geturl()
        content_type = response.headers.get("Content-Type")
        self._write(
            1, self._times.head(method.upper(), url, response.status, content_type, time.time())
        )

    def add(self, chunk: bytes) -> None:
        """Write a piece of the body that has just arrived."""
        seconds = self._times.seconds()
        self._write(0, chunk)
        # Only now: a line never speaks of bytes that are not there.
        self._write(1, self._times.piece(len(chunk), seconds))

    def end(self, how: str, error: str | None = None) -> None:
        """Write how it ended, also to stderr."""
        times = self._times
        seconds = times.seconds()
        self._write(1, times.end(how, seconds, error))
        print(
            f"[{how}: {times.size} bytes in {times.reads} reads, {seconds:.1f} s]", file=sys.stderr
        )

    def close(self) -> None:
        """Close the files; remove them where there were none and nothing was recorded."""
        for file in self._files:
            file.close()
        for name in self._made:
            os.unlink(name)

    def _write(self, which: int, data: bytes) -> None:
        rest = memoryview(data)
        with file_errors("write", self._paths[which]):
            while rest:
                rest = rest[self._files[which].write(rest) :]
