# SPDX-License-Identifier: MIT
"""Find the command, run it, and end quietly: exit codes are decided here.

0 done; 1 the stream was bad or refused; 2 wrong usage, or a file that cannot
be read or written; 3 the transport failed for good; 130 interrupted; 141 the
reader of our output went away (the codes that a shell shows for SIGINT and
SIGPIPE). It imports the module of the command given, and no other.
May import: _version, errors, parser, _output, _terminal.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from importlib import import_module

from .._version import __version__
from ..errors import ContentTypeError, SSEWireError, StatusError, TransportError
from ..parser import IMPLEMENTATION
from ._output import CommandError, sentence, warn
from ._terminal import PrintableText

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EXIT_BAD_STREAM = 1
EXIT_USAGE = 2
EXIT_TRANSPORT = 3
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

# Command -> module and what `ssewire --help` says of it. Only the module of the
# command given is imported: the network's cost more than all of `parse`.
_COMMANDS = {
    "parse": ("parse", "write the events of a file or of standard input as NDJSON"),
    "tail": ("tail", "follow an event stream, across reconnects"),
    "record": ("record", "write a stream to a file as it comes, with its timing"),
    "claude": ("claude", "ask Claude, and print the answer as it comes"),
    "claude-parse": ("claude_parse", "print the text or message of a recorded Claude stream"),
    "replay": ("replay", "serve recorded streams: a stand-in for the Claude API, for tests"),
    "bench": ("bench", "measure both implementations on this machine"),
    "demo": ("demo", "stream a bundled answer through both clients; no network, no key"),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command named in `argv` (default: the process's arguments); return the exit code."""
    streams = sys.stdout, sys.stderr
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return EXIT_BROKEN_PIPE
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
        sys.stderr = printing(sys.stderr)
        if sys.stdout.isatty():
            sys.stdout = printing(sys.stdout)
        args = _parse(argv)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except CommandError as exc:
        warn(str(exc))
        return EXIT_USAGE
    except SSEWireError as exc:
        warn(sentence(exc))
        refused = isinstance(exc, (StatusError, ContentTypeError))
        transport = isinstance(exc, TransportError) and not refused
        return EXIT_TRANSPORT if transport else EXIT_BAD_STREAM
    except BrokenPipeError:
        raise
    except OSError as exc:
        warn(_sentence(exc))
        if exc.filename is None:
            _drop_output()  # a full disk, perhaps
        return EXIT_USAGE


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ssewire", description="Server-sent events.")
    version = f"ssewire {__version__} ({IMPLEMENTATION})"
    parser.add_argument("--version", action="version", version=version)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    given = argv[0] if argv else None
    for command, (module, summary) in _COMMANDS.items():
        if command == given:
            found: Any = import_module(f"{__package__}.{module}")
            options = subparsers.add_parser(command, **found.PARSER)
            options.set_defaults(run=found.run)
            found.add_options(options)
        else:
            # For the list in --help, and for the names that an error offers.
            subparsers.add_parser(command, help=summary).set_defaults(run=None)
    args = parser.parse_args(argv)
    if args.run is None:
        parser.error("the command comes first")
    return args


def _drop_output() -> None:
    """Send what stdout still holds nowhere: Python flushes it at exit, and would complain then."""
    try:
        stdout = sys.stdout.fileno()
    except (OSError, ValueError):
        return  # something else stands for it, as in tests
    os.dup2(os.open(os.devnull, os.O_WRONLY), stdout)


def _sentence(exc: OSError) -> str:
    reason = exc.strerror or str(exc)
    return f"cannot read {exc.filename}: {reason}" if exc.filename else reason
