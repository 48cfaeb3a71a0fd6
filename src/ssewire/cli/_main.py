# SPDX-License-Identifier: MIT
"""Find the command, run it, and end quietly: which failure is which exit code is decided here.

`_exit` has the table of the codes, `_definition` the commands.
May import: errors, _definition, _exit, _output, _terminal.
"""

from __future__ import annotations

import io
import os
import sys

from ..errors import ContentTypeError, RecordingError, SSEWireError, StatusError, TransportError
from ._definition import parse_arguments
from ._exit import BAD_STREAM, BROKEN_PIPE, INTERRUPTED, TRANSPORT, USAGE
from ._output import CommandError, sentence, warn
from ._terminal import Notices, PrintableText, drop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main(argv: list[str] | None = None) -> int:
    """Run the command named in `argv` (default: the process's arguments); return the exit code."""
    streams = sys.stdout, sys.stderr
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whichever of the two it is; there is nobody to tell.
        drop(sys.stdout)
        drop(sys.stderr)
        return BROKEN_PIPE
    finally:
        sys.stdout, sys.stderr = streams


def _run(argv: list[str]) -> int:
    try:
        # Closed by who started us: what is said goes nowhere, results must not.
        if sys.stderr is None:
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process is
        if sys.stdout is None:
            raise CommandError("standard output is closed")
        # Output is UTF-8 whatever the locale says, as the input is.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        printing: Any = PrintableText
        telling: Any = Notices
        sys.stderr = telling(sys.stderr)
        if sys.stdout.isatty():
            sys.stdout = printing(sys.stdout)
        try:
            args = parse_arguments(argv)
        except SystemExit:
            # After --help, say, to a reader that has gone away.
            sys.stdout.flush()
            sys.stderr.flush()  # else PyPy does at exit, and fails if the disk is full
            raise
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except CommandError as exc:
        warn(str(exc))
        return USAGE
    except SSEWireError as exc:
        warn(sentence(exc))
        if isinstance(exc, RecordingError) and isinstance(exc.__cause__, OSError):
            return USAGE  # the file, not what is in it
        refused = isinstance(exc, (StatusError, ContentTypeError))
        transport = isinstance(exc, TransportError) and not refused
        return TRANSPORT if transport else BAD_STREAM
    except BrokenPipeError:
        raise
    except OSError as exc:
        warn(_sentence(exc))
        if exc.filename is None:
            drop(sys.stdout)  # a full disk, perhaps
        return USAGE


def _sentence(exc: OSError) -> str:
    reason = exc.strerror or str(exc)
    return f"cannot read {exc.filename}: {reason}" if exc.filename else reason
