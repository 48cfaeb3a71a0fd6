"""Find the command, run it, and end quietly: exit codes are decided here.

0 done; 1 the stream was bad (too large an event, say); 2 bad usage or a file
that cannot be read; 130 interrupted; 141 the reader of our output went away
(the codes that a shell shows for SIGINT and SIGPIPE).
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from importlib import import_module

from .._version import __version__
from ..errors import SSEWireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

EXIT_BAD_STREAM = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

# Command -> module; only that of the command given is imported, because the
# network's and Claude's cost more than all of `parse`.
_COMMANDS = {
    "parse": "parse",
    "claude-parse": "claude_parse",
    "demo": "demo",
}


def main(argv: list[str] | None = None) -> int:
    """Run the command named in `argv` (default: the process's arguments); return the exit code."""
    parser = argparse.ArgumentParser(prog="ssewire", description="Server-sent events.")
    parser.add_argument("--version", action="version", version=f"ssewire {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    if argv is None:
        argv = sys.argv[1:]
    for module in _modules([argv[0]] if argv and argv[0] in _COMMANDS else _COMMANDS):
        module.add_parser(subparsers)
    args = parser.parse_args(argv)
    # Output is UTF-8 whatever the locale says, as the input is.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except SSEWireError as exc:
        print(f"ssewire: {exc}", file=sys.stderr)
        return EXIT_BAD_STREAM
    except OSError as exc:
        print(f"ssewire: {_sentence(exc)}", file=sys.stderr)
        return EXIT_USAGE


def _modules(commands: Iterable[str]) -> list[Any]:
    return [import_module(f"{__package__}.{_COMMANDS[command]}") for command in commands]


def _sentence(exc: OSError) -> str:
    reason = exc.strerror or str(exc)
    return f"cannot read {exc.filename}: {reason}" if exc.filename else reason
