# SPDX-License-Identifier: MIT
"""The command `ssewire man`: the manual page, made from the commands' definition.

May import: _version, _definition, _exit.
"""

from __future__ import annotations

import argparse
import os
import textwrap
import time

from .._version import __version__
from ._definition import (
    COMMANDS,
    SUMMARY,
    command_parser,
    help_of,
    operands_of,
    options_of,
    value_of,
)
from ._exit import EXIT_CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTION = "Print the manual page of all commands, in roff: ssewire man | man -l -"
NOTES = "To have it as `man ssewire`: ssewire man > ~/.local/share/man/man1/ssewire.1"
EXITS = (0, 2, 141)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: there are none."""


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire man`."""
    print("\n".join(_page()))
    return 0


def _page() -> Iterator[str]:
    # As builds have it that are to give the same bytes again.
    when = time.gmtime(float(os.environ.get("SOURCE_DATE_EPOCH") or time.time()))
    yield f'.TH SSEWIRE 1 "{time.strftime("%Y-%m-%d", when)}" "ssewire {__version__}"'
    yield ".SH NAME"
    yield "ssewire \\- server\\-sent events on the command line"
    yield ".SH SYNOPSIS"
    yield ".B ssewire"
    yield ".I COMMAND"
    yield "[\\fIOPTION\\fR ...]"
    yield ".SH DESCRIPTION"
    yield _text(SUMMARY)
    yield _filled(
        "Results go to standard output, in UTF-8; all else goes to standard error. Each event is "
        "written before the next is waited for."
    )
    yield ".SH COMMANDS"
    for command in COMMANDS:
        yield from _command(command)
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES.items():
        yield from (".TP", f".B {code}", _filled(meaning))


def _command(command: str) -> Iterator[str]:
    parser = command_parser(command)
    yield f".SS {_text(parser.format_usage()[len('usage: ') :].strip())}"
    yield _filled(parser.description or "")
    for action in operands_of(parser):
        yield from (".TP", f".I {_text(str(value_of(action)))}", _filled(help_of(action)))
    for action in options_of(parser):
        value = value_of(action)
        shown = "" if value is None else f" \\fI{_text(value)}\\fR"
        names = (f"\\fB{_text(name)}\\fR" for name in action.option_strings)
        yield from (".TP", ", ".join(names) + shown, _filled(help_of(action)))
    for paragraph in filter(None, parser.notes.split("\n\n")):
        yield ".PP"
        lines = paragraph.split("\n")
        for line in lines:
            yield _filled(line.strip())
            if line is not lines[-1]:
                yield ".br"
    yield from (".PP", f"Exit codes: {', '.join(map(str, parser.exits))}.")


def _filled(text: str) -> str:
    """Return a paragraph of text as roff has it."""
    return "\n".join(map(_text, textwrap.wrap(text, 72, break_on_hyphens=False)))


def _text(text: str) -> str:
    """Return a line of text as roff has it: it is no request, and a hyphen is one to copy."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
